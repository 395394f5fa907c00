"""Workers that die, hang or are cancelled: the caller is told, and the next request works."""

from __future__ import annotations

import errno
import os
import signal
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import TaskStatus

from mtv.wire.data import File
from mtv.wire.errors import DaemonError, DeadlineExceeded, MtvError
from mtvd.host.children import Child, ChildError, ChildNotStarted
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.aliases import RepositorySettings
from mtvd.repo.pool import ButlerRepositories
from mtvd.repo.workers import WorkerPool

pytestmark = pytest.mark.anyio
LONG_SECS = 40.0
FAULTY = """
    import os, signal, time
    from mtvd.host.children import HandlerFailure, serve

    def echo(value): return value
    def pid(): return os.getpid()
    def die(): os.kill(os.getpid(), signal.SIGKILL)
    def fail(): raise HandlerFailure("no", reason="why")
    def huge(how):
        if how == "raised": raise HandlerFailure("too large", reason=10 ** 30)
        return 10 ** 30 if how == "answered" else {"a set"}
    def hang(progress):
        progress(0, 1, "hanging")
        time.sleep(1000)
    def report(progress):
        progress(1, 2, "rows")
        return True
    def tell(part, how):
        part({"half": 1})
        if how == "fail": fail()
        return "whole"

    handlers = (echo, pid, die, fail, hang, huge, report, tell)
    serve({handler.__name__: handler for handler in handlers})
"""


