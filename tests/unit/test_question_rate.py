"""Who asks in a loop waits between two questions; who asks a few things does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtvd.drawing.question_rate import QuestionRate


def asked(rate: QuestionRate, now: float, secs: float = 0.001) -> float:
    pause = rate.pause_secs(now)
    rate.took(secs)
    return pause


def test_a_few_questions_in_a_row_wait_for_nothing() -> None:
    rate = QuestionRate()
    assert [asked(rate, 10.0) for _ in range(6)] == 6 * [0.0]
    assert asked(rate, 10.0) > 0


def test_who_pauses_by_itself_is_never_put_off() -> None:
    rate = QuestionRate()
    assert not any(asked(rate, 0.05 * number) for number in range(100))


@given(st.floats(1e-5, 0.01), st.integers(20, 200))
def test_who_asks_in_a_loop_has_a_fiftieth_of_the_time(secs: float, questions: int) -> None:
    rate, now = QuestionRate(), 0.0
    for _ in range(questions):
        now += asked(rate, now, secs) + secs
    most = min(50 * secs, 0.1)
    assert now >= most * (questions - 7)


@given(st.floats(0.0, 10.0))
def test_no_question_waits_long(secs: float) -> None:
    rate, now = QuestionRate(), 0.0
    for _ in range(50):
        pause = asked(rate, now, secs)
        assert pause <= 0.1 + 1e-9
        now += pause
