"""The note that the window is on a virtual screen: once a day, not with every command."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.support.scripted import Run

from mtv.cli import notes
from mtv.testing import ScriptedDaemon
from mtv.wire import messages, requests

NOTE = "the window is on a virtual screen (:7)"


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "runtime"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return place


def test_a_note_is_news_once_a_day(runtime: Path) -> None:
    assert notes.is_news(NOTE)
    assert not notes.is_news(NOTE)
    (file,) = (runtime / "mtv").iterdir()
    long_ago = time.time() - 90_000
    os.utime(file, (long_ago, long_ago))
    assert notes.is_news(NOTE)
    assert not notes.is_news(NOTE)


def test_another_note_is_news(runtime: Path) -> None:
    assert notes.is_news(NOTE)
    assert notes.is_news(NOTE.replace("7", "8"))


def test_a_clock_that_was_set_back_hides_no_note(runtime: Path) -> None:
    assert notes.is_news(NOTE)
    (file,) = (runtime / "mtv").iterdir()
    os.utime(file, (time.time() + 9e6, time.time() + 9e6))
    assert notes.is_news(NOTE)


def test_without_a_runtime_directory_the_cache_remembers(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert notes.is_news(NOTE)
    assert not notes.is_news(NOTE)
    assert [file.parent for file in (tmp_path / "cache").rglob("*") if file.is_file()] == [tmp_path / "cache" / "mtv"]


@pytest.mark.parametrize("what", ["file", "directory"])
def test_where_nothing_can_be_remembered_nothing_is_told(runtime: Path, what: str) -> None:
    if what == "file":
        (runtime / "mtv").touch()
    else:
        (runtime / "mtv" / "told-today").mkdir(parents=True)
    assert not notes.is_news(NOTE)


def test_show_tells_it_the_first_time_alone(run: Run, daemon: ScriptedDaemon, runtime: Path) -> None:
    daemon.script(requests.Transaction, messages.Outcome(steps=(messages.StepOutcome(display=0),) * 2, note=NOTE))
    assert NOTE in run("show", "calexp", "visit=1").output
    assert NOTE not in run("show", "calexp", "visit=1").output
