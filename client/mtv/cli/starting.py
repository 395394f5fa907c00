"""Starting a daemon and seeing it leave. Used by up, down and demo; knows the daemon only as a program to run."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple

from mtv.cli import common
from mtv.cli.common import Refused
from mtv.shared import ownership, paths
from mtv.wire.errors import Error, MtvError, RequestError, Unavailable, bad_value

if TYPE_CHECKING:
    from mtv.wire.reports import Report

LOG_NAME: Final = "mtvd.log"
DAEMON_PACKAGES: Final = ("mtvd", "anyio", "astropy", "pyds9", "lsst.daf.butler", "fitsio", "psutil")
"""Packages of the extra ``mtv[daemon]`` that the daemon cannot do without."""
_STARTING: Final = "starting"
"""File that is locked while a daemon is started."""
_GLANCE_SECS: Final = 0.05
"""How long to watch a starting daemon for its death before asking it again."""
_SHOWN_LINES: Final = 12
_PROBE_SECS: Final = 5.0


class Started(NamedTuple):
    """A daemon that answers."""

    process: subprocess.Popen[bytes]
    report: Report
    log: Path


def probe(endpoint: str | None) -> Report | None:
    """Return the state of the daemon at an endpoint; None where nobody listens, or lets us in."""
    chosen = endpoint or paths.default_endpoint()
    ownership.require_own(chosen)
    path = paths.socket_path(chosen)
    if path is not None and not path.exists():
        return None
    connection = common.connect(endpoint, _PROBE_SECS)
    try:
        return connection.status()
    except (Unavailable, RequestError):
        return None
    finally:
        connection.close()


def runtime_of(endpoint: str | None) -> Path:
    """Return the runtime directory of a daemon, where its socket is; it is made where it is not there.

    Raises
    ------
    RequestError
        ``bad_value`` for an endpoint that is no socket file; ``forbidden`` where the directory is somebody else's.
    """
    chosen = endpoint or paths.default_endpoint()
    path = paths.socket_path(paths.check_endpoint(chosen))
    if path is None:
        raise bad_value(
            "endpoint", f"a daemon cannot be started at {chosen}", "start it on its own host: mtv up --listen TCP"
        )
    ownership.require_own(chosen)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.parent


def start(
    endpoint: str | None, options: Sequence[str], timeout_secs: float, environ: Mapping[str, str] = os.environ
) -> Started:
    """Start a daemon that outlives this process, and return when it answers.

    Raises
    ------
    Refused
        It is not installed, ended at once, or did not answer in time; its last words are on stderr.
    """
    require_daemon()
    runtime = runtime_of(endpoint)
    log = runtime / LOG_NAME
    command = [sys.executable, "-m", "mtvd", "serve", *options]
    if endpoint or paths.ENDPOINT_VARIABLE in os.environ:
        command += ["--endpoint", endpoint or os.environ[paths.ENDPOINT_VARIABLE], "--runtime-dir", str(runtime)]
    with log.open("ab") as sink:
        begin = sink.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            cwd=runtime,
            env=_with_absolute_python_path(environ),
        )
    report = _wait_until_it_answers(process, endpoint, timeout_secs)
    if report is None:
        ended = process.poll()
        end(process)
        _show_log(log, begin)
        if ended is None:
            raise Refused(f"mtvd did not answer within {timeout_secs:g} s (its log: {log})", common.OVERDUE)
        raise Refused(f"mtvd ended with status {ended} (its log: {log})", common.BROKEN)
    process.returncode = 0  # it is meant to outlive this process: nobody will wait for it
    return Started(process, report, log)


def start_or_find(
    endpoint: str | None, options: Sequence[str], timeout_secs: float, environ: Mapping[str, str] = os.environ
) -> tuple[Report, bool]:
    """Start a daemon, or find the one that somebody else starts at the same time.

    Returns
    -------
    report : `~mtv.wire.reports.Report`
        The daemon's state.
    already : `bool`
        True where it was started by somebody else.

    Raises
    ------
    Refused
        As `start`.
    """
    require_daemon()
    deadline = time.monotonic() + timeout_secs
    runtime = runtime_of(endpoint)
    with _only_start(runtime, deadline):
        report = probe(endpoint)  # the one who had the lock before has started it
        if report is not None:
            return report, True
        try:
            return start(endpoint, options, timeout_secs, environ).report, False
        except Refused:
            # it may have ended because of one that was started in another way: by the service, or by hand
            report = _wait_for_holder(runtime, endpoint, deadline)
            if report is None:
                raise
            return report, True


@contextlib.contextmanager
def _only_start(runtime: Path, deadline: float) -> Iterator[None]:
    """Have one process at a time start a daemon in a runtime directory.

    The lock is gone with the process that holds it, also where that is killed.
    """
    with (runtime / _STARTING).open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Refused("another 'mtv up' has been starting a daemon for too long", common.OVERDUE) from None
                time.sleep(_GLANCE_SECS)
        yield


def _wait_for_holder(runtime: Path, endpoint: str | None, deadline: float) -> Report | None:
    """Return the state of a daemon that has the runtime directory, once it answers; None where none has."""
    report = probe(endpoint)
    while report is None and _is_held(runtime / "lock") and time.monotonic() < deadline:
        time.sleep(_GLANCE_SECS)
        report = probe(endpoint)
    return report


def _is_held(lock: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _wait_until_it_answers(
    process: subprocess.Popen[bytes], endpoint: str | None, timeout_secs: float
) -> Report | None:
    deadline = time.monotonic() + timeout_secs
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GLANCE_SECS)
            return None
        with contextlib.suppress(MtvError):
            report = probe(endpoint)
            if report is not None:
                return report
    return None


def end(process: subprocess.Popen[bytes], patience_secs: float = 20.0) -> None:
    """End a process of ours: in order, or by force where it does not listen."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience_secs)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def require_daemon() -> None:
    """Refuse where only the client is installed: the daemon's own modules are there, what they import is not."""
    missing = missing_packages()
    if missing:
        raise Unavailable(
            Error(
                code="no_daemon",
                message=f"the daemon is not installed in this Python, which lacks {', '.join(missing)}",
                hint=f"{sys.executable} -m pip install 'mtv[daemon]'",
            )
        )


