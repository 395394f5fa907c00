"""A DS9 of the benchmark's own, under an Xvfb of its own: peers and floor draw here, ours draws in the daemon's.

Nothing of the user is read or reached: HOME, working directory and XPA sockets lie in a private directory.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks.picture import Picture, decode
from mtvd.stage.window.preferences import write_preferences
from mtvd.stage.window.process import MEMORY

WIDTH, HEIGHT = 1000, 679
"""Image area where nobody says otherwise."""

_SCREEN: Final = "1280x1024x24"
REDRAW: Final = "$current(frame) update; update idletasks; winfo pointerxy ."
"""Tcl that draws the frame in front, and returns once the X server has done it. XPA's ``update now`` draws before it
returns in DS9 8.4.1 alone; from 8.5 on it leaves that to DS9's idle time."""

_TITLE: Final = "bench"
_START_SECS: Final = 300.0
_STOP_SECS: Final = 5.0


class Ds9:
    """One DS9, from `__enter__` to `__exit__`.

    Parameters
    ----------
    is_plain : `bool`, optional
        True: its C library gives memory back after each redraw, as where a user starts it; peers do not draw there.

    Attributes
    ----------
    target : `str`
        Path of its XPA socket: a target for ``xpaset``, libxpa and pyds9 alike, found without a name server.
    environment : `dict`
        For child processes that talk to it.
    """

    def __init__(self, *, is_plain: bool = False) -> None:
        self.target = ""
        self.environment: dict[str, str] = {}
        self._is_peers = not is_plain
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="mtvbench-", ignore_cleanup_errors=True)
        home = Path(self._directory.name)
        sockets = home / "xpa"
        sockets.mkdir()
        try:
            self.environment = (MEMORY if self._is_peers else {}) | private_environment(home, sockets)
            self.environment["DISPLAY"] = self._start_x(home)
            self.target = self._start_ds9(home, sockets)
            if self._is_peers:  # libxpa inside this process reads them once, at its first call
                os.environ.update(XPA_METHOD="local", XPA_TMPDIR=str(sockets), PYDS9_NOXPANS="1")
            # Debian's DS9 does not always load what its own saveimage needs.
            self.tcl("package require img::window; package require img::png")
            self.resize(WIDTH, HEIGHT)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def set(self, *words: str, data: bytes = b"") -> None:
        """Run one command by ``xpaset``; for what is not timed."""
        words = (self.target, *words)
        command = ["xpaset", *words] if data else ["xpaset", "-p", *words]
        done = subprocess.run(command, input=data, capture_output=True, env=self.environment, check=False)
        if done.returncode or b"XPA$ERROR" in done.stderr:
            raise RuntimeError(f"xpaset {' '.join(words[1:])[:80]}: {done.stderr.decode(errors='replace').strip()}")

    def tcl(self, script: str) -> None:
        """Run a script in DS9."""
        self.set("tcl", data=script.encode())

    def redraw(self) -> None:
        """Wait until the frame in front is drawn."""
        self.tcl(REDRAW)

    def get(self, *words: str) -> str:
        """Ask by ``xpaget``."""
        done = subprocess.run(
            ["xpaget", self.target, *words], capture_output=True, env=self.environment, check=True, text=True
        )
        return done.stdout.strip()

    def resize(self, width: int, height: int) -> None:
        """Give the image area a size in pixels."""
        self.set("width", str(width))
        self.set("height", str(height))
        self.redraw()

    def select(self, frame: int, *, limits: tuple[float, float]) -> None:
        """Bring a frame to the front, with what makes pictures comparable: fixed limits, opaque and unmixed masks."""
        low, high = limits
        self.set("frame", str(frame))
        self.set("scale", "linear")
        self.set("scale", "limits", str(low), str(high))
        self.tcl("$current(frame) mask blend source; $current(frame) mask transparency 0")

    def picture(self) -> Picture:
        """Return what is on the screen."""
        self.redraw()
        path = Path(self._directory.name) / "picture.png"
        self.set("saveimage", "png", str(path))
        return decode(path.read_bytes())

    def look_closely(self) -> Picture:
        """Return the middle of the frame in front at zoom 1; it is fitted again afterwards."""
        self.set("zoom", "to", "1")
        picture = self.picture()
        self.set("zoom", "to", "fit")
        return picture

    def regions(self) -> list[str]:
        """Return the markers of the frame in front, one a line, in image coordinates."""
        text = self.get("regions", "-format", "ds9", "-system", "image")
        return [line for line in text.splitlines() if "(" in line]

    def _start_x(self, home: Path) -> str:
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", _SCREEN, "-nolisten", "tcp", "-noreset"]
        self._start(command, home, pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as stream:
            number = stream.readline().strip()
        if not number:
            raise RuntimeError("Xvfb does not start")
        return f":{number}"

    def _start_ds9(self, home: Path, sockets: Path) -> str:
        write_preferences(home, _TITLE)
        process = self._start(["ds9", "-title", _TITLE], home)
        socket = sockets / f"DS9_{_TITLE}.{process.pid}"
        limit = time.monotonic() + _START_SECS
        while time.monotonic() < limit and process.poll() is None:
            if socket.exists() and self._answers(str(socket)):
                return str(socket)
            time.sleep(0.05)
        raise RuntimeError("DS9 does not start")

    def _answers(self, socket: str) -> bool:
        command = ["xpaget", socket, "version"]
        return subprocess.run(command, capture_output=True, env=self.environment, check=False).stdout != b""

    def _start(self, command: Sequence[str], home: Path, pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
            cwd=home,
            pass_fds=pass_fds,
        )
        self._processes.append(process)
        return process

    def _stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(_STOP_SECS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._directory.cleanup()


def private_environment(home: Path, sockets: Path) -> dict[str, str]:
    """Return this process's environment without its X display and with XPA turned to a directory of our own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XPA_", "DISPLAY", "XAUTH"))}
    return kept | {"HOME": str(home), "XPA_METHOD": "local", "XPA_TMPDIR": str(sockets)}
