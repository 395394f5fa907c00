"""A scripted daemon, for tests of programs that use ``mtv``: real sockets, no window, no repository.

It answers as a daemon would whose window draws everything at once. Tests script other answers, hold replies back,
restart it, and look at what it was asked. One plain thread, one ROUTER; only on ``ipc://``.

>>> with ScriptedDaemon(tmp_path / "mtvd.sock") as daemon:
...     display = mtv.Display(connection=mtv.connect(daemon.endpoint))
...     display.dot("o", 10, 20)
...     assert daemon.steps[-1].symbol == "o"
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

import msgspec
import zmq

from mtv.wire import codec, frames, messages, reports, requests, version
from mtv.wire.errors import Error, MtvError, exception_for
from mtv.wire.frames import Buffer, Kind
from mtv.wire.limits import Limits
from mtv.wire.message import Message
from mtv.wire.steps import AnyStep, Step

WAIT_SECS: Final = 20.0
"""How long a test waits for something that ought to happen."""


class Seen(NamedTuple):
    """A request as it arrived."""

    message: requests.Request
    header: frames.Header
    buffers: tuple[bytes, ...]
    peer: bytes
    """Routing id of the connection."""


Scripted = messages.Reply | tuple[messages.Reply, Sequence[Buffer]]
AnyKind = type[Message] | type[Step]
Script = Callable[[Seen], Scripted] | Scripted


class ScriptedDaemon:
    """A daemon that answers by script.

    Parameters
    ----------
    socket : `~pathlib.Path`
        Where it listens.
    limits : `~mtv.wire.limits.Limits`, optional
        Announced in Welcome.
    pixel_directory : `~pathlib.Path`, optional
        Where clients put pixels; without it they send buffers.

    Attributes
    ----------
    seen : `list` [`Seen`]
        All requests, in the order of arrival, Hello included.
    """

    def __init__(self, socket: Path, *, limits: Limits | None = None, pixel_directory: Path | None = None) -> None:
        self.endpoint = f"ipc://{socket}"
        self.limits = limits or Limits()
        self.pixel_directory = pixel_directory
        self.seen: list[Seen] = []
        self._scripts: dict[type, Script] = {}
        self._held: set[type] = set()
        self._waiting: list[Seen] = []
        self._changed = threading.Condition()
        self._orders: list[Callable[[zmq.Socket[bytes]], object]] = []
        self._thread: threading.Thread | None = None

    def __enter__(self) -> ScriptedDaemon:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # What it does

    def start(self) -> None:
        """Listen; return when clients can connect."""
        self._context = zmq.Context(io_threads=1)
        self._wake = self._pair(bind=True)
        listener = self._context.socket(zmq.ROUTER)
        listener.setsockopt(zmq.LINGER, 0)
        listener.setsockopt(zmq.ROUTER_MANDATORY, 1)
        listener.setsockopt(zmq.SNDHWM, 0)
        listener.setsockopt(zmq.RCVHWM, 0)
        listener.bind(self.endpoint)
        self._epoch = secrets.token_hex(8)
        self._events = 0
        self._subscribers: dict[bytes, Seen] = {}
        self._movies: dict[str, reports.Movie] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, args=(listener,), name="scripted-daemon", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End as a killed daemon would: without a word to anybody."""
        if self._thread is None:
            return
        self._order(lambda _: setattr(self, "_stopping", True))
        self._thread.join()
        self._thread = None
        self._wake.close()
        self._context.term()
        self._waiting.clear()

    def restart(self) -> None:
        """Stop, and start again with another epoch; scripts stay, replies held back are lost."""
        self.stop()
        self.start()

    def script(self, kind: AnyKind, answer: Script) -> None:
        """Answer requests of a type with a reply, a reply and buffers, or whatever a function of `Seen` returns.

        A function may raise `~mtv.wire.errors.MtvError` to have that error sent.
        """
        self._scripts[kind] = answer

    def hold(self, *kinds: AnyKind) -> None:
        """Keep the replies to requests of some types (receipts still go out) until `release`."""
        self._held.update(kinds)

    def release(self, count: int | None = None) -> None:
        """Answer requests that were held back, oldest first: so many, or all, and hold no more of them."""

        def answer(listener: zmq.Socket[bytes]) -> None:
            if count is None:
                self._held.clear()
            going, self._waiting = self._waiting[:count], self._waiting[len(self._waiting[:count]) :]
            for seen in going:
                self._reply(listener, seen)

        self._order(answer)

    def send(self, message: messages.Reply, *, to: Seen, kind: Kind = Kind.REPLY) -> None:
        """Send a reply of any kind to a request."""
        self._order(lambda listener: self._send(listener, to, kind, message))

    def tell(self, event: messages.Event) -> None:
        """Send an event to every session that subscribed, with the next number."""

        def send(listener: zmq.Socket[bytes]) -> None:
            self._events += 1
            numbered = msgspec.structs.replace(event, number=self._events)
            for seen in self._subscribers.values():
                self._send(listener, seen, Kind.EVENT, numbered)

        self._order(send)

    def send_raw(self, parts: Sequence[bytes], *, to: Seen) -> None:
        """Send bytes to a client, whatever they are."""
        self._order(lambda listener: listener.send_multipart([to.peer, *parts]))

    # What it saw

    def of(self, kind: AnyKind) -> list[Seen]:
        """Return the requests of a type, in order of arrival."""
        return [seen for seen in list(self.seen) if isinstance(seen.message, kind)]

    @property
    def steps(self) -> list[AnyStep]:
        """All steps of all transactions, in order of arrival."""
        found: list[AnyStep] = []
        for seen in self.of(requests.Transaction):
            assert isinstance(seen.message, requests.Transaction)
            found += seen.message.steps
        return found

    def wait_for(self, kind: AnyKind, count: int = 1) -> list[Seen]:
        """Wait until so many requests of a type have arrived; return them."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.of(kind)) >= count, WAIT_SECS):
                raise TimeoutError(f"{len(self.of(kind))} of {count} requests of type {kind.__name__} arrived")
        return self.of(kind)

    # Inside

    def _pair(self, *, bind: bool) -> zmq.Socket[bytes]:
        pair = self._context.socket(zmq.PAIR)
        pair.setsockopt(zmq.LINGER, 0)
        (pair.bind if bind else pair.connect)("inproc://orders")
        return pair

    def _order(self, order: Callable[[zmq.Socket[bytes]], object]) -> None:
        with self._changed:
            self._orders.append(order)
            self._wake.send(b"")

    def _run(self, listener: zmq.Socket[bytes]) -> None:
        orders = self._pair(bind=False)
        poller = zmq.Poller()
        poller.register(listener, zmq.POLLIN)
        poller.register(orders, zmq.POLLIN)
        try:
            while not self._stopping:
                ready = dict(poller.poll())
                if orders in ready:
                    orders.recv()
                    with self._changed:
                        order = self._orders.pop(0)
                    order(listener)
                elif listener in ready:
                    self._take(listener, listener.recv_multipart())
        finally:
            orders.close()
            listener.close()

    def _take(self, listener: zmq.Socket[bytes], parts: list[bytes]) -> None:
        header = frames.read_header(parts[1])
        frames.check(header, parts[1:], self.limits)
        seen = Seen(codec.decode_request(parts[2]), header, tuple(parts[3:]), parts[0])
        with self._changed:
            self.seen.append(seen)
            self._changed.notify_all()
        if isinstance(seen.message, requests.Transaction):
            self._send(listener, seen, Kind.RECEIPT, messages.Receipt())
        if type(seen.message) in self._held:
            self._waiting.append(seen)
        else:
            self._reply(listener, seen)

    def _reply(self, listener: zmq.Socket[bytes], seen: Seen) -> None:
        try:
            script = self._scripts.get(type(seen.message), self._usual)
            answer = script(seen) if callable(script) else script
        except MtvError as error:
            self._send(listener, seen, Kind.ERROR, messages.Failed(error=error.error))
            return
        reply, buffers = answer if isinstance(answer, tuple) else (answer, ())
        self._send(listener, seen, Kind.REPLY, reply, buffers)

    def _send(
        self,
        listener: zmq.Socket[bytes],
        to: Seen,
        kind: Kind,
        message: messages.Reply,
        buffers: Sequence[Buffer] = (),
    ) -> None:
        header = to.header
        try:
            listener.send_multipart(
                [to.peer, *frames.pack(kind, header.session, header.sequence, codec.encode(message), buffers)]
            )
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise

    def _usual(self, seen: Seen) -> messages.Reply:
        message = seen.message
        if isinstance(message, requests.Hello):
            return self._welcome()
        if isinstance(message, requests.Subscribe):
            self._subscribers[seen.header.session] = seen
            return messages.Subscribed(epoch=self._epoch, number=self._events)
        if isinstance(message, requests.Unsubscribe | requests.Bye):
            self._subscribers.pop(seen.header.session, None)
        if isinstance(message, requests.Frame):
            return messages.Outcome(steps=(messages.StepOutcome(),))
        if isinstance(message, requests.Transaction):
            return messages.Outcome(steps=tuple(messages.StepOutcome() for _ in message.steps))
        if isinstance(message, requests.Cancel):
            return messages.Cancelled(count=0)
        if isinstance(message, requests.Play | requests.Steer | requests.Follow):
            return self._movie(seen)
        if isinstance(message, requests.ListRegions):
            return messages.RegionList(regions=())
        if isinstance(message, requests.ReadValue):
            x, y = message.sky or (message.x, message.y)
            return messages.PixelValue(x=round(x), y=round(y), position=message.sky)
        if isinstance(message, requests.Describe):
            raise exception_for(Error(code="unknown_display", message="nothing was shown there", where="display"))
        return messages.Done()

    def _movie(self, seen: Seen) -> reports.Movie:
        """Tell of a movie that is over as soon as it is begun."""
        asked, header = seen.message, seen.header
        if isinstance(asked, requests.Play):
            count = len(asked.targets)
            name = f"{header.session.hex()}-{header.sequence}"
            self._movies[name] = reports.Movie(
                movie=name,
                display=asked.display,
                state="ended",
                reason="end",
                count=count,
                position=count - 1,
                fps=asked.fps,
                shown=count,
            )
            return self._movies[name]
        name = asked.movie if isinstance(asked, requests.Steer | requests.Follow) else ""
        if name not in self._movies:
            raise exception_for(Error(code="not_found", message="no such movie", where="movie"))
        return self._movies[name]

    def _welcome(self) -> messages.Welcome:
        directory, nonce = "", ""
        if self.pixel_directory is not None:
            directory, nonce = str(self.pixel_directory), secrets.token_hex(16)
            (self.pixel_directory / "nonce").write_text(nonce)
        return messages.Welcome(
            versions=(version.MAJOR, version.MINOR),
            release="scripted",
            limits=self.limits,
            window=reports.WindowState(state="ready"),
            pixel_directory=directory,
            nonce_name="nonce" if directory else "",
            nonce=nonce,
            epoch=self._epoch,
        )
