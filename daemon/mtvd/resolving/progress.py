"""Progress of a request whose parts report side by side. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mtvd.repo.port import OnProgress


class Together:
    """Adds up what the parts report, unit by unit.

    Parameters
    ----------
    told : callable or `None`
        Told the sums; a total is 0 while one of its parts does not know its own. None: nobody asks.
    """

    def __init__(self, told: OnProgress | None) -> None:
        self._told: Final = told
        self._parts: dict[str, dict[Callable[..., None], tuple[int, int]]] = {}

    def part(self) -> OnProgress | None:
        """Return what one part reports to; it counts from its first report."""
        told = self._told
        if told is None:
            return None

        def report(done: int, total: int, unit: str) -> None:
            parts = self._parts.setdefault(unit, {})
            parts[report] = (done, total)
            totals = [total for _, total in parts.values()]
            told(sum(done for done, _ in parts.values()), sum(totals) if all(totals) else 0, unit)

        return report
