"""The budget: how many requests, and how many of their bytes, may be under way at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mtv.wire.errors import DaemonError, Error


class Budget:
    """Counts what is under way, and refuses what would be too much.

    Parameters
    ----------
    requests : `int`
        Requests at once.
    size_bytes : `int`
        Bytes of their messages; one larger message is let through when nothing else is under way.
    """

    def __init__(self, *, requests: int, size_bytes: int) -> None:
        self._requests = requests
        self._size_bytes = size_bytes
        self.requests_used = 0
        self.bytes_used = 0

    @contextlib.contextmanager
    def admitted(self, size_bytes: int) -> Iterator[None]:
        """Hold a place for a request.

        Raises
        ------
        DaemonError
            ``busy``, retryable, where there is none.
        """
        crowded = self.requests_used >= self._requests or self.bytes_used + size_bytes > self._size_bytes
        if crowded and self.requests_used:
            raise DaemonError(
                Error(
                    code="busy",
                    message=f"{self.requests_used} requests of {self.bytes_used} bytes are under way",
                    retryable=True,
                    hint="wait for some outcomes before sending more",
                )
            )
        self.requests_used += 1
        self.bytes_used += size_bytes
        try:
            yield
        finally:
            self.requests_used -= 1
            self.bytes_used -= size_bytes
