"""Watches: the newest of what comes is shown, all of it is counted, and what is away is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support import watched_registry
from tests.support.watched_registry import COLUMNS, SOON, Registry, visits, watching_from_now

import mtv
from mtv.session.conversation import Timing
from mtv.streams import watching
from mtv.streams.watching import Watch
from mtv.testing import WAIT_SECS, ScriptedDaemon, Seen
from mtv.wire import messages, requests
from mtv.wire.data import Dataset
from mtv.wire.errors import Code, Error, exception_for
from mtv.wire.steps import NOW, START, Mtv, Query

registry = watched_registry.registry


@pytest.fixture
def connection(daemon: ScriptedDaemon) -> Iterator[mtv.Connection]:
    patience = Timing(hello_secs=5.0, lost_secs=0.1, retry_secs=0.02)
    with mtv.Connection(daemon.endpoint, timing=patience) as made:
        yield made


def failing(code: Code, where: str = "", *, times: int = 1, retryable: bool = False) -> Callable[[Seen], Any]:
    """Return a script that refuses so many transactions, then draws."""
    left = [exception_for(Error(code=code, message="it went wrong", where=where, retryable=retryable))] * times

    def answer(seen: Seen) -> messages.Outcome:
        if left:
            raise left.pop()
        assert isinstance(seen.message, requests.Transaction)
        return messages.Outcome(steps=tuple(messages.StepOutcome() for _ in seen.message.steps))

    return answer


def test_each_new_dataset_is_shown_and_none_that_was_there(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    registry.put(1, 2)
    watch = watching_from_now(daemon, repository, display="live", where="visit > 0", instrument="HSC", limit=2)
    registry.put(3)
    first = next(watch)
    assert (first["visit"], first.run, first.id) == (3, "u/run", "id-3")
    registry.put(4)
    assert [ref["visit"] for ref in watch] == [4]
    assert visits(daemon) == ["id-3", "id-4"]
    assert {step.display for step in daemon.steps if isinstance(step, Mtv)} == {"live"}
    query = daemon.of(Query)[0].message
    assert isinstance(query, Query)
    assert (query.where, query.data_id, query.repo) == ("visit > 0", {"instrument": "HSC"}, "hsc")
    assert watch.counts == (2, 2, 0, 0, 0, 0)


def test_of_a_burst_the_newest_is_shown_and_the_counts_add_up(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    watch = watching_from_now(daemon, repository)
    registry.put(*range(1, 51))
    assert next(watch)["visit"] == 50
    assert watch.counts == (50, 1, 49, 0, 0, 0)
    assert visits(daemon) == ["id-50"]


def test_what_is_told_again_is_not_new(daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository) -> None:
    registry.repeats = 3
    registry.put(1, 2, 3)
    watch = watching_from_now(daemon, repository)
    registry.put(4)
    assert next(watch)["visit"] == 4
    registry.put(5)
    assert next(watch)["visit"] == 5
    assert watch.counts.seen == 2


def test_a_component_is_shown_where_one_is_named(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    watch = repository.watch("calexp.mask", every_secs=SOON)
    watch._look()
    registry.put(1)
    next(watch)
    (step,) = daemon.steps
    assert isinstance(step, Mtv)
    assert isinstance(step.target, Dataset)
    assert step.target.dataset_type == "calexp.mask"
    assert {seen.message.dataset_type for seen in daemon.of(Query) if isinstance(seen.message, Query)} == {"calexp"}


@pytest.mark.parametrize("code", ["unreadable_file", "not_found"])
def test_what_is_not_whole_yet_is_shown_once_it_is(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository, code: Code
) -> None:
    notes: list[str] = []
    watch = watching_from_now(daemon, repository, on_note=notes.append)
    daemon.script(requests.Transaction, failing(code, times=3))
    registry.put(1)
    assert next(watch)["visit"] == 1
    assert visits(daemon) == ["id-1"] * 4
    assert watch.counts == (1, 1, 0, 0, 0, 0)
    assert [note for note in notes if "not shown yet" in note] == notes
    assert len(notes) == 1


def test_what_is_overtaken_while_it_is_not_whole_is_passed_over(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    watch = watching_from_now(daemon, repository)
    daemon.script(requests.Transaction, failing("unreadable_file", times=2))
    registry.put(1)
    watch._look()
    assert watch._show() is None
    assert watch.counts == (1, 0, 0, 0, 1, 0)
    registry.put(2, 3)
    assert next(watch)["visit"] == 3
    assert watch.counts == (3, 1, 2, 0, 0, 0)


def test_what_never_becomes_whole_fails_in_the_end(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PATIENCE_SECS", 0.1)
    watch = watching_from_now(daemon, repository, timeout_secs=1.0)
    daemon.script(requests.Transaction, failing("unreadable_file", times=1000))
    registry.put(1)
    assert list(watch) == []
    assert watch.counts == (1, 0, 0, 1, 0, 0)


def test_what_cannot_be_shown_fails_and_is_told_once_in_a_row(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository, caplog: pytest.LogCaptureFixture
) -> None:
    watch = watching_from_now(daemon, repository)
    daemon.script(requests.Transaction, failing("unsupported", "target"))
    registry.put(1)
    watch._look()
    assert watch._show() is None
    registry.put(2)
    assert next(watch)["visit"] == 2
    assert watch.counts == (2, 1, 0, 1, 0, 0)
    (told,) = (record.getMessage() for record in caplog.records)
    assert "visit: 1" in told
    assert "it went wrong" in told


@pytest.mark.parametrize(
    ("code", "retryable"), [("no_window", False), ("deadline", True), ("busy", True), ("repository_failed", True)]
)
def test_what_a_daemon_or_window_that_is_away_could_not_show_is_shown_later(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository, code: Code, retryable: bool
) -> None:
    watch = watching_from_now(daemon, repository)
    daemon.script(requests.Transaction, failing(code, times=2, retryable=retryable))
    registry.put(1)
    assert next(watch)["visit"] == 1
    assert watch.counts == (1, 1, 0, 0, 0, 0)


@pytest.mark.parametrize("code", ["unknown_repository", "unknown_dataset_type", "unknown_collection"])
def test_what_is_not_there_yet_is_waited_for_and_its_first_dataset_is_new(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository, code: Code
) -> None:
    notes: list[str] = []
    registry.trouble = [exception_for(Error(code=code, message="it is not there", hint="did you mean"))] * 3
    registry.put(1)
    watch = repository.watch("calexp", every_secs=SOON, on_note=notes.append)
    assert next(watch)["visit"] == 1
    assert notes == ["waiting: it is not there (did you mean)", "going on"]
    since = [seen.message.since for seen in daemon.of(Query) if isinstance(seen.message, Query)]
    assert since[:4] == [NOW, START, START, START]


@pytest.mark.parametrize("code", ["unknown_repository", "busy", "repository_failed", "deadline", "internal"])
def test_a_repository_that_is_away_for_a_while_loses_nothing(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository, code: Code
) -> None:
    registry.put(1)
    watch = watching_from_now(daemon, repository)
    registry.trouble = [exception_for(Error(code=code, message="away"))] * 3
    registry.put(2)
    assert next(watch)["visit"] == 2
    assert watch.counts.seen == 1


@pytest.mark.parametrize("code", ["bad_query", "bad_value", "forbidden"])
def test_a_query_that_makes_no_sense_is_refused(registry: Registry, repository: mtv.Repository, code: Code) -> None:
    registry.trouble = [exception_for(Error(code=code, message="no", where="where"))]
    with pytest.raises(mtv.RequestError, match="where: no"):
        next(repository.watch("calexp", where="visit = = 3"))


def test_a_watch_goes_on_where_it_was_when_the_daemon_comes_back(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    gone = threading.Event()
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        gone.set()

    registry.put(1)
    watch = watching_from_now(daemon, repository, on_note=note)
    daemon.stop()
    registry.put(2, 3)

    def come_back() -> None:
        assert gone.wait(WAIT_SECS)
        daemon.start()

    thread = threading.Thread(target=come_back)
    thread.start()
    assert next(watch)["visit"] == 3
    thread.join()
    assert watch.counts == (2, 1, 1, 0, 0, 0)
    assert notes[0].startswith("waiting: ")
    assert notes[-1] == "going on"


def test_without_a_daemon_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    with mtv.Connection(f"ipc://{tmp_path}/none.sock") as connection, pytest.raises(mtv.Unavailable):
        mtv.Repository("hsc", connection=connection).watch("calexp")


def test_an_older_daemon_that_knows_no_marks_is_refused(daemon: ScriptedDaemon, repository: mtv.Repository) -> None:
    daemon.script(Query, messages.Rows(columns=COLUMNS, rows=(("HSC", 1, 41, "u/run"),), ids=("a",)))
    with pytest.raises(mtv.RequestError, match="older") as caught:
        next(repository.watch("calexp"))
    assert caught.value.code == "unsupported"


def test_a_watch_ends_when_nothing_was_shown_for_so_long(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    watch = watching_from_now(daemon, repository, timeout_secs=0.05)
    assert list(watch) == []


def test_a_watch_that_is_closed_ends_and_passes_over_what_waits(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    daemon.script(requests.Transaction, failing("unreadable_file", times=10**6))
    with watching_from_now(daemon, repository, every_secs=60) as watch:
        registry.put(1)
        watch._look()
        watch._show()
        assert watch.counts.waiting == 1
        threading.Timer(0.05, watch.close).start()
        assert list(watch) == []
    assert watch.counts == (1, 0, 1, 0, 0, 0)
    assert repr(watch) == "<mtv.Watch: 0 shown, 1 passed over, 0 failed>"


@pytest.mark.parametrize("script", ["shown", "not whole"])
def test_a_watch_that_is_closed_while_it_shows_counts_what_it_shows_once(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository, script: str
) -> None:
    if script == "not whole":
        daemon.script(requests.Transaction, failing("unreadable_file", times=10**6))
    daemon.hold(requests.Transaction)
    watch = watching_from_now(daemon, repository)
    registry.put(1, 2)
    shown: list[mtv.DatasetRef] = []
    thread = threading.Thread(target=lambda: shown.extend(watch))
    thread.start()
    daemon.wait_for(requests.Transaction)
    watch.close()
    daemon.release()
    thread.join(WAIT_SECS)
    done = int(script == "shown")
    assert watch.counts == (2, done, 2 - done, 0, 0, 0)
    assert len(shown) == done


class Slow:
    """Arrivals that take long to look for, and never come."""

    def __init__(self, *look_secs: float) -> None:
        self.look_secs = list(look_secs)
        self.looks: list[float] = []

    def look(self) -> Sequence[int]:
        self.looks.append(time.monotonic())
        threading.Event().wait(self.look_secs.pop(0) if self.look_secs else 0)
        return []

    def show(self, item: int) -> None:
        raise NotImplementedError

    def follow(self, item: int) -> bool:
        raise NotImplementedError


def test_what_is_slow_to_look_at_is_looked_at_less_often() -> None:
    slow = Slow(0.05, 0.05, 0.05, 0.05)
    assert list(Watch(slow, every_secs=0.01, timeout_secs=0.9)) == []
    assert len(slow.looks) in {2, 3}
    assert slow.looks[2] - slow.looks[1] >= 0.5 if len(slow.looks) == 3 else True


def test_one_slow_look_alone_changes_nothing() -> None:
    slow = Slow(0.3)
    assert list(Watch(slow, every_secs=0.01, timeout_secs=0.6)) == []
    assert len(slow.looks) > 5


@pytest.mark.parametrize(
    ("where", "options"),
    [
        ("every_secs", {"every_secs": float("nan")}),
        ("timeout_secs", {"timeout_secs": "long"}),
        ("limit", {"limit": 0}),
        ("frame", {"display": -1}),
        ("colour", {"catalog": "src", "colour": "greeen"}),
        ("select", {"catalog": "src", "select": 3}),
        ("system", {"system": "polar"}),
        ("vist", {"vist": 1.5}),
        ("where", {"where": "x" * 30_000}),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(
    registry: Registry, repository: mtv.Repository, where: str, options: dict[str, Any]
) -> None:
    with pytest.raises(mtv.RequestError) as caught:
        repository.watch("calexp", **options)
    assert caught.value.error.where == where
