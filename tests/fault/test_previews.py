"""An image shown ahead of its mask: what follows it, what takes it back, and what a death in between leaves."""

from __future__ import annotations

from typing import Final

import anyio
import anyio.lowlevel
import pytest
from tests.support import previews
from tests.support.previews import NEW, OLD, WAIT_SECS, B, House, calexp, exposure, image_alone

from mtv.wire.errors import DeadlineExceeded, MtvError, RequestError
from mtv.wire.messages import Outcome
from mtv.wire.steps import Load, Mtv, Overlay, Scale, Show, Zoom
from mtvd.scene import actions as ac
from mtvd.scene import model
from mtvd.stage.port import Difference

pytestmark = pytest.mark.anyio
house = previews.house
OTHER: Final[dict[str, int | str]] = {"instrument": "HSC", "visit": 23694, "detector": 41}


def dots(name: str = "markers", *, lasting: bool = False) -> Overlay:
    return Overlay(display=0, name=name, x=(120.0,), y=(220.0,), lasting=lasting)


async def test_the_image_is_on_the_screen_before_its_mask_is_read_and_is_not_loaded_again(house: House) -> None:
    await house.draw(exposure(OLD))
    async with image_alone(house) as hold:
        assert house.stage.frames[0].mask is None
        assert len(house.results) == 1, "no outcome yet"
        assert house.display.image is not None
        image = house.pixels.path(house.display.image.file)
        written = image.stat().st_mtime_ns
        hold.release()
        await house.stage.until(lambda: house.stage.frames[0].mask is not None)
    old, new = house.results
    assert isinstance(old, Outcome)
    assert new == old, "told as where image and mask come as one"
    assert [type(action) for action in house.stage.batches[-1].sections[0].actions] == [ac.LoadMask]
    assert len(house.stage.actions(ac.LoadImage)) == 2, "one an exposure"
    assert image.stat().st_mtime_ns == written, "its header was there already"
    house.check_files()


async def test_what_was_decoded_before_is_drawn_at_once(house: House) -> None:
    house.repositories.compressed = False
    await house.draw(exposure(NEW))
    (batch,) = house.stage.batches
    kinds = [type(action) for action in batch.sections[0].actions]
    assert ac.LoadImage in kinds
    assert ac.LoadMask in kinds


async def test_a_mask_that_fails_puts_the_display_back(house: House) -> None:
    await house.draw(exposure(OLD), sequence=1)
    await house.draw(dots(), Zoom(display=0, factor=2.0), sequence=2)
    before, picture = house.display, house.stage.picture()
    async with image_alone(house, house.repositories.hang_at):
        assert house.display.overlays == ()
    error = house.results[-1]
    assert isinstance(error, DeadlineExceeded)
    assert error.error.message == "the repository did not answer in time"
    assert house.display == before
    assert house.stage.picture() == picture
    house.check_files()


async def test_a_display_made_for_an_image_goes_where_the_mask_fails(house: House) -> None:
    async with image_alone(house, house.repositories.hang_at):
        assert list(house.stage.frames) == [0]
    assert house.stage.frames == {}
    assert house.committer.scene == model.EMPTY
    house.check_files()


async def test_another_display_comes_to_the_front_again(house: House) -> None:
    await house.draw(exposure(OLD, display=3))
    async with image_alone(house, house.repositories.hang_at):
        assert house.stage.front == 0
    assert house.stage.front == 3


async def test_a_request_that_is_cancelled_between_puts_the_display_back(house: House) -> None:
    await house.draw(exposure(OLD))
    before = house.display
    async with image_alone(house):
        assert house.engine.cancel("") == 1
        await house.stage.until(lambda: house.stage.label() == "calexp HSC 1214 41")
    error = house.results[-1]
    assert isinstance(error, RequestError)
    assert error.code == "cancelled"
    assert house.display == before
    house.check_files()


async def test_a_request_that_is_too_late_for_its_mask_puts_the_display_back(house: House) -> None:
    await house.draw(exposure(OLD))
    before = house.display
    async with image_alone(house, deadline_secs=5.0):
        house.now += 6.0
    error = house.results[-1]
    assert isinstance(error, DeadlineExceeded)
    assert house.display == before
    house.check_files()


