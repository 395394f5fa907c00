"""What a session remembers, against a model that forgets nothing: through restarts, gaps and any order of numbers."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mtv.wire.errors import RequestError
from mtvd.drawing import sessions
from mtvd.drawing.numbers import Numbers, with_number
from mtvd.drawing.records import Answer, SessionRecord
from mtvd.drawing.recovery import with_answers
from mtvd.drawing.sessions import Sessions

SESSION = b"mt" + bytes(range(14))
numbers = st.lists(st.one_of(st.integers(0, 40), st.integers(0, 2**64 - 1)), max_size=60)


@given(numbers, st.integers(1, 6))
def test_a_number_that_was_added_is_always_in_and_there_are_no_more_spans_than_may_be(
    added: list[int], most: int
) -> None:
    found = Numbers(most=most)
    for number in added:
        found.add(number)
    assert all(number in found for number in (0, *added))
    spans = found.spans
    assert len(spans) <= most
    assert all(first <= last for first, last in spans)
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(spans))


@given(numbers, st.integers(0, 50))
def test_with_room_enough_nothing_else_is_in(added: list[int], other: int) -> None:
    found = Numbers()
    for number in added:
        found.add(number)
    assert (other in found) == (other in {0, *added})
    assert Numbers(found.spans).spans == found.spans


@given(numbers, st.integers(1, 6))
def test_of_numbers_that_were_not_added_only_those_of_the_lowest_gaps_are_in(added: list[int], most: int) -> None:
    found, exact = Numbers(most=most), Numbers(most=10_000)
    for number in added:
        found.add(number)
        exact.add(number)
    gaps = [(last + 1, first - 1) for (_, last), (first, _) in itertools.pairwise(exact.spans)]
    open_gaps = [gap for gap in gaps if gap[0] not in found]
    assert all((first in found) == (last in found) for first, last in gaps), "a gap is closed as a whole"
    closed = [gap for gap in gaps if gap[0] in found]
    assert not closed or not open_gaps or closed[-1] < open_gaps[0], "the lowest first"
    assert len(open_gaps) == len(gaps) or len(added) >= most


@given(numbers)
def test_the_journal_s_spans_are_those_of_the_session(added: list[int]) -> None:
    found, spans = Numbers(most=5), with_number((), 0, 5)
    for number in added:
        found.add(number)
        spans = with_number(spans, number, 5)
        assert spans == found.spans


class Remembering(RuleBasedStateMachine):
    """A client that draws, asks, loses answers and comes again, and a daemon that is killed and restarted."""

    keep = 4

    @initialize()
    def begin(self) -> None:
        self.patched = pytest.MonkeyPatch()
        self.patched.setattr(sessions, "REMEMBERED_ANSWERS", self.keep)
        self.sessions = Sessions(lambda: 0.0)
        self.sessions.of(SESSION)
        self.journal: dict[str, SessionRecord] = {}
        self.drawn: dict[int, Answer] = {}
        self.order: list[int] = []
        self.next = 1
        self.lost: set[int] = set()
        """Sent, and neither drawn nor answered."""

    def teardown(self) -> None:
        if hasattr(self, "patched"):
            self.patched.undo()

    def draw(self, number: int) -> None:
        answer = Answer(session=SESSION, sequence=number, kind=3, body=b"%d" % number)
        assert number not in self.drawn, "nothing is drawn twice"
        self.drawn[number] = answer
        self.order.append(number)
        self.lost.discard(number)
        self.sessions.remember([answer])
        self.journal = with_answers(self.journal, (answer,), self.keep)

    @rule()
    def draws(self) -> None:
        self.draw(self.next)
        self.next += 1

    @rule()
    def asks_for_what_is_not_remembered(self) -> None:
        self.sessions.of(SESSION).note(self.next)
        self.next += 1

    @rule()
    def sends_what_is_not_drawn_yet(self) -> None:
        self.lost.add(self.next)
        self.next += 1

    @rule()
    def the_daemon_is_killed(self) -> None:
        self.sessions = Sessions(lambda: 0.0)
        self.sessions.restore(self.journal)

    @rule()
    def the_journal_is_written_anew(self) -> None:
        self.journal = self.sessions.records()

    @rule(data=st.data())
    def sends_again(self, data: st.DataObject) -> None:
        known = sorted({*self.drawn, *self.lost})
        if not known:
            return
        number = data.draw(st.sampled_from(known))
        try:
            answer = self.sessions.of(SESSION).answer_to(number)
        except RequestError:  # a request that never was is carried out, and the newest answers are remembered
            if number in self.drawn and number not in self.order[-self.keep :]:
                return
            raise
        if answer is None:
            self.draw(number)
        else:
            assert answer == self.drawn[number]

    @invariant()
    def all_that_was_lost_can_still_be_carried_out(self) -> None:
        for number in getattr(self, "lost", ()):
            assert self.sessions.of(SESSION).answer_to(number) is None


TestRemembering = Remembering.TestCase


def test_where_there_are_too_many_gaps_the_lowest_is_told_as_expired_and_never_drawn_twice() -> None:
    spans: tuple[tuple[int, int], ...] = ()
    for number in range(2, 5000, 2):
        spans = with_number(spans, number)
    sessions = Sessions(lambda: 0.0)
    sessions.restore({SESSION.hex(): SessionRecord(used=spans)})
    session = sessions.of(SESSION)
    assert session.answer_to(4997) is None
    with pytest.raises(RequestError) as caught:
        session.answer_to(3)
    assert caught.value.code == "outcome_expired"


def test_a_journal_of_an_earlier_release_forgets_nothing_that_was_drawn() -> None:
    sessions = Sessions(lambda: 0.0)
    sessions.restore({SESSION.hex(): SessionRecord(forgotten_to=10)})
    with pytest.raises(RequestError):
        sessions.of(SESSION).answer_to(10)
    assert sessions.of(SESSION).answer_to(11) is None
