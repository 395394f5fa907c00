"""Records of the journal: batches before and after they are drawn, answers, and what may come between them. Pure.

A field that is added needs a default, so that the journal of the release before is read; what older releases wrote, and
no release writes any more, stays readable (``tests/unit/test_journal_of_the_release_before.py``).
"""

from __future__ import annotations

import msgspec

from mtvd.drawing.numbers import Spans
from mtvd.scene import model
from mtvd.scene.changes import AnyChange
from mtvd.scene.previews import Preview


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

    @property
    def key(self) -> str:
        """Request id."""
        return f"{self.session.hex()}-{self.sequence}"


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers and answers of a session, as a checkpoint remembers them."""

    answers: tuple[Answer, ...] = ()
    forgotten_to: int = 0
    """Number up to which requests count as answered; earlier releases wrote it."""
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
    """Sessions by their id in hex."""
    previews: dict[str, Preview] = {}
    """Previews of transactions that have not come to an end, by request id."""


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


class Edits(Record, frozen=True, kw_only=True, tag="hand"):
    """Edits: changes that the user had made in the window before the next batch."""

    changes: tuple[AnyChange, ...]


class PutBack(Record, frozen=True, kw_only=True, tag="put_back"):
    """A display was put back to what it showed before a preview: the transaction came to nothing."""

    key: str
    """Request id."""


class GaveWay(Record, frozen=True, kw_only=True, tag="gave_way"):
    """Transactions whose place a newer one took: they were answered, and their pixels are gone."""

    answers: tuple[Answer, ...]


AnyRecord = Checkpoint | Intent | Commit | Edits | PutBack | GaveWay
