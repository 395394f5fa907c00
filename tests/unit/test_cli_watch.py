"""``mtv watch`` against a scripted daemon: what it asks, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.scripted import Run

from mtv.cli import watch
from mtv.testing import WAIT_SECS, ScriptedDaemon, Seen
from mtv.wire import messages, requests
from mtv.wire.data import Dataset, File
from mtv.wire.errors import Error, exception_for
from mtv.wire.steps import NOW, Mtv, Overlay, Query

BLOCK = b"x" * 2880


def arriving(count: int) -> Callable[[Seen], messages.Rows]:
    """Return a script of so many datasets that come at once, after the first look."""

    def answer(seen: Seen) -> messages.Rows:
        assert isinstance(seen.message, Query)
        visits = range(1, count + 1) if seen.message.since == "before" else ()
        return messages.Rows(
            columns=("visit", "run"),
            rows=tuple((visit, "u/run") for visit in visits),
            ids=tuple(f"id-{visit}" for visit in visits),
            dataset_type="calexp",
            mark="before" if seen.message.since == NOW else "after",
        )

    return answer


@pytest.fixture(autouse=True)
def answers(daemon: ScriptedDaemon) -> None:
    daemon.script(Query, arriving(3))


@pytest.fixture
def command() -> tuple[str, ...]:
    return ("watch",)


def asked(daemon: ScriptedDaemon) -> Query:
    message = daemon.of(Query)[0].message
    assert isinstance(message, Query)
    return message


def test_a_line_for_each_that_is_shown_and_the_counts_at_the_end(run: Run, daemon: ScriptedDaemon) -> None:
    result = run("calexp", "--every", "0.01", "--count", "1", "-d", "live")
    assert result.stdout == "calexp@{visit: 3}  u/run  (2 passed over)\n"
    assert result.stderr == "mtv: 3 seen, 1 shown, 2 passed over, 0 failed\n"
    (step,) = daemon.steps
    assert isinstance(step, Mtv)
    assert step.display == "live"


def test_what_is_asked_is_what_stands_on_the_command_line(run: Run, daemon: ScriptedDaemon) -> None:
    words = ("calexp", "instrument=HSC", "detector=41", "--collections", "u/a,u/b", "--where", "visit > :v")
    run(*words, "--bind", "v=3", "--repo", "hsc", "--every", "0.01", "--for", "0.05")
    query = asked(daemon)
    assert (query.dataset_type, query.data_id) == ("calexp", {"instrument": "HSC", "detector": 41})
    assert (query.collections, query.where, query.bind, query.repo) == (("u/a", "u/b"), "visit > :v", {"v": 3}, "hsc")


def test_the_catalog_is_drawn_as_told(run: Run, daemon: ScriptedDaemon) -> None:
    look = ("--catalog", "src", "--select", "used", "--symbol", "x", "--size", "9", "--colour", "red")
    result = run("calexp", *look, "--every", "0.01", "--count", "1")
    drawn = daemon.steps[-1]
    assert isinstance(drawn, Overlay)
    assert isinstance(drawn.target, Dataset)
    assert (drawn.target.dataset_type, drawn.name, drawn.select, drawn.symbol) == ("src", "src", "used", "x")
    assert (drawn.size, drawn.colour) == (9, "red")
    assert "1 shown, 1 with catalogs" in result.stderr


def test_each_line_is_a_document_for_programs(run: Run) -> None:
    lines = run("calexp", "--every", "0.01", "--count", "1", "--json").stdout.splitlines()
    shown, end = map(json.loads, lines)
    assert (shown["data_id"], shown["id"], shown["run"]) == ({"visit": 3}, "id-3", "u/run")
    assert end["counts"] == shown["counts"]
    assert end["counts"]["passed_over"] == 2


def test_files_of_a_directory_that_is_waited_for(
    run: Run, daemon: ScriptedDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = tmp_path / "later"

    def told(text: str) -> None:
        if "cannot be read" in text:
            later.mkdir()
            (later / "a.fits").write_bytes(BLOCK)

    monkeypatch.setattr(watch, "_note", told)
    result = run("--dir", str(later), "--every", "0.05", "--count", "1", "--hdu", "1")
    assert result.stdout == f"{later}/a.fits\n"
    (step,) = daemon.steps
    assert isinstance(step, Mtv)
    assert step.target == File(path=f"{later}/a.fits", hdu=1)


def test_what_is_waited_for_is_said(run: Run, daemon: ScriptedDaemon) -> None:
    def absent(_seen: Seen) -> messages.Rows:
        raise exception_for(Error(code="unknown_collection", message="there is no u/run"))

    daemon.script(Query, absent)
    result = run("calexp", "--collections", "u/run", "--every", "0.01", "--for", "0.1")
    assert result.stderr.splitlines() == [
        "mtv: waiting: there is no u/run",
        "mtv: 0 seen, 0 shown, 0 passed over, 0 failed",
    ]


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ((), "dataset_type"),
        (("calexp", "--dir", "/tmp"), "dataset_type"),
        (("calexp", "--hdu", "1"), "--hdu"),
        (("calexp", "limit=3"), "limit="),
        (("calexp", "system=3"), "system="),
        (("--dir", "/tmp", "--catalog", "src"), "--catalog"),
        (("--dir", "/tmp", "--where", "visit > 3"), "--where"),
    ],
)
def test_words_that_do_not_go_together_are_refused(run: Run, words: tuple[str, ...], where: str) -> None:
    assert f"mtv: {where}: " in run(*words, code=1).stderr


def test_an_interrupt_ends_it_with_the_counts(daemon: ScriptedDaemon) -> None:
    environ: dict[str, Any] = os.environ | {"MTV_ENDPOINT": daemon.endpoint, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "mtv.cli", "watch", "calexp", "--every", "0.05"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("calexp@{visit: 3}")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=WAIT_SECS)
    assert process.returncode == 130
    assert said.splitlines() == ["mtv: 3 seen, 1 shown, 2 passed over, 0 failed", "mtv: interrupted"]


def test_a_file_is_no_directory_to_watch(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    (tmp_path / "image.fits").write_bytes(BLOCK)
    said = run("--dir", str(tmp_path / "image.fits"), "--for", "1", code=1).output
    assert "--dir: " in said
    assert "is a file" in said
    assert not daemon.of(requests.Transaction)
