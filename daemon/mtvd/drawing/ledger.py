"""The ledger: what is written down of drawing, so that it happens once: intents, commits, answers, numbers of batches.

An intent that cannot be written stops its batch. What has happened already cannot be stopped: where that cannot be
written, it is logged what a crash would cost now, and the journal writes it before anything else.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence

from mtvd.drawing.journal import Journal
from mtvd.drawing.records import Answer, Checkpoint, Commit, Edits, Entry, GaveWay, Intent, PutBack
from mtvd.drawing.recovery import Recovered
from mtvd.drawing.sessions import Sessions
from mtvd.scene.changes import AnyChange
from mtvd.scene.model import Scene
from mtvd.scene.previews import Preview

_LOG = logging.getLogger(__name__)


class Ledger:
    """Journal and sessions of one run of the daemon.

    Parameters
    ----------
    journal : `Journal`
        Survives the daemon.
    sessions : `Sessions`
        Answer what is sent again.
    epoch : `str`
        The daemon's run.
    """

    def __init__(self, journal: Journal, sessions: Sessions, epoch: str) -> None:
        self._journal = journal
        self._sessions = sessions
        self.epoch = epoch
        self.number = 0
        """Number of the last batch."""
        self._open_intents = 0

    def recover(self) -> Recovered:
        """Read what an earlier daemon left, and go on from its number.

        Returns
        -------
        recovered : `Recovered`

        Raises
        ------
        JournalError
            As `Journal.recover`.
        """
        recovered = self._journal.recover()
        self._sessions.restore(recovered.sessions)
        self.number = recovered.number
        return recovered

    def next_number(self) -> int:
        """Return the number of a batch that begins."""
        self.number += 1
        return self.number

    def intent(self, number: int, entries: Sequence[Entry], *, long: bool = False) -> None:
        """Write down what is about to be drawn.

        Parameters
        ----------
        number : `int`
            Of the batch.
        entries : sequence of `Entry`
            Its transactions.
        long : `bool`
            True for a transaction that is drawn in parts.

        Raises
        ------
        OSError
            It cannot be written: nothing may be drawn then.
        """
        self._journal.intent(Intent(epoch=self.epoch, number=number, entries=tuple(entries), long=long))

    @contextlib.contextmanager
    def intent_open(self) -> Iterator[None]:
        """Have an intent open meanwhile: the journal, which must tell of it, is not written anew."""
        self._open_intents += 1
        try:
            yield
        finally:
            self._open_intents -= 1

    def commit(
        self, number: int, *, done: Sequence[int] = (), answers: Sequence[Answer] = (), long: bool = False
    ) -> None:
        """Write down the end of a batch, and remember what its transactions are answered.

        Parameters
        ----------
        number : `int`
            Of the batch.
        done : sequence of `int`
            Indices of its intent's entries that took effect.
        answers : sequence of `Answer`
            To transactions of the batch.
        long : `bool`
            True for a transaction that was drawn in parts; the number is that of its last part.
        """
        self._sessions.remember(answers)
        record = Commit(epoch=self.epoch, number=number, done=tuple(done), answers=tuple(answers), long=long)
        with _log_failures(f"a crash now would draw batch {number} again"):
            self._journal.commit(record)

    def remember(self, answer: Answer) -> None:
        """Remember an answer to a transaction that no intent in the journal names.

        Parameters
        ----------
        answer : `Answer`
            Also given where the transaction is sent again.
        """
        self._sessions.remember([answer])

    def edits(self, number: int, changes: Sequence[AnyChange]) -> None:
        """Write down what the user has changed; the batch that found it has ended.

        Parameters
        ----------
        number : `int`
            Of that batch.
        changes : sequence of changes
            Of the committed scene.
        """
        with _log_failures("a crash now would lose what the user did"):
            self._journal.edits(Edits(epoch=self.epoch, number=number, changes=tuple(changes)))

    def put_back(self, key: str) -> None:
        """Write down that a display was put back, whose request is called so.

        Parameters
        ----------
        key : `str`
            Request id.
        """
        with _log_failures("a crash now would put a display back again"):
            self._journal.put_back(PutBack(epoch=self.epoch, number=self.number, key=key))

    def gave_way(self, answer: Answer) -> None:
        """Write down that a transaction gave way to a newer one, and remember its answer.

        Parameters
        ----------
        answer : `Answer`
            To the one that gave way.
        """
        self._sessions.remember([answer])
        with _log_failures("a crash now would forget what gave way"):
            self._journal.gave_way(GaveWay(epoch=self.epoch, number=self.number, answers=(answer,)))

    def checkpoint(self, scene: Scene, previews: Mapping[str, Preview]) -> None:
        """Begin the journal anew with all that must be known.

        Parameters
        ----------
        scene : `~mtvd.scene.apply.Scene`
            The committed one.
        previews : mapping of `str` to `~mtvd.scene.previews.Preview`
            Those whose masks may still come, by request id.

        Raises
        ------
        OSError
            As `Journal.checkpoint`.
        """
        self._journal.checkpoint(
            Checkpoint(
                epoch=self.epoch,
                number=self.number,
                scene=scene,
                sessions=self._sessions.records(),
                previews=dict(previews),
            )
        )

    def is_due(self) -> bool:
        """Tell whether the journal has grown so that it should begin anew, and no intent must stay in it."""
        return self._journal.overgrown and not self._open_intents


@contextlib.contextmanager
def _log_failures(cost: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _LOG.error("the journal could not be written, %s: %s", cost, error)
