"""Whatever fails in the thread of a connection: nobody waits for ever, all are told why, and the next call works."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq
from tests.support import scripted
from tests.support.agent import descriptors

import mtv
from mtv.session import process
from mtv.session.connection import Connection
from mtv.session.conversation import Timing
from mtv.session.link import Link
from mtv.session.ticket import Ticket
from mtv.shared import keys
from mtv.testing import WAIT_SECS, ScriptedDaemon, Seen
from mtv.wire import messages, requests
from mtv.wire.errors import Error, exception_for
from mtv.wire.limits import Limits

SOON = Timing(hello_secs=1.0, lost_secs=0.3, retry_secs=0.01)


limits, pixel_directory, daemon = scripted.limits, scripted.pixel_directory, scripted.daemon


class Fault:
    """Makes one function raise at its n-th call in a connection's thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self.left = 0
        self.error: Exception = RuntimeError("nobody had thought of this")
        self.always = False
        whole = getattr(owner, name)

        def failing(*args: Any, **options: Any) -> Any:
            if self.left and threading.current_thread().name == "mtv-link":
                self.left -= 1
                if not self.left:
                    self.left = int(self.always)
                    raise self.error
            return whole(*args, **options)

        monkeypatch.setattr(owner, name, failing)

    def arm(self, number: int, error: Exception, *, always: bool = False) -> None:
        """Have the n-th call from now on raise, and where wished all later ones."""
        self.left, self.error, self.always = number, error, always


POINTS: dict[str, tuple[type, str]] = {
    "socket": (zmq.Context, "socket"),
    "option": (zmq.Socket, "setsockopt"),
    "monitor": (zmq.Socket, "monitor"),
    "connect": (zmq.Socket, "connect"),
    "register": (zmq.Poller, "register"),
    "poll": (zmq.Poller, "poll"),
    "look": (zmq.Socket, "poll"),
    "send": (zmq.Socket, "send_multipart"),
    "receive": (zmq.Socket, "recv_multipart"),
}
CALLS = {"option": 4, "register": 4, "poll": 12, "look": 6, "receive": 10}
SWEEP = [(name, number) for name in POINTS for number in range(1, CALLS.get(name, 5) + 1)]
ERRORS: dict[str, Callable[[], Exception]] = {
    "descriptors": lambda: zmq.ZMQError(errno.EMFILE),
    "system": lambda: OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
    "bug": lambda: RuntimeError("nobody had thought of this"),
}


def within_time(work: Callable[[], object]) -> list[BaseException]:
    """Do something in a thread that must end; return what it raised."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(WAIT_SECS)
    assert not thread.is_alive(), "somebody waits for ever"
    return raised


def told(raised: list[BaseException]) -> None:
    """Check that whatever was raised says what is the matter and what to do."""
    for error in raised:
        if not isinstance(error, mtv.Unavailable | mtv.DaemonError):
            raise error
        assert error.error.hint, error
        assert "Too many open files" in str(error) or "nobody had thought of this" in str(error), error


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize(("point", "number"), SWEEP)
def test_a_call_that_fails_at_any_moment_of_a_connection_is_told_and_the_next_request_works(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch, point: str, number: int, kind: str
) -> None:
    fault = Fault(monkeypatch, *POINTS[point])
    fault.arm(number, ERRORS[kind]())
    connection = Connection(daemon.endpoint, timing=SOON)
    display = mtv.Display(connection=connection)

    def talk() -> None:
        display.show()
        connection.request(requests.Sync())
        daemon.restart()
        display.show()

    told(within_time(talk))
    fault.left = 0
    assert within_time(display.show) == []
    assert within_time(connection.close) == []


@pytest.mark.parametrize("point", sorted(POINTS.keys() - {"look"}))  # nobody looks at a connection that goes on
def test_what_fails_for_good_is_told_to_all_who_wait_and_to_those_who_come_until_it_is_over(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    fault = Fault(monkeypatch, *POINTS[point])
    connection = Connection(daemon.endpoint, timing=SOON)
    display = mtv.Display(connection=connection)
    daemon.hold(requests.Transaction)
    display.show(wait=False)
    raised: list[BaseException] = []
    waiting = [threading.Thread(target=lambda: raised.extend(within_time(display.show))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    daemon.wait_for(requests.Transaction, 4)
    fault.arm(1, zmq.ZMQError(errno.EMFILE), always=True)
    daemon.restart()
    for thread in waiting:
        thread.join(2 * WAIT_SECS)
    assert len(raised) == 3
    told(raised)
    raised = within_time(display.show)
    assert len(raised) == 1
    told(raised)
    fault.left = 0
    daemon.release()
    for _ in range(1000):
        if not within_time(display.show):
            break
    else:
        pytest.fail("no request works after the fault was over")
    assert within_time(connection.close) == []


def test_a_key_that_libzmq_refuses_is_told_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    keys.make(keys.DAEMON)
    keys.make(keys.CLIENT)
    file = keys.directory() / "daemon.key"
    file.write_text(f'metadata\ncurve\n    public-key = "{"#" * 40}"\n')  # the right letters, and over 32 bits
    raised = within_time(lambda: mtv.connect("tcp://127.0.0.1:5"))
    assert [type(error) for error in raised] == [mtv.RequestError]
    assert "daemon.key holds no public key" in str(raised[0])


CONNECT = """
import os, resource, sys, mtv, mtv.session.greeting, mtv.session.link, zmq, getpass, pwd
from mtv.session.connection import Connection
from mtv.wire.requests import Sync
getpass.getuser()
connection = Connection(sys.argv[1], timing=mtv.session.conversation.Timing(hello_secs=2))
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
used = len(os.listdir("/proc/self/fd")) - 1
resource.setrlimit(resource.RLIMIT_NOFILE, (used + int(sys.argv[2]), hard))
try:
    connection.request(Sync())
