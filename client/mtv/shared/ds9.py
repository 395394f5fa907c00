"""Which DS9 are tested. The one list; `docs/ds9-versions.md` says what differs, and ``make versions`` runs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

TESTED: Final = ("8.4.1", "8.5", "8.6", "8.7")
_LIBRARY: Final = re.compile(r"(/[\w./-]+)\}?/library/ds9\.tcl")
_SET: Final = r"set ds9\({}\) \{{?([\w.]+)"
_SCRIPT_BYTES: Final = 4_096


def describe_version(version: str) -> str:
    """Return what people should know of a version of DS9.

    Parameters
    ----------
    version : `str`
        As DS9 says it; empty where that is not known.

    Returns
    -------
    words : `str`
        ``DS9 8.5``, with what is tested where it is not; empty for an empty version.
    """
    if not version or version in TESTED:
        return f"DS9 {version}".strip() if version else ""
    return f"DS9 {version}, which is not tested (tested: {', '.join(TESTED)})"


def find_version(command: Path) -> str:
    """Return the version of a DS9 that does not run, from its own Tcl, where its command is a script that names it.

    Parameters
    ----------
    command : `~pathlib.Path`
        What starts it, as the distributions' packages have it.

    Returns
    -------
    version : `str`
        Empty where it cannot be told without starting it.
    """
    try:
        with command.open("rb") as file:
            script = file.read(_SCRIPT_BYTES).decode(errors="replace")
        found = _LIBRARY.search(script) if script.startswith("#!") else None
        text = Path(f"{found[1]}/library/ds9.tcl").read_text(errors="replace") if found else ""
    except OSError:
        return ""
    for name in ("version,display", "version"):
        if match := re.search(_SET.format(name), text):
            return match[1]
    return ""
