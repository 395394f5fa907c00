"""Events as programs hear them: filtered, in order, with gaps told, through restarts of the daemon."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import mtv
from mtv.session.connection import Connection
from mtv.session.conversation import Timing
from mtv.session.events import Events
from mtv.session.hearing import Hearing
from mtv.testing import ScriptedDaemon
from mtv.wire import messages, requests
from mtv.wire.messages import Event

WAIT_SECS = 20.0


@pytest.fixture
def connection(daemon: ScriptedDaemon) -> Iterator[Connection]:
    with Connection(daemon.endpoint, timing=Timing(retry_secs=0.01)) as made:
        yield made


def key(name: str, display: int = 0) -> Event:
    return Event(kind="key", key=name, display=display)


def taken(events: Events, count: int) -> list[Event]:
    found = [events.get(WAIT_SECS) for _ in range(count)]
    assert None not in found
    return [event for event in found if event is not None]


def test_events_come_in_order_to_every_iterator(daemon: ScriptedDaemon, connection: Connection) -> None:
    with connection.events() as first, connection.events("key") as second:
        for name in "abc":
            daemon.tell(key(name))
        assert [event.key for event in taken(first, 3)] == ["a", "b", "c"]
        assert [(event.key, event.number) for event in taken(second, 3)] == [("a", 1), ("b", 2), ("c", 3)]


def test_only_the_kinds_and_the_display_that_were_asked_for_come(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    display = mtv.Display("guider", connection=connection)
    with display.events(("key", "window")) as events:
        daemon.tell(Event(kind="region", display=1001, name="guider"))
        daemon.tell(key("a", display=0))
        daemon.tell(Event(kind="key", key="b", display=1001, name="guider"))
        daemon.tell(Event(kind="window", action="closed"))
        assert [event.key or event.action for event in taken(events, 2)] == ["b", "closed"]


def test_an_iteration_ends_after_a_silence_or_when_it_is_closed(daemon: ScriptedDaemon, connection: Connection) -> None:
    events = connection.events(timeout_secs=0.05)
    assert list(events) == []
    events.close()
    events.close()
    assert list(connection.events(timeout_secs=0.0)) == []
    assert events.get(WAIT_SECS) is None


def test_a_kind_that_there_is_not_is_refused(connection: Connection) -> None:
    with pytest.raises(mtv.RequestError, match="no events of kind 'click'"):
        connection.events("click")


def test_the_last_one_to_close_unsubscribes(daemon: ScriptedDaemon, connection: Connection) -> None:
    first, second = connection.events(), connection.events()
    first.close()
    assert not daemon.of(requests.Unsubscribe)
    second.close()
    daemon.wait_for(requests.Unsubscribe)
    with connection.events() as third:
        daemon.tell(key("a"))
        assert [event.key for event in taken(third, 1)] == ["a"]


def test_another_daemon_is_subscribed_to_again_and_the_gap_is_told(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    with connection.events("key") as events:
        daemon.tell(key("a"))
        taken(events, 1)
        daemon.restart()
        (gap,) = taken(events, 1)
        assert (gap.kind, gap.count) == ("gap", 0)
        daemon.tell(key("b"))
        (event,) = taken(events, 1)
        assert (event.key, event.number) == ("b", 1)


def test_events_that_are_missing_by_their_number_are_a_gap() -> None:
    hearing = Hearing()
    events = Events(hearing)
    hearing._epoch = "e"
    for number in (1, 2, 6):
        hearing.hear(Event(kind="key", number=number))
    assert [(event.kind, event.count) for event in taken(events, 4)] == [("key", 0), ("key", 0), ("gap", 3), ("key", 0)]


def test_a_program_that_takes_none_keeps_a_thousand_and_is_told_of_the_rest() -> None:
    hearing = Hearing()
    events = Events(hearing)
    for number in range(1, 1101):
        hearing.hear(Event(kind="key", number=number))
    gap, first = taken(events, 2)
    assert (gap.kind, gap.count, first.number) == ("gap", 100, 101)


def test_the_daemon_is_told_from_time_to_time_what_has_come(daemon: ScriptedDaemon, connection: Connection) -> None:
    with connection.events() as events:
        for _ in range(200):
            daemon.tell(key("a"))
        taken(events, 200)
        connection.request(requests.Sync())
        told = [seen.message for seen in daemon.of(requests.Subscribe)]
        assert [one.seen for one in told if isinstance(one, requests.Subscribe) and one.seen] == [64, 128, 192]


def test_a_function_is_called_with_each_event_and_a_failure_of_it_is_not_the_end(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    heard: list[str] = []
    both = threading.Event()

    def call(event: Event) -> None:
        heard.append(event.key)
        if event.key == "a":
            raise ValueError("no")
        both.set()

    with mtv.Display(0, connection=connection).on_event(call, "key"):
        daemon.tell(key("a"))
        daemon.tell(key("b"))
        assert both.wait(WAIT_SECS)
    assert heard == ["a", "b"]


def test_closing_the_connection_ends_what_waits(daemon: ScriptedDaemon, connection: Connection) -> None:
    found: list[Event | None] = []
    events = connection.events()
    waiting = threading.Thread(target=lambda: found.append(events.get(WAIT_SECS)))
    waiting.start()
    connection.close()
    waiting.join(WAIT_SECS)
    assert found == [None]


def test_an_event_that_cannot_be_read_is_ignored_and_harms_no_request(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    from mtv.wire import frames

    with connection.events() as events:
        (seen,) = daemon.of(requests.Subscribe)
        session = seen.header.session
        for body in (b"\xc1", b"\x81\xa4type\xa5event"):
            daemon.send_raw([bytes(part) for part in frames.pack(frames.Kind.EVENT, session, 1, body)], to=seen)
        daemon.tell(key("a"))
        assert [event.key for event in taken(events, 1)] == ["a"]
    assert connection.request(requests.Sync()) == messages.Done()
