"""Fairness: whatever some clients send, the loop has its turns, and the others are answered rightly all the while."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import anyio
import anyio.lowlevel
import pytest
import zmq

from mtv.wire import codec, frames, messages, reports, requests, steps
from mtvd.front.health import Health

pytestmark = pytest.mark.anyio
Daemon = Any

SEED: Final = int(os.environ.get("SEED", "20261130"))
FRAMES: Final = int(os.environ.get("GARBAGE_FRAMES", "20000"))
"""`GARBAGE_FRAMES=200000` tries as many as were asked for once."""
SOCKETS: Final = 20
STRETCHES: Final[tuple[steps.Stretch, ...]] = ("log", "linear")
LOG: Final = logging.getLogger("fairness")
STATUS: Final = codec.encode(requests.Status())
VALID: Final = (
    STATUS,
    codec.encode(steps.Zoom(display=7, factor=2.0)),
    codec.encode(
        requests.Transaction(
            steps=(steps.Overlay(display=7, x=(1.0,), y=(2.0,), replace=True), steps.Pan(x=1.0, y=2.0))
        )
    ),
    codec.encode(requests.Subscribe()),
    codec.encode(requests.Hello(versions=(1, 1), pid=3)),
    codec.encode(requests.Bye()),
)


def read(socket: zmq.Socket[bytes]) -> list[bytes]:
    """Read all answers that are there; return their sessions."""
    sessions = []
    while int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
        sessions.append(frames.read_header(socket.recv_multipart(zmq.NOBLOCK)[0]).session)
    return sessions


@pytest.mark.parametrize("request_", [requests.Status(), b"\xc1"])
async def test_the_loop_goes_on_while_there_is_always_another_message(daemon: Daemon, request_: Any) -> None:
    client = daemon.client()
    await client.ask(requests.Status())
    turns, done = 0, anyio.Event()

    async def count_turns() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(count_turns)
        await anyio.lowlevel.checkpoint()
        numbers = [client.send(request_) for _ in range(400)]
        before = turns
        await client.answer(numbers[-1])
        done.set()
    assert turns - before > 25, "as many messages are one turn, and no more, where reading them is no checkpoint"


async def test_a_transaction_is_drawn_while_others_ask_for_status_without_a_pause(daemon: Daemon) -> None:
    for number in range(1000):
        (daemon.pixels.directory / f"mtv-{os.getpid()}-{number:016x}.fits").write_bytes(b"x")
    good, busy = daemon.client(), daemon.client()
    await good.ask(steps.Scale(stretch="log"))
    flood = [busy.send(requests.Status()) for _ in range(900)]
    assert isinstance(await good.ask(steps.Scale(stretch="linear")), messages.Outcome)
    assert int(busy.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN
    answered = len(read(busy.socket))
    assert answered < len(flood), "it did not wait until the others had all they wanted"
    await busy.answer(flood[-1])


async def test_the_pixel_directory_is_scanned_now_and_then_and_once_for_all_who_ask(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1000):
        (daemon.pixels.directory / f"mtv-{os.getpid()}-{number:016x}.fits").write_bytes(b"xy")
    scans = []
    scandir = os.scandir
    monkeypatch.setattr("os.scandir", lambda *given: scans.append(given) or scandir(*given))  # type: ignore[func-returns-value]
    client = daemon.client()
    number = [client.send(requests.Status()) for _ in range(100)][-1]
    report = await client.answer(number)
    assert isinstance(report, reports.Report)
    assert report.pixel_files == 1001  # the nonce too
    assert 2000 <= report.pixel_bytes < 2100
    assert len(scans) < 50


async def test_what_one_session_floods_with_leaves_places_for_the_others(daemon: Daemon) -> None:
    crowd, other = daemon.client(), daemon.client()
    daemon.window.gate = anyio.Event()
    numbers = [crowd.send(steps.Zoom(display=1, factor=2.0)) for _ in range(55)]
    while daemon.budget.requests_used + daemon.budget.waiting < 55:
        await daemon.client().ask(requests.Status())
    one = other.send(steps.Zoom(display=2, factor=2.0))
    while daemon.budget.requests_used < 26:
        await daemon.client().ask(requests.Status())
    daemon.window.gate.set()
    assert isinstance(await other.answer(one), messages.Outcome)
    for number in numbers:
        assert isinstance(await crowd.answer(number), messages.Outcome)


class Garbage:
    """Frames of every sort from a seed: random, truncated, oversize, out of order, changed, and with others' names."""

    def __init__(self, seed: int, others: Callable[[], list[bytes]]) -> None:
        self._random = random.Random(seed)
        self._others = others

    def __iter__(self) -> Iterator[list[bytes]]:
        makers = (self._noise, self._truncated, self._oversize, self._disordered, self._changed, self._impostor)
        while True:
            yield self._random.choice(makers)()

    def _valid(self, session: bytes | None = None, body: bytes | None = None) -> list[bytes]:
        chosen = self._random.choice(VALID) if body is None else body
        session = self._random.randbytes(16) if session is None else session
        message = frames.pack(frames.Kind.REQUEST, session, self._random.randrange(1, 300), chosen)
        return [bytes(part) for part in message]

    def _noise(self) -> list[bytes]:
        return [self._random.randbytes(self._random.randrange(120)) for _ in range(self._random.randrange(1, 5))]

    def _truncated(self) -> list[bytes]:
        message = self._valid()
        index = self._random.randrange(len(message))
        message[index] = message[index][: self._random.randrange(len(message[index]))]
        return message[: self._random.randrange(1, 3)]

    def _oversize(self) -> list[bytes]:
        head, body = self._valid()
        return [head, body + self._random.randbytes(self._random.choice((1, 100, 20_000)))]

    def _disordered(self) -> list[bytes]:
        message = [*self._valid(), *self._valid()]
        self._random.shuffle(message)
        return message

    def _changed(self) -> list[bytes]:
        message = [bytearray(part) for part in self._valid(self._random.choice(self._others()))]
        part = message[self._random.randrange(2)]
        for _ in range(self._random.randrange(1, 4)):
            part[self._random.randrange(len(part))] ^= 1 << self._random.randrange(8)
        return [bytes(part) for part in message]

    def _impostor(self) -> list[bytes]:
        return self._valid(self._random.choice(self._others()))


