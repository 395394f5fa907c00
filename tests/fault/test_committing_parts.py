"""Large transactions, committed in parts."""

from __future__ import annotations

import struct
from collections.abc import Collection
from pathlib import Path

import msgspec
import pytest
from tests.support import committing
from tests.support.committing import SESSION, House, dot, waiting, zoomed

from mtv.wire.errors import DaemonError, RequestError
from mtv.wire.messages import Outcome
from mtvd.drawing.waiting import Waiting
from mtvd.scene import actions as ac
from mtvd.scene import changes as ch
from mtvd.scene import chunks, model
from mtvd.stage.port import Difference

pytestmark = pytest.mark.anyio
house = committing.house


def many(display: int | str = 0, count: int = 5, key: str = "") -> ch.AddMarkers:
    change = dot(display, key=key)
    column = struct.pack(f"<{count}d", *range(count))
    markers = msgspec.structs.replace(change.markers, count=count, x=column, y=column)
    return msgspec.structs.replace(change, markers=markers)


@pytest.fixture
def parts_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MARKERS", 2)


def markers_drawn(house: House, frame: int) -> list[float]:
    drawn: list[float] = []
    for action in house.window.drawn(ac.AddMarkers):
        assert isinstance(action, ac.AddMarkers)
        if action.frame == frame:
            drawn += struct.unpack(f"<{action.markers.count}d", action.markers.x)
    return drawn


@pytest.mark.usefixtures("parts_of_two")
async def test_a_large_overlay_is_drawn_in_parts_and_others_between_them(house: House) -> None:
    others: list[tuple[frozenset[int | str], Waiting]] = []

    async def meanwhile(busy: Collection[int | str]) -> None:
        others.append((frozenset(busy), waiting(dot(1))))
        await house.committer.commit([others[-1][1]])

    large = waiting(many("stars"))
    large.displays = frozenset({"stars"})
    await house.committer.commit([large], meanwhile)
    assert isinstance(large.outcome, Outcome)
    assert large.outcome.steps[0].markers == 5
    number = large.outcome.steps[0].display
    assert number is not None
    assert markers_drawn(house, number) == [0, 1, 2, 3, 4]
    assert [busy for busy, _ in others] == 4 * [frozenset({"stars", number})], "its frame, and three parts of it"
    assert all(other.outcome for _, other in others)
    frames = [batch.sections[0].actions[-1].frame for batch in house.window.batches]  # type: ignore[union-attr]
    assert frames == [1, number, 1, number, 1, number, 1, number]
    assert house.committer.scene.displays[number].overlays[0].count == 5


@pytest.mark.usefixtures("parts_of_two")
async def test_a_large_overlay_whose_redraw_is_awaited_is_redrawn_with_its_last_part(house: House) -> None:
    await house.committer.commit([waiting(dot(0))])
    large = waiting(many(0))
    large.redraws = True
    await house.committer.commit([large])
    assert [batch.redraws for batch in house.window.batches[1:]] == [False, False, True]


@pytest.mark.usefixtures("parts_of_two")
async def test_a_large_overlay_that_fails_in_its_middle_is_taken_back_and_names_its_step(house: House) -> None:
    await house.committer.commit([waiting(dot(0, key="before"))])
    house.window.refuses = lambda action: isinstance(action, ac.AddMarkers) and action.markers.count == 1
    large = waiting(zoomed(0, 3.0), many(0))
    await house.committer.commit([large])
    assert isinstance(large.failure, DaemonError)
    assert large.failure.error.where == "steps[1]"
    repair = house.window.batches[-1].sections[0]
    assert isinstance(repair.actions[0], ac.ResetFrame)
    assert [batch.key for batch in house.committer.scene.displays[0].overlays[0].batches] == ["before"]


@pytest.mark.usefixtures("parts_of_two")
async def test_a_large_overlay_begins_again_where_the_window_dies_between_its_parts(house: House) -> None:
    deaths = iter([True])

    async def meanwhile(_busy: Collection[int | str]) -> None:
        if len(house.window.batches) == 2 and next(deaths, False):
            house.window.generation += 1
            await house.committer.commit([waiting(dot(1))])

    large = waiting(many(0))
    await house.committer.commit([large], meanwhile)
    assert large.outcome is not None
    assert large.losses == 0, "it was not its fault"
    assert markers_drawn(house, 0) == [0, 1, *range(5)]


