"""One request on its way, and the place where its caller waits for the answer."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from mtv.session.decisions import Answer
from mtv.shared.log import Log
from mtv.wire.errors import DeadlineExceeded, Error, MtvError
from mtv.wire.frames import Buffer
from mtv.wire.messages import Progress

_log: Final = Log()

OnProgress = Callable[[Progress], object]


class Ticket:
    """A request that is kept until its reply comes, buffers included, because it may have to go out again.

    Parameters
    ----------
    body : `bytes`
        MessagePack.
    buffers : sequence of buffers
        Sent as they are, without a copy: they must not change before the reply.
    awaited : `bool`
        False: nobody will fetch the answer; failures are collected by the connection.
    deadline : `float`
        In terms of `time.monotonic`: until then it is sent again to a daemon that is busy.
    """

    gathers = False
    """True for a request that waits, and grows, while another of its kind is under way."""

    def __init__(
        self, body: bytes, buffers: Sequence[Buffer] = (), *, awaited: bool = True, deadline: float = math.inf
    ) -> None:
        self.body = body
        self.buffers = buffers
        self.awaited = awaited
        self.deadline = deadline
        self.number = 0
        self.sent = False
        """True once it has gone out, on whatever connection: the daemon may have it."""
        self.told = False
        """True where the error is the daemon's answer, and nothing that we have thought of."""
        self.put_off: MtvError | None = None
        """Why it was put off, where it was."""
        self._changed = threading.Condition()
        self._received = False
        self._progress: Progress | None = None
        self._answer: Answer | None = None
        self._error: MtvError | None = None
        self._when_settled: list[Callable[[Ticket], object]] = []
        self._settled = False

    # Called by the link's thread

    def seal(self) -> None:
        """Take note that the request goes out now."""

    def receive(self) -> None:
        """Take note of the Receipt."""
        with self._changed:
            self._received = True
            self._changed.notify_all()

    def report(self, progress: Progress) -> None:
        """Take note of progress; only the newest is kept."""
        with self._changed:
            self._progress = progress
            self._changed.notify_all()

    def settle(self, outcome: Answer | MtvError, *, told: bool = False) -> None:
        """Take note of the reply, or of the error that came instead of it; the first one counts."""
        if self._answer is not None or self._error is not None:
            return
        self.told = told
        if isinstance(outcome, Answer):
            self._answer = outcome
        else:
            self._error = outcome
        try:
            for call in self._when_settled:  # before anybody is woken, who may look for what they clear away
                try:
                    call(self)
                except Exception:  # noqa: BLE001 - the answer is somebody's, and others' answers come after it
                    _log.exception("what was to follow an answer failed")
        finally:
            with self._changed:
                self._settled = True
                self._changed.notify_all()

    # Called by others

    def when_settled(self, call: Callable[[Ticket], object]) -> None:
        """Have a function called once the ticket is settled, in the link's thread; to be asked for before sending."""
        self._when_settled.append(call)

    @property
    def settled(self) -> bool:
        """True once there is an answer or an error, and what was to follow it has been done."""
        return self._settled

    @property
    def received(self) -> bool:
        """True once the Receipt has come."""
        return self._received

    @property
    def answer(self) -> Answer | None:
        """The reply, once there is one."""
        return self._answer

    @property
    def error(self) -> MtvError | None:
        """The error that came instead of a reply."""
        return self._error

    def wait_for_receipt(self, deadline: float) -> None:
        """Return when the daemon has the request; raise the error that came instead, or `DeadlineExceeded`.

        An error that came later is not raised here: it is a failure of what was published.
        """
        self._wait(lambda: self._received or self.settled, deadline, None)
        if self._error is not None and not self._received:
            raise self._error

    def wait(self, deadline: float, on_progress: OnProgress | None = None) -> Answer:
        """Return the answer; raise the error that came instead, or `DeadlineExceeded`.

        Parameters
        ----------
        deadline : `float`
            In terms of `time.monotonic`.
        on_progress : callable, optional
            Called in this thread with each new `Progress`.
        """
        self._wait(lambda: self.settled, deadline, on_progress)
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer

    def _wait(self, ready: Callable[[], bool], deadline: float, on_progress: OnProgress | None) -> None:
        while True:
            with self._changed:
                while not ready() and (self._progress is None or on_progress is None):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise overdue(self.put_off)
                    self._changed.wait(left)
                progress, self._progress = self._progress, None
                finished = ready()
            if progress is not None and on_progress is not None:
                on_progress(progress)
            if finished:
                return


def overdue(reason: MtvError | None = None) -> DeadlineExceeded:
    """Return the error for an answer that did not come in time, and why, where the daemon has said so."""
    return DeadlineExceeded(
        Error(
            code="deadline",
            message=f"the daemon did not answer in time{f': {reason.error.message}' if reason else ''}",
            retryable=True,
            hint="see what it is doing with 'mtv status'; a longer timeout_secs waits longer",
        )
    )
