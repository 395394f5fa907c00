"""Preferences for a DS9 of ours, read before anything else: no port to the network, no copies of its own.

From 8.5 on DS9 opens a SAMP hub on a fixed port of all interfaces, and ends or asks where another DS9 has it; every
version opens IRAF's port there; 8.7 saves all pixels every five minutes. No option turns all of it off in all versions,
but their preferences do, which DS9 reads from its HOME before it starts any of that (``docs/ds9-versions.md``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_TEXT: Final = """\
set ::pds9(samp) 0
set ::pds9(samp,hub) 0
set ::pds9(samp,webhub) 0
set ::pds9(autosave) 0
set ::iis(ififo) none
set ::iis(ofifo) none
set ::iis(port) 0
set ::iis(unix) none
"""


def write_preferences(home: Path, title: str) -> None:
    """Write the preferences of a DS9 that will have a HOME of its own.

    Parameters
    ----------
    home : `~pathlib.Path`
        Its HOME, a directory that exists.
    title : `str`
        Its title, after which DS9 8.7 names the file; older ones call it ``.ds9.prf``.

    Raises
    ------
    OSError
        A file cannot be written.
    """
    for name in {".ds9.prf", f".{title}.prf"}:
        path = home / name
        path.touch(mode=0o600)  # DS9 asks before it reads a file that others may write
        path.write_text(_TEXT)
