"""Tidying of the pixel directory: files that nobody needs are made free or unlinked, those of dead clients too.

Nothing here raises what the system refuses: that is logged once, and what could not be removed is tried again by
`Sweeper.trim`.
"""

from __future__ import annotations

import logging
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from mtv.shared import freefiles
from mtv.wire.errors import DaemonError
from mtvd.host.pixel_directory import PixelDirectory
from mtvd.host.pixel_names import Ownership, check_name, free_bytes, is_free, is_held, is_slot
from mtvd.host.system import Troubles

_LOG = logging.getLogger(__name__)

FREE_BYTES: Final = 256 << 20
"""Free files together: two full exposures with all that is made of them."""

_COPY_SECS: Final = 600.0
"""Clients map a copy as soon as they hear of it."""


class Sweeper:
    """Removes files, at once or when their time has come.

    Parameters
    ----------
    directory : `PixelDirectory`
        Where they are.
    ownership : `Ownership`
        Files that are lent are never removed; whatever is removed is no longer claimed.
    """

    def __init__(self, directory: PixelDirectory, ownership: Ownership) -> None:
        self._directory = directory
        self._owned = ownership
        self._idle: set[str] = set()
        self._orphans: set[str] = set()
        self._undead: set[str] = set()
        """Files that could not be removed."""
        self._troubles = Troubles(_LOG)

    def remove(self, names: Iterable[str]) -> None:
        """Unlink files, but for those that are lent; those already gone are no error."""
        for name in set(names) - self._owned.lent:
            self._owned.claimed.discard(name)
            check_name(name, "file")
            try:
                (self._directory.path / name).unlink(missing_ok=True)
            except OSError as error:
                self._undead.add(name)
                self._troubles.note("removing pixel files", error)
            else:
                self.spare(name)
                if not self._undead:
                    self._troubles.over("removing pixel files")

    def spare(self, name: str) -> None:
        """Do not try again to remove a file: it is gone, or somebody needs it now."""
        self._undead.discard(name)

    def remove_free(self) -> None:
        """Unlink all free files.

        Raises
        ------
        DaemonError
            The directory cannot be read.
        """
        self.remove(self._free())

    def remove_written_by(self, pid: int) -> None:
        """Unlink what a process has left that has ended."""
        self._remove_where("removing what a process has left", lambda name: name.split("-")[1] == str(pid))

    def remove_all(self) -> None:
        """Unlink all pixel files, and the directory where nothing else is in it."""
        self._owned.lent.clear()
        self._remove_where("removing all pixel files", lambda _name: True)
        with suppress(OSError):  # somebody else's file is in it
            self._directory.path.rmdir()

    def _remove_where(self, part: str, chosen: Callable[[str], bool]) -> int:
        try:
            gone = [name for name in self._directory.names() if chosen(name)]
        except DaemonError as error:
            self._troubles.note(part, error)
            return 0
        self._troubles.over(part)
        self.remove(gone)
        return len(gone)

    # Free files

    def recycle(self, names: Iterable[str]) -> None:
        """Let files go that nothing maps any more: free for the next of their size, as far as there is space."""
        names = set(names) - self._owned.lent
        if not names:
            return
        try:
            left_bytes = min(FREE_BYTES, self._directory.budget_bytes // 4) - sum(map(free_bytes, self._free()))
        except DaemonError as error:
            self._troubles.note("looking for free pixel files", error)
            left_bytes = 0
        for name in names:
            left_bytes -= self._let_go(name, left_bytes)

    def _let_go(self, name: str, left_bytes: int) -> int:
        """Make a file free where there is space for it, else remove it; return the bytes that are free by that."""
        self._owned.claimed.discard(name)
        check_name(name, "file")
        path = self._directory.path / name
        try:
            status = path.lstat()
            # Bytes that have a second name are somebody's still; a feed's files may be mapped by their writer.
            ours = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and not is_slot(name)
            if ours and freefiles.LEAST_BYTES <= status.st_size <= left_bytes:
                path.rename(path.with_name(freefiles.new_name(status.st_size, name.rpartition(".")[2])))
                return status.st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            self._troubles.note("keeping free pixel files", error)
        self.remove([name])
        return 0

    def trim(self) -> None:
        """Unlink the free files that were free already when this was last called, and what could not be unlinked."""
        self.remove(tuple(self._undead))
        try:
            free = set(self._free())
        except DaemonError as error:
            self._troubles.note("looking for free pixel files", error)
            return
        self._troubles.over("looking for free pixel files")
        self.remove(free & self._idle)
        self._idle = free - self._idle

    def _free(self) -> list[str]:
        return [name for name in self._directory.names() if is_free(name)]

    # What others have left

    def sweep(self, keep: Iterable[str]) -> int:
        """Unlink files that nobody keeps and whose writer is gone; return how many."""
        kept = set(keep)
        return self._remove_where("sweeping", lambda name: name not in kept and not is_held(name))

    def sweep_orphans(self, keep: Iterable[str]) -> int:
        """Unlink what crashed clients have left, while others write; return how many.

        A file goes that nobody keeps or has ever claimed, and whose writer was gone already when this was last called:
        a client's last words may still be on their way. So does a copy that was made for a client and not fetched.
        """
        kept = {*keep, *self._owned.claimed}
        try:
            names = self._directory.names()
        except DaemonError as error:
            self._troubles.note("looking for what clients have left", error)
            return 0
        self._troubles.over("looking for what clients have left")
        lonely = {name for name in names if name not in kept and not is_free(name)}
        orphans = {name for name in lonely if not is_held(name)}
        gone = (orphans & self._orphans) | {name for name in lonely if self._is_forgotten_copy(name)}
        self._orphans = orphans - gone
        self.remove(gone)
        return len(gone)

    def _is_forgotten_copy(self, name: str) -> bool:
        try:
            return name.startswith("out-") and time.time() - (self._directory.path / name).lstat().st_mtime > _COPY_SECS
        except OSError:  # mostly: its client has unlinked it
            return False
