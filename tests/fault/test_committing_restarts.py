"""The committer after a death: what the next daemon, or the next window, has of what was before."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import committing
from tests.support.committing import SESSION, House, dot, waiting

from mtv.wire import codec
from mtv.wire.errors import DaemonError
from mtvd.scene import actions as ac
from mtvd.stage.port import Batch, SectionResult

pytestmark = pytest.mark.anyio
house = committing.house


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
    answer = later.sessions.of(SESSION).answer_to(entry.sequence)
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
    assert later.sessions.of(SESSION).answer_to(entry.sequence) is not None


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
