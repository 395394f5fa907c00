"""Read-only Butlers of one worker process: opened once per repository, refreshed and cloned for each request."""

from __future__ import annotations

import logging
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from mtv.wire.errors import DaemonError, Error, MtvError, RequestError, exception_for
from mtvd.repo.butler import peers
from mtvd.repo.butler.kept import Kept
from mtvd.repo.patience import Patience

if TYPE_CHECKING:
    from lsst.daf.butler import Butler, ButlerConfig

_T = TypeVar("_T")
MOST_OPEN: Final = 32
"""Repositories that a worker keeps open: those that were used last."""

_SQLITE: Final = "sqlite:///"
_Identity = tuple[int, int]


class _Opened(NamedTuple):
    """An opened repository."""

    butler: Butler
    database: Path | None
    """The file of an SQLite registry; None for another registry."""
    file: Path | None
    """File that stands for the repository on this host: its database, else its configuration; None where none does."""
    identity: _Identity
    """Identity of the file when it was opened."""


class Butlers:
    """Keeps one template for each of the repositories that were used last.

    Parameters
    ----------
    busy_timeout_secs : `float`
        How long a locked SQLite registry is waited for.
    peer_silence_secs, server_silence_secs : `float`
        How long another host, and a Butler server while it answers, may be silent.
    """

    def __init__(
        self, busy_timeout_secs: float, *, peer_silence_secs: float = 10.0, server_silence_secs: float = 20.0
    ) -> None:
        self._busy_timeout_secs = busy_timeout_secs
        self._peer_silence_secs, self._server_silence_secs = peer_silence_secs, server_silence_secs
        self._patience = Patience(peer_silence_secs)
        self._opened: OrderedDict[str, _Opened] = OrderedDict()
        """The one that was used last at the end."""
        self._kept: dict[str, Kept] = {}
        self._prepared = False

    @property
    def hangs(self) -> bool:
        """True while an opening that was given up has not ended."""
        return self._patience.abandoned > 0

    def clone(self, location: str) -> Butler:
        """Return a Butler that sees what is in the repository now.

        Raises
        ------
        RequestError
            ``unknown_repository`` where there is none.
        DaemonError
            ``repository_failed`` where it is gone or broken.
        """
        template = self._open(location).butler
        if location in self._kept:
            return self._kept[location].current()
        # 0.1 to 0.4 ms; without it new dataset types, detectors and filters stay invisible.
        template.registry.refresh()
        return template.clone()

    def database(self, location: str) -> Path | None:
        """Return the file of an SQLite registry; None for another registry. Raises as `clone`."""
        return self._open(location).database

    def close(self) -> None:
        """Close all."""
        for location in list(self._opened):
            self._drop(location)

    def _open(self, location: str) -> _Opened:
        if location in self._opened:
            opened = self._opened[location]
            if _identity(opened.file) == opened.identity:
                self._opened.move_to_end(location)
                return opened
            # After a rename or a replacement SQLite goes on answering from the old file, without an error.
            self._drop(location)
        opened = self._opened[location] = self._new(location)
        if opened.database is not None:
            self._kept[location] = Kept(opened.butler, opened.database)
        while len(self._opened) > MOST_OPEN:
            self._drop(next(iter(self._opened)))
        return opened

    def _drop(self, location: str) -> None:
        opened, kept = self._opened.pop(location), self._kept.pop(location, None)
        try:
            if kept is not None:
                kept.close()
            opened.butler.close()
        except Exception:
            logging.getLogger(__name__).exception("a repository could not be closed")

    def _new(self, location: str) -> _Opened:
        self._prepare()
        from lsst.daf.butler import ButlerConfig

        _check_path(location)
        try:
            config = self._asking(peers.is_remote(location), lambda: ButlerConfig(location))
            database = _database_of(config, location)
            if database is not None and not database.is_file():
                raise _failure_of("the repository has no registry database")
            butler = self._asking(peers.waits_for_peers(config), lambda: self._butler(config))
            file = database or _file_of(config)
            return _Opened(butler, database, file, _identity(file))
        except FileNotFoundError:
            raise _nothing_there() from None
        except (MtvError, ImportError):
            raise
        except Exception as error:
            if _is_locked(error):
                raise
            if (failure := peers.error_of(error)) is not None:
                logging.getLogger(__name__).exception("cannot open a repository on another host")
                raise exception_for(failure) from error
            logging.getLogger(__name__).exception("cannot open %s", location)
            raise _failure_of(f"the repository cannot be opened ({type(error).__name__})") from error

    def _butler(self, config: ButlerConfig) -> Butler:
        return peers.open_butler(config, server_silence_secs=self._server_silence_secs)

    def _asking(self, others: bool, work: Callable[[], _T]) -> _T:
        """Do what may ask another host; then not for ever. What it imports meanwhile is a sign of life."""
        if not others:
            return work()
        return self._patience.wait_for(work, "the repository's host", moved=lambda: len(sys.modules))

    def _prepare(self) -> None:
        if self._prepared:
            return
        from mtvd.repo.butler import sqlite

        sqlite.install(self._busy_timeout_secs)
        peers.set_deadlines(self._peer_silence_secs)
        logging.getLogger("lsst.daf.butler").setLevel(logging.ERROR)
        self._prepared = True


