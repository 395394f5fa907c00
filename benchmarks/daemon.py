"""The daemon under test: ``python -m mtvd serve`` with its own directories, and a connection to it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import mtv

_START_SECS: Final = 120.0
_STOP_SECS: Final = 15.0
PATIENCE_SECS: Final = 300.0
"""How long one call may take: a slow machine gives slow times, not none."""

_SETTINGS: Final = """
[stage]
start_deadline_secs = 300
command_deadline_secs = 60
"""


class Daemon:
    """One daemon with a window on a virtual screen, from `__enter__` to `__exit__`.

    Parameters
    ----------
    repositories : `dict` [`str`, `~pathlib.Path`]
        Alias to root.
    """

    def __init__(self, repositories: dict[str, Path] | None = None) -> None:
        self._repositories = repositories or {}

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="mtvbench-", ignore_cleanup_errors=True)
        home = Path(self._directory.name)
        self.endpoint = f"ipc://{home}/mtvd.sock"
        self.log = home / "mtvd.log"
        self.runtime = home / "run"
        self._process = self._start(home)
        try:
            self.connection = self._connect()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        self._stop()

    @property
    def environment(self) -> dict[str, str]:
        """For programs that are to find this daemon."""
        return {**_environment(), "MTV_ENDPOINT": self.endpoint}

    def _start(self, home: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "mtvd", "serve", "--endpoint", self.endpoint, "--window", "headless"]
        settings = home / "mtvd.toml"  # ours, so that the user's is not read
        settings.write_text(_SETTINGS)
        command += ["--config", str(settings), "--runtime-dir", str(self.runtime), "--log-level", "WARNING"]
        for alias, root in self._repositories.items():
            command += ["--repo", f"{alias}={root}"]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(), start_new_session=True
            )

    def _connect(self) -> mtv.Connection:
        limit = time.monotonic() + _START_SECS
        socket = Path(self.endpoint.removeprefix("ipc://"))
        while not socket.exists():
            if time.monotonic() > limit or self._process.poll() is not None:
                words = self.log.read_text(errors="replace").strip().splitlines()
                raise RuntimeError(f"mtvd does not start: {words[-1] if words else 'it says nothing'}")
            time.sleep(0.05)
        connection = mtv.connect(self.endpoint, timeout_secs=PATIENCE_SECS)
        connection.status()
        return connection

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()


def _environment() -> dict[str, str]:
    hidden = ("XPA_", "DISPLAY", "XAUTHORITY", "MTV_", "PYDS9_")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