except mtv.Unavailable as error:
    assert "Too many open files" in str(error) and error.error.hint, error
    print("told")
else:
    print("connected")
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
connection.request(Sync())
connection.close()
"""


@pytest.mark.parametrize("free", range(16))
def test_a_process_without_descriptors_is_told_so_and_neither_hangs_nor_is_aborted_by_libzmq(
    daemon: ScriptedDaemon, free: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONNECT, daemon.endpoint, str(free)],
        capture_output=True,
        text=True,
        timeout=WAIT_SECS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() in (["told"], ["connected"])


def test_where_no_thread_can_be_started_the_call_says_so_and_leaves_nothing_open(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, before = threading.Thread.start, descriptors("anon_inode")

    def failing(thread: threading.Thread) -> None:
        if thread.name.startswith("mtv-"):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", failing)
        for _ in range(3):
            with pytest.raises(mtv.Unavailable, match="can't start new thread") as caught:
                mtv.connect(daemon.endpoint)
            assert "ulimit -u" in caught.value.error.hint
    assert descriptors("anon_inode") == before
    mtv.connect(daemon.endpoint).close()


def test_where_no_thread_can_be_started_for_events_they_are_not_subscribed_to(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mtv.connect(daemon.endpoint) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", _no_thread)
            with pytest.raises(mtv.Unavailable, match="can't start new thread"):
                connection.on_event(print)
        assert daemon.wait_for(requests.Unsubscribe)


def _no_thread(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_function_for_events_that_ends_its_thread_ends_the_subscription(daemon: ScriptedDaemon) -> None:
    def leave(_event: object) -> None:
        raise SystemExit

    with mtv.connect(daemon.endpoint) as connection:
        events = connection.on_event(leave)
        threads = [thread for thread in threading.enumerate() if thread.name == "mtv-events"]
        daemon.tell(messages.Event(kind="key", key="a"))
        assert daemon.wait_for(requests.Unsubscribe)
        assert events.closed
        for thread in threads:  # its end is this test's to hear of, and not the next one's
            thread.join(WAIT_SECS)
            assert not thread.is_alive()


def test_what_follows_an_answer_and_fails_costs_nobody_his_own(
    daemon: ScriptedDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_ticket: Ticket) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with mtv.connect(daemon.endpoint) as connection:
        link = connection._link
        assert isinstance(connection.ask(requests.Sync(), cleanup=fail).reply, messages.Done)
        assert isinstance(connection.request(requests.Sync()), messages.Done)
        assert connection._link is link
    assert "Input/output error" in caplog.text


def test_dots_that_are_over_a_limit_once_they_are_gathered_are_refused_alone(tmp_path: Path) -> None:
    with (
        ScriptedDaemon(tmp_path / "mtvd.sock", limits=Limits(steps=3)) as daemon,
        mtv.connect(daemon.endpoint) as connection,
    ):
        display = mtv.Display(connection=connection)
        link = connection._link
        daemon.hold(requests.Transaction)
        display.dot("o", 0, 0, wait=False)
        daemon.wait_for(requests.Transaction)
        for number in range(5):
            display.dot("o", 0, 0, wait=False, overlay=str(number))
        daemon.release()
        with pytest.raises(mtv.RequestError, match="limit of 3"):
            connection.sync()
        display.show()
        assert connection._link is link


def test_a_session_that_cannot_be_closed_keeps_no_other_from_being_closed_at_exit(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [mtv.connect(daemon.endpoint) for _ in range(3)]
    close = Connection.close

    def failing(connection: Connection) -> None:
        close(connection)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "close", failing)
        process.close_all()
    assert all(connection.closed for connection in made)


def test_a_link_whose_thread_does_not_come_to_anything_is_not_waited_for_for_ever(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(Link, "_open", lambda _: over.wait(WAIT_SECS))
    monkeypatch.setattr("mtv.session.link.GRACE_SECS", 0.1)
    connection = Connection(daemon.endpoint, timing=Timing(hello_secs=0.1))
    raised = within_time(lambda: connection.request(requests.Sync()))
    over.set()
    assert [type(error) for error in raised] == [mtv.Unavailable]


def test_a_flush_waits_for_an_answer_that_has_come_and_is_not_settled_yet(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, gate = threading.Event(), threading.Event()
    settle = Ticket.settle

    def slow(ticket: Ticket, *args: Any, **options: Any) -> None:
        reached.set()
        assert gate.wait(WAIT_SECS)
        settle(ticket, *args, **options)

    def refuse(_: Seen) -> messages.Reply:
        raise exception_for(Error(code="unknown_display", message="there is none"))

    daemon.script(requests.Transaction, refuse)
    with Connection(daemon.endpoint) as connection:
        monkeypatch.setattr(Ticket, "settle", slow)
        mtv.Display(connection=connection).show(wait=False)
        assert reached.wait(WAIT_SECS)
        with pytest.raises(mtv.DeadlineExceeded, match="1 requests are not answered"):
            connection.flush(0)
        gate.set()
        with pytest.raises(mtv.RequestError, match="there is none"):
            connection.flush(WAIT_SECS)
