"""Laws of committing: whatever comes between whatever, the window shows the scene, and the journal tells the same.

Transactions of every kind, large ones in parts, previews and what follows or takes them back, edits by hand, refusals,
deaths of the window and faults of the daemon's own come in any order; what comes while a large transaction is drawn is
drawn between its parts. The window is the planner's model of one, which refuses what DS9 refuses.
"""

from __future__ import annotations

import dataclasses
import itertools
import struct
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from unittest import mock

import anyio
import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.support.grey_pieces import grey_piece, one_piece
from tests.support.window_model import Window, change, markers, showing

from mtv.wire.errors import MtvError
from mtv.wire.messages import Outcome
from mtv.wire.reports import WindowState
from mtvd.drawing import restoring
from mtvd.drawing.committer import Committer
from mtvd.drawing.journal import Journal
from mtvd.drawing.sessions import Sessions
from mtvd.drawing.waiting import EVERYTHING, Waiting, WaitingList
from mtvd.host.pixelstore import PixelStore
from mtvd.resolving.holding import Holding
from mtvd.resolving.resolved import Resolved
from mtvd.scene import actions as ac
from mtvd.scene import changes as ch
from mtvd.scene import chunks, model, planner
from mtvd.stage.paint.regions import tag_of
from mtvd.stage.port import (
    Batch,
    Difference,
    PieceBox,
    PiecePlan,
    Pieces,
    Section,
    SectionResult,
    UserMoved,
    WindowLost,
)

NAMES: Final[tuple[int | str, ...]] = (0, "guider", "north", "south", "east", "west")
LEGITIMATE: Final = {"draw_failed", "unknown_display", "no_window", "poisoned"}
EPOCH: Final = "e"


class WindowStage:
    """The model of a window as a stage: with a user who edits it, and with faults that happen once each."""

    def __init__(self) -> None:
        self.window = Window()
        self.generation = 1
        self.state = WindowState(state="ready")
        self.colormaps: tuple[str, ...] = ()
        self.differences: list[Difference] = []
        self.fault = ""
        self.unnoticed: set[int] = set()
        """Frames that the user has made while nobody looked: the window was being put right. They are left alone."""

    def offer_display(self, x_display: str, xauthority: str) -> None:
        pass

    async def ensure(self) -> int:
        return self.generation

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        fault, self.fault = self.fault, ""
        if fault == "breaks":
            raise OSError(5, "input/output error")
        if fault == "dies":
            self.die()
        if batch.heeds and self.differences:
            moved, self.differences = tuple(self.differences), []
            raise UserMoved(moved)
        self.unnoticed |= {one.frame for one in self.differences if one.what == "made"}
        self.differences = []
        results = tuple(self._section(section) for section in batch.sections)
        if fault == "dies after it":
            self.die()
        return results

    def die(self) -> None:
        self.window, self.differences = Window(), []
        self.generation += 1
        raise WindowLost("the window died")

    def _section(self, section: Section) -> SectionResult:
        for index, action in enumerate(section.actions):
            frame = None if isinstance(action, ac.Arrange) else action.frame
            message = ""
            if isinstance(action, ac.DeleteFrame):
                if frame in self.window.frames:
                    self.window.run((action,))
                continue
            if isinstance(action, ac.AddMarkers) and action.overlay == "refused":
                message = "no"
            elif frame not in self.window.frames and not isinstance(
                action, ac.CreateFrame | ac.ResetFrame | ac.Arrange
            ):
                message = f"display {frame} has no frame"
            if message:
                return SectionResult(key=section.key, failed_action=index, message=message)
            self.window.run((action,))
        return SectionResult(key=section.key)

    async def adopt(self) -> tuple[str, int] | None:
        return None

    async def sync(self) -> None:
        pass

    async def await_redraw(self) -> None:
        pass

    async def snapshot(self, frame: int | None, image_format: str) -> bytes:
        return b""

    async def list_regions(self, frame: int | None, system: str, *, ours: bool) -> str:
        return ""

    async def survey(self, frame: int, size: tuple[int, int]) -> PiecePlan:
        return one_piece(size)

    async def pieces(self, frame: int, size: tuple[int, int], boxes: Sequence[PieceBox], most_ms: int) -> Pieces:
        return grey_piece(size)

    async def close(self, *, keep_window: bool) -> None:
        pass

    # The user's hand

    def edit(self, kind: str, pick: int) -> None:
        frames = sorted(self.window.frames)
        if kind == "made":
            self._make(next(number for number in itertools.count(2) if number not in frames))
        elif frames:
            number = frames[pick % len(frames)]
            getattr(self, f"_edit_{kind}")(number, self.window.frames[number], pick)

    def _tell(self, frame: int, what: str, value: str = "") -> None:
        self.differences = [one for one in self.differences if (one.frame, one.what) != (frame, what)]
        self.differences.append(Difference(frame=frame, what=what, value=value))

    def _make(self, number: int) -> None:
        self.window.frames[number] = self.window.blank()
        self._tell(number, "made")
        self._edit_front(number, {}, 0)

    def _edit_deleted(self, number: int, _frame: dict[str, Any], _pick: int) -> None:
        del self.window.frames[number]
        self.differences = [one for one in self.differences if one.frame != number]
        self._tell(number, "deleted")
        if self.window.front == number:
            self.window.front = min(self.window.frames, default=None)
            self.differences = [one for one in self.differences if one.what != "front"]
            if self.window.front is not None:
                self._edit_front(self.window.front, {}, 0)

    def _edit_front(self, number: int, _frame: dict[str, Any], _pick: int) -> None:
        self.differences = [one for one in self.differences if one.what != "front"]
        self.window.front = number
        self._tell(number, "front")

    def _edit_zoom(self, number: int, frame: dict[str, Any], pick: int) -> None:
        if frame["image"] is None:
            return
        locked = self.window.arrangement[1] != "none"  # then the others follow
        for other, shown in self.window.frames.items() if locked else [(number, frame)]:
            if shown["image"] is not None:
                shown["zoom"] = float(2 + pick % 3)
                self._tell(other, "zoom", f"{shown['zoom']} {shown['zoom']}")

    def _edit_user(self, number: int, frame: dict[str, Any], pick: int) -> None:
        if frame["image"] is not None:
            frame["user"] = f"circle({pick},1,1)"
            self._tell(number, "user", frame["user"])

    def _edit_gone(self, number: int, frame: dict[str, Any], _pick: int) -> None:
        """Delete the first marker of an overlay, as it was drawn: of the first of its pieces."""
        named = [(name, drawn) for name, drawn in frame["markers"].items() if drawn and name != "refused"]
        if named and not any((one.frame, one.what) == (number, "gone") for one in self.differences):
            name, drawn = named[0]
            key, x = drawn[0]
            drawn[:1] = [(key, x[8:])] if x[8:] else []
            self._tell(number, "gone", f"{tag_of(name)} 0")


