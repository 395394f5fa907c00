"""The file of a dataset on this host: as it is where it lies here, from the cache or fetched where it does not."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mtv.wire.errors import Error, MtvError, RequestError
from mtvd.repo.filecache import FileCache
from mtvd.repo.patience import Patience
from mtvd.repo.peers import failure_of

if TYPE_CHECKING:
    from lsst.resources import ResourcePath

_log = logging.getLogger(__name__)
_WHO: Final = "the repository's file store"


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
    def local(self, uri: ResourcePath, *, key: str, size: int | None) -> Iterator[Path]:
        """Have a file at hand while inside.

        Parameters
        ----------
        uri : `lsst.resources.ResourcePath`
        key : `str`
            What identifies its content for ever: the dataset's UUID.
        size : `int`, optional
            Bytes by the repository's record; None where it keeps none.

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
            yield self._fetched(uri, key, size, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _fetched(self, uri: ResourcePath, key: str, size: int | None, folder: Path) -> Path:
        from mtvd.repo.readers.failures import check_file

        suffix = uri.getExtension()
        if (kept := self._cache.take(key, suffix, folder)) is not None:
            if size is None or kept.stat().st_size == size:
                return kept
            self._cache.drop(key, suffix)
            kept.unlink()
        path = self._fetch(uri, folder, folder / f"file{suffix}")
        check_file(path, size)
        self._cache.keep(key, suffix, path)
        return path

    def _fetch(self, uri: ResourcePath, folder: Path, path: Path) -> Path:
        def work() -> None:
            with uri.as_local(tmpdir=str(folder)) as local:
                os.link(local.ospath, path)

        started = time.monotonic()
        try:
            self._patience.wait_for(work, _WHO, moved=lambda: _bytes_in(folder))
        except FileNotFoundError:
            raise _missing() from None
        except MtvError:
            raise
        except Exception as error:
            _log.warning("cannot fetch %s: %r", uri.replace(query="", fragment=""), error)
            raise failure_of(error, _WHO) from error
        _log.info("fetched %d bytes in %.1f s", path.stat().st_size, time.monotonic() - started)
        return path


def _bytes_in(folder: Path) -> int:
    # Blocks, not lengths: a store's library writes the parts of a large file in any order.
    total = 0
    for entry in os.scandir(folder):
        try:
            total += entry.stat().st_blocks
        except FileNotFoundError:
            continue
    return total


def _missing() -> RequestError:
    return RequestError(
        Error(
            code="unreadable_file",
            message="the repository's file store has no such file",
            where="path",
            hint="the repository still lists it; ask who keeps it",
        )
    )
