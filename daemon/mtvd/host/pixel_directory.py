"""The directory of the pixel files: made, made again where somebody removed it, read, and counted."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from mtvd.host.pixel_names import NAME, check_name
from mtvd.host.system import Troubles, error_of, translate_refusals

_LOG = logging.getLogger(__name__)


class Usage(NamedTuple):
    """Contents of a pixel directory."""

    files: int
    bytes: int
    """Size of all files, those of several names counted once."""
    room_bytes: int
    """Bytes that are left: of the budget, or of the file system where that is less."""


class PixelDirectory:
    """A directory that belongs to one user alone.

    Parameters
    ----------
    path : `~pathlib.Path`
        Made with mode 0700 where it does not exist; refused where others may enter it.
    budget_bytes : `int`
        All files together.
    on_made_again : callable
        Called when the directory was removed and is made again.

    Raises
    ------
    OSError
        The directory cannot be made, or is not ours alone.
    """

    def __init__(self, path: Path, budget_bytes: int, on_made_again: Callable[[], None]) -> None:
        self.path = path
        self.budget_bytes = budget_bytes
        self._on_made_again = on_made_again
        self._troubles = Troubles(_LOG)
        self._make()

    def _make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.path.stat()
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise PermissionError(errno.EPERM, f"{self.path} must belong to you alone (mode 0700)")

    def make_again(self) -> None:
        """Make a directory that somebody has removed: a log-out does that to ``$XDG_RUNTIME_DIR``.

        Raises
        ------
        OSError
            As the directory itself.
        """
        self._make()
        self._on_made_again()

    def names(self) -> tuple[str, ...]:
        """Return the names of all pixel files there are.

        Raises
        ------
        DaemonError
            The directory cannot be read.
        """
        return tuple(entry.name for entry in self._entries() if NAME.fullmatch(entry.name))

    def present(self, names: Iterable[str]) -> set[str]:
        """Return those of the files that are there; one that the system does not tell of is not called gone."""
        return {name for name in names if not self._is_gone(name)}

    def _is_gone(self, name: str) -> bool:
        check_name(name, "file")
        try:
            (self.path / name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            self._troubles.note("looking at pixel files", error)
        return False

    def used_bytes(self) -> int:
        """Return the bytes of all pixel files, those of several names counted once; raises as `names`."""
        sizes: dict[int, int] = {}
        for entry in self._entries():
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # a client removed it meanwhile
                continue
            except OSError as error:
                raise error_of(error, "the pixel directory cannot be read") from error
            sizes[status.st_ino] = status.st_size
        return sum(sizes.values())

    def usage(self) -> Usage:
        """Return what there is and what is left, in one pass over the directory; raises as `names`."""
        files = 0
        sizes: dict[int, int] = {}
        for entry in self._entries():
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:  # a client removed it meanwhile
                continue
            files += NAME.fullmatch(entry.name) is not None
            sizes[status.st_ino] = status.st_size
        used = sum(sizes.values())
        return Usage(files, used, self._room_beside(used))

    def room_bytes(self) -> int:
        """Return the bytes left: of the budget, or of the file system where that is less; raises as `names`."""
        return self._room_beside(self.used_bytes())

    def _room_beside(self, used_bytes: int) -> int:
        with translate_refusals("the pixel directory cannot be read"):
            free = shutil.disk_usage(self.path).free
        return max(0, min(self.budget_bytes - used_bytes, free))

    def _entries(self) -> list[os.DirEntry[str]]:
        with translate_refusals("the pixel directory cannot be read"):
            try:
                return self._scan()
            except FileNotFoundError:
                self.make_again()
                return self._scan()

    def _scan(self) -> list[os.DirEntry[str]]:
        with os.scandir(self.path) as found:
            return list(found)
