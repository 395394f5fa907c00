"""The budget: nobody takes all places, those who wait are let in fairly, and nothing is lost by a cancellation."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import anyio
import anyio.lowlevel
import pytest
from tests.support import backends

from mtv.wire.errors import DaemonError
from mtvd.front.budget import Budget

pytestmark = pytest.mark.anyio
anyio_backend = backends.both
WAIT_SECS = 20


class Crowd:
    """Requests that stay until they are told to go."""

    def __init__(self, budget: Budget, group: anyio.abc.TaskGroup) -> None:
        self.budget = budget
        self.group = group
        self.inside: Counter[bytes] = Counter()
        self.gate = anyio.Event()
        self.order: list[int] = []

    async def _stay(self, session: bytes, number: int, scope: anyio.CancelScope) -> None:
        with scope:
            await self._enter(session, number)

    async def _enter(self, session: bytes, number: int) -> None:
        async with self.budget.admit(session, 0):
            self.inside[session] += 1
            self.order.append(number)
            await self.gate.wait()

    async def send(
        self, session: bytes, count: int, *, first: int = 0, scopes: Sequence[anyio.CancelScope] = ()
    ) -> None:
        for place in range(count):
            scope = scopes[place] if scopes else anyio.CancelScope()
            self.group.start_soon(self._stay, session, first + place, scope)
            await anyio.lowlevel.checkpoint()  # so that they enter in this order
        for _ in range(4):
            await anyio.lowlevel.checkpoint()


@contextlib.asynccontextmanager
async def crowd(requests: int) -> AsyncIterator[Crowd]:
    budget = Budget(requests=requests, size_bytes=1000)
    with anyio.fail_after(WAIT_SECS):
        async with anyio.create_task_group() as group:
            made = Crowd(budget, group)
            yield made
            made.gate.set()
    assert (budget.requests_used, budget.waiting, budget.bytes_used) == (0, 0, 0)


async def test_who_floods_leaves_as_many_places_as_it_has_and_each_newcomer_finds_one() -> None:
    async with crowd(100) as made:
        await made.send(b"a", 300)
        assert made.inside[b"a"] == 50
        await made.send(b"b", 300)
        assert made.inside[b"b"] == 25
        for number in range(20):
            name = b"%d" % number
            await made.send(name, 1)
            assert made.inside[name] == 1


async def test_those_that_wait_go_in_their_order_and_all_go_in_the_end() -> None:
    async with crowd(10) as made:
        await made.send(b"a", 45)
        assert made.order == list(range(5))
        made.gate.set()
    assert made.order == list(range(45))


@pytest.mark.parametrize("round_", range(5))
async def test_a_newcomer_does_not_overtake_one_that_was_just_given_its_place(round_: int) -> None:
    async with crowd(4) as made:
        await made.send(b"a", 3)
        assert (made.order, made.budget.waiting) == ([0, 1], 1)
        gone, made.gate = made.gate, anyio.Event()
        gone.set()
        await made.send(b"a", 1, first=3)
        while len(made.order) < 4:
            await anyio.lowlevel.checkpoint()
        assert made.order == [0, 1, 2, 3]


async def test_who_is_cancelled_when_its_place_is_given_holds_up_nobody_and_the_others_keep_their_order() -> None:
    async with crowd(100) as made:
        await made.send(b"a", 50)
        scopes = [anyio.CancelScope() for _ in range(40)]
        await made.send(b"a", 40, first=50, scopes=scopes)
        gone, made.gate = made.gate, anyio.Event()
        gone.set()
        while made.budget.waiting == 40:
            await anyio.lowlevel.checkpoint()
        for scope in scopes[::2]:
            scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert made.order == sorted(made.order)
        assert set(range(51, 90, 2)) <= set(made.order)


async def test_of_one_session_no_more_than_four_times_the_places_wait() -> None:
    async with crowd(2) as made:
        await made.send(b"a", 9)
        assert made.budget.waiting == 8
        with pytest.raises(DaemonError, match="and 8 wait") as caught:
            async with made.budget.admit(b"a", 0):
                pass
        assert (caught.value.code, caught.value.error.retryable) == ("busy", True)
        async with made.budget.admit(b"b", 0):  # the other place is still there for others
            pass


async def test_who_is_cancelled_while_waiting_leaves_its_place_to_the_next() -> None:
    async with crowd(2) as made:
        await made.send(b"a", 1)
        with anyio.move_on_after(0) as scope:
            async with made.budget.admit(b"a", 0):
                pass
        assert scope.cancelled_caught
        assert (made.budget.requests_used, made.budget.waiting) == (1, 0)
        await made.send(b"a", 1)
        made.gate.set()
    assert made.inside[b"a"] == 2


async def test_bytes_are_refused_beyond_a_share_and_small_messages_never_are() -> None:
    budget = Budget(requests=10, size_bytes=1000)
    async with budget.admit(b"a", 5000), budget.admit(b"b", 100):  # one larger message, when no other is there
        with pytest.raises(DaemonError, match="5000 bytes"):
            async with budget.admit(b"b", 101):
                pass
    async with budget.admit(b"a", 400):
        with pytest.raises(DaemonError, match="400 bytes"):
            async with budget.admit(b"a", 300):
                pass
        async with budget.admit(b"b", 300):
            pass
    assert budget.bytes_used == 0