def missing_packages() -> list[str]:
    """Return what the daemon needs and this Python does not have; nothing of it is imported."""
    return [name for name in DAEMON_PACKAGES if not is_there(name)]


def is_there(name: str) -> bool:
    """Tell whether a module could be imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def install_service(*, start: bool) -> None:
    """Have the daemon install its user service, and start it where wished."""
    require_daemon()
    options = [] if start else ["--no-start"]
    result = subprocess.run([sys.executable, "-m", "mtvd", "install-service", *options], check=False)
    if result.returncode:
        raise Refused("the user service was not installed ('mtv up' starts the daemon without it)", common.BROKEN)


def absolute_repo(given: str) -> str:
    """Return ``[ALIAS=]PATH`` with an absolute path: the daemon runs in another directory."""
    alias, found, location = given.partition("=")
    if not found:
        alias, location = "", given
    if "://" not in location:
        location = str(Path(location).expanduser().absolute())
    return f"{alias}={location}" if alias else location


def missing_directory(given: str) -> str:
    """Return the path of ``[ALIAS=]PATH`` where nothing is there; empty where something is, and for a URI."""
    location = absolute_repo(given)
    location = location.partition("=")[2] if "=" in given else location
    return "" if "://" in location or Path(location).exists() else location


def _with_absolute_python_path(environ: Mapping[str, str]) -> dict[str, str]:
    search = environ.get("PYTHONPATH")
    if not search:
        return dict(environ)
    return {**environ, "PYTHONPATH": os.pathsep.join(str(Path(part).absolute()) for part in search.split(os.pathsep))}


def _show_log(log: Path, begin: int) -> None:
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").splitlines()
    for line in lines[-_SHOWN_LINES:]:
        print(f"  {line}", file=sys.stderr)


class Leaving:
    """A daemon that is about to go: taken hold of before it is asked to, so that its number cannot be another's.

    Parameters
    ----------
    pid : `int`
        What it says its process is.
    endpoint : `str`
        Only a daemon on this host can be watched.
    """

    def __init__(self, pid: int, endpoint: str) -> None:
        self._descriptor: int | None = None
        if paths.socket_path(endpoint) is not None:
            with contextlib.suppress(OSError):
                self._descriptor = os.pidfd_open(pid)

    def __enter__(self) -> Leaving:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def wait(self, timeout_secs: float) -> bool:
        """Wait until it has gone; tell whether it has. One that cannot be watched counts as gone."""
        if self._descriptor is None:
            return True
        return bool(select.select([self._descriptor], [], [], timeout_secs)[0])
