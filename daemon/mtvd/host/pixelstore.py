"""The pixel directory: files that clients write, DS9 maps, and nobody truncates.

Every file has a random name and belongs to one owner at a time; the store counts bytes against its budget. Files are
removed by unlinking, which leaves DS9's own mapping intact.

No method raises an `OSError`, but for those that say so. What the system refuses is a `DaemonError` for who wants a
file; what only tidies (`PixelStore.remove`, ``recycle``, ``trim``, ``sweep`` ...) never raises it: that is logged once,
and what could not be removed is tried again by ``trim``.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mtv.shared import freefiles
from mtv.wire.errors import DaemonError, Error, RequestError
from mtvd.host.allocating import Allocator, allocate, grow, storage_full
from mtvd.host.pixel_directory import PixelDirectory, Usage
from mtvd.host.pixel_names import Ownership, check_name, is_held, is_live_slot, new_name, new_name_like
from mtvd.host.sweeping import Sweeper
from mtvd.host.system import error_of, translate_refusals

__all__ = ["PixelStore", "Usage", "allocate", "grow", "is_held", "is_live_slot", "new_name", "storage_full"]

_LOG = logging.getLogger(__name__)


class PixelStore:
    """The daemon's view of the pixel directory.

    Parameters
    ----------
    directory : `~pathlib.Path`
        Made with mode 0700 where it does not exist; refused where others may enter it.
    budget_bytes : `int`
        All files together.
    on_made_again : callable, optional
        Called when the directory was removed and is made again, for whoever has locked it.

    Raises
    ------
    OSError
        The directory cannot be made, or is not ours alone.
    """

    def __init__(self, directory: Path, budget_bytes: int, *, on_made_again: Callable[[], None] = lambda: None) -> None:
        self.directory = directory
        self._on_made_again = on_made_again
        self._files = PixelDirectory(directory, budget_bytes, self._tell_made_again)
        self._owned = Ownership()
        self._sweeper = Sweeper(self._files, self._owned)
        self._allocator = Allocator(self._files, self._sweeper)
        self.on_loans_ended: Callable[[set[str]], None] = lambda _: None
        """Told the names of files that are their writer's no more, for whoever has them mapped."""

    @property
    def budget_bytes(self) -> int:
        """Bytes that all files together may have."""
        return self._files.budget_bytes

    def _tell_made_again(self) -> None:
        self._on_made_again()
        _LOG.error(
            "the pixel directory was removed and is made again; %d files that were in use are gone: a window shows "
            "what it has mapped, a new one shows those displays without their images",
            len(self._owned.claimed),
        )

    def path(self, name: str, where: str = "file") -> Path:
        """Return the path of a file by name.

        Raises
        ------
        RequestError
            ``bad_value`` for anything that is not the name of a pixel file; so no path leaves the directory.
        """
        check_name(name, where)
        return self.directory / name

    # Whose a file is

    def claim(self, name: str, where: str = "file", *, again: bool = False) -> str:
        """Take a file over from its writer; it is ours until it is removed.

        Parameters
        ----------
        name : `str`
            Name of the file.
        where : `str`
            Field of the request that has it.
        again : `bool`
            True where it may be ours already.

        Returns
        -------
        name : `str`
            The same.

        Raises
        ------
        RequestError
            ``bad_value`` for no name of a pixel file, or for one that is free or has been claimed by another request.
        """
        check_name(name, where)
        self._owned.claim(name, where, again=again)
        self._sweeper.spare(name)
        return name

    def lend(self, names: Iterable[str]) -> None:
        """Leave files to a writer that writes them over again and again: nothing removes them before `take_back`.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``slots``, for anything that is no name of such a file.
        """
        self._owned.lend(names)

    def is_lent(self, name: str) -> bool:
        """Tell whether a file is its writer's."""
        return name in self._owned.lent

    def take_back(self, names: Iterable[str], keep: Iterable[str]) -> None:
        """End the loan of files; those that nobody needs any more are unlinked."""
        ended = self._owned.end_loan(names)
        self.on_loans_ended(ended)
        self.remove(ended - set(keep))

    # Files that there are

    def check(self, name: str, size: int, where: str = "file") -> Path:
        """Return the path of a regular file of at least ``size`` bytes, ours alone.

        Raises
        ------
        RequestError
            ``bad_value`` where it is missing, short, a link, or somebody else's.
        DaemonError
            The system does not tell.
        """
        path = self.path(name, where)
        try:
            status = path.lstat()
        except FileNotFoundError:
            raise _not_there(where) from None
        except OSError as error:
            raise error_of(error, "the pixel file cannot be looked at") from error
        _check_status(status, size, where)
        return path

    def size_of(self, name: str) -> int:
        """Return the bytes of a regular file of ours; raises as `check`."""
        with self.open_file(name) as file, translate_refusals("the pixel file cannot be looked at"):
            return os.fstat(file.fileno()).st_size

    def open_file(self, name: str, size: int = 0, where: str = "file", *, writable: bool = False) -> BinaryIO:
        """Open a regular file of at least ``size`` bytes, ours alone; what is opened is what was checked.

        Parameters
        ----------
        name : `str`
            Of a pixel file.
        size : `int`
            Bytes that it must have.
        where : `str`
            Field of the request that names it.
        writable : `bool`
            True for writing as well.

        Returns
        -------
        file : `~typing.BinaryIO`
            For the caller to close.

        Raises
        ------
        RequestError
            As `check`.
        DaemonError
            As `check`.
        """
        path = self.path(name, where)
        # O_NONBLOCK: to open a FIFO would wait for its other end.
        flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            raise _not_there(where) from None
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR}:
                raise _not_ours(size, where) from None
            raise error_of(error, "the pixel file cannot be opened") from error
        try:
            with translate_refusals("the pixel file cannot be looked at"):
                _check_status(os.fstat(descriptor), size, where)
        except BaseException:
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "r+b" if writable else "rb")

    # Files that are made

    def create(self, kind: str, size: int, suffix: str = "fits") -> tuple[str, int]:
        """Reserve a new file within the budget; return its name and descriptor, open for reading and writing.

        Others may create files meanwhile, in threads and in other processes: all that are kept stay within the budget.

        Raises
        ------
        DaemonError
            ``storage_full``, or what the system refuses; nothing is left behind.
        """
        name = new_name(kind, suffix)
        descriptor = self._allocator.create(name, size)
        self._owned.claimed.add(name)
        return name, descriptor

    def reuse(self, kind: str, size: int, suffix: str = "fits") -> tuple[str, int] | None:
        """Take a free file of exactly a size, or return None; its bytes are those of its last use.

        Raises
        ------
        DaemonError
            It cannot be opened.
        """
        name = new_name(kind, suffix)
        try:
            if not freefiles.take(self.directory / name, size):
                return None
        except OSError:  # to use one again is only quicker: whoever makes a new one will be told what is wrong
            return None
        self._owned.claimed.add(name)
        try:
            with translate_refusals("a pixel file cannot be opened"):
                return name, os.open(self.directory / name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except DaemonError:
            self.remove([name])
            raise

    @contextmanager
    def filling(self, name: str, descriptor: int) -> Iterator[BinaryIO]:
        """Have a file of ours that is being written as a file object; it is removed where that fails.

        Parameters
        ----------
        name, descriptor : `str`, `int`
            As `create` or `reuse` return them; the descriptor is closed in any case.

        Raises
        ------
        DaemonError
            What the system refuses.
        """
        try:
            with translate_refusals("a pixel file cannot be written"), os.fdopen(descriptor, "r+b") as file:
                yield file
        except BaseException:
            self.remove([name])
            raise

    def copy(self, name: str, copy: str) -> None:
        """Copy a pixel file under a new name, within the budget; nothing is left of a copy that fails.

        The copy is its reader's, not ours: it is swept where that never comes.

        Raises
        ------
        RequestError
            ``bad_value``, as `check`.
        DaemonError
            ``storage_full``, or what the system refuses.
        """
        path = self.path(copy)
        with self.open_file(name) as old:
            descriptor = self._allocator.create(path.name, os.fstat(old.fileno()).st_size)
            with self.filling(copy, descriptor) as new:
                shutil.copyfileobj(old, new, 1 << 22)

    def link(self, name: str) -> str:
        """Return a second name for a pixel file, ours; its bytes live until both names are removed.

        Raises
        ------
        FileNotFoundError
            The file is gone.
        DaemonError
            What else the system refuses.
        """
        second = new_name_like(name)
        self._name_anew(os.link, name, second)
        return second

    def adopt(self, name: str, kind: str = "") -> str:
        """Give a file a name that says it is ours, and of what kind, and return it; raises as `link`."""
        ours = new_name_like(name, kind)
        self._name_anew(os.rename, name, ours)
        return ours

    def _name_anew(self, how: Callable[[Path, Path], None], name: str, new: str) -> None:
        try:
            how(self.path(name), self.path(new))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise error_of(error, "a pixel file cannot be named anew") from error
        self._owned.claimed.add(new)

    # What there is

    def names(self) -> tuple[str, ...]:
        """Return the names of all pixel files there are.

        Raises
        ------
        DaemonError
            The directory cannot be read.
        """
        return self._files.names()

    def present(self, names: Iterable[str]) -> set[str]:
        """Return those of the files that are there; one that the system does not tell of is not called gone."""
        return self._files.present(names)

    def used_bytes(self) -> int:
        """Return the bytes of all pixel files, those of several names counted once; raises as `names`."""
        return self._files.used_bytes()

    def usage(self) -> Usage:
        """Return what there is and what is left, in one pass over the directory; raises as `names`."""
        return self._files.usage()

    def room_bytes(self) -> int:
        """Return the bytes left: of the budget, or of the file system where that is less; raises as `names`."""
        return self._files.room_bytes()

    def hold_budget(self) -> None:
        """Refuse what clients have written beyond the budget; free files go first.

        Raises
        ------
        DaemonError
            ``storage_full``.
        """
        self._allocator.hold_budget()

    # Files that go

    def remove(self, names: Iterable[str]) -> None:
        """Unlink files, but for those that are lent; those already gone are no error."""
        self._sweeper.remove(names)

    def remove_written_by(self, pid: int) -> None:
        """Unlink what a process has left that has ended."""
        self._sweeper.remove_written_by(pid)

    def remove_all(self) -> None:
        """Unlink all pixel files, and the directory where nothing else is in it."""
        self._sweeper.remove_all()

    def recycle(self, names: Iterable[str]) -> None:
        """Let files go that nothing maps any more: free for the next of their size, as far as there is space."""
        self._sweeper.recycle(names)

    def trim(self) -> None:
        """Unlink the free files that were free already when this was last called, and what could not be unlinked."""
        self._sweeper.trim()

    def sweep(self, keep: Iterable[str]) -> int:
        """Unlink files that nobody keeps and whose writer is gone; return how many."""
        return self._sweeper.sweep(keep)

    def sweep_orphans(self, keep: Iterable[str]) -> int:
        """Unlink what crashed clients have left, while others write; return how many, as `Sweeper.sweep_orphans`."""
        return self._sweeper.sweep_orphans(keep)


def _not_there(where: str) -> RequestError:
    return RequestError(
        Error(code="bad_value", message="the pixel file is gone", where=where, hint="send the image again")
    )


def _not_ours(size: int, where: str) -> RequestError:
    return RequestError(Error(code="bad_value", message=f"the pixel file holds no {size} bytes of ours", where=where))


def _check_status(status: os.stat_result, size: int, where: str) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid() or status.st_size < size:
        raise _not_ours(size, where)