@dataclasses.dataclass
class Hall:
    """A committer and the waiting list before it, with what is about to come."""

    committer: Committer
    stage: WindowStage
    events: Iterator[tuple[Any, ...]]
    waiting: WaitingList = dataclasses.field(default_factory=WaitingList)
    asked: list[Waiting] = dataclasses.field(default_factory=list)
    numbers: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    async def between(self, busy: Collection[int | str]) -> None:
        """Let something happen, then draw what does not concern a large transaction that is being drawn."""
        self.happen()
        await self.commit(self.waiting.take(busy))

    async def commit(self, group: list[Waiting]) -> None:
        try:
            await self.committer.commit(group, self.between)
        except Exception:
            self.committer.give_up(group)
            raise

    async def draw_all(self) -> None:
        while True:
            await self.committer.put_back(set(self.waiting))
            group = self.waiting.take()
            if not group:
                return
            await self.commit(group)

    def happen(self) -> bool:
        """Let the next few events happen; tell whether there were any."""
        for kind, *words in itertools.islice(self.events, 3):
            getattr(self, f"on_{kind}")(*words)
            if kind != "ask":
                return True
            if words[1]:  # nothing more comes with it
                return True
        return False

    def on_ask(self, changes: list[ch.AnyChange], _alone: bool, client: int) -> None:
        self.asked.append(self._waiting(changes, client))
        self.waiting.add(self.asked[-1])

    def on_preview(self, shown: ch.ShowImage, client: int) -> None:
        owner = self._waiting([msgspec.structs.replace(shown, completes=True)], client)
        owner.ready = False
        owner.preview = self._waiting([msgspec.structs.replace(shown, mask=None)], client)
        owner.preview.preview_of, owner.preview.sequence = owner, owner.sequence
        self.asked.append(owner)
        self.waiting.add(owner)

    def on_mask(self, comes: bool) -> None:
        for owner in list(self.waiting):
            if owner.preview is not None and not owner.ready:
                if comes:
                    owner.ready = True
                else:
                    self.waiting.remove([owner])
                    owner.finish(Outcome(steps=()))
                return

    def on_edit(self, kind: str, pick: int) -> None:
        self.stage.edit(kind, pick)

    def on_fault(self, fault: str) -> None:
        self.stage.fault = fault

    def _waiting(self, changes: list[ch.AnyChange], client: int) -> Waiting:
        number = next(self.numbers)
        keyed = [
            msgspec.structs.replace(one, markers=msgspec.structs.replace(one.markers, key=f"{number}.{index}"))
            if isinstance(one, ch.AddMarkers)
            else one
            for index, one in enumerate(changes)
        ]
        displays = frozenset(EVERYTHING if isinstance(one, ch.Arrange) else one.display for one in keyed)
        made = Waiting(session=bytes([client]) * 16, sequence=number, displays=displays, steps=len(keyed), ready=True)
        made.resolved = Resolved(changes=tuple(keyed), places=tuple(range(len(keyed))))
        return made


def many(one: ch.AnyChange, count: int) -> ch.AnyChange:
    """Return a change with so many markers, where it has any."""
    if not isinstance(one, ch.AddMarkers):
        return one
    column = struct.pack(f"<{count}d", *range(count))
    return msgspec.structs.replace(one, markers=msgspec.structs.replace(one.markers, count=count, x=column, y=column))


