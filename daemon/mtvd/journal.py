"""The journal: what was about to be drawn, and what was. It makes every transaction take effect exactly once.

``intent`` is appended before a batch is drawn, ``commit`` after it, each in one write. A new daemon reads the last
checkpoint, folds the commits after it into the scene, and learns of the one batch that may have been cut short. The
death of a process loses nothing that was written; power loss is out of scope, so nothing is synced to disk.

A record is ``length u32 | crc32 u32 | MessagePack``, big-endian; a torn or damaged tail is dropped.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from mtv.wire.errors import RequestError
from mtvd import scene as sc
from mtvd.changes import AnyChange, files_of
from mtvd.numbers import Spans, with_number
from mtvd.previews import Preview, preview_of, put_back

_HEAD: Final = struct.Struct(">II")
CHECKPOINT_BYTES: Final = 8 << 20
"""A journal of this size, and twice its last checkpoint, is written anew."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction of a batch."""

    session: bytes
    sequence: int
    changes: tuple[AnyChange, ...]
    places: tuple[int, ...]
    steps: int
    """How many steps the transaction has; those without a change are done already."""
    preview: bool = False
    """True for an image ahead of its mask: the transaction itself has another entry, or is sent again."""
    given: dict[str, int] = {}
    """Numbers that its new displays got, where transactions are drawn in parts: see `scene.numbers_for`."""

    @property
    def key(self) -> str:
        """Request id."""
        return f"{self.session.hex()}-{self.sequence}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The final answer to a request, as it goes over the wire."""

    session: bytes
    sequence: int
    kind: int
    body: bytes


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What must be remembered of a session."""

    answers: tuple[Answer, ...] = ()
    forgotten_to: int = 0
    """Of earlier releases: requests up to here count as answered."""
    used: Spans = ()
    """Numbers of requests that were answered, whether or not their answers are still known."""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="record"):
    """Base of all records."""

    epoch: str
    number: int


class Checkpoint(Record, frozen=True, kw_only=True, tag="checkpoint"):
    """Everything up to a batch."""

    scene: sc.Scene
    sessions: dict[str, SessionRecord]
    """By session id in hex."""
    previews: dict[str, Preview] = {}
    """Of transactions that have not come to an end, by request id."""


class Intent(Record, frozen=True, kw_only=True, tag="intent"):
    """A batch about to be drawn."""

    entries: tuple[Entry, ...]
    long: bool = False
    """True: it is drawn in parts, and other batches come and go before its commit. There is one at a time."""


class Commit(Record, frozen=True, kw_only=True, tag="commit"):
    """A batch that was drawn, or settled without; entries without an answer here were not drawn."""

    done: tuple[int, ...]
    """Indices of the entries that took effect."""
    answers: tuple[Answer, ...]
    long: bool = False
    """True: of the long batch; the number is that of its last part."""


class Hand(Record, frozen=True, kw_only=True, tag="hand"):
    """What the user had changed in the window before the next batch."""

    changes: tuple[AnyChange, ...]


class PutBack(Record, frozen=True, kw_only=True, tag="put_back"):
    """A display was put back to what it showed before a preview: the transaction came to nothing."""

    key: str
    """Request id."""


class GaveWay(Record, frozen=True, kw_only=True, tag="gave_way"):
    """Transactions whose place a newer one took: they were answered, and their pixels are gone."""

    answers: tuple[Answer, ...]


AnyRecord = Checkpoint | Intent | Commit | Hand | PutBack | GaveWay
_DECODER: Final = msgspec.msgpack.Decoder(AnyRecord)
_ENCODER: Final = msgspec.msgpack.Encoder()


class Recovered(msgspec.Struct, kw_only=True):
    """What a journal tells."""

    scene: sc.Scene = sc.EMPTY
    epoch: str = ""
    """Of the last batch."""
    number: int = 0
    """Of the last settled batch."""
    sessions: dict[str, SessionRecord] = {}
    open_intent: Intent | None = None
    """The batch that may have been cut short."""
    open_long: Intent | None = None
    """The same, of a batch that is drawn in parts."""
    undone: tuple[Entry, ...] = ()
    """What the last settled batch began and did not do: the window may show a part of it."""
    files: set[str] = set()
    """All pixel files that records name, whether or not the scene still needs them."""
    previews: dict[str, Preview] = {}
    """That no mask has followed; by request id."""
    taken_back: set[int] = set()
    """Displays that the window may still show a preview on."""

    def put_back(self, key: str) -> None:
        """Take a preview out of the scene."""
        preview = self.previews.pop(key, None)
        if preview is not None:
            self.scene = put_back(self.scene, preview)

    def begun(self) -> tuple[Entry, ...]:
        """Return the transactions that were begun and not settled, in their order."""
        return tuple(entry for intent in (self.open_long, self.open_intent) if intent for entry in intent.entries)

    def half_drawn(self) -> set[int]:
        """Return the displays, of the scene or not, that the window may show in part."""
        scene, found = self.scene, set(self.taken_back)
        for entry in (*self.undone, *self.begun()):
            with suppress(RequestError):
                scene, numbers = sc.apply(scene, entry.changes, entry.places, entry.given)
                found.update(number for number in numbers if number is not None)
        return found


class Journal:
    """An append-only file. One daemon at a time has it; the lock of the endpoint sees to that."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._size = 0
        self._checkpoint_size = 0

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return self._size

    @property
    def overgrown(self) -> bool:
        """True when a checkpoint is due."""
        return self._size > max(CHECKPOINT_BYTES, 2 * self._checkpoint_size)

    def recover(self) -> Recovered:
        """Read what there is; previews are taken back. The caller writes a checkpoint before anything else."""
        recovered = Recovered()
        for record in read_records(self._path):
            _fold(recovered, record)
        for key, preview in tuple(recovered.previews.items()):
            recovered.taken_back.add(preview.shown.number)
            recovered.put_back(key)
        return recovered

    def intent(self, intent: Intent) -> None:
        """Append, before the batch is drawn. Raises `OSError` where there is no room: nothing may be drawn then."""
        self._append(intent)

    def commit(self, commit: Commit) -> None:
        """Append, before any outcome is sent."""
        self._append(commit)

    def hand(self, hand: Hand) -> None:
        """Append; the batch that found it is settled before."""
        self._append(hand)

    def put_back(self, record: PutBack) -> None:
        """Append, after the display was drawn and before pixels are removed."""
        self._append(record)

    def gave_way(self, record: GaveWay) -> None:
        """Append, before the pixels are removed."""
        self._append(record)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace the file by one record; the old one stays until the new one is whole."""
        new = self._path.with_suffix(".new")
        record = _packed(checkpoint)
        try:
            new.write_bytes(record)
            new.chmod(0o600)
            new.replace(self._path)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        self.close()
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._size = self._checkpoint_size = len(record)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, record: AnyRecord) -> None:
        packed = _packed(record)
        written = os.write(self._descriptor, packed)
        if written != len(packed):
            os.ftruncate(self._descriptor, self._size)
            raise OSError(f"only {written} of {len(packed)} bytes of the journal could be written")
        self._size += written


def read_records(path: Path) -> Iterator[AnyRecord]:
    """Read records up to the first torn or damaged one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    position = 0
    while position + _HEAD.size <= len(data):
        size, checksum = _HEAD.unpack_from(data, position)
        body = data[position + _HEAD.size : position + _HEAD.size + size]
        if len(body) < size or zlib.crc32(body) != checksum:
            return
        try:
            yield _DECODER.decode(body)
        except msgspec.DecodeError:  # written by another release
            return
        position += _HEAD.size + size


