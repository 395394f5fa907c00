"""Committing: exactly once, all or nothing, and strangers are not coupled; on a window that refuses, dies or lies."""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec
import pytest

from mtv.wire import codec
from mtv.wire.errors import DaemonError, RequestError, Unavailable
from mtv.wire.messages import Failed, Outcome, WindowState
from mtvd.drawing.committer import Committer
from mtvd.drawing.journal import Journal
from mtvd.drawing.sessions import Sessions
from mtvd.drawing.waiting import Waiting
from mtvd.host.pixelstore import PixelStore
from mtvd.resolving.handles import Handles
from mtvd.resolving.resolver import Resolved
from mtvd.scene import actions as ac
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import chunks
from mtvd.stage.port import Batch, Difference, SectionResult, UserMoved, WindowLost, WindowUnavailable

pytestmark = pytest.mark.anyio
SESSION = b"s" * 16


class ScriptedWindow:
    """A window that does what its script says: by default everything, each batch once."""

    def __init__(self) -> None:
        self.state = WindowState(state="ready")
        self.colormaps: tuple[str, ...] = ()
        self.generation = 1
        self.batches: list[Batch] = []
        self.refuses: Callable[[ac.AnyAction], bool] = lambda _: False
        self.dies_of: Callable[[ac.AnyAction], bool] = lambda _: False
        self.unavailable = ""
        self.moved: tuple[Difference, ...] = ()
        self.token: tuple[str, int] | None = None

    def offer_display(self, x_display: str, xauthority: str) -> None:
        pass

    async def ensure(self) -> int:
        if self.unavailable:
            raise WindowUnavailable(self.unavailable)
        return self.generation

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        self.batches.append(batch)
        if batch.heeds and self.moved:
            moved, self.moved = self.moved, ()
            raise UserMoved(moved)
        if any(self.dies_of(action) for section in batch.sections for action in section.actions):
            self.generation += 1
            raise WindowLost("it died")
        self.token = (batch.epoch, batch.number)
        return tuple(
            SectionResult(
                key=section.key,
                failed_action=next((i for i, action in enumerate(section.actions) if self.refuses(action)), None),
                message="no",
            )
            for section in batch.sections
        )

    async def committed(self) -> tuple[str, int] | None:
        return self.token

    async def sync(self) -> None:
        pass

    async def snapshot(self, frame: int | None, image_format: str) -> bytes:
        return b""

    async def close(self, *, keep_window: bool) -> None:
        pass

    def drawn(self, kind: type[ac.Action]) -> list[ac.AnyAction]:
        return [
            a for batch in self.batches for section in batch.sections for a in section.actions if isinstance(a, kind)
        ]


class House:
    """A committer with everything around it, on a directory that survives it."""

    def __init__(self, directory: Path, window: ScriptedWindow, epoch: str = "e1") -> None:
        self.window = window
        self.sessions = Sessions(lambda: 0.0)
        self.journal = Journal(directory / "journal")
        self.pixels = PixelStore(directory / "pixels", 1 << 20)
        self.committer = Committer(
            stage=window,
            journal=self.journal,
            sessions=self.sessions,
            handles=Handles(lambda: 0.0),
            pixels=self.pixels,
            epoch=epoch,
        )


@pytest.fixture
async def house(tmp_path: Path) -> House:
    made = House(tmp_path, ScriptedWindow())
    await made.committer.recover()
    return made


_numbers = itertools.count(1)


def waiting(*changes: ch.AnyChange, files: tuple[str, ...] = ()) -> Waiting:
    entry = Waiting(session=SESSION, sequence=next(_numbers), displays=frozenset(), steps=len(changes), ready=True)
    entry.resolved = Resolved(changes=changes, places=tuple(range(len(changes))), files=set(files))
    return entry


def dot(display: int | str = 0, overlay: str = "markers", key: str = "") -> ch.AddMarkers:
    one = struct.pack("<d", 1.0)
    batch = ac.Markers(
        key=key or f"k{next(_numbers)}",
        count=1,
        x=one,
        y=one,
        size=one,
        symbols=("+",),
        colours=("#00ff00",),
        system="pixel",
        lines=False,
    )
    return ch.AddMarkers(display=display, overlay=overlay, markers=batch, replace=False, lasting=False)


def image(display: int, file: str) -> ch.ShowImage:
    layer = ac.ImageLayer(file=file, shape_yx=(1, 1), dtype=">f4", header_bytes=2880, xy0=(0, 0), label="", unit="")
    return ch.ShowImage(display=display, image=layer, mask=None, to_front=False)


