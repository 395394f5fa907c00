"""The pixel directory: files that clients write, DS9 maps, and nobody truncates.

Every file has a random name and belongs to one owner at a time; the store counts bytes against its budget. Files are
``posix_fallocate``d before use, because a write into a hole of a full tmpfs kills the writer with SIGBUS
(ds9 facts, section 4), and are removed by unlinking, which leaves DS9's own mapping intact.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from mtv import freefiles
from mtv.wire.errors import DaemonError, Error, RequestError

NAME: Final = re.compile(r"[a-z]{1,8}-[0-9]{1,10}-[0-9a-f]{16}\.(fits|raw)")
"""``kind-pid-random.suffix``: nothing that a shell, Tcl or DS9 could misread; the pid is that of the writer. Free files
(`mtv.freefiles`) have their size in its place."""

SLOT: Final = "feed"
"""Kind of the files that feeds write over."""

_COPY_SECS: Final = 600.0
"""Clients map a copy as soon as they hear of it."""

FREE_BYTES: Final = 256 << 20
"""Free files together: two full exposures with all that is made of them."""


def new_name(kind: str, suffix: str = "fits") -> str:
    """Return a name that nobody has used: ``kind`` is a short word such as ``mtv``, ``mask``, ``layer``."""
    return f"{kind}-{os.getpid()}-{secrets.token_hex(8)}.{suffix}"


def allocate(path: Path, size: int) -> int:
    """Create a file of a size, its blocks reserved, mode 0600, and return its descriptor, open for reading and writing.

    Raises
    ------
    DaemonError
        ``storage_full`` where the file system has no room; nothing is left behind.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
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
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise storage_full(size) from None
        raise


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
    """What a pixel directory holds."""

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
    """

    def __init__(self, directory: Path, budget_bytes: int) -> None:
        self.directory = directory
        self.budget_bytes = budget_bytes
        self._claimed: set[str] = set()
        self._lent: set[str] = set()
        self._idle: set[str] = set()
        self._orphans: set[str] = set()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise PermissionError(f"{directory} must belong to you alone (mode 0700)")

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
        """
        path = self.path(name, where)
        try:
            status = path.lstat()
        except FileNotFoundError:
            raise RequestError(
                Error(code="bad_value", message="the pixel file is gone", where=where, hint="send the image again")
            ) from None
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid() or status.st_size < size:
            raise RequestError(
                Error(code="bad_value", message=f"the pixel file holds no {size} bytes of ours", where=where)
            )
        return path

    def create(self, kind: str, size: int, suffix: str = "fits") -> tuple[str, int]:
        """Reserve a new file within the budget; return its name and descriptor.

        Raises
        ------
        DaemonError
            ``storage_full``.
        """
        try:
            return self._created(kind, size, suffix)
        except DaemonError:
            self.remove(self._free())
            return self._created(kind, size, suffix)

    def _created(self, kind: str, size: int, suffix: str) -> tuple[str, int]:
        if self.used_bytes() + size > self.budget_bytes:
            raise storage_full(size)
        name = new_name(kind, suffix)
        descriptor = allocate(self.directory / name, size)
        self._claimed.add(name)
        return name, descriptor

    def reuse(self, kind: str, size: int, suffix: str = "fits") -> tuple[str, int] | None:
        """Take a free file of exactly a size, or return None; its bytes are those of its last use."""
        name = new_name(kind, suffix)
        if not freefiles.take(self.directory / name, size):
            return None
        self._claimed.add(name)
        return name, os.open(self.directory / name, os.O_RDWR | os.O_CLOEXEC)

    def recycle(self, names: Iterable[str]) -> None:
        """Let files go that nothing maps any more: free for the next of their size, as far as there is room."""
        room = min(FREE_BYTES, self.budget_bytes // 4) - sum(map(_free_bytes, self._free()))
        for name in set(names) - self._lent:
            self._claimed.discard(name)
            path = self.path(name)
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            # Bytes that have a second name are somebody's still; a feed's files may be mapped by their writer.
            ours = status.st_nlink == 1 and not name.startswith(f"{SLOT}-")
            if ours and freefiles.LEAST_BYTES <= status.st_size <= room:
                path.rename(self.directory / freefiles.new_name(status.st_size, name.rpartition(".")[2]))
                room -= status.st_size
            else:
                path.unlink(missing_ok=True)

    def trim(self) -> None:
        """Unlink the free files that were free already when this was last called."""
        free = set(self._free())
        self.remove(free & self._idle)
        self._idle = free - self._idle

    def _free(self) -> list[str]:
        return [name for name in self.names() if freefiles.NAME.fullmatch(name)]

    def copy(self, name: str, copy: str) -> None:
        """Copy a pixel file under a new name, sharing its blocks where the file system can."""
        source = self.path(name)
        with source.open("rb") as old, os.fdopen(allocate(self.path(copy), source.stat().st_size), "r+b") as new:
            shutil.copyfileobj(old, new, 1 << 22)

    def link(self, name: str) -> str:
        """Return a second name for a pixel file, ours; its bytes live until both names are removed."""
        kind, _, rest = name.partition("-")
        second = new_name(kind, rest.rpartition(".")[2])
        os.link(self.path(name), self.path(second))
        self._claimed.add(second)
        return second

    def adopt(self, name: str) -> str:
        """Give a file of another process a name that says it is ours, and return it."""
        kind, _, rest = name.partition("-")
        ours = new_name(kind, rest.rpartition(".")[2])
        self.path(name).rename(self.path(ours))
        self._claimed.add(ours)
        return ours

    def remove(self, names: Iterable[str]) -> None:
        """Unlink files, but for those that are lent; those already gone are no error."""
        for name in set(names) - self._lent:
            self._claimed.discard(name)
            self.path(name).unlink(missing_ok=True)

    def names(self) -> tuple[str, ...]:
        """All pixel files there are."""
        return tuple(entry.name for entry in os.scandir(self.directory) if NAME.fullmatch(entry.name))

    def used_bytes(self) -> int:
        """Bytes of all pixel files, those of several names once."""
        sizes: dict[int, int] = {}
        for entry in os.scandir(self.directory):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # a client removed it meanwhile
                continue
            sizes[status.st_ino] = status.st_size
        return sum(sizes.values())

    def usage(self) -> Usage:
        """Return what there is and what is left, in one pass over the directory."""
        files = 0
        sizes: dict[int, int] = {}
        for entry in os.scandir(self.directory):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # a client removed it meanwhile
                continue
            files += NAME.fullmatch(entry.name) is not None
            sizes[status.st_ino] = status.st_size
        used = sum(sizes.values())
        room = min(self.budget_bytes - used, shutil.disk_usage(self.directory).free)
        return Usage(files, used, max(0, room))

    def room_bytes(self) -> int:
        """Bytes that are left: of the budget, or of the file system where that is less."""
        return max(0, min(self.budget_bytes - self.used_bytes(), shutil.disk_usage(self.directory).free))

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
        lonely = {name for name in self.names() if name not in kept and not freefiles.NAME.fullmatch(name)}
        orphans = {name for name in lonely if not is_held(name)}
        gone = (orphans & self._orphans) | {name for name in lonely if self._is_forgotten_copy(name)}
        self._orphans = orphans - gone
        self.remove(gone)
        return len(gone)

    def _is_forgotten_copy(self, name: str) -> bool:
        try:
            return name.startswith("out-") and time.time() - self.path(name).stat().st_mtime > _COPY_SECS
        except FileNotFoundError:
            return False

    def sweep(self, keep: Iterable[str]) -> int:
        """Unlink files that nobody keeps and whose writer is gone; return how many."""
        kept = set(keep)
        gone = [name for name in self.names() if name not in kept and not is_held(name)]
        self.remove(gone)
        return len(gone)


def is_live_slot(name: str) -> bool:
    """Tell whether a feed that goes on may still send a file: its writer removes it, or the sweep after its end."""
    return name.startswith(f"{SLOT}-") and is_held(name)


def is_held(name: str) -> bool:
    """Tell whether the process that wrote a file is alive."""
    return not freefiles.NAME.fullmatch(name) and _alive(int(name.split("-")[1]))


def _free_bytes(name: str) -> int:
    return int(name.split("-")[1])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
