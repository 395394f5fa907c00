"""A connection against a scripted daemon: hello, receipts, outcomes, progress, deadlines, threads."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import mtv
from mtv.session import default
from mtv.session.connection import Connection
from mtv.session.conversation import Timing
from mtv.session.ticket import Ticket
from mtv.shared import paths
from mtv.testing import WAIT_SECS, ScriptedDaemon, Seen
from mtv.wire import codec, frames, messages, reports, requests
from mtv.wire.errors import Error, exception_for
from mtv.wire.frames import Kind
from mtv.wire.limits import Limits
from mtv.wire.steps import Overlay, Show


@pytest.fixture
def limits() -> Limits:
    return Limits(in_flight=4)


def failing(code: str, where: str = "") -> messages.Outcome:
    error = Error(code=code, message="it went wrong", where=where)  # type: ignore[arg-type] # codes of the wire
    return messages.Outcome(steps=(messages.StepOutcome(state="failed", error=error),))


def test_hello_goes_first_and_tells_who_asks(daemon: ScriptedDaemon, connection: Connection) -> None:
    connection.request(requests.Sync())
    hello, sync = daemon.seen
    assert isinstance(hello.message, requests.Hello)
    assert hello.message.pid > 0
    assert hello.header.sequence == 0
    assert sync.header.sequence == 1
    assert hello.header.session == sync.header.session


def test_nobody_listening_is_told_at_once_with_the_command_that_helps(tmp_path: Path) -> None:
    with pytest.raises(mtv.Unavailable, match="mtv up") as caught:
        mtv.connect(f"ipc://{tmp_path}/nobody.sock")
    assert caught.value.code == "no_daemon"


def test_a_socket_file_left_behind_counts_as_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left.sock"))
    with pytest.raises(mtv.Unavailable, match="does not listen"):
        mtv.connect(f"ipc://{tmp_path}/left.sock")


class HangingUp:
    """Takes every connection at a socket, and ends it at once."""

    def __init__(self, path: Path) -> None:
        self.taken = 0
        path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> HangingUp:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # shut down
                return
            connection.close()
            self.taken += 1


def test_a_peer_that_hangs_up_before_its_welcome_is_given_up_in_time(tmp_path: Path) -> None:
    raised: list[mtv.MtvError] = []

    def ask() -> None:
        try:
            Connection(f"ipc://{tmp_path}/s", timing=Timing(hello_secs=1.0, retry_secs=0.1)).status()
        except mtv.MtvError as error:
            raised.append(error)

    asking = threading.Thread(target=ask)
    with HangingUp(tmp_path / "s") as peer:
        asking.start()
        asking.join(10)
        late = asking.is_alive()
        tries = peer.taken
    asking.join(10)
    assert not late
    assert [error.code for error in raised] == ["no_daemon"]
    assert "closes each connection" in str(raised[0])
    assert 2 <= tries <= 12


def test_a_daemon_whose_place_is_taken_by_a_peer_that_hangs_up_is_waited_for_without_haste(tmp_path: Path) -> None:
    with (
        ScriptedDaemon(tmp_path / "s") as daemon,
        Connection(daemon.endpoint, timing=Timing(lost_secs=0.5, retry_secs=0.1)) as connection,
    ):
        connection.sync()
        daemon.stop()
        with HangingUp(tmp_path / "s") as peer, pytest.raises(mtv.Unavailable, match="has gone"):
            connection.sync()
        assert peer.taken <= 8


def test_a_refused_version_is_told_as_the_daemon_says_it(daemon: ScriptedDaemon) -> None:
    def refuse(_: object) -> messages.Reply:
        raise exception_for(Error(code="unsupported_version", message="too old"))

    daemon.script(requests.Hello, refuse)
    with pytest.raises(mtv.RequestError, match="too old"):
        mtv.connect(daemon.endpoint)


def test_a_waiting_call_returns_with_the_outcome_and_not_with_the_receipt(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    daemon.hold(requests.Transaction)
    display = mtv.Display(connection=connection)
    drawn = threading.Event()

    def draw() -> None:
        display.show()
        drawn.set()

    thread = threading.Thread(target=draw)
    thread.start()
    daemon.wait_for(requests.Transaction)
    assert isinstance(connection.request(requests.Sync()), messages.Done)  # later than the receipt
    assert not drawn.is_set()
    daemon.release()
    thread.join()
    assert drawn.is_set()


def test_publishing_returns_with_the_receipt(
    daemon: ScriptedDaemon, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, kept = daemon._send, [Kind.RECEIPT]

    def send(listener: Any, to: Seen, kind: Kind, *content: Any) -> None:
        if kind not in kept:
            whole(listener, to, kind, *content)

    monkeypatch.setattr(daemon, "_send", send)
    daemon.hold(requests.Transaction)
    with ThreadPoolExecutor(1) as pool:
        published = pool.submit(mtv.Display(connection=connection).show, wait=False)
        seen = daemon.wait_for(requests.Transaction)[0]
        assert isinstance(connection.request(requests.Sync()), messages.Done)  # later than a receipt would be
        assert not published.done()
        kept.clear()
        daemon.send(messages.Receipt(), to=seen, kind=Kind.RECEIPT)
        published.result(WAIT_SECS)
    with pytest.raises(mtv.DeadlineExceeded, match="1 requests are not answered"):
        connection.flush(timeout_secs=0.01)
    daemon.release()
    connection.flush()


def test_a_published_request_that_fails_is_logged_and_raised_by_the_next_flush_once(
    daemon: ScriptedDaemon, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.script(requests.Transaction, failing("draw_failed"))
    display = mtv.Display(connection=connection)
    with caplog.at_level(logging.WARNING, "mtv"):
        display.show(wait=False)
        display.show(wait=False)
        with pytest.raises(mtv.DaemonError, match="went wrong") as caught:
            connection.sync()
    assert "1 more" in caught.value.__notes__[0]
    assert "published request failed" in caplog.text
    connection.sync()


def test_a_request_refused_before_its_receipt_is_raised_by_the_call_itself(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    link = connection._get_link()
    ticket = Ticket(b"")
    ticket.settle(exception_for(Error(code="busy", message="too much")))
    with pytest.raises(mtv.DaemonError, match="too much"):
        ticket.wait_for_receipt(time.monotonic() + WAIT_SECS)
    assert link.ready


def test_errors_name_the_argument_of_a_lone_call_and_the_step_of_a_batch(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    daemon.script(requests.Transaction, failing("bad_value", "steps[0].name"))
    display = mtv.Display(connection=connection)
    with pytest.raises(mtv.RequestError) as caught:
        display.colormap("hot")
    assert caught.value.error.where == "name"
    batch = display.buffering()
    with batch:
        display.show()
        display.colormap("hot")
        with pytest.raises(mtv.RequestError) as caught:
            connection.execute(batch.bundle())
        daemon.script(requests.Transaction, lambda seen: messages.Outcome(steps=()))
    assert caught.value.error.where == "steps[0].name"


def test_progress_is_told_in_the_thread_that_waits(daemon: ScriptedDaemon, connection: Connection) -> None:
    told: list[tuple[int, str]] = []
    daemon.hold(requests.Sync)

    def note(progress: messages.Progress) -> None:
        told.append((progress.done, threading.current_thread().name))
        daemon.release()

    def report() -> None:
        seen = daemon.wait_for(requests.Sync)[0]
        daemon.send(messages.Progress(done=3, total=9), to=seen, kind=Kind.PROGRESS)

    thread = threading.Thread(target=report)
    thread.start()
    connection.request(requests.Sync(), on_progress=note)
    thread.join()
    assert told == [(3, threading.current_thread().name)]


def test_drawing_what_the_daemon_reads_tells_progress_alone_and_in_a_buffer(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    display = mtv.Display(connection=connection)
    told: list[int] = []

    def note(progress: messages.Progress) -> None:
        told.append(progress.done)
        daemon.release()

    def in_a_buffer() -> None:
        with display.buffering(on_progress=note):
            display.mtv(Path("/data/a.fits"))

    draws: tuple[Callable[[], object], ...] = (
        lambda: display.mtv(Path("/data/a.fits"), on_progress=note),
        lambda: display.overlay("psf", Path("/data/src.fits"), on_progress=note),
        in_a_buffer,
    )
    for number, draw in enumerate(draws, 1):
        daemon.hold(requests.Transaction)
        thread = threading.Thread(target=draw)
        thread.start()
        seen = daemon.wait_for(requests.Transaction, number)[number - 1]
        daemon.send(messages.Progress(done=number, total=9, unit="bytes"), to=seen, kind=Kind.PROGRESS)
        thread.join(20)
        assert told == list(range(1, number + 1))


def test_a_late_answer_is_a_deadline_and_the_request_is_cancelled(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    daemon.hold(requests.Sync)
    with pytest.raises(mtv.DeadlineExceeded):
        connection.request(requests.Sync(), timeout_secs=0.01)
    sync = daemon.wait_for(requests.Sync)[0]
    cancel = daemon.wait_for(requests.Cancel)[0]
    assert isinstance(cancel.message, requests.Cancel)
    assert cancel.message.request_id == sync.header.request_id
    daemon.release()
    assert isinstance(connection.request(requests.Sync()), messages.Done)


def test_a_transaction_carries_the_deadline_of_the_call(daemon: ScriptedDaemon, connection: Connection) -> None:
    mtv.Display(connection=connection).show()
    mtv.Display(connection=connection).show(wait=False)
    connection.flush()
    first, second = (seen.message for seen in daemon.of(requests.Transaction))
    assert isinstance(first, requests.Transaction)
    assert isinstance(second, requests.Transaction)
    assert first.deadline_secs == connection.timeout_secs
    assert second.deadline_secs is None


def test_no_more_requests_are_in_flight_than_the_daemon_allows(daemon: ScriptedDaemon, connection: Connection) -> None:
    daemon.hold(requests.Transaction)
    display = mtv.Display(connection=connection)
    threads = [threading.Thread(target=display.show) for _ in range(10)]
    for thread in threads:
        thread.start()
    daemon.wait_for(requests.Transaction, 4)
    link = connection._get_link()
    assert link._conversation._outbox.in_flight == 4
    assert len(daemon.of(requests.Transaction)) == 4
    daemon.release()
    for thread in threads:
        thread.join()
    assert len(daemon.of(requests.Transaction)) == 10


def test_threads_share_a_connection_and_each_gets_its_own_answer(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    daemon.script(requests.Describe, lambda seen: reports.DisplayReport(number=seen.message.display))  # type: ignore[arg-type,union-attr]
    wrong: list[int] = []

    def ask(number: int) -> None:
        display = mtv.Display(number, connection=connection)
        wrong.extend(number for _ in range(20) if display.describe().number != number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_buffer_takes_the_steps_of_its_own_thread_only(daemon: ScriptedDaemon, connection: Connection) -> None:
    display = mtv.Display(connection=connection)
    with display.buffering():
        display.dot("o", 1, 1)
        thread = threading.Thread(target=display.dot, args=("x", 2, 2))
        thread.start()
        thread.join()
        display.dot("o", 3, 3)
    sent = [seen.message.steps for seen in daemon.of(requests.Transaction)]  # type: ignore[union-attr]
    assert [step.x for steps in sent for step in steps if isinstance(step, Overlay)] == [(2.0,), (1.0, 3.0)]


def test_an_interrupt_cancels_the_request_and_leaves_the_connection_usable(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    daemon.hold(requests.Sync)

    def interrupt(_: messages.Progress) -> None:
        raise KeyboardInterrupt

    def report() -> None:
        daemon.send(messages.Progress(done=1, total=2), to=daemon.wait_for(requests.Sync)[0], kind=Kind.PROGRESS)

    thread = threading.Thread(target=report)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        connection.request(requests.Sync(), on_progress=interrupt)
    thread.join()
    assert daemon.wait_for(requests.Cancel)
    daemon.release()
    connection.sync()


def test_a_body_over_the_limit_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with (
        ScriptedDaemon(tmp_path / "s", limits=Limits(body_bytes=500)) as daemon,
        mtv.connect(daemon.endpoint) as connection,
        pytest.raises(mtv.RequestError, match="limit") as caught,
    ):
        mtv.Repository(connection=connection).query("calexp", where="x" * 600)
    assert caught.value.code == "too_large"


def test_closing_waits_for_what_was_published_and_says_goodbye(daemon: ScriptedDaemon, connection: Connection) -> None:
    daemon.hold(requests.Transaction)
    mtv.Display(connection=connection).show(wait=False)
    closing = threading.Thread(target=connection.close)
    closing.start()
    daemon.release()
    closing.join()
    daemon.wait_for(requests.Bye)
    assert connection.closed
    with pytest.raises(mtv.Unavailable, match="closed"):
        connection.sync()
    connection.close()


def test_closing_gives_up_at_its_deadline_and_says_what_is_lost(
    daemon: ScriptedDaemon, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.hold(requests.Transaction)
    mtv.Display(connection=connection).show(wait=False)
    connection.close(timeout_secs=0.0)
    assert "1 requests were never answered" in caplog.text


def test_the_default_connection_is_one_and_is_made_anew_after_it_was_closed(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(paths.ENDPOINT_VARIABLE, daemon.endpoint)
    monkeypatch.setattr(default, "_default", None)
    first = mtv.default_connection()
    with mtv.buffering():
        mtv.Display(0).dot("+", 1, 2)
        mtv.Display(1).dot("+", 1, 2)
    assert mtv.default_connection() is first
    first.close()
    second = mtv.default_connection()
    second.close()
    assert second is not first
    assert len(daemon.of(requests.Transaction)) == 1
    assert [step.display for step in daemon.steps if isinstance(step, Overlay)] == [0, 1]


def test_a_note_of_an_outcome_is_told_once(
    daemon: ScriptedDaemon, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.script(requests.Transaction, messages.Outcome(steps=(messages.StepOutcome(),), note="on a virtual screen"))
    display = mtv.Display(connection=connection)
    display.show()
    display.show()
    assert caplog.text.count("virtual screen") == 1


def test_what_was_sent_is_what_the_wire_says(daemon: ScriptedDaemon, connection: Connection) -> None:
    mtv.Display("guider", connection=connection).show()
    seen = daemon.of(requests.Transaction)[0]
    body = codec.encode(seen.message)
    parts = frames.pack(Kind.REQUEST, seen.header.session, seen.header.sequence, body)
    assert frames.read_header(parts[0]) == seen.header
    assert daemon.steps == [Show(display="guider")]


@pytest.mark.parametrize(
    "endpoint", ["ipc://relative", "ipc:///" + "x" * 107, "http://host", "tcp://host", "", "/run/mtvd.sock"]
)
def test_endpoints_that_cannot_work_are_refused(endpoint: str) -> None:
    with pytest.raises(mtv.RequestError):
        paths.check_endpoint(endpoint)


def test_the_endpoint_is_that_of_the_environment_else_in_the_runtime_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    monkeypatch.delenv(paths.ENDPOINT_VARIABLE, raising=False)
    assert paths.default_endpoint() == "ipc:///run/user/1/mtv/mtvd.sock"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert paths.default_endpoint().startswith("ipc:///")
    monkeypatch.setenv(paths.ENDPOINT_VARIABLE, "tcp://there:1234")
    assert paths.default_endpoint() == "tcp://there:1234"
