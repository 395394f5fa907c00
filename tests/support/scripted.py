"""Fixtures of tests that look at the client: a scripted daemon, and what is connected with it.

``tests/unit/conftest.py`` has them for all; elsewhere a module takes what it needs: ``daemon = scripted.daemon``. A
module that wants something otherwise has a fixture of its own: ``limits``, ``pixel_directory`` or ``command``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click.testing
import pytest

import mtv
from mtv.cli import cli
from mtv.testing import ScriptedDaemon
from mtv.wire.limits import Limits

Run = Callable[..., click.testing.Result]


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def pixel_directory() -> Path | None:
    """None: the client sends its pixels in buffers."""
    return None


@pytest.fixture
def shared_directory(tmp_path: Path) -> Path:
    """A directory that the client shares with the daemon; a module names it ``pixel_directory``."""
    pixels = tmp_path / "pixels"
    pixels.mkdir(mode=0o700)
    return pixels


@pytest.fixture
def daemon(tmp_path: Path, limits: Limits, pixel_directory: Path | None) -> Iterator[ScriptedDaemon]:
    with ScriptedDaemon(tmp_path / "mtvd.sock", limits=limits, pixel_directory=pixel_directory) as made:
        yield made


@pytest.fixture
def connection(daemon: ScriptedDaemon) -> Iterator[mtv.Connection]:
    with mtv.connect(daemon.endpoint) as made:
        yield made


@pytest.fixture
def display(connection: mtv.Connection) -> mtv.Display:
    return mtv.Display(connection=connection)


@pytest.fixture
def repository(connection: mtv.Connection) -> mtv.Repository:
    return mtv.Repository("hsc", connection=connection)


@pytest.fixture
def command() -> tuple[str, ...]:
    """First words of each command that ``run`` runs."""
    return ()


@pytest.fixture
def run(
    daemon: ScriptedDaemon,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """The ``mtv`` command in this process: ``run(*words, stdin="", code=0)``, with the code that it must end with."""
    for name in ("MTV_REPO", "MTV_COLLECTIONS", "MTV_INSTRUMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MTV_ENDPOINT", daemon.endpoint)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))  # where notes are remembered

    def invoke(*arguments: str, stdin: str = "", code: int = 0) -> click.testing.Result:
        result = click.testing.CliRunner().invoke(cli, [*command, *arguments], input=stdin, prog_name="mtv")
        assert result.exit_code == code, result.output
        return result

    return invoke
