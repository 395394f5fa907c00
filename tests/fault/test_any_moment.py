"""A death at any moment: between every two records of the journal, within each, and before every action of a batch.

The same transactions are drawn again and again, and each time the daemon or the window dies at the next point. Clients
send what was not answered once more. Whatever the point, the picture, the answers and the pixel files must be those of
a run that nothing disturbed.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest
from tests.support.fake_stage import FakeStage

from mtv.wire import codec
from mtv.wire.frames import Kind
from mtv.wire.messages import Failed, Outcome
from mtvd.drawing import journal as jn
from mtvd.drawing.committer import Committer
from mtvd.drawing.records import AnyRecord
from mtvd.drawing.sessions import Sessions
from mtvd.drawing.waiting import Waiting
from mtvd.host.pixelstore import PixelStore
from mtvd.resolving.holding import Holding
from mtvd.resolving.resolved import Resolved
from mtvd.scene import actions as ac
from mtvd.scene import changes as ch
from mtvd.scene import chunks
from mtvd.stage.port import Batch, SectionResult, WindowLost

pytestmark = pytest.mark.anyio
SESSION: Final = b"s" * 16
ONE: Final = struct.pack("<d", 1.0)
MASK: Final = "mask-1-00000000000000b1.raw"
FILES: Final = ("mtv-1-00000000000000a0.fits", "mtv-1-00000000000000a1.fits", "mtv-1-00000000000000a2.fits")
Transaction = tuple[ch.AnyChange, ...]


class DaemonDied(BaseException):
    """Nothing in the daemon may catch it, as nothing catches SIGKILL."""


def dot(display: int, key: str, overlay: str = "markers", *, lasting: bool = False) -> ch.AddMarkers:
    markers = ac.Markers(
        key=key, count=1, x=ONE, y=ONE, size=ONE, symbols=("+",), colours=("#00ff00",), system="pixel", lines=False
    )
    return ch.AddMarkers(display=display, overlay=overlay, markers=markers, replace=False, lasting=lasting)


def many(display: int, key: str) -> ch.AddMarkers:
    """Return five markers, which go in three parts here."""
    markers = msgspec.structs.replace(dot(display, key).markers, count=5, x=5 * ONE, y=5 * ONE)
    return ch.AddMarkers(display=display, overlay=key, markers=markers, replace=False, lasting=False)


@pytest.fixture(autouse=True)
def few_markers_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MARKERS", 2)


def image(display: int, file: str) -> ch.ShowImage:
    layer = ac.ImageLayer(file=file, shape_yx=(1, 1), dtype=">f4", header_bytes=2880, xy0=(0, 0), label="", unit="")
    return ch.ShowImage(display=display, image=layer, mask=None, to_front=False)


GROUPS: Final[tuple[tuple[Transaction, ...], ...]] = (
    ((image(0, FILES[0]), dot(0, "a")),),
    ((dot(0, "b", "stars"),), (image(1, FILES[1]), dot(1, "c"), dot(0, "d"))),
    ((image(5, FILES[2]), dot(0, "half"), dot(5, "refused")), (dot(1, "e"),)),
    ((ch.EraseMarkers(display=0, overlay="stars", key="k"), dot(0, "f")), (ch.DeleteDisplay(display=77),)),
    ((many(1, "h"),), (dot(0, "i"),)),
    ((image(5, FILES[2]), many(5, "refused")),),
    ((image(0, FILES[2]), dot(0, "g")),),
)
"""One transaction is refused by the window in its middle, after it has drawn on two displays; one by the daemon; one
when some of its markers have been drawn."""

MARKERS: Final = {0: ["g"], 1: ["c", "e", *5 * ["h"]]}
CODES: Final = ["", "", "", "draw_failed", "", "", "unknown_display", "", "", "draw_failed", ""]


def with_mask(display: int, file: str) -> ch.ShowImage:
    mask = ac.MaskLayer(file=MASK, shape_yx=(1, 1), dtype="|u1", offset=0, xy0=(0, 0), planes=(("SAT", 1),))
    return msgspec.structs.replace(image(display, file), mask=mask, completes=True)


def die() -> None:
    raise DaemonDied


class Points:
    """Counts the moments at which something may die, and says when it is time."""

    def __init__(self, last: int, die: Callable[[], None]) -> None:
        self.passed = 0
        self._last = last
        self._die = die

    def here(self) -> bool:
        self.passed += 1
        if self.passed - 1 == self._last:
            self._die()
            return True
        return False


class House:
    """A committer on a directory and a window that outlive it."""

    def __init__(self, directory: Path, stage: FakeStage, epoch: str) -> None:
        self.stage = stage
        self.sessions = Sessions(lambda: 0.0)
        self.journal = jn.Journal(directory / "journal")
        self.pixels = PixelStore(directory / "pixels", 1 << 20)
        self.committer = Committer(
            stage=stage,
            journal=self.journal,
            sessions=self.sessions,
            holding=Holding(self.pixels),
            pixels=self.pixels,
            epoch=epoch,
        )
        self.asked: list[Waiting] = []
        self.refuse_at(lambda: None)

    def refuse_at(self, before_action: Callable[[], object]) -> None:
        def refusal(action: ac.AnyAction) -> str:
            before_action()
            refused = isinstance(action, ac.AddMarkers) and action.markers.key.split("/")[0] == "refused"
            return "no" if refused and isinstance(action, ac.AddMarkers) and action.markers.count == 1 else ""

        self.stage.fail_action = refusal

    async def draw(self) -> list[str]:
        """Have everything drawn that was not answered yet; return the codes of all answers, empty where done."""
        numbers = iter(range(1, 100))
        for group in GROUPS:
            asked = [(next(numbers), transaction) for transaction in group]
            waiting = [self._waiting(*one) for one in asked if self.answer(one[0]) is None]
            await self.committer.commit(waiting)
        return [self.answer(number) or "" for number in range(1, next(numbers))]

    async def draw_ahead(self) -> list[str]:
        """Have two images drawn ahead of their masks; one mask follows, the other cannot be read."""
        if self.answer(1) is None:
            await self.committer.commit([self._waiting(1, (image(0, FILES[0]), dot(0, "a")))])
        mask_follows = self._waiting(2, (with_mask(0, FILES[1]),)) if self.answer(2) is None else None
        if mask_follows is not None:
            await self.committer.commit([self._waiting(2, (image(0, FILES[1]),), preview_of=mask_follows)])
            await self.committer.put_back({mask_follows})
        if self.answer(3) is None:
            await self.committer.commit([self._waiting(3, (dot(0, "other", "stars", lasting=True),))])
        if mask_follows is not None:
            await self.committer.commit([mask_follows])
        mask_fails = self._waiting(4, ())
        await self.committer.commit([self._waiting(4, (image(0, FILES[2]),), preview_of=mask_fails)])
        await self.committer.put_back(set())
        return [self.answer(number) or "" for number in range(1, 4)]

    def answer(self, number: int) -> str | None:
        found = self.sessions.of(SESSION).answer_to(number)
        if found is None:
            return None
        reply = codec.decode_reply(found.body)
        assert isinstance(reply, Outcome if found.kind == Kind.REPLY else Failed)
        return reply.error.code if isinstance(reply, Failed) else ""

    def _waiting(self, number: int, changes: Transaction, preview_of: Waiting | None = None) -> Waiting:
        files = ch.files_of(changes)
        for name in files - set(self.pixels.names()):
            (self.pixels.directory / name).write_bytes(bytes(2880))
        made = Waiting(session=SESSION, sequence=number, displays=frozenset(), steps=len(changes), ready=True)
        made.preview_of = preview_of
        made.resolved = Resolved(changes=changes, places=tuple(range(len(changes))), files=files)
        self.asked.append(made)
        return made


def dies_in_the_journal(house: House, points: Points) -> None:
    """Let the daemon die before each record, when half of it is written, and after it."""
    whole = house.journal._append

    def append(record: AnyRecord) -> None:
        points.here()
        packed = house.journal._pack(record)
        points_torn = points.passed
        try:
            points.here()
        except DaemonDied:
            assert points.passed == points_torn + 1
            os.pwrite(house.journal._descriptor, packed[: len(packed) // 2], house.journal.size_bytes)
            raise
        whole(record)
        points.here()

    house.journal._append = append  # type: ignore[method-assign]


def shown(stage: FakeStage) -> dict[int, list[str]]:
    return {
        number: sorted(markers.key.split("/")[0] for _, markers in frame.markers for _ in range(markers.count))
        for number, frame in stage.frames.items()
    }


def check(house: House, codes: list[str]) -> None:
    assert codes == CODES
    assert shown(house.stage) == MARKERS
    images = {number: frame.image.file if frame.image else "" for number, frame in house.stage.frames.items()}
    assert images == {0: FILES[2], 1: FILES[1]}
    assert set(house.pixels.names()) == {FILES[1], FILES[2]}


async def test_undisturbed_the_picture_is_as_it_is_meant_to_be(tmp_path: Path) -> None:
    house = House(tmp_path, FakeStage(), "e1")
    await house.committer.recover()
    check(house, await house.draw())


def check_ahead(house: House, codes: list[str]) -> None:
    assert codes == ["", "", ""]
    frame = house.stage.frames[0]
    assert (frame.image and frame.image.file, frame.mask and frame.mask.mask.file) == (FILES[1], MASK)
    assert shown(house.stage) == {0: ["other"]}
    assert set(house.pixels.names()) == {FILES[1], MASK} == house.committer.scene.files()


async def test_undisturbed_one_image_gets_its_mask_and_the_other_is_taken_back(tmp_path: Path) -> None:
    house = House(tmp_path, FakeStage(), "e1")
    await house.committer.recover()
    check_ahead(house, await house.draw_ahead())


async def first_life(
    directory: Path, last: int, draw: Callable[[House], Awaitable[list[str]]] = House.draw
) -> House | None:
    """Draw until the daemon dies at a point; None where there are no more points."""
    directory.mkdir()
    points = Points(last, die)
    house = House(directory, FakeStage(), "e1")
    await house.committer.recover()
    dies_in_the_journal(house, points)
    house.refuse_at(points.here)
    try:
        await draw(house)
    except DaemonDied:
        house.journal.close()
        return house
    return None


def acknowledged(house: House) -> set[int]:
    """Return the numbers of transactions whose clients were told that they are drawn."""
    return {waiting.sequence for waiting in house.asked if waiting.outcome is not None}


def remembered(house: House) -> set[int]:
    return {number for number in range(1, len(CODES) + 1) if house.answer(number) == ""}


async def test_a_daemon_that_dies_at_any_moment_leaves_every_transaction_drawn_once(tmp_path: Path) -> None:
    last = 0
    while house := await first_life(tmp_path / str(last), last):
        later = House(tmp_path / str(last), house.stage.left_by_a_dead_daemon(), "e2")
        await later.committer.recover()
        assert acknowledged(house) <= remembered(later), last
        check(later, await later.draw())
        later.journal.close()
        last += 1
    assert last > 40, "points in journal and batches"


async def test_a_daemon_that_dies_at_any_moment_of_a_preview_leaves_image_and_mask_to_the_next(tmp_path: Path) -> None:
    last = 0
    while house := await first_life(tmp_path / str(last), last, House.draw_ahead):
        later = House(tmp_path / str(last), house.stage.left_by_a_dead_daemon(), "e2")
        await later.committer.recover()
        drawn = {number: frame.image for number, frame in later.stage.frames.items()}
        assert drawn == {number: display.image for number, display in later.committer.scene.displays.items()}, last
        check_ahead(later, await later.draw_ahead())
        later.journal.close()
        last += 1
    assert last > 30, "points in journal and batches"


async def test_a_window_that_dies_at_any_moment_of_a_preview_costs_no_transaction(tmp_path: Path) -> None:
    for last in range(1000):
        directory = tmp_path / str(last)
        directory.mkdir()
        house = House(directory, FakeStage(), "e1")
        points = Points(last, house.stage.crash)

        def before_action(points: Points = points) -> None:
            if points.here():
                raise WindowLost("the window died")

        house.refuse_at(before_action)
        await house.committer.recover()
        codes = await house.draw_ahead()
        await house.committer.open_window()
        check_ahead(house, codes)
        house.journal.close()
        if points.passed <= last:
            assert last > 10
            return


@pytest.mark.parametrize("first", [7, 12, 17, 22, 27, 32, 37, 42])
async def test_a_daemon_that_dies_again_while_it_recovers_loses_nothing_either(tmp_path: Path, first: int) -> None:
    for second in range(1000):
        house = await first_life(tmp_path / str(second), first)
        assert house is not None
        points = Points(second, die)
        middle = House(tmp_path / str(second), house.stage.left_by_a_dead_daemon(), "e2")
        dies_in_the_journal(middle, points)
        middle.refuse_at(points.here)
        try:
            await middle.committer.recover()
        except DaemonDied:
            middle.journal.close()
        else:
            return
        later = House(tmp_path / str(second), middle.stage.left_by_a_dead_daemon(), "e3")
        await later.committer.recover()
        assert acknowledged(house) <= remembered(later), second
        check(later, await later.draw())
        later.journal.close()


async def test_a_window_that_dies_at_any_moment_costs_no_transaction(tmp_path: Path) -> None:
    for last in range(1000):
        directory = tmp_path / str(last)
        directory.mkdir()
        house = House(directory, FakeStage(), "e1")
        points = Points(last, house.stage.crash)

        def before_action(points: Points = points) -> None:
            if points.here():
                raise WindowLost("the window died")

        house.refuse_at(before_action)
        await house.committer.recover()
        check(house, await house.draw())
        house.journal.close()
        if points.passed <= last:
            assert last > 10
            return


async def test_a_window_that_does_not_keep_the_token_is_not_believed(tmp_path: Path) -> None:
    house = House(tmp_path, FakeStage(), "e1")
    await house.committer.recover()
    await house.draw()
    lying = house.stage.left_by_a_dead_daemon()
    lying.frames.clear()
    lying.left_token = ("e1", 1)
    later = House(tmp_path, lying, "e2")
    await later.committer.recover()
    assert shown(later.stage) == MARKERS


async def test_a_window_that_dies_when_the_next_daemon_asks_for_its_token_is_replaced(tmp_path: Path) -> None:
    house = await first_life(tmp_path / "a", 30)
    assert house is not None
    dying = house.stage.left_by_a_dead_daemon()
    dying.lose_at_committed = True
    later = House(tmp_path / "a", dying, "e2")
    await later.committer.recover()
    check(later, await later.draw())
    later.journal.close()


async def test_a_window_lost_after_it_drew_a_batch_shows_it_once(tmp_path: Path) -> None:
    class Repeats(FakeStage):
        losses = 0

        async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
            results = await super().run(batch)
            if self.losses < 1 and any(not section.key.startswith("restore") for section in batch.sections):
                self.losses += 1
                self.crash()
                raise WindowLost("the window died after the last line")
            return results

    house = House(tmp_path, Repeats(), "e1")
    await house.committer.recover()
    check(house, await house.draw())
