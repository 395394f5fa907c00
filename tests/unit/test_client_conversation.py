"""The conversation with a daemon: what it decides on messages and times, without socket, clock or thread."""

from __future__ import annotations

import pytest
from tests.support.conversations import BUSY, TIMING, Asked, added, begun, greeting, message, opened, outcome

from mtv.session.conversation import Phase
from mtv.session.decisions import Acknowledge, Answer, Hear, Reopen, Report, Settle
from mtv.wire import messages
from mtv.wire.errors import DaemonError, Error, RequestError, Unavailable
from mtv.wire.frames import Kind


def test_nothing_goes_out_before_the_welcome_and_all_does_after_it_in_order() -> None:
    talk = opened()
    requests = added(talk, 3)
    assert talk.outgoing(0.0) == []
    talk.receive(greeting(), 0.1)
    assert talk.outgoing(0.1) == requests
    assert [request.number for request in requests] == [1, 2, 3]
    assert all(request.sent for request in requests)
    assert talk.outgoing(0.1) == []


def test_no_more_are_unanswered_than_the_daemon_allows() -> None:
    talk = begun(in_flight=2)
    first, second, third = added(talk, 3)
    assert talk.outgoing(0.0) == [first, second]
    talk.receive(message(1, messages.Done()), 0.0)
    assert talk.outgoing(0.0) == [third]


def test_a_request_is_acknowledged_then_comes_further_then_is_settled_once() -> None:
    talk = begun()
    (request,) = added(talk)
    talk.outgoing(0.0)
    assert talk.receive(message(1, messages.Receipt(), Kind.RECEIPT), 0.0) == [Acknowledge(request)]
    progress = messages.Progress(done=1, total=2)
    assert talk.receive(message(1, progress, Kind.PROGRESS), 0.0) == [Report(request, progress)]
    (decision,) = talk.receive(message(1, messages.Done(), buffers=(b"1", b"23")), 0.0)
    assert decision == Settle(request, Answer(messages.Done(), (memoryview(b"1"), memoryview(b"23"))))
    assert talk.receive(message(1, messages.Done()), 0.0) == []
    assert len(talk) == 0


def test_an_error_of_the_daemon_is_marked_as_told_by_it() -> None:
    talk = begun()
    (request,) = added(talk)
    talk.outgoing(0.0)
    (decision,) = talk.receive(
        message(1, messages.Failed(error=Error(code="not_found", message="none")), Kind.ERROR), 0.0
    )
    assert isinstance(decision, Settle)
    assert (decision.request, decision.told) == (request, True)
    assert isinstance(decision.outcome, RequestError)


def test_a_reply_that_cannot_be_read_settles_its_request_and_no_other() -> None:
    talk = begun()
    added(talk, 2)
    talk.outgoing(0.0)
    parts = message(1, messages.Done())
    parts[1] = memoryview(b"\xc1" * parts[1].nbytes)
    found = outcome(talk.receive(parts, 0.0))
    assert isinstance(found, DaemonError)
    assert "cannot be read" in str(found)
    assert len(talk) == 1


def test_messages_of_other_sessions_and_garbage_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    talk = begun()
    added(talk)
    talk.outgoing(0.0)
    assert talk.receive(message(1, messages.Done(), session=b"x" * 16), 0.0) == []
    assert talk.receive([memoryview(b"garbage")], 0.0) == []
    assert len(talk) == 1
    assert len(caplog.records) == 2


def test_events_are_heard_and_those_that_cannot_be_read_are_not() -> None:
    talk = begun()
    event = messages.Event(number=1, kind="key", key="a")
    parts = message(0, event, Kind.EVENT)
    assert talk.receive(parts, 0.0) == [Hear(event)]
    assert talk.receive(message(0, messages.Done(), Kind.EVENT), 0.0) == []
    parts[1] = memoryview(b"\xc1" * parts[1].nbytes)
    assert talk.receive(parts, 0.0) == []


def test_after_a_loss_all_that_is_unanswered_goes_out_again_under_its_own_number() -> None:
    talk = begun()
    first, second, third = added(talk, 3)
    talk.outgoing(0.0)
    talk.receive(message(2, messages.Done()), 0.0)
    assert talk.hang_up(lost=True, now=1.0) == [Reopen()]
    talk.lose(1.0)
    talk.open(1.0)
    assert talk.phase is Phase.GREETING
    assert talk.outgoing(1.0) == []
    talk.receive(greeting(), 2.0)
    assert talk.outgoing(2.0) == [first, third]
    assert (first.number, second.number, third.number) == (1, 2, 3)


def test_where_nobody_listens_the_first_greeting_is_not_waited_for() -> None:
    with pytest.raises(Unavailable, match="does not listen"):
        opened().hang_up(lost=False, now=0.0)


def test_a_daemon_that_had_been_there_is_tried_again_after_a_little_while() -> None:
    talk = begun()
    talk.lose(1.0)
    talk.open(1.0)
    assert talk.hang_up(lost=False, now=2.0) == []
    assert talk.patience_secs(2.0) == TIMING.retry_secs
    assert talk.check_time(2.5) == []
    assert talk.check_time(3.0) == [Reopen()]


def test_a_first_greeting_that_does_not_come_in_time_is_no_longer_waited_for() -> None:
    talk = opened(5.0)
    assert talk.patience_secs(5.0) == TIMING.hello_secs
    assert talk.check_time(14.9) == []
    with pytest.raises(Unavailable, match="does not answer"):
        talk.check_time(15.0)


