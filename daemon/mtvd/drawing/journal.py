"""The journal: what was about to be drawn, and what was. It makes every transaction take effect exactly once.

``intent`` is appended before a batch is drawn, ``commit`` after it, each in one write. A new daemon reads the last
checkpoint, folds the commits after it into the scene, and learns of the one batch that may have been cut short. The
death of a process loses nothing that was written; power loss is out of scope, so nothing is synced to disk.

A record that was damaged on the disk is told in the log, and what comes after it is used as far as it is certain; see
`Recovered.damage` and `mtvd.drawing.framing`. The damaged file is kept beside the new one.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from mtv.wire import codec
from mtv.wire.errors import Error, RequestError
from mtv.wire.frames import Kind
from mtv.wire.messages import Failed
from mtvd.drawing import framing
from mtvd.drawing.numbers import Spans, with_number
from mtvd.scene import apply as sc
from mtvd.scene import model
from mtvd.scene.changes import AnyChange, files_of
from mtvd.scene.previews import Preview, preview_of, put_back

_LOG = logging.getLogger(__name__)
_BACKLOG: Final = 1 << 12
"""Nothing is drawn before it is written, so that it holds little but answers to requests that gave way."""
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

    scene: model.Scene
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


class JournalError(Exception):
    """The journal can neither be read nor set aside; the message says why and what would help."""


class Hole(msgspec.Struct, frozen=True):
    """Records that cannot be read any more."""

    count: int


class Recovered(msgspec.Struct, kw_only=True):
    """What a journal tells."""

    scene: model.Scene = model.EMPTY
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
    damage: str = ""
    """What of the journal could not be read; empty where all could. Then the scene is that of the other records, and

    * a batch whose end is lost counts as drawn: mostly it was, and its clients were told so. Who asks again is told
      that the outcome is not known, so that nothing is drawn twice;
    * a batch whose beginning is lost is not in the scene; what was answered stays answered;
    * where the scene itself is lost, which stands in the file twice, the displays are empty.
    """

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
    """An append-only file. One daemon at a time has it; the lock of its directory sees to that."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._size = 0
        self._checkpoint_size = 0
        self._file = b""
        self._index = 0
        self._owed: Checkpoint | None = None
        self._backlog: deque[AnyRecord] = deque(maxlen=_BACKLOG)
        """Records of what has happened that could not be written."""

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return self._size

    @property
    def overgrown(self) -> bool:
        """True when a checkpoint is due."""
        return self._size > max(CHECKPOINT_BYTES, 2 * self._checkpoint_size)

    @property
    def damaged_path(self) -> Path:
        """Where a file is kept that could not be read in whole; the next one takes its place."""
        return self._path.with_suffix(".damaged")

    def recover(self) -> Recovered:
        """Read what there is; previews are taken back. The caller writes a checkpoint before anything else.

        Raises
        ------
        JournalError
            It can neither be read nor set aside.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return Recovered()
        except OSError as error:
            return self._unreadable(error.strerror or str(error), error.errno)
        reading = framing.read(data)
        if reading.version not in {1, framing.VERSION}:
            what = f"it is of another release (format {reading.version})" if reading.version else "it is no journal"
            return self._unreadable(what)
        if not any(isinstance(body, bytes) for body in reading.bodies):
            return self._unreadable("no record of it is whole")
        recovered = fold([_decoded(body) for body in reading.bodies])
        if recovered.damage:
            self._keep_damaged(recovered.damage)
        return recovered

    def _unreadable(self, why: str, code: int | None = None) -> Recovered:
        """Set a file aside of which nothing can be used; never begin anew in silence."""
        if code in {errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
            raise JournalError(f"the journal {self._path} cannot be read now: {why}")
        try:
            self._path.replace(self.damaged_path)
        except OSError as error:
            raise JournalError(
                f"the journal {self._path} cannot be read ({why}) nor set aside ({error.strerror}): move it away"
            ) from None
        _LOG.error(
            "the journal cannot be read: %s; it is kept as %s, and displays begin empty: clients must draw again",
            why,
            self.damaged_path,
        )
        return Recovered(damage=why)

    def _keep_damaged(self, damage: str) -> None:
        try:
            self.damaged_path.unlink(missing_ok=True)
            os.link(self._path, self.damaged_path)  # the checkpoint takes the place of the name alone
            kept = f"the damaged file is kept as {self.damaged_path}"
        except OSError as error:
            kept = f"the damaged file could not be kept ({error.strerror})"
        _LOG.error("the journal is damaged: %s; %s", damage, kept)

    def intent(self, intent: Intent) -> None:
        """Append, before the batch is drawn. Raises `OSError` where there is no room: nothing may be drawn then."""
        self._append(intent)

    def commit(self, commit: Commit) -> None:
        """Append, before any outcome is sent; where it raises `OSError`, it is appended before anything else is."""
        self._append_at_last(commit)

    def hand(self, hand: Hand) -> None:
        """Append; the batch that found it is settled before. Raises as `commit`."""
        self._append_at_last(hand)

    def put_back(self, record: PutBack) -> None:
        """Append, after the display was drawn and before pixels are removed; raises as `commit`."""
        self._append_at_last(record)

    def gave_way(self, record: GaveWay) -> None:
        """Append, before the pixels are removed; raises as `commit`."""
        self._append_at_last(record)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace the file by a new one; the old one stays until the new one is whole.

        The first one of a run is owed where it cannot be written: then every record tries it again, and fails where it
        fails, so that nothing is drawn that the journal would not know of. A daemon that cannot write begins all the
        same; otherwise a full disk would end it at each start.

        Raises
        ------
        OSError
            It cannot be written, and there is a file to go on with.
        """
        try:
            self._begin(checkpoint)
        except OSError as error:
            if self._descriptor >= 0:
                raise
            _LOG.error("the journal cannot be written, so that nothing can be drawn: %s", error)
            self._owed = checkpoint
        else:
            self._backlog.clear()

    def _begin(self, checkpoint: Checkpoint) -> None:
        new = self._path.with_suffix(".new")
        body, file = _ENCODER.encode(checkpoint), secrets.token_bytes(8)
        # Twice, because all else stands on it: one damaged record shall not cost the scene.
        records = framing.packed(body, file, 0) + framing.packed(body, file, 1)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_whole(descriptor, records, 0)
            new.replace(self._path)
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        self.close()
        self._descriptor, self._file, self._index = descriptor, file, 2
        self._size = self._checkpoint_size = len(records)
        self._owed = None

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append_at_last(self, record: AnyRecord) -> None:
        """Append what has happened already: where that fails, nothing else may be appended before it."""
        try:
            self._append(record)
        except OSError:
            self._backlog.append(record)
            raise

    def _append(self, record: AnyRecord) -> None:
        if self._owed is not None:
            self._begin(self._owed)
        while self._backlog:
            self._write(self._backlog[0])
            self._backlog.popleft()
        self._write(record)

    def _write(self, record: AnyRecord) -> None:
        packed = self._packed(record)
        try:
            _write_whole(self._descriptor, packed, self._size)
        except OSError:
            with suppress(OSError):  # what is left of it is written over by the next one
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(packed)
        self._index += 1

    def _packed(self, record: AnyRecord) -> bytes:
        return framing.packed(_ENCODER.encode(record), self._file, self._index)


