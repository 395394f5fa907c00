"""The other end of a window's channel, without DS9: what a real one never does it does when it is told to."""

from __future__ import annotations

import binascii
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest

from mtvd.stage.talk.channel import ANSWERS, REQUESTS, Channel


def told(identity: str, text: str, code: int = 0) -> bytes:
    """Return an answer as ``talk.tcl`` writes it."""
    body = text.encode()
    return f"\ntold {identity} {code} {len(body)} ".encode() + binascii.b2a_base64(body)


class Agent:
    """The other end of both pipes, open for reading and writing as DS9 has them."""

    def __init__(self, directory: Path) -> None:
        for name in (REQUESTS, ANSWERS):
            os.mkfifo(directory / name, 0o600)
        self.requests, self.answers = (
            os.open(directory / name, os.O_RDWR | os.O_NONBLOCK) for name in (REQUESTS, ANSWERS)
        )
        self._rest = b""

    async def heard(self) -> list[str]:
        """Return the words of the next request."""
        while True:
            line, mark, rest = self._rest.partition(b"\n")
            if mark:
                self._rest = rest
                if line:
                    return line.decode().split(" ")
                continue
            await anyio.wait_readable(self.requests)
            self._rest += os.read(self.requests, 1 << 16)

    def says(self, data: bytes) -> None:
        os.write(self.answers, data)

    async def obeys(self) -> None:
        """Answer every request with its own script, in capitals."""
        while True:
            _, identity, _, body = await self.heard()
            self.says(told(identity, binascii.a2b_base64(body).decode().upper()))

    def dies(self) -> None:
        for descriptor in (self.requests, self.answers):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@contextlib.asynccontextmanager
async def opened(directory: Path, on_silence: Callable[[], None] = lambda: None) -> AsyncIterator[Channel]:
    channel = Channel(directory, on_silence)
    try:
        yield channel
    finally:
        channel.close()


@contextlib.asynccontextmanager
async def beside(*tasks: Callable[[], Any]) -> AsyncIterator[anyio.abc.TaskGroup]:
    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(task)
        yield group
        group.cancel_scope.cancel()


def descriptors(to: Path | str) -> int:
    """Return how many descriptors of this process lead to a path or to a kind of file, as ``anon_inode:[pidfd]``.

    The others are left out: threads of other tests may open and close theirs at any moment.
    """
    gc.collect()
    found = 0
    for link in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(FileNotFoundError):
            found += str(link.readlink()).startswith(str(to))
    return found


@pytest.fixture
def window_directory(tmp_path: Path) -> Path:
    """A window's directory, open to its owner alone."""
    made = tmp_path / "w-1"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def living_agent(directory: Path) -> Iterator[Agent]:
    """An agent that listens in a window's directory, until the test's end."""
    made = Agent(directory)
    yield made
    made.dies()
