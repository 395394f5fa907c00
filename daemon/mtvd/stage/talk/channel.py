"""The channel to a window: scripts go to its agent and answers come back, through two FIFOs in the window's directory.

The daemon's loop is never blocked: each wait for a pipe is awaited and has a deadline. `mtvd.stage.talk.wording` has
the lines, ``talk.tcl`` the other end.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import select
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import anyio
import anyio.to_thread

from mtvd.stage.talk.wording import INLINE_BYTES_MAX, Answers, Told, request, request_by_file

REQUESTS: Final = "channel"
ANSWERS: Final = "answers"
_NUDGE_SECS: Final = 0.25
_READ_BYTES: Final = 1 << 16
_QUICK_SECS: Final = 0.0002
"""As long as the listener reads at a time. To wait in the loop makes a dot an eighth dearer to the daemon."""
_TURN_EVERY: Final = 8
_SELECTABLE: Final = 1024
"""Descriptors from here on cannot be given to ``select``, which alone knows of less than a millisecond."""
_NOBODY: Final = frozenset({errno.ENOENT, errno.ENXIO, errno.ELOOP, errno.EISDIR})
"""Errors of opening a pipe that is not there, is a link or a directory, or has no reader."""


class ScriptFailed(Exception):
    """DS9 has run the script and met an error: the message is DS9's own words."""


class NoAnswer(Exception):
    """DS9 did not answer in time, or has ended: how much of the script was run is not known."""


class NoChannel(Exception):
    """The pipes are not those of a window that we have made, or nobody is at their other end."""


class ChannelTaken(OSError):
    """Another daemon talks to the window."""


