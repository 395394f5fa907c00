"""The timeline of a movie, with the times that the test says."""

from __future__ import annotations

import math

import pytest

from mtvd.streams.timeline import Timeline


def made(count: int = 10, *, fps: float = 2.0, start: int = 0, **options: bool) -> Timeline:
    """Return a timeline that plays since time 100."""
    timeline = Timeline(count, fps=fps, start=start, **options)
    timeline.play(100.0)
    return timeline


def taken(timeline: Timeline, *times: float) -> list[int | None]:
    return [timeline.take(time) for time in times]


def test_frames_are_due_a_period_apart() -> None:
    timeline = made(4)
    assert taken(timeline, 100.0, 100.2, 100.49, 100.5, 101.1, 101.5) == [0, None, None, 1, 2, 3]
    assert timeline.over
    assert timeline.skipped == 0
    assert timeline.take(102.0) is None
    assert timeline.secs_to_next(102.0) == math.inf


def test_the_time_to_the_next_frame_is_told() -> None:
    timeline = made()
    assert timeline.secs_to_next(99.9) == pytest.approx(0.1)
    timeline.take(100.0)
    assert timeline.secs_to_next(100.1) == pytest.approx(0.4)
    assert timeline.secs_to_next(100.7) == 0
    timeline.pause()
    assert timeline.secs_to_next(100.7) == math.inf


def test_a_frame_that_is_late_by_less_than_a_period_is_shown_and_the_next_ones_keep_their_times() -> None:
    timeline = made()
    assert taken(timeline, 100.0, 100.99, 101.0, 101.49, 101.5) == [0, 1, 2, None, 3]
    assert timeline.skipped == 0


def test_frames_that_are_late_by_more_than_a_period_are_skipped_and_counted() -> None:
    timeline = made()
    assert taken(timeline, 100.0, 101.6, 101.7, 102.0) == [0, 3, None, 4]
    assert timeline.skipped == 2


def test_the_last_frame_is_never_skipped() -> None:
    timeline = made(5)
    assert taken(timeline, 100.0, 900.0) == [0, 4]
    assert timeline.skipped == 3
    assert timeline.over


def test_every_frame_is_shown_and_time_slips_instead() -> None:
    timeline = made(5, every=True)
    assert taken(timeline, 100.0, 107.0, 107.4, 107.5, 109.9, 110.4) == [0, 1, None, 2, 3, 4]
    assert timeline.skipped == 0


def test_with_every_a_small_delay_shifts_nothing() -> None:
    timeline = made(5, every=True)
    assert taken(timeline, 100.0, 100.9, 101.0) == [0, 1, 2]


def test_a_loop_begins_again_and_skips_over_its_seam() -> None:
    timeline = made(3, loop=True)
    assert taken(timeline, 100.0, 100.5, 101.0, 101.5, 102.0) == [0, 1, 2, 0, 1]
    assert taken(timeline, 104.0, 104.2, 104.5) == [2, None, 0]
    assert timeline.skipped == 3
    assert not timeline.over


def test_a_loop_that_is_ended_ends_with_its_round() -> None:
    timeline = made(3, loop=True)
    assert taken(timeline, 100.0, 100.5, 101.0, 101.5) == [0, 1, 2, 0]
    timeline.loop = False
    assert taken(timeline, 102.0, 102.5, 103.0) == [1, 2, None]
    assert timeline.over


def test_a_pause_shifts_all_that_follows() -> None:
    timeline = made()
    assert taken(timeline, 100.0, 100.5) == [0, 1]
    timeline.pause()
    assert timeline.take(150.0) is None
    timeline.play(200.0)
    assert taken(timeline, 200.0, 200.4, 200.5) == [2, None, 3]
    assert timeline.skipped == 0


def test_steps_pause_and_add_up_until_they_are_taken() -> None:
    timeline = made()
    taken(timeline, 100.0, 100.5, 101.0)
    timeline.step(1)
    assert not timeline.playing
    assert timeline.secs_to_next(101.0) == 0
    timeline.step(1)
    timeline.step(1)
    assert taken(timeline, 101.0, 200.0) == [5, None]
    timeline.step(-2)
    assert timeline.take(200.0) == 3
    timeline.play(300.0)
    assert taken(timeline, 300.0, 300.5) == [4, 5]


@pytest.mark.parametrize(("loop", "back", "on"), [(False, 0, 9), (True, 8, 1)])
def test_steps_end_at_the_ends_or_go_round(loop: bool, back: int, on: int) -> None:
    timeline = made(loop=loop)
    timeline.take(100.0)
    timeline.step(-2)
    assert timeline.take(100.0) == back
    timeline.seek(0)
    timeline.take(100.0)
    timeline.step(11)
    assert timeline.take(100.0) == on


def test_a_seek_goes_on_from_there_once_that_frame_is_on_the_screen() -> None:
    timeline = made()
    timeline.take(100.0)
    timeline.seek(6)
    assert timeline.take(100.1) == 6
    timeline.settle(103.0)
    assert taken(timeline, 103.4, 103.5, 104.0) == [None, 7, 8]
    assert timeline.skipped == 0


def test_a_frame_that_nobody_wished_for_does_not_shift_the_times() -> None:
    timeline = made()
    timeline.take(100.0)
    timeline.settle(100.4)
    assert taken(timeline, 100.5) == [1]


def test_a_seek_in_a_pause_stays_there() -> None:
    timeline = made()
    timeline.pause()
    timeline.seek(6)
    assert taken(timeline, 100.0, 200.0) == [6, None]


def test_seeking_back_from_the_end_is_not_over() -> None:
    timeline = made(2)
    taken(timeline, 100.0, 100.5)
    assert timeline.over
    timeline.seek(0)
    assert not timeline.over
    assert timeline.take(101.0) == 0


def test_another_speed_counts_from_the_newest_frame() -> None:
    timeline = made(fps=0.1)
    timeline.take(100.0)
    timeline.set_fps(1.0, 100.2)
    assert taken(timeline, 100.9, 101.0, 102.0) == [None, 1, 2]
    timeline.set_fps(0.1, 109.0)
    timeline.set_fps(10.0, 109.0)
    assert timeline.take(109.0) == 3
    assert timeline.skipped == 0, "a faster rate does not make frames late that were not"


def test_what_comes_is_told_with_the_stride_of_the_last_frame() -> None:
    timeline = made(10)
    timeline.take(100.0)
    assert timeline.coming(3) == [1, 2, 3]
    timeline.take(101.6)
    assert timeline.coming(3) == [6, 9]
    assert made(2, loop=True).coming(3) == [0, 1]


def test_in_a_pause_the_frames_around_are_told() -> None:
    timeline = made(10)
    timeline.take(100.0)
    timeline.step(4)
    timeline.take(100.0)
    assert timeline.coming(3) == [5, 3, 6]
    timeline.step(-9)
    timeline.take(100.0)
    assert timeline.coming(3) == [1, 2]
    assert timeline.coming(1) == [1]
