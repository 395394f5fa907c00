"""The journal's laws: whatever happens to its bytes, what was answered is not answered otherwise, nor drawn again."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtv.wire import codec
from mtv.wire.errors import Error, RequestError
from mtv.wire.frames import Kind
from mtv.wire.messages import Failed, Outcome
from mtvd.drawing import framing, recovery
from mtvd.drawing import records as rc
from mtvd.drawing.journal import Journal
from mtvd.scene import actions as ac
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import model

SESSIONS: Final = (b"a" * 16, b"b" * 16, b"c" * 16)
ONE: Final = struct.pack("<d", 1.0)
DONE: Final = codec.encode(Outcome(steps=()))
REFUSED: Final = codec.encode(Failed(error=Error(code="draw_failed", message="no")))


def dot(display: int, key: str) -> ch.AddMarkers:
    markers = ac.Markers(
        key=key, count=1, x=ONE, y=ONE, size=ONE, symbols=("+",), colours=("#00ff00",), system="pixel", lines=False
    )
    return ch.AddMarkers(display=display, overlay="markers", markers=markers, replace=False, lasting=False)


def image(display: int, key: int) -> ch.ShowImage:
    file = f"mtv-1-{key:016x}.fits"
    layer = ac.ImageLayer(file=file, shape_yx=(1, 1), dtype=">f4", header_bytes=2880, xy0=(0, 0), label="", unit="")
    return ch.ShowImage(display=display, image=layer, mask=None, to_front=False)


class Life:
    """A daemon's life as its journal tells it, at random."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0
        self._sequences = dict.fromkeys(SESSIONS, 0)
        self.records: list[rc.AnyRecord] = [self._checkpoint()] * 2
        for _ in range(self._random.randrange(1, 9)):
            self.records += self._happening()
        if self._random.random() < 0.4:
            self.records.append(self._intent())

    def _checkpoint(self) -> rc.Checkpoint:
        scene = model.EMPTY
        for display in range(self._random.randrange(3)):
            scene, _ = sc.apply(scene, (image(display, 1000 + display), dot(display, f"old{display}")), (0, 1))
        answers = tuple(self._answer(self._entry(), True) for _ in range(self._random.randrange(3)))
        return rc.Checkpoint(epoch="e", number=0, scene=scene, sessions=recovery.with_answers({}, answers))

    def _entry(self) -> rc.Entry:
        session = self._random.choice(SESSIONS)
        self._sequences[session] += 1
        self._number += 1
        display = self._random.randrange(4)
        change: ch.AnyChange = self._random.choice((dot(display, str(self._number)), image(display, self._number)))
        if self._random.random() < 0.15:
            change = ch.DeleteDisplay(display=display)
        return rc.Entry(session=session, sequence=self._sequences[session], changes=(change,), places=(0,), steps=1)

    def _answer(self, entry: rc.Entry, done: bool) -> rc.Answer:
        kind = Kind.REPLY if done else Kind.ERROR
        return rc.Answer(session=entry.session, sequence=entry.sequence, kind=kind, body=DONE if done else REFUSED)

    def _intent(self, entries: tuple[rc.Entry, ...] | None = None, *, long: bool = False) -> rc.Intent:
        self._number += 1
        most = 2 if long else 4
        entries = entries or tuple(self._entry() for _ in range(self._random.randrange(1, most)))
        return rc.Intent(epoch="e", number=self._number, entries=entries, long=long)

    def _commit(self, intent: rc.Intent) -> rc.Commit:
        done = tuple(index for index in range(len(intent.entries)) if self._random.random() < 0.8)
        answers = tuple(self._answer(entry, index in done) for index, entry in enumerate(intent.entries))
        return rc.Commit(epoch="e", number=intent.number, done=done, answers=answers, long=intent.long)

    def _happening(self) -> Iterator[rc.AnyRecord]:
        chance = self._random.random()
        if chance < 0.15:
            yield rc.GaveWay(epoch="e", number=self._number, answers=(self._answer(self._entry(), True),))
        elif chance < 0.3:  # the user had changed something: the batch is drawn again
            intent = self._intent()
            yield intent
            yield rc.Commit(epoch="e", number=intent.number, done=(), answers=())
            yield rc.Edits(epoch="e", number=intent.number, changes=(ch.SetZoom(display=0, factor=2.0, key="h"),))
            again = self._intent(intent.entries)
            yield again
            yield self._commit(again)
        elif chance < 0.45:  # others are drawn between the parts of a large one
            large, other = self._intent(long=True), self._intent()
            yield large
            yield other
            yield self._commit(other)
            yield self._commit(large)
        else:
            intent = self._intent()
            yield intent
            yield self._commit(intent)

    def pack(self) -> list[bytes]:
        encode = msgspec.msgpack.encode
        return [framing.pack(encode(record), b"ofafile!", index) for index, record in enumerate(self.records)]

    def told(self, records: list[rc.AnyRecord]) -> dict[str, rc.Answer]:
        """Return all answers that records bear, by request id."""
        found: dict[str, rc.Answer] = {}
        for record in records:
            if isinstance(record, rc.Checkpoint):
                answers = [answer for known in record.sessions.values() for answer in known.answers]
            elif isinstance(record, rc.Commit | rc.GaveWay):
                answers = list(record.answers)
            else:
                continue
            found |= {f"{answer.session.hex()}-{answer.sequence}": answer for answer in answers}
        return found


