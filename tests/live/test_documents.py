"""Examples of the documents, run as they stand there: against a daemon, its window and the demo repository."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.live_daemon import LiveDaemon

import mtv
from mtv.session.default import default_connection

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
PROJECT = Path(__file__).parents[2]
QUERIES, README = PROJECT / "docs" / "queries.md", PROJECT / "README.md"
CHAIN_OF_DOCUMENTS = "u/me/single_frame"
REFUSED = "# refused"


@pytest.fixture
def at_home(demo_daemon: LiveDaemon) -> Iterator[None]:
    """Examples name no endpoint: they find their daemon as any program does."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in demo_daemon.environment().items():
            patch.setenv(name, value)
        yield
        default_connection().close()


def blocks(kind: str, chain: str, page: Path = QUERIES) -> list[str]:
    """Return the blocks of code of a kind, with the collections of the demo repository that is there."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [body.replace(CHAIN_OF_DOCUMENTS, chain) for language, body in found if language == kind]


@pytest.mark.usefixtures("at_home")
def test_the_python_of_the_page_on_queries_runs(chain: str) -> None:
    names: dict[str, Any] = {}
    for block in blocks("python", chain):
        exec(block, names)
    assert [ref["visit"] for ref in names["newest"]] == [23718] * 3
    assert {ref["physical_filter"] for ref in names["refs"]} == {"HSC-R"}


def ran(line: str, environ: dict[str, str], directory: Path) -> subprocess.CompletedProcess[str]:
    command, *words = shlex.split(line, comments=True)
    assert command == "mtv"
    return subprocess.run(
        [sys.executable, "-m", "mtv.cli", *words],
        env=environ,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_commands_of_the_page_on_queries_run(demo_daemon: LiveDaemon, chain: str, tmp_path: Path) -> None:
    lines = [line for block in blocks("", chain) for line in block.splitlines()]
    assert len(lines) > 5
    for line in lines:
        done = ran(line, demo_daemon.environment(), tmp_path)
        assert done.returncode == (1 if REFUSED in line else 0), line + done.stderr
        assert REFUSED in line or len(done.stdout) > 20, line


@pytest.mark.usefixtures("at_home")
def test_the_first_lines_and_the_movie_of_the_readme_run(
    chain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    run = [block for block in blocks("python", chain, README) if "camera" not in block and "events(" not in block]
    assert len(run) > 3
    for block in run:
        exec(block, names)
    assert "ended" in capsys.readouterr().out
    assert (names["movie"].state.reason, names["movie"].state.failed) == ("end", 0)
    assert (tmp_path / "star.mp4").stat().st_size > 1000


def test_the_commands_of_the_readme_run(demo_daemon: LiveDaemon, chain: str, tmp_path: Path) -> None:
    whole = "\n".join(blocks("", chain, README))
    lines = [
        part.strip()
        for line in whole.splitlines()
        if line.startswith("mtv ")
        for part in line.split(" #")[0].split(";")
    ]
    run = [line for line in lines if line.split()[1] not in {"up", "down", "watch"}]
    assert len(run) > 10
    for line in run:
        done = ran(line, {**demo_daemon.environment(), "MTV_COLLECTIONS": chain}, tmp_path)
        assert done.returncode == 0, line + done.stderr
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    assert (tmp_path / "visits.gif").stat().st_size > 10_000


def test_each_expression_of_the_page_on_queries_finds_something(demo_daemon: LiveDaemon, chain: str) -> None:
    repository = mtv.Repository(connection=demo_daemon.connect())
    table = QUERIES.read_text().partition("| `where` | finds |\n|---|---|\n")[2].partition("\n\n")[0]
    expressions = [found for row in table.splitlines() for found in re.findall("`([^`]+)`", row.split(" | ")[0])]
    assert len(expressions) > 5
    for where in expressions:
        assert repository.query("calexp", instrument="HSC", where=where, collections=chain), where
