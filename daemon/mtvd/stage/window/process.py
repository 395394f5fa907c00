"""The DS9 process: started in a directory of its own, found again by a later daemon, ended in order.

Each window has a directory ``w-…`` in the stage's, mode 0700: home and working directory of DS9 (so that no
preferences of the user's are run, which are Tcl), the directory of its XPA socket (which libxpa makes world-writable,
so that the one above must not be), its log, and the mark that it leaves where the user closes it. ``state.json`` beside
them says which window is ours.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Final, Literal

import anyio
import msgspec

from mtvd.stage.port import WindowUnavailable
from mtvd.stage.settings import StageSettings
from mtvd.stage.talk.channel import ANSWERS, REQUESTS
from mtvd.stage.window.lane import ENVIRONMENT
from mtvd.stage.window.owned import Owned, spawn
from mtvd.stage.window.preferences import write_preferences
from mtvd.stage.window.screen import Screen, end_virtual, last_words

_SOCKET_PATH_MAX: Final = 107
_POLL_SECS: Final = 0.02
EVENTS: Final = "events"
_NO_PIPES: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})
"""Errors of file systems without pipes; those have no sockets either, so XPA and the daemon could not be reached."""
_AGENT: Final = tuple(
    f"{part}.tcl"
    for part in (
        *("agent", "facts", "talk", "actions", "markers", "kept", "views", "large", "frames", "annotations"),
        *("lettering", "hand", "events", "zooms"),
        "hooks",
    )
)
"""Sourced in this order; the last has what installs the others."""
_AGENT_FILE: Final = "agent.tcl"
MEMORY: Final = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(128 << 20)}
"""Variables for the C library of DS9, which makes buffers of some megabytes for each redraw and gives them back. As the
library is, their pages come from the system each time, and are cleared: 10 ms of a redraw of 41. With these, at most
128 MB that are free stay with DS9: 1 ms of 32 (row ``redraw`` of ``make bench``). 32 MB is the most that it takes
(mallopt(3))."""
_COLORMAP: Final = re.compile(r"[A-Za-z0-9._+-]{1,60}", re.ASCII)
PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9._/+-]+", re.ASCII)
"""Paths that nothing in DS9 misreads."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A DS9 of ours, as written to the state file."""

    title: str
    pid: int
    started: int
    """Start time in clock ticks since boot."""
    socket: str
    directory: str
    screen: Screen
    attached: bool = False
    """True for a DS9 that the user started."""
    boot: str = ""
    """Which start of the machine it belongs to."""
    version: str = ""
    """DS9's own, such as ``8.4.1``; empty for a window of an earlier daemon that did not ask."""
    colormaps: tuple[str, ...] = ()
    """Names of its colour maps; empty where ``version`` is."""

    @property
    def closed_mark(self) -> Path:
        """Exists once the user has closed the window."""
        return Path(self.directory) / "closed"

    @property
    def events(self) -> Path:
        """The FIFO through which the agent tells what the user does."""
        return Path(self.directory) / EVENTS

    @property
    def log(self) -> Path:
        """File with the output of DS9."""
        return Path(self.directory) / "ds9.log"


async def launch(settings: StageSettings, stage_directory: Path, screen: Screen, directory: Path) -> Window:
    """Start DS9 and return once its start is over and its socket is there.

    Raises
    ------
    WindowUnavailable
        DS9 is missing, ended at once, or did not come up in time; its own words are in the message.
    """
    if shutil.which(settings.ds9) is None:
        raise WindowUnavailable(f"there is no {settings.ds9}: sudo apt-get install saods9")
    xpa, home = directory / "xpa", directory / "home"
    xpa.mkdir(exist_ok=True)
    home.mkdir(exist_ok=True)
    if len(str(xpa)) + len(f"/DS9_{settings.title}.4194304") > _SOCKET_PATH_MAX:
        raise WindowUnavailable(f"{stage_directory} is too long for a socket: set XDG_RUNTIME_DIR to a shorter path")
    write_preferences(home, settings.title)
    command = _command(settings, write_agent(directory, "install"))
    log = directory / "ds9.log"
    process = spawn(command, environment=_environment(screen, xpa, home), directory=home, log=log)
    try:
        socket = await _socket_of(process, xpa, settings)
    except BaseException:
        await process.kill()
        raise
    finally:
        process.close()
    version, colormaps = read_facts(directory)
    return Window(
        title=settings.title,
        pid=process.pid,
        started=process.started,
        socket=str(socket),
        directory=str(directory),
        screen=screen,
        boot=boot(),
        version=version,
        colormaps=colormaps,
    )


