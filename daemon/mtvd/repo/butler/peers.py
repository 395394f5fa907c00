"""Repositories on other hosts: PostgreSQL registries, file stores, Butler servers. Their deadlines, and their errors.

Their exceptions are known by the package of their class, so that none of the packages must be installed. None of
their words are shown: they hold host names, URLs with credentials, and SQL. Used by the workers.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Final

from mtv.wire.errors import Error, MtvError, exception_for

if TYPE_CHECKING:
    from lsst.daf.butler import Butler, ButlerConfig

_log = logging.getLogger(__name__)
_PEERS: Final = frozenset(
    {"aiohttp", "boto3", "botocore", "google", "httpcore", "httpx", "httpcore2", "httpx2", "requests", "s3transfer",
     "urllib3"}
)  # fmt: skip
_SERVER_ERRORS: Final = frozenset({"ButlerServerError", "UnhandledServerError"})
_CREDENTIALS: Final = ("Credentials", "Token", "Permission", "Forbidden", "Unauthorized", "Profile")
_REFUSALS: Final = frozenset({401, 403})


def is_remote(location: str) -> bool:
    """Tell whether a path or URI is on another host."""
    return "://" in location and not location.startswith("file://")


def has_server(config: Any) -> bool:
    """Tell whether a repository of this configuration is behind a Butler server."""
    return bool(config.get(("remote_butler", "url"), None))


def waits_for_peers(config: ButlerConfig) -> bool:
    """Tell whether opening a repository of this configuration asks another host."""
    database = str(config.get(("registry", "db"), ""))
    return has_server(config) or not database.startswith("sqlite:") or any(map(is_remote, _roots(config)))


def set_deadlines(silence_secs: float) -> None:
    """Have connections to PostgreSQL give up on a server that is silent; what the repository's URL says goes first.

    A query may take longer than that: it is the host that must not be silent, and it answers probes on its own.
    """
    import sqlalchemy

    secs = max(1, math.ceil(silence_secs))

    def patient(dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        if dialect.name != "postgresql":
            return
        wanted = {
            "connect_timeout": max(2, secs),  # libpq takes one second for two
            "keepalives_idle": secs,
            "keepalives_interval": 1,
            "keepalives_count": 3,
            "tcp_user_timeout": secs * 1000,
        }
        for name, value in wanted.items():
            options.setdefault(name, value)

    sqlalchemy.event.listen(sqlalchemy.Engine, "do_connect", patient)


def open_butler(config: ButlerConfig, *, server_silence_secs: float) -> Butler:
    """Open a repository read-only; one behind a Butler server with our deadline instead of two minutes."""
    from lsst.daf.butler import Butler

    if not has_server(config):
        return Butler.from_config(config, writeable=False)
    try:
        # Butler has no public way to the deadline of its connection.
        from lsst.daf.butler.remote_butler._factory import RemoteButlerFactory
    except ImportError as error:
        _log.warning("a Butler server will be waited for until the deadline of the whole query: %s", error)
        return Butler.from_config(config, writeable=False)
    factory = RemoteButlerFactory.create_factory_from_config(config)
    factory.http_client.timeout = server_silence_secs
    try:
        return factory.create_butler_with_credentials_from_environment()
    except RuntimeError as error:
        if error_of(error) is not None:  # the server was asked already, and its client's errors are of this class too
            raise
        raise exception_for(_refusal_of("the Butler server", "BUTLER_RUBIN_ACCESS_TOKEN")) from error


def error_of(raised: BaseException, who: str = "the repository's host") -> Error | None:
    """Return the error that stands for an exception of a peer's library; None where it is none."""
    names = [kind.__name__ for kind in type(raised).__mro__]
    packages = {kind.__module__.partition(".")[0] for kind in type(raised).__mro__}
    if not packages & _PEERS and not _SERVER_ERRORS.intersection(names):
        return None
    if _is_refusal(raised, names):
        return _refusal_of(who, "credentials")
    if _is_late(raised):
        return Error(code="deadline", message=f"{who} did not answer in time", where="repo", retryable=True)
    return Error(
        code="repository_failed",
        message=f"{who} cannot be reached, or fails ({names[0]})",
        where="repo",
        retryable=True,
        hint="the daemon's log has its own words",
    )


def failure_of(raised: BaseException, who: str) -> MtvError:
    """Return (not raise) the exception for whatever came of asking a peer."""
    if isinstance(raised, MtvError):
        return raised
    message = f"{who} cannot be reached, or fails ({type(raised).__name__})"
    error = error_of(raised, who) or Error(code="repository_failed", message=message, where="repo", retryable=True)
    return exception_for(error)


def _refusal_of(who: str, wanted: str) -> Error:
    return Error(
        code="repository_failed",
        message=f"{who} refuses the daemon",
        where="repo",
        hint=f"the daemon needs {wanted} in its environment: see docs/scale-out.md",
    )


def _roots(config: Any) -> list[str]:
    root = config.get(("datastore", "root"), "")
    members = config.get(("datastore", "datastores"), None) or []
    return [str(root), *(str(member.get(("datastore", "root"), "")) for member in members)]


def _is_refusal(raised: BaseException, names: list[str]) -> bool:
    response = getattr(raised, "response", None)
    status = getattr(raised, "status_code", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status in _REFUSALS or any(word in names[0] for word in _CREDENTIALS)


def _is_late(raised: BaseException | None) -> bool:
    while raised is not None:
        if "Timeout" in type(raised).__name__:
            return True
        raised = raised.__cause__
    return False
