"""Faults of the daemon's own on the road to the window: they are logged, and end it for nobody."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

_LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def log_faults(what: str) -> Iterator[None]:
    """Log a fault of the daemon's own, and go on: it must not end the road to the window for everybody.

    Parameters
    ----------
    what : `str`
        Words for the log: what was not done.
    """
    try:
        yield
    except Exception:  # noqa: BLE001 - the loop that all clients share
        _LOG.exception("%s", what)
