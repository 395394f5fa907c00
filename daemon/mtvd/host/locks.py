"""Locks for what one daemon has at a time: its runtime directory, its endpoint and its pixel directory.

Each has a lock of its own, because each may be named by itself; with two daemons on one of them, the second would
write over the journal, take the socket away, or sweep the files of the first. The locks are the system's (``flock``)
and end with their process, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_LOG = logging.getLogger(__name__)
_BACKLOG: Final = 1024
"""Clients that may knock at the same time; a Unix socket turns those away that are more."""
_CREDENTIALS: Final = struct.Struct("3i")


class Taken(Exception):
    """Another process has it; the message says what, who, and what to do."""


@contextmanager
def lock_file(path: Path, what: str, hint: str) -> Iterator[None]:
    """Hold a lock by a file, which is removed with it.

    Parameters
    ----------
    path : `~pathlib.Path`
        Of the file; its directory exists.
    what, hint : `str`
        What is locked, and what to do where another has it.

    Raises
    ------
    Taken
        Another process holds it.
    OSError
        The file cannot be made.
    """
    descriptor = _take_lock(path, what, hint)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _take_lock(path: Path, what: str, hint: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same(descriptor, path):
                return descriptor
        except BlockingIOError:
            pid = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise Taken(_taken_message(what, pid, hint)) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever had it has removed it meanwhile


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _taken_message(what: str, pid: str, hint: str) -> str:
    return f"a daemon already {what} (pid {pid or 'unknown'}): {hint}"


class DirectoryLock:
    """The lock of a directory itself, without a file in it.

    Parameters
    ----------
    path : `~pathlib.Path`
        It exists.
    what, hint : `str`
        As for `lock_file`.

    Raises
    ------
    Taken
        Another process holds it.
    """

    def __init__(self, path: Path, what: str, hint: str) -> None:
        self._path, self._what, self._hint = path, what, hint
        self._descriptor = -1
        self._lock()

    def _lock(self) -> None:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(os.fstat(descriptor))
            os.close(descriptor)
            raise Taken(_taken_message(self._what, pid, self._hint)) from None
        except OSError as error:  # NFS has no such locks for directories
            _LOG.warning("%s cannot be locked against another daemon: %s", self._path, error.strerror)
        self.close()
        self._descriptor = descriptor

    def renew(self) -> None:
        """Lock a directory that was made again; where that fails, it is told in the log."""
        try:
            self._lock()
        except (Taken, OSError) as error:
            _LOG.error("%s was made again and cannot be locked: %s", self._path, error)

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _holder(status: os.stat_result) -> str:
    """Return the pid of who holds the lock of a file, empty where the system does not tell."""
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == wanted:
                return fields[4]
    return ""


class OwnSocket:
    """A Unix socket that listens, and its file. ZeroMQ is given the descriptor.

    By itself ZeroMQ removes whatever file is in the way when it binds: another daemon's socket, or the user's letter.

    Parameters
    ----------
    path : `~pathlib.Path`
        Where clients look for it.

    Raises
    ------
    Taken
        Somebody listens there.
    OSError
        It cannot be made there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _clear(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            listener.bind(str(path))
            self._status = path.lstat()
            path.chmod(0o600)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        self.descriptor = listener.detach()

    def remove(self) -> None:
        """Remove the file, unless another socket has taken its place."""
        with suppress(OSError):
            if os.path.samestat(self._status, self._path.lstat()):
                self._path.unlink()


def _clear(path: Path) -> None:
    """Remove the socket that a killed daemon has left."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise FileExistsError(errno.EEXIST, "there is a file that is no socket", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as knocking:
        try:
            knocking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:  # so many knock that one more is turned away
            raise Taken(_taken_message("listens there", "", "mtv status, or mtv down")) from None
        credentials = knocking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    raise Taken(_taken_message("listens there", str(_CREDENTIALS.unpack(credentials)[0]), "mtv status, or mtv down"))
