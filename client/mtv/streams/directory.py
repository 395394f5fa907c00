"""New FITS files of a directory, for `mtv.streams.watching`, and `watch_directory`, which shows them.

A file is whole when it has not changed for a while and its size is a FITS file's. What looks whole and is not, the
daemon refuses to show, and it is tried again. Files are never opened here.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from mtv.arguments import checks, parts
from mtv.display import Display
from mtv.session.connection import Connection
from mtv.streams.watching import EVERY_SECS, OnNote, Watch
from mtv.wire.errors import Error, RequestError, bad_value

SETTLE_SECS: Final = 1.0
MOST_FILES: Final = 100_000

_UNPADDED_SECS: Final = 10.0
"""After so long a file is whole whatever its size: some writers leave the padding out."""
_BLOCK_BYTES: Final = 2880
_FITS: Final = re.compile(r"[^.].*\.fits?(\.gz|\.fz)?", re.IGNORECASE)


class _Stamp(NamedTuple):
    """Properties of a file that change when it does."""

    inode: int
    size: int
    mtime_ns: int


class _Changed(NamedTuple):
    """A file that changed, and since when it has been the same."""

    stamp: _Stamp
    since: float


class Files:
    """FITS files of a directory. Implements `mtv.streams.watching.Arrivals`.

    Parameters
    ----------
    directory : `~pathlib.Path`
    display : `Display`
    hdu : `int` or `str`, optional
        What is shown of each.
    settle_secs : `float`
        How long a file must have been the same.
    """

    def __init__(self, directory: Path, display: Display, *, hdu: int | str | None, settle_secs: float) -> None:
        self._directory, self._display = directory, display
        self._part: parts.Part = {} if hdu is None else {"hdu": hdu}
        self._settle_secs = settle_secs
        self._told: dict[str, _Stamp] | None = None
        """Files that were there when the watch began, or were told since."""
        self._changed: dict[str, _Changed] = {}

    def look(self) -> Sequence[Path]:
        """Return files that are new, or changed, and whole; by the time of their last change."""
        found, now = self._find(), time.monotonic()
        if self._told is None:
            self._told = found
            return []
        self._told = {name: stamp for name, stamp in self._told.items() if name in found}
        changed = {name: stamp for name, stamp in found.items() if self._told.get(name) != stamp}
        self._changed = {name: _since(self._changed.get(name), stamp, now) for name, stamp in changed.items()}
        whole = [name for name, one in self._changed.items() if self._is_whole(name, one, now)]
        for name in whole:
            self._told[name] = self._changed.pop(name).stamp
        whole.sort(key=lambda name: (found[name].mtime_ns, name))
        return [self._directory / name for name in whole]

    def show(self, item: Path) -> None:
        """Show a file."""
        self._display.mtv(item, **self._part)

    def follow(self, item: Path) -> bool:
        """Nothing goes with a file."""
        raise NotImplementedError(item)

    def _find(self) -> dict[str, _Stamp]:
        found: dict[str, _Stamp] = {}
        try:
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    stamp = _stamp(entry) if _FITS.fullmatch(entry.name) else None
                    if stamp is not None:
                        found[entry.name] = stamp
                    if len(found) > MOST_FILES:
                        raise bad_value(
                            "directory", f"there are more than {MOST_FILES} FITS files in it", "watch a smaller one"
                        )
        except OSError as error:
            self._told = self._told or {}  # where it is not there yet, all files in it will be new
            message = f"{self._directory} cannot be read: {error.strerror}"
            raise RequestError(Error(code="not_found", message=message, where="directory")) from None
        return found

    def _is_whole(self, name: str, file: _Changed, now: float) -> bool:
        same_secs = now - file.since
        sized = name.lower().endswith(".gz") or file.stamp.size % _BLOCK_BYTES == 0
        settled = same_secs >= self._settle_secs and same_secs > 0
        return file.stamp.size > 0 and settled and (sized or same_secs >= _UNPADDED_SECS)


def watch_directory(
    directory: str | os.PathLike[str],
    *,
    display: int | str = 0,
    hdu: int | str | None = None,
    settle_secs: float = SETTLE_SECS,
    every_secs: float = EVERY_SECS,
    timeout_secs: float | None = None,
    limit: int | None = None,
    on_note: OnNote | None = None,
    connection: Connection | None = None,
) -> Watch[Path]:
    """Show each new or changed FITS file of a directory once it is whole; of several the newest.

    ``for path in mtv.watch_directory("/data/tonight"): ...`` runs once for each file that was shown. Names end in
    ``.fits`` or ``.fit``, perhaps with ``.gz`` or ``.fz``; those that begin with a dot do not count, nor do
    directories inside.

    Parameters
    ----------
    directory : `str` or path
        It may come later.
    display : `int` or `str`, optional
        Display that shows them; its stretch, zoom and pan stay.
    hdu : `int` or `str`, optional
        HDU that is shown: its number from 0, or its name.
    settle_secs : `float`, optional
        A file is whole when it has not changed for so long, two looks at least, and has the size of a FITS file.
    every_secs : `float`, optional
        Pause between looks; longer where looking takes more than a tenth of it.
    timeout_secs, limit : optional
        The iteration ends when nothing was shown for so long; when so many were shown.
    on_note : callable, optional
        Called with sentences for people, which are logged where it is not given.
    connection : `Connection`, optional
        The process's own where not given. The daemon must see the same files.

    Returns
    -------
    watch : `~mtv.streams.watching.Watch` [`~pathlib.Path`]
        An iterator; also a context manager, and ``counts`` tells what was seen, shown, passed over and failed.

    Raises
    ------
    RequestError
        ``bad_value`` naming the argument; also where ``directory`` is a file.
    Unavailable
        There is no daemon. One that goes later is waited for.
    """
    settle = checks.finite("settle_secs", settle_secs)
    watched = Path(directory).expanduser().absolute()
    if watched.is_file():
        raise bad_value("directory", f"{watched} is a file", f"watch {watched.parent}, or show the file")
    shown = Display(display, connection=connection)
    _ = shown.connection.welcome  # before the directory is waited for, which may not be there yet either
    files = Files(watched, shown, hdu=hdu, settle_secs=settle)
    return Watch(files, every_secs=every_secs, timeout_secs=timeout_secs, limit=limit, on_note=on_note)


def _stamp(entry: os.DirEntry[str]) -> _Stamp | None:
    try:
        status = entry.stat()
        return _Stamp(status.st_ino, status.st_size, status.st_mtime_ns) if entry.is_file() else None
    except OSError:  # it has gone meanwhile, or is a link to nothing
        return None


def _since(before: _Changed | None, stamp: _Stamp, now: float) -> _Changed:
    return before if before is not None and before.stamp == stamp else _Changed(stamp, now)
