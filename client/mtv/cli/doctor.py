"""Checks of what is missing on this machine, with the command that brings it. Imports nothing of what it looks for."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import click

from mtv.cli import common, output, starting
from mtv.cli.common import Call, Command
from mtv.shared import ds9, keys, ownership, paths
from mtv.wire.errors import MtvError

if TYPE_CHECKING:
    from mtv.wire.reports import Report, WindowState

_CLIENT_PACKAGES: Final = ("zmq", "msgpack", "msgspec", "numpy", "platformdirs", "click", "rich")
_ROOM_BYTES: Final = 1_000_000_000
"""Thirty exposures or so; below that, pixels soon find no place."""
_LOCAL_X: Final = re.compile(r"(?:unix)?:(\d+)(?:\.\d+)?")
_COMMAND: Final = re.compile(r": (?:start it with )?((?:sudo|XPA_METHOD=local|kill) [^:]+)$")
_PROBE_SECS: Final = 5.0


class Finding(NamedTuple):
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "problem"]
    text: str
    remedy: str = ""
    """A command to copy, or what to write where."""
    exit_code: int = common.REFUSED


def _ok(name: str, text: str) -> Finding:
    return Finding(name, "ok", text)


@click.command("doctor", cls=Command)
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Look at everything that the daemon and its window need; name the command that brings what is missing.

    Exit code 0: all is well; 3: only the daemon does not run; 1: something else is missing.
    """
    call = ctx.ensure_object(Call)
    findings = examine(call)
    if call.json:
        output.print_json([dict(zip(("name", "state", "text", "remedy"), found, strict=False)) for found in findings])
    else:
        for found in findings:
            click.secho(f"{found.state:<9}{found.name:<20}{found.text}", fg=None if found.state == "ok" else "red")
            if found.remedy:
                click.echo(f"{'':<9}{'':<20}-> {found.remedy}")
    codes = {found.exit_code for found in findings if found.state == "problem"}
    ctx.exit(0 if not codes else codes.pop() if len(codes) == 1 else common.REFUSED)


def examine(call: Call) -> list[Finding]:
    """Return what was found, in the order in which it should be mended."""
    far = paths.is_tcp(call.endpoint or os.environ.get(paths.ENDPOINT_VARIABLE, ""))
    findings: list[Finding] = []
    for look in _LOOKS:
        if not far or look not in _HERE:
            findings += look(call)
    return findings


def _client(_call: Call) -> Iterator[Finding]:
    missing = [name for name in _CLIENT_PACKAGES if not starting.is_there(name)]
    version = ".".join(map(str, sys.version_info[:3]))
    if missing:
        remedy = f"{sys.executable} -m pip install mtv"
        yield Finding("client", "problem", f"Python {version} lacks {', '.join(missing)}", remedy)
    else:
        yield _ok("client", f"Python {version}, numpy {importlib.metadata.version('numpy')}")


def _daemon_packages(_call: Call) -> Iterator[Finding]:
    missing = starting.missing_packages()
    if missing:
        remedy = f"{sys.executable} -m pip install 'mtv[daemon]'"
        yield Finding("daemon's packages", "problem", f"missing: {', '.join(missing)}", remedy)
    else:
        yield _ok("daemon's packages", "all there")


def _ds9(_call: Call) -> Iterator[Finding]:
    found = shutil.which("ds9")
    if found:
        yield _ok("ds9", ", ".join(filter(None, (found, ds9.describe_version(ds9.find_version(Path(found)))))))
    else:
        yield Finding("ds9", "problem", "there is no ds9 on the path", "sudo apt-get install saods9")


def _screen(_call: Call) -> Iterator[Finding]:
    display = os.environ.get("DISPLAY", "")
    virtual = shutil.which("Xvfb")
    if display and _answers(display):
        yield _ok("screen", f"$DISPLAY is {display}")
    elif display:
        remedy = "unset DISPLAY" if virtual else "set DISPLAY to a screen that there is, or: sudo apt-get install xvfb"
        yield Finding("screen", "problem", f"nothing listens at $DISPLAY, {display}", remedy)
    elif virtual:
        yield _ok("screen", f"no $DISPLAY: the window will be on a virtual screen ({virtual})")
    else:
        yield Finding("screen", "problem", "there is no $DISPLAY and no Xvfb", "sudo apt-get install xvfb")


def _answers(display: str) -> bool:
    """Tell whether an X server listens; of one on another host it is taken for granted."""
    match = _LOCAL_X.fullmatch(display)
    if match is None:
        return True
    name = f"/tmp/.X11-unix/X{match[1]}"  # noqa: S108 - where X servers listen
    for address in (name, f"\0{name}"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_PROBE_SECS)
            probe.connect(address)
            return True
    return False


def _socket(call: Call) -> Iterator[Finding]:
    try:
        endpoint = call.endpoint or paths.default_endpoint()
        paths.check_endpoint(endpoint)
    except MtvError as error:
        yield Finding("socket", "problem", error.error.message, error.error.hint)
        return
    path = paths.socket_path(endpoint)
    if path is None:
        yield _ok("socket", f"{endpoint}, on another host or by TCP")
        yield from _keys(endpoint)
        return
    yield _ok("socket", f"{path}, {len(os.fsencode(path))} of {paths.SOCKET_PATH_BYTES} bytes")
    try:
        ownership.require_own(endpoint)
    except MtvError as error:
        yield Finding("runtime directory", "problem", error.error.message, error.error.hint)
        return
    yield from _directory(path.parent)
    yield from _room(path.parent)
    yield from _journal(path.parent)