def pixel_file(house: House) -> str:
    name, descriptor = house.pixels.create("mtv", 2880)
    os.close(descriptor)
    return name


def on_frame(number: int) -> Callable[[ac.AnyAction], bool]:
    return lambda action: getattr(action, "frame", None) == number and isinstance(action, ac.AddMarkers)


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
    answer = later.sessions.of(SESSION).answered(poison.sequence)
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
            sessions.of(SESSION).answered(first.sequence)
        assert raised.value.code == "outcome_expired"
        assert sessions.of(SESSION).answered(others[-1].sequence) is not None


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
    assert house.committer.scene == sc.EMPTY


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


async def test_a_new_window_gets_the_whole_scene_before_anything_new(house: House) -> None:
    await house.committer.commit([waiting(dot(0, key="a")), waiting(dot(1, key="b"))])
    house.window.generation += 1
    await house.committer.commit([waiting(dot(0, key="c"))])
    restore, new = house.window.batches[-2:]
    assert {a.markers.key for s in restore.sections for a in s.actions if isinstance(a, ac.AddMarkers)} == {"a", "b"}
    assert [a.markers.key for s in new.sections for a in s.actions if isinstance(a, ac.AddMarkers)] == ["c"]


async def test_the_next_daemon_has_the_scene_and_the_answers_of_the_last(house: House, tmp_path: Path) -> None:
    entry = waiting(dot(0, key="a"))
    await house.committer.commit([entry])
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    assert later.committer.scene == house.committer.scene
    answer = later.sessions.of(SESSION).answered(entry.sequence)
    assert answer is not None
    assert codec.decode_reply(answer.body) == entry.outcome


async def test_a_window_that_shows_the_last_commit_is_adopted_without_a_redraw(house: House, tmp_path: Path) -> None:
    await house.committer.commit([waiting(dot(0))])
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    await later.committer.commit([waiting(dot(1))])
    assert len(house.window.batches) == 2


