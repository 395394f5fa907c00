"""Log of refusals: all are counted, and as many logged as a person can read. Others refuse.

A peer that sends nothing but garbage sends 20,000 messages a second. Of each second the first refusal of a kind and
peer is logged, at most ten of them; the others are added up.
"""

from __future__ import annotations

import collections
import logging
from collections.abc import Callable
from typing import Final

_LOG = logging.getLogger(__name__)
LINES: Final = 10
"""A second."""
SECS: Final = 1.0


class RefusalLog:
    """Log of what one listener refused.

    Parameters
    ----------
    clock : callable
        Seconds, monotonic.

    Attributes
    ----------
    count : `int`
        All that were refused.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.count = 0
        self._began = -SECS
        self._told: set[tuple[bytes, str]] = set()
        self._untold: collections.Counter[str] = collections.Counter()

    def add(self, route: bytes, code: str) -> bool:
        """Count a refusal; tell whether it is to be logged.

        Parameters
        ----------
        route : `bytes`
            Whom it came from.
        code : `str`
            Code of the error.
        """
        self.count += 1
        if self._clock() - self._began >= SECS:
            self._begin()
        if len(self._told) < LINES and (route, code) not in self._told:
            self._told.add((route, code))
            return True
        self._untold[code] += 1
        return False

    def sum_up(self) -> None:
        """Log what was counted only, once its second is over."""
        if self._untold and self._clock() - self._began >= SECS:
            self._begin()

    def _begin(self) -> None:
        if self._untold:
            kinds = ", ".join(f"{code} {count}" for code, count in self._untold.most_common())
            _LOG.info("refused %d more: %s", self._untold.total(), kinds)
        self._untold.clear()
        self._told.clear()
        self._began = self._clock()
