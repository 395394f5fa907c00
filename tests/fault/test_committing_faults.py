"""Faults of stage, committer and journal: they cost their batch and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from tests.support import committing
from tests.support.committing import SESSION, House, dot, waiting

from mtv.wire.errors import DaemonError, Unavailable
from mtv.wire.messages import Outcome
from mtvd.drawing.waiting import Waiting
from mtvd.scene import actions as ac
from mtvd.stage.port import Batch, Difference, SectionResult

pytestmark = pytest.mark.anyio
house = committing.house


async def test_what_was_planned_on_top_of_one_that_failed_is_drawn_again_and_not_refused_for_it(house: House) -> None:
    house.window.refuses = lambda action: isinstance(action, ac.AddMarkers) and action.markers.key == "bad"
    bad = waiting(dot("a", key="bad"), dot("b"))
    victim, stranger = waiting(dot("b", key="good")), waiting(dot("c"))
    results = house.window.run

    async def run(batch: Batch) -> tuple[SectionResult, ...]:
        told = await results(batch)
        if victim.key in {section.key for section in batch.sections[1:]}:
            victims = SectionResult(key=victim.key, failed_action=0, message="display 1002 has no frame")
            return (told[0], victims, told[2])
        return told

    house.window.run = run  # type: ignore[method-assign]
    await house.committer.commit([bad, victim, stranger])
    assert isinstance(bad.failure, DaemonError)
    assert isinstance(victim.outcome, Outcome)
    assert isinstance(stranger.outcome, Outcome)
    assert len(house.window.batches) == 3, "the group, what puts its displays back, and the one that is drawn again"
    assert {display.name for display in house.committer.scene.displays.values()} == {"b", "c"}
    assert house.journal.recover().scene == house.committer.scene


async def test_a_refusal_calls_displays_by_their_names(house: House) -> None:
    await house.committer.commit([waiting(dot("stars"))])
    refused = waiting(dot("stars"))
    run = house.window.run

    async def words(batch: Batch) -> tuple[SectionResult, ...]:
        return tuple(
            msgspec.structs.replace(one, failed_action=0, message="display 1001 has no frame")
            for one in await run(batch)
        )

    house.window.run = words  # type: ignore[method-assign]
    await house.committer.commit([refused])
    assert refused.failure is not None
    assert "display 'stars' has no frame" in refused.failure.error.message


async def test_a_stage_that_fails_in_a_way_of_its_own_costs_its_batch_and_nothing_else(house: House) -> None:
    await house.committer.commit([waiting(dot(0, key="before"))])
    run = house.window.run

    async def fail(batch: Batch) -> tuple[SectionResult, ...]:
        house.window.run = run  # type: ignore[method-assign]
        raise OSError(5, "input/output error")

    house.window.run = fail  # type: ignore[method-assign]
    lost, next_one = waiting(dot(0), dot(7)), waiting(dot(0))
    await house.committer.commit([lost])
    assert isinstance(lost.failure, Unavailable)
    assert lost.failure.error.retryable
    await house.committer.commit([next_one])
    assert isinstance(next_one.outcome, Outcome)
    restored = house.window.batches[1].sections
    assert [section.key for section in restored] == ["restore 0", "restore 7", "restore front"]
    assert not house.journal.recover().open_entries()


async def test_who_edits_without_a_pause_holds_up_a_batch_a_few_times_only(house: House) -> None:
    run = house.window.run

    async def drag(batch: Batch) -> tuple[SectionResult, ...]:
        if batch.heeds:
            house.window.moved = (Difference(frame=0, what="zoom", value=f"{len(house.window.batches)} 1"),)
        return await run(batch)

    await house.committer.commit([waiting(dot(0))])
    house.window.run = drag  # type: ignore[method-assign]
    last = waiting(dot(0))
    await house.committer.commit([last])
    assert last.outcome is not None
    assert [batch.heeds for batch in house.window.batches[1:]] == [True, True, True, False]


async def test_a_fault_of_the_committers_own_fails_its_batch_which_is_not_drawn_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Outcome:
        raise RuntimeError("a fault of our own")

    with monkeypatch.context() as patched:
        patched.setattr("mtvd.drawing.settling.outcome_of", fail)
        lost = waiting(dot(0))
        await house.committer.commit([lost])
    assert lost.failure is not None
    assert lost.failure.error.code == "internal"
    assert not house.journal.recover().open_entries()
    next_one = waiting(dot(0, key="next"))
    await house.committer.commit([next_one])
    assert [batch.key for batch in house.committer.scene.displays[0].overlays[0].batches] == ["next"]


async def test_a_batch_that_cannot_be_drawn_again_does_not_end_the_next_daemon(house: House, tmp_path: Path) -> None:
    begun = waiting(dot(0))
    house.journal.commit = lambda commit: None  # type: ignore[method-assign]
    await house.committer.commit([begun])
    later = House(tmp_path, house.window, "e2")

    async def fail(group: Sequence[Waiting]) -> None:
        raise OSError(5, "input/output error")

    later.committer.commit = fail  # type: ignore[method-assign, assignment]
    await later.committer.recover()
    assert later.sessions.of(SESSION).answer_to(begun.sequence) is not None


async def test_a_window_that_goes_while_it_is_taken_over_does_not_end_the_next_daemon(
    house: House, tmp_path: Path
) -> None:
    await house.committer.commit([waiting(dot(0, key="before"))])
    later = House(tmp_path, house.window, "e2")
    house.window.unavailable = "it has gone"
    await later.committer.recover()
    house.window.unavailable = ""
    next_one = waiting(dot(0))
    await later.committer.commit([next_one])
    assert next_one.outcome is not None
    assert later.committer.scene.displays[0].overlays[0].count == 2
