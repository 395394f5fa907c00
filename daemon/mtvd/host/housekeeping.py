"""Housekeeping: what is tidied every few seconds. Each part is on its own: one that fails stops no other, nor the next
round, and is told once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

import anyio

from mtvd.host.system import Troubles

_LOG = logging.getLogger(__name__)
EVERY_SECS: Final = 10.0


class Housekeeping:
    """Parts of the work, in their order.

    Parameters
    ----------
    parts : mapping
        Name of each part, as the log has it, and what does it.
    """

    def __init__(self, parts: Mapping[str, Callable[[], object]]) -> None:
        self._parts = parts
        self._troubles = Troubles(_LOG)

    async def serve(self) -> None:
        """Keep house until cancelled."""
        while True:
            await anyio.sleep(EVERY_SECS)
            self.once()

    def once(self) -> None:
        """Do all parts."""
        for name, part in self._parts.items():
            try:
                part()
            except Exception as error:  # noqa: BLE001 - the edge: what one part meets must not end the daemon
                self._troubles.note(name, error)
            else:
                self._troubles.over(name)