def _packed(record: AnyRecord) -> bytes:
    body = _ENCODER.encode(record)
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _fold(recovered: Recovered, record: AnyRecord) -> None:
    if isinstance(record, Checkpoint):
        recovered.scene = record.scene
        recovered.files |= record.scene.files().union(*(preview.files() for preview in record.previews.values()))
        recovered.previews = dict(record.previews)
        recovered.sessions = dict(record.sessions)
        recovered.open_intent = recovered.open_long = None
    elif isinstance(record, Intent):
        if record.long:
            recovered.open_long = record
        else:
            recovered.open_intent = record
        recovered.files |= {name for entry in record.entries for name in files_of(entry.changes)}
        return
    elif isinstance(record, GaveWay):
        recovered.sessions = remembered(recovered.sessions, record.answers)
        return
    elif isinstance(record, Hand):
        recovered.scene, _ = sc.apply(recovered.scene, record.changes)
    elif isinstance(record, PutBack):
        recovered.put_back(record.key)
    else:
        _fold_commit(recovered, record)
    recovered.epoch, recovered.number = record.epoch, record.number


def _fold_commit(recovered: Recovered, commit: Commit) -> None:
    intent = recovered.open_long if commit.long else recovered.open_intent
    if intent is not None and (commit.long or (intent.epoch, intent.number) == (commit.epoch, commit.number)):
        for index in commit.done:
            entry = intent.entries[index]
            before = recovered.scene
            recovered.scene, numbers = sc.apply(before, entry.changes, entry.places, entry.given)
            recovered.previews.pop(entry.key, None)
            if entry.preview and numbers[0] is not None:
                recovered.previews[entry.key] = preview_of(before, recovered.scene, numbers[0])
        if commit.long:
            recovered.open_long = None
        else:
            recovered.open_intent = None
        recovered.undone = tuple(entry for index, entry in enumerate(intent.entries) if index not in commit.done)
    recovered.sessions = remembered(recovered.sessions, commit.answers)


def remembered(
    sessions: Mapping[str, SessionRecord], answers: tuple[Answer, ...], keep: int = 1024
) -> dict[str, SessionRecord]:
    """Return the sessions with answers added, the oldest forgotten beyond ``keep`` a session."""
    result = dict(sessions)
    for answer in answers:
        old = result.get(answer.session.hex(), SessionRecord())
        kept = (*(known for known in old.answers if known.sequence != answer.sequence), answer)
        result[answer.session.hex()] = SessionRecord(
            answers=kept[-keep:], forgotten_to=old.forgotten_to, used=with_number(old.used, answer.sequence)
        )
    return result
