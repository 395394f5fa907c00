"""The pixel directory: files that clients write, DS9 maps, and nobody truncates.

Every file has a random name and belongs to one owner at a time; the store counts bytes against its budget. Files are
``posix_fallocate``d before use, because a write into a hole of a full tmpfs kills the writer with SIGBUS
(ds9 facts, section 4), and are removed by unlinking, which leaves DS9's own mapping intact.

No method raises an `OSError`, but for those that say so. What the system refuses is a `DaemonError` for who wants a
file; what only tidies (`PixelStore.remove`, ``recycle``, ``trim``, ``sweep`` ...) never raises it: that is logged once,
and what could not be removed is tried again by ``trim``.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from mtv.shared import freefiles
from mtv.wire.errors import DaemonError, Error, RequestError
from mtvd.host.system import NO_ROOM, Troubles, error_of, told

_LOG = logging.getLogger(__name__)

NAME: Final = re.compile(r"[a-z]{1,8}-[0-9]{1,10}-[0-9a-f]{16}\.(fits|raw)")
"""``kind-pid-random.suffix``: nothing that a shell, Tcl or DS9 could misread; the pid is that of the writer. Free files
(`mtv.shared.freefiles`) have their size in its place."""

SLOT: Final = "feed"
"""Kind of the files that feeds write over."""

_COPY_SECS: Final = 600.0
"""Clients map a copy as soon as they hear of it."""

_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

_LARGEST_PID: Final = 1 << 22
"""That Linux gives to a process."""

FREE_BYTES: Final = 256 << 20
"""Free files together: two full exposures with all that is made of them."""


def new_name(kind: str, suffix: str = "fits") -> str:
    """Return a name that nobody has used: ``kind`` is a short word such as ``mtv``, ``mask``, ``layer``."""
    return f"{kind}-{os.getpid()}-{secrets.token_hex(8)}.{suffix}"


def allocate(path: Path, size: int) -> int:
    """Create a file of a size, its blocks reserved, mode 0600, and return its descriptor, open for reading and writing.

    Of no store, and so within no budget.

    Raises
    ------
    DaemonError
        ``storage_full`` where the file system has no room, or what else the system refuses; nothing is left behind.
    """
    with told("a pixel file cannot be made"):
        descriptor = os.open(path, _NEW, 0o600)
    try:
        grow(descriptor, max(size, 1))
    except BaseException:
        os.close(descriptor)
        path.unlink()
        raise
    return descriptor


def grow(descriptor: int, size: int) -> None:
    """Reserve the blocks of a file up to a size; a larger file stays as it is.

    Raises
    ------
    DaemonError
        ``storage_full`` where the file system has no room.
    """
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise storage_full(size) from None
        raise error_of(error, "a pixel file cannot be made") from error


def storage_full(size: int) -> DaemonError:
    """Return the error for a pixel directory without room."""
    return DaemonError(
        Error(
            code="storage_full",
            message=f"the pixel directory has no room for {size} bytes",
            retryable=True,
            hint="delete a display, or set pixel_directory or pixel_bytes in the configuration",
        )
    )


class Usage(NamedTuple):
    """Contents of a pixel directory."""

    files: int
    bytes: int
    """Of all files, those of several names once."""
    room_bytes: int
    """That are left: of the budget, or of the file system where that is less."""


class PixelStore:
    """The daemon's view of the pixel directory.

    Parameters
    ----------
    directory : `~pathlib.Path`
        Made with mode 0700 where it does not exist; refused where others may enter it.
    budget_bytes : `int`
        All files together.

    Raises
    ------
    OSError
        The directory cannot be made, or is not ours alone.
    """

    def __init__(self, directory: Path, budget_bytes: int) -> None:
        self.directory = directory
        self.budget_bytes = budget_bytes
        self._claimed: set[str] = set()
        self._lent: set[str] = set()
        self._idle: set[str] = set()
        self._orphans: set[str] = set()
        self._undead: set[str] = set()
        """Files that could not be removed."""
        self._reserving = threading.Lock()
        self.on_made_again: Callable[[], None] = lambda: None
        """Called when the directory was removed and is made again; set by whoever has locked it."""
        self._troubles = Troubles(_LOG)
        self._make()

    def _make(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.directory.stat()
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise PermissionError(errno.EPERM, f"{self.directory} must belong to you alone (mode 0700)")

    def _make_again(self) -> None:
        """Make a directory that somebody has removed: a log-out does that to ``$XDG_RUNTIME_DIR``."""
        self._make()
        self.on_made_again()
        _LOG.error(
            "the pixel directory was removed and is made again; %d files that were in use are gone: a window shows "
            "what it has mapped, a new one shows those displays without their images",
            len(self._claimed),
        )

    def path(self, name: str, where: str = "file") -> Path:
        """Return the path of a file by name.

        Raises
        ------
        RequestError
            ``bad_value`` for anything that is not the name of a pixel file; so no path leaves the directory.
        """
        if not NAME.fullmatch(name):
            raise RequestError(Error(code="bad_value", message="this is no name of a pixel file", where=where))
        return self.directory / name

    def claim(self, name: str, where: str = "file", *, again: bool = False) -> str:
        """Take a file over from its writer; it is ours until it is removed.

        Parameters
        ----------
        again : `bool`
            True where it may be ours already.

        Raises
        ------
        RequestError
            ``bad_value`` for no name of a pixel file, or for one that is free or has been claimed by another request.
        """
        self.path(name, where)
        if freefiles.NAME.fullmatch(name) or (name in self._claimed and not again and name not in self._lent):
            raise RequestError(
                Error(
                    code="bad_value",
                    message="the pixel file belongs to another request",
                    where=where,
                    hint="write each image into a file of its own",
                )
            )
        self._claimed.add(name)
        self._undead.discard(name)
        return name

    def lend(self, names: Iterable[str]) -> None:
        """Leave files to a writer that writes them over again and again: nothing removes them before `take_back`.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``slots``, for anything that is no name of such a file.
        """
        names = set(names)
        for name in names:
            self.path(name, "slots")
            if not name.startswith(f"{SLOT}-"):
                raise RequestError(Error(code="bad_value", message="this is no name of a feed's file", where="slots"))
        self._lent |= names

    def is_lent(self, name: str) -> bool:
        """Tell whether a file is its writer's."""
        return name in self._lent

    def take_back(self, names: Iterable[str], keep: Iterable[str]) -> None:
        """End the loan of files; those that nobody needs any more are unlinked."""
        ended = set(names) & self._lent
        self._lent -= ended
        self.remove(ended - set(keep))

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
            raise _gone(where) from None
        except OSError as error:
            raise error_of(error, "the pixel file cannot be looked at") from error
        _check_status(status, size, where)
        return path

    def size_of(self, name: str) -> int:
        """Return the bytes of a regular file of ours; raises as `check`."""
        with self.open_file(name) as file, told("the pixel file cannot be looked at"):
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
            raise _gone(where) from None
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR}:
                raise _not_ours(size, where) from None
            raise error_of(error, "the pixel file cannot be opened") from error
        try:
            with told("the pixel file cannot be looked at"):
                _check_status(os.fstat(descriptor), size, where)
        except BaseException:
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "r+b" if writable else "rb")

    def create(self, kind: str, size: int, suffix: str = "fits") -> tuple[str, int]:
        """Reserve a new file within the budget; return its name and descriptor, open for reading and writing.

        Others may create files meanwhile, in threads and in other processes: all that are kept stay within the budget.

        Raises
        ------
        DaemonError
            ``storage_full``, or what the system refuses; nothing is left behind.
        """
        name = new_name(kind, suffix)
        return name, self._created(name, size)

    def _created(self, name: str, size: int) -> int:
        try:
            descriptor = self._reserved(name, size)
        except DaemonError as error:
            if error.error.code != "storage_full":
                raise
            self.remove(self._free())
            descriptor = self._reserved(name, size)
        self._claimed.add(name)
        return descriptor

    def _reserved(self, name: str, size: int) -> int:
        """Make a file that counts, see whether the budget bears it, and only then take its blocks.

        The check comes after the file is there with its size, so that of two who make one at the same time the later
        check sees both. The other way round both might find room that only one may have.
        """
        path = self.directory / name
        with self._reserving:
            descriptor = self._opened_new(path)
            try:
                with told("a pixel file cannot be made"):
                    os.ftruncate(descriptor, max(size, 1))
                if self.used_bytes() > self.budget_bytes:
                    raise storage_full(size)
            except BaseException:
                self._undo(path, descriptor)
                raise
        try:
            grow(descriptor, max(size, 1))
        except BaseException:
            self._undo(path, descriptor)
            raise
        return descriptor

    def _opened_new(self, path: Path) -> int:
        with told("a pixel file cannot be made"):
            try:
                return os.open(path, _NEW, 0o600)
            except FileNotFoundError:
                self._make_again()
                return os.open(path, _NEW, 0o600)

    def _undo(self, path: Path, descriptor: int) -> None:
        os.close(descriptor)
        self.remove([path.name])

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
        self._claimed.add(name)
        try:
            with told("a pixel file cannot be opened"):
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
            with told("a pixel file cannot be written"), os.fdopen(descriptor, "r+b") as file:
                yield file
        except BaseException:
            self.remove([name])
            raise

    def recycle(self, names: Iterable[str]) -> None:
        """Let files go that nothing maps any more: free for the next of their size, as far as there is room."""
        names = set(names) - self._lent
        if not names:
            return
        try:
            room = min(FREE_BYTES, self.budget_bytes // 4) - sum(map(_free_bytes, self._free()))
        except DaemonError as error:
            self._troubles.note("looking for free pixel files", error)
            room = 0
        for name in names:
            room -= self._let_go(name, room)

    def _let_go(self, name: str, room: int) -> int:
        """Make a file free where there is room for it, else remove it; return the bytes that are free by that."""
        self._claimed.discard(name)
        path = self.path(name)
        try:
            status = path.lstat()
            # Bytes that have a second name are somebody's still; a feed's files may be mapped by their writer.
            ours = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and not name.startswith(f"{SLOT}-")
            if ours and freefiles.LEAST_BYTES <= status.st_size <= room:
                path.rename(self.directory / freefiles.new_name(status.st_size, name.rpartition(".")[2]))
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
        return [name for name in self.names() if freefiles.NAME.fullmatch(name)]

    def copy(self, name: str, copy: str) -> None:
        """Copy a pixel file under a new name, within the budget; nothing is left of a copy that fails.

        Raises
        ------
        RequestError
            ``bad_value``, as `check`.
        DaemonError
            ``storage_full``, or what the system refuses.
        """
        path = self.path(copy)
        with self.open_file(name) as old:
            descriptor = self._created(path.name, os.fstat(old.fileno()).st_size)
            with self.filling(copy, descriptor) as new:
                shutil.copyfileobj(old, new, 1 << 22)
        self._claimed.discard(copy)  # its reader's from now on: swept where that never comes

    def link(self, name: str) -> str:
        """Return a second name for a pixel file, ours; its bytes live until both names are removed.

        Raises
        ------
        FileNotFoundError
            The file is gone.
        DaemonError
            What else the system refuses.
        """
        second = self._new_name_like(name)
        self._named_anew(os.link, name, second)
        return second

    def adopt(self, name: str) -> str:
        """Give a file of another process a name that says it is ours, and return it; raises as `link`."""
        ours = self._new_name_like(name)
        self._named_anew(os.rename, name, ours)
        return ours

    def _new_name_like(self, name: str) -> str:
        kind, _, rest = name.partition("-")
        return new_name(kind, rest.rpartition(".")[2])

    def _named_anew(self, how: Callable[[Path, Path], None], name: str, new: str) -> None:
        try:
            how(self.path(name), self.path(new))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise error_of(error, "a pixel file cannot be named anew") from error
        self._claimed.add(new)

    def remove(self, names: Iterable[str]) -> None:
        """Unlink files, but for those that are lent; those already gone are no error."""
        for name in set(names) - self._lent:
            self._claimed.discard(name)
            try:
                self.path(name).unlink(missing_ok=True)
            except OSError as error:
                self._undead.add(name)
                self._troubles.note("removing pixel files", error)
            else:
                self._undead.discard(name)
                if not self._undead:
                    self._troubles.over("removing pixel files")

    def remove_written_by(self, pid: int) -> None:
        """Unlink what a process has left that has ended."""
        self._remove_where("removing what a process has left", lambda name: name.split("-")[1] == str(pid))

    def remove_all(self) -> None:
        """Unlink all pixel files, and the directory where nothing else is in it."""
        self._lent.clear()
        self._remove_where("removing all pixel files", lambda _name: True)
        with suppress(OSError):  # somebody else's file is in it
            self.directory.rmdir()

    def _remove_where(self, part: str, chosen: Callable[[str], bool]) -> int:
        try:
            gone = [name for name in self.names() if chosen(name)]
        except DaemonError as error:
            self._troubles.note(part, error)
            return 0
        self._troubles.over(part)
        self.remove(gone)
        return len(gone)

    def names(self) -> tuple[str, ...]:
        """All pixel files there are.

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
        try:
            self.path(name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            self._troubles.note("looking at pixel files", error)
        return False

    def used_bytes(self) -> int:
        """Bytes of all pixel files, those of several names once; raises as `names`."""
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
        """Return what there is and what is left, in one pass over the directory."""
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
        with told("the pixel directory cannot be read"):
            room = min(self.budget_bytes - used, shutil.disk_usage(self.directory).free)
        return Usage(files, used, max(0, room))

    def room_bytes(self) -> int:
        """Bytes that are left: of the budget, or of the file system where that is less; raises as `names`."""
        used = self.used_bytes()
        with told("the pixel directory cannot be read"):
            free = shutil.disk_usage(self.directory).free
        return max(0, min(self.budget_bytes - used, free))

    def _entries(self) -> list[os.DirEntry[str]]:
        with told("the pixel directory cannot be read"):
            try:
                return self._scanned()
            except FileNotFoundError:
                self._make_again()
                return self._scanned()

    def _scanned(self) -> list[os.DirEntry[str]]:
        with os.scandir(self.directory) as found:
            return list(found)

    def hold_budget(self) -> None:
        """Refuse what clients have written beyond the budget; free files go first.

        Raises
        ------
        DaemonError
            ``storage_full``.
        """
        over = self.used_bytes() - self.budget_bytes
        if over > 0:
            self.remove(self._free())
            if self.used_bytes() > self.budget_bytes:
                raise storage_full(over)

    def sweep_orphans(self, keep: Iterable[str]) -> int:
        """Unlink what crashed clients have left, while others write; return how many.

        A file goes that nobody keeps or has ever claimed, and whose writer was gone already when this was last called:
        a client's last words may still be on their way. So does a copy that was made for a client and not fetched.
        """
        kept = {*keep, *self._claimed}
        try:
            names = self.names()
        except DaemonError as error:
            self._troubles.note("looking for what clients have left", error)
            return 0
        self._troubles.over("looking for what clients have left")
        lonely = {name for name in names if name not in kept and not freefiles.NAME.fullmatch(name)}
        orphans = {name for name in lonely if not is_held(name)}
        gone = (orphans & self._orphans) | {name for name in lonely if self._is_forgotten_copy(name)}
        self._orphans = orphans - gone
        self.remove(gone)
        return len(gone)

    def _is_forgotten_copy(self, name: str) -> bool:
        try:
            return name.startswith("out-") and time.time() - self.path(name).lstat().st_mtime > _COPY_SECS
        except OSError:  # mostly: its client has unlinked it
            return False

    def sweep(self, keep: Iterable[str]) -> int:
        """Unlink files that nobody keeps and whose writer is gone; return how many."""
        kept = set(keep)
        return self._remove_where("sweeping", lambda name: name not in kept and not is_held(name))


def is_live_slot(name: str) -> bool:
    """Tell whether a feed that goes on may still send a file: its writer removes it, or the sweep after its end."""
    return name.startswith(f"{SLOT}-") and is_held(name)


def is_held(name: str) -> bool:
    """Tell whether the process that wrote a file is alive."""
    return not freefiles.NAME.fullmatch(name) and _alive(int(name.split("-")[1]))


def _free_bytes(name: str) -> int:
    return int(name.split("-")[1])


def _gone(where: str) -> RequestError:
    return RequestError(
        Error(code="bad_value", message="the pixel file is gone", where=where, hint="send the image again")
    )


def _not_ours(size: int, where: str) -> RequestError:
    return RequestError(Error(code="bad_value", message=f"the pixel file holds no {size} bytes of ours", where=where))


def _check_status(status: os.stat_result, size: int, where: str) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid() or status.st_size < size:
        raise _not_ours(size, where)


def _alive(pid: int) -> bool:
    if not 0 < pid <= _LARGEST_PID:  # a name says what its writer likes
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