class Bench:
    """A pool of workers with faults at named methods."""

    def __init__(self, directory: Path, **options: Any) -> None:
        (directory / "faulty_worker.py").write_text(textwrap.dedent(FAULTY))
        self.directory = directory
        self.lost: list[int] = []
        self.started = 0
        self.pool = WorkerPool(self._start, on_lost=self.lost.append, **{"size": 1, "kept": 1, **options})

    async def _start(self, slot: int) -> Child:
        self.started += 1
        paths = os.pathsep.join([str(self.directory), os.environ.get("PYTHONPATH", "")])
        return await Child.start(
            "faulty_worker", log=self.directory / f"log-{slot}", env={**os.environ, "PYTHONPATH": paths}
        )

    async def call(self, method: str, **params: Any) -> Any:
        return await self.pool.call(method, params, deadline_secs=LONG_SECS)

    async def hang(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep a worker hanging until cancelled; started once the worker says so."""

        def hanging(*_: object) -> None:
            task_status.started()

        await self.pool.call("hang", {}, deadline_secs=LONG_SECS, on_progress=hanging)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.pool.close()


async def test_no_worker_is_started_before_it_is_needed(bench: Bench) -> None:
    assert (bench.pool.alive, bench.started) == (0, 0)
    assert await bench.call("echo", value=1) == 1
    assert (bench.pool.alive, bench.started) == (1, 1)


async def test_a_worker_is_used_again(bench: Bench) -> None:
    assert await bench.call("pid") == await bench.call("pid")


async def test_a_worker_that_dies_in_a_call_fails_it_and_the_next_one_works(bench: Bench) -> None:
    first = await bench.call("pid")
    with pytest.raises(DaemonError) as caught:
        await bench.call("die")
    assert (caught.value.code, caught.value.error.retryable) == ("repository_failed", True)
    assert bench.lost == [first]
    assert await bench.call("pid") != first


async def test_a_worker_that_died_while_idle_is_replaced_unnoticed(bench: Bench) -> None:
    first = await bench.call("pid")
    os.kill(first, signal.SIGKILL)
    with anyio.fail_after(LONG_SECS):
        while True:
            try:
                second = await bench.call("pid")
                break
            except DaemonError:  # its end had not been noticed yet
                await anyio.lowlevel.checkpoint()
    assert second != first


async def test_a_worker_that_hangs_is_killed_at_the_deadline(bench: Bench) -> None:
    first = await bench.call("pid")
    with pytest.raises(DeadlineExceeded) as caught:
        await bench.pool.call("hang", {}, deadline_secs=0.2)
    assert caught.value.code == "deadline"
    assert bench.lost == [first]
    assert await bench.call("echo", value=2) == 2


async def test_a_cancelled_call_kills_its_worker_and_the_next_one_works(bench: Bench) -> None:
    first = await bench.call("pid")
    async with anyio.create_task_group() as group:
        await group.start(bench.hang)
        group.cancel_scope.cancel()
    assert bench.lost == [first]
    assert bench.pool.alive == 0
    assert await bench.call("echo", value=3) == 3


async def test_a_handler_that_raises_keeps_its_worker(bench: Bench) -> None:
    first = await bench.call("pid")
    with pytest.raises(ChildError) as caught:
        await bench.call("fail")
    assert caught.value.payload == {"reason": "why"}
    assert await bench.call("pid") == first


@pytest.mark.parametrize("how", ["answered", "raised", "of no type of the wire"])
async def test_an_answer_that_the_wire_does_not_carry_fails_its_call_and_keeps_its_worker(
    bench: Bench, how: str
) -> None:
    pid = await bench.call("pid")
    with pytest.raises(ChildError) as caught:
        await bench.call("huge", how=how)
    assert caught.value.kind in {"OverflowError", "HandlerFailure", "TypeError"}
    assert await bench.call("pid") == pid


async def test_progress_reaches_the_caller(bench: Bench) -> None:
    seen: list[tuple[int, int, str]] = []
    await bench.pool.call("report", {}, deadline_secs=LONG_SECS, on_progress=lambda *step: seen.append(step))
    assert seen == [(1, 2, "rows")]


async def test_a_part_of_an_answer_comes_ahead_of_it(bench: Bench) -> None:
    seen: list[Any] = []
    answer = await bench.pool.call("tell", {"how": ""}, deadline_secs=LONG_SECS, on_part=seen.append)
    assert (seen, answer) == ([{"half": 1}], "whole")
    with pytest.raises(ChildError):
        await bench.pool.call("tell", {"how": "fail"}, deadline_secs=LONG_SECS, on_part=seen.append)
    assert len(seen) == 2
    assert await bench.call("tell", how="") == "whole", "nobody needs to listen"


async def test_calls_beyond_the_queue_are_refused_as_busy(tmp_path: Path) -> None:
    bench = Bench(tmp_path, waiting=1)
    async with anyio.create_task_group() as group:
        await group.start(bench.hang)
        group.start_soon(lambda: bench.call("echo", value=1))
        while bench.pool.queued < 1:
            await anyio.lowlevel.checkpoint()
        with pytest.raises(DaemonError) as caught:
            await bench.call("echo", value=2)
        group.cancel_scope.cancel()
    assert (caught.value.code, caught.value.error.retryable) == ("busy", True)
    await bench.pool.close()


async def test_a_call_that_waits_too_long_for_a_worker_is_busy(tmp_path: Path) -> None:
    bench = Bench(tmp_path, queue_deadline_secs=0.1)
    async with anyio.create_task_group() as group:
        await group.start(bench.hang)
        with pytest.raises(DaemonError) as caught:
            await bench.call("echo", value=2)
        group.cancel_scope.cancel()
    assert caught.value.code == "busy"
    await bench.pool.close()


async def test_two_workers_work_at_once_and_one_leaves_when_idle(tmp_path: Path) -> None:
    bench = Bench(tmp_path, size=2, idle_secs=0.0)
    async with anyio.create_task_group() as group:
        await group.start(bench.pool.serve)
        async with anyio.create_task_group() as calls:
            await calls.start(bench.hang)
            await calls.start(bench.hang)
            assert bench.pool.alive == 2
            calls.cancel_scope.cancel()
        async with anyio.create_task_group() as calls:
            calls.start_soon(lambda: bench.call("pid"))
            calls.start_soon(lambda: bench.call("pid"))
        with anyio.fail_after(LONG_SECS):
            while bench.pool.alive > 1:
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert bench.pool.alive == 0


async def test_a_closed_pool_refuses(bench: Bench) -> None:
    await bench.call("pid")
    await bench.pool.close()
    with pytest.raises(DaemonError) as caught:
        await bench.call("pid")
    assert caught.value.code == "shutting_down"


async def test_what_a_killed_worker_left_in_the_pixel_directory_is_removed(tmp_path: Path) -> None:
    store = PixelStore(tmp_path / "pixels", 1 << 20)
    repositories = ButlerRepositories(RepositorySettings(workers=1, use_index=False), store, tmp_path)
    try:
        with pytest.raises(MtvError):
            await repositories.read_for_display(File(path="/etc/hostname"))
        ((_, _, child),) = repositories._pool._idle
        os.close(store.create("img", 10)[1])
        orphan = f"img-{child.pid}-0123456789abcdef.fits"
        (store.directory / orphan).write_bytes(b"half")
        await child.kill()
        with pytest.raises(MtvError):
            await repositories.read_for_display(File(path="/etc/hostname"))
        assert orphan not in store.names()
        assert len(store.names()) == 1
    finally:
        await repositories.close()


async def test_a_call_that_comes_while_the_last_worker_is_sent_home_gets_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, leaving, gone = Bench(tmp_path, kept=0, idle_secs=0.0), anyio.Event(), anyio.Event()
    kill = Child.kill

    async def slow(child: Child) -> None:
        leaving.set()
        with anyio.CancelScope(shield=True), anyio.fail_after(LONG_SECS):
            await gone.wait()
        await kill(child)

    async with anyio.create_task_group() as group:
        await group.start(bench.pool.serve)
        first = await bench.call("pid")
        monkeypatch.setattr(Child, "kill", slow)
        with anyio.fail_after(LONG_SECS):
            await leaving.wait()
            async with anyio.create_task_group() as calls:

                async def call() -> None:
                    assert await bench.call("pid") != first

                calls.start_soon(call)
                while not bench.pool.queued and bench.started == 1:
                    await anyio.lowlevel.checkpoint()
                gone.set()
        group.cancel_scope.cancel()
    assert bench.lost.count(first) == 1
    assert sorted(bench.pool._free_slots) == [0]


async def test_many_calls_while_workers_come_and_go_all_get_their_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path, size=2, kept=0, idle_secs=0.0)
    answers: list[int] = []
    async with anyio.create_task_group() as group:
        await group.start(bench.pool.serve)
        async with anyio.create_task_group() as calls:

            async def ask(number: int) -> None:
                answers.extend([await bench.call("echo", value=10 * number + turn) for turn in range(3)])

            for number in range(3):
                calls.start_soon(ask, number)
        group.cancel_scope.cancel()
    assert sorted(answers) == sorted(10 * number + turn for number in range(3) for turn in range(3))
    assert sorted(bench.pool._free_slots) == [0, 1]


async def test_a_worker_that_is_ready_only_when_the_pool_is_closed_is_ended(tmp_path: Path) -> None:
    bench, begun, go_on = Bench(tmp_path), anyio.Event(), anyio.Event()
    started: list[Child] = []
    start = bench._start

    async def slow(slot: int) -> Child:
        started.append(await start(slot))
        begun.set()
        await go_on.wait()
        return started[0]

    bench.pool._start = slow
    with anyio.fail_after(LONG_SECS):
        async with anyio.create_task_group() as group:

            async def call() -> None:
                with pytest.raises(DaemonError) as caught:
                    await bench.call("pid")
                assert caught.value.code == "shutting_down"

            group.start_soon(call)
            await begun.wait()
            await bench.pool.close()
            go_on.set()
    assert not started[0].alive


@pytest.mark.parametrize(("number", "code"), [(errno.EMFILE, "busy"), (errno.EACCES, "repository_failed")])
async def test_a_worker_that_cannot_be_started_fails_the_call_and_the_next_one_works(
    bench: Bench, number: int, code: str
) -> None:
    start = bench._start

    async def no_room(_slot: int) -> Child:
        raise ChildNotStarted(f"no process could be started: {os.strerror(number)}") from OSError(number, "no")

    bench.pool._start = no_room
    with pytest.raises(DaemonError, match=os.strerror(number)) as caught:
        await bench.call("pid")
    assert (caught.value.code, caught.value.error.retryable) == (code, True)
    bench.pool._start = start
    assert await bench.call("echo", value=1) == 1


async def test_what_a_lost_worker_left_and_cannot_be_removed_costs_nobody_else(bench: Bench) -> None:
    def stuck(_pid: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    bench.pool._on_lost = stuck
    with pytest.raises(DaemonError, match="died"):
        await bench.call("die")
    assert await bench.call("echo", value=1) == 1


async def test_a_daemon_whose_first_worker_cannot_be_started_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_room(*_: object, **__: object) -> Child:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    store = PixelStore(tmp_path / "pixels", 1 << 20)
    settings = RepositorySettings(aliases={"demo": str(tmp_path)}, use_index=False)
    repositories = ButlerRepositories(settings, store, tmp_path)
    monkeypatch.setattr(Child, "start", no_room)
    await repositories.warm()
    await repositories.close()