@st.composite
def marking(draw: st.DrawFn) -> ch.AnyChange:
    overlay, replace = draw(st.sampled_from(["markers", "stars"])), draw(st.booleans())
    return ch.AddMarkers(display=0, overlay=overlay, markers=markers(0), replace=replace, lasting=draw(st.booleans()))


@st.composite
def asked(draw: st.DrawFn) -> tuple[Any, ...]:
    """Return a transaction on one or two displays: most often an image first, or a large overlay."""
    changes: list[ch.AnyChange] = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)):
        if draw(st.booleans()):
            changes.append(msgspec.structs.replace(draw(showing()), display=name))
        if draw(st.booleans()) or not changes:
            one = many(draw(st.one_of(marking(), change())), draw(st.sampled_from([1, 2, 3, 5])))
            changes.append(one if isinstance(one, ch.Arrange) else msgspec.structs.replace(one, display=name))
    if draw(st.integers(0, 4)) == 0:
        changes = [
            msgspec.structs.replace(one, overlay="refused") if isinstance(one, ch.AddMarkers) else one
            for one in changes
        ]
    return "ask", changes, draw(st.booleans()), draw(st.integers(1, 3))


@st.composite
def previewed(draw: st.DrawFn) -> tuple[Any, ...]:
    shown = msgspec.structs.replace(draw(showing()), display=draw(st.sampled_from(NAMES)))
    file = f"mtv-2-{draw(st.integers(0, 10**9)):016x}.fits"
    return "preview", msgspec.structs.replace(shown, image=msgspec.structs.replace(shown.image, file=file)), 1


EVENTS = st.lists(
    st.one_of(
        asked(),
        asked(),
        asked(),
        previewed(),
        st.tuples(st.just("mask"), st.booleans()),
        st.tuples(
            st.just("edit"),
            st.sampled_from(["made", "deleted", "front", "zoom", "user", "gone"]),
            st.integers(0, 7),
        ),
        st.tuples(st.just("fault"), st.sampled_from(["breaks", "dies", "dies after it"])),
    ),
    min_size=1,
    max_size=14,
)


def reference(scene: model.Scene) -> tuple[Any, ...]:
    """Return what a new window shows of a scene."""
    window = Window()
    for display in scene.displays.values():
        window.run(planner.plan_display(display))
    window.run(planner.plan_repair(set(), scene))
    window.run(planner.plan_size(scene))
    return comparable(window)


def comparable(window: Window) -> tuple[Any, ...]:
    frames, front, arrangement = window.picture()
    for frame in frames.values():
        frame["markers"] = {name: drawn for name, drawn in frame["markers"].items() if drawn}
        if frame["image"] is None:
            # what is set before there is an image is drawn with it
            frame.update(dict.fromkeys(("scale", "colormap", "zoom", "pan", "turn", "flip", "mask", "transparency")))
            frame["user"], frame["markers"] = "", {}
    return frames, front, arrangement


async def live(directory: Path, events: list[tuple[Any, ...]]) -> None:
    stage = WindowStage()
    journal = Journal(directory / "journal")
    pixels = PixelStore(directory / "pixels", 1 << 20)
    committer = Committer(
        stage=stage,
        journal=journal,
        sessions=Sessions(lambda: 0.0),
        holding=Holding(pixels),
        pixels=pixels,
        epoch=EPOCH,
    )
    await committer.recover()
    hall = Hall(committer, stage, iter(events))
    with mock.patch.object(restoring, "without_lost_files", lambda scene, _present: scene):  # there are no files here
        while hall.happen():
            await hall.draw_all()
        for owner in list(hall.waiting):
            hall.waiting.remove([owner])
            owner.finish(Outcome(steps=()))
        await hall.draw_all()
        stage.fault = ""
        seen = Waiting(session=bytes(16), sequence=1, displays=frozenset(), steps=1, ready=True)
        seen.resolved = Resolved(changes=(ch.AdoptDisplay(display=0),), places=(0,))
        await committer.commit([seen])  # it takes in what the user has done last
        await committer.open_window()
    check(hall, journal)


def check(hall: Hall, journal: Journal) -> None:
    for waiting in hall.asked:
        assert waiting.finished.is_set(), "everything is answered"
        failure = waiting.failure
        assert failure is None or isinstance(failure, MtvError)
        assert failure is None or failure.error.code in LEGITIMATE, failure
        if failure is not None and failure.error.code == "draw_failed":
            assert failure.error.message.endswith(": no"), failure
    scene = hall.committer.scene
    for number in hall.stage.unnoticed - set(scene.displays):
        hall.stage.window.frames.pop(number, None)
    assert comparable(hall.stage.window) == reference(scene)
    kept = journal.recover()
    assert kept.scene == scene
    assert not kept.open_entries()
    journal.close()


@settings(max_examples=300)
@given(EVENTS)
def test_the_window_shows_the_scene_whatever_comes_between_whatever(events: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as directory, mock.patch.object(chunks, "MARKERS", 2):
        anyio.run(live, Path(directory), events)
    kinds = {kind for kind, *_ in events}
    event(f"kinds of events: {len(kinds)}")
