"""The crowd's members are processes: who dies is followed, who is asked leaves, and none outlives the crew."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest
from crowd.crew import Crew

from crowd import crew

DEADLINE_SECS = 60.0


def members(books: Path) -> list[psutil.Process]:
    """Return the living processes whose logbooks are there."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if str(books) in (process.info["cmdline"] or []) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def test_who_dies_is_followed_and_none_outlives_the_crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "LIFE_SECS", (0.1, 0.2))
    monkeypatch.setattr(crew, "STAGGER_SECS", 0.0)
    with Crew({"dier": 2}, f"ipc://{tmp_path}/nobody", tmp_path, tmp_path, seed=1) as crowd:
        crowd.start()
        until = time.monotonic() + DEADLINE_SECS
        while crowd.deaths < 4 and time.monotonic() < until:
            crowd.turn()
        assert crowd.deaths >= 4
        assert len(members(tmp_path)) == crowd.size
    assert members(tmp_path) == []


def test_who_does_not_leave_in_time_is_hung_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "STAGGER_SECS", 0.0)
    with Crew({"query": 1}, f"ipc://{tmp_path}/nobody", tmp_path, tmp_path, seed=1) as crowd:
        crowd.start()
        (member,) = members(tmp_path)
        member.suspend()
        crowd.end(within_secs=0.2)
        assert crowd.hung == ["query:0"]
        assert members(tmp_path) == []


def test_who_ends_unasked_is_told_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "STAGGER_SECS", 0.0)
    with Crew({"nobody": 1}, f"ipc://{tmp_path}/nobody", tmp_path, tmp_path, seed=1) as crowd:
        crowd.start()
        until = time.monotonic() + DEADLINE_SECS
        while not crowd.failed and time.monotonic() < until:
            crowd.turn()
    assert crowd.failed == ["member nobody:0 ended with status 1: KeyError: 'nobody'"]
