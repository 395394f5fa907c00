"""Previews cut short: the daemon or the window dies, or refuses, while an image is shown before its mask."""

from __future__ import annotations

import contextlib
from pathlib import Path

import anyio
import pytest
from tests.support import previews
from tests.support.previews import NEW, OLD, A, House, exposure, image_alone, living

from mtv.wire.errors import DaemonError, RequestError
from mtv.wire.messages import Outcome
from mtvd.scene import actions as ac
from mtvd.scene import model

pytestmark = pytest.mark.anyio
house = previews.house


async def test_a_daemon_that_dies_between_leaves_the_old_picture_and_the_request_to_be_sent_again(
    tmp_path: Path,
) -> None:
    first = House(tmp_path)
    with anyio.CancelScope() as life:
        async with living(first):
            await first.draw(exposure(OLD))
            scene, picture = first.committer.scene, first.stage.picture()
            async with image_alone(first):
                life.cancel()
                await anyio.sleep_forever()
    first.journal.close()
    second = House(tmp_path, first.stage.left_by_a_dead_daemon(), "e2")
    async with living(second):
        assert second.sessions.of(A).answer_to(10) is None
        assert (second.committer.scene, second.stage.picture()) == (scene, picture)
        await second.draw(exposure(NEW), sequence=10)
        assert isinstance(second.results[0], Outcome)
        assert second.stage.frames[0].mask is not None
        await second.settled()
        second.pixels.sweep(second.committer.scene.files())
        second.check_files()
    second.journal.close()


async def test_a_journal_written_anew_between_knows_what_was_there_before(tmp_path: Path) -> None:
    first = House(tmp_path)
    with anyio.CancelScope() as life:
        async with living(first):
            await first.draw(exposure(OLD))
            scene = first.committer.scene
            async with image_alone(first):
                first.committer._checkpoint()
                life.cancel()
                await anyio.sleep_forever()
    first.journal.close()
    second = House(tmp_path, first.stage.left_by_a_dead_daemon(), "e2")
    await second.committer.recover()
    assert second.committer.scene == scene
    second.check_files()
    second.journal.close()


async def test_a_preview_cut_short_by_a_death_is_not_drawn_again(tmp_path: Path) -> None:
    class DaemonDied(BaseException):
        pass

    def die(_: object) -> None:
        raise DaemonDied

    first = House(tmp_path)
    with contextlib.suppress(BaseExceptionGroup):
        async with living(first):
            await first.draw(exposure(OLD))
            first.journal.commit = die  # type: ignore[method-assign, assignment]
            async with image_alone(first):
                await anyio.sleep_forever()
    first.journal.close()
    assert first.stage.label() == "calexp HSC 23718 42"
    second = House(tmp_path, first.stage.left_by_a_dead_daemon(), "e2")
    async with living(second):
        assert second.sessions.of(A).answer_to(10) is None, "nobody was told of anything"
        assert second.stage.label() == "calexp HSC 1214 41"
        assert second.stage.frames[0].mask is not None
    second.journal.close()


async def test_a_display_that_was_put_back_is_so_after_a_death(tmp_path: Path) -> None:
    first = House(tmp_path)
    async with living(first):
        await first.draw(exposure(OLD))
        async with image_alone(first, first.repositories.hang_at):
            pass
        scene = first.committer.scene
    first.journal.close()
    second = House(tmp_path, first.stage.left_by_a_dead_daemon(), "e2")
    async with living(second):
        assert second.committer.scene == scene
        assert second.stage.batches == [], "the window shows it already"
        second.check_files()
    second.journal.close()


async def test_a_window_lost_between_gets_image_and_mask(house: House) -> None:
    async with image_alone(house):
        house.stage.crash()
    assert isinstance(house.results[-1], Outcome)
    assert house.stage.label() == "calexp HSC 23718 42"
    assert house.stage.frames[0].mask is not None


async def test_a_window_that_is_gone_is_not_opened_to_put_a_display_back(house: House) -> None:
    await house.draw(exposure(OLD))
    before = house.display
    async with image_alone(house, house.repositories.hang_at):
        house.stage.user_closes()
    assert house.display == before
    assert house.stage.state.state == "absent"
    house.check_files()


async def test_an_image_that_kills_the_window_kills_it_twice_not_more(house: House) -> None:
    await house.draw(exposure(OLD))
    before = house.display
    house.stage.kills = lambda action: isinstance(action, ac.LoadImage) and action.image.label.endswith("23718 42")
    restarts = house.stage.state.restarts
    await house.draw(exposure(NEW), sequence=10)
    await house.settled()
    error = house.results[-1]
    assert isinstance(error, RequestError)
    assert error.code == "poisoned"
    assert house.stage.state.restarts == restarts + 2
    assert house.display == before
    house.check_files()


async def test_an_image_that_the_window_refuses_is_told_once(house: House) -> None:
    house.stage.fail_action = lambda action: "no" if isinstance(action, ac.LoadImage) else ""
    await house.draw(exposure(NEW))
    await house.settled()
    (error,) = house.results
    assert isinstance(error, DaemonError)
    assert (error.code, error.error.where) == ("draw_failed", "steps[0]")
    assert house.committer.scene == model.EMPTY
    house.check_files()


async def test_a_mask_that_the_window_refuses_puts_the_display_back(house: House) -> None:
    house.repositories.compressed = False
    await house.draw(exposure(OLD))
    before, picture = house.display, house.stage.picture()
    house.repositories.compressed = True
    async with image_alone(house):
        house.stage.fail_action = lambda a: "no" if isinstance(a, ac.LoadMask) and a.mask != before.mask else ""
    error = house.results[-1]
    assert isinstance(error, DaemonError)
    assert error.code == "draw_failed"
    assert house.display == before
    assert house.stage.picture() == picture
    house.check_files()