def test_a_daemon_that_closes_each_connection_is_told_from_one_that_is_silent() -> None:
    talk = opened()
    assert talk.hang_up(lost=True, now=1.0) == []
    with pytest.raises(Unavailable, match="closes each connection"):
        talk.check_time(10.0)


def test_requests_that_somebody_waits_for_fail_once_the_daemon_has_been_gone_for_long_and_published_ones_stay() -> None:
    talk = begun()
    (awaited,) = added(talk)
    (published,) = added(talk, awaited=False)
    talk.outgoing(0.0)
    talk.lose(1.0)
    talk.open(1.0)
    assert talk.check_time(10.9) == []
    talk.cannot_open(OSError(111, "Connection refused"), 30.5)
    (decision,) = talk.check_time(31.0)
    assert isinstance(decision, Settle)
    assert decision.request is awaited
    assert "has gone" in str(decision.outcome)
    assert "Connection refused" in str(decision.outcome)
    with pytest.raises(Unavailable, match="has gone"):
        talk.add(Asked())
    talk.open(31.5)
    talk.receive(greeting(), 32.0)
    assert talk.outgoing(32.0) == [published]
    talk.add(Asked())


def test_the_answer_to_a_request_that_was_given_up_is_still_heard_on_the_same_connection() -> None:
    talk = begun()
    first, second = added(talk, 2)
    talk.outgoing(0.0)
    talk.forget(first)
    talk.forget(second)
    assert len(talk) == 0
    assert talk.receive(message(1, messages.Done()), 0.0) == [Settle(first, Answer(messages.Done()))]
    talk.lose(1.0)
    assert talk.receive(message(2, messages.Done()), 1.0) == []


def test_a_large_request_that_was_given_up_is_not_kept_for_its_answer() -> None:
    talk = begun()
    (request,) = added(talk, buffers=(bytes(2 << 20),))
    talk.outgoing(0.0)
    talk.forget(request)
    assert talk.receive(message(1, messages.Done()), 0.0) == []


def test_a_request_that_was_never_sent_and_is_given_up_leaves_nothing() -> None:
    talk = opened()
    (request,) = added(talk)
    talk.forget(request)
    talk.receive(greeting(), 0.0)
    assert talk.outgoing(0.0) == []


def test_a_request_that_cannot_be_made_a_message_of_is_settled_as_never_sent() -> None:
    talk = begun()
    (request,) = added(talk)
    talk.outgoing(0.0)
    error = RequestError(Error(code="too_large", message="too large"))
    assert talk.refuse(request, error, 0.0) == [Settle(request, error)]
    assert not request.sent


def test_a_busy_daemon_is_greeted_again_and_one_that_refuses_for_good_ends_the_conversation() -> None:
    talk = opened()
    assert talk.receive(message(0, BUSY, Kind.ERROR), 0.0) == []
    assert talk.check_time(TIMING.retry_secs) == [Reopen()]
    refused = messages.Failed(error=Error(code="unsupported_version", message="too old"))
    with pytest.raises(RequestError, match="too old"):
        talk.receive(message(0, refused, Kind.ERROR), 1.0)


def test_a_session_that_was_welcomed_before_is_tried_again_where_the_daemon_says_so_and_else_ends() -> None:
    talk = begun()
    talk.lose(0.0)
    talk.open(0.0)
    starting = messages.Failed(error=Error(code="no_daemon", message="starting", retryable=True))
    assert talk.receive(message(0, starting, Kind.ERROR), 1.0) == []
    assert talk.check_time(1.0 + TIMING.retry_secs) == [Reopen()]
    forbidden = messages.Failed(error=Error(code="forbidden", message="not you"))
    with pytest.raises(RequestError, match="not you"):
        talk.receive(message(0, forbidden, Kind.ERROR), 2.0)


def test_a_socket_that_fails_is_replaced_and_given_up_where_new_ones_fail_without_an_answer_in_between() -> None:
    error = OSError(24, "Too many open files")
    with pytest.raises(Unavailable, match="Too many open files"):
        opened().fail(error)
    talk = begun()
    for _ in range(3):
        talk.fail(error)
    (request,) = added(talk)
    talk.outgoing(0.0)
    talk.receive(message(request.number, messages.Done()), 0.0)
    for _ in range(3):
        talk.fail(error)
    with pytest.raises(Unavailable, match="cannot be spoken to"):
        talk.fail(error)


def test_a_connection_that_cannot_be_made_is_given_up_before_the_first_greeting_and_tried_again_later() -> None:
    error = OSError(24, "Too many open files")
    with pytest.raises(Unavailable, match="cannot be connected to"):
        opened().cannot_open(error, 0.0)
    talk = begun()
    talk.lose(0.0)
    talk.open(0.0)
    talk.cannot_open(error, 3.0)
    assert talk.check_time(3.5) == []
    assert talk.check_time(4.0) == [Reopen()]


def test_what_is_unanswered_at_the_end_gets_the_reason_and_nothing_is_taken_after_it() -> None:
    talk = begun()
    requests = added(talk, 2)
    talk.outgoing(0.0)
    reason = Unavailable(Error(code="no_daemon", message="the wire is cut"))
    assert talk.end(reason) == [Settle(request, reason) for request in requests]
    assert talk.end(None) == []
    ended = begun()
    ended.end(None)
    with pytest.raises(Unavailable, match="the connection is closed"):
        ended.add(Asked())
