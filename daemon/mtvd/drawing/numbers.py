"""Numbers of requests as a set that stays small, however many there are. Pure.

A client counts its requests, so the numbers that were used lie close together: they are kept as spans. There are
only so many spans. Where one more would be needed, the lowest gap is closed, and its numbers count as used: whoever
asks then is told less than he might be, and nothing is ever drawn twice.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import Final

SPANS: Final = 1024
"""Four times the requests that a session may have in flight, each of which may be a gap."""

Spans = tuple[tuple[int, int], ...]
"""First and last number of each span, in ascending order."""


class Numbers:
    """A set of numbers from 0 on, of bounded size.

    Parameters
    ----------
    spans : `Spans`
        What it holds at the beginning, besides 0.
    most : `int`
        Spans that it may have.
    """

    def __init__(self, spans: Iterable[tuple[int, int]] = (), most: int = SPANS) -> None:
        self._most = most
        self._firsts = [0]
        self._lasts = [0]
        for first, last in spans:
            self._add_span(first, last)

    def __contains__(self, number: int) -> bool:
        return number <= self._lasts[bisect.bisect_right(self._firsts, number) - 1]

    @property
    def spans(self) -> Spans:
        """All numbers in the set, as spans in ascending order."""
        return tuple(zip(self._firsts, self._lasts, strict=True))

    def add(self, number: int) -> None:
        """Add a number; where that needs more spans than there may be, the lowest gap is closed."""
        if number == self._lasts[-1] + 1:  # nearly always
            self._lasts[-1] = number
        elif number not in self:
            self._add_span(number, number)

    def _add_span(self, first: int, last: int) -> None:
        begin = bisect.bisect_left(self._lasts, first - 1)  # the first span that it touches
        end = bisect.bisect_right(self._firsts, last + 1)  # behind the last one
        if begin < end:
            first, last = min(first, self._firsts[begin]), max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]
        while len(self._firsts) > self._most:
            del self._firsts[1], self._lasts[0]


def with_number(spans: Spans, number: int, most: int = SPANS) -> Spans:
    """Return spans with one number more; see `Numbers.add`."""
    numbers = Numbers(spans, most)
    numbers.add(number)
    return numbers.spans
