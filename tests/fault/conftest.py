"""A daemon in the test's own process, on a real socket, with a scripted window and fake repositories."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
import zmq
from tests.support import backends
from tests.support.fake_repositories import FakeRepositories
from tests.support.grey_pieces import grey_piece, one_piece

from mtv.shared import keys
from mtv.shared.keys import ClientKeys
from mtv.wire import codec, frames, messages, proof, requests
from mtv.wire.limits import Limits
from mtv.wire.messages import Reply
from mtv.wire.reports import WindowState
from mtvd.host.pixelstore import PixelStore
from mtvd.rooms import build
from mtvd.settings.config import RemoteSettings, Settings
from mtvd.stage.port import Batch, PieceBox, PiecePlan, Pieces, SectionResult, WindowLost, WindowUnavailable

WAIT_SECS = 20
FAR_BYTES = 1 << 20
"""Of buffers in a message from or to another host."""
anyio_backend = backends.both


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
        self.lost_redraws = 0
        self.redraws = 0
        self.screen = anyio.Event()
        self.screen.set()
        """Until it is set nothing is redrawn."""
        self.offered: list[str] = []
        self.listed = ""
        """Regions that it lists, whatever the frame."""

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

    async def adopt(self) -> tuple[str, int] | None:
        return None

    async def sync(self) -> None:
        if self.lost_looks:
            self.lost_looks -= 1
            self.generation += 1
            raise WindowLost("it died")

    async def await_redraw(self) -> None:
        await self.screen.wait()
        if self.lost_redraws:
            self.lost_redraws -= 1
            self.generation += 1
            raise WindowLost("it died")
        self.redraws += 1

    async def snapshot(self, frame: int | None, image_format: str) -> bytes:
        await self.sync()
        return b"\x89PNG"

    async def list_regions(self, frame: int | None, system: str, *, ours: bool) -> str:
        return self.listed

    async def survey(self, frame: int, size: tuple[int, int]) -> PiecePlan:
        return one_piece(size)

    async def pieces(self, frame: int, size: tuple[int, int], boxes: Sequence[PieceBox], most_ms: int) -> Pieces:
        return grey_piece(size)

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
        self._passed_over: dict[int, list[Reply]] = {}
        """Answers of other requests that came first: nobody promises in what order requests are answered."""

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
        self.send(requests.Hello(versions=(1, 1), pid=1, secret=self.secret), sequence=0)
        return await self.answer(0)

    async def receive(self) -> tuple[frames.Header, Reply]:
        with anyio.fail_after(WAIT_SECS):
            while not int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
                await anyio.wait_readable(int(self.socket.getsockopt(zmq.FD)))
        message = self.socket.recv_multipart(zmq.NOBLOCK)
        return frames.read_header(message[0]), codec.decode_reply(message[1])

    async def answer(self, sequence: int) -> Reply:
        """Return the final answer of a request, once; receipts, progress and events are passed over.

        Answers of other requests stay for whoever asks for them.
        """
        while not self._passed_over.get(sequence):
            header, reply = await self.receive()
            if not isinstance(reply, messages.Receipt | messages.Progress | messages.Event):
                self._passed_over.setdefault(header.sequence, []).append(reply)
        return self._passed_over[sequence].pop(0)

    async def ask(self, request: Any, buffers: Sequence[bytes] = ()) -> Reply:
        return await self.answer(self.send(request, buffers))


class TestDaemon:
    """The rooms of a daemon, with a scripted window and fake repositories in place of DS9 and Butler."""

    __test__ = False

    def __init__(
        self, directory: Path, context: zmq.Context[zmq.Socket[bytes]], *, hears_others: bool = False, epoch: str = ""
    ) -> None:
        self.context = context
        self.endpoint = f"ipc://{directory}/s"
        self.pixels = PixelStore(directory / "pixels", 1 << 26)
        self.window = self.make_window()
        self.repositories = FakeRepositories(self.pixels)
        self.limits = Limits(steps=100, buffer_bytes=1 << 26)
        self.stopped: list[bool | None] = []
        self.clients: list[RawClient] = []
        rooms = build(
            Settings(
                endpoint=self.endpoint,
                runtime_directory=str(directory),
                requests=50,
                request_bytes=1 << 26,
                remote=RemoteSettings(listen="tcp://127.0.0.1:*" if hears_others else "", message_bytes=FAR_BYTES),
            ),
            context,
            pixels=self.pixels,
            stage=self.window,
            repositories=self.repositories,
            shut_down=self.stopped.append,
            limits=self.limits,
            epoch=epoch,
        )
        self.rooms = rooms
        self.sessions, self.handles, self.journal = rooms.sessions, rooms.handles, rooms.journal
        self.committer, self.engine = rooms.committer, rooms.engine
        self.feeds, self.movies, self.events = rooms.feeds, rooms.movies, rooms.events
        self.handlers, self.budget, self.listener, self.far = rooms.handlers, rooms.budget, rooms.listener, rooms.remote
        self.housekeeping = rooms.housekeeping

    def make_window(self) -> GatedWindow:
        """Return the window; its pixel files are there already."""
        return GatedWindow()

    def client(self) -> RawClient:
        """Return a new client."""
        self.clients.append(RawClient(self.context, self.endpoint))
        return self.clients[-1]

    def far_client(self, *, most_unread: int = 1000) -> RawClient:
        """Return a new client that comes over TCP."""
        endpoint = self.handlers.listen
        self.clients.append(RawClient(self.context, endpoint, keys.for_client(endpoint), most_unread=most_unread))
        return self.clients[-1]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve."""
        try:
            async with anyio.create_task_group() as group:
                await group.start(self.rooms.serve)
                try:
                    yield
                finally:
                    group.cancel_scope.cancel()
        finally:
            for client in self.clients:
                client.socket.close()
            self.rooms.close()
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
        made = TestDaemon(tmp_path, context, hears_others=True)
        async with made.running():
            yield made