class KnownNames:
    """Names that a repository has, for hints. Implements `mtvd.repo.butler.errors.Known`."""

    def __init__(self, butler: Butler) -> None:
        self._butler = butler

    def dataset_types(self) -> Sequence[str]:
        return sorted(kind.name for kind in self._butler.registry.queryDatasetTypes())

    def collections(self) -> Sequence[str]:
        # Chains first: they are what people mean; and runs by the thousand have names like time stamps.
        infos = self._butler.collections.query_info("*")
        return [info.name for info in sorted(infos, key=lambda info: (info.type.name != "CHAINED", info.name))]

    def dimensions(self) -> Sequence[str]:
        return sorted(self._butler.dimensions.elements.names)

    def fields(self, element: str) -> Sequence[str]:
        elements = self._butler.dimensions.elements
        if element not in elements.names:
            return ()
        return sorted({*elements[element].schema.names} - {"region"})

    def governors(self, dimension: str) -> Sequence[str]:
        records = self._butler.query_dimension_records(dimension, explain=False)
        return sorted(str(record.dataId[dimension]) for record in records)


def _check_path(location: str) -> None:
    if "://" not in location and not Path(location).exists():
        raise _nothing_there()


def _database_of(config: Any, location: str) -> Path | None:
    url = str(config.get(("registry", "db"), ""))
    if peers.has_server(config) or not url.startswith(_SQLITE):
        return None
    root = config.configDir.ospath if config.configDir is not None else location
    return Path(url.removeprefix(_SQLITE).replace("<butlerRoot>", str(root)))


def _file_of(config: Any) -> Path | None:
    """Return the configuration's own file where it is on this host: it stands for a registry that is not."""
    file = getattr(config, "configFile", None)
    return Path(file.ospath) if file is not None and file.isLocal else None


def _identity(file: Path | None) -> _Identity:
    if file is None:
        return (0, 0)
    try:
        status = file.stat()
    except OSError:
        return (-1, -1)
    return (status.st_dev, status.st_ino)


def _is_locked(error: BaseException) -> bool:
    return "database is locked" in str(error)


def _nothing_there() -> RequestError:
    return RequestError(
        Error(
            code="unknown_repository",
            message="there is no Butler repository at this place",
            where="repo",
            hint="a repository is a directory with butler.yaml in it",
        )
    )


def _failure_of(message: str) -> DaemonError:
    return DaemonError(Error(code="repository_failed", message=message, where="repo", retryable=True))
