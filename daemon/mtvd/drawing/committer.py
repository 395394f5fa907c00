"""Committing: draw a group of transactions exactly once, each whole or not at all, and remember what became of it.

Intent is journalled before the script runs, commit after it. A transaction that the window refuses is taken back by
drawing its displays again from the scene; when the window dies, the group is run one by one on a new window, and one
that kills it twice is poisoned.

What is decided of a group stands in plain functions (`mtvd.drawing.group`, `mtvd.drawing.answering`); this class awaits
the window in between, and has others draw what is more than a batch: `mtvd.drawing.in_parts`,
`mtvd.drawing.previewing`, `mtvd.drawing.restoring`, `mtvd.drawing.settling`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from mtv.wire.errors import DaemonError, RequestError, Unavailable
from mtv.wire.messages import Outcome, StepOutcome
from mtv.wire.steps import DisplayName
from mtvd.drawing.answering import (
    answer,
    draw_failed,
    failed_inside,
    no_window,
    poison_error,
    unreached_in,
    waiting_of,
)
from mtvd.drawing.group import Large, Planned, check_names, did_resize, plan_group, plan_large
from mtvd.drawing.in_parts import LOOKS, Between, Interrupted, PartDrawer, Refused, Whole
from mtvd.drawing.journal import Journal
from mtvd.drawing.ledger import Ledger
from mtvd.drawing.previewing import Previewing
from mtvd.drawing.recovery import Recovered
from mtvd.drawing.restoring import LOSSES, Restorer
from mtvd.drawing.scenes import Scenes, heed
from mtvd.drawing.sessions import Sessions
from mtvd.drawing.settling import Settler
from mtvd.drawing.waiting import Waiting
from mtvd.host.pixel_names import is_live_slot
from mtvd.host.pixelstore import PixelStore
from mtvd.resolving.holding import Holding
from mtvd.scene import model
from mtvd.scene.strictness import lacks
from mtvd.stage.port import SectionResult, Stage, UserMoved, WindowLost, WindowUnavailable

_LOG = logging.getLogger(__name__)


async def nothing(_busy: Collection[DisplayName]) -> None:
    """Draw nothing between the parts of a large transaction."""


class Committer:
    """Changes the scene only by what the window has drawn.

    Parameters
    ----------
    stage : `~mtvd.stage.port.Stage`
        The window.
    journal : `Journal`
        Survives the daemon.
    sessions : `Sessions`
        Remember what was answered.
    holding : `~mtvd.resolving.holding.Holding`
        Keeps the pixel files of what is drawn and shown.
    pixels : `~mtvd.host.pixelstore.PixelStore`
        Where they lie.
    epoch : `str`
        The daemon's run.
    """

    def __init__(
        self,
        *,
        stage: Stage,
        journal: Journal,
        sessions: Sessions,
        holding: Holding,
        pixels: PixelStore,
        epoch: str,
    ) -> None:
        self._stage = stage
        self._holding = holding
        self._pixels = pixels
        self._ledger = Ledger(journal, sessions, epoch)
        self._scenes = Scenes(holding)
        self._window = Restorer(stage=stage, ledger=self._ledger, scenes=self._scenes, pixels=pixels)
        self._parts = PartDrawer(scenes=self._scenes, ledger=self._ledger, window=self._window)
        self._previews = Previewing(scenes=self._scenes, ledger=self._ledger, window=self._window, holding=holding)
        self._settler = Settler(ledger=self._ledger, scenes=self._scenes, previews=self._previews, holding=holding)

    @property
    def batches(self) -> int:
        """How many batches were drawn."""
        return self._settler.batches

    @property
    def transactions(self) -> int:
        """How many transactions were drawn."""
        return self._settler.transactions

    @property
    def scene(self) -> model.Scene:
        """The committed scene."""
        return self._scenes.committed

    async def recover(self) -> None:
        """Take over what an earlier daemon left: its scene, its answers, its window, and the batch it had begun.

        A batch that was cut short is drawn once on displays put back to the last committed scene, whether or not the
        old window had begun it; so there is one path, and the picture is right in either case.
        """
        recovered = self._ledger.recover()
        self._scenes.become(recovered.scene)
        for name in self.scene.files():
            self._pixels.claim(name)
        await self._window.take_over(recovered)
        self._checkpoint()  # only now: until the window is right the journal must tell what is wrong with it
        await self._draw_again(recovered)
        self._holding.remove_unneeded(name for name in recovered.files if not is_live_slot(name))

    async def _draw_again(self, recovered: Recovered) -> None:
        if begun := recovered.open_entries():
            _LOG.warning("a batch of the last run was cut short, it is drawn again")
            again = [waiting_of(entry) for entry in begun if not entry.preview]
            try:
                await self.commit(again)
            except Exception:  # noqa: BLE001 - a daemon that ended here would be started again, and end here again
                self.give_up(again)

    def end(self) -> None:
        """Let the next daemon begin with nothing to show: window and pixels are closed and removed for good.

        What sessions were answered stays: a client that asks again for what it was told is not drawn twice.
        """
        try:
            self._ledger.checkpoint(model.EMPTY, {})
        except OSError as error:
            _LOG.error("the journal could not be written, the next daemon shows empty displays: %s", error)
        self._scenes.become(model.EMPTY)

    async def open_window(self) -> None:
        """Open the window unless it is open, and draw the scene where it does not show it.

        Raises
        ------
        WindowUnavailable, WindowLost
            As `Restorer.open_window`.
        """
        await self._window.open_window()

    async def put_back(self, waiting: Collection[Waiting]) -> None:
        """Take back the previews of transactions that have come to nothing.

        Parameters
        ----------
        waiting : collection of `Waiting`
            Those that have not: they still wait.
        """
        await self._previews.put_back(waiting)

    def renew_journal(self) -> None:
        """Checkpoint a journal that has grown; not while a batch is under way, whose intent must stay in it."""
        if not self._ledger.is_due():
            return
        try:
            self._checkpoint()
        except OSError as error:
            _LOG.error("the journal could not be written anew, it goes on as it is: %s", error)

    def _checkpoint(self) -> None:
        self._ledger.checkpoint(self.scene, self._previews.by_key())

    # Groups

    async def commit(self, group: Sequence[Waiting], between: Between = nothing) -> None:
        """Draw a group and settle each of its transactions.

        Parameters
        ----------
        group : sequence of `Waiting`
            Transactions that are resolved.
        between : callable, optional
            Awaited between the parts of a large one, with the displays that it is on, to draw others; these may be
            committed by this method, but none of them may be large.
        """
        if not group:
            return
        for waiting in group:
            self._hold(waiting)
        try:
            await self.open_window()
        except WindowUnavailable as unavailable:
            self._settler.refuse(group, Unavailable(no_window(str(unavailable))))
            return
        except WindowLost as lost:
            self._settler.refuse(group, Unavailable(no_window(f"the window dies while it is restored: {lost}")))
            return
        await self._look(group)
        await self._draw([waiting for waiting in group if not waiting.large], between)
        for waiting in group:
            if waiting.large:
                await self._draw_large(waiting, between)

    def give_way(self, waiting: Waiting) -> None:
        """Settle a transaction whose place a newer one takes; sent again, it is answered the same.

        Parameters
        ----------
        waiting : `Waiting`
            The one that gives way.
        """
        outcome = Outcome(steps=(StepOutcome(state="superseded"),))
        self._ledger.gave_way(answer(waiting, outcome))
        self._settler.drop(waiting, outcome)

    def give_up(self, group: Sequence[Waiting]) -> None:
        """Fail what is left of a group in which the daemon itself failed; the window is drawn anew before the next.

        To be called where an exception is handled, which is logged.

        Parameters
        ----------
        group : sequence of `Waiting`
            As it was given to `commit`.
        """
        _LOG.exception("a group of %d failed", len(group))
        self._window.lose_track(())
        self._scenes.large = None
        self._settler.refuse(
            [waiting for waiting in group if not waiting.finished.is_set()], DaemonError(failed_inside())
        )
        self._settler.end_holds(group)

    async def _look(self, group: Iterable[Waiting]) -> None:
        """Take what the user has made by hand into the scene, before a strict transaction is refused for want of it."""
        strict = [waiting.resolved for waiting in group if waiting.strict and waiting.resolved is not None]
        if not any(lacks(self.scene, resolved.changes) for resolved in strict):
            return
        try:
            await self._window.lead_back((), heeds=True)
        except UserMoved as moved:
            heed(self._scenes, self._ledger, self._ledger.number, moved)

    async def _draw(self, group: Sequence[Waiting], between: Between, *, looks: int = LOOKS) -> None:
        """Draw a group; anew where the user has changed something, until that was looked for so often."""
        planned, refused = plan_group(group, self.scene, self._scenes.shown, self._scenes.large, self._stage.colormaps)
        for waiting, refusal in refused:
            self._settler.refuse([waiting], refusal)
        if not planned.accepted:
            return
        number = self._ledger.next_number()
        if not self._settler.begin(number, planned.accepted, planned.given):
            return
        with self._intent_open(number, planned.accepted):
            redraws = any(waiting.redraws for waiting in planned.accepted)
            try:
                results = await self._window.run(planned.sections, number=number, heeds=looks > 0, redraws=redraws)
            except UserMoved as moved:
                self._ledger.commit(number)
                heed(self._scenes, self._ledger, number, moved)
                await self._draw(planned.accepted, between, looks=looks - 1)
            except WindowLost as lost:
                await self._after_loss(planned.accepted, lost, between)
            except WindowUnavailable as unavailable:
                self._settler.commit_failure(number, planned.accepted, Unavailable(no_window(str(unavailable))))
            else:
                await self._conclude(number, planned, results, between)

    async def _conclude(
        self, number: int, planned: Planned, results: Sequence[SectionResult], between: Between
    ) -> None:
        """Settle a batch that was drawn; what was planned on top of a transaction that failed is drawn once more."""
        unreached = unreached_in(results)
        failed, again = planned.part(results)
        if not failed:
            self._settler.commit_success(number, planned, planned.accepted, unreached, self._stage.state)
            return
        kept, refused = planned.without(failed | again, self.scene, self._scenes.shown)
        for waiting, refusal in refused:
            self._settler.drop(waiting, refusal)
        for index in sorted(failed):
            waiting, section, numbers = planned.accepted[index], planned.sections[index], planned.numbers[index]
            _LOG.error("the window refused %s: %s", waiting.key, results[index].message)
            self._settler.drop(waiting, draw_failed(results[index], section, waiting, numbers, planned.scene))
        self._settler.commit_success(number, kept, planned.accepted, unreached, self._stage.state)
        has_resized = any(did_resize(planned.sections[index], results[index]) for index in failed | again)
        await self._window.repair(planned.hurt(failed | again, kept), resized=has_resized)
        await self.commit([planned.accepted[index] for index in sorted(again)], between)

    async def _draw_large(self, waiting: Waiting, between: Between) -> None:
        assert self._scenes.shown is self.scene, "one is drawn at a time"
        try:
            check_names(waiting, self.scene, self._stage.colormaps)
            large = plan_large(waiting, self.scene)
        except RequestError as refusal:
            self._settler.refuse([waiting], refusal)
            return
        if not self._settler.begin(self._ledger.next_number(), [waiting], [large.given], long=True):
            return
        self._scenes.large = large
        with self._intent_open(self._ledger.number, [waiting], long=True):
            try:
                end = await self._parts.draw(large, between)
            except WindowLost as lost:
                self._scenes.large = None
                await self._after_loss([waiting], lost, between)
            except WindowUnavailable as unavailable:
                self._scenes.large = None
                failure = Unavailable(no_window(str(unavailable)))
                self._settler.commit_failure(self._ledger.number, [waiting], failure, long=True)
            else:
                await self._conclude_large(large, end, between)

    async def _conclude_large(self, large: Large, end: Whole | Refused | Interrupted, between: Between) -> None:
        if isinstance(end, Whole):
            self._commit_large(large, end.unreached)
            self._scenes.large = None
        elif isinstance(end, Refused):
            self._scenes.become(self.scene)
            self._settler.commit_failure(self._ledger.number, [large.waiting], end.error, long=True)
            await self._window.repair(end.hurt, resized=end.resized)
            self._scenes.large = None
        else:
            self._scenes.large = None
            await self.commit([large.waiting], between)

    def _commit_large(self, large: Large, unreached: Mapping[str, int]) -> None:
        """Let a transaction that is drawn whole take effect, and what the user has done on its displays after it."""
        planned = Planned(scene=self.scene, shown=self.scene)
        planned.add(large.waiting, large.given)
        number = self._ledger.number
        self._settler.commit_success(number, planned, [large.waiting], unreached, self._stage.state, long=True)
        if large.later:
            scene, effective = large.with_edits(self.scene)
            self._ledger.edits(number, effective)
            self._scenes.become(scene)

    async def _after_loss(self, accepted: Sequence[Waiting], lost: WindowLost, between: Between) -> None:
        _LOG.error("the window was lost in a batch of %d: %s", len(accepted), lost)
        if len(accepted) > 1:
            for waiting in accepted:
                await self.commit([waiting], between)
            return
        (waiting,) = accepted
        if waiting.preview_of is not None:  # it is drawn once more with its mask: that will show whose fault it was
            waiting.preview_of.losses += 1
            self._settler.commit_failure(self._ledger.number, [waiting], RequestError(poison_error(lost)))
            return
        waiting.losses += 1
        if waiting.losses < LOSSES:
            await self.commit([waiting], between)
            return
        _LOG.error("poisoned: %s brought the window down %d times: %r", waiting.key, LOSSES, waiting.resolved)
        self._settler.commit_failure(
            self._ledger.number, [waiting], RequestError(poison_error(lost)), long=waiting.large
        )

    @contextlib.contextmanager
    def _intent_open(self, number: int, group: Sequence[Waiting], *, long: bool = False) -> Iterator[None]:
        """Have an intent open in the journal; where the daemon itself fails meanwhile, its transactions have failed."""
        with self._ledger.intent_open():
            try:
                yield
            except Exception:  # noqa: BLE001 - whatever it was: these have failed, and the next ones are drawn
                _LOG.exception("batch %d failed", number)
                self._window.lose_track(self._scenes.large.taken if self._scenes.large else ())
                self._scenes.large = None
                left = [waiting for waiting in group if not waiting.finished.is_set()]
                self._settler.commit_failure(number, left, DaemonError(failed_inside()), long=long)
                self._settler.end_holds(group)

    def _hold(self, waiting: Waiting) -> None:
        assert waiting.resolved is not None
        self._holding.hold(waiting, waiting.resolved.files)
        if waiting.preview_of is not None:
            self._previews.begin(waiting.preview_of, waiting.resolved.files)
