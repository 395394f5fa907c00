"""One connection to the daemon: draw, buffer, publish dots, wait for the screen, hear events; and ask for its state.

A connection is a session (`mtv.session.session`) with words of its own; it keeps the buffers that are open.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Sequence
from typing import Final

from mtv.arguments.transaction import Bundle, Place
from mtv.pixels.discardable import Discardable, discard
from mtv.pixels.outgoing import FileSink, FrameSink
from mtv.session.batch import EVERYTHING, Batch, OpenBatches
from mtv.session.begun import Begun
from mtv.session.events import Events
from mtv.session.gathering import Gathering
from mtv.session.link import Link
from mtv.session.outcomes import failed_step, in_words_of_the_call
from mtv.session.questions import Questions
from mtv.session.ticket import OnProgress, Ticket
from mtv.shared import paths
from mtv.shared.log import Log
from mtv.wire import codec
from mtv.wire.errors import DeadlineExceeded, MtvError
from mtv.wire.frames import Buffer
from mtv.wire.messages import Event, Outcome
from mtv.wire.requests import Request, Subscribe, Sync, Transaction, Unsubscribe
from mtv.wire.steps import AnyStep, MaskColour, MaskTransparency
from mtv.wire.steps import DisplayName as Display  # the word of signatures that users see

_log: Final = Log()

Sink = FileSink | FrameSink


class Connection(Questions):
    """A session with one daemon; made by `connect`, and on its own for displays and repositories that are given none.

    Any thread may use it. A child made by ``fork`` gets a session of its own on first use.

    Parameters
    ----------
    endpoint : `str`, optional
        ``ipc:///path`` or ``tcp://host:port``; `mtv.shared.paths.default_endpoint` where not given.
    timeout_secs : `float`, optional
        How long a call waits for its answer, unless it says otherwise.
    timing : `~mtv.session.conversation.Timing`, optional
        Patience with a daemon that is silent or gone.

    Raises
    ------
    RequestError
        ``bad_value`` for an endpoint that cannot be used.
    """

    # Drawing

    def sink(self) -> Sink:
        """Return where the arrays of one request go: files shared with the daemon, or buffers of the message.

        Returns
        -------
        sink : `~mtv.pixels.outgoing.FileSink` or `~mtv.pixels.outgoing.FrameSink`
        """
        directory = self.pixel_directory
        if directory is None:
            return FrameSink(packs=paths.is_tcp(self.endpoint))
        return FileSink(directory, self.limits)

    def draw(
        self,
        step: AnyStep,
        *,
        buffers: Sequence[Buffer] = (),
        markers: int = 0,
        prepared: Discardable | None = None,
        wait: bool = True,
        supersede: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Outcome | None:
        """Carry out a step now, or leave it to the buffer that is open for its display.

        Parameters
        ----------
        step : `AnyStep` of `mtv.wire.steps`
        buffers : sequence of buffers, optional
            C-contiguous bytes that the message names by number; they must not change before the answer.
        markers : `int`, optional
            How many the step draws; they count against a limit of the transaction.
        prepared : `~mtv.pixels.discardable.Discardable`, optional
            Pixel files of the step.
        wait, supersede, on_progress : optional
            As in `execute`.

        Returns
        -------
        outcome : `~mtv.wire.messages.Outcome` or `None`
            None where it was buffered or only published.

        Raises
        ------
        MtvError
            The error of the step.
        """
        items = [prepared] if prepared else []
        batch = self.open_batch(getattr(step, "display", EVERYTHING))
        if batch is not None:
            batch.prepared += items
            batch.collector.add(step, buffers, markers)
            return None
        bundle = Bundle((step,), tuple(buffers))
        return self.execute(bundle, prepared=items, wait=wait, supersede=supersede, on_progress=on_progress)

    def execute(
        self,
        bundle: Bundle,
        *,
        prepared: Sequence[Discardable] = (),
        wait: bool = True,
        supersede: bool = False,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Outcome | None:
        """Send one transaction.

        Parameters
        ----------
        bundle : `~mtv.arguments.transaction.Bundle`
            Its steps, and the buffers that they name.
        prepared : sequence of `~mtv.pixels.discardable.Discardable`, optional
            Pixel files; they are removed where it is certain that nothing of it is drawn.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.
        supersede : `bool`, optional
            True: a newer transaction like this may take its place while it waits.
        timeout_secs : `float`, optional
            The connection's own where not given.
        on_progress : callable, optional
            As in `ask`; not called where the transaction is only published.

        Returns
        -------
        outcome : `~mtv.wire.messages.Outcome` or `None`
            None where it was only published.

        Raises
        ------
        MtvError
            The error of the step that failed; nothing of the transaction was drawn then.
        """
        secs = self.timeout_secs if timeout_secs is None else timeout_secs
        message = Transaction(steps=bundle.steps, supersede=supersede, deadline_secs=secs if wait else None)
        with in_words_of_the_call(lone=len(bundle.steps) == 1):
            if not wait:
                self.publish(message, buffers=bundle.buffers, timeout_secs=secs, prepared=prepared)
                return None
            answer = self.ask(
                message, buffers=bundle.buffers, timeout_secs=secs, on_progress=on_progress, prepared=prepared
            )
            assert isinstance(answer.reply, Outcome)
            if failure := failed_step(answer.reply):
                raise failure
        self.tell(answer.reply.note)
        for step, outcome in zip(bundle.steps, answer.reply.steps, strict=False):
            if isinstance(step, MaskColour | MaskTransparency):  # of planes that the mask that is shown lacks
                self.tell(outcome.note)
            elif outcome.note:  # of this image or these markers: each time, also in the words of another
                _log.warning("display %s: %s", getattr(step, "display", ""), outcome.note)
        return answer.reply

    def buffering(
        self, *, wait: bool = True, display: Display | None = EVERYTHING, on_progress: OnProgress | None = None
    ) -> Batch:
        """Return a context manager: all steps of this thread within it, of all displays, are one transaction.

        It takes effect as a whole or not at all. After an exception inside nothing is sent. A buffer inside another
        joins it.

        Parameters
        ----------
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.
        display : `int` or `str`, optional
            One display alone; all where not given.
        on_progress : callable, optional
            As in `execute`.

        Returns
        -------
        batch : `~mtv.session.batch.Batch`
            Its ``outcome`` tells what became of it.
        """

        def send(batch: Batch) -> Outcome | None:
            try:
                bundle = batch.bundle()
            except BaseException:
                discard(batch.prepared)
                raise
            return self.execute(bundle, prepared=batch.prepared, wait=wait, on_progress=on_progress)

        return Batch(self._batches, display, send, self.limits)

    def begin(
        self, message: Request, *, buffers: Sequence[Buffer], timeout_secs: float, on_settled: Callable[[], object]
    ) -> Begun:
        """Send a request and wait until its receipt or its answer has come; the answer is waited for later.

        Parameters
        ----------
        message : `~mtv.wire.requests.Request`
        buffers : sequence of buffers
            As in `ask`.
        timeout_secs : `float`
            For receipt and answer together.
        on_settled : callable
            Called once there is an answer or an error, in the link's thread.

        Returns
        -------
        begun : `~mtv.session.begun.Begun`

        Raises
        ------
        MtvError
            The error that came instead of a receipt; as in `ask`.
        """
        deadline = self._deadline(timeout_secs)
        link, ticket = self._prepare(message, buffers, deadline, None, (), awaited=True)
        begun = Begun(ticket, deadline, functools.partial(self._sending, link, ticket), on_settled)
        with self._sending(link, ticket):
            link.submit(ticket)
            ticket.wait_for_receipt(deadline)
        return begun

    def open_batch(self, display: Display | None) -> Batch | None:
        """Return the buffer that this thread has open for a display, if any.

        Parameters
        ----------
        display : `int`, `str` or `None`
            None: the one that takes the steps of all displays.

        Returns
        -------
        batch : `~mtv.session.batch.Batch` or `None`
        """
        return self._batches.find(display)

    def sync(self, timeout_secs: float | None = None) -> None:
        """Wait until all that was drawn so far, by anybody, is on the screen; see also `flush`.

        Parameters
        ----------
        timeout_secs : `float`, optional
            The connection's own where not given.

        Raises
        ------
        MtvError
            The first failure of what was published; `DeadlineExceeded` where it takes too long.
        """
        self.flush(timeout_secs)
        self.request(Sync(), timeout_secs=timeout_secs)

    # Dots

    def publish_dot(self, place: Place, x: float, y: float, symbol: str, size: float, colour: str) -> None:
        """Send a checked dot without waiting; where others are under way it joins those that wait for them.

        A failure is logged, and raised by the next `flush` or `sync`.

        Parameters
        ----------
        place : `~mtv.arguments.transaction.Place`
            Display, overlay and system.
        x, y : `float`
            0-based parent pixels, or degrees (ICRS).
        symbol : `str`
        size : `float`
            Pixels, or arc seconds in the sky.
        colour : `str`

        Raises
        ------
        Unavailable
            Nobody listens there.
        DeadlineExceeded
            Thousands of dots wait, and the daemon has not taken them in time.
        """
        link = self._get_link()
        with self._gathering_lock:
            before = self._gathering
            if before is not None and not before.settled and before.dot(place, x, y, symbol, size, colour):
                return
            if before is not None and not before.settled:
                self._await_receipt(link, before)
            gathering = Gathering(self.limits, self._deadline(None))
            gathering.dot(place, x, y, symbol, size, colour)
            gathering.when_settled(self._note)
            link.submit(gathering)
            self._gathering = gathering

    def _await_receipt(self, link: Link, gathering: Gathering) -> None:
        try:
            gathering.wait_for_receipt(self._deadline(None))
        except DeadlineExceeded:
            if not link.ready:
                raise link.error_when_gone() from None
            raise
        except MtvError:
            if not gathering.settled:  # else it is noted, and raised by the next flush
                raise

    # The window's events

    def events(
        self,
        kinds: Sequence[str] | str = (),
        *,
        display: Display | None = None,
        timeout_secs: float | None = None,
    ) -> Events:
        """Return an iterator over what the user does in the window from now on; see `mtv.events`.

        Parameters
        ----------
        kinds : `str` or sequence of `str`, optional
            ``key``, ``frame``, ``region``, ``window``; all where empty. A ``gap`` is always told.
        display : `int` or `str`, optional
            Only events of this display, or of the window.
        timeout_secs : `float`, optional
            The iteration ends when nothing has come for so long; it waits for ever where not given.

        Returns
        -------
        events : `~mtv.session.events.Events`
            An iterator and a context manager; closing it ends the subscription.

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        self._get_link()
        found = Events(
            self._hearing, kinds=kinds, display=display, timeout_secs=timeout_secs, on_close=self._unsubscribe
        )
        try:
            self.ask(Subscribe(), cleanup=self._hearing.take_answer)
        except BaseException:
            found.close()
            raise
        return found

    def on_event(
        self, call: Callable[[Event], object], kinds: Sequence[str] | str = (), *, display: Display | None = None
    ) -> Events:
        """Have a function called with each event, in a thread of its own, until the result is closed.

        Parameters
        ----------
        call : callable
            Called with each `~mtv.wire.messages.Event`, in a thread of its own; what it raises is logged.
        kinds : `str` or sequence of `str`, optional
            ``key``, ``frame``, ``region``, ``window``; all where empty. A ``gap`` is always told.
        display : `int` or `str`, optional
            Only events of this display, or of the window.

        Returns
        -------
        events : `~mtv.session.events.Events`
            An iterator and a context manager; closing it ends the subscription.

        Raises
        ------
        Unavailable
            There is no daemon, or no thread can be started.
        """
        return self.events(kinds, display=display).calling(call)

    def _unsubscribe(self) -> None:
        link = self._link
        if link is not None and link.ready:
            with contextlib.suppress(MtvError):
                link.submit(Ticket(codec.encode(Unsubscribe()), awaited=True))

    # Inside

    def _restart(self) -> None:
        super()._restart()
        self._batches = OpenBatches()
        self._gathering_lock = threading.Lock()
