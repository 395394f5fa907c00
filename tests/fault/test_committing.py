"""Committing: exactly once, all or nothing, and strangers are not coupled; on a window that refuses, dies or lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support import committing
from tests.support.committing import SESSION, House, dot, image, on_frame, pixel_file, waiting

from mtv.wire import codec
from mtv.wire.errors import DaemonError, RequestError, Unavailable
from mtv.wire.messages import Failed
from mtvd.scene import actions as ac
from mtvd.scene import changes as ch
from mtvd.scene import model

pytestmark = pytest.mark.anyio
house = committing.house


async def test_a_group_is_one_batch_with_one_section_a_transaction(house: House) -> None:
    group = [waiting(dot()), waiting(dot(1)), waiting(dot(), dot(1))]
    await house.committer.commit(group)
    (batch,) = house.window.batches
    assert [section.key for section in batch.sections] == [entry.key for entry in group]
    assert all(entry.outcome is not None for entry in group)


async def test_what_the_window_refuses_fails_alone_and_its_neighbours_commit(house: House) -> None:
    house.window.refuses = on_frame(1)
    good, bad = waiting(dot(0)), waiting(dot(1))
    await house.committer.commit([good, bad])
    assert good.outcome is not None
    assert isinstance(bad.failure, DaemonError)
    assert bad.failure.code == "draw_failed"
    assert list(house.committer.scene.displays) == [0]


async def test_a_display_drawn_in_part_is_put_back_to_the_last_committed_scene(house: House) -> None:
    await house.committer.commit([waiting(dot(0, key="old"))])
    house.window.refuses = lambda action: isinstance(action, ac.SetZoom)
    bad = waiting(dot(0, key="part"), ch.SetZoom(display=0, factor=2.0, key="z"))
    await house.committer.commit([bad])
    repair = house.window.batches[-1].sections[0].actions
    assert isinstance(repair[0], ac.ResetFrame)
    assert [action.markers.key for action in repair if isinstance(action, ac.AddMarkers)] == ["old"]


@pytest.mark.parametrize(
    ("refused", "step"),
    [
        (lambda action: isinstance(action, ac.SetZoom), 2),
        (lambda action: isinstance(action, ac.LoadImage), 0),
        (lambda action: isinstance(action, ac.SetScale), 0),
        (lambda action: isinstance(action, ac.AddMarkers) and action.markers.key == "b", 3),
        (lambda action: isinstance(action, ac.CreateFrame), 0),
        (lambda action: isinstance(action, ac.RaiseFrame), 0),
    ],
)
async def test_the_error_names_the_step_that_the_window_refused(
    house: House, refused: Callable[[ac.AnyAction], bool], step: int
) -> None:
    name = pixel_file(house)
    zoom = ch.SetZoom(display=0, factor=2.0, key="z")
    bad = waiting(image(0, name), dot(0, key="a"), zoom, dot(0, key="b"), files=(name,))
    house.window.refuses = refused
    await house.committer.commit([bad])
    assert isinstance(bad.failure, DaemonError)
    assert (bad.failure.code, bad.failure.error.where) == ("draw_failed", f"steps[{step}]")
    assert "no" in bad.failure.error.message


async def test_a_failure_puts_back_the_displays_of_its_own_transaction_and_no_other(house: House) -> None:
    await house.committer.commit([waiting(dot(0, key="a"), dot(1, key="b"))])
    house.window.refuses = lambda action: isinstance(action, ac.SetZoom)
    await house.committer.commit([waiting(dot(0)), waiting(ch.SetZoom(display=1, factor=2.0, key="z"))])
    (repair,) = house.window.batches[2:]
    assert {action.frame for s in repair.sections for action in s.actions if isinstance(action, ac.ResetFrame)} == {1}


async def test_what_is_poisoned_is_logged_with_what_it_would_draw_and_answered_the_same_ever_after(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house.window.dies_of = on_frame(1)
    poison = waiting(dot(1, key="deadly"))
    await house.committer.commit([poison])
    assert any("poisoned" in record.message and "deadly" in record.message for record in caplog.records)
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    answer = later.sessions.of(SESSION).answer_to(poison.sequence)
    assert answer is not None
    reply = codec.decode_reply(answer.body)
    assert isinstance(reply, Failed)
    assert reply.error.code == "poisoned"


async def test_the_window_is_lost_once_in_a_group_and_nobody_is_to_blame(house: House) -> None:
    deaths = iter([True, False])
    house.window.dies_of = lambda action: isinstance(action, ac.AddMarkers) and next(deaths, False)
    group = [waiting(dot(number)) for number in range(3)]
    await house.committer.commit(group)
    assert [entry.failure for entry in group] == [None] * 3


async def test_a_forgotten_outcome_is_told_as_expired_and_its_request_is_not_run_again(
    house: House, tmp_path: Path
) -> None:
    first, *others = [waiting(dot(0)) for _ in range(1026)]
    await house.committer.commit([first, *others])
    for sessions in (house.sessions, (later := House(tmp_path, house.window, "e2")).sessions):
        if sessions is not house.sessions:
            await later.committer.recover()
        with pytest.raises(RequestError) as raised:
            sessions.of(SESSION).answer_to(first.sequence)
        assert raised.value.code == "outcome_expired"
        assert sessions.of(SESSION).answer_to(others[-1].sequence) is not None


async def test_a_dot_costs_the_journal_a_dot_however_large_the_scene_is(house: House) -> None:
    async def cost() -> int:
        before = house.journal.size_bytes
        await house.committer.commit([waiting(dot(0))])
        return house.journal.size_bytes - before

    small = await cost()
    await house.committer.commit([waiting(*(dot(number) for number in range(200)))])
    assert await cost() < small + 100


async def test_a_transaction_is_refused_whole_before_anything_is_drawn(house: House) -> None:
    bad = waiting(dot(0), ch.DeleteDisplay(display=7))
    await house.committer.commit([bad])
    assert isinstance(bad.failure, RequestError)
    assert bad.failure.error.where == "steps[1].display"
    assert house.window.batches == []
    assert house.committer.scene == model.EMPTY


async def test_when_the_window_dies_the_group_is_run_one_by_one_on_a_new_one(house: House) -> None:
    await house.committer.commit([waiting(dot(5))])
    deaths = iter([True, False])
    house.window.dies_of = lambda action: on_frame(0)(action) and next(deaths, False)
    first, second = waiting(dot(0)), waiting(dot(1))
    await house.committer.commit([first, second])
    assert first.outcome is not None
    assert second.outcome is not None
    keys = [[section.key for section in batch.sections] for batch in house.window.batches[2:]]
    assert keys == [["restore 5", "restore front"], [first.key], [second.key]]


async def test_what_brings_the_window_down_twice_is_poisoned_and_never_enters_the_scene(house: House) -> None:
    house.window.dies_of = on_frame(1)
    good, poison = waiting(dot(0)), waiting(dot(1))
    await house.committer.commit([good, poison])
    assert good.outcome is not None
    assert isinstance(poison.failure, RequestError)
    assert poison.failure.code == "poisoned"
    assert list(house.committer.scene.displays) == [0]


async def test_no_window_fails_the_group_and_draws_nothing(house: House) -> None:
    house.window.unavailable = "there is no ds9"
    entry = waiting(dot())
    await house.committer.commit([entry])
    assert isinstance(entry.failure, Unavailable)
    assert "there is no ds9" in str(entry.failure)


async def test_pixels_are_kept_while_shown_and_removed_when_replaced(house: House) -> None:
    old, new = pixel_file(house), pixel_file(house)
    await house.committer.commit([waiting(image(0, old), files=(old,))])
    assert old in house.pixels.names()
    await house.committer.commit([waiting(image(0, new), files=(new,))])
    assert set(house.pixels.names()) == {new}


async def test_pixels_of_an_image_that_another_of_its_own_group_replaces_are_removed(house: House) -> None:
    first, second = pixel_file(house), pixel_file(house)
    group = [waiting(image(0, first), files=(first,)), waiting(image(0, second), files=(second,))]
    await house.committer.commit(group)
    assert set(house.pixels.names()) == {second}


async def test_pixels_of_a_failed_transaction_are_removed(house: House) -> None:
    house.window.refuses = lambda action: isinstance(action, ac.LoadImage)
    name = pixel_file(house)
    await house.committer.commit([waiting(image(0, name), files=(name,))])
    assert house.pixels.names() == ()


async def test_a_display_that_could_not_be_restored_is_finished_as_soon_as_the_window_takes_it(house: House) -> None:
    name = pixel_file(house)
    await house.committer.commit([waiting(image(0, name), dot(0, key="a"), files=(name,))])
    house.window.refuses = lambda action: isinstance(action, ac.LoadImage)
    house.window.generation += 1
    for other in range(1, 100):
        await house.committer.commit([waiting(dot(other))])
    tries = [batch for batch in house.window.batches if any(s.key == "restore 0" for s in batch.sections)]
    assert 4 <= len(tries) <= 10, "it is tried again, and not with every batch"
    house.window.refuses = lambda _: False
    before = len(house.window.batches)
    for other in range(100, 140):
        await house.committer.commit([waiting(dot(other))])
    (finished,) = [b for b in house.window.batches[before:] if any(s.key == "restore 0" for s in b.sections)]
    assert {type(a) for s in finished.sections for a in s.actions} >= {ac.LoadImage, ac.AddMarkers}


async def test_a_window_that_dies_while_a_display_is_finished_costs_nobody_his_request(house: House) -> None:
    name = pixel_file(house)
    await house.committer.commit([waiting(image(0, name), files=(name,))])
    house.window.refuses = lambda action: isinstance(action, ac.LoadImage)
    house.window.generation += 1
    await house.committer.commit([waiting(dot(1))])
    deaths = iter([True])
    house.window.refuses = lambda _: False
    house.window.dies_of = lambda action: isinstance(action, ac.LoadImage) and next(deaths, False)
    drawn = [waiting(dot(other)) for other in range(2, 6)]
    for one in drawn:
        await house.committer.commit([one])
    assert next(deaths, None) is None, "it has died"
    assert all(one.outcome is not None for one in drawn)


async def test_a_display_that_was_deleted_meanwhile_is_not_finished(house: House) -> None:
    name = pixel_file(house)
    await house.committer.commit([waiting(image(0, name), files=(name,))])
    house.window.refuses = lambda action: isinstance(action, ac.LoadImage)
    house.window.generation += 1
    await house.committer.commit([waiting(ch.DeleteDisplay(display=0))])
    before = len(house.window.batches)
    for other in range(1, 4):
        await house.committer.commit([waiting(dot(other))])
    assert len(house.window.batches) == before + 3


async def test_a_display_whose_pixels_are_gone_keeps_its_overlays_in_a_new_window(house: House) -> None:
    name = pixel_file(house)
    await house.committer.commit([waiting(image(0, name), dot(0, key="a"), files=(name,))])
    house.pixels.remove([name])
    house.window.generation += 1
    await house.committer.commit([waiting(dot(1))])
    restore = house.window.batches[-2].sections[0].actions
    assert not any(isinstance(action, ac.LoadImage) for action in restore)
    assert [action.markers.key for action in restore if isinstance(action, ac.AddMarkers)] == ["a"]


async def test_a_failure_is_answered_the_same_when_it_is_asked_again(house: House) -> None:
    entry = waiting(ch.DeleteDisplay(display=7))
    await house.committer.commit([entry])
    answer = house.sessions.of(SESSION).answer_to(entry.sequence)
    assert answer is not None
    reply = codec.decode_reply(answer.body)
    assert isinstance(reply, Failed)
    assert reply.error.request_id == entry.key
