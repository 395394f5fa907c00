"""A daemon in the test's own process, on a real socket, with a scripted window and fake repositories."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
import zmq

from mtv.shared import keys
from mtv.shared.keys import ClientKeys
from mtv.wire import codec, frames, messages, proof
from mtv.wire.limits import Limits
from mtv.wire.messages import Reply, WindowState
from mtvd.drawing.committer import Committer
from mtvd.drawing.engine import Engine
from mtvd.drawing.journal import Journal
from mtvd.drawing.sessions import Session, Sessions
from mtvd.front.budget import Budget
from mtvd.front.door import ZAP_ENDPOINT, Door
from mtvd.front.events import Events
from mtvd.front.handlers import Handlers
from mtvd.front.listener import Listener
from mtvd.front.zsocket import RouterSocket
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.fake import FakeRepositories
from mtvd.resolving.handles import Handles
from mtvd.resolving.images import Images
from mtvd.resolving.resolver import Resolver
from mtvd.stage.port import Batch, SectionResult, WindowLost, WindowUnavailable
from mtvd.streams.feeds import Feeds
from mtvd.streams.movies import Movies

WAIT_SECS = 20
FAR_BYTES = 1 << 20
"""Of buffers in a message from or to another host."""


class GatedWindow:
    """A window that draws everything, when its gate is open."""

    def __init__(self) -> None:
        self.state = WindowState(state="ready")
        self.colormaps = ("grey", "heat")
        self.batches: list[Batch] = []
        self.gate = anyio.Event()
        self.gate.set()
        self.reached = anyio.Event()
        self.unavailable = ""
        self.generation = 1
        self.lost_looks = 0
        self.offered: list[str] = []

    def offer_display(self, x_display: str, xauthority: str) -> None:
        self.offered.append(x_display)

    async def ensure(self) -> int:
        if self.unavailable:
            raise WindowUnavailable(self.unavailable)
        return self.generation

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        self.reached.set()
        await self.gate.wait()
        self.batches.append(batch)
        return tuple(SectionResult(key=section.key) for section in batch.sections)

    async def committed(self) -> tuple[str, int] | None:
        return None

    async def sync(self) -> None:
        if self.lost_looks:
            self.lost_looks -= 1
            self.generation += 1
            raise WindowLost("it died")

    async def snapshot(self, frame: int | None, image_format: str) -> bytes:
        await self.sync()
        return b"\x89PNG"

    async def close(self, *, keep_window: bool) -> None:
        pass


class RawClient:
    """A DEALER that sends what it is told, well-formed or not."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        keys: ClientKeys | None = None,
        *,
        most_unread: int = 1000,
    ) -> None:
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, most_unread)
        if keys is not None:
            self.socket.curve_serverkey = keys.server
            self.socket.curve_publickey, self.socket.curve_secretkey = keys.own
        self.socket.connect(endpoint)
        self.session = uuid.uuid4().bytes
        self.secret = ""
        self.numbers = itertools.count(1)

    def send(self, request: Any, buffers: Sequence[bytes] = (), *, sequence: int | None = None) -> int:
        number = next(self.numbers) if sequence is None else sequence
        body = request if isinstance(request, bytes) else codec.encode(request)
        self.socket.send_multipart(frames.pack(frames.Kind.REQUEST, self.session, number, body, buffers))
        return number

    async def greet(self) -> Reply:
        """Open the connection as a client does; a secret is made the first time, and the session's id of it."""
        if not self.secret:
            self.secret = secrets.token_hex(16)
            self.session = proof.session_id(self.secret)
        self.send(messages.Hello(versions=(1, 1), pid=1, secret=self.secret), sequence=0)
        return await self.answer(0)

    async def receive(self) -> tuple[frames.Header, Reply]:
        with anyio.fail_after(WAIT_SECS):
            while not int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
                await anyio.wait_readable(int(self.socket.getsockopt(zmq.FD)))
        message = self.socket.recv_multipart(zmq.NOBLOCK)
        return frames.read_header(message[0]), codec.decode_reply(message[1])

    async def answer(self, sequence: int) -> Reply:
        """Return the final answer of a request; receipts, progress, events and other answers are passed over."""
        while True:
            header, reply = await self.receive()
            if header.sequence == sequence and not isinstance(
                reply, messages.Receipt | messages.Progress | messages.Event
            ):
                return reply

    async def ask(self, request: Any, buffers: Sequence[bytes] = ()) -> Reply:
        return await self.answer(self.send(request, buffers))


