"""A DS9 that the user runs: found by its title, and given the agent. It is never ended from here.

Two ways lead to it, as with XPA's own tools: its socket in XPA's directory, whose name has title and pid, and the
user's XPA name server. Only a DS9 started with ``XPA_METHOD=local`` (or ``localhost``) takes Tcl from XPA; another one
refuses, and the user is told how to start it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio

from mtvd.host.children import Child, ChildError, ChildLost
from mtvd.stage.port import WindowUnavailable
from mtvd.stage.window.held import Held
from mtvd.stage.window.lane import ENVIRONMENT
from mtvd.stage.window.owned import Owned
from mtvd.stage.window.process import Window, new_directory, read_facts, remove_directory, write_agent
from mtvd.stage.window.screen import Screen

_REFUSED: Final = "not available"
_STARTING: Final = "DS9 is still starting"
_POLL_SECS: Final = 0.1
StartLane = Callable[[Mapping[str, str]], Awaitable[Child]]


async def attach(title: str, stage_directory: Path, start_lane: StartLane, *, deadline_secs: float) -> Held:
    """Find the DS9 of a title, give it the agent and open the channel to it.

    Parameters
    ----------
    start_lane : callable
        Starts a lane process with these variables.
    deadline_secs : `float`
        For each question.

    Raises
    ------
    WindowUnavailable
        There is none, or two; it is stopped, does not answer, refuses Tcl, or another daemon holds it.
    NoAnswer, ScriptFailed, NoChannel, OSError
        As `~mtvd.stage.window.held.Held.connect`.
    """
    address = only(title, await addresses(title, start_lane, deadline_secs))
    directory = new_directory(stage_directory)
    lane = await start_lane(_environment(address))
    try:
        script = _script(write_agent(directory, "attach"))
        try:
            await lane.call("connect", {"socket": address}, deadline_secs=deadline_secs)
            await _give_agent(lane, script, deadline_secs)
        except (ChildError, ChildLost) as error:
            raise WindowUnavailable(_why(title, str(error))) from error
        held = Held(_window(title, address, directory))
        try:
            await held.connect(deadline_secs=deadline_secs)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await held.end(kindly=True)
            raise
        return held
    except BaseException:
        remove_directory(directory)
        raise
    finally:
        await lane.kill()


async def _give_agent(lane: Child, script: bytes, deadline_secs: float) -> None:
    """Run the agent's script as soon as DS9 has finished its start, in the middle of which XPA is served already."""
    with anyio.move_on_after(deadline_secs) as patience:
        while True:
            try:
                await lane.call("run", {"script": script}, deadline_secs=deadline_secs)
            except ChildError as error:
                if str(error) != _STARTING:
                    raise
                await anyio.sleep(_POLL_SECS)
            else:
                return
    if patience.cancelled_caught:
        raise ChildLost(f"{_STARTING} after {deadline_secs:g} s")


def stopped_error(title: str, pid: int) -> WindowUnavailable:
    """Return the error for a DS9 that the user has stopped."""
    return WindowUnavailable(f"the DS9 {title!r} (pid {pid}) is stopped: kill -CONT {pid}")


async def addresses(title: str, start_lane: StartLane, deadline_secs: float) -> list[str]:
    """Return where the DS9 of a title listen, each once: of that very title, which is no pattern.

    Raises
    ------
    WindowUnavailable
        One is stopped, or XPA's name server does not answer.
    """
    sockets = [str(path) for path in _sockets(title) if _listens(path)]
    for address in sockets:  # before the name server is asked: XPA's look-up waits for one that is stopped
        _refuse_stopped(title, address)
    lane = await start_lane(_variables() | {"XPA_METHOD": "inet"})
    try:
        known = await lane.call("find", {"title": title}, deadline_secs=deadline_secs)
    except (ChildError, ChildLost) as error:
        raise WindowUnavailable(f"XPA's name server, or the DS9 {title!r}, does not answer: {error}") from error
    finally:
        await lane.kill()
    return list(dict.fromkeys((*sockets, *known)))


def only(title: str, addresses: list[str]) -> str:
    """Return the only address, or raise `WindowUnavailable` where there is none, or several."""
    if not addresses:
        raise WindowUnavailable(f"there is no DS9 with the title {title!r}: XPA_METHOD=local ds9 -title {title}")
    if len(addresses) > 1:
        places = ", ".join(addresses)
        raise WindowUnavailable(f"{len(addresses)} DS9 have the title {title!r} ({places}): give each one of its own")
    return addresses[0]


def _refuse_stopped(title: str, address: str) -> None:
    pid = address.rpartition(".")[2]
    if address.startswith("/") and pid.isdigit():
        with suppress(ProcessLookupError):
            process = Owned(int(pid))
            is_stopped = process.stopped
            process.close()
            if is_stopped:
                raise stopped_error(title, int(pid))


def _script(agent: Path) -> bytes:
    """Take over what a daemon that is gone has left there; nothing from one that lives."""
    return f"""
        if {{$::ds9(init) && [winfo exists .__tk__messagebox]}} {{
            error "it waits for an answer: [.__tk__messagebox.msg cget -text]"
        }}
        if {{$::ds9(init)}} {{error "{_STARTING}"}}
        if {{[info exists ::mtv::holder] && $::mtv::holder != {os.getpid()} && [file exists /proc/$::mtv::holder]}} {{
            error "another mtvd is attached to it, pid $::mtv::holder"
        }}
        if {{[info commands ::mtv::release] ne {{}}}} ::mtv::release
        source {{{agent}}}
        {holder()}
    """.encode()


def holder() -> str:
    """Return the line of Tcl that says whose the agent is."""
    return f"set ::mtv::holder {os.getpid()}\n"


def _why(title: str, words: str) -> str:
    if _REFUSED in words:
        return f"the DS9 {title!r} takes no scripts: start it with XPA_METHOD=local ds9 -title {title}"
    return f"the DS9 {title!r} could not be attached to: {words}"


def _window(title: str, address: str, directory: Path) -> Window:
    try:
        pid = int((directory / "ready").read_text())
        process = Owned(pid)
        version, colormaps = read_facts(directory)
    except (OSError, ValueError) as error:
        raise WindowUnavailable(f"the DS9 {title!r} at {address} does not run on this host") from error
    process.close()
    return Window(
        title=title,
        pid=pid,
        started=process.started,
        socket=address,
        directory=str(directory),
        screen=Screen(x_display=""),
        attached=True,
        version=version,
        colormaps=colormaps,
    )


def _environment(address: str) -> dict[str, str]:
    if address.startswith("/"):
        return _variables() | {"XPA_METHOD": "local", "XPA_TMPDIR": str(Path(address).parent)}
    return _variables() | {"XPA_METHOD": "inet"}


def _variables() -> dict[str, str]:
    """Return the user's own settings of XPA, for time-outs and name servers that are ours."""
    return {name: value for name, value in ENVIRONMENT.items() if name != "XPA_METHOD"}


def _socket_directory() -> Path:
    return Path(os.environ.get("XPA_TMPDIR", "/tmp/.xpa"))  # noqa: S108 - where XPA's own tools look


def _sockets(title: str) -> list[Path]:
    """Return the sockets of a title: XPA names them ``DS9_TITLE.PID``, and ``mine.2`` is a title too."""
    try:
        found = list(_socket_directory().iterdir())
    except OSError:  # no DS9 has made it yet
        return []
    return sorted(path for path in found if path.stem == f"DS9_{title}" and path.suffix[1:].isdecimal())


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.settimeout(1)
        probe.connect(str(path))
        return True
    return False
