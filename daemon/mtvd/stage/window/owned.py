"""A process that we started, now or in an earlier life of the daemon, and so may not be a child of ours.

It is known by pid and start time, which no other process ever shares, and held by a pidfd, so that a signal cannot
reach a stranger who has been given the same pid.
"""

from __future__ import annotations

import errno
import os
import select
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio

_POLL_SECS: Final = 0.5
_STARTED_FIELD: Final = 19
"""Index of the start time, in clock ticks since boot, among the fields of ``/proc/pid/stat`` after the command."""


class Owned:
    """A process held by a pidfd.

    Parameters
    ----------
    pid : `int`
        Process id.
    started : `int` or None
        Start time in clock ticks since boot; None takes the process that has the pid now.

    Raises
    ------
    ProcessLookupError
        There is no such process, or another one has its pid.
    OSError
        The system does not tell.
    """

    def __init__(self, pid: int, started: int | None = None) -> None:
        self.pid = pid
        self._status: int | None = None
        self._descriptor = _descriptor_of(pid)
        try:
            self.started = int(_stat(pid)[_STARTED_FIELD])
            if started not in {None, self.started}:
                raise ProcessLookupError(f"process {pid} is another one")
        except (FileNotFoundError, ProcessLookupError):
            os.close(self._descriptor)
            raise ProcessLookupError(f"no process {pid} of ours") from None
        except OSError:  # it may well live
            os.close(self._descriptor)
            raise

    @property
    def alive(self) -> bool:
        """False once it has ended, reaped or not: its pidfd is readable then."""
        if self._descriptor < 0:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return not poll.poll(0)

    @property
    def stopped(self) -> bool:
        """True where it was stopped by a signal."""
        try:
            return _stat(self.pid)[0] in {"T", "t"}
        except OSError:
            return False

    @property
    def fate(self) -> str:
        """How it ended, in words that follow its name; of one that was never a child of ours not much is known."""
        if not self.alive:
            self._reap()
        if self._status is None:
            return "ended by itself or was killed" if not self.alive else "lives"
        code = os.waitstatus_to_exitcode(self._status)
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended by itself, status {code}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; a process that has ended is no error."""
        with suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self._descriptor, number)

    async def wait_for_end(self) -> None:
        """Wait until the process has ended; reap it where it is a child of ours."""
        try:
            descriptor = os.dup(self._descriptor)  # each waiter needs one of its own
        except OSError:  # no descriptors are left: then it is asked from time to time
            while self.alive:  # noqa: ASYNC110 - it is the system that knows, not a task of ours
                await anyio.sleep(_POLL_SECS)
        else:
            try:
                await anyio.wait_readable(descriptor)
            finally:
                os.close(descriptor)
        self._reap()

    async def end(self, *, patience_secs: float = 2.0) -> None:
        """End it: asked first, killed after a while."""
        with anyio.CancelScope(shield=True):
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)
            with anyio.move_on_after(patience_secs):
                await self.wait_for_end()
                return
            await self.kill()

    async def kill(self) -> None:
        """Kill it and wait until it is gone."""
        with anyio.CancelScope(shield=True):
            self.signal(signal.SIGKILL)
            with anyio.move_on_after(5):
                await self.wait_for_end()

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else self._status

    def close(self) -> None:
        """Let go of it, alive or not."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def wake(pid: int, started: int | None = None) -> None:
    """Continue a process of ours that somebody stopped; one that is gone, or runs, is left alone."""
    with suppress(ProcessLookupError, OSError):
        process = Owned(pid, started)
        try:
            if process.stopped:
                process.signal(signal.SIGCONT)
        finally:
            process.close()


def spawn(
    command: Sequence[str], *, environment: Mapping[str, str], directory: Path, log: Path, inherit: int | None = None
) -> Owned:
    """Start a process in a session of its own that outlives this one; its output goes to ``log``, which is truncated.

    Parameters
    ----------
    inherit : `int` or None
        A descriptor that the process keeps under the same number.

    Raises
    ------
    OSError
        There is no such command, or the system refuses; then nothing is left running.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    if inherit is not None:
        os.set_inheritable(inherit, True)
    # env, because posix_spawn cannot change the directory; subprocess.Popen minds being left alone with its child
    wrapped = ["env", "-C", str(directory), "--", *command]
    pid = os.posix_spawnp("env", wrapped, dict(environment), file_actions=actions, setsid=True)
    try:
        return Owned(pid)
    except OSError:  # a child that was not waited for keeps its pid
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _descriptor_of(pid: int) -> int:
    """Return a pidfd; to Linux the id of a thread is no process, and it has said so in more than one way."""
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.EINVAL}:
            raise ProcessLookupError(f"no process {pid}") from None
        raise


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
