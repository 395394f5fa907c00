"""Committing: draw a group of transactions exactly once, each whole or not at all, and remember what became of it.

Intent is journalled before the script runs, commit after it. A transaction that the window refuses is taken back by
drawing its displays again from the scene; when the window dies, the group is run one by one on a new window, and one
that kills it twice is poisoned.

A transaction with more markers than go into one script is drawn in parts, and other displays' batches come between
them. Its intent stays open in the journal all the while; its effect is that of its last part.

An image that is shown ahead of its mask is a preview: drawn and journalled like a transaction, but answered to nobody.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from mtv.wire.errors import DaemonError, MtvError, RequestError, Unavailable
from mtv.wire.messages import Outcome, StepOutcome
from mtv.wire.steps import Display
from mtvd import chunks, planner
from mtvd import scene as sc
from mtvd.actions import AnyAction, Arrange
from mtvd.hand import changes_of
from mtvd.handles import Handles
from mtvd.journal import Checkpoint, Commit, Entry, GaveWay, Hand, Intent, Journal, PutBack
from mtvd.pixelstore import PixelStore
from mtvd.planned import Planned, displays_of
from mtvd.previews import Preview, Previews, put_back
from mtvd.queueing import Waiting
from mtvd.resolve import Resolved
from mtvd.sessions import Sessions
from mtvd.settling import answer, draw_failed, journal_full, no_window, poisoned, step_outcome
from mtvd.stage.port import Batch, Section, SectionResult, Stage, UserMoved, WindowLost, WindowUnavailable

_LOG = logging.getLogger(__name__)
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
        self.meanwhile: Callable[[Collection[Display]], Awaitable[None]] = _nothing
        """Called between the parts of a large transaction with the displays that it is on, by number and by name."""
        self._under_way = 0
        """Intents that are open in the journal."""
        self._strangers: set[int] = set()
        """Displays outside the scene that an adopted window may show: what an earlier daemon had begun."""
        self._previews = Previews[Waiting]()

    async def recover(self) -> None:
        """Take over what an earlier daemon left: its scene, its answers, its window, and the batch it had begun.

        A batch that was cut short is drawn once on displays put back to the last committed scene, whether or not the
        old window had begun it; so there is one path, and the picture is right in either case.
        """
        recovered = self._journal.recover()
        self._sessions.restore(recovered.sessions)
        self.scene = recovered.scene
        for name in self.scene.files():
            self._pixels.claim(name)
        self._number = recovered.number
        token = await self._left_token()
        half_drawn = recovered.half_drawn()
        self._strangers = half_drawn - set(self.scene.displays)
        whole = not half_drawn and token == (recovered.epoch, recovered.number)
        if token is not None and whole:
            self._generation = await self._stage.ensure()
        elif token is not None:
            await self._restore_adopted()
        self._checkpoint()  # only now: until the window is right the journal must tell what is wrong with it
        if begun := recovered.begun():
            _LOG.warning("a batch of the last run was cut short, it is drawn again")
            await self.commit([_replayed(entry) for entry in begun if not entry.preview])
        self._pixels.remove(recovered.files - self.scene.files())

    def end(self) -> None:
        """Let the next daemon begin with nothing to show: window and pixels are closed and removed for good.

        What sessions were answered stays: a client that asks again for what it was told is not drawn twice.
        """
        self.scene = sc.EMPTY
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

    async def _restore_adopted(self) -> None:
        try:
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
            if generation == self._generation:
                return
            try:
                await self._restore()
            except WindowLost as lost:
                _LOG.warning("the window was lost while the scene was restored: %s", lost)
                if attempt == _LOSSES - 1:
                    raise
            else:
                self._generation = generation
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
        await self._draw([waiting for waiting in group if not waiting.large])
        for waiting in group:
            if waiting.large:
                await self._draw_large(waiting)

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

    def let_go(self, files: set[str]) -> None:
        """Remove pixel files of a transaction that will not be drawn, but for those that something shows."""
        self._pixels.remove(files - self.needed())

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
        self.scene = wanted
        self._log_refusals(results)
        if any(result.failed_action is not None for result in results):
            await self._repair({preview.shown.number}, resized=False)

    async def _lead_back(self, actions: tuple[AnyAction, ...], *, heeds: bool) -> Sequence[SectionResult]:
        """Draw what leads back to a scene that was; a window that is not there will be given that when it is."""
        if self._stage.state.state != "ready":
            return ()
        try:
            await self.open_window()
            self._number += 1
            sections = (Section(key="restore", actions=actions),)
            return await self._stage.run(Batch(epoch=self._epoch, number=self._number, sections=sections, heeds=heeds))
        except (WindowLost, WindowUnavailable) as error:
            _LOG.warning("the window was lost while a display was put back: %s", error)
            self._generation = -1
            return ()

    def tidy(self, waiting_files: set[str]) -> None:
        """Let expired handles go."""
        before = self._handles.files()
        self._handles.expire()
        self._pixels.remove(before - self.needed() - waiting_files)

    async def _draw(self, group: Sequence[Waiting], *, heeds: bool = True) -> None:
        planned = self._plan(group)
        if not planned.accepted:
            return
        self._number += 1
        number = self._number
        try:
            self._journal.intent(Intent(epoch=self._epoch, number=number, entries=tuple(map(_entry, planned.accepted))))
        except OSError as error:
            self._refuse(planned.accepted, DaemonError(journal_full(error)))
            return
        batch = Batch(
            epoch=self._epoch,
            number=number,
            sections=tuple(planned.sections),
            heeds=heeds,
            redraws=any(waiting.redraws for waiting in planned.accepted),
        )
        with self._intent_open():
            try:
                results = await self._stage.run(batch)
            except UserMoved as moved:
                self._journal_commit(Commit(epoch=self._epoch, number=number, done=(), answers=()))
                self._heed(number, moved)
                await self._draw(planned.accepted, heeds=False)
            except WindowLost as lost:
                await self._after_loss(planned.accepted, lost)
            except WindowUnavailable as unavailable:
                self._settle(number, [], planned.accepted, Unavailable(no_window(str(unavailable))))
            else:
                await self._conclude(number, planned, results)

    @contextlib.contextmanager
    def _intent_open(self) -> Iterator[None]:
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _draw_large(self, waiting: Waiting) -> None:
        planned = self._plan([waiting])
        if not planned.accepted:
            return
        self._number += 1
        intent = Intent(epoch=self._epoch, number=self._number, entries=(_entry(waiting),), long=True)
        try:
            self._journal.intent(intent)
        except OSError as error:
            self._refuse([waiting], DaemonError(journal_full(error)))
            return
        with self._intent_open():
            try:
                await self._draw_parts(waiting, planned)
            except WindowLost as lost:
                await self._after_loss([waiting], lost)
            except WindowUnavailable as unavailable:
                self._settle(self._number, [], [waiting], Unavailable(no_window(str(unavailable))), long=True)

    async def _draw_parts(self, waiting: Waiting, planned: Planned) -> None:
        """Draw a large transaction; from the beginning again where the window was lost between two parts."""
        generation, busy = self._generation, displays_of(planned, waiting)
        parts = list(chunks.parts(planned.sections[0].actions))
        for index, actions in enumerate(parts, 1):
            await self.meanwhile(busy)
            if self._generation != generation:
                _LOG.warning("the window was lost while %s was drawn, it is drawn again", waiting.key)
                await self._draw_large(waiting)
                return
            planned.sections = [Section(key=waiting.key, actions=actions)]
            (result,) = await self._run_part(planned.sections[0], redraws=waiting.redraws and index == len(parts))
            if result.failed_action is not None:
                await self._fail_large(waiting, planned, result)
                return
        assert waiting.resolved is not None
        planned.scene, numbers = sc.apply(self.scene, waiting.resolved.changes, waiting.resolved.places)
        planned.numbers = [numbers]
        self._settled(self._number, planned, [waiting], planned.scene, long=True)

    async def _run_part(self, section: Section, *, redraws: bool, heeds: bool = True) -> Sequence[SectionResult]:
        self._number += 1
        batch = Batch(epoch=self._epoch, number=self._number, sections=(section,), heeds=heeds, redraws=redraws)
        try:
            return await self._stage.run(batch)
        except UserMoved as moved:
            self._heed(batch.number, moved)
            return await self._run_part(section, redraws=redraws, heeds=False)

    async def _fail_large(self, waiting: Waiting, planned: Planned, result: SectionResult) -> None:
        _LOG.error("the window refused %s: %s", waiting.key, result.message)
        touched = {number for number in planned.numbers[0] if number is not None}
        self._settle(self._number, [], [waiting], draw_failed(result, planned, 0), long=True)
        await self._repair(touched, resized=_resized(planned.sections[0], result))

    def _heed(self, number: int, moved: UserMoved) -> None:
        """Take what the user has changed into the scene; the batch that found it was not drawn."""
        changes = changes_of(self.scene, moved.differences, f"hand {self._epoch} {number}")
        _LOG.info("%s", moved)
        before = self.scene
        try:
            self._journal.hand(Hand(epoch=self._epoch, number=number, changes=changes))
        except OSError as error:
            _LOG.error("the journal could not be written, a crash now would lose what the user did: %s", error)
        self.scene, _ = sc.apply(self.scene, changes)
        self._release(before.files())

    def _plan(self, group: Sequence[Waiting]) -> Planned:
        planned = Planned(scene=self.scene)
        for waiting in group:
            try:
                after, numbers = planned.fold(planned.scene, waiting)
            except RequestError as refusal:
                self._refuse([waiting], refusal)
                continue
            planned.sections.append(Section(key=waiting.key, actions=planner.plan(planned.scene, after)))
            planned.accepted.append(waiting)
            planned.numbers.append(numbers)
            planned.scene = after
        return planned

    async def _conclude(self, number: int, planned: Planned, results: Sequence[SectionResult]) -> None:
        failed = [index for index, result in enumerate(results) if result.failed_action is not None]
        if not failed:
            self._settled(number, planned, planned.accepted, planned.scene)
            return
        good = [waiting for index, waiting in enumerate(planned.accepted) if index not in failed]
        kept, scene = self._refold(planned, good)
        for index in failed:
            _LOG.error("the window refused %s: %s", planned.accepted[index].key, results[index].message)
            self._drop(planned.accepted[index], draw_failed(results[index], planned, index))
        touched = {n for index in failed for n in planned.numbers[index] if n is not None} | _differing(
            planned.scene, scene
        )
        self._settled(number, planned, kept, scene)
        resized = any(_resized(planned.sections[index], results[index]) for index in failed)
        await self._repair(touched, resized=resized)

    def _refold(self, planned: Planned, group: Iterable[Waiting]) -> tuple[list[Waiting], sc.Scene]:
        kept, scene = [], self.scene
        for waiting in group:
            try:
                scene, _ = planned.fold(scene, waiting)
            except RequestError as refusal:
                self._drop(waiting, refusal)
            else:
                kept.append(waiting)
        return kept, scene

    async def _repair(self, touched: set[int], *, resized: bool) -> None:
        sections = [
            Section(key="restore", actions=planner.plan_repair({number}, self.scene)) for number in sorted(touched)
        ]
        if resized:
            sections.append(Section(key="restore size", actions=planner.plan_size(self.scene)))
        self._number += 1
        try:
            results = await self._stage.run(Batch(epoch=self._epoch, number=self._number, sections=tuple(sections)))
        except (WindowLost, WindowUnavailable) as error:
            _LOG.warning("the window was lost while displays were put back: %s", error)
            self._generation = -1
            return
        self._log_refusals(results)

    async def _restore(self) -> None:
        self._without_lost_files()
        sections = [
            Section(key=f"restore {number}", actions=planner.plan_display(display))
            for number, display in self.scene.displays.items()
        ]
        sections += [
            Section(key=f"restore {number}", actions=planner.plan_repair({number}, self.scene))
            for number in sorted(self._strangers - set(self.scene.displays))
        ]
        if self.scene != sc.EMPTY:
            sections.append(Section(key="restore front", actions=planner.plan_repair(set(), self.scene)))
        if self.scene.arrangement.size is not None:
            sections.append(Section(key="restore size", actions=planner.plan_size(self.scene)))
        if not sections:
            return
        self._number += 1
        results = await self._stage.run(Batch(epoch=self._epoch, number=self._number, sections=tuple(sections)))
        self._strangers = set()
        self._log_refusals(results)

    def _without_lost_files(self) -> None:
        present = self._pixels.present(self.scene.files())
        displays = {
            number: display if _complete(display, present) else _without_image(display)
            for number, display in self.scene.displays.items()
        }
        if any(displays[number] is not display for number, display in self.scene.displays.items()):
            self.scene = msgspec.structs.replace(self.scene, displays=displays)

    async def _after_loss(self, accepted: Sequence[Waiting], lost: WindowLost) -> None:
        self._generation = -1
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

    def _settled(
        self, number: int, planned: Planned, kept: Sequence[Waiting], scene: sc.Scene, *, long: bool = False
    ) -> None:
        """Journal a batch's end, make its scene ours, and tell everybody."""
        before = self.scene
        outcomes = {waiting: self._outcome(waiting, planned, scene) for waiting in kept if waiting.preview_of is None}
        answers = [answer(waiting, outcome) for waiting, outcome in outcomes.items()]
        refused = [waiting for waiting in planned.accepted if waiting not in kept]
        answers += [
            answer(waiting, waiting.failure)
            for waiting in refused
            if waiting.failure is not None and waiting.preview_of is None
        ]
        done = tuple(index for index, waiting in enumerate(planned.accepted) if waiting in kept)
        self._journal_commit(Commit(epoch=self._epoch, number=number, done=done, answers=tuple(answers), long=long))
        self.scene = scene
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

    def _outcome(self, waiting: Waiting, planned: Planned, scene: sc.Scene) -> Outcome:
        assert waiting.resolved is not None
        numbers = planned.numbers[planned.accepted.index(waiting)]
        steps = dict(waiting.resolved.outcomes)
        for place, change, number in zip(waiting.resolved.places, waiting.resolved.changes, numbers, strict=True):
            display = None if number is None else scene.displays.get(number)
            steps[place] = step_outcome(change, number, display)
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
        """Settle transactions that were never begun: nothing of them is in the journal."""
        for waiting in group:
            if waiting.preview_of is None:
                self._sessions.remember([answer(waiting, error)])
            self._drop(waiting, error)

    def _drop(self, waiting: Waiting, result: Outcome | MtvError) -> None:
        if waiting.resolved is not None:
            self.let_go(waiting.resolved.files)
        waiting.finish(result)

    def _release(self, files: set[str]) -> None:
        self._pixels.recycle(files - self.needed())

    def needed(self) -> set[str]:
        """Return the names of all pixel files that the scene, a handle or a display to be put back needs."""
        return self.scene.files() | self._handles.files() | self._previews.files()

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
                _LOG.error("a display could not be put back (%s): %s", result.key, result.message)


async def _nothing(_busy: Collection[Display]) -> None:
    """Stand in for an engine that has nothing to draw between the parts of a large transaction."""


def _entry(waiting: Waiting) -> Entry:
    assert waiting.resolved is not None
    return Entry(
        session=waiting.session,
        sequence=waiting.sequence,
        changes=waiting.resolved.changes,
        places=waiting.resolved.places,
        steps=waiting.steps,
        preview=waiting.preview_of is not None,
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
    """Tell whether a section that failed had given the window another size before."""
    done = section.actions[: result.failed_action]
    return any(isinstance(action, Arrange) and action.size is not None for action in done)


def _differing(a: sc.Scene, b: sc.Scene) -> set[int]:
    return {number for number in {*a.displays, *b.displays} if a.displays.get(number) != b.displays.get(number)}


def _complete(display: sc.Display, present: set[str]) -> bool:
    layers = (display.image, display.mask)
    return all(layer.file in present for layer in layers if layer is not None)


def _without_image(display: sc.Display) -> sc.Display:
    label = display.image.label if display.image else ""
    _LOG.error("display %d: the pixels of %r are gone, its overlays stay", display.number, label)
    return msgspec.structs.replace(display, image=None, mask=None)
