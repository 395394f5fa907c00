"""Rate at which a session may ask what is answered at once: a loop of questions leaves the daemon to others. Pure."""

from __future__ import annotations

from typing import Final

_SHARE: Final = 50
"""Pause between two questions of a session, in times of an answer."""
_MOST_SECS: Final = 0.1
"""Longest pause between two questions."""
_FREE: Final = 5
"""Questions that nobody waits for, in a row: a program that asks a few things is no loop."""


class QuestionRate:
    """Rate of the questions of one session."""

    def __init__(self) -> None:
        self._gap_secs = 0.0
        self._free_at = 0.0

    def took(self, secs: float) -> None:
        """Take note of how long the answer to a question took."""
        self._gap_secs = min(_SHARE * secs, _MOST_SECS)

    def pause_secs(self, now: float) -> float:
        """Return how long a question must wait, and count it.

        Parameters
        ----------
        now : `float`
            Clock time in seconds.

        Returns
        -------
        pause_secs : `float`
            0 where it is answered now.
        """
        at = max(now, self._free_at)
        self._free_at = at + self._gap_secs
        return max(0.0, at - now - _FREE * self._gap_secs)
