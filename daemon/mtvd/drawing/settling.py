"""Settling: write down the end of a batch, make its scenes ours, and tell everybody who waits for it.

Every transaction that is given to the committer is settled here, once: it was drawn, it failed, or it was refused. With
that it needs its pixel files no more; what is shown of them the scenes hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mtv.wire.errors import DaemonError, MtvError
from mtv.wire.messages import Outcome
from mtv.wire.reports import WindowState
from mtvd.drawing.answering import answer, entry_of, journal_full, outcome_of
from mtvd.drawing.group import Planned
from mtvd.drawing.ledger import Ledger
from mtvd.drawing.previewing import Previewing
from mtvd.drawing.scenes import Scenes
from mtvd.drawing.waiting import Waiting
from mtvd.resolving.holding import Holding


class Settler:
    """Settles transactions.

    Parameters
    ----------
    ledger : `Ledger`
        Journal and sessions.
    scenes : `Scenes`
        Become what was drawn.
    previews : `Previewing`
        Are told which were drawn, and which have become what was asked for.
    holding : `~mtvd.resolving.holding.Holding`
        Holds the files of each transaction until it is settled.
    """

    def __init__(self, *, ledger: Ledger, scenes: Scenes, previews: Previewing, holding: Holding) -> None:
        self.batches = 0
        self.transactions = 0
        self._ledger = ledger
        self._scenes = scenes
        self._previews = previews
        self._holding = holding

    def begin(
        self, number: int, group: Sequence[Waiting], given: Sequence[Mapping[str, int]], *, long: bool = False
    ) -> bool:
        """Write down what is about to be drawn; refuse it where that fails.

        Parameters
        ----------
        number : `int`
            Of the batch.
        group : sequence of `Waiting`
            Its transactions.
        given : sequence of mappings of `str` to `int`
            Numbers that the new displays of each get.
        long : `bool`
            True for a transaction that is drawn in parts.

        Returns
        -------
        begun : `bool`
            True where it may be drawn.
        """
        try:
            self._ledger.intent(number, [entry_of(*one) for one in zip(group, given, strict=True)], long=long)
        except OSError as error:
            self.refuse(group, DaemonError(journal_full(error)))
            return False
        for waiting in group:
            waiting.begun = number
        return True

    def commit_success(
        self,
        number: int,
        planned: Planned,
        begun: Sequence[Waiting],
        unreached: Mapping[str, int],
        window: WindowState,
        *,
        long: bool = False,
    ) -> None:
        """Journal a batch's end, make its scenes ours, and tell everybody.

        Parameters
        ----------
        number : `int`
            Of the batch.
        planned : `Planned`
            What was drawn.
        begun : sequence of `Waiting`
            All that the batch's intent names, what was refused included.
        unreached : mapping of `str` to `int`
            As of `~mtvd.drawing.answering.unreached_in`.
        window : `~mtv.wire.messages.WindowState`
            Where it was drawn.
        long : `bool`
            True for a transaction that was drawn in parts.
        """
        kept = planned.accepted
        outcomes = {one: outcome_of(one, planned, unreached, window) for one in kept if one.preview_of is None}
        told: dict[Waiting, Outcome | MtvError] = {**outcomes}
        told |= {
            one: one.failure for one in begun if one not in kept and one.failure is not None and one.preview_of is None
        }
        done = [index for index, one in enumerate(begun) if one in kept]
        self._ledger.commit(number, done=done, answers=[answer(*one) for one in told.items()], long=long)
        self.batches += 1
        self.transactions += len(outcomes)
        for waiting in kept:
            if waiting.preview_of is not None:
                self._previews.note_drawn(waiting.preview_of, planned.previews[waiting.preview_of])
            else:
                waiting.finish(outcomes[waiting])
        self._scenes.become(planned.scene, planned.shown)
        for waiting in kept:
            self._holding.end(waiting, shown=True)
            if waiting.preview_of is None:
                self._previews.end(waiting)

    def commit_failure(self, number: int, failed: Sequence[Waiting], error: MtvError, *, long: bool = False) -> None:
        """Journal the end of a batch of which nothing is to be seen, and tell everybody.

        Parameters
        ----------
        number : `int`
            Of the batch.
        failed : sequence of `Waiting`
            Transactions that its intent names.
        error : `~mtv.wire.errors.MtvError`
            What they are told.
        long : `bool`
            True for a transaction that was drawn in parts.
        """
        answers = [answer(waiting, error) for waiting in failed if waiting.preview_of is None]
        self._ledger.commit(number, answers=answers, long=long)
        for waiting in failed:
            self.drop(waiting, error)

    def refuse(self, group: Iterable[Waiting], error: MtvError) -> None:
        """Settle transactions that will not be drawn; in the journal, too, where an intent names them there.

        Parameters
        ----------
        group : iterable of `Waiting`
            The transactions.
        error : `~mtv.wire.errors.MtvError`
            What they are told.
        """
        for waiting in group:
            if waiting.begun is not None:
                self.commit_failure(waiting.begun, [waiting], error, long=waiting.large)
                continue
            if waiting.preview_of is None:
                self._ledger.remember(answer(waiting, error))
            self.drop(waiting, error)

    def drop(self, waiting: Waiting, result: Outcome | MtvError) -> None:
        """Tell a transaction that is not drawn what became of it, and let its files go.

        Parameters
        ----------
        waiting : `Waiting`
            The transaction.
        result : `~mtv.wire.messages.Outcome` or `~mtv.wire.errors.MtvError`
            What it is told.
        """
        self._holding.end(waiting)
        waiting.finish(result)

    def end_holds(self, group: Iterable[Waiting]) -> None:
        """Let go of what is still held for transactions that are settled: what failed may have kept it."""
        for waiting in group:
            self._holding.end(waiting)
