"""Recovery: from the records of a journal to the scene, the answers and the batch that was cut short. Pure.

Records that cannot be read any more are holes. What comes behind one is used as far as it is certain; see
`Recovered.damage`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

import msgspec

from mtv.wire import codec
from mtv.wire.errors import Error, RequestError
from mtv.wire.frames import Kind
from mtv.wire.messages import Failed
from mtvd.drawing.numbers import with_number
from mtvd.drawing.records import (
    Answer,
    AnyRecord,
    Checkpoint,
    Commit,
    Edits,
    Entry,
    GaveWay,
    Intent,
    PutBack,
    SessionRecord,
)
from mtvd.scene import apply as sc
from mtvd.scene import model
from mtvd.scene.changes import files_of
from mtvd.scene.previews import Preview, preview_of, put_back


class Hole(msgspec.Struct, frozen=True):
    """Records that cannot be read any more."""

    count: int


class Recovered(msgspec.Struct, kw_only=True):
    """Account of a journal: scene, sessions, and the batch that it ends with."""

    scene: model.Scene = model.EMPTY
    epoch: str = ""
    """Run of the daemon that wrote the last batch."""
    number: int = 0
    """Number of the last settled batch."""
    sessions: dict[str, SessionRecord] = {}
    open_intent: Intent | None = None
    """The batch that may have been cut short."""
    open_long: Intent | None = None
    """The batch that is drawn in parts and may have been cut short."""
    undone: tuple[Entry, ...] = ()
    """Transactions that the last settled batch began and did not do: the window may show a part of them."""
    files: set[str] = set()
    """All pixel files that records name, whether or not the scene still needs them."""
    previews: dict[str, Preview] = {}
    """Previews whose mask has not followed, by request id."""
    taken_back: set[int] = set()
    """Displays that the window may still show a preview on."""
    damage: str = ""
    """Words for the records that could not be read; empty where all could. Else the scene is that of the others, and

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

    def open_entries(self) -> tuple[Entry, ...]:
        """Return the transactions that were begun and not settled, in their order."""
        return tuple(entry for intent in (self.open_long, self.open_intent) if intent for entry in intent.entries)

    def half_drawn(self) -> set[int]:
        """Return the displays, of the scene or not, that the window may show in part."""
        scene, found = self.scene, set(self.taken_back)
        for entry in (*self.undone, *self.open_entries()):
            with suppress(RequestError):
                scene, numbers = sc.apply(scene, entry.changes, entry.places, entry.given)
                found.update(number for number in numbers if number is not None)
        return found


def fold(records: Sequence[AnyRecord | Hole]) -> Recovered:
    """Return what the records of a journal tell.

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
        """Open batches whose end may be in a hole: True for the long one, False for the other."""

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

    def _take(self, record: Commit | Edits | PutBack | GaveWay) -> None:
        recovered = self._recovered
        if isinstance(record, GaveWay):
            recovered.sessions = with_answers(recovered.sessions, record.answers)
            return
        if isinstance(record, Edits):
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
        recovered.sessions = with_answers(recovered.sessions, commit.answers)

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
            recovered.sessions = with_answers(recovered.sessions, tuple(map(_not_known, unknown)))

    def _lose_scene(self) -> None:
        """Begin with nothing to show, and draw nothing of what may have been drawn."""
        recovered = self._recovered
        self._missing = max(self._missing, 1)
        begun = recovered.open_entries()
        recovered.sessions = with_answers(recovered.sessions, tuple(_not_known(e) for e in begun if not e.preview))
        recovered.scene, recovered.previews = model.EMPTY, {}
        recovered.open_intent = recovered.open_long = None


def _ends(commit: Commit, intent: Intent) -> bool:
    """Tell whether a commit is that of a batch: of a long one it bears another number."""
    if any(index >= len(intent.entries) for index in commit.done):
        return False
    if not commit.long:
        return (intent.epoch, intent.number) == (commit.epoch, commit.number)
    keys = {entry.key for entry in intent.entries}
    return not commit.answers or any(answer.key in keys for answer in commit.answers)


def _answers_of(sessions: Mapping[str, SessionRecord]) -> dict[str, int]:
    return {answer.key: answer.kind for known in sessions.values() for answer in known.answers}


def _answers_in(records: Sequence[AnyRecord | Hole]) -> dict[str, int]:
    told = (record.answers for record in records if isinstance(record, Commit | GaveWay))
    return {answer.key: answer.kind for answers in told for answer in answers}


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


def with_answers(
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
