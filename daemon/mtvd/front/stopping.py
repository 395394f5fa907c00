"""Requests outside the display queue that `cancel` ends: queries, data on the way to a client, and all that have come
and whose task has not run yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from mtv.wire.errors import Error, RequestError


class Stoppable:
    """Knows what runs, by request id."""

    def __init__(self) -> None:
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._expected: dict[str, bool] = {}
        """Requests whose task has not run yet, and whether they were ended meanwhile."""

    def expect(self, request_id: str) -> None:
        """Let a request be ended by its id before its task runs."""
        self._expected[request_id] = False

    def begin(self, request_id: str) -> None:
        """Take note that the task of a request runs.

        Raises
        ------
        RequestError
            ``cancelled``: it was ended before.
        """
        if self._expected.pop(request_id, False):  # a session may come anew with numbers that it had
            raise _cancellation()

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
            raise _cancellation()

    def stop(self, request_id: str) -> int:
        """End one request, or all where empty; return how many there were."""
        chosen = [scope for key, scope in self._scopes.items() if request_id in {"", key}]
        for scope in chosen:
            scope.cancel()
        early = [key for key, ended in self._expected.items() if request_id in {"", key} and not ended]
        self._expected.update(dict.fromkeys(early, True))
        return len(chosen) + len(early)


def _cancellation() -> RequestError:
    return RequestError(Error(code="cancelled", message="the request was cancelled"))
