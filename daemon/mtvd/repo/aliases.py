"""Names of repositories: aliases of the settings, those of Butler's own index, and paths where allowed.

Never imports ``lsst``: the index is read here, whenever it changes, because Butler reads it once per process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlparse

import msgspec

from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.hints import near
from mtv.wire.reports import RepositoryInfo

_log = logging.getLogger(__name__)
_INDEX_TEXT: Final = "DAF_BUTLER_REPOSITORIES"
_INDEX_FILE: Final = "DAF_BUTLER_REPOSITORY_INDEX"
_Stamp = tuple[str, int, int, int]


class RepositorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the repositories, as they stand in the configuration."""

    aliases: dict[str, str] = {}
    """Alias to absolute path or URI; the first is the default repository."""
    allow_paths: bool = True
    """True: requests may name a repository by absolute path or URI too."""
    use_index: bool = True
    """True: the aliases of Butler's repository index count too, after our own."""
    workers: int = 2
    """Worker processes at most."""
    kept_workers: int = 1
    """Worker processes that stay when idle."""
    waiting: int = 256
    """Requests that may wait for a worker; more are refused as ``busy``."""
    idle_secs: float = 20.0
    """After this time without work a worker leaves, except those kept."""
    queue_deadline_secs: float = 60.0
    """How long a request waits for a worker."""
    start_secs: float = 120.0
    """Time that the first call of a new worker gets on top of its deadline, for imports."""
    cache_bytes: int = 1 << 30
    """Decoded exposures that are kept for the next time, in the pixel directory; at most half of its budget."""
    query_deadline_secs: float = 60.0
    """How long a query may take, from when a worker has it."""
    read_deadline_secs: float = 120.0
    """How long finding and reading a dataset or a file may take."""
    busy_timeout_secs: float = 5.0
    """How long a locked SQLite registry is waited for; Butler's own value is five minutes."""
    peer_silence_secs: float = 10.0
    """How long a repository's other hosts may be silent, while they are connected to or files are fetched."""
    server_silence_secs: float = 20.0
    """How long a Butler server may be silent while it answers; in a long query it speaks every 15 seconds."""
    file_cache_directory: str = ""
    """Where files fetched from other hosts are kept; empty for ``mtv/files`` below ``$XDG_CACHE_HOME``."""
    file_cache_bytes: int = 4 << 30
    """Bytes of those files together; 0 keeps none."""
    environment: dict[str, str] = {}
    """Environment of the workers, besides the daemon's own: ``S3_ENDPOINT_URL`` and the like; see docs/scale-out.md."""


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository that a request named."""

    name: str
    """Name in requests and for people: the alias, or the path where it has none."""
    location: str
    """Path or URI."""


class Registry:
    """Turns names into repositories, and remembers what became of each.

    Parameters
    ----------
    settings : `RepositorySettings`
    environ : mapping
        Where Butler's index is looked for: ``DAF_BUTLER_REPOSITORY_INDEX`` (a YAML file of ``alias: path`` lines) or
        ``DAF_BUTLER_REPOSITORIES`` (the YAML itself).
    """

    def __init__(self, settings: RepositorySettings, environ: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environ = os.environ if environ is None else environ
        self._states: dict[str, str] = {}
        self._index: dict[str, str] = {}
        self._stamp: _Stamp | None = None

    def list_known(self) -> tuple[RepositoryInfo, ...]:
        """List the repositories that can be named, the default first."""
        return tuple(
            RepositoryInfo(
                alias=alias,
                location=without_credentials(location),
                state=self._states.get(location, "configured"),
                default=number == 0,
            )
            for number, (alias, location) in enumerate(self._aliases().items())
        )

    def resolve(self, name: str, where: str = "repo") -> Repository:
        """Return the repository that a name, path or URI means; the default for an empty one.

        Raises
        ------
        RequestError
            ``unknown_repository`` with near names; ``bad_value`` for a relative path; ``forbidden`` where paths are
            not allowed.
        """
        aliases = self._aliases()
        if name in aliases:
            return Repository(name=name, location=aliases[name])
        if not name:
            return self._default(aliases, where)
        if "/" not in name:
            raise _unknown(name, tuple(aliases), where)
        return self._by_path(name, where)

    def note(self, repository: Repository, state: str) -> None:
        """Remember a repository's state for `list_known`: ``open``, or what is wrong with it.

        Of one that has no alias there is nothing to remember: nobody would be told, and there may be any number.
        """
        locations = set(self._aliases().values())
        if repository.location in locations:
            self._states[repository.location] = state
        if len(self._states) > len(locations):  # an alias has gone from the index
            self._states = {location: known for location, known in self._states.items() if location in locations}

    def _default(self, aliases: Mapping[str, str], where: str) -> Repository:
        for alias, location in aliases.items():
            return Repository(name=alias, location=location)
        raise RequestError(
            Error(
                code="unknown_repository",
                message="no repository is named, and the daemon has no default one",
                where=where,
                hint="name one, or give the daemon an alias in its configuration",
            )
        )

    def _by_path(self, name: str, where: str) -> Repository:
        if not self._settings.allow_paths:
            raise RequestError(
                Error(
                    code="forbidden",
                    message="this daemon takes repositories by alias only",
                    where=where,
                    hint=_choices(tuple(self._aliases())),
                )
            )
        if "://" not in name and not name.startswith("/"):
            raise bad_value(where, f"{name!r} is neither an alias nor an absolute path", "give the absolute path")
        return Repository(name=name, location=name)

    def _aliases(self) -> dict[str, str]:
        if not self._settings.use_index:
            return dict(self._settings.aliases)
        return {
            **self._settings.aliases,
            **{k: v for k, v in self._read_index().items() if k not in self._settings.aliases},
        }

    def _read_index(self) -> dict[str, str]:
        stamp = _stamp_of(self._environ)
        if stamp != self._stamp:
            self._stamp = stamp
            self._index = _load_index(self._environ) if stamp else {}
        return self._index


def without_credentials(location: str) -> str:
    """Return a path or URI without the credentials that may stand in it."""
    scheme, separator, rest = location.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else location


def _stamp_of(environ: Mapping[str, str]) -> _Stamp | None:
    if text := environ.get(_INDEX_TEXT, ""):
        return (text, 0, 0, 0)
    if not (path := _index_path(environ)):
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return (str(path), status.st_ino, status.st_size, status.st_mtime_ns)


def _index_path(environ: Mapping[str, str]) -> Path | None:
    given = environ.get(_INDEX_FILE, "")
    if given.startswith("file://"):
        return Path(unquote(urlparse(given).path))
    return Path(given) if given and "://" not in given else None


def _load_index(environ: Mapping[str, str]) -> dict[str, str]:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    path = _index_path(environ)
    try:
        text = environ.get(_INDEX_TEXT) or (path.read_text() if path else "")
        entries = yaml.safe_load(text)
        if not isinstance(entries, dict):
            raise TypeError("it is no map of aliases to paths")
    except (OSError, UnicodeDecodeError, TypeError, yaml.YAMLError) as error:
        _log.warning("Butler's repository index cannot be read: %s", error)
        return {}
    return {str(alias): str(location) for alias, location in entries.items()}


def _unknown(name: str, aliases: tuple[str, ...], where: str) -> RequestError:
    message, hint = f"there is no repository {name!r}", near(name, aliases, otherwise=_choices(aliases))
    return RequestError(Error(code="unknown_repository", message=message, where=where, hint=hint))


def _choices(aliases: tuple[str, ...]) -> str:
    return f"known: {', '.join(aliases[:10])}" if aliases else "no alias is configured; give an absolute path"
