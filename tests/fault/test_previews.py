"""An image shown ahead of its mask: what follows it, what takes it back, and what a death in between leaves."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from tests.support import fake_repositories as fake
from tests.support.fake_repositories import FakeRepositories
from tests.support.fake_stage import FakeStage

from mtv.wire.data import Dataset
from mtv.wire.errors import DaemonError, DeadlineExceeded, MtvError, RequestError
from mtv.wire.limits import Limits
from mtv.wire.messages import Outcome, Transaction
from mtv.wire.steps import AnyStep, Load, Mtv, Overlay, Scale, Show, Zoom
from mtvd.drawing.committer import Committer
from mtvd.drawing.engine import Engine
from mtvd.drawing.journal import Journal
from mtvd.drawing.sessions import Sessions
from mtvd.host.pixelstore import PixelStore
from mtvd.resolving.handles import Handles
from mtvd.resolving.holding import Holding
from mtvd.resolving.images import Images
from mtvd.resolving.resolver import Resolver
from mtvd.scene import actions as ac
from mtvd.scene import apply as sc
from mtvd.stage.port import Batch, Difference, SectionResult, WindowLost

pytestmark = pytest.mark.anyio
WAIT_SECS: Final = 20
A, B = b"a" * 16, b"b" * 16
OLD: Final[dict[str, int | str]] = {"instrument": "HSC", "visit": 1214, "detector": 41}
NEW: Final[dict[str, int | str]] = {"instrument": "HSC", "visit": 23718, "detector": 42}
OTHER: Final[dict[str, int | str]] = {"instrument": "HSC", "visit": 23694, "detector": 41}


class WatchedStage(FakeStage):
    """A window that tells when it has drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.ran = anyio.Event()
        self.kills: Callable[[ac.AnyAction], bool] = lambda _: False
        self.there: Callable[[str], bool] = lambda _: True
        """Tells whether a pixel file is."""
        self.missing: list[str] = []
        """What was removed while it was shown."""

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        shown = [frame.image.file for frame in self.frames.values() if frame.image]
        self.missing += [name for name in shown if not self.there(name)]
        if any(self.kills(action) for section in batch.sections for action in section.actions):
            self.crash()
            raise WindowLost("the window died")
        results = await super().run(batch)
        self.ran.set()
        self.ran = anyio.Event()
        return results

    async def until(self, seen: Callable[[], bool]) -> None:
        with anyio.fail_after(WAIT_SECS):
            while not seen():
                await self.ran.wait()

    def label(self, frame: int = 0) -> str:
        shown = self.frames.get(frame)
        return shown.image.label if shown and shown.image else ""

    def picture(self) -> list[object]:
        """What all frames show."""
        return [
            (number, frame.image, frame.mask, frame.zoom, [(name, markers.key) for name, markers in frame.markers])
            for number, frame in self.frames.items()
        ]

    def actions(self, kind: type[ac.Action]) -> list[ac.AnyAction]:
        return [
            a for batch in self.batches for section in batch.sections for a in section.actions if isinstance(a, kind)
        ]


class House:
    """An engine on a directory and a window that outlive it, with compressed exposures to show."""

    def __init__(self, directory: Path, stage: FakeStage | None = None, epoch: str = "e1") -> None:
        self.directory = directory
        self.stage = WatchedStage()
        if stage is not None:
            vars(self.stage).update({name: value for name, value in vars(stage).items() if name != "ran"})
        self.now = 0.0
        self.sessions = Sessions(lambda: self.now)
        self.journal = Journal(directory / "journal")
        self.pixels = PixelStore(directory / "pixels", 1 << 26)
        self.stage.there = lambda name: name in self.pixels.names()
        self.repositories = FakeRepositories(self.pixels)
        self.repositories.compressed = True
        holding = Holding(self.pixels)
        handles = Handles(lambda: self.now, holding)
        self.committer = Committer(
            stage=self.stage,
            journal=self.journal,
            sessions=self.sessions,
            holding=holding,
            pixels=self.pixels,
            epoch=epoch,
        )
        resolver = Resolver(
            images=Images(self.pixels, Limits()),
            pixels=self.pixels,
            repositories=self.repositories,
            handles=handles,
            limits=Limits(),
        )
        self.engine = Engine(
            stage=self.stage,
            resolver=resolver,
            committer=self.committer,
            holding=holding,
            on_drawn=lambda: None,
            clock=lambda: self.now,
        )
        self.results: list[Outcome | MtvError] = []

    async def draw(self, *steps: AnyStep, session: bytes = A, sequence: int = 1, **options: Any) -> None:
        """Send a transaction and keep what becomes of it."""
        asked = Transaction(steps=steps, **options)
        try:
            with anyio.fail_after(WAIT_SECS):
                self.results.append(await self.engine.submit(asked, (), self.sessions.of(session), sequence))
        except MtvError as error:
            self.results.append(error)

    @property
    def display(self) -> sc.Display:
        return self.committer.scene.displays[0]

    async def settled(self) -> None:
        """Return when all that was sent by nobody in particular has been drawn or taken back."""
        with anyio.fail_after(WAIT_SECS):
            await self.engine.sync(b"z" * 16)

    def check_files(self) -> None:
        """Nothing has leaked, and nothing is gone, or was, that is shown."""
        assert self.stage.missing == []
        assert set(self.pixels.names()) == self.committer.scene.files()


def calexp(data_id: dict[str, int | str]) -> Dataset:
    return Dataset(dataset_type="calexp", collections=(fake.COLLECTION,), data_id=data_id)


def exposure(data_id: dict[str, int | str], display: int = 0) -> Mtv:
    return Mtv(display=display, target=calexp(data_id))


def dots(name: str = "markers", *, lasting: bool = False) -> Overlay:
    return Overlay(display=0, name=name, x=(120.0,), y=(220.0,), lasting=lasting)


@contextlib.asynccontextmanager
async def living(house: House) -> AsyncIterator[House]:
    await house.committer.recover()
    async with anyio.create_task_group() as group:
        group.start_soon(house.engine.serve)
        yield house
        group.cancel_scope.cancel()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with living(House(tmp_path)) as made:
        yield made


@contextlib.asynccontextmanager
async def image_alone(
    house: House, then: Callable[[Any], fake.Hold] | None = None, **options: Any
) -> AsyncIterator[fake.Hold]:
    """Have the new image on the screen and its mask still being read; at the end all is settled."""
    hold = (then or house.repositories.hold_at)("mask")
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: house.draw(exposure(NEW), sequence=10, **options))
        await house.stage.until(lambda: house.stage.label() == "calexp HSC 23718 42")
        yield hold
        hold.release()
    await house.settled()


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
    assert house.committer.scene == sc.EMPTY
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
        assert second.sessions.of(A).answered(10) is None
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
        assert second.sessions.of(A).answered(10) is None, "nobody was told of anything"
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
    assert house.committer.scene == sc.EMPTY
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
