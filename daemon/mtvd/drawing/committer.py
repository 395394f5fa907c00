"""Committing: draw a group of transactions exactly once, each whole or not at all, and remember what became of it.

Intent is journalled before the script runs, commit after it. A transaction that the window refuses is taken back by
drawing its displays again from the scene; when the window dies, the group is run one by one on a new window, and one
that kills it twice is poisoned.

A transaction with more markers than go into one script is drawn in parts, and other displays' batches come between
them. Its intent stays open in the journal all the while; its effect is that of its last part. Until then the window
shows more than the scene has, and what it shows is a scene of its own (`mtvd.drawing.group`).

An image that is shown ahead of its mask is a preview: drawn and journalled like a transaction, but answered to nobody.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from mtv.wire.errors import DaemonError, MtvError, RequestError, Unavailable
from mtv.wire.messages import Outcome, StepOutcome
from mtv.wire.steps import Display
from mtvd.drawing.answering import (
    answer,
    draw_failed,
    failed_inside,
    journal_full,
    no_window,
    poisoned,
    step_outcome,
    with_names,
)
from mtvd.drawing.group import Large, Planned, check_names, plan_large
from mtvd.drawing.journal import Checkpoint, Commit, Entry, GaveWay, Hand, Intent, Journal, PutBack
from mtvd.drawing.sessions import Sessions
from mtvd.drawing.waiting import Waiting
from mtvd.host.pixelstore import PixelStore, is_live_slot
from mtvd.resolving.handles import Handles
from mtvd.resolving.resolver import Resolved
from mtvd.scene import apply as sc
from mtvd.scene import chunks, colormaps, planner
from mtvd.scene.actions import AnyAction, Arrange
from mtvd.scene.changes import AnyChange
from mtvd.scene.previews import Preview, Previews, put_back
from mtvd.scene.strictness import lacks
from mtvd.stage.port import (
    Batch,
    Difference,
    Section,
    SectionResult,
    Stage,
    StageError,
    UserMoved,
    WindowLost,
    WindowUnavailable,
)
from mtvd.stage.talk.hand import changes_of

_LOG = logging.getLogger(__name__)
_LOOKS: Final = 3
"""How often a batch gives way to what the user has done: who drags the image would hold it up for ever. More than once,
because what is deleted by hand between two tries fails a batch that does not look."""
_MOST_PAUSE: Final = 31
"""Batches between two tries to finish what the window refuses: a full disk must not cost every one of them a try."""
_LOSSES: Final = 2
"""How often a transaction may bring the window down before it is called poisoned."""


class Committer:
    """Holds the scene, and changes it only by what the window has drawn."""

    def __init__(
        self,
        *,
        stage: Stage,
        journal: Journal,
        sessions: Sessions,
        handles: Handles,
        pixels: PixelStore,
        epoch: str,
    ) -> None:
        self.scene = sc.EMPTY
        self._shown = sc.EMPTY
        """Scene that the window shows: the committed one, and the parts that are drawn of a large transaction."""
        self._large: Large | None = None
        """The transaction that is being drawn in parts."""
        self._unreached: dict[str, int] = {}
        """Markers that were just drawn and that the projection does not reach: how many, by their key."""
        self.batches = 0
        self.transactions = 0
        self._stage = stage
        self._journal = journal
        self._sessions = sessions
        self._handles = handles
        self._pixels = pixels
        self._epoch = epoch
        self._number = 0
        self._generation = -1
        self._lost_track = False
        """True where the window may show anything, and must be drawn anew."""
        self._unfinished: set[int] = set()
        """Displays that the window refused to draw again, as it does for want of room: it shows them in part."""
        self._pause = 0
        """Batches that go by before it is tried again to finish them."""
        self._passed = 0
        """Batches that have gone by since it was tried."""
        self.meanwhile: Callable[[Collection[Display]], Awaitable[None]] = _nothing
        """Called between the parts of a large transaction with the displays that it is on, by number and by name."""
        self._under_way = 0
        """Intents that are open in the journal."""
        self._held: dict[Waiting, set[str]] = {}
        """Pixel files that requests need which have not come to an end."""
        self._strangers: set[int] = set()
        """Displays outside the scene that the window may show: what was begun, and how far it came is not known."""
        self._previews = Previews[Waiting]()

    async def recover(self) -> None:
        """Take over what an earlier daemon left: its scene, its answers, its window, and the batch it had begun.

        A batch that was cut short is drawn once on displays put back to the last committed scene, whether or not the
        old window had begun it; so there is one path, and the picture is right in either case.
        """
        recovered = self._journal.recover()
        self._sessions.restore(recovered.sessions)
        self.scene = self._shown = recovered.scene
        for name in self.scene.files():
            self._pixels.claim(name)
        self._number = recovered.number
        token = await self._left_token()
        half_drawn = recovered.half_drawn()
        self._strangers = half_drawn - set(self.scene.displays)
        whole = not half_drawn and token == (recovered.epoch, recovered.number)
        if token is not None:
            await self._adopt(whole=whole)
        self._checkpoint()  # only now: until the window is right the journal must tell what is wrong with it
        if begun := recovered.begun():
            _LOG.warning("a batch of the last run was cut short, it is drawn again")
            again = [_replayed(entry) for entry in begun if not entry.preview]
            try:
                await self.commit(again)
            except Exception:  # noqa: BLE001 - a daemon that ended here would be started again, and end here again
                self.give_up(again)
        left = recovered.files - self.scene.files()
        self._pixels.remove(name for name in left if not is_live_slot(name))

    def end(self) -> None:
        """Let the next daemon begin with nothing to show: window and pixels are closed and removed for good.

        What sessions were answered stays: a client that asks again for what it was told is not drawn twice.
        """
        self.scene = self._shown = sc.EMPTY
        self._previews = Previews[Waiting]()
        try:
            self._checkpoint()
        except OSError as error:
            _LOG.error("the journal could not be written, the next daemon shows empty displays: %s", error)

    async def _left_token(self) -> tuple[str, int] | None:
        try:
            return await self._stage.committed()
        except WindowLost as lost:
            _LOG.error("the window of the last run does not answer: %s", lost)
            return None

    async def _adopt(self, *, whole: bool) -> None:
        """Take the window of the last run over, and draw it anew where it does not show the scene whole."""
        try:
            if whole:
                self._generation = await self._stage.ensure()
            else:
                await self.open_window()
        except (WindowLost, WindowUnavailable) as error:
            _LOG.error("the window of the last run could not be put right: %s", error)

    async def open_window(self) -> None:
        """Open the window unless it is open, and draw the whole scene where it is a new one.

        Raises
        ------
        WindowUnavailable, WindowLost
            It cannot be opened, or died of the scene twice.
        """
        for attempt in range(_LOSSES):
            generation = await self._stage.ensure()
            known = generation == self._generation and not self._lost_track
            if self._generation not in {-1, generation}:  # a new one shows nothing
                self._strangers = set()
            try:
                await (self._finish() if known else self._restore())
            except WindowLost as lost:
                _LOG.warning("the window was lost while the scene was restored: %s", lost)
                if attempt == _LOSSES - 1:
                    raise
            else:
                self._generation, self._lost_track = generation, False
                return

    async def commit(self, group: Sequence[Waiting]) -> None:
        """Draw a group and settle each of its transactions."""
        if not group:
            return
        for waiting in group:
            if waiting.preview_of is not None and waiting.resolved is not None:
                self._previews.begin(waiting.preview_of, waiting.resolved.files)
        try:
            await self.open_window()
        except WindowUnavailable as unavailable:
            self._refuse(group, Unavailable(no_window(str(unavailable))))
            return
        except WindowLost as lost:
            self._refuse(group, Unavailable(no_window(f"the window dies while it is restored: {lost}")))
            return
        await self._look(group)
        await self._draw([waiting for waiting in group if not waiting.large])
        for waiting in group:
            if waiting.large:
                await self._draw_large(waiting)

    async def _look(self, group: Iterable[Waiting]) -> None:
        """Take what the user has made by hand into the scene, before a strict transaction is refused for want of it."""
        strict = [waiting.resolved for waiting in group if waiting.strict and waiting.resolved is not None]
        if not any(lacks(self.scene, resolved.changes) for resolved in strict):
            return
        try:
            await self._lead_back((), heeds=True)
        except UserMoved as moved:
            self._heed(self._number, moved)

    def give_way(self, waiting: Waiting) -> None:
        """Settle a transaction whose place a newer one takes; sent again, it is answered the same."""
        outcome = Outcome(steps=(StepOutcome(state="superseded"),))
        told = answer(waiting, outcome)
        self._sessions.remember([told])
        try:
            self._journal.gave_way(GaveWay(epoch=self._epoch, number=self._number, answers=(told,)))
        except OSError as error:
            _LOG.error("the journal could not be written: %s", error)
        self._drop(waiting, outcome)

    def renew_journal(self) -> None:
        """Checkpoint a journal that has grown; not while a batch is under way, whose intent must stay in it."""
        if not self._journal.overgrown or self._under_way:
            return
        try:
            self._checkpoint()
        except OSError as error:
            _LOG.error("the journal could not be written anew, it goes on as it is: %s", error)

    def hold(self, waiting: Waiting, files: Collection[str]) -> None:
        """Keep pixel files for a request that is under way, whatever becomes of the handle that they are of."""
        self._held.setdefault(waiting, set()).update(files)

    def end_hold(self, waiting: Waiting) -> None:
        """Let go of what was kept for a request; what nothing else needs is removed."""
        self.let_go(self._held.pop(waiting, set()))

    def let_go(self, files: set[str]) -> None:
        """Remove pixel files of what will not be drawn, but for those that something shows or is about to show."""
        self._pixels.remove(files - self.needed())

    def give_up(self, group: Sequence[Waiting]) -> None:
        """Fail what is left of a group in which the daemon itself failed; the window is drawn anew before the next.

        To be called where an exception is handled, which is logged.
        """
        _LOG.exception("a group of %d failed", len(group))
        self._lose_track(())
        self._large = None
        self._refuse([waiting for waiting in group if not waiting.finished.is_set()], DaemonError(failed_inside()))

    async def put_back(self, waiting: Collection[Waiting]) -> None:
        """Take back the previews of transactions that have come to nothing: those that do not wait any more."""
        for owner in self._previews.without(waiting):
            preview = self._previews.of(owner)
            if preview is not None:
                await self._put_back(owner.key, preview)
            self._release(self._previews.end(owner))

    async def _put_back(self, key: str, preview: Preview, *, heeds: bool = True) -> None:
        wanted = put_back(self.scene, preview)
        results: Sequence[SectionResult] = ()
        if wanted is not self.scene:
            try:
                results = await self._lead_back(planner.plan(self.scene, wanted), heeds=heeds)
            except UserMoved as moved:
                self._heed(self._number, moved)
                await self._put_back(key, preview, heeds=False)
                return
        try:
            self._journal.put_back(PutBack(epoch=self._epoch, number=self._number, key=key))
        except OSError as error:
            _LOG.error("the journal could not be written, a crash now would put a display back again: %s", error)
        self.scene = self._shown = wanted
        if any(result.failed_action is not None for result in results):
            self._log_refusals(results)
            await self._repair({preview.shown.number}, resized=False)

    async def _lead_back(self, actions: tuple[AnyAction, ...], *, heeds: bool) -> Sequence[SectionResult]:
        """Draw what leads back to a scene that was; a window that is not there will be given that when it is."""
        if self._stage.state.state != "ready":
            return ()
        try:
            await self.open_window()
            self._number += 1
            sections = (Section(key="restore", actions=actions),)
            return await self._run(Batch(epoch=self._epoch, number=self._number, sections=sections, heeds=heeds))
        except (WindowLost, WindowUnavailable) as error:
            _LOG.warning("the window was lost while a display was put back: %s", error)
            return ()

    def tidy(self) -> None:
        """Let expired handles go."""
        before = self._handles.files()
        self._handles.expire()
        self.let_go(before)

    async def _draw(self, group: Sequence[Waiting], *, looks: int = _LOOKS) -> None:
        """Draw a group; anew where the user has changed something, until that was looked for so often."""
        planned = self._plan(group)
        if not planned.accepted:
            return
        self._number += 1
        number = self._number
        try:
            entries = tuple(map(_entry, planned.accepted, planned.given))
            self._journal.intent(Intent(epoch=self._epoch, number=number, entries=entries))
        except OSError as error:
            self._refuse(planned.accepted, DaemonError(journal_full(error)))
            return
        for waiting in planned.accepted:
            waiting.begun = number
        batch = Batch(
            epoch=self._epoch,
            number=number,
            sections=tuple(planned.sections),
            heeds=looks > 0,
            redraws=any(waiting.redraws for waiting in planned.accepted),
        )
        with self._intent_open(number, planned.accepted):
            try:
                results = await self._run(batch)
            except UserMoved as moved:
                self._journal_commit(Commit(epoch=self._epoch, number=number, done=(), answers=()))
                self._heed(number, moved)
                await self._draw(planned.accepted, looks=looks - 1)
            except WindowLost as lost:
                await self._after_loss(planned.accepted, lost)
            except WindowUnavailable as unavailable:
                self._settle(number, [], planned.accepted, Unavailable(no_window(str(unavailable))))
            else:
                await self._conclude(number, planned, results)

    @contextlib.contextmanager
    def _intent_open(self, number: int, group: Sequence[Waiting], *, long: bool = False) -> Iterator[None]:
        """Have an intent open in the journal; where the daemon itself fails meanwhile, its transactions have failed."""
        self._under_way += 1
        try:
            yield
        except Exception:  # noqa: BLE001 - whatever it was: these have failed, and the next ones are drawn
            _LOG.exception("batch %d failed", number)
            self._lose_track(self._large.taken if self._large else ())
            self._large = None
            left = [waiting for waiting in group if not waiting.finished.is_set()]
            self._settle(number, [], left, DaemonError(failed_inside()), long=long)
        finally:
            self._under_way -= 1

    async def _run(self, batch: Batch) -> Sequence[SectionResult]:
        """Draw a batch.

        Raises
        ------
        UserMoved, WindowLost
            As the stage does.
        WindowUnavailable
            As the stage does, and where it fails in a way that it does not know: the window is drawn anew then.
        """
        try:
            results = await self._stage.run(batch)
        except UserMoved:
            raise
        except StageError:
            self._lose_track(_frames_of(batch))
            raise
        except Exception as error:
            _LOG.exception("the stage failed in batch %d", batch.number)
            self._lose_track(_frames_of(batch))
            raise WindowUnavailable(f"the daemon failed while it drew: {error}") from error
        for result in results:
            for key, count in result.unreached.items():
                if key.startswith(f"{result.key}."):  # others are drawn once more, and were told of
                    self._unreached[key] = count + (self._unreached.get(key, 0) if self._large else 0)
        return results

    def _lose_track(self, numbers: Iterable[int]) -> None:
        """Take note that the window may show anything, on displays of these numbers too: it is drawn anew."""
        self._lost_track = True
        self._strangers |= {*numbers, *self._shown.displays}

    async def _draw_large(self, waiting: Waiting) -> None:
        assert self._shown is self.scene, "one is drawn at a time"
        try:
            self._check(waiting, self.scene)
            self._large = plan_large(waiting, self.scene)
        except RequestError as refusal:
            self._refuse([waiting], refusal)
            return
        self._number += 1
        entry = _entry(waiting, self._large.given)
        try:
            self._journal.intent(Intent(epoch=self._epoch, number=self._number, entries=(entry,), long=True))
        except OSError as error:
            self._large = None
            self._refuse([waiting], DaemonError(journal_full(error)))
            return
        waiting.begun = self._number
        with self._intent_open(self._number, [waiting], long=True):
            try:
                whole = await self._draw_parts(self._large)
            except WindowLost as lost:
                self._large = None
                await self._after_loss([waiting], lost)
            except WindowUnavailable as unavailable:
                self._large = None
                self._settle(self._number, [], [waiting], Unavailable(no_window(str(unavailable))), long=True)
            else:
                self._large = None
                if not whole:
                    await self.commit([waiting])

    async def _draw_parts(self, drawn: Large) -> bool:
        """Draw a large transaction; tell whether it came to an end: not where the window was lost between two parts.

        Others are drawn between the parts. The last plan leads from what the window shows then to the scene with the
        whole transaction, whatever has come in between.
        """
        generation = self._generation
        self._unreached.clear()
        parts = list(drawn.parts())
        for index, part in enumerate(parts, 1):
            await self.meanwhile(drawn.busy)
            if self._lost_track or self._generation != generation:
                _LOG.warning("the window was lost while %s was drawn, it is drawn again", drawn.waiting.key)
                return False
            wanted, section, result = await self._draw_part(drawn, part, last=index == len(parts))
            if result.failed_action is not None:
                await self._fail_large(drawn, wanted, section, result)
                return True
            self._shown = wanted
        self._commit_large(drawn)
        return True

    async def _draw_part(
        self, drawn: Large, part: chunks.Part, *, last: bool, looks: int = _LOOKS
    ) -> tuple[sc.Scene, Section, SectionResult]:
        """Draw a part; once more where the user has changed something since, which changes what leads to it.

        Returns
        -------
        wanted : `~mtvd.scene.apply.Scene`
            What the window shows where nothing was refused.
        section, result
            What was drawn, and what became of it.
        """
        wanted = drawn.apply(self.scene) if last else drawn.with_part(self._shown, part)
        section = Section(key=drawn.waiting.key, actions=planner.plan(self._shown, wanted))
        self._number += 1
        batch = Batch(
            epoch=self._epoch,
            number=self._number,
            sections=(section,),
            heeds=looks > 0,
            redraws=drawn.waiting.redraws and last,
        )
        try:
            (result,) = await self._run(batch)
        except UserMoved as moved:
            self._heed(batch.number, moved)
            return await self._draw_part(drawn, part, last=last, looks=looks - 1)
        return wanted, section, result

    def _commit_large(self, drawn: Large) -> None:
        """Let a transaction that is drawn whole take effect, and what the user has done on its displays after it."""
        assert drawn.waiting.resolved is not None
        planned = Planned(scene=self.scene, shown=self.scene)
        planned.add(drawn.waiting, drawn.given)
        self._commit_success(self._number, planned, [drawn.waiting], long=True)
        if drawn.later:
            self.scene, effective = drawn.with_hand(self.scene)
            self._journal_hand(self._number, effective)
        self._shown = self.scene

    async def _fail_large(self, drawn: Large, wanted: sc.Scene, section: Section, result: SectionResult) -> None:
        _LOG.error("the window refused %s: %s", drawn.waiting.key, result.message)
        error = draw_failed(result, section, drawn.waiting, drawn.numbers, wanted)
        hurt = drawn.taken | _differing(self._shown, self.scene) | _differing(wanted, self.scene)
        self._shown = self.scene
        self._settle(self._number, [], [drawn.waiting], error, long=True)
        await self._repair(hurt, resized=_resized(section, result))

    def _heed(self, number: int, moved: UserMoved) -> None:
        """Take what the user has changed into the scene; the batch that found it was not drawn."""
        _LOG.info("%s", moved)
        key, before = f"hand {self._epoch} {number}", self._shown
        differences: Sequence[Difference] = moved.differences
        if self._large is not None:
            own, differences = self._large.own(moved.differences)
            later = changes_of(self._shown, own, key)
            self._large.later += later
            self._shown, _ = sc.apply(self._shown, (*changes_of(self._shown, differences, key), *later))
        changes = changes_of(self.scene, differences, key)
        self._journal_hand(number, changes)
        self.scene, _ = sc.apply(self.scene, changes)
        if self._large is None:
            self._shown = self.scene
        self._release(before.files())

    def _journal_hand(self, number: int, changes: tuple[AnyChange, ...]) -> None:
        try:
            self._journal.hand(Hand(epoch=self._epoch, number=number, changes=changes))
        except OSError as error:
            _LOG.error("the journal could not be written, a crash now would lose what the user did: %s", error)

    def _plan(self, group: Sequence[Waiting]) -> Planned:
        planned = Planned(scene=self.scene, shown=self._shown)
        taken = self._large.taken if self._large else set()
        for waiting in group:
            try:
                self._check(waiting, planned.scene)
                planned.add(waiting, planned.number_after(waiting, taken))
            except RequestError as refusal:
                self._refuse([waiting], refusal)
        return planned

    def _check(self, waiting: Waiting, scene: sc.Scene) -> None:
        check_names(waiting, scene)
        if waiting.resolved is not None:
            colormaps.check(self._stage.colormaps, waiting.resolved.changes, waiting.resolved.places)

    async def _conclude(self, number: int, planned: Planned, results: Sequence[SectionResult]) -> None:
        """Settle a batch that was drawn; what was planned on top of a transaction that failed is drawn once more."""
        failed, again = planned.part(results)
        if not failed:
            self._commit_success(number, planned, planned.accepted)
            return
        kept = self._without(planned, failed | again)
        for index in sorted(failed):
            waiting, section, numbers = planned.accepted[index], planned.sections[index], planned.numbers[index]
            _LOG.error("the window refused %s: %s", waiting.key, results[index].message)
            self._drop(waiting, draw_failed(results[index], section, waiting, numbers, planned.scene))
        hurt = {n for index in failed | again for n in planned.numbers[index] if n is not None}
        hurt |= _differing(planned.shown, kept.shown)
        resized = any(_resized(planned.sections[index], results[index]) for index in failed | again)
        self._commit_success(number, kept, planned.accepted)
        await self._repair(hurt, resized=resized)
        await self.commit([planned.accepted[index] for index in sorted(again)])

    def _without(self, planned: Planned, left_out: Collection[int]) -> Planned:
        """Fold a group once more without those that were not drawn."""
        kept = Planned(scene=self.scene, shown=self._shown)
        for index, (waiting, given) in enumerate(zip(planned.accepted, planned.given, strict=True)):
            if index not in left_out:
                try:
                    kept.add(waiting, given)
                except RequestError as refusal:
                    self._drop(waiting, refusal)
        return kept

    async def _repair(self, hurt: set[int], *, resized: bool) -> None:
        """Draw displays anew that were drawn in part; all of them where even that is refused."""
        sections = [
            Section(key="restore", actions=planner.plan_repair({number}, self._shown)) for number in sorted(hurt)
        ]
        if resized:
            sections.append(Section(key="restore size", actions=planner.plan_size(self._shown)))
        self._number += 1
        try:
            results = await self._run(Batch(epoch=self._epoch, number=self._number, sections=tuple(sections)))
        except (WindowLost, WindowUnavailable) as error:
            _LOG.warning("the window was lost while displays were put back: %s", error)
            return
        if any(result.failed_action is not None for result in results):
            self._log_refusals(results)
            self._lose_track(hurt)

    async def _restore(self) -> None:
        """Draw the scene, and nothing else, whatever the window shows."""
        strangers = self._strangers - set(self.scene.displays)
        self._without_lost_files()
        self.scene = colormaps.with_known(self.scene, self._stage.colormaps)
        self._shown = self.scene
        sections = [
            Section(key=f"restore {number}", actions=planner.plan_display(display))
            for number, display in self.scene.displays.items()
        ]
        sections += [
            Section(key=f"restore {number}", actions=planner.plan_repair({number}, self.scene))
            for number in sorted(strangers)
        ]
        if self.scene != sc.EMPTY:
            sections.append(Section(key="restore front", actions=planner.plan_repair(set(), self.scene)))
        if self.scene.arrangement.size is not None:
            sections.append(Section(key="restore size", actions=planner.plan_size(self.scene)))
        if not sections:
            return
        self._number += 1
        results = await self._run(Batch(epoch=self._epoch, number=self._number, sections=tuple(sections)))
        self._strangers = set()
        self._log_refusals(results)
        self._leave_unfinished(zip(self.scene.displays, results, strict=False))

    async def _finish(self) -> None:
        """Draw the displays that the window refused to draw again, in rarer and rarer tries."""
        self._unfinished &= self._shown.displays.keys()
        self._passed += 1
        if not self._unfinished or self._passed <= self._pause:
            return
        numbers = sorted(self._unfinished)
        sections = (Section(key=f"restore {n}", actions=planner.plan_repair({n}, self._shown)) for n in numbers)
        self._number += 1
        results = await self._run(Batch(epoch=self._epoch, number=self._number, sections=tuple(sections)))
        self._leave_unfinished(zip(numbers, results, strict=True))

    def _leave_unfinished(self, drawn: Iterable[tuple[int, SectionResult]]) -> None:
        self._unfinished = {number for number, result in drawn if result.failed_action is not None}
        self._pause = min(2 * self._pause + 1, _MOST_PAUSE) if self._unfinished else 0
        self._passed = 0

    def _without_lost_files(self) -> None:
        present = self._pixels.present(self.scene.files())
        displays = {
            number: display if _complete(display, present) else _without_image(display)
            for number, display in self.scene.displays.items()
        }
        if any(displays[number] is not display for number, display in self.scene.displays.items()):
            self.scene = msgspec.structs.replace(self.scene, displays=displays)

    async def _after_loss(self, accepted: Sequence[Waiting], lost: WindowLost) -> None:
        _LOG.error("the window was lost in a batch of %d: %s", len(accepted), lost)
        if len(accepted) > 1:
            for waiting in accepted:
                await self.commit([waiting])
            return
        (waiting,) = accepted
        if waiting.preview_of is not None:  # it is drawn once more with its mask: that will show whose fault it was
            waiting.preview_of.losses += 1
            self._settle(self._number, [], [waiting], RequestError(poisoned(lost)))
            return
        waiting.losses += 1
        if waiting.losses < _LOSSES:
            await self.commit([waiting])
            return
        _LOG.error("poisoned: %s brought the window down %d times: %r", waiting.key, _LOSSES, waiting.resolved)
        self._settle(self._number, [], [waiting], RequestError(poisoned(lost)), long=waiting.large)

    def _commit_success(self, number: int, planned: Planned, begun: Sequence[Waiting], *, long: bool = False) -> None:
        """Journal a batch's end, make its scenes ours, and tell everybody.

        Parameters
        ----------
        number : `int`
            Of the batch.
        planned : `Planned`
            What was drawn.
        begun : sequence of `Waiting`
            All that the batch's intent names, what was refused included.
        long : `bool`
            True for a transaction that was drawn in parts.
        """
        before, kept = self.scene, planned.accepted
        outcomes = {waiting: self._outcome(waiting, planned) for waiting in kept if waiting.preview_of is None}
        if self._large is None or long:
            self._unreached.clear()
        answers = [answer(waiting, outcome) for waiting, outcome in outcomes.items()]
        refused = [waiting for waiting in begun if waiting not in kept]
        answers += [
            answer(waiting, waiting.failure)
            for waiting in refused
            if waiting.failure is not None and waiting.preview_of is None
        ]
        done = tuple(index for index, waiting in enumerate(begun) if waiting in kept)
        self._journal_commit(Commit(epoch=self._epoch, number=number, done=done, answers=tuple(answers), long=long))
        self.scene, self._shown = planned.scene, planned.shown
        self.batches += 1
        self.transactions += len(outcomes)
        for waiting, outcome in outcomes.items():
            waiting.finish(outcome)
        files = before.files().union(*(waiting.resolved.files for waiting in kept if waiting.resolved))
        for waiting in kept:
            if waiting.preview_of is not None:
                self._previews.drawn(waiting.preview_of, planned.previews[waiting.preview_of])
            else:
                files |= self._previews.end(waiting)
        self._release(files)

    def _outcome(self, waiting: Waiting, planned: Planned) -> Outcome:
        assert waiting.resolved is not None
        numbers = planned.numbers[planned.accepted.index(waiting)]
        steps = dict(waiting.resolved.outcomes)
        for place, change, number in zip(waiting.resolved.places, waiting.resolved.changes, numbers, strict=True):
            display = None if number is None else planned.scene.displays.get(number)
            steps[place] = step_outcome(change, number, display, self._unreached)
        state = self._stage.state
        note = f"the window is on a virtual screen ({state.x_display})" if state.headless else ""
        return Outcome(steps=tuple(steps[index] for index in range(waiting.steps)), note=note)

    def _settle(
        self, number: int, done: Sequence[int], failed: Sequence[Waiting], error: MtvError, *, long: bool = False
    ) -> None:
        answers = tuple(answer(waiting, error) for waiting in failed if waiting.preview_of is None)
        self._journal_commit(Commit(epoch=self._epoch, number=number, done=tuple(done), answers=answers, long=long))
        for waiting in failed:
            self._drop(waiting, error)

    def _refuse(self, group: Iterable[Waiting], error: MtvError) -> None:
        """Settle transactions that will not be drawn; in the journal, too, where an intent names them there."""
        for waiting in group:
            answers = () if waiting.preview_of is not None else (answer(waiting, error),)
            if waiting.begun is None:
                self._sessions.remember(answers)
            else:
                commit = Commit(epoch=self._epoch, number=waiting.begun, done=(), answers=answers, long=waiting.large)
                self._journal_commit(commit)
            self._drop(waiting, error)

    def _drop(self, waiting: Waiting, result: Outcome | MtvError) -> None:
        if waiting.resolved is not None:
            self.let_go(waiting.resolved.files)
        waiting.finish(result)

    def _release(self, files: set[str]) -> None:
        self._pixels.recycle(files - self.needed())

    def needed(self) -> set[str]:
        """Return the names of all pixel files that somebody needs.

        That is the scene, what the window shows of a large transaction, a handle, a request under way, or a display
        that may have to be put back.
        """
        shown = set() if self._shown is self.scene else self._shown.files()
        return self.scene.files().union(shown, self._handles.files(), self._previews.files(), *self._held.values())

    def _journal_commit(self, commit: Commit) -> None:
        self._sessions.remember(commit.answers)
        try:
            self._journal.commit(commit)
        except OSError as error:
            _LOG.error(
                "the journal could not be written, a crash now would draw batch %d again: %s", commit.number, error
            )

    def _checkpoint(self) -> None:
        self._journal.checkpoint(
            Checkpoint(
                epoch=self._epoch,
                number=self._number,
                scene=self.scene,
                sessions=self._sessions.records(),
                previews=self._previews.by_key(),
            )
        )

    def _log_refusals(self, results: Iterable[SectionResult]) -> None:
        for result in results:
            if result.failed_action is not None:
                _LOG.error("%s was refused: %s", result.key, with_names(result.message, self.scene))


async def _nothing(_busy: Collection[Display]) -> None:
    """Stand in for an engine that has nothing to draw between the parts of a large transaction."""


def _entry(waiting: Waiting, given: Mapping[str, int]) -> Entry:
    assert waiting.resolved is not None
    return Entry(
        session=waiting.session,
        sequence=waiting.sequence,
        changes=waiting.resolved.changes,
        places=waiting.resolved.places,
        steps=waiting.steps,
        preview=waiting.preview_of is not None,
        given=dict(given),
    )


def _replayed(entry: Entry) -> Waiting:
    done_before = {index: StepOutcome() for index in range(entry.steps) if index not in entry.places}
    resolved = Resolved(changes=entry.changes, places=entry.places, outcomes=done_before)
    waiting = Waiting(
        session=entry.session, sequence=entry.sequence, displays=frozenset(), steps=entry.steps, ready=True
    )
    waiting.resolved = resolved
    return waiting


def _resized(section: Section, result: SectionResult) -> bool:
    """Tell whether a section had given the window another size, before it failed where it did."""
    done = section.actions[: result.failed_action]
    return any(isinstance(action, Arrange) and action.size is not None for action in done)


def _frames_of(batch: Batch) -> set[int]:
    actions = (action for section in batch.sections for action in section.actions)
    return {action.frame for action in actions if not isinstance(action, Arrange)}


def _differing(a: sc.Scene, b: sc.Scene) -> set[int]:
    return {number for number in {*a.displays, *b.displays} if a.displays.get(number) != b.displays.get(number)}


def _complete(display: sc.Display, present: set[str]) -> bool:
    layers = (display.image, display.mask)
    return all(layer.file in present for layer in layers if layer is not None)


def _without_image(display: sc.Display) -> sc.Display:
    label = display.image.label if display.image else ""
    _LOG.error("display %d: the pixels of %r are gone, its overlays stay", display.number, label)
    return msgspec.structs.replace(display, image=None, mask=None)
