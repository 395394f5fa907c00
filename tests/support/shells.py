"""Interactive shells on a terminal of their own: type, press TAB, read what stands there."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

_WAIT_SECS = 30.0
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|\x07|\r|\x00")
_OVERWRITTEN = re.compile(r"[^\x08]\x08")


def needs(shell: str) -> str:
    """Return where a shell is; skip the test where it is not installed."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed (apt-get install {shell})")
    return found


def with_mtv(directory: Path, **environment: str) -> dict[str, str]:
    """Return an environment in which ``mtv`` is this checkout's."""
    directory.mkdir(exist_ok=True)
    script = directory / "mtv"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m mtv.cli "$@"\n')
    script.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MTV_", "COMP_"))}
    search = os.pathsep.join(path for path in sys.path if path)
    return {
        **kept,
        "PATH": f"{directory}:{os.environ['PATH']}",
        "PYTHONPATH": search,
        "HOME": str(directory),
        "TERM": "xterm",
        "MTV_COMPLETE_SECS": "20",
        **environment,
    }


class Shell:
    """A shell that believes a person types into it.

    Parameters
    ----------
    command : `list` [`str`]
        Program and its options.
    environment : `dict` [`str`, `str`]
    directory : `~pathlib.Path`
        Where it starts.
    """

    def __init__(self, command: list[str], environment: dict[str, str], directory: Path) -> None:
        self._command, self._environment, self._directory = command, environment, directory
        self._raw = self.seen = ""

    def __enter__(self) -> Self:
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(self._directory)
            os.execve(self._command[0], self._command, self._environment)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._terminal)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def type(self, text: str) -> None:
        """Type a text; what was seen before counts no more."""
        self._raw = self.seen = ""
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str) -> str:
        """Wait until a text is seen, without the terminal's codes; return all that was."""
        limit = time.monotonic() + _WAIT_SECS
        while text not in self.seen:
            left = limit - time.monotonic()
            if left <= 0 or not select.select([self._terminal], [], [], left)[0]:
                raise AssertionError(f"{text!r} was not seen in {self.seen!r}")
            self._raw += os.read(self._terminal, 65536).decode(errors="replace")
            self.seen = _OVERWRITTEN.sub("", _CODES.sub("", self._raw))
        return self.seen
