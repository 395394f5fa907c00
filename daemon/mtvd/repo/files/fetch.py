"""The file of a dataset on this host: as it is where it lies here, from the cache or fetched where it does not."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mtv.wire.errors import Error, MtvError, RequestError
from mtvd.repo.butler.peers import failure_of
from mtvd.repo.files.filecache import FileCache
from mtvd.repo.patience import Patience
from mtvd.repo.port import OnProgress

if TYPE_CHECKING:
    from lsst.resources import ResourcePath

_log = logging.getLogger(__name__)
_WHO: Final = "the repository's file store"
_BLOCK_BYTES: Final = 512
UNIT: Final = "bytes"
"""Unit of what is reported."""


class Files:
    """Brings files of repositories to this host.

    Parameters
    ----------
    cache : `FileCache`
    patience : `Patience`
        Bytes that arrive are signs of life; so a large file on a slow line takes the time that it takes.
    """

    def __init__(self, cache: FileCache, patience: Patience) -> None:
        self._cache = cache
        self._patience = patience

    @contextmanager
    def local(self, uri: ResourcePath, *, key: str, size: int | None, progress: OnProgress) -> Iterator[Path]:
        """Have a file on this host while inside.

        Parameters
        ----------
        uri : `lsst.resources.ResourcePath`
        key : `str`
            What identifies its content for ever: the dataset's UUID.
        size : `int`, optional
            Bytes by the repository's record; None where it keeps none.
        progress : callable
            Told the bytes that have come, ``size`` or 0, and `UNIT`, while a file is fetched; and nothing of one that
            is here.

        Raises
        ------
        RequestError
            ``unreadable_file``: there is none, or it is not of its size.
        DeadlineExceeded
            ``deadline``: the store is silent.
        DaemonError
            ``repository_failed``: the store cannot be reached, refuses, or fails.
        """
        from mtvd.repo.readers.failures import check_file

        if uri.isLocal:
            path = Path(uri.ospath)
            check_file(path, size)
            yield path
            return
        folder = self._cache.folder()
        try:
            yield self._take_or_fetch(uri, key, size, folder, progress)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _take_or_fetch(self, uri: ResourcePath, key: str, size: int | None, folder: Path, progress: OnProgress) -> Path:
        from mtvd.repo.readers.failures import check_file

        suffix = uri.getExtension()
        if (kept := self._cache.take(key, suffix, folder)) is not None:
            if size is None or kept.stat().st_size == size:
                return kept
            self._cache.drop(key, suffix)
            kept.unlink()
        path = folder / f"file{suffix}"
        self._fetch(uri, path, lambda count: progress(min(count, size) if size else count, size or 0, UNIT))
        check_file(path, size)
        self._cache.keep(key, suffix, path)
        return path

    def _fetch(self, uri: ResourcePath, path: Path, told: Callable[[int], object]) -> None:
        def work() -> None:
            with uri.as_local(tmpdir=str(path.parent)) as local:
                os.link(local.ospath, path)

        started = time.monotonic()
        try:
            self._patience.wait_for(work, _WHO, moved=lambda: _bytes_in(path.parent), told=told)
        except FileNotFoundError:
            raise _missing() from None
        except MtvError:
            raise
        except Exception as error:
            _log.warning("cannot fetch %s: %r", uri.replace(query="", fragment=""), error)
            raise failure_of(error, _WHO) from error
        _log.info("fetched %d bytes in %.1f s", path.stat().st_size, time.monotonic() - started)


def _bytes_in(folder: Path) -> int:
    # Blocks, not lengths: a store's library writes the parts of a large file in any order. By inode, because at the
    # end one file has two names.
    found: dict[int, int] = {}
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            status = entry.stat()
            found[status.st_ino] = status.st_blocks * _BLOCK_BYTES
    return sum(found.values())


def _missing() -> RequestError:
    return RequestError(
        Error(
            code="unreadable_file",
            message="the repository's file store has no such file",
            where="path",
            hint="the repository still lists it; ask who keeps it",
        )
    )
