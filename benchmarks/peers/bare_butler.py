"""A process with nothing but a Butler in it: what a daemon with workers is held against, asked by as many clients.

Run as a program it answers the clients of one socket; `asker` is the client's half.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, Listener, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from benchmarks.peers.butler_calls import ButlerCalls

_START_SECS: Final = 120.0


class BareButlers:
    """Some such processes; a context manager.

    Parameters
    ----------
    root : `~pathlib.Path`
        The repository.
    directory : `~pathlib.Path`
        Where their sockets go.
    count : `int`
    """

    name = "two bare Butlers"

    def __init__(self, root: Path, directory: Path, count: int) -> None:
        self.addresses = [str(directory / f"bare-{number}.sock") for number in range(count)]
        self._root = root
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for address in self.addresses:
            command = [sys.executable, "-m", "benchmarks.peers.bare_butler", str(self._root), address]
            self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
        limit = time.monotonic() + _START_SECS
        while not all(Path(address).exists() for address in self.addresses):
            if time.monotonic() > limit or any(process.poll() is not None for process in self._processes):
                self.__exit__(None, None, None)
                raise RuntimeError("a bare Butler does not start")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
            process.wait()


def asker(address: str, questions: list[tuple[Any, ...]]) -> Callable[[], None]:
    """Return what one client does: ask all its questions, one after the other. For `benchmarks.crowd`."""
    connection = Client(address, "AF_UNIX")

    def ask() -> None:
        for question in questions:
            connection.send(question)
            connection.recv()

    ask()
    return ask


def main() -> None:
    """Answer clients until ended."""
    root, address = sys.argv[1:]
    butler = ButlerCalls(Path(root))
    listener = Listener(address, "AF_UNIX")
    clients: list[Connection] = []
    entrance = listener._listener._socket  # type: ignore[attr-defined]  # noqa: SLF001 - to wait for it and for clients at once
    while True:
        for ready in wait([entrance, *clients]):
            if ready is entrance:
                clients.append(listener.accept())
            else:
                assert isinstance(ready, Connection)
                _answer(butler, ready, clients)


def _answer(butler: ButlerCalls, client: Connection, clients: list[Connection]) -> None:
    try:
        question = client.recv()
    except EOFError:
        clients.remove(client)
        return
    refs = butler.query(*question)
    client.send([(str(ref.id), ref.run, *ref.dataId.required_values) for ref in refs])


if __name__ == "__main__":
    main()
