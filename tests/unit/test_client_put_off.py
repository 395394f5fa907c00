"""The conversation with a daemon that has no room: when requests go out again, and that none overtakes another."""

from __future__ import annotations

import collections
import random

import pytest
from tests.support.conversations import BUSY, added, begun, greeting, message, numbers, outcome

from mtv.wire import messages
from mtv.wire.errors import Error, MtvError
from mtv.wire.frames import Kind


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


def test_a_pause_that_has_ended_before_anybody_waited_for_it_is_not_waited_for_at_all() -> None:
    talk = begun()
    (first,) = added(talk)
    talk.outgoing(0.0)
    talk.receive(message(1, BUSY, Kind.ERROR), 0.0)
    assert talk.outgoing(0.0) == []
    assert talk.patience_secs(10.0) == 0.0, "else the link sleeps until a message comes, and none ever does"
    assert talk.outgoing(10.0) == [first]
    assert talk.patience_secs(10.0) is None


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


@pytest.mark.parametrize("seed", range(300))
def test_a_daemon_that_keeps_the_order_of_a_session_gets_all_in_order_however_late_its_refusals_come(seed: int) -> None:
    chosen = random.Random(seed)
    talk, now = begun(in_flight=chosen.choice([2, 8, 64])), 0.0
    added(talk, 60)
    there: collections.deque[int] = collections.deque()
    back: collections.deque[tuple[int, bool]] = collections.deque()
    refused: list[int] = []
    accepted: list[int] = []
    while len(talk):
        step = chosen.choice(["send", "read", "answer", "wait"])
        if step == "send":
            there.extend(numbers(talk.outgoing(now)))
        elif step == "read" and there:
            number = there.popleft()
            takes = number <= min(refused, default=number) and chosen.random() < 0.7
            refused = [] if takes else [min([number, *refused])]  # what is behind one that was refused is refused too
            accepted += [number] if takes else []
            back.append((number, takes))
        elif step == "answer" and back:
            number, takes = back.popleft()
            parts = message(number, messages.Done()) if takes else message(number, BUSY, Kind.ERROR)
            talk.receive(parts, now)
        elif step == "wait":
            now += chosen.choice([0.001, 0.1, 2.0])
    assert accepted == list(range(1, 61))
