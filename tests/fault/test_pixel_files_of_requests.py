"""Whose a pixel file is: the client removes it while it was never sent, or once the daemon has refused it; no other."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.support import scripted

import mtv
from mtv.session.connection import Connection
from mtv.session.conversation import Timing
from mtv.testing import WAIT_SECS, ScriptedDaemon, Seen
from mtv.wire import frames, messages, requests
from mtv.wire.errors import Error, exception_for
from mtv.wire.frames import Kind
from mtv.wire.limits import Limits

IMAGE = np.zeros((5, 5))


pixel_directory, daemon = scripted.shared_directory, scripted.daemon


@pytest.fixture
def limits() -> Limits:
    return Limits(steps=4)


@pytest.fixture
def display(daemon: ScriptedDaemon) -> Iterator[mtv.Display]:
    with Connection(daemon.endpoint, timing=Timing(lost_secs=WAIT_SECS)) as connection:
        yield mtv.Display(connection=connection)


def files(daemon: ScriptedDaemon) -> list[str]:
    assert daemon.pixel_directory is not None
    return [path.name for path in daemon.pixel_directory.iterdir() if path.name != "nonce"]


def refusal(code: str) -> Callable[[Seen], messages.Reply]:
    def refuse(_seen: Seen) -> messages.Reply:
        raise exception_for(Error(code=code, message="so it is"))  # type: ignore[arg-type]

    return refuse


def test_a_buffer_over_the_limits_is_refused_here_and_leaves_no_file(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    def draw() -> None:
        with display.buffering():
            for _ in range(5):
                display.mtv(IMAGE)

    with pytest.raises(mtv.RequestError, match="limit of 4"):
        draw()
    assert not daemon.of(requests.Transaction)
    assert files(daemon) == []


def test_a_buffer_whose_body_is_too_large_leaves_no_file(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    def draw() -> None:
        with display.buffering():
            display.mtv(IMAGE)
            display.overlay("stars", [1.0], [1.0], symbol=["@x" * 500_000])

    daemon.limits = Limits(body_bytes=1000)
    daemon.restart()
    display.show()
    with pytest.raises(mtv.RequestError):
        draw()
    assert files(daemon) == []


@pytest.mark.parametrize("code", ["bad_value", "too_large", "storage_full", "draw_failed", "cancelled", "no_window"])
@pytest.mark.parametrize("buffered", [False, True], ids=["alone", "in a buffer"])
def test_what_the_daemon_has_refused_leaves_no_file(
    daemon: ScriptedDaemon, display: mtv.Display, code: str, *, buffered: bool
) -> None:
    def draw() -> None:
        if not buffered:
            display.mtv(IMAGE)
            return
        with display.buffering():
            display.mtv(IMAGE)
            display.mtv(IMAGE)

    daemon.script(requests.Transaction, refusal(code))
    with pytest.raises(mtv.MtvError, match="so it is"):
        draw()
    assert files(daemon) == []


@pytest.mark.parametrize("code", ["outcome_expired", "internal"])
def test_an_error_that_does_not_say_that_nothing_was_drawn_leaves_the_file_to_the_daemon(
    daemon: ScriptedDaemon, display: mtv.Display, code: str
) -> None:
    daemon.script(requests.Transaction, refusal(code))
    with pytest.raises(mtv.MtvError, match="so it is"):
        display.mtv(IMAGE)
    assert len(files(daemon)) == 1


def test_an_answer_that_cannot_be_read_leaves_the_file_to_the_daemon(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    daemon.hold(requests.Transaction)
    raised: list[BaseException] = []
    thread = threading.Thread(target=lambda: raised.append(_error_of(lambda: display.mtv(IMAGE))))
    thread.start()
    seen = daemon.wait_for(requests.Transaction)[0]
    parts = frames.pack(Kind.REPLY, seen.header.session, seen.header.sequence, b"\xc1")
    daemon.send_raw([bytes(part) for part in parts], to=seen)
    thread.join(WAIT_SECS)
    assert isinstance(raised[0], mtv.DaemonError)
    assert len(files(daemon)) == 1


def test_a_connection_that_breaks_leaves_what_was_sent_to_the_daemon_and_removes_what_was_not(
    daemon: ScriptedDaemon, display: mtv.Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.limits = Limits(in_flight=1)
    daemon.restart()
    display.show()
    daemon.hold(requests.Transaction)
    raised: list[BaseException] = []
    threads = [threading.Thread(target=lambda: raised.append(_error_of(lambda: display.mtv(IMAGE)))) for _ in range(3)]
    link = display.connection._get_link()
    for number, thread in enumerate(threads, 1):
        thread.start()
        _until(lambda number=number: len(link._conversation) == number)  # type: ignore[misc]
    seen = daemon.wait_for(requests.Transaction, 2)[-1]
    assert len(files(daemon)) == 3
    monkeypatch.setattr("mtv.session.link.frames.read_header", _broken)
    daemon.send(messages.Done(), to=seen)
    for thread in threads:
        thread.join(WAIT_SECS)
    assert [type(error) for error in raised] == [mtv.DaemonError] * 3
    transaction = seen.message
    assert isinstance(transaction, requests.Transaction)
    assert files(daemon) == [transaction.steps[0].target.image.file]  # type: ignore[union-attr]


def test_a_time_out_while_the_connection_is_made_anew_leaves_what_was_sent_before(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    """The daemon that has gone may have drawn it, and its successor shows it."""
    display.show()
    daemon.hold(requests.Transaction)
    display.connection.timeout_secs = 0.3
    raised: list[BaseException] = []
    thread = threading.Thread(target=lambda: raised.append(_error_of(lambda: display.mtv(IMAGE))))
    thread.start()
    daemon.wait_for(requests.Transaction, 2)
    daemon.stop()
    thread.join(WAIT_SECS)
    assert isinstance(raised[0], mtv.Unavailable)
    assert len(files(daemon)) == 1
    daemon.start()


def test_a_time_out_leaves_the_file_until_the_late_answer_says_whose_it_is(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    daemon.hold(requests.Transaction)
    display.connection.timeout_secs = 0.05
    for _ in range(2):
        with pytest.raises(mtv.DeadlineExceeded):
            display.mtv(IMAGE)
    assert len(files(daemon)) == 2, "both may be drawn yet"
    cancelled = refusal("cancelled")

    def answer(seen: Seen) -> messages.Reply:
        return messages.Outcome(steps=(messages.StepOutcome(),)) if seen == daemon.seen[1] else cancelled(seen)

    daemon.script(requests.Transaction, answer)
    display.connection.timeout_secs = WAIT_SECS
    drawn = daemon.of(requests.Transaction)[0].message
    assert isinstance(drawn, requests.Transaction)
    daemon.release()
    display.connection.request(requests.Sync())
    assert files(daemon) == [drawn.steps[0].target.image.file]  # type: ignore[union-attr]


def test_an_interrupt_before_it_was_sent_leaves_no_file(
    daemon: ScriptedDaemon, display: mtv.Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    display.show()
    for place in ("mtv.pixels.outgoing._write_all", "mtv.session.session.codec.encode", "mtv.session.link.Link.submit"):
        with monkeypatch.context() as patch:
            patch.setattr(place, interrupt)
            with pytest.raises(KeyboardInterrupt):
                display.mtv(IMAGE)
        assert files(daemon) == [], place


def test_an_exception_in_a_buffer_and_a_step_that_is_refused_in_it_leave_no_file(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    def draw(*, interrupted: bool) -> None:
        with display.buffering():
            display.mtv(IMAGE)
            if interrupted:
                raise KeyboardInterrupt
            display.mtv(np.zeros((5, 5), complex))

    with pytest.raises(KeyboardInterrupt):
        draw(interrupted=True)
    with pytest.raises(mtv.RequestError):
        draw(interrupted=False)
    assert files(daemon) == []


def test_a_child_that_is_forked_inside_a_buffer_and_leaves_it_removes_no_file_of_its_parent(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    with display.buffering() as batch:
        display.mtv(IMAGE)
        before = files(daemon)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it warns that there are threads: that is the point
            child = os.fork()
        if child == 0:
            status = 1
            try:
                batch.__exit__(None, None, None)
                batch.__exit__(ValueError, ValueError(), None)
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert files(daemon) == before
    assert len(daemon.of(requests.Transaction)) == 1


def _error_of(work: Callable[[], object]) -> BaseException:
    with pytest.raises(mtv.MtvError) as caught:
        work()
    return caught.value


def _broken(*_: object) -> None:
    raise RuntimeError("nobody had thought of this")


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(100_000):
        if condition():
            return
        threading.Event().wait(0.001)
    pytest.fail("it does not come to that")