def _write_whole(descriptor: int, data: bytes, position: int) -> None:
    written = os.pwrite(descriptor, data, position)
    if written != len(data):
        raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes could be written")


def _decoded(body: bytes | int) -> AnyRecord | Hole:
    if isinstance(body, int):
        return Hole(body)
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError:
        return Hole(1)


def fold(records: Sequence[AnyRecord | Hole]) -> Recovered:
    """Return what the records of a journal tell; pure.

    Parameters
    ----------
    records : sequence of records
        In their order, with holes where some cannot be read.

    Returns
    -------
    recovered : `Recovered`
        Its `damage` says what a hole has cost.
    """
    folding = _Folding(records)
    recovered = folding.run()
    for key, preview in tuple(recovered.previews.items()):
        recovered.taken_back.add(preview.shown.number)
        recovered.put_back(key)
    return recovered


class _Folding:
    """Records on their way into a `Recovered`."""

    def __init__(self, records: Sequence[AnyRecord | Hole]) -> None:
        self._records = records
        self._recovered = Recovered()
        self._missing = 0
        self._whole = False
        """True once there was a checkpoint: what it says of the scene can be built upon."""
        self._in_doubt: set[bool] = set()
        """Of which open batches, long or not, the end may be in a hole."""

    def run(self) -> Recovered:
        """Fold all records."""
        recovered = self._recovered
        for at, record in enumerate(self._records):
            if isinstance(record, Hole):
                self._fall(record)
            elif isinstance(record, Checkpoint):
                self._begin(record)
            elif isinstance(record, Intent):
                self._open(record, at)
            else:
                self._take(record)
        self._close_doubts((), len(self._records))
        if not self._whole and self._records:
            self._lose_scene()
        if self._missing > 1 or (self._missing and not self._whole):
            recovered.sessions = {key: _all_forgotten(known) for key, known in recovered.sessions.items()}
        if self._missing:
            lost = "the scene and " if not self._whole else ""
            recovered.damage = f"{lost}{self._missing} of {self._count()} records cannot be read"
            recovered.epoch = ""  # whatever the window says it shows: it is drawn again
        return recovered

    def _count(self) -> int:
        return sum(record.count if isinstance(record, Hole) else 1 for record in self._records)

    def _fall(self, hole: Hole) -> None:
        self._missing += hole.count
        opened = self._recovered
        self._in_doubt |= {long for long, intent in ((False, opened.open_intent), (True, opened.open_long)) if intent}

    def _begin(self, checkpoint: Checkpoint) -> None:
        recovered = self._recovered
        recovered.scene = checkpoint.scene
        recovered.files |= checkpoint.scene.files().union(*(one.files() for one in checkpoint.previews.values()))
        recovered.previews = dict(checkpoint.previews)
        recovered.sessions = dict(checkpoint.sessions)
        recovered.open_intent = recovered.open_long = None
        recovered.epoch, recovered.number = checkpoint.epoch, checkpoint.number
        self._whole = True
        self._in_doubt = set()

    def _open(self, intent: Intent, at: int) -> None:
        recovered = self._recovered
        if intent.long in self._in_doubt:
            self._close_doubts({not intent.long}, at)
        if intent.long:
            recovered.open_long = intent
        else:
            recovered.open_intent = intent
        recovered.files |= {name for entry in intent.entries for name in files_of(entry.changes)}

    def _take(self, record: Commit | Hand | PutBack | GaveWay) -> None:
        recovered = self._recovered
        if isinstance(record, GaveWay):
            recovered.sessions = remembered(recovered.sessions, record.answers)
            return
        if isinstance(record, Hand):
            with suppress(RequestError):  # where a hole has left no such display
                recovered.scene, _ = sc.apply(recovered.scene, record.changes)
        elif isinstance(record, PutBack):
            recovered.put_back(record.key)
        else:
            self._commit(record)
        recovered.epoch, recovered.number = record.epoch, record.number

    def _commit(self, commit: Commit) -> None:
        recovered = self._recovered
        intent = recovered.open_long if commit.long else recovered.open_intent
        if intent is not None and _ends(commit, intent):
            self._in_doubt.discard(commit.long)
            self._close(intent, [entry for index, entry in enumerate(intent.entries) if index in commit.done])
        recovered.sessions = remembered(recovered.sessions, commit.answers)

    def _close(self, intent: Intent, done: Sequence[Entry]) -> None:
        recovered = self._recovered
        for entry in done:
            before = recovered.scene
            try:
                recovered.scene, numbers = sc.apply(before, entry.changes, entry.places, entry.given)
            except RequestError:  # a hole has left no such display
                continue
            recovered.previews.pop(entry.key, None)
            if entry.preview and numbers[0] is not None:
                recovered.previews[entry.key] = preview_of(before, recovered.scene, numbers[0])
        if intent.long:
            recovered.open_long = None
        else:
            recovered.open_intent = None
        recovered.undone = tuple(entry for entry in intent.entries if entry not in done)

    def _close_doubts(self, spared: Collection[bool], at: int) -> None:
        """Settle batches whose end is lost; what comes later in the journal tells of some of their transactions."""
        recovered = self._recovered
        for long in sorted(self._in_doubt - set(spared), reverse=True):
            intent = recovered.open_long if long else recovered.open_intent
            self._in_doubt.discard(long)
            if intent is None:
                continue
            later = self._records[at:]
            begun_later = {entry.key for record in later if isinstance(record, Intent) for entry in record.entries}
            settled = [entry for entry in intent.entries if entry.key not in begun_later]
            answered = {**_answers_of(recovered.sessions), **_answers_in(later)}
            done = [entry for entry in settled if answered.get(entry.key, Kind.REPLY) == Kind.REPLY]
            self._close(intent, done)
            recovered.undone = intent.entries  # the window may show any part of it
            unknown = [entry for entry in settled if entry.key not in answered and not entry.preview]
            recovered.sessions = remembered(recovered.sessions, tuple(map(_not_known, unknown)))

    def _lose_scene(self) -> None:
        """Begin with nothing to show, and draw nothing of what may have been drawn."""
        recovered = self._recovered
        self._missing = max(self._missing, 1)
        begun = recovered.begun()
        recovered.sessions = remembered(recovered.sessions, tuple(_not_known(e) for e in begun if not e.preview))
        recovered.scene, recovered.previews = model.EMPTY, {}
        recovered.open_intent = recovered.open_long = None


