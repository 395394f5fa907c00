"""Unanswered requests of a client: numbers, the bounded window, and what goes out again.

Pure: no socket, clock, thread or lock; a `mtv.session.conversation.Conversation` owns one. Only a reply removes a
request. After the connection was lost everything that is left goes out again, in order, under the numbers it had. What
a busy daemon has put off goes out again before all that is newer and was not sent yet.

What was in flight behind a request that was put off may have been put off with it, and its refusal still be on its way:
until that is known nothing newer goes out, which would overtake it. It is known when its answer comes, or that of one
that was sent later: a daemon refuses what it has no room for in the order of its arrival.
"""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Outbox(Generic[T]):
    """Requests by sequence number, oldest first.

    Parameters
    ----------
    first : `int`
        Number of the first request; a session counts from 1.
    """

    def __init__(self, first: int = 1) -> None:
        self._next = first
        self._waiting: OrderedDict[int, T] = OrderedDict()
        self._sent: OrderedDict[int, T] = OrderedDict()
        self._put_off: dict[int, T] = {}
        """Sent once, and to be sent again: their numbers are below those of all that wait."""
        self._in_doubt: set[int] = set()
        """Numbers of those in flight that may have been put off: they were sent after one that was, and are newer."""

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent) + len(self._put_off)

    def __iter__(self) -> Iterator[T]:
        yield from self._sent.values()
        yield from self._put_off.values()
        yield from self._waiting.values()

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet answered."""
        return len(self._sent)

    def add(self, request: T) -> int:
        """Append a request and return its number."""
        number = self._next
        self._next += 1
        self._waiting[number] = request
        return number

    def send(self, window: int, patient: Callable[[T], bool] = lambda _: False) -> list[tuple[int, T]]:
        """Return the requests that go out now, at most ``window`` being in flight afterwards, and mark them sent.

        A ``patient`` request stays as long as it is the last and another patient one is in flight.
        """
        going: list[tuple[int, T]] = []
        oldest_in_doubt = min(self._in_doubt, default=math.inf)
        while self._put_off and len(self._sent) < window and min(self._put_off) < oldest_in_doubt:
            number = min(self._put_off)
            going.append((number, self._put_off.pop(number)))
            self._sent[number] = going[-1][1]
        while self._waiting and len(self._sent) < window and not self._put_off and not self._in_doubt:
            number, request = next(iter(self._waiting.items()))
            under_way = (*self._sent.values(), *self._put_off.values())
            if len(self._waiting) == 1 and patient(request) and any(map(patient, under_way)):
                break
            del self._waiting[number]
            self._sent[number] = request
            going.append((number, request))
        return going

    def put_off(self, number: int) -> T | None:
        """Take note that a request was sent too early, and goes out again; return it, or None if unknown."""
        if number not in self._sent:
            return None
        self._end_doubt_before(number)
        in_order = list(self._sent)
        self._in_doubt.update(later for later in in_order[in_order.index(number) :] if later > number)
        self._put_off[number] = self._sent.pop(number)
        return self._put_off[number]

    def rewind(self) -> None:
        """Take note that the connection was lost: whatever was sent has to be sent again, before all else."""
        again = sorted({**self._sent, **self._put_off}.items(), key=lambda item: item[0])
        self._waiting = OrderedDict([*again, *self._waiting.items()])
        self._sent, self._put_off, self._in_doubt = OrderedDict(), {}, set()

    def find(self, number: int) -> T | None:
        """Return an unanswered request, or None."""
        return self._sent.get(number, self._put_off.get(number, self._waiting.get(number)))

    def _end_doubt_before(self, number: int) -> None:
        """Take note that a request in flight was answered: those sent before it would have been refused before."""
        if self._in_doubt:
            before = itertools.takewhile(lambda sent: sent != number, self._sent)
            self._in_doubt.difference_update({number, *before})

    def settle(self, number: int) -> T | None:
        """Remove a request that was answered; return it, or None if unknown."""
        if number in self._sent:
            self._end_doubt_before(number)
        return self._remove(number)

    def give_up(self, number: int) -> T | None:
        """Remove a request that nobody waits for any more; return it, or None if unknown."""
        if number < min(self._in_doubt, default=0):  # its answer might have ended the doubt, and long ones must not
            self._in_doubt.clear()
        self._in_doubt.discard(number)
        return self._remove(number)

    def _remove(self, number: int) -> T | None:
        for place in (self._sent, self._put_off, self._waiting):
            if number in place:
                return place.pop(number)
        return None