class Channel:
    """An open channel. One script is under way at a time; others wait for their turn.

    Parameters
    ----------
    directory : `~pathlib.Path`
        The window's directory.
    on_silence : callable
        Called every quarter of a second in which DS9 says nothing though it should; must not block.

    Raises
    ------
    NoChannel
        A pipe is missing, is no pipe, or others may use it; or the agent does not listen.
    ChannelTaken
        Another daemon has it.
    OSError
        The system refuses for now.
    """

    def __init__(self, directory: Path, on_silence: Callable[[], None]) -> None:
        self._directory = directory
        self._on_silence = on_silence
        self._nonce = secrets.token_hex(8)
        self._number = 0
        self._decoder = Answers()
        self._turn = anyio.Lock(fast_acquire=True)
        self._descriptors: list[int] = []
        _check_directory(directory)
        try:
            for name, flags in ((ANSWERS, os.O_RDONLY), (REQUESTS, os.O_WRONLY)):
                self._descriptors.append(_open(directory / name, flags))
            self._answers, self._requests = self._descriptors
            _take(self._answers)
        except BaseException:
            self._close_all()
            raise

    async def run(self, script: bytes, *, deadline_secs: float) -> str:
        """Have a script run and return its result.

        Parameters
        ----------
        script : `bytes`
            Tcl, in UTF-8.
        deadline_secs : `float`
            Seconds until the answer must be there.

        Raises
        ------
        ScriptFailed
            The script met an error; the window is well.
        NoAnswer
            There was none in time, or the channel is closed.
        OSError
            The script is long and its file could not be written; nothing was sent.
        """
        async with self._turn:
            self._number += 1
            identity = f"{self._nonce}.{self._number}"
            if len(script) <= INLINE_BYTES_MAX:
                told = await self._converse(identity, request(identity, script), deadline_secs)
            else:
                told = await self._converse_by_file(identity, script, deadline_secs)
        if told.failed:
            raise ScriptFailed(told.text)
        return told.text

    async def await_end(self, *, deadline_secs: float) -> bool:
        """Return True once the agent has closed its ends, False where it has not in time."""
        until = anyio.current_time() + deadline_secs
        while anyio.current_time() < until:
            try:
                if not os.read(self._answers, _READ_BYTES):
                    return True
            except BlockingIOError:
                await self._pause(anyio.wait_readable, self._answers, until)
        return False

    def close(self) -> None:
        """Let go of the pipes; who waits for an answer is told that there will be none."""
        for descriptor in self._descriptors:
            anyio.notify_closing(descriptor)
        self._close_all()

    def _close_all(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()

    # One request

    async def _converse_by_file(self, identity: str, script: bytes, deadline_secs: float) -> Told:
        path = self._directory / f"script-{identity}"
        try:
            await anyio.to_thread.run_sync(_write, path, script)
            return await self._converse(identity, request_by_file(identity, len(script), path.name), deadline_secs)
        finally:
            with suppress(OSError):  # the agent has removed it, or it goes with the window
                path.unlink(missing_ok=True)

    async def _converse(self, identity: str, line: bytes, deadline_secs: float) -> Told:
        until = anyio.current_time() + deadline_secs
        await self._send(line, until)
        if not self._is_quick() and not await self._pause(anyio.wait_readable, self._answers, until):
            raise _late(deadline_secs)
        while True:
            for told in self._decoder.feed(self._read()):
                if told.identity == identity:
                    return told
            if not await self._pause(anyio.wait_readable, self._answers, until):
                raise _late(deadline_secs)

    def _is_quick(self) -> bool:
        """Look out for the answer without the loop, for less than a turn of it: most batches take no longer.

        The loop has its turn in any case after a few of them.
        """
        if self._answers >= _SELECTABLE or self._number % _TURN_EVERY == 0:
            return False
        return bool(select.select([self._answers], [], [], _QUICK_SECS)[0])

    async def _send(self, line: bytes, until: float) -> None:
        """Write a line; what is left of it in the pipe where that takes too long is no request to the agent."""
        left = memoryview(line)
        while left:
            if not self._descriptors:
                _is_closed()
            try:
                left = left[os.write(self._requests, left) :]
            except BlockingIOError:
                if not await self._pause(anyio.wait_writable, self._requests, until):
                    raise NoAnswer("DS9 reads nothing") from None
            except OSError as error:
                raise NoAnswer(f"DS9 does not listen: {error.strerror}") from error

    def _read(self) -> bytes:
        try:
            data = os.read(self._answers, _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise NoAnswer(f"DS9 cannot be heard: {error.strerror}") from error
        if not data:
            raise NoAnswer("DS9 has closed the channel")
        return data

    async def _pause(self, wait: Callable[[int], Awaitable[None]], descriptor: int, until: float) -> bool:
        """Wait for a pipe, or for a while; False where it is too late."""
        left = until - anyio.current_time()
        if left <= 0:
            return False
        try:
            with anyio.move_on_after(min(left, _NUDGE_SECS)) as silence:
                await wait(descriptor)
        except anyio.ClosedResourceError:
            _is_closed()
        if not self._descriptors:
            _is_closed()
        if silence.cancelled_caught:
            self._on_silence()
        return True


def _late(deadline_secs: float) -> NoAnswer:
    return NoAnswer(f"DS9 gave no answer within {deadline_secs:g} s")


def _is_closed() -> NoReturn:
    raise NoAnswer("the window was let go of")


def _check_directory(directory: Path) -> None:
    try:
        found = directory.lstat()
    except FileNotFoundError:
        raise NoChannel("the window's directory is gone") from None
    if not stat.S_ISDIR(found.st_mode) or not _is_ours_alone(found):
        raise NoChannel("the window's directory is open to others")


def _open(path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NOBODY:
            raise NoChannel(f"its pipe {path.name} cannot be used: {error.strerror}") from error
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISFIFO(found.st_mode) or not _is_ours_alone(found):
            raise NoChannel(f"its pipe {path.name} is no pipe, or open to others")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_ours_alone(found: os.stat_result) -> bool:
    return found.st_uid == os.getuid() and not found.st_mode & 0o077


def _take(descriptor: int) -> None:
    """Lock a pipe for as long as this process has it open, however it ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ChannelTaken("another daemon talks to the window") from None


def _write(path: Path, script: bytes) -> None:
    """Write the file of a long script."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(script)
