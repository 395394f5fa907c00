"""What can happen to a connection: restarts, silence, garbage, forks, full disks. After each the next request works."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zmq
from tests.support import scripted

import mtv
from mtv.session.connection import Connection
from mtv.session.conversation import Timing
from mtv.session.link import Link
from mtv.testing import WAIT_SECS, ScriptedDaemon, Seen
from mtv.wire import codec, frames, messages, reports, requests
from mtv.wire.errors import Error
from mtv.wire.frames import Kind
from mtv.wire.limits import Limits
from mtv.wire.steps import Overlay

limits, pixel_directory = scripted.limits, scripted.pixel_directory
daemon, connection = scripted.daemon, scripted.connection


def test_unanswered_requests_go_out_again_after_a_restart_with_their_own_ids_and_pixels_in_order(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    daemon.hold(requests.Transaction)
    display = mtv.Display(connection=connection)
    display.mtv(np.arange(12.0).reshape(3, 4), wait=False)
    display.dot("o", 1, 2, wait=False)
    before = daemon.wait_for(requests.Transaction, 2)
    daemon.restart()
    again = daemon.wait_for(requests.Transaction, 4)[2:]
    assert [(seen.header.request_id, seen.message, seen.buffers) for seen in again] == [
        (seen.header.request_id, seen.message, seen.buffers) for seen in before
    ]
    assert again[0].buffers[0] == np.arange(12.0).astype(">f8").tobytes()
    assert isinstance(daemon.seen[-3].message, requests.Hello)
    daemon.release()
    connection.sync()


def test_a_call_that_waits_sees_nothing_of_a_restart(
    daemon: ScriptedDaemon, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    failed = messages.StepOutcome(state="failed", error=Error(code="draw_failed", message="it went wrong"))
    outcomes = iter([messages.Outcome(steps=(messages.StepOutcome(display=0),)), messages.Outcome(steps=(failed,))])
    daemon.script(requests.Transaction, lambda _: next(outcomes))
    daemon.hold(requests.Transaction)
    display = mtv.Display(connection=connection)
    with ThreadPoolExecutor(1) as pool:
        shown = pool.submit(display.show)
        first = daemon.wait_for(requests.Transaction)[0]
        daemon.restart()
        again = daemon.wait_for(requests.Transaction, 2)[1]
        assert not shown.done(), "what the daemon had not answered is asked again"
        daemon.release()
        shown.result(WAIT_SECS)
    assert (again.header.request_id, again.message) == (first.header.request_id, first.message)
    assert len(daemon.of(requests.Transaction)) == 2
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    with pytest.raises(mtv.DaemonError):
        display.show()


def test_a_request_on_its_way_when_the_daemon_dies_goes_out_on_the_next_connection(
    daemon: ScriptedDaemon, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, failures = Link._send, iter([True])

    def send(link: Link, number: int, *content: object) -> None:
        if number and next(failures, False):  # the peer has gone, and nobody has said so yet
            raise zmq.Again
        whole(link, number, *content)  # type: ignore[arg-type]

    monkeypatch.setattr(Link, "_send", send)
    display = mtv.Display(connection=connection)
    display.show()
    display.show()
    assert [seen.header.sequence for seen in daemon.of(requests.Transaction)] == [1, 2]


def test_what_was_answered_is_never_sent_again(daemon: ScriptedDaemon, connection: Connection) -> None:
    display = mtv.Display(connection=connection)
    display.show()
    daemon.restart()
    display.show()
    numbers = [seen.header.sequence for seen in daemon.of(requests.Transaction)]
    assert numbers == [1, 2]


def test_a_daemon_gone_for_good_fails_those_who_wait_and_keeps_what_was_published(tmp_path: Path) -> None:
    daemon = ScriptedDaemon(tmp_path / "mtvd.sock")
    daemon.start()
    with Connection(daemon.endpoint, timing=Timing(lost_secs=0.1)) as connection:
        display = mtv.Display(connection=connection)
        daemon.hold(requests.Transaction)
        display.dot("o", 1, 1, wait=False)
        daemon.wait_for(requests.Transaction, 1)
        daemon.stop()
        with pytest.raises(mtv.Unavailable, match="mtv up"):
            display.show()
        with pytest.raises(mtv.Unavailable, match="mtv up"):
            display.show()
        daemon.start()
        daemon.wait_for(requests.Transaction, 2)
        daemon.release()
        connection.sync()
        daemon.stop()
    assert [type(step) for step in daemon.steps] == [Overlay, Overlay]


def test_a_daemon_that_listens_and_says_nothing_is_unavailable(tmp_path: Path) -> None:
    context = zmq.Context()
    silent = context.socket(zmq.ROUTER)
    silent.bind(f"ipc://{tmp_path}/silent")
    with (
        Connection(f"ipc://{tmp_path}/silent", timing=Timing(hello_secs=0.05)) as connection,
        pytest.raises(mtv.Unavailable, match="does not answer"),
    ):
        connection.status()
    silent.close(0)
    context.term()


@pytest.mark.parametrize(
    "parts",
    [[b""], [b"garbage"], [b"MTV\n" + bytes(60)], [os.urandom(200), os.urandom(20)], [b"", b"", b""]],
    ids=["empty", "short", "zeros", "random", "empties"],
)
def test_garbage_is_reported_and_ignored(
    daemon: ScriptedDaemon, connection: Connection, parts: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    hello = daemon.seen[0]
    daemon.send_raw(parts, to=hello)
    connection.sync()
    assert "ignored a message" in caplog.text


def test_an_unreadable_reply_fails_its_own_request_only(daemon: ScriptedDaemon, connection: Connection) -> None:
    daemon.hold(requests.Sync)

    def spoil() -> None:
        seen = daemon.wait_for(requests.Sync)[0]
        parts = frames.pack(Kind.REPLY, seen.header.session, seen.header.sequence, b"\xc1")
        daemon.send_raw([bytes(part) for part in parts], to=seen)

    thread = threading.Thread(target=spoil)
    thread.start()
    with pytest.raises(mtv.DaemonError, match="cannot be read"):
        connection.request(requests.Sync())
    thread.join()
    daemon.release()
    connection.sync()


def test_replies_to_nobody_and_second_replies_are_ignored(
    daemon: ScriptedDaemon, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    display = mtv.Display(connection=connection)
    display.show(wait=False)
    connection.sync()
    seen = daemon.of(requests.Transaction)[0]
    strange = Seen(seen.message, seen.header._replace(sequence=999), (), seen.peer)
    refusal = messages.Failed(error=Error(code="draw_failed", message="it went wrong"))
    for to in (seen, strange):
        daemon.send(messages.Done(), to=to)
        daemon.send(refusal, to=to, kind=Kind.ERROR)
    assert connection.request(requests.Sync()) == messages.Done()  # answered later than all of them
    connection.flush()  # raises what became of a published request that failed
    assert caplog.messages == []
    assert len(daemon.of(requests.Hello)) == 1, "the connection is the same"


def test_a_forked_child_has_a_session_of_its_own_and_leaves_its_parents_alone(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    display = mtv.Display(connection=connection)
    display.dot("o", 1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it warns that there are threads: that is the point
        child = os.fork()
    if child == 0:
        status = 1
        try:
            display.dot("x", 2, 2)
            connection.close()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0
    display.dot("+", 3, 3)
    sessions = [seen.header.session for seen in daemon.of(requests.Transaction)]
    assert sessions[0] == sessions[2] != sessions[1]
    assert [seen.header.sequence for seen in daemon.of(requests.Transaction)] == [1, 1, 2]


def test_a_full_pixel_directory_is_told_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = tmp_path / "pixels"
    pixels.mkdir(mode=0o700)
    with (
        ScriptedDaemon(tmp_path / "mtvd.sock", pixel_directory=pixels) as daemon,
        mtv.connect(daemon.endpoint) as connection,
    ):
        display = mtv.Display(connection=connection)
        with monkeypatch.context() as patch:
            patch.setattr("mtv.pixels.outgoing._write_all", _no_room)
            with pytest.raises(mtv.DaemonError) as caught:
                display.mtv(np.zeros((5, 5)))
        assert caught.value.code == "storage_full"
        assert [path.name for path in pixels.iterdir()] == ["nonce"]
        display.mtv(np.zeros((5, 5)))


def test_pixels_of_a_refused_image_are_removed_and_those_of_an_interrupted_one_are_not(tmp_path: Path) -> None:
    pixels = tmp_path / "pixels"
    pixels.mkdir(mode=0o700)
    with (
        ScriptedDaemon(tmp_path / "mtvd.sock", pixel_directory=pixels) as daemon,
        mtv.connect(daemon.endpoint) as connection,
    ):
        display = mtv.Display(connection=connection)
        failed = messages.StepOutcome(state="failed")
        daemon.script(requests.Transaction, messages.Outcome(steps=(failed,)))
        with pytest.raises(mtv.DaemonError):
            display.mtv(np.zeros((5, 5)))
        assert [path.name for path in pixels.iterdir()] == ["nonce"]
        with pytest.raises(RuntimeError), display.buffering():
            _show_and_fail(display)
        assert [path.name for path in pixels.iterdir()] == ["nonce"]
        daemon.hold(requests.Transaction)
        connection.timeout_secs = 0.01
        with pytest.raises(mtv.DeadlineExceeded):
            display.mtv(np.zeros((5, 5)))
        assert len(list(pixels.iterdir())) == 2


def test_the_scripted_daemon_is_no_easier_than_the_wire(daemon: ScriptedDaemon, connection: Connection) -> None:
    mtv.Display(connection=connection).overlay("stars", np.arange(50.0), np.arange(50.0))
    seen = daemon.of(requests.Transaction)[0]
    assert codec.decode_request(codec.encode(seen.message)) == seen.message
    assert sum(seen.header.buffer_bytes) == 800


def _show_and_fail(display: mtv.Display) -> None:
    display.mtv(np.zeros((5, 5)))
    raise RuntimeError


def _no_room(descriptor: int, piece: memoryview, _at: int) -> int:
    raise OSError(28, os.strerror(28))


def test_an_answer_is_heard_though_the_daemon_leaves_right_after_it(tmp_path: Path) -> None:
    """As with ``mtv down``: the connection's end must not overtake what came before it."""

    def answer_and_leave(endpoint: str, listening: threading.Event) -> None:
        with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
            router.bind(endpoint)
            listening.set()
            for reply in (_welcome(), messages.Done()):
                route, head, _ = router.recv_multipart()
                header = frames.read_header(head)
                router.send_multipart(
                    [route, *frames.pack(Kind.REPLY, header.session, header.sequence, codec.encode(reply))]
                )

    for number in range(60):
        endpoint = f"ipc://{tmp_path}/{number}"
        listening = threading.Event()
        thread = threading.Thread(target=answer_and_leave, args=(endpoint, listening))
        thread.start()
        assert listening.wait(20)
        connection = Connection(endpoint, timing=Timing(lost_secs=0.2))
        assert isinstance(connection.request(requests.Shutdown()), messages.Done)
        thread.join()
        connection.close()


def _welcome() -> messages.Welcome:
    return messages.Welcome(
        versions=(1, 0), release="x", limits=Limits(), window=reports.WindowState(), pixel_directory=""
    )
