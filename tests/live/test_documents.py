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
from mtv.process import default_connection

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
QUERIES = Path(__file__).parents[2] / "docs" / "queries.md"
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


def blocks(kind: str, chain: str) -> list[str]:
    """Return the blocks of code of a kind, with the collections of the demo repository that is there."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", QUERIES.read_text(), re.DOTALL | re.MULTILINE)
    return [body.replace(CHAIN_OF_DOCUMENTS, chain) for language, body in found if language == kind]


@pytest.mark.usefixtures("at_home")
def test_the_python_of_the_page_on_queries_runs(chain: str) -> None:
    names: dict[str, Any] = {}
    for block in blocks("python", chain):
        exec(block, names)
    assert [ref["visit"] for ref in names["newest"]] == [23718] * 3
    assert {ref["physical_filter"] for ref in names["refs"]} == {"HSC-R"}


def test_the_commands_of_the_page_on_queries_run(demo_daemon: LiveDaemon, chain: str) -> None:
    lines = [line for block in blocks("", chain) for line in block.splitlines()]
    assert len(lines) > 5
    for line in lines:
        command, *words = shlex.split(line, comments=True)
        assert command == "mtv"
        done = subprocess.run(
            [sys.executable, "-m", "mtv.cli", *words],
            env=demo_daemon.environment(),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == (1 if REFUSED in line else 0), line + done.stderr
        assert REFUSED in line or len(done.stdout) > 20, line


def test_each_expression_of_the_page_on_queries_finds_something(demo_daemon: LiveDaemon, chain: str) -> None:
    repository = mtv.Repository(connection=demo_daemon.connect())
    table = QUERIES.read_text().partition("| `where` | finds |\n|---|---|\n")[2].partition("\n\n")[0]
    expressions = [found for row in table.splitlines() for found in re.findall("`([^`]+)`", row.split(" | ")[0])]
    assert len(expressions) > 5
    for where in expressions:
        assert repository.query("calexp", instrument="HSC", where=where, collections=chain), where