class TestDaemon:
    """The rooms of a daemon, joined without DS9 and Butler."""

    __test__ = False

    def __init__(self, directory: Path, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.context = context
        self.endpoint = f"ipc://{directory}/s"
        self.window = GatedWindow()
        self.pixels = PixelStore(directory / "pixels", 1 << 26)
        self.repositories = FakeRepositories(self.pixels)
        self.sessions = Sessions(time.monotonic)
        self.handles = Handles(time.monotonic)
        self.journal = Journal(directory / "journal")
        self.limits = Limits(steps=100)
        self.committer = Committer(
            stage=self.window,
            journal=self.journal,
            sessions=self.sessions,
            handles=self.handles,
            pixels=self.pixels,
            epoch="test",
        )
        resolver = Resolver(
            images=Images(self.pixels, self.limits),
            pixels=self.pixels,
            repositories=self.repositories,
            handles=self.handles,
            limits=self.limits,
        )
        self.engine = Engine(stage=self.window, resolver=resolver, committer=self.committer, clock=time.monotonic)
        self.stopped: list[bool | None] = []
        self.events = Events(self.sessions)
        self.feeds = Feeds(self.pixels, self.limits, lambda: self.engine.scene.files(), time.monotonic)
        self.movies = Movies(
            engine=self.engine,
            repositories=self.repositories,
            forget=self.sessions.forget,
            limits=self.limits,
            clock=time.monotonic,
        )
        self.engine.on_drawn = self.movies.look
        self.handlers = Handlers(
            movies=self.movies,
            feeds=self.feeds,
            engine=self.engine,
            committer=self.committer,
            events=self.events,
            stage=self.window,
            repositories=self.repositories,
            handles=self.handles,
            sessions=self.sessions,
            pixels=self.pixels,
            journal=self.journal,
            limits=self.limits,
            epoch="test",
            endpoint=self.endpoint,
            pid=1,
            clock=time.monotonic,
            shut_down=self.stopped.append,
        )
        self.budget = Budget(requests=50, size_bytes=1 << 26)
        self.listener = Listener(
            socket=RouterSocket(context, self.endpoint, 1 << 26),
            handlers=self.handlers,
            sessions=self.sessions,
            budget=self.budget,
            limits=self.limits,
        )
        self.events.tell = self.listener.tell
        self.clients: list[RawClient] = []
        self.door: Door | None = None
        self.far: Listener | None = None

    def client(self) -> RawClient:
        """Return a new client."""
        self.clients.append(RawClient(self.context, self.endpoint))
        return self.clients[-1]

    def hear_others(self) -> None:
        """Hear clients on other hosts too, with the keys that there are."""
        self.door = Door(RouterSocket(self.context, ZAP_ENDPOINT, 1 << 12), keys.directory())
        socket = RouterSocket(self.context, "tcp://127.0.0.1:*", 1 << 26, keys=keys.pair(keys.DAEMON))
        self.handlers.listen = socket.endpoint
        self.far = Listener(
            socket=socket,
            handlers=self.handlers,
            sessions=self.sessions,
            budget=self.budget,
            limits=msgspec.structs.replace(self.limits, buffer_bytes=FAR_BYTES),
            door=self.door,
        )
        self.events.tell = self._tell

    def _tell(self, session: Session, event: messages.Event) -> bool:
        listener = self.far if session.is_remote else self.listener
        assert listener is not None
        return listener.tell(session, event)

    def far_client(self, *, most_unread: int = 1000) -> RawClient:
        """Return a new client that comes over TCP."""
        endpoint = self.handlers.listen
        self.clients.append(RawClient(self.context, endpoint, keys.for_client(endpoint), most_unread=most_unread))
        return self.clients[-1]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve."""
        await self.committer.recover()
        self.handlers.share_host("nonce")
        try:
            async with anyio.create_task_group() as group:
                await group.start(self.movies.serve)
                group.start_soon(self.engine.serve)
                group.start_soon(self.listener.serve)
                if self.door is not None and self.far is not None:
                    group.start_soon(self.door.serve)
                    group.start_soon(self.far.serve)
                try:
                    yield
                finally:
                    group.cancel_scope.cancel()
        finally:
            for client in self.clients:
                client.socket.close()
            for part in (self.listener, self.far, self.door):
                if part is not None:
                    part.close()
            self.journal.close()


@pytest.fixture
def make_daemon() -> type[TestDaemon]:
    """What makes a daemon, for tests that need one after the other."""
    return TestDaemon


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[TestDaemon]:
    """A running daemon."""
    with zmq.Context[zmq.Socket[bytes]]() as context:
        made = TestDaemon(tmp_path, context)
        async with made.running():
            yield made


@pytest.fixture
async def far_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestDaemon]:
    """A running daemon that hears other hosts as well; this one has the keys of both sides, and is let in."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    keys.make(keys.DAEMON)
    keys.make(keys.CLIENT)
    keys.authorise(keys.directory() / "client.key", "me")
    with zmq.Context[zmq.Socket[bytes]](io_threads=2) as context:
        made = TestDaemon(tmp_path, context)
        made.hear_others()
        async with made.running():
            yield made