@pytest.mark.parametrize("fails", [False, True])
async def test_what_another_client_draws_between_survives(house: House, fails: bool) -> None:
    await house.draw(exposure(OLD), sequence=1)
    await house.draw(dots("old"), sequence=2)
    async with image_alone(house, house.repositories.hang_at if fails else None):
        await house.draw(dots("other"), Scale(display=0, stretch="log"), session=B)
    assert isinstance(house.results[-1], MtvError if fails else Outcome)
    assert [overlay.name for overlay in house.display.overlays] == (["old", "other"] if fails else ["other"])
    assert house.display.scale.stretch == "log"
    assert sorted(name for name, _ in house.stage.frames[0].markers) == (["old", "other"] if fails else ["other"])
    house.check_files()


@pytest.mark.parametrize("fails", [False, True])
async def test_the_last_whole_image_wins(house: House, fails: bool) -> None:
    await house.draw(exposure(OLD))
    async with image_alone(house, house.repositories.hang_at if fails else None):
        house.repositories.compressed = False
        await house.draw(exposure(OTHER), session=B)
        assert house.stage.label() == "calexp HSC 23694 41"
    wanted = "calexp HSC 23694 41" if fails else "calexp HSC 23718 42"
    assert house.stage.label() == wanted
    assert house.stage.frames[0].mask is not None
    house.check_files()


async def test_what_the_user_does_between_stays(house: House) -> None:
    await house.draw(exposure(OLD))
    async with image_alone(house):
        house.stage.differences = (
            Difference(frame=0, what="zoom", value="3.0"),
            Difference(frame=0, what="limits", value="user 1 5"),
        )
        drawn = len(house.stage.batches)
    later = [type(a) for batch in house.stage.batches[drawn:] for section in batch.sections for a in section.actions]
    assert later == [ac.LoadMask], "neither zoom nor limits nor image"
    assert (house.display.zoom.factor, house.display.scale.limits) == (3.0, (1.0, 5.0))


async def test_what_the_user_does_to_an_image_that_is_taken_back_stays(house: House) -> None:
    await house.draw(exposure(OLD))
    async with image_alone(house, house.repositories.hang_at):
        house.stage.differences = (Difference(frame=0, what="zoom", value="3.0"),)
    assert house.display.zoom.factor == 3.0
    assert house.stage.label() == "calexp HSC 1214 41"
    house.check_files()


async def test_an_image_that_was_not_drawn_yet_leaves_nothing_where_its_mask_fails(house: House) -> None:
    before = house.repositories.hold_at("read")
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: house.draw(exposure(OTHER), sequence=1))
        await before.reached.wait()
        mask = house.repositories.hang_at("mask")
        group.start_soon(lambda: house.draw(exposure(NEW), sequence=2))
        with anyio.fail_after(WAIT_SECS):
            while not any(waiting.preview for waiting in house.engine._list):
                await anyio.lowlevel.checkpoint()
            mask.release()
            while not house.results:
                await anyio.lowlevel.checkpoint()
        assert house.stage.frames == {}, "it waits for what its client sent before"
        assert house.pixels.names() == ()
        before.release()
    assert house.stage.label() == "calexp HSC 23694 41"
    house.check_files()


async def test_what_a_handle_lets_go_between_is_there_to_be_put_back(house: House) -> None:
    await house.draw(Load(target=calexp(OLD), lease_secs=10.0), Mtv(display=0, target=0))
    picture = house.stage.picture()
    async with image_alone(house, house.repositories.hang_at):
        house.now += 11.0
        house.engine.housekeeping()
    assert house.stage.picture() == picture
    house.check_files()


async def test_the_front_is_not_changed_again(house: House) -> None:
    await house.draw(exposure(OLD, display=3))
    async with image_alone(house):
        assert house.stage.front == 0
        await house.draw(Show(display=3), session=B)
        assert house.stage.front == 3
    assert house.stage.front == 3


async def test_what_the_same_client_sends_later_waits_for_the_mask(house: House) -> None:
    async with image_alone(house) as hold, anyio.create_task_group() as group:
        group.start_soon(lambda: house.draw(dots("later"), sequence=11))
        with anyio.fail_after(WAIT_SECS):
            while house.engine.waiting < 2:
                await anyio.lowlevel.checkpoint()
        await house.draw(dots("other"), session=B)
        assert house.engine.waiting == 2, "the image, and what comes after it"
        assert [overlay.name for overlay in house.display.overlays] == ["other"]
        hold.release()
    assert [overlay.name for overlay in house.display.overlays] == ["other", "later"]


async def test_in_a_larger_transaction_image_and_mask_come_as_one(house: House) -> None:
    await house.draw(exposure(NEW), dots())
    assert len(house.stage.batches) == 1


async def test_a_frame_that_may_give_way_is_shown_whole_or_not_at_all(house: House) -> None:
    await house.draw(exposure(NEW), supersede=True)
    assert len(house.stage.batches) == 1
