"""A watch draws the catalog of what it shows, at once or once the catalog is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import watched_registry
from tests.support.watched_registry import Registry, watching_from_now

import mtv
from mtv.testing import ScriptedDaemon, Seen
from mtv.wire import messages, requests
from mtv.wire.data import Dataset
from mtv.wire.errors import Code, Error, exception_for
from mtv.wire.steps import Overlay

registry = watched_registry.registry


def overlays(daemon: ScriptedDaemon) -> list[Overlay]:
    return [step for step in daemon.steps if isinstance(step, Overlay)]


def without_catalog(registry: Registry, absent: list[int], code: Code = "not_found") -> Callable[[Seen], Any]:
    """Return a script that has no catalog as long as the list is not empty."""

    def answer(seen: Seen) -> messages.Outcome:
        assert isinstance(seen.message, requests.Transaction)
        if isinstance(seen.message.steps[0], Overlay) and absent:
            raise exception_for(Error(code=code, message="there is no src"))
        return messages.Outcome(steps=(messages.StepOutcome(),))

    return answer


def test_a_catalog_is_drawn_at_once_where_it_is_there(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    watch = watching_from_now(
        daemon, repository, catalog="src", select="used", colour="red", size=9, collections=["u/chain", "u/*"]
    )
    registry.put(1)
    next(watch)
    (drawn,) = overlays(daemon)
    assert (drawn.name, drawn.select, drawn.colour, drawn.size, drawn.replace) == ("src", "used", "red", 9, True)
    assert isinstance(drawn.target, Dataset)
    assert drawn.target.data_id == {"instrument": "HSC", "visit": 1, "detector": 41}
    assert (drawn.target.dataset_type, drawn.target.collections) == ("src", ("u/run", "u/chain"))
    assert watch.counts == (1, 1, 0, 0, 0, 1)


def test_a_catalog_that_comes_later_is_looked_for_only_when_something_has_come(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    absent = [1]
    daemon.script(requests.Transaction, without_catalog(registry, absent))
    watch = watching_from_now(daemon, repository, catalog="src", timeout_secs=0.3)
    registry.put(1)
    next(watch)
    assert list(watch) == []
    assert len(overlays(daemon)) == 1, "nothing has come since"
    watch = watching_from_now(daemon, repository, catalog="src", timeout_secs=0.3)
    registry.put(2)
    next(watch)
    absent.clear()
    registry.marks += 1
    assert list(watch) == []
    assert len(overlays(daemon)) == 3
    assert watch.counts.catalogs == 1


def test_a_catalog_that_is_not_whole_yet_is_tried_again(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    absent = [1]
    daemon.script(requests.Transaction, without_catalog(registry, absent, "unreadable_file"))
    watch = watching_from_now(daemon, repository, catalog="src", timeout_secs=0.2)
    registry.put(1)
    next(watch)
    watch._earliest = 0
    absent.clear()
    assert list(watch) == []
    assert watch.counts.catalogs == 1


def test_a_catalog_of_what_is_no_longer_shown_is_not_drawn(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    absent = [1]
    daemon.script(requests.Transaction, without_catalog(registry, absent))
    watch = watching_from_now(daemon, repository, catalog="src")
    registry.put(1)
    next(watch)
    absent.clear()
    registry.put(2)
    next(watch)
    targets = [drawn.target for drawn in overlays(daemon)]
    assert [target.data_id["visit"] for target in targets if isinstance(target, Dataset)] == [1, 2]


def test_a_catalog_that_cannot_be_drawn_costs_its_overlay_alone(
    daemon: ScriptedDaemon, registry: Registry, repository: mtv.Repository
) -> None:
    notes: list[str] = []
    daemon.script(requests.Transaction, without_catalog(registry, [1], "bad_value"))
    watch = watching_from_now(daemon, repository, catalog="src", on_note=notes.append)
    for visit in (1, 2):
        registry.put(visit)
        assert next(watch)["visit"] == visit
    assert watch.counts == (2, 2, 0, 0, 0, 0)
    assert "the catalog of calexp@" in notes[0]
