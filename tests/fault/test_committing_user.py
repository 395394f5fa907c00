"""The committer and the user: edits by hand, and the size that the user gave the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import committing
from tests.support.committing import House, dot, image, on_frame, pixel_file, waiting, zoomed

from mtv.wire.errors import DaemonError
from mtvd.scene import actions as ac
from mtvd.scene import changes as ch
from mtvd.stage.port import Difference

pytestmark = pytest.mark.anyio
house = committing.house


async def test_what_the_user_changed_enters_the_scene_before_the_batch_that_found_it(house: House) -> None:
    await house.committer.commit([waiting(dot(0), dot(1))])
    house.window.moved = tuple(
        Difference(frame=frame, what="zoom", value=f"{frame + 2} {frame + 2}") for frame in (0, 1)
    )
    entry = waiting(zoomed(0, 9.0), dot(1))
    await house.committer.commit([entry])
    assert entry.outcome is not None
    found, drawn = house.window.batches[-2:]
    assert (found.heeds, drawn.heeds) == (True, True)
    assert drawn.number > found.number
    assert [display.zoom.factor for display in house.committer.scene.displays.values()] == [9.0, 3.0]
    assert house.window.token == (drawn.epoch, drawn.number)


async def test_what_the_user_changed_is_journalled_though_the_batch_is_refused_and_drawn_once(
    house: House, tmp_path: Path
) -> None:
    await house.committer.commit([waiting(dot(0))])
    house.window.moved = (Difference(frame=0, what="stretch", value="sqrt"),)
    house.window.refuses = on_frame(0)
    entry = waiting(dot(0))
    await house.committer.commit([entry])
    assert isinstance(entry.failure, DaemonError)
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    assert later.committer.scene == house.committer.scene
    assert later.committer.scene.displays[0].scale.stretch == "sqrt"
    assert later.committer.scene.displays[0].overlays[0].count == 1


async def test_a_batch_that_found_the_user_and_was_cut_short_is_drawn_once(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.committer.commit([waiting(dot(0, key="a"))])
    house.window.moved = (Difference(frame=0, what="zoom", value="4 4"),)
    wrote = house.journal.commit
    monkeypatch.setattr(house.journal, "commit", lambda commit: None if commit.done else wrote(commit))
    await house.committer.commit([waiting(dot(0, key="b"))])
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    display = later.committer.scene.displays[0]
    assert [batch.key for batch in display.overlays[0].batches] == ["a", "b"]
    assert display.zoom.factor == 4.0


async def test_pixels_of_a_display_that_the_user_deleted_are_given_back(house: House) -> None:
    file = pixel_file(house)
    await house.committer.commit([waiting(image(0, file), files=(file,))])
    house.window.moved = (Difference(frame=0, what="deleted"),)
    await house.committer.commit([waiting(dot(1))])
    assert set(house.committer.scene.displays) == {1}
    assert file not in house.committer.scene.files()
    assert not house.window.drawn(ac.DeleteFrame)


async def test_an_arrangement_comes_back_in_a_new_window_though_there_is_no_display_yet(house: House) -> None:
    tiles = ch.Arrange(tile=True, lock_frame=None, lock_scale=None, lock_colormap=None, key="k")
    await house.committer.commit([waiting(tiles)])
    house.window.generation += 1
    await house.committer.open_window()
    _, restored = house.window.batches
    assert [type(action) for section in restored.sections for action in section.actions] == [ac.Arrange]


def sized(width: int, height: int, key: str = "s") -> ch.Arrange:
    return ch.Arrange(tile=None, lock_frame=None, lock_scale=None, lock_colormap=None, size=(width, height), key=key)


def sizes(house: House) -> list[tuple[int, int]]:
    every = (action for batch in house.window.batches for section in batch.sections for action in section.actions)
    return [action.size for action in every if isinstance(action, ac.Arrange) and action.size is not None]


async def test_a_refused_draw_is_no_reason_to_set_back_the_size_that_the_user_gave_the_window(house: House) -> None:
    await house.committer.commit([waiting(sized(400, 300))])
    house.window.refuses = on_frame(0)
    await house.committer.commit([waiting(dot(0))])
    assert sizes(house) == [(400, 300)]


async def test_a_size_that_was_set_by_what_then_failed_is_set_back(house: House) -> None:
    await house.committer.commit([waiting(sized(400, 300)), waiting(image(0, pixel_file(house)))])
    house.window.refuses = lambda action: isinstance(action, ac.FitAgain)
    await house.committer.commit([waiting(sized(600, 500, key="t"))])
    assert sizes(house) == [(400, 300), (600, 500), (400, 300)]
    assert house.committer.scene.arrangement.size == (400, 300)


async def test_a_new_window_without_room_for_the_size_gets_all_the_rest_of_the_arrangement(house: House) -> None:
    tiles = ch.Arrange(tile=True, lock_frame=None, lock_scale=None, lock_colormap=None, key="k")
    await house.committer.commit([waiting(tiles, sized(600, 500))])
    house.window.generation += 1
    await house.committer.open_window()
    front, size = (section.actions for section in house.window.batches[-1].sections)
    assert [(a.tile, a.size) for a in front if isinstance(a, ac.Arrange)] == [(True, None)]
    assert [(a.tile, a.size) for a in size if isinstance(a, ac.Arrange)] == [(True, (600, 500))]
