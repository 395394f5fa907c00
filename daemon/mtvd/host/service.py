"""The user service: writes the unit file with this installation's own path, and asks systemd to start it.

Called by the command line only. `render` is pure; `install` and `remove` run ``systemctl --user`` and report what it
said. Nothing here touches a running daemon except through systemd.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

UNIT: Final = "mtvd.service"
_SYSTEM_PATH: Final = ("/usr/local/bin", "/usr/bin", "/bin")
_SESSION: Final = ("DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY")
_DEADLINE_SECS: Final = 90
Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


class ServiceError(Exception):
    """The service could not be installed or removed; the message is for people, ``hint`` says what to do.

    Parameters
    ----------
    message : `str`
        What went wrong.
    hint : `str`
        What helps; empty where nothing is known to.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def unit_text() -> str:
    """Return the unit file as shipped: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for file in (package / "data" / UNIT, package.parents[1] / "systemd" / UNIT):
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise ServiceError(f"{UNIT} is missing from this installation", hint="install mtv again")


def render(template: str, *, python: Path, path: Sequence[Path | str]) -> str:
    """Return the unit file for one installation.

    Parameters
    ----------
    template : `str`
        The unit file as shipped.
    python : `~pathlib.Path`
        Interpreter of the environment in which mtv is installed.
    path : sequence
        Directories of ``PATH``, in order: where DS9 and Xvfb are found.
    """
    lines = {
        "Environment=PATH=": "Environment=" + _quote("PATH=" + ":".join(map(str, path))),
        "ExecStart=": f"ExecStart={_quote(str(python))} -P -m mtvd serve",
    }
    rendered = []
    for line in template.splitlines():
        key = next((key for key in lines if line.startswith(key)), None)
        rendered.append(lines.pop(key) if key else line)
    if lines:
        raise ServiceError(f"the unit file lacks {' and '.join(sorted(lines))}")
    return "\n".join(rendered) + "\n"


def _quote(text: str) -> str:
    """Quote for a unit file; what systemd cannot take in the name of a program is refused."""
    if "$" in text or any(ord(character) < 32 for character in text):
        raise ServiceError(f"a unit file cannot name {text!r}", hint="install mtv in a directory with a plainer name")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def search_path(*, python: Path, home: Path, found: Sequence[str | None]) -> list[Path]:
    """Return the ``PATH`` of the service: this environment, the user's own programs, the system's, and what was found.

    Parameters
    ----------
    python : `~pathlib.Path`
        Interpreter of the environment.
    home : `~pathlib.Path`
        The user's home.
    found : sequence
        Programs that the user's ``PATH`` found and the service must find too (DS9, Xvfb).
    """
    known = [python.parent, home / ".local" / "bin", *map(Path, _SYSTEM_PATH)]
    return list(dict.fromkeys([*known, *(Path(program).absolute().parent for program in found if program)]))


def unit_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the user's unit file stands."""
    config = environ.get("XDG_CONFIG_HOME", "")
    base = Path(config) if config.startswith("/") else Path.home() / ".config"
    return base / "systemd" / "user" / UNIT


def install(*, environ: Mapping[str, str] = os.environ, run: Run | None = None, start: bool = True) -> Path:
    """Write the unit file, start the service now (unless ``start`` is False) and at each login; return the file.

    Running it again renews the file and restarts the service with it.

    Raises
    ------
    ServiceError
        No systemd for users here, or systemd refused; nothing was written in the first case.
    """
    run = run or _run
    _require_systemd(run)
    python = Path(sys.executable)
    path = search_path(python=python, home=Path.home(), found=[shutil.which("ds9"), shutil.which("Xvfb")])
    target = unit_file(environ)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(render(unit_text(), python=python, path=path), encoding="utf-8")
    if session := [name for name in _SESSION if environ.get(name)]:
        _systemctl(run, "import-environment", *session)
    _systemctl(run, "daemon-reload")
    _systemctl(run, "enable", UNIT)
    if start:
        _systemctl(run, "restart", UNIT)
    return target


def remove(*, environ: Mapping[str, str] = os.environ, run: Run | None = None) -> Path | None:
    """Stop the service and remove its unit file; return the file, None where there was none."""
    run = run or _run
    target = unit_file(environ)
    if not target.exists():
        return None
    _require_systemd(run)
    _systemctl(run, "disable", "--now", UNIT)
    target.unlink()
    _systemctl(run, "daemon-reload")
    return target


def _require_systemd(run: Run) -> None:
    """Ask the user's systemd for its version: any answer will do."""
    try:
        answer = run(["systemctl", "--user", "show", "--property=Version"])
    except FileNotFoundError:
        raise ServiceError("this machine has no systemd", hint="start the daemon with `mtv up` instead") from None
    if answer.returncode:
        raise ServiceError(
            f"systemd does not serve this user here: {_words(answer)}",
            hint="log in with a session of your own (not su or sudo), or start the daemon with `mtv up` instead",
        )


def _systemctl(run: Run, *arguments: str) -> None:
    answer = run(["systemctl", "--user", *arguments])
    if answer.returncode:
        raise ServiceError(
            f"systemctl --user {' '.join(arguments)}: {_words(answer)}",
            hint="`journalctl --user -u mtvd` has the daemon's own words",
        )


def _words(answer: subprocess.CompletedProcess[str]) -> str:
    return " ".join(answer.stderr.split()) or f"status {answer.returncode}"


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_DEADLINE_SECS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{' '.join(command)} did not answer within {_DEADLINE_SECS} s") from error