async def test_a_batch_cut_short_by_the_daemons_death_is_drawn_once(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.committer.commit([waiting(dot(0, key="a"))])
    entry = waiting(dot(0, key="b"))
    monkeypatch.setattr(house.journal, "commit", lambda _commit: None)
    await house.committer.commit([entry])
    later = House(tmp_path, house.window, "e2")
    before = len(house.window.batches)
    await later.committer.recover()
    redrawn = [s for batch in house.window.batches[before:] for s in batch.sections]
    assert isinstance(redrawn[0].actions[0], ac.ResetFrame)
    assert [b.key for b in later.committer.scene.displays[0].overlays[0].batches] == ["a", "b"]
    assert later.sessions.of(SESSION).answered(entry.sequence) is not None


async def test_a_torn_record_at_the_end_of_the_journal_is_dropped(house: House, tmp_path: Path) -> None:
    await house.committer.commit([waiting(dot(0, key="a"))])
    journal = tmp_path / "journal"
    journal.write_bytes(journal.read_bytes() + b"\0\0\1\0torn")
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    assert later.committer.scene == house.committer.scene


async def test_a_journal_without_room_fails_the_group_before_anything_is_drawn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_intent: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(house.journal, "intent", full)
    entry = waiting(dot())
    await house.committer.commit([entry])
    assert isinstance(entry.failure, DaemonError)
    assert entry.failure.code == "storage_full"
    assert house.window.batches == []


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


async def test_a_grown_journal_is_written_anew_and_says_the_same(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtvd.drawing.journal.CHECKPOINT_BYTES", 2000)
    for _ in range(20):
        await house.committer.commit([waiting(dot(0))])
    grown = house.journal.size_bytes
    house.committer.renew_journal()
    assert house.journal.size_bytes < grown
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    assert later.committer.scene == house.committer.scene


async def test_a_failure_is_answered_the_same_when_it_is_asked_again(house: House) -> None:
    entry = waiting(ch.DeleteDisplay(display=7))
    await house.committer.commit([entry])
    answer = house.sessions.of(SESSION).answered(entry.sequence)
    assert answer is not None
    reply = codec.decode_reply(answer.body)
    assert isinstance(reply, Failed)
    assert reply.error.request_id == entry.key


def zoomed(display: int, factor: float) -> ch.SetZoom:
    return ch.SetZoom(display=display, factor=factor, key=f"z{factor}")


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


async def test_a_journal_is_not_written_anew_while_a_batch_is_under_way(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its intent would be gone, and its commit would say nothing to the next daemon."""
    monkeypatch.setattr("mtvd.drawing.journal.CHECKPOINT_BYTES", 1)
    run = house.window.run

    async def housekeeping_comes(batch: Batch) -> tuple[SectionResult, ...]:
        house.committer.renew_journal()
        return await run(batch)

    monkeypatch.setattr(house.window, "run", housekeeping_comes)
    for _ in range(3):
        await house.committer.commit([waiting(dot(0))])
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    assert later.committer.scene == house.committer.scene
    assert later.committer.scene.displays[0].overlays[0].count == 3


# Large transactions


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

    house.committer.meanwhile = meanwhile
    large = waiting(many("stars"))
    large.displays = frozenset({"stars"})
    await house.committer.commit([large])
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

    house.committer.meanwhile = meanwhile
    large = waiting(many(0))
    await house.committer.commit([large])
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
    assert house.committer.scene == sc.EMPTY


@pytest.mark.usefixtures("parts_of_two")
async def test_what_the_user_changes_between_two_parts_enters_the_scene(house: House) -> None:
    await house.committer.commit([waiting(dot(0, "old"))])

    async def meanwhile(_busy: Collection[int | str]) -> None:
        if len(house.window.batches) == 2:
            house.window.moved = (Difference(frame=0, what="zoom", value="4 4"),)

    house.committer.meanwhile = meanwhile
    large = waiting(many(0))
    await house.committer.commit([large])
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
    house.committer.meanwhile = meanwhile
    wrote = house.journal.commit
    monkeypatch.setattr(house.journal, "commit", lambda commit: None if commit.long else wrote(commit))
    large = waiting(many(0, key="large"))
    await house.committer.commit([large])
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
    assert later.sessions.of(SESSION).answered(large.sequence) is not None


@pytest.mark.usefixtures("parts_of_two")
async def test_a_display_made_between_the_parts_of_a_large_overlay_gets_a_frame_of_its_own(house: House) -> None:
    others: list[Waiting] = []

    async def meanwhile(_busy: Collection[int | str]) -> None:
        others.append(waiting(dot(f"other {len(others)}")))
        await house.committer.commit([others[-1]])

    house.committer.meanwhile = meanwhile
    large = waiting(many("stars"), dot("more stars"))
    await house.committer.commit([large])
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

    house.committer.meanwhile = meanwhile
    large = waiting(many(0))
    await house.committer.commit([large])
    assert large.outcome is not None
    assert house.committer.scene.displays == {}
    assert isinstance(house.window.batches[-1].sections[0].actions[-1], ac.DeleteFrame)
    assert house.journal.recover().scene == house.committer.scene


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
    assert not house.journal.recover().begun()


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
        patched.setattr(house.committer, "_outcome", fail)
        lost = waiting(dot(0))
        await house.committer.commit([lost])
    assert lost.failure is not None
    assert lost.failure.error.code == "internal"
    assert not house.journal.recover().begun()
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

    later.committer.commit = fail  # type: ignore[method-assign]
    await later.committer.recover()
    assert later.sessions.of(SESSION).answered(begun.sequence) is not None


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


async def test_a_colour_map_that_the_window_lacks_is_refused_once_it_is_open_and_nothing_is_drawn(
    house: House,
) -> None:
    house.window.colormaps = ("grey", "heat", "viridis")
    unknown = ch.SetColormap(display=0, name="virids", invert=False, key="c")
    bad = waiting(dot(0, key="part"), unknown)
    large = waiting(*(dot(1) for _ in range(chunks.MARKERS + 1)), unknown)
    await house.committer.commit([bad, large])
    for refused in (bad, large):
        assert isinstance(refused.failure, RequestError)
        assert refused.failure.error.hint == "did you mean 'viridis'?"
    assert (house.window.batches, house.committer.scene) == ([], sc.EMPTY)


async def test_a_new_window_without_a_colour_map_of_the_scene_shows_the_display_in_grey_with_a_note(
    house: House,
) -> None:
    house.window.colormaps = ("grey", "mpl_spring")
    name = pixel_file(house)
    colours = ch.SetColormap(display=0, name="mpl_spring", invert=True, key="c")
    await house.committer.commit([waiting(image(0, name), colours, files=(name,))])
    house.window.colormaps = ("grey", "heat")
    house.window.generation += 1
    house.window.batches.clear()
    await house.committer.commit([waiting(dot(1))])
    assert house.window.drawn(ac.SetColormap)[0] == ac.SetColormap(frame=0, name="grey", invert=True)
    shown = house.committer.scene.displays[0].image
    assert shown is not None
    assert shown.notes == ("this DS9 has no colour map 'mpl_spring': shown in grey",)