@pytest.mark.usefixtures("parts_of_two")
async def test_a_large_overlay_whose_last_part_kills_the_window_twice_is_poisoned(house: House) -> None:
    house.window.dies_of = lambda action: isinstance(action, ac.AddMarkers) and action.markers.count == 1
    large = waiting(many(0))
    await house.committer.commit([large])
    assert isinstance(large.failure, RequestError)
    assert large.failure.error.code == "poisoned"
    assert house.committer.scene == model.EMPTY


@pytest.mark.usefixtures("parts_of_two")
async def test_what_the_user_changes_between_two_parts_enters_the_scene(house: House) -> None:
    await house.committer.commit([waiting(dot(0, "old"))])

    async def meanwhile(_busy: Collection[int | str]) -> None:
        if len(house.window.batches) == 2:
            house.window.moved = (Difference(frame=0, what="zoom", value="4 4"),)

    large = waiting(many(0))
    await house.committer.commit([large], meanwhile)
    assert large.outcome is not None
    display = house.committer.scene.displays[0]
    assert display.zoom.factor == 4
    assert [overlay.count for overlay in display.overlays] == [1, 5]
    sent = markers_drawn(house, 0)
    assert sent == [1.0, 0, 1, 2, 3, 2, 3, 4], "the part that found the user was sent again, and drawn once"


@pytest.mark.usefixtures("parts_of_two")
async def test_a_large_overlay_cut_short_by_the_daemons_death_is_drawn_once_and_what_came_between_stays(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def meanwhile(_busy: Collection[int | str]) -> None:
        await house.committer.commit([waiting(dot(1))])

    await house.committer.commit([waiting(dot(0, key="before"))])
    wrote = house.journal.commit
    monkeypatch.setattr(house.journal, "commit", lambda commit: None if commit.long else wrote(commit))
    large = waiting(many(0, key="large"))
    await house.committer.commit([large], meanwhile)
    later = House(tmp_path, house.window, "e2")
    before = len(house.window.batches)
    await later.committer.recover()
    restored = house.window.batches[before]
    assert any(
        isinstance(action, ac.ResetFrame) and action.frame == 0 for s in restored.sections for action in s.actions
    )
    assert later.committer.scene.displays[1].overlays[0].count == 3
    keys = [batch.key for batch in later.committer.scene.displays[0].overlays[0].batches]
    assert keys == ["before", "large/0", "large/1", "large/2"]
    assert later.sessions.of(SESSION).answer_to(large.sequence) is not None


@pytest.mark.usefixtures("parts_of_two")
async def test_a_display_made_between_the_parts_of_a_large_overlay_gets_a_frame_of_its_own(house: House) -> None:
    others: list[Waiting] = []

    async def meanwhile(_busy: Collection[int | str]) -> None:
        others.append(waiting(dot(f"other {len(others)}")))
        await house.committer.commit([others[-1]])

    large = waiting(many("stars"), dot("more stars"))
    await house.committer.commit([large], meanwhile)
    told = [step.display for one in (large, *others) if one.outcome for step in one.outcome.steps]
    assert len(told) == 7
    assert len(set(told)) == 7, "one number, one display"
    names = {display.name: number for number, display in house.committer.scene.displays.items()}
    assert told == [names[name] for name in ("stars", "more stars", *(f"other {number}" for number in range(5)))]
    created = [action.frame for action in house.window.drawn(ac.CreateFrame) if isinstance(action, ac.CreateFrame)]
    assert sorted(created) == sorted(names.values()), "each frame was made for its display"
    assert house.journal.recover().scene == house.committer.scene


@pytest.mark.usefixtures("parts_of_two")
async def test_a_frame_that_the_user_deletes_while_it_is_drawn_in_parts_stays_deleted(house: House) -> None:
    async def meanwhile(_busy: Collection[int | str]) -> None:
        if len(house.window.batches) == 1:
            house.window.moved = (Difference(frame=0, what="deleted"),)

    large = waiting(many(0))
    await house.committer.commit([large], meanwhile)
    assert large.outcome is not None
    assert house.committer.scene.displays == {}
    assert isinstance(house.window.batches[-1].sections[0].actions[-1], ac.DeleteFrame)
    assert house.journal.recover().scene == house.committer.scene