def _ends(commit: Commit, intent: Intent) -> bool:
    """Tell whether a commit is that of a batch: of a long one it bears another number."""
    if any(index >= len(intent.entries) for index in commit.done):
        return False
    if not commit.long:
        return (intent.epoch, intent.number) == (commit.epoch, commit.number)
    keys = {entry.key for entry in intent.entries}
    return not commit.answers or any(_key_of(answer) in keys for answer in commit.answers)


def _key_of(answer: Answer) -> str:
    return f"{answer.session.hex()}-{answer.sequence}"


def _answers_of(sessions: Mapping[str, SessionRecord]) -> dict[str, int]:
    return {_key_of(answer): answer.kind for known in sessions.values() for answer in known.answers}


def _answers_in(records: Sequence[AnyRecord | Hole]) -> dict[str, int]:
    told = (record.answers for record in records if isinstance(record, Commit | GaveWay))
    return {_key_of(answer): answer.kind for answers in told for answer in answers}


def _not_known(entry: Entry) -> Answer:
    """Return the answer to a request that may have been drawn and answered: it is not drawn again."""
    error = Error(
        code="outcome_expired",
        message="the journal was damaged, and with it the outcome of this request; it is not drawn again",
        hint="ask what the display shows",
        request_id=entry.key,
    )
    body = codec.encode(Failed(error=error))
    return Answer(session=entry.session, sequence=entry.sequence, kind=Kind.ERROR, body=body)


def _all_forgotten(known: SessionRecord) -> SessionRecord:
    """Return a session of which more may have been answered than is known: up to its newest request nothing is new."""
    newest = max((answer.sequence for answer in known.answers), default=0)
    return msgspec.structs.replace(known, forgotten_to=max(known.forgotten_to, newest))


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
