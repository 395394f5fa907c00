"""A worker process of our own: started, called with a deadline, killed. Used for the DS9 lane and for Butler workers.

Requests and answers are MessagePack maps behind a 4-byte length, over the child's standard input and output. One call
at a time: who wants more keeps more children. A call that is cancelled or late leaves the child in an unknown state,
so the child is killed; there is no other way to be sure.

The parent's half needs anyio; the child's half (`serve`) is plain blocking code without it.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgpack

if TYPE_CHECKING:
    from anyio.abc import Process

_LENGTH: Final = struct.Struct(">I")
_STDERR_TAIL_BYTES: Final = 4000
Handler = Callable[..., Any]


class ChildError(Exception):
    """The child's handler raised: class name, message, and a payload of its own choosing."""

    def __init__(self, kind: str, message: str, payload: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.kind = kind
        self.payload = payload


class ChildLost(Exception):
    """The child died, was too late, or was cancelled; it is gone now."""


class ChildNotStarted(ChildLost):
    """The system did not let it start: no descriptors, no memory, no more processes. It may at another time."""


class HandlerFailure(Exception):
    """Raised by a handler in the child to send a payload along with its message."""

    def __init__(self, message: str, **payload: Any) -> None:
        super().__init__(message)
        self.payload = payload


class Child:
    """One worker process, owned by whoever started it.

    Parameters
    ----------
    process : `anyio.abc.Process`
        Started by `start`.
    log : `~pathlib.Path`
        Where its standard error goes.
    """

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._buffer = bytearray()

    @classmethod
    async def start(cls, module: str, *arguments: str, log: Path, env: Mapping[str, str] | None = None) -> Child:
        """Start ``python -m module``; its standard error goes to ``log``, which is truncated.

        Raises
        ------
        ChildNotStarted
            The system refuses.
        """
        import anyio

        try:
            with log.open("wb") as stderr:
                process = await anyio.open_process(
                    [sys.executable, "-m", module, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=None if env is None else dict(env),
                    start_new_session=True,
                )
        except OSError as error:
            raise ChildNotStarted(f"no process could be started: {error.strerror or error}") from error
        return cls(process, log)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False once the process has ended."""
        return self._process.returncode is None

    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        deadline_secs: float,
        on_progress: Callable[[int, int, str], None] | None = None,
        on_part: Callable[[Any], None] | None = None,
    ) -> Any:
        """Call a handler of the child and return its answer.

        Parameters
        ----------
        on_part : callable, optional
            Called with what the handler tells of its answer before that is whole.

        Raises
        ------
        ChildError
            The handler raised; the child lives.
        ChildLost
            The child did not answer in time and has been killed, or has ended by itself.
        """
        import anyio

        answered = False
        try:
            with anyio.fail_after(deadline_secs):
                await self._send({"method": method, "params": dict(params)})
                while True:
                    answer = await self._receive()
                    if "part" in answer:
                        if on_part:
                            on_part(answer["part"])
                    elif "progress" not in answer:
                        break
                    elif on_progress:
                        on_progress(*answer["progress"])
            answered = True
        except TimeoutError:
            raise ChildLost(f"no answer to {method} within {deadline_secs:g} s") from None
        except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError, ValueError) as error:
            raise ChildLost(f"worker ended during {method}: {self.last_words() or type(error).__name__}") from error
        finally:
            if not answered:
                await self.kill()
        if "error" in answer:
            raise ChildError(**answer["error"])
        return answer["result"]

    async def kill(self) -> None:
        """End the process now and reap it."""
        import anyio

        with anyio.CancelScope(shield=True):
            if self.alive:
                self._process.kill()
            with anyio.move_on_after(5):
                await self._process.wait()
            await self._process.aclose()

    def last_words(self) -> str:
        """Return the last line that the child wrote to its standard error."""
        try:
            with self._log.open("rb") as log:
                log.seek(-min(_STDERR_TAIL_BYTES, log.seek(0, os.SEEK_END)), os.SEEK_END)
                text = log.read().decode(errors="replace").strip()
        except OSError:
            return ""
        return text.splitlines()[-1] if text else ""

    async def _send(self, message: Mapping[str, Any]) -> None:
        body = msgpack.packb(message)
        assert self._process.stdin is not None
        await self._process.stdin.send(_LENGTH.pack(len(body)) + body)

    async def _receive(self) -> dict[str, Any]:
        while len(self._buffer) < _LENGTH.size or len(self._buffer) < _LENGTH.size + self._announced_bytes():
            assert self._process.stdout is not None
            self._buffer += await self._process.stdout.receive()
        size = self._announced_bytes()
        body = bytes(self._buffer[_LENGTH.size : _LENGTH.size + size])
        del self._buffer[: _LENGTH.size + size]
        answer: dict[str, Any] = msgpack.unpackb(body, strict_map_key=False)
        return answer

    def _announced_bytes(self) -> int:
        (size,) = _LENGTH.unpack_from(self._buffer)
        return int(size)


def serve(handlers: Mapping[str, Handler]) -> None:
    """Answer calls until standard input ends: the child's half.

    Each handler is called with the parameters as keywords. A handler that names a parameter ``progress`` is given a
    function ``progress(done, total, unit)``; one that names ``part`` a function ``part(value)``, which tells a part
    of the answer ahead of it. Anything that writes to standard output by mistake reaches standard error instead.
    """
    requests, answers = _take_over_stdio()
    while (request := _read(requests)) is not None:
        _send(answers, _answer(handlers, request, answers))


def _answer(handlers: Mapping[str, Handler], request: Mapping[str, Any], answers: BinaryIO) -> bytes:
    """Return the packed answer; one that MessagePack does not carry is a failure of its call, not the child's end."""

    def progress(done: int, total: int, unit: str) -> None:
        _send(answers, msgpack.packb({"progress": [done, total, unit]}))

    def part(value: Any) -> None:
        _send(answers, msgpack.packb({"part": value}))

    try:
        handler = handlers[request["method"]]
        code = handler.__code__
        named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        params = dict(request["params"])
        params |= {tell.__name__: tell for tell in (progress, part) if tell.__name__ in named}
        return bytes(msgpack.packb({"result": handler(**params)}))
    except Exception as error:  # noqa: BLE001 - the edge: everything goes to the parent, which knows what to tell
        told = {"kind": type(error).__name__, "message": str(error)}
        payload = error.payload if isinstance(error, HandlerFailure) else {}
        try:
            return bytes(msgpack.packb({"error": told | {"payload": payload}}))
        except (TypeError, ValueError, OverflowError):
            return bytes(msgpack.packb({"error": told | {"payload": {}}}))


def _take_over_stdio() -> tuple[BinaryIO, BinaryIO]:
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return requests, answers


def _read(stream: BinaryIO) -> dict[str, Any] | None:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    request: dict[str, Any] = msgpack.unpackb(stream.read(_LENGTH.unpack(head)[0]), strict_map_key=False)
    return request


def _send(stream: BinaryIO, body: bytes) -> None:
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()