def write_agent(directory: Path, begin: Literal["install", "attach"]) -> Path:
    """Write what DS9 sources, and the pipes that it opens; the path goes through DS9's own parser, so must be plain.

    Raises
    ------
    WindowUnavailable
        The path is not plain, or its file system has no pipes.
    """
    if not PLAIN_PATH.fullmatch(str(directory)):
        raise WindowUnavailable(f"{directory}: DS9 needs a path of letters, digits and . _ / + - only")
    agent = directory / _AGENT_FILE
    agent.write_text(_agent_text(directory, begin))
    for fifo in (REQUESTS, ANSWERS, EVENTS):
        try:
            os.mkfifo(directory / fifo, 0o600)
        except OSError as error:
            if error.errno not in _NO_PIPES:
                raise
            raise WindowUnavailable(f"{directory} can have no pipes: set XDG_RUNTIME_DIR to one that can") from error
    return agent


def _agent_text(directory: Path, begin: Literal["install", "attach"]) -> str:
    text = "\n".join(resources.files("mtvd.stage.talk").joinpath(name).read_text() for name in _AGENT)
    return f"{text}\n::mtv::{begin} {directory}\n"


def has_our_agent(window: Window) -> bool:
    """Tell whether a window was given this release's agent: that of another one may not know what scripts ask of it."""
    directory = Path(window.directory)
    try:
        given = (directory / _AGENT_FILE).read_text()
    except (OSError, UnicodeDecodeError):
        return False
    return given == _agent_text(directory, "attach" if window.attached else "install")


def read_facts(directory: Path) -> tuple[str, tuple[str, ...]]:
    """Return version and colour maps of a DS9, as its agent wrote them.

    Parameters
    ----------
    directory : `~pathlib.Path`
        Directory of the window.

    Returns
    -------
    version : `str`
        As DS9 says it.
    colormaps : `tuple` [`str`]
        Those whose names can be sent; a file of the user's may give one any name.

    Raises
    ------
    OSError
        It wrote none.
    """
    version, *names = (directory / "facts").read_text(errors="replace").splitlines() or [""]
    return version, tuple(name for name in names if _COLORMAP.fullmatch(name))


def new_directory(stage_directory: Path) -> Path:
    """Make the directory of a new window."""
    return Path(tempfile.mkdtemp(prefix="w-", dir=stage_directory))


async def discard(window: Window) -> None:
    """Remove what is left of a window that is gone: its screen and its directory."""
    await end_virtual(window.screen)
    remove_directory(Path(window.directory))


def remove_directory(directory: Path) -> None:
    """Remove the directory of a window."""
    shutil.rmtree(directory, ignore_errors=True)


def boot() -> str:
    """Return what tells this start of the machine from any other."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def remember(stage_directory: Path, window: Window) -> None:
    """Write the state file."""
    path = stage_directory / "state.json"
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(window))
    fresh.replace(path)


def forget(stage_directory: Path) -> None:
    """Remove the state file."""
    (stage_directory / "state.json").unlink(missing_ok=True)


def recall(stage_directory: Path) -> Window | None:
    """Return the window of an earlier daemon, alive or not; what belongs to no window is removed.

    Raises
    ------
    OSError
        The state file cannot be read: then nothing is removed.
    """
    window = _read_state(stage_directory)
    for stale in stage_directory.glob("w-*"):
        if window is None or str(stale) != window.directory:
            shutil.rmtree(stale, ignore_errors=True)
    return window


def _read_state(stage_directory: Path) -> Window | None:
    try:
        return msgspec.json.decode((stage_directory / "state.json").read_bytes(), type=Window)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _command(settings: StageSettings, agent: Path) -> list[str]:
    geometry = f"{settings.width_px}x{settings.height_px}"
    return [settings.ds9, "-title", settings.title, "-geometry", geometry, "-source", str(agent)]


def _environment(screen: Screen, xpa: Path, home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("XPA_", "DS9_"))}
    private = {"XPA_TMPDIR": str(xpa), "HOME": str(home), "LC_NUMERIC": "C"}
    return MEMORY | inherited | ENVIRONMENT | private | screen.environment()


async def _socket_of(process: Owned, xpa: Path, settings: StageSettings) -> Path:
    log = xpa.parent / "ds9.log"
    with anyio.move_on_after(settings.start_deadline_secs):
        while process.alive:
            if socket := _socket_in(xpa, settings.title):
                return socket
            await anyio.sleep(_POLL_SECS)
        raise WindowUnavailable(f"{settings.ds9} ended at once: {last_words(log)}")
    raise WindowUnavailable(
        f"{settings.ds9} did not come up within {settings.start_deadline_secs:g} s: {last_words(log)}"
    )


def _socket_in(xpa: Path, title: str) -> Path | None:
    return next(xpa.glob(f"DS9_{title}.*"), None) if (xpa.parent / "ready").exists() else None
