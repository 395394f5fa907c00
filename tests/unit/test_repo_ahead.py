"""Reading ahead: one after the other, only what was wanted last, and never what somebody reads already."""

from __future__ import annotations

import anyio
import pytest

from mtv.wire.data import Dataset, File
from mtv.wire.errors import Error, RequestError
from mtvd.repo.ahead import MOST, ReadAhead
from mtvd.repo.port import OnProgress

pytestmark = pytest.mark.anyio


def files(*names: str) -> tuple[File, ...]:
    return tuple(File(path=f"/{name}") for name in names)


class Reader:
    """Reads when it is let, and remembers what."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.all_read = anyio.Event()
        self.wanted = 0
        self.let = anyio.Event()
        self.told: OnProgress = lambda *_: None

    async def __call__(self, target: Dataset | File, told: OnProgress) -> None:
        assert isinstance(target, File)
        self.told = told
        await self.let.wait()
        self.read.append(target.path)
        if len(self.read) == self.wanted:
            self.all_read.set()
        if target.path == "/broken":
            raise RequestError(Error(code="unreadable_file", message="it is broken"))


async def test_what_is_wanted_is_read_in_order_and_a_failure_is_nobodys_business_yet() -> None:
    reader = Reader()
    ahead = ReadAhead(reader)
    reader.let.set()
    reader.wanted = 3
    async with anyio.create_task_group() as group:
        group.start_soon(ahead.serve)
        ahead.want(files("broken", "a", "b"))
        with anyio.fail_after(5):
            await reader.all_read.wait()
        group.cancel_scope.cancel()
    assert reader.read == ["/broken", "/a", "/b"]


async def test_what_is_wanted_later_takes_the_place_of_what_was_not_begun() -> None:
    reader = Reader()
    ahead = ReadAhead(reader)
    reader.wanted = 2
    async with anyio.create_task_group() as group:
        group.start_soon(ahead.serve)
        ahead.want(files("a", "b", "c"))
        await anyio.wait_all_tasks_blocked()
        ahead.want(files("d"))
        reader.let.set()
        with anyio.fail_after(5):
            await reader.all_read.wait()
        group.cancel_scope.cancel()
    assert reader.read == ["/a", "/d"]


async def test_of_many_the_first_count() -> None:
    reader = Reader()
    ahead = ReadAhead(reader)
    reader.let.set()
    reader.wanted = MOST
    async with anyio.create_task_group() as group:
        group.start_soon(ahead.serve)
        ahead.want(files(*"abcdefgh"))
        with anyio.fail_after(5):
            await reader.all_read.wait()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert len(reader.read) == MOST


async def test_who_asks_for_what_is_being_read_waits_for_it() -> None:
    reader = Reader()
    ahead = ReadAhead(reader)
    (target,) = files("a")
    order: list[str] = []

    async def ask() -> None:
        async with ahead.alone(target):
            order.extend([*reader.read, "asked"])

    async with anyio.create_task_group() as group:
        group.start_soon(ahead.serve)
        ahead.want((target,))
        await anyio.wait_all_tasks_blocked()
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert order == []
        reader.let.set()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert order == ["/a", "asked"]


async def test_who_waits_for_what_is_being_read_hears_how_far_it_has_come() -> None:
    reader = Reader()
    ahead = ReadAhead(reader)
    (target,) = files("a")
    heard: dict[str, list[int]] = {"first": [], "second": [], "gone": []}

    async def ask(name: str) -> None:
        async with ahead.alone(target, lambda done, *_: heard[name].append(done)) as told:
            told(9, 9, "bytes")

    async with anyio.create_task_group() as group:
        group.start_soon(ahead.serve)
        ahead.want((target,))
        await anyio.wait_all_tasks_blocked()
        with anyio.CancelScope() as leaving:
            group.start_soon(ask, "first")
            group.start_soon(ask, "second")
            async with anyio.create_task_group() as leavers:
                leavers.start_soon(ask, "gone")
                await anyio.wait_all_tasks_blocked()
                reader.told(1, 9, "bytes")
                leaving.cancel()
        reader.told(2, 9, "bytes")
        reader.let.set()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert heard["gone"] == [1]
    assert heard["first"] == heard["second"] == [1, 2, 9]


async def test_what_somebody_reads_already_is_not_read_ahead() -> None:
    reader = Reader()
    ahead = ReadAhead(reader)
    reader.let.set()
    async with anyio.create_task_group() as group:
        async with ahead.alone(files("a")[0]):
            group.start_soon(ahead.serve)
            ahead.want(files("a", "b"))
            await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert reader.read == ["/b"]


async def test_what_one_owner_wants_takes_no_others_place_and_they_take_turns() -> None:
    reader = Reader()
    ahead = ReadAhead(reader)
    reader.wanted = 5
    async with anyio.create_task_group() as group:
        ahead.want(files("gone"), "a")
        ahead.want(files("a1", "a2", "a3"), "a")
        ahead.want(files("b1", "b2"), "b")
        ahead.want(files("c1"), "c")
        ahead.want((), "c")
        reader.let.set()
        group.start_soon(ahead.serve)
        with anyio.fail_after(5):
            await reader.all_read.wait()
        group.cancel_scope.cancel()
    assert reader.read == ["/a1", "/b1", "/a2", "/b2", "/a3"]
