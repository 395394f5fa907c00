"""A registry in which datasets arrive, as a scripted daemon tells of it, and a watch on it."""

from __future__ import annotations

from typing import Any

import pytest

import mtv
from mtv.streams.watching import Watch
from mtv.testing import ScriptedDaemon, Seen
from mtv.wire import messages
from mtv.wire.data import Dataset
from mtv.wire.steps import NOW, START, Mtv, Query

COLUMNS = ("instrument", "visit", "detector", "run")
SOON = 0.01
PATIENCE_SECS = 10.0


class Registry:
    """What a scripted daemon's repository has, in the order of its coming; marks are numbers of datasets."""

    def __init__(self) -> None:
        self.visits: list[int] = []
        self.trouble: list[Exception] = []
        """Raised by the next queries, one by one."""
        self.repeats = 0
        """So many that were told before are told again."""
        self.marks = 0
        """Grows with what comes that is of no concern."""

    def put(self, *visits: int) -> None:
        self.visits += visits

    def __call__(self, seen: Seen) -> messages.Rows:
        query = seen.message
        assert isinstance(query, Query)
        if self.trouble:
            raise self.trouble.pop(0)
        mark = f"{len(self.visits)}.{self.marks}"
        end = len(self.visits)
        begin = end if query.since == NOW else 0 if query.since == START else int(query.since.partition(".")[0])
        shown = self.visits[max(0, begin - self.repeats) : end]
        return messages.Rows(
            columns=COLUMNS,
            rows=tuple(("HSC", visit, 41, "u/run") for visit in shown),
            ids=tuple(f"id-{visit}" for visit in shown),
            repo="hsc",
            dataset_type="calexp",
            mark=mark,
        )


@pytest.fixture
def registry(daemon: ScriptedDaemon) -> Registry:
    made = Registry()
    daemon.script(Query, made)
    return made


def watching_from_now(daemon: ScriptedDaemon, repository: mtv.Repository, **options: Any) -> Watch[mtv.DatasetRef]:
    """Return a watch that has had its first look."""
    watch = repository.watch("calexp", **{"every_secs": SOON, "timeout_secs": PATIENCE_SECS, **options})
    watch._look()
    assert [seen.message.since for seen in daemon.of(Query) if isinstance(seen.message, Query)][-1] == NOW
    return watch


def visits(daemon: ScriptedDaemon) -> list[str]:
    """UUIDs of what was shown, attempts included."""
    targets = [step.target for step in daemon.steps if isinstance(step, Mtv)]
    return [target.id for target in targets if isinstance(target, Dataset)]
