"""Keeps the daemon running as systemd would: starts it, hears its READY and WATCHDOG, starts it again when it ends.

A daemon whose beats stay away is killed, because that is what the unit's ``WatchdogSec`` does.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

WATCHDOG_SECS: Final = 5.0
"""The unit file has thirty; a drill has not so much time."""

COMMAND_DEADLINE_SECS: Final = 10.0
"""The daemon's own default."""

_START_SECS: Final = 120.0
_STOP_SECS: Final = 30.0
_TURN_SECS: Final = 0.25
_CONFIG: Final = f"""
[stage]
window = "headless"
command_deadline_secs = {COMMAND_DEADLINE_SECS}
"""


class Keeper:
    """One daemon in directories of its own, from `__enter__` to `__exit__`.

    Parameters
    ----------
    runtime : `~pathlib.Path`
        Its runtime directory: of mode 0700, with a path short enough for sockets.
    pixels : `~pathlib.Path`
        Its pixel directory.
    log : `~pathlib.Path`, optional
        Where its words go; into the runtime directory where not given.
    settings : `str`, optional
        TOML that follows the drill's own settings.
    watchdog_secs : `float`, optional
        How long its beats may stay away.
    """

    def __init__(
        self,
        runtime: Path,
        pixels: Path,
        *,
        log: Path | None = None,
        settings: str = "",
        watchdog_secs: float = WATCHDOG_SECS,
    ) -> None:
        self.runtime = runtime
        self.endpoint = f"ipc://{runtime}/mtvd.sock"
        self.pid = 0
        self.starts = 0
        self.late = 0
        """How often the watchdog had to kill."""
        self.log = log or runtime / "daemon.log"
        self.pixels = pixels
        self._watchdog_secs = watchdog_secs
        self._ready = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper")
        (runtime / "mtvd.toml").write_text(_CONFIG + settings)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_START_SECS):
            self.end()
            raise RuntimeError(f"the daemon does not start: {self.log.read_text(errors='replace')[-2000:]}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Stop the daemon in order; it is not started again."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as words:
            words.bind(str(self.runtime / "notify"))
            words.setblocking(False)
            while not self._ending.is_set():
                process = self._start()
                self._watch(process, words)
                self._finish(process)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "mtvd", "serve", "--config", str(self.runtime / "mtvd.toml")]
        command += ["--runtime-dir", str(self.runtime), "--pixel-dir", str(self.pixels)]
        environ = environment() | {
            "NOTIFY_SOCKET": str(self.runtime / "notify"),
            "WATCHDOG_USEC": str(int(self._watchdog_secs * 1e6)),
        }
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.pid = process.pid
        self.starts += 1
        return process

    def _watch(self, process: subprocess.Popen[bytes], words: socket.socket) -> None:
        """Return when the daemon has ended, is to end, or was killed for its silence."""
        descriptor = os.pidfd_open(process.pid)
        due = time.monotonic() + _START_SECS
        try:
            while not self._ending.is_set() and process.poll() is None:
                readable, _, _ = select.select([words.fileno(), descriptor], [], [], _TURN_SECS)
                if words.fileno() in readable:
                    heard = words.recv(4096)
                    if b"READY=1" in heard:
                        self._ready.set()
                    if b"READY=1" in heard or b"WATCHDOG=1" in heard:
                        due = time.monotonic() + self._watchdog_secs
                elif time.monotonic() > due:
                    self.late += 1
                    process.kill()
                    process.wait()
        finally:
            os.close(descriptor)

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment() -> dict[str, str]:
    """Return the environment without anything that leads to the user's own daemon, window or screen."""
    hidden = ("XPA_", "DISPLAY", "XAUTHORITY", "MTV_", "PYDS9_", "NOTIFY_", "WATCHDOG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
