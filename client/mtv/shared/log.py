"""The library's log, named ``mtv``: ``logging`` is imported when the first line is written.

It and ``traceback``, which it needs, are a twentieth of ``mtv status`` (6 of 134 ms), which writes none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging


class Log:
    """Levels of a `logging.Logger`, with ``%`` in the text as there; lines name the caller's place."""

    def debug(self, text: str, *values: object) -> None:
        """Write what only a search for a fault needs."""
        _logger().debug(text, *values, stacklevel=2)

    def warning(self, text: str, *values: object) -> None:
        """Write that something is not as it should be."""
        _logger().warning(text, *values, stacklevel=2)

    def error(self, text: str, *values: object) -> None:
        """Write that something was not done."""
        _logger().error(text, *values, stacklevel=2)

    def exception(self, text: str, *values: object) -> None:
        """Write that something was not done, with the exception that is being handled."""
        _logger().exception(text, *values, stacklevel=2)


def _logger() -> logging.Logger:
    import logging

    return logging.getLogger("mtv")
