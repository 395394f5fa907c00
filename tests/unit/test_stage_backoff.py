"""Pauses between restarts."""

from __future__ import annotations

from mtvd.stage.window.backoff import Backoff


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def crash(backoff: Backoff, clock: Clock, *, lived_secs: float) -> float:
    """Open a window that lives for a while; return the pause before it."""
    pause = backoff.pause_secs()
    backoff.count_start()
    backoff.note_opening()
    clock.now += lived_secs
    backoff.note_end()
    return pause


def test_two_restarts_have_no_pause_and_later_ones_double_up_to_the_cap() -> None:
    clock = Clock()
    backoff = Backoff(stable_secs=10, max_secs=5, clock=clock)
    assert [crash(backoff, clock, lived_secs=1) for _ in range(9)] == [0, 0, 0, 0.5, 1, 2, 4, 5, 5]


def test_a_window_that_lived_for_a_stable_while_clears_the_count_and_a_short_one_does_not() -> None:
    clock = Clock()
    backoff = Backoff(stable_secs=10, max_secs=5, clock=clock)
    for _ in range(6):
        crash(backoff, clock, lived_secs=9.9)
    assert backoff.pause_secs() == 4
    crash(backoff, clock, lived_secs=10)
    assert backoff.pause_secs() == 0


def test_starts_that_never_open_a_window_count_too_and_the_pause_never_overflows() -> None:
    backoff = Backoff(stable_secs=10, max_secs=30, clock=Clock())
    for _ in range(2000):
        backoff.count_start()
        backoff.note_end()
    assert backoff.pause_secs() == 30
