"""Who waits for another host gives up when it is silent, and only then."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from mtv.wire.errors import DaemonError, DeadlineExceeded
from mtvd.repo.patience import Patience


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    """Set at the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


def test_a_result_and_an_exception_come_through() -> None:
    patience = Patience(60)
    assert patience.wait_for(lambda: 7, "the host") == 7
    with pytest.raises(KeyError, match="lost"):
        patience.wait_for(lambda: dict[str, int]()["lost"], "the host")
    assert patience.abandoned == 0


def test_a_silent_host_is_given_up_and_its_call_counted_until_it_ends(silence: threading.Event) -> None:
    patience = Patience(0.05)
    with pytest.raises(DeadlineExceeded) as caught:
        patience.wait_for(silence.wait, "the file store")
    assert "the file store was silent" in caught.value.error.message
    assert caught.value.error.retryable
    assert patience.abandoned == 1
    silence.set()
    patience._abandoned[0].join(10)
    assert patience.abandoned == 0


def test_a_host_that_shows_life_is_waited_for_longer(silence: threading.Event) -> None:
    ticks = count()

    def moved() -> int:
        tick = next(ticks)
        if tick == 3:
            silence.set()
        return tick

    assert Patience(0.05).wait_for(silence.wait, "the host", moved=moved)
    assert next(ticks) > 3


def test_figures_are_told_as_they_change_and_at_the_end(silence: threading.Event) -> None:
    figures = iter((0, 0, 5, 5, 7, 9))
    told: list[int] = []

    def tell(figure: int) -> None:
        told.append(figure)
        if figure == 7:
            silence.set()

    assert Patience(60).wait_for(silence.wait, "the host", moved=lambda: next(figures), told=tell)
    assert told == [5, 7, 9]


def test_what_ends_at_once_or_never_moves_tells_nothing() -> None:
    told: list[int] = []
    assert Patience(60).wait_for(lambda: 7, "the host", told=told.append) == 7
    assert told == []


def test_a_call_whose_listener_fails_is_counted_until_it_ends(silence: threading.Event) -> None:
    figures = iter(range(40))
    patience = Patience(60)

    def tell(_figure: int) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        patience.wait_for(silence.wait, "the host", moved=lambda: next(figures), told=tell)
    assert patience.abandoned == 1
    silence.set()
    patience._abandoned[0].join(10)
    assert patience.abandoned == 0


def test_calls_that_hang_do_not_pile_up(silence: threading.Event) -> None:
    patience = Patience(0.0)
    for _ in range(8):
        with pytest.raises(DeadlineExceeded):
            patience.wait_for(silence.wait, "the host")
    with pytest.raises(DaemonError) as caught:
        patience.wait_for(lambda: 7, "the host")
    assert caught.value.code == "repository_failed"
