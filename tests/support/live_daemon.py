"""A daemon of its own process, with a real DS9 on a virtual screen; and a probe that asks that DS9 by itself."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgpack
import psutil

import mtv

START_SECS = 240
CONFIG = """
[remote]
listen = "{listen}"
[stage]
window = "headless"
start_deadline_secs = 240
command_deadline_secs = {deadline_secs}
{stage}
[repositories]
file_cache_directory = "{directory}/files"
[repositories.aliases]
{aliases}
[repositories.environment]
{environment}
"""


class LiveDaemon:
    """``python -m mtvd serve`` in a directory of its own; may be killed and started again there."""

    def __init__(
        self,
        directory: Path,
        repositories: Mapping[str, Path | str] | None = None,
        *,
        deadline_secs: float = 60,
        stage: str = "",
        repository_environment: Mapping[str, str] | None = None,
        listen: str = "",
    ) -> None:
        self.directory = directory
        self.listen = listen
        self.local_endpoint = f"ipc://{directory}/mtvd.sock"
        self.endpoint = self.local_endpoint
        self.config = directory / "mtvd.toml"
        aliases = "\n".join(f'{name} = "{path}"' for name, path in (repositories or {}).items())
        environment = "\n".join(f'{name} = "{value}"' for name, value in (repository_environment or {}).items())
        self.config.touch(mode=0o600)
        self.config.write_text(
            CONFIG.format(
                deadline_secs=deadline_secs,
                stage=stage,
                listen=listen,
                directory=directory,
                aliases=aliases,
                environment=environment,
            )
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.connections: list[mtv.Connection] = []

    def start(self) -> None:
        """Start, and wait until it says that it is ready, as systemd would."""
        address = self.directory / "notify"
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, self.log.open("ab") as log:
            notified.bind(str(address))
            notified.settimeout(0.5)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mtvd", "serve", "--config", self.config, "--runtime-dir", self.directory],
                env=self.environment() | {"NOTIFY_SOCKET": str(address), "MTV_ENDPOINT": self.local_endpoint},
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
            ends, told = time.monotonic() + START_SECS, b""
            while b"READY=1" not in told:
                with contextlib.suppress(TimeoutError):
                    told = notified.recv(4096)
                if self.process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(f"the daemon did not start: {self.log.read_text()[-2000:]}")

    @property
    def log(self) -> Path:
        """Where its standard error goes."""
        return self.directory / "daemon.log"

    def environment(self) -> dict[str, str]:
        """Environment for clients in processes of their own."""
        inherited = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "XAUTHORITY"}}
        paths = os.pathsep.join(path for path in sys.path if path)
        return inherited | {"MTV_ENDPOINT": self.endpoint, "PYTHONPATH": paths, "MTV_TIMEOUT_SECS": "240"}

    def connect(self) -> mtv.Connection:
        """Return a new session, with the patience that a busy machine needs."""
        self.connections.append(mtv.connect(self.endpoint, timeout_secs=START_SECS))
        return self.connections[-1]

    def kill(self) -> None:
        """End it as a crash would; its window stays."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(START_SECS)

    def stop(self) -> int:
        """End it in order and return its exit status."""
        for connection in self.connections:
            connection.close()
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(START_SECS)
        self.process = None
        return status

    def window_pid(self) -> int:
        """Process id of DS9."""
        return int(self._state()["pid"])

    def probe(self) -> Probe:
        """Return a probe of the window."""
        return Probe(self._state()["socket"])

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.directory / "window" / "state.json").read_text())
        return state

    def end_screen(self) -> None:
        """Kill the virtual screen."""
        os.kill(int(self._state()["screen"]["xvfb_pid"]), signal.SIGKILL)

    def end_window(self) -> None:
        """End what a killed daemon has left."""
        try:
            state = self._state()
        except OSError:
            return
        for pid in (state["pid"], state["screen"]["xvfb_pid"]):
            if pid and psutil.pid_exists(pid):
                process = psutil.Process(pid)
                process.kill()
                psutil.wait_procs([process], timeout=10)


class Probe:
    """Asks DS9 by Tcl words, over a connection of its own that the daemon knows nothing of."""

    def __init__(self, address: str) -> None:
        environ = os.environ | {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYDS9_NOXPANS": "1",
            "XPA_METHOD": "local",
            "XPA_TMPDIR": str(Path(address).parent),
            "XPA_SHORT_TIMEOUT": "120",
            "XPA_LONG_TIMEOUT": "120",
        }
        self._lane = subprocess.Popen(
            [sys.executable, "-m", "tests.support.eye"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
        )
        self._call("connect", socket=address)

    def __enter__(self) -> Probe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._lane.stdin is not None
        assert self._lane.stdout is not None
        self._lane.stdin.close()
        self._lane.wait(30)
        self._lane.stdout.close()

    def tcl(self, word: str) -> str:
        """Return the value of a Tcl word, such as ``$::ds9(frames)`` or ``[Frame0 get zoom]``."""
        value: str = self._call("evaluate", expression=word)
        return value

    def frames(self) -> list[int]:
        """Numbers of all frames."""
        return sorted(int(name.removeprefix("Frame")) for name in self.tcl("$::ds9(frames)").split())

    def front(self) -> int:
        """Number of the frame in front."""
        return int(self.tcl("$::current(frame)").removeprefix("Frame"))

    def markers(self, frame: int = 0) -> int:
        """Number of regions on a frame."""
        return int(self.tcl(f"[Frame{frame} get marker number]"))

    def regions(self, frame: int = 0) -> str:
        """All regions of a frame as DS9 lists them, in 1-based physical pixels."""
        return self.tcl(f"[Frame{frame} marker list ds9 physical fk5 degrees no]")

    def masks(self, frame: int = 0) -> int:
        """Number of mask objects on a frame."""
        return int(self.tcl(f"[Frame{frame} get mask count]"))

    def value(self, x: float, y: float, frame: int = 0) -> str:
        """Pixel value at a 0-based parent pixel."""
        cell = f"[unset -nocomplain ::cell][Frame{frame} get data physical fk5 {x + 1} {y + 1} 1 1 ::cell]"
        return self.tcl(f"{cell}[lindex [array get ::cell] 1]")

    def _call(self, method: str, **params: str) -> Any:
        assert self._lane.stdin is not None
        assert self._lane.stdout is not None
        body = msgpack.packb({"method": method, "params": params})
        self._lane.stdin.write(struct.pack(">I", len(body)) + body)
        self._lane.stdin.flush()
        (size,) = struct.unpack(">I", self._lane.stdout.read(4))
        answer = msgpack.unpackb(self._lane.stdout.read(size))
        assert "error" not in answer, answer
        return answer["result"]
