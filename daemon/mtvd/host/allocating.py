"""Allocation of pixel files: their blocks reserved before use, all of them together within the budget.

A write into a hole of a full tmpfs kills the writer with SIGBUS (ds9 facts, section 4); so files are
``posix_fallocate``d before anybody maps them.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

from mtv.wire.errors import DaemonError, Error
from mtvd.host.pixel_directory import PixelDirectory
from mtvd.host.sweeping import Sweeper
from mtvd.host.system import NO_ROOM, error_of, translate_refusals

_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def allocate(path: Path, size: int) -> int:
    """Create a file of a size, its blocks reserved, mode 0600, and return its descriptor, open for reading and writing.

    It belongs to no store, and so is within no budget.

    Raises
    ------
    DaemonError
        ``storage_full`` where the file system has no space, or what else the system refuses; nothing is left behind.
    """
    with translate_refusals("a pixel file cannot be made"):
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
        ``storage_full`` where the file system has no space.
    """
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise storage_full(size) from None
        raise error_of(error, "a pixel file cannot be made") from error


def storage_full(size: int) -> DaemonError:
    """Return the error for a pixel directory without space."""
    return DaemonError(
        Error(
            code="storage_full",
            message=f"the pixel directory has no room for {size} bytes",
            retryable=True,
            hint="delete a display, or set pixel_directory or pixel_bytes in the configuration",
        )
    )


class Allocator:
    """Makes files within the budget of a directory; free files give way where there is no space.

    Parameters
    ----------
    directory : `PixelDirectory`
        Where they are made.
    sweeper : `Sweeper`
        Removes free files, and files that could not be made wholly.
    """

    def __init__(self, directory: PixelDirectory, sweeper: Sweeper) -> None:
        self._directory = directory
        self._sweeper = sweeper
        self._reserving = threading.Lock()

    def create(self, name: str, size: int) -> int:
        """Make a file, its blocks reserved, and return its descriptor, open for reading and writing.

        Raises
        ------
        DaemonError
            ``storage_full``, or what the system refuses; nothing is left behind.
        """
        try:
            return self._reserve(name, size)
        except DaemonError as error:
            if error.error.code != "storage_full":
                raise
            self._sweeper.remove_free()
            return self._reserve(name, size)

    def _reserve(self, name: str, size: int) -> int:
        """Make a file that counts, see whether the budget bears it, and only then take its blocks.

        The check comes after the file is there with its size, so that of two who make one at the same time the later
        check sees both. The other way round both might find space that only one may have.
        """
        with self._reserving:
            descriptor = self._open_new(self._directory.path / name)
            try:
                with translate_refusals("a pixel file cannot be made"):
                    os.ftruncate(descriptor, max(size, 1))
                if self._directory.used_bytes() > self._directory.budget_bytes:
                    raise storage_full(size)
            except BaseException:
                self._undo(name, descriptor)
                raise
        try:
            grow(descriptor, max(size, 1))
        except BaseException:
            self._undo(name, descriptor)
            raise
        return descriptor

    def _open_new(self, path: Path) -> int:
        with translate_refusals("a pixel file cannot be made"):
            try:
                return os.open(path, _NEW, 0o600)
            except FileNotFoundError:
                self._directory.make_again()
                return os.open(path, _NEW, 0o600)

    def _undo(self, name: str, descriptor: int) -> None:
        os.close(descriptor)
        self._sweeper.remove([name])

    def hold_budget(self) -> None:
        """Refuse what clients have written beyond the budget; free files go first.

        Raises
        ------
        DaemonError
            ``storage_full``.
        """
        over = self._directory.used_bytes() - self._directory.budget_bytes
        if over > 0:
            self._sweeper.remove_free()
            if self._directory.used_bytes() > self._directory.budget_bytes:
                raise storage_full(over)
