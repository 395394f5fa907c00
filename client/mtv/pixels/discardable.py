"""Pixels that were prepared for a request and may have to be taken back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from mtv.shared.log import Log

_log: Final = Log()


class Discardable(Protocol):
    """Something prepared for a request that may never be sent: pixel files."""

    def remove(self) -> None:
        """Take it back."""
        ...


def discard(prepared: Iterable[Discardable]) -> None:
    """Take all back; one that cannot be taken back is logged."""
    for item in prepared:
        try:
            item.remove()
        except OSError as error:
            _log.error("a pixel file could not be removed: %s", error)