def recovered_from(directory: Path, data: bytes) -> recovery.Recovered:
    path = directory / "journal"
    path.write_bytes(data)
    return Journal(path).recover()


def remembered_of(recovered: recovery.Recovered) -> dict[str, rc.Answer]:
    return {
        f"{answer.session.hex()}-{answer.sequence}": answer
        for known in recovered.sessions.values()
        for answer in known.answers
    }


def is_not_known(answer: rc.Answer) -> bool:
    reply = codec.decode_reply(answer.body)
    return isinstance(reply, Failed) and reply.error.code == "outcome_expired"


def model_scene(records: list[rc.AnyRecord], lost: int) -> model.Scene:
    """Return the scene without a record, told plainly: a batch whose end is lost counts as drawn, later on."""
    scene, pending = model.EMPTY, dict[bool, tuple[rc.Entry, ...]]()
    doubtful: set[bool] = set()

    def draw(entries: list[rc.Entry]) -> None:
        nonlocal scene
        for entry in entries:
            try:
                scene, _ = sc.apply(scene, entry.changes, entry.places)
            except RequestError:
                continue

    def settle(long: bool, at: int) -> None:
        later = {e.key for r in records[at:] if isinstance(r, rc.Intent) for e in r.entries}
        draw([entry for entry in pending.pop(long) if entry.key not in later])

    for at, record in enumerate(records):
        if at == lost:
            doubtful = set(pending)
        elif isinstance(record, rc.Checkpoint):
            scene = record.scene
        elif isinstance(record, rc.Intent):
            if record.long in doubtful and record.long in pending:
                settle(record.long, at)
            doubtful.discard(record.long)
            pending[record.long] = record.entries
        elif isinstance(record, rc.Commit) and record.long in pending:
            if records[lost] == next((r for r in records if isinstance(r, rc.Intent) and r.number == record.number), 0):
                continue  # its beginning is lost
            entries = pending.pop(record.long)
            doubtful.discard(record.long)
            draw([entries[index] for index in record.done])
        elif isinstance(record, rc.Edits):
            try:
                scene, _ = sc.apply(scene, record.changes)
            except RequestError:
                continue
    for long in sorted(doubtful & set(pending), reverse=True):
        settle(long, len(records))
    return scene


@given(seed=st.integers(0, 1 << 32), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_costs_one_record_at_most_and_is_told(
    tmp_path_factory: pytest.TempPathFactory, seed: int, place: float, bit: int
) -> None:
    life = Life(seed)
    packed = life.pack()
    data = bytearray(b"".join(packed))
    at = int(place * len(data))
    data[at] ^= 1 << bit
    ends = [sum(map(len, packed[: index + 1])) for index in range(len(packed))]
    lost = next(index for index, end in enumerate(ends) if at < end)

    recovered = recovered_from(tmp_path_factory.mktemp("j"), bytes(data))

    assert recovered.damage
    known, told = remembered_of(recovered), life.told(life.records)
    hit = life.records[lost]
    whole = life.records if lost < 2 else [*life.records[:lost], *life.records[lost + 1 :]]
    for key, answer in life.told(whole).items():
        assert known[key] == answer, "answered the same"
    for key in told.keys() - life.told(whole).keys():
        assert key not in known or is_not_known(known[key])
        assert key in known or isinstance(hit, rc.GaveWay), "never drawn again"
    drawn_again = {entry.key for entry in recovered.open_entries()}
    assert not drawn_again & told.keys()
    assert recovered.scene == model_scene(life.records, lost)
    if lost < 2:
        assert recovered.open_entries() == recovery.fold(life.records).open_entries()


@given(seed=st.integers(0, 1 << 32), place=st.floats(0, 1, exclude_max=True))
def test_a_journal_that_is_cut_off_anywhere_tells_of_the_records_before(
    tmp_path_factory: pytest.TempPathFactory, seed: int, place: float
) -> None:
    life = Life(seed)
    packed = life.pack()
    data = b"".join(packed)
    at = int(place * len(data))
    whole = sum(sum(map(len, packed[: index + 1])) <= at for index in range(len(packed)))
    recovered = recovered_from(tmp_path_factory.mktemp("j"), data[:at])
    if not whole:
        assert recovered.damage, "a daemon never begins anew in silence"
        assert recovered.scene == model.EMPTY
        return
    assert recovered == recovery.fold(life.records[:whole])
    assert not recovered.damage


@given(seed=st.integers(0, 1 << 32), cuts=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=40)), max_size=6))
def test_nothing_that_happens_to_a_journal_keeps_a_daemon_from_starting(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cuts: list[tuple[float, bytes]]
) -> None:
    data = b"".join(Life(seed).pack())
    for place, put in cuts:
        at = int(place * len(data))
        data = data[:at] + put + data[at + len(put) // 2 :]
    recovered = recovered_from(tmp_path_factory.mktemp("j"), data)
    assert isinstance(recovered, recovery.Recovered)


@given(seed=st.integers(0, 1 << 32))
def test_a_journal_of_the_format_before_is_read(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    life = Life(seed)
    bodies = [msgspec.msgpack.encode(record) for record in life.records]
    data = b"".join(struct.pack(">II", len(body), zlib.crc32(body)) + body for body in bodies)
    directory = tmp_path_factory.mktemp("j")
    assert recovered_from(directory, data) == recovery.fold(life.records)
    damaged = recovered_from(directory, data[:-1] + bytes([data[-1] ^ 1]))
    assert damaged.damage
    assert not {entry.key for entry in damaged.open_entries()} & life.told(life.records).keys()
