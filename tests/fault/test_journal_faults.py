"""A journal that the disk has damaged, refuses, or has no room for."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

import pytest
import zmq
from tests.fault.conftest import TestDaemon
from tests.support import committing
from tests.support.committing import SESSION, House, ScriptedWindow, dot, waiting

from mtv.wire import messages, reports, requests, steps
from mtv.wire.errors import DaemonError
from mtvd.drawing import framing
from mtvd.drawing import journal as jn
from mtvd.scene import model

pytestmark = pytest.mark.anyio


house = committing.house


def shown(house: House) -> dict[int, list[str]]:
    scene = house.committer.scene
    return {n: [m.key for o in display.overlays for m in o.batches] for n, display in scene.displays.items()}


async def test_a_flipped_bit_costs_one_batch_and_is_told(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sizes = []
    entries = [waiting(dot(0, key=key)) for key in "abc"]
    for entry in entries:
        sizes.append(house.journal.size_bytes)
        await house.committer.commit([entry])
    path = tmp_path / "journal"
    data = bytearray(path.read_bytes())
    data[sizes[1] + 80] ^= 4  # in the intent of the second
    path.write_bytes(data)
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    assert shown(later) == {0: ["a", "c"]}
    for entry in entries:
        assert later.sessions.of(SESSION).answer_to(entry.sequence) == house.sessions.of(SESSION).answer_to(
            entry.sequence
        )
    (told,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "1 of" in told.getMessage()
    kept = tmp_path / "journal.damaged"
    assert str(kept) in told.getMessage()
    assert kept.read_bytes() == data
    caplog.clear()
    third = House(tmp_path, house.window, "e3")
    await third.committer.recover()
    assert shown(third) == {0: ["a", "c"]}
    assert not caplog.records, "what is written anew is whole"


async def test_a_batch_whose_end_is_lost_is_shown_and_not_drawn_again(house: House, tmp_path: Path) -> None:
    entry = waiting(dot(0, key="a"))
    await house.committer.commit([entry])
    path = tmp_path / "journal"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # in its commit, the last record
    path.write_bytes(data)
    later = House(tmp_path, house.window, "e2")
    before = len(house.window.batches)
    await later.committer.recover()
    assert shown(later) == {0: ["a"]}
    assert {s.key.split()[0] for batch in house.window.batches[before:] for s in batch.sections} == {"restore"}
    answer = later.sessions.of(SESSION).answer_to(entry.sequence)
    assert answer is not None
    assert b"outcome_expired" in answer.body


@pytest.mark.parametrize(
    "content",
    [b"", b"nothing of ours", bytes(1000), framing.pack(b"\x80", b"ofafile!", 0)],
    ids=["empty", "text", "zeros", "a record that is none"],
)
async def test_what_is_no_journal_is_set_aside_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    assert jn.Journal(path).recover().scene == model.EMPTY
    assert (tmp_path / "journal.damaged").read_bytes() == content
    assert str(tmp_path / "journal.damaged") in caplog.text


async def test_a_journal_of_another_release_is_set_aside_and_told(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.committer.commit([waiting(dot(0, key="a"))])
    monkeypatch.setattr(framing, "VERSION", framing.VERSION + 1)
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    assert later.committer.scene == model.EMPTY
    assert "of another release" in caplog.text
    assert (tmp_path / "journal.damaged").exists()
    await later.committer.commit([waiting(dot(0, key="b"))])


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ESTALE])
async def test_a_journal_that_cannot_be_read_is_set_aside_and_one_that_cannot_be_read_now_is_left(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    await house.committer.commit([waiting(dot(0, key="a"))])
    path = tmp_path / "journal"
    before = path.read_bytes()

    def refuse(code: int) -> Any:
        def read_bytes(_path: Path) -> bytes:
            raise OSError(code, os.strerror(code))

        return read_bytes

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", refuse(errno.EMFILE))
        with pytest.raises(jn.JournalError, match="Too many open files"):
            jn.Journal(path).recover()
    assert path.read_bytes() == before
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", refuse(code))
        assert jn.Journal(path).recover().scene == model.EMPTY
    assert (tmp_path / "journal.damaged").read_bytes() == before
    assert os.strerror(code) in caplog.text


async def test_a_daemon_that_cannot_write_its_journal_starts_and_draws_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = House(tmp_path, ScriptedWindow())
    await first.committer.recover()
    begun = waiting(dot(0, key="begun"))
    monkeypatch.setattr(first.journal, "commit", lambda _commit: None)
    await first.committer.commit([begun])

    def full(descriptor: int, data: bytes, position: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    later = House(tmp_path, first.window, "e2")
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        await later.committer.recover()
        refused = waiting(dot(0, key="a"))
        await later.committer.commit([refused])
        assert isinstance(refused.failure, DaemonError)
        assert refused.failure.code == "storage_full"
        assert "the journal cannot be written" in caplog.text
    drawn = waiting(dot(0, key="b"))
    await later.committer.commit([drawn])
    assert drawn.failure is None
    third = House(tmp_path, first.window, "e3")
    await third.committer.recover()
    assert shown(third) == shown(later) == {0: ["b"]}


async def test_a_record_that_was_written_in_part_neither_hides_the_next_nor_counts(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwrite
    await house.committer.commit([waiting(dot(0, key="a"))])
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[: len(data) // 2], at))
        patched.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "no")))
        refused = waiting(dot(0, key="x" * 500))
        await house.committer.commit([refused])
        assert isinstance(refused.failure, DaemonError)
    await house.committer.commit([waiting(dot(0, key="b"))])
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    assert shown(later) == {0: ["a", "b"]}


async def test_a_checkpoint_that_fails_leaves_the_journal_that_there_is(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.committer.commit([waiting(dot(0, key="a"))])
    for broken in ("open", "pwrite", "rename", "replace"):
        with monkeypatch.context() as patched:

            def fail(*_args: object, **_options: object) -> Any:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

            patched.setattr(os, broken, fail)
            patched.setattr(jn, "CHECKPOINT_BYTES", 0)
            house.journal._checkpoint_size = 0
            house.committer.renew_journal()
        await house.committer.commit([waiting(dot(0, key=broken))])
    assert not (tmp_path / "journal.new").exists()
    later = House(tmp_path, house.window, "e2")
    await later.committer.recover()
    assert shown(later)[0] == ["a", "open", "pwrite", "rename", "replace"]


async def test_a_daemon_whose_disk_is_full_serves_what_needs_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with zmq.Context[zmq.Socket[bytes]]() as context:
        daemon = TestDaemon(tmp_path, context)
        async with daemon.running():
            client = daemon.client()
            hello = requests.Hello(versions=(1, 0), program="t", host="h", user="u", pid=1)
            welcome = await client.answer(client.send(hello, sequence=0))
            assert isinstance(welcome, messages.Welcome)
            assert (welcome.pixel_directory, welcome.nonce_name) == ("", "")
            assert isinstance(await client.ask(requests.Status()), reports.Report)
            failed = await client.ask(requests.Transaction(steps=(steps.Zoom(display=0, factor=1.0),)))
            assert isinstance(failed, messages.Failed)
            assert failed.error.code == "storage_full"
            monkeypatch.undo()
            welcome = await client.answer(client.send(hello, sequence=0))
            assert isinstance(welcome, messages.Welcome)
            assert welcome.pixel_directory
            done = await client.ask(requests.Transaction(steps=(steps.Zoom(display=0, factor=1.0),)))
            assert isinstance(done, messages.Outcome)
