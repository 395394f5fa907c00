"""Requests outside the display queue that `cancel` ends while they run: queries, and data on the way to a client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from mtv.wire.errors import Error, RequestError


class Stoppable:
    """Knows what runs, by request id."""

    def __init__(self) -> None:
        self._scopes: dict[str, anyio.CancelScope] = {}

    @contextmanager
    def during(self, request_id: str) -> Iterator[None]:
        """Let a request be ended by its id.

        Raises
        ------
        RequestError
            ``cancelled``.
        """
        with anyio.CancelScope() as scope:
            self._scopes[request_id] = scope
            try:
                yield
            finally:
                del self._scopes[request_id]
        if scope.cancelled_caught:
            raise RequestError(Error(code="cancelled", message="the request was cancelled"))

    def stop(self, request_id: str) -> int:
        """End one request, or all where empty; return how many there were."""
        chosen = [scope for key, scope in self._scopes.items() if request_id in {"", key}]
        for scope in chosen:
            scope.cancel()
        return len(chosen)
