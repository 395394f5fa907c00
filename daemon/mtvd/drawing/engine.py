"""The engine: the one road to the window. It takes all that waits, commits it as one group, and tells each its outcome.

While the window works on a batch everything that arrives queues; the next batch takes all of it. There is no timer:
latency is lowest when idle, throughput highest under load. The engine alone holds the scene.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

import anyio
import anyio.lowlevel

from mtv.wire.errors import DaemonError, Error, MtvError, RequestError, Unavailable
from mtv.wire.frames import Buffer
from mtv.wire.messages import Outcome
from mtv.wire.requests import Transaction
from mtv.wire.steps import DisplayName
from mtvd.drawing import costs
from mtvd.drawing.answering import no_window, nothing_displayed, too_late
from mtvd.drawing.committer import Committer
from mtvd.drawing.faults import log_faults
from mtvd.drawing.pictures import LargePicture, PictureWish
from mtvd.drawing.sessions import Session
from mtvd.drawing.waiting import EVERYTHING, Waiting, WaitingList, displays_of
from mtvd.repo.port import OnProgress
from mtvd.resolving.holding import Holding
from mtvd.resolving.resolved import MovieFrame, Resolved
from mtvd.resolving.resolver import Resolver
from mtvd.scene import model
from mtvd.scene.naming import unknown_display
from mtvd.stage.port import Stage, WindowLost, WindowUnavailable

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


class Engine:
    """Takes transactions in, draws them in groups.

    Parameters
    ----------
    stage : `Stage`
        The window.
    resolver : `Resolver`
        Brings what the steps need.
    committer : `Committer`
        Draws a group exactly once and remembers it.
    holding : `~mtvd.resolving.holding.Holding`
        Keeps the pixel files of requests under way.
    on_drawn : callable
        Called after each group, for whoever must know what the scene has become.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        stage: Stage,
        resolver: Resolver,
        committer: Committer,
        holding: Holding,
        on_drawn: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._stage = stage
        self._resolver = resolver
        self._committer = committer
        self._holding = holding
        self._on_drawn = on_drawn
        self._clock = clock
        self._list = WaitingList()
        self._pictures: list[PictureWish] = []
        self._one_large_picture = anyio.Lock()
        self._wake = anyio.Event()
        self._stage_changed = False

    @property
    def scene(self) -> model.Scene:
        """The last committed scene."""
        return self._committer.scene

    @property
    def waiting(self) -> int:
        """Transactions that wait."""
        return len(self._list)

    async def serve(self) -> None:
        """Draw until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            if self._stage_changed:
                self._stage_changed = False
                with log_faults("the window was not brought back"):
                    await self._restore_after_loss()
            while await self._one_group():
                await anyio.lowlevel.checkpoint()
            with log_faults("what is let go was not put in order"):
                self.housekeeping()

    def housekeeping(self) -> None:
        """Let expired handles go, and write a journal anew that has grown."""
        self._resolver.tidy()
        self._committer.renew_journal()

    def stage_changed(self) -> None:
        """Tell that the window was lost or came back while nothing was drawn."""
        self._stage_changed = True
        self._wake.set()

    async def submit(
        self,
        transaction: Transaction,
        buffers: Sequence[Buffer],
        session: Session,
        sequence: int,
        on_progress: OnProgress | None = None,
        *,
        redraws: bool = False,
        frame: MovieFrame | None = None,
        paced: bool = False,
    ) -> Outcome:
        """Draw a transaction, in its turn; with ``redraws`` return only when it is on the screen.

        With ``frame`` its images are a movie's, refused where that has lost its display; with ``paced`` a feed's.

        Raises
        ------
        MtvError
            Refused, failed, cancelled or too late: nothing of it is on the screen.
        """
        waiting = Waiting(
            session=session.id,
            sequence=sequence,
            displays=displays_of(transaction),
            steps=len(transaction.steps),
            superseding=transaction.supersede and len(transaction.steps) == 1,
            strict=transaction.strict,
            redraws=redraws,
            paced=paced or frame is not None,
            due=self._clock() + transaction.deadline_secs if transaction.deadline_secs else float("inf"),
        )
        for replaced in self._list.add(waiting):
            self._committer.give_way(replaced)
        try:
            await self._fetch(waiting, transaction, buffers, session, on_progress, frame)
            return await self._await_outcome(waiting)
        finally:
            self._let_go(waiting)
            self._let_go(waiting.preview)

    async def sync(self, session: bytes) -> None:
        """Return when all that the session sent before is on the screen."""
        await self._await_barrier(self._barrier(session, PictureWish()))

    async def snapshot(
        self, session: bytes, display: DisplayName | None, image_format: str, size: tuple[int, int] | None = None
    ) -> bytes:
        """Return a picture of the window, or of a display in a size of its own, after all that the session sent before.

        Raises
        ------
        RequestError
            ``unknown_display``.
        Unavailable
            ``no_window`` where none was ever opened.
        """
        wish = PictureWish(display=display, image_format=image_format, picture=True)
        if size is None:
            await self._await_barrier(self._barrier(session, wish))
            return bytes(wish.result)
        async with self._one_large_picture:
            wish.large = LargePicture(size)
            try:
                while not wish.large.whole:
                    await self._await_barrier(self._barrier(session, wish))
                    if wish.large.begun_anew:
                        self._list.pausing = frozenset({EVERYTHING if display is None else display})
                        self._list.never_pausing = session
            finally:
                self._list.pausing = frozenset()
                self._wake.set()
            return await wish.large.encode(image_format)

    async def look_at(self, session: bytes, display: DisplayName, look: Callable[[int | None], Awaitable[_T]]) -> _T:
        """Return what a look at a display's frame finds, after all that the session sent before; see `snapshot`."""
        wish = PictureWish(display=display, picture=True)
        wish.look = look
        await self._await_barrier(self._barrier(session, wish))
        found: _T = wish.result
        return found

    def cancel(self, request_id: str) -> int:
        """Cancel one waiting request, or all where empty; return how many. What is being drawn is not stopped."""
        chosen = [waiting for waiting in self._list if request_id in {"", waiting.key}]
        self._list.remove(chosen)
        for waiting in chosen:
            waiting.finish(RequestError(Error(code="cancelled", message="the request was cancelled")))
        return len(chosen)

    async def _fetch(
        self,
        waiting: Waiting,
        transaction: Transaction,
        buffers: Sequence[Buffer],
        session: Session,
        on_progress: OnProgress | None,
        frame: MovieFrame | None,
    ) -> None:
        with anyio.CancelScope() as waiting.fetching:
            try:
                waiting.resolved = await self._resolver.resolve(
                    transaction.steps,
                    buffers,
                    key=waiting.key,
                    hold=functools.partial(self._holding.hold, waiting),
                    first_image=lambda display: display not in session.shown,
                    on_progress=on_progress,
                    on_image=None
                    if waiting.superseding or frame is not None  # a movie shows each frame once
                    else functools.partial(self._show_image, waiting),
                    frame=frame,
                    scene=lambda: self.scene,
                )
            except BaseException:
                self._list.remove([waiting])
                self._wake.set()
                raise
        if waiting.resolved is not None:
            self._holding.hold(waiting, waiting.resolved.files)
        if waiting.resolved is None or waiting.finished.is_set():  # superseded or cancelled meanwhile
            self._resolver.abandon(transaction.steps)
            return
        self._settle_or_queue(waiting, waiting.resolved, session)

    def _show_image(self, waiting: Waiting, shown: Resolved) -> None:
        """Let an image be drawn ahead of its mask, in its turn."""
        waiting.preview = Waiting(
            session=waiting.session,
            sequence=waiting.sequence,
            displays=waiting.displays,
            steps=waiting.steps,
            due=waiting.due,
            resolved=shown,
            ready=True,
            preview_of=waiting,
        )
        self._holding.hold(waiting.preview, shown.files)
        self._wake.set()

    def _settle_or_queue(self, waiting: Waiting, resolved: Resolved, session: Session) -> None:
        if not resolved.changes:
            self._list.remove([waiting])
            waiting.finish(Outcome(steps=tuple(resolved.outcomes[index] for index in range(waiting.steps))))
        else:
            session.shown |= {change.display for change in resolved.changes}
            waiting.secs = costs.secs_of(resolved.changes, lambda display: self.scene.number_of(display) is not None)
            waiting.ready = True
        self._wake.set()

    async def _await_outcome(self, waiting: Waiting) -> Outcome:
        try:
            await waiting.finished.wait()
        finally:
            if not waiting.finished.is_set():
                self._list.remove([waiting])
        if waiting.failure is not None:
            raise waiting.failure
        assert waiting.outcome is not None
        return waiting.outcome

    async def _await_barrier(self, barrier: Waiting) -> None:
        try:
            await self._await_outcome(barrier)
        finally:
            self._pictures = [wish for wish in self._pictures if wish.waiting is not barrier]

    def _barrier(self, session: bytes, wish: PictureWish) -> Waiting:
        waiting = Waiting(session=session, sequence=0, displays=frozenset({EVERYTHING}), ready=True)
        wish.waiting = waiting
        self._pictures.append(wish)
        self._list.add(waiting)
        self._wake.set()
        return waiting

    def _let_go(self, waiting: Waiting | None) -> None:
        """Let go of the pixel files of a request, unless it is drawn: the committer does so when it settles it."""
        if waiting is not None and not waiting.taken:
            self._holding.end(waiting)

    async def _one_group(self) -> bool:
        with log_faults("a display was not put back"):
            await self._committer.put_back(set(self._list))
        taken = self._list.take()
        if not taken:
            return False
        await self._commit(taken)
        with log_faults("the journal was not written anew"):
            self._committer.renew_journal()
        await self._fulfil([wish for wish in self._pictures if wish.waiting in taken])
        return True

    async def _draw_others(self, busy: Collection[DisplayName]) -> None:
        """Draw what has come while a large transaction is drawn, and does not concern its displays."""
        await anyio.lowlevel.checkpoint()
        await self._commit(self._list.take(busy, only_quick=True))
        slow = self._list.take(busy)
        if slow:
            await self._commit(slow)
            await self._commit(self._list.take(busy, only_quick=True))  # they have waited for the slow ones already

    async def _commit(self, taken: Sequence[Waiting]) -> None:
        now = self._clock()
        group = [waiting for waiting in taken if waiting.resolved is not None]
        for waiting in group:
            if waiting.due < now:
                waiting.finish(too_late())
        due = [waiting for waiting in group if not waiting.finished.is_set()]
        for waiting in due:
            waiting.taken = True
        try:
            await self._committer.commit(due, self._draw_others)
        except Exception:  # noqa: BLE001 - whatever it was: these requests have failed, and the next ones are drawn
            self._committer.give_up(due)
        with log_faults("the movies were not told"):
            self._on_drawn()

    async def _fulfil(self, wishes: list[PictureWish]) -> None:
        self._pictures = [wish for wish in self._pictures if wish not in wishes]
        if any(not wish.picture for wish in wishes):
            await self._settle_wishes(self._sync, [wish for wish in wishes if not wish.picture])
        for wish in wishes:
            if wish.picture:
                await self._settle_wishes(functools.partial(self._take_picture, wish), [wish])

    async def _settle_wishes(self, work: Callable[[], Awaitable[None]], wishes: list[PictureWish]) -> None:
        try:
            await work()
        except WindowLost as lost:
            answer: Outcome | MtvError = DaemonError(
                Error(code="draw_failed", message=f"the window was lost: {lost}", retryable=True)
            )
            self.stage_changed()
        except WindowUnavailable as unavailable:
            answer = Unavailable(no_window(str(unavailable)))
        except MtvError as refusal:
            answer = refusal
        except Exception:  # noqa: BLE001 - whatever it was: these have failed, and others are served
            _LOG.exception("the window could not be looked at")
            answer = DaemonError(Error(code="internal", message="the daemon failed", hint="its log tells more"))
        else:
            answer = Outcome(steps=())
        for wish in wishes:
            assert wish.waiting is not None
            wish.waiting.finish(answer)

    async def _sync(self) -> None:
        if self._stage.state.state != "absent":
            await self._look(self._stage.sync)

    async def _take_picture(self, wish: PictureWish) -> None:
        frame = None
        if wish.display is not None:
            frame = self.scene.number_of(wish.display)
            if frame is None:
                raise unknown_display(self.scene, wish.display)
        if not self.scene.displays:
            raise Unavailable(nothing_displayed())
        if wish.large is not None:
            await self._look(functools.partial(wish.large.go_on, self._stage, frame, self.scene))
        else:
            look = wish.look or functools.partial(self._stage.snapshot, image_format=wish.image_format)
            wish.result = await self._look(lambda: look(frame))

    async def _look(self, look: Callable[[], Awaitable[_T]]) -> _T:
        """Do what changes nothing on a window that shows the scene; once more where it is lost meanwhile."""
        await self._committer.open_window()
        try:
            return await look()
        except WindowLost as lost:
            _LOG.warning("the window was lost while it was looked at: %s", lost)
        await self._committer.open_window()
        return await look()

    async def _restore_after_loss(self) -> None:
        if self._stage.state.state != "lost":
            return
        try:
            await self._committer.open_window()
        except (WindowUnavailable, WindowLost) as error:
            _LOG.error("the window could not be brought back: %s", error)
