"""The conversation with a daemon: what it decides on messages and times, without socket, clock or thread."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest

from mtv.session.conversation import Conversation, Phase, Timing
from mtv.session.decisions import Acknowledge, Answer, Begin, Decision, Hear, Reopen, Report, Settle
from mtv.wire import codec, frames, messages
from mtv.wire.errors import DaemonError, Error, MtvError, RequestError, Unavailable
from mtv.wire.frames import Buffer, Kind
from mtv.wire.limits import Limits
from mtv.wire.reports import WindowState

SESSION = b"s" * 16
TIMING = Timing(hello_secs=10.0, lost_secs=30.0, retry_secs=1.0)
BUSY = messages.Failed(error=Error(code="busy", message="no room", retryable=True))


@dataclasses.dataclass(eq=False)
class Asked:
    """A request without a body: the conversation never looks at one."""

    buffers: Sequence[Buffer] = ()
    awaited: bool = True
    deadline: float = math.inf
    gathers: bool = False
    number: int = 0
    sent: bool = False
    put_off: MtvError | None = None


Talk = Conversation[Asked]


def message(
    number: int,
    reply: messages.Reply,
    kind: Kind = Kind.REPLY,
    *,
    session: bytes = SESSION,
    buffers: Sequence[bytes] = (),
) -> list[memoryview]:
    return [memoryview(part) for part in frames.pack(kind, session, number, codec.encode(reply), buffers)]


def greeting(in_flight: int = 8) -> list[memoryview]:
    limits = Limits(in_flight=in_flight)
    return message(0, messages.Welcome(versions=(1, 0), release="x", limits=limits, window=WindowState()))


def begun(in_flight: int = 8, now: float = 0.0) -> Talk:
    """Return a conversation that was welcomed."""
    talk = opened(now)
    assert talk.receive(greeting(in_flight), now) == [Begin()]
    return talk


def opened(now: float = 0.0) -> Talk:
    talk = Talk("ipc:///there", SESSION, TIMING, lambda: 1.0)
    talk.begin(now)
    talk.open(now)
    return talk


def added(talk: Talk, count: int = 1, **about: object) -> list[Asked]:
    requests = [Asked(**about) for _ in range(count)]  # type: ignore[arg-type]
    for request in requests:
        talk.add(request)
    return requests


def outcome(decisions: Sequence[Decision[Asked]]) -> Answer | MtvError:
    (decision,) = decisions
    assert isinstance(decision, Settle)
    return decision.outcome


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


def test_a_daemon_without_room_gets_the_request_again_after_a_pause_before_all_newer_ones() -> None:
    talk = begun(in_flight=4)
    first, second = added(talk, 2)
    talk.outgoing(0.0)
    assert talk.receive(message(1, BUSY, Kind.ERROR), 0.0) == []
    (third,) = added(talk)
    pause_secs = talk.patience_secs(0.0)
    assert pause_secs
    assert talk.outgoing(pause_secs / 2) == []
    assert talk.outgoing(pause_secs) == [first]  # half as many at once: two, and the second is one of them
    talk.receive(message(2, messages.Done()), pause_secs)
    assert talk.outgoing(pause_secs) == [third]
    assert first.put_off is not None
    assert second.put_off is None


def test_after_a_pause_each_answer_lets_one_more_out_as_many_as_the_daemon_allows() -> None:
    talk = begun(in_flight=4)
    added(talk, 20)
    assert len(talk.outgoing(0.0)) == 4
    talk.receive(message(1, BUSY, Kind.ERROR), 0.0)
    for number in (2, 3, 4):
        talk.receive(message(number, messages.Done()), 0.0)
    assert [request.number for request in talk.outgoing(1.0)] == [1, 5, 6, 7]  # two, and one more for each answer


def test_pauses_in_a_row_grow_up_to_a_second_and_begin_short_again_after_an_answer() -> None:
    talk = begun()
    added(talk)
    pauses, now = [], 0.0
    for _ in range(12):
        assert talk.outgoing(now)
        talk.receive(message(1, BUSY, Kind.ERROR), now)
        pauses.append(talk.patience_secs(now) or 0.0)
        now += pauses[-1] + 0.001
    assert [round(secs, 6) for secs in pauses] == sorted(round(secs, 6) for secs in pauses)
    assert pauses[1] == pytest.approx(2 * pauses[0])
    assert pauses[-1] == pytest.approx(1.0)
    talk.outgoing(now)
    talk.receive(message(1, messages.Done()), now)
    added(talk)
    talk.outgoing(now)
    talk.receive(message(2, BUSY, Kind.ERROR), now)
    assert talk.patience_secs(now) == pytest.approx(pauses[0])


def test_requests_that_are_put_off_together_cost_one_pause() -> None:
    talk = begun(in_flight=4)
    added(talk, 4)
    talk.outgoing(0.0)
    talk.receive(message(1, BUSY, Kind.ERROR), 0.0)
    pause_secs = talk.patience_secs(0.0)
    for number in (2, 3, 4):
        talk.receive(message(number, BUSY, Kind.ERROR), 0.0)
    assert talk.patience_secs(0.0) == pause_secs
    assert len(talk.outgoing(1.0)) == 2


def numbers(requests: Sequence[Asked]) -> list[int]:
    return [request.number for request in requests]


def test_nothing_newer_goes_out_while_older_ones_may_have_been_put_off_though_the_pause_is_over() -> None:
    talk = begun(in_flight=64)
    added(talk, 8)
    talk.outgoing(0.0)
    added(talk)
    talk.receive(message(1, messages.Done()), 0.0)
    talk.receive(message(3, BUSY, Kind.ERROR), 0.0)
    talk.receive(message(2, messages.Done()), 0.0)
    assert numbers(talk.outgoing(1.0)) == [3], "4 to 8 may have been put off too"
    talk.receive(message(4, BUSY, Kind.ERROR), 1.0)
    talk.receive(message(6, BUSY, Kind.ERROR), 1.0)
    assert numbers(talk.outgoing(2.0)) == [4, 6], "5 was sent before 6: it would have been refused by now"
    talk.receive(message(7, BUSY, Kind.ERROR), 2.0)
    assert numbers(talk.outgoing(3.0)) == [7]
    talk.receive(message(8, messages.Done()), 3.0)
    talk.receive(message(5, messages.Done()), 3.0)
    assert numbers(talk.outgoing(4.0)) == [9]


def test_what_was_put_off_does_not_overtake_what_may_have_been_put_off_again() -> None:
    talk = begun(in_flight=16)
    added(talk, 16)
    for number in numbers(talk.outgoing(0.0)):
        talk.receive(message(number, BUSY, Kind.ERROR), 0.0)
    assert numbers(talk.outgoing(1.0)) == [1, 2, 3, 4, 5, 6, 7, 8]
    talk.receive(message(1, BUSY, Kind.ERROR), 1.0)
    for number in (2, 3, 4, 5, 6):
        talk.receive(message(number, messages.Done()), 1.0)
    assert numbers(talk.outgoing(2.0)) == [1], "7 and 8 may have been refused again"
    talk.receive(message(1, messages.Done()), 2.0)
    assert numbers(talk.outgoing(2.0))[:2] == [9, 10]


def test_a_request_that_takes_long_is_not_in_doubt_any_more_once_a_later_one_is_answered() -> None:
    talk = begun(in_flight=64)
    added(talk, 3)
    talk.outgoing(0.0)
    talk.receive(message(1, BUSY, Kind.ERROR), 0.0)
    added(talk)
    assert numbers(talk.outgoing(1.0)) == [1]
    talk.receive(message(1, messages.Done()), 1.0)
    assert numbers(talk.outgoing(1.0)) == [4], "2 and 3 are under way: they would have been refused before 1 was done"


def test_a_request_in_doubt_holds_nothing_up_once_the_one_that_was_put_off_is_given_up() -> None:
    talk = begun(in_flight=64)
    first, _ = added(talk, 2)
    talk.outgoing(0.0)
    talk.receive(message(1, BUSY, Kind.ERROR), 0.0)
    added(talk)
    talk.forget(first)
    assert numbers(talk.outgoing(1.0)) == [3]


def test_after_a_new_greeting_nothing_is_in_doubt() -> None:
    talk = begun(in_flight=64)
    added(talk, 2)
    talk.outgoing(0.0)
    talk.receive(message(1, BUSY, Kind.ERROR), 0.0)
    talk.lose(0.0)
    talk.receive(greeting(), 0.0)
    added(talk)
    assert numbers(talk.outgoing(0.0)) == [1, 2, 3]


def test_a_request_whose_time_is_over_is_not_put_off_but_fails() -> None:
    talk = begun()
    added(talk, deadline=5.0)
    talk.outgoing(0.0)
    found = outcome(talk.receive(message(1, BUSY, Kind.ERROR), 5.0))
    assert isinstance(found, MtvError)
    assert found.code == "busy"


def test_a_request_that_was_begun_is_not_sent_again_to_a_daemon_that_is_busy() -> None:
    talk = begun()
    added(talk)
    talk.outgoing(0.0)
    begun_already = messages.Failed(error=Error(code="busy", message="locked", retryable=True, where="repo"))
    assert isinstance(outcome(talk.receive(message(1, begun_already, Kind.ERROR), 0.0)), MtvError)


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