async def send(socket: zmq.Socket[bytes], message: Sequence[frames.Buffer]) -> None:
    """Send when there is room; answers are thrown away."""
    while True:
        read(socket)
        try:
            socket.send_multipart(message, zmq.NOBLOCK)
        except zmq.Again:
            await anyio.sleep(0.001)
        else:
            return


async def send_garbage(sockets: list[zmq.Socket[bytes]], garbage: Garbage, count: int) -> None:
    """Send as fast as the daemon reads; answers are thrown away."""
    for sent, message in zip(range(count), garbage, strict=False):
        await send(sockets[sent % len(sockets)], message)
        if sent % len(sockets) == 0:
            await anyio.lowlevel.checkpoint()
    for socket in sockets:  # all that was sent before is read when this is answered
        last = os.urandom(16)
        await send(socket, frames.pack(frames.Kind.REQUEST, last, 1, STATUS))
        while last not in read(socket):
            await anyio.sleep(0.001)


@pytest.mark.parametrize("greeted", [True, False])
async def test_garbage_from_many_sockets_is_noticed_by_nobody_else(
    daemon: Daemon,
    greeted: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    good, watching = daemon.client(), daemon.client()
    for client in (good, watching):
        if greeted:
            await client.greet()
        await client.ask(steps.Scale(stretch="linear"))
    await watching.ask(requests.Subscribe())
    bad = [daemon.client().socket for _ in range(SOCKETS)]
    garbage = Garbage(SEED + greeted, lambda: [good.session, watching.session])
    over = anyio.Event()

    async def throw() -> None:
        await send_garbage(bad, garbage, FRAMES)
        over.set()

    took: list[float] = []
    async with anyio.create_task_group() as group:
        group.start_soon(throw)
        while not over.is_set():
            stretch = STRETCHES[len(took) % 2]
            began = time.perf_counter()
            reply = await good.ask(steps.Scale(stretch=stretch))
            took.append(time.perf_counter() - began)
            assert isinstance(reply, messages.Outcome), reply
            assert daemon.engine.scene.displays[0].scale.stretch == stretch
            daemon.events.publish(messages.Event(kind="key", key="a"))
            _, event = await watching.receive()
            assert isinstance(event, messages.Event), "the listener of events is told of them, and of nothing else"
            await watching.ask(requests.Subscribe(seen=event.number))
    assert isinstance(await good.ask(requests.Status()), reports.Report)
    assert isinstance(await daemon.client().ask(steps.Scale()), messages.Outcome)
    assert daemon.listener.refused > FRAMES / 4
    lines = [record for record in caplog.records if record.name.startswith("mtvd.")]
    assert not [record for record in lines if record.levelno >= logging.ERROR]
    assert len(lines) < 12 * (sum(took) * 3 + 30), "what is refused is added up, not written down one by one"
    assert len(daemon.sessions) < 1200
    took.sort()
    p50, p99, longest = (1e3 * took[min(len(took) - 1, len(took) * place // 100)] for place in (50, 99, 100))
    LOG.info("%d frames, %d good requests: p50 %.1f, p99 %.1f, longest %.1f ms", FRAMES, len(took), p50, p99, longest)


async def test_the_watchdog_is_answered_under_a_flood(daemon: Daemon) -> None:
    health = Health(daemon.context, daemon.endpoint)
    bad = [daemon.client().socket for _ in range(SOCKETS)]
    async with anyio.create_task_group() as group:
        group.start_soon(send_garbage, bad, Garbage(SEED, lambda: [bytes(16)]), 10**9)
        for _ in range(5):
            with anyio.fail_after(20):
                assert await health.answers()
        group.cancel_scope.cancel()


async def test_the_watchdog_leaves_no_session(daemon: Daemon) -> None:
    health = Health(daemon.context, daemon.endpoint)
    with anyio.fail_after(20):
        for _ in range(5):
            assert await health.answers()
        while len(daemon.sessions):
            await anyio.lowlevel.checkpoint()