def _keys(endpoint: str) -> Iterator[Finding]:
    try:
        found = keys.for_client(endpoint)
    except MtvError as error:
        yield Finding("keys", "problem", error.error.message, error.error.hint)
    else:
        yield _ok(
            "keys", f"{keys.short_path(keys.directory() / 'client.key')} for {keys.short_path(found.server_file)}"
        )


def _directory(path: Path) -> Iterator[Finding]:
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    status = existing.stat()
    if existing != path:
        if os.access(existing, os.W_OK | os.X_OK):
            yield _ok("runtime directory", f"{path} will be made")
        else:
            remedy = "export XDG_RUNTIME_DIR=$(mktemp -d)"
            yield Finding("runtime directory", "problem", f"{path} cannot be made in {existing}", remedy)
    elif not stat.S_ISDIR(status.st_mode):
        yield Finding("runtime directory", "problem", f"{path} is no directory", f"rm {path}")
    elif status.st_uid != os.getuid():
        remedy = "export XDG_RUNTIME_DIR=$(mktemp -d)"
        yield Finding("runtime directory", "problem", f"{path} belongs to somebody else", remedy)
    elif stat.S_IMODE(status.st_mode) & 0o077:
        yield Finding("runtime directory", "problem", f"others may enter {path}", f"chmod 700 {path}")
    else:
        yield _ok("runtime directory", str(path))


def _room(runtime: Path) -> Iterator[Finding]:
    """Look at the place where a daemon that is told nothing else puts pixels."""
    chosen = paths.pixel_directory(runtime)
    place = next(parent for parent in (chosen, *chosen.parents) if parent.is_dir())
    free = shutil.disk_usage(place).free
    if free < _ROOM_BYTES:
        remedy = 'write pixel_directory = "/a/roomier/place" into ~/.config/mtv/mtvd.toml'
        yield Finding("room for pixels", "problem", f"only {output.size(free)} free in {place}", remedy)
    else:
        yield _ok("room for pixels", f"{output.size(free)} free in {place}")


def _journal(runtime: Path) -> Iterator[Finding]:
    """Tell of a journal that was damaged; of a sound one nothing is said."""
    kept = runtime / "journal.damaged"
    try:
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.stat().st_mtime))
    except OSError:
        return
    text = f"it was damaged on the disk: mtvd.log tells what was lost; the damaged file, of {day}, was kept"
    yield Finding("journal", "problem", text, f"rm {kept}")


def _daemon(call: Call) -> Iterator[Finding]:
    try:
        connection = common.connect(call.endpoint, min(call.timeout_secs, _PROBE_SECS))
        if paths.is_tcp(connection.endpoint):
            keys.for_client(connection.endpoint)
    except MtvError:  # the endpoint itself is at fault, or a key: it has a line of its own
        return
    try:
        report = connection.status()
    except MtvError as error:
        if error.code == "forbidden":  # the directory has a line of its own
            return
        # a daemon that is silent is stopped by the number that its lock names
        lock = "kill $(cat {}/lock) && mtv up"
        path = paths.socket_path(connection.endpoint)
        silent = path is not None and path.exists() and "listen" not in error.error.message
        remedy = lock.format(path.parent) if silent and path else "mtv up"
        if path is None:
            remedy = error.error.hint
        yield Finding("daemon", "problem", error.error.message, remedy, common.ABSENT)
        return
    finally:
        connection.close()
    yield _ok("daemon", f"mtvd {report.release}, pid {report.pid}, up {output.duration(report.uptime_secs)}")
    yield from _pixels(report)
    window = report.window
    if window.state in {"lost", "failed"}:
        remedy = _remedy(window.reason) or f"mtv down && mtv up, and look into {_log_of(connection.endpoint)}"
        yield Finding("window", "problem", f"{window.state}: {window.reason or 'no reason given'}", remedy)
    else:
        yield _ok("window", _window_text(window))


def _pixels(report: Report) -> Iterator[Finding]:
    """Look at the pixel files of a daemon that runs; where there is space enough, nothing is said of them."""
    if report.pixel_bytes_limit and report.pixel_room_bytes < min(_ROOM_BYTES, report.pixel_bytes_limit // 4):
        used = f"{output.size(report.pixel_bytes)} of {output.size(report.pixel_bytes_limit)} used"
        text = f"room for only {output.size(report.pixel_room_bytes)} ({used})"
        remedy = "delete displays and release handles, or set pixel_bytes or pixel_directory in ~/.config/mtv/mtvd.toml"
        yield Finding("pixels", "problem", text, remedy)


def _window_text(window: WindowState) -> str:
    where = ", your own DS9" if window.attached else ", on a virtual screen" if window.headless else ""
    version = ds9.describe_version(window.version)
    return f"{window.state}{where}{', ' if version else ''}{version}" + (f" ({window.reason})" if window.reason else "")


def _remedy(reason: str) -> str:
    """Return the command that the daemon itself names at the end of a reason."""
    match = _COMMAND.search(reason)
    return match[1] if match else ""


def _log_of(endpoint: str) -> str:
    path = paths.socket_path(endpoint)
    return str(path.parent / "mtvd.log") if path else "its log"


_LOOKS: Final[tuple[Callable[[Call], Iterator[Finding]], ...]] = (
    _client,
    _daemon_packages,
    _ds9,
    _screen,
    _socket,
    _daemon,
)

_HERE: Final = (_daemon_packages, _ds9, _screen)
"""Checks that matter only on the host of the daemon."""
