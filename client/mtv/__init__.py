"""The light client of ``mtvd``: one DS9 window and the Butler repositories of one daemon, from any process.

>>> import mtv
>>> display = mtv.Display()
>>> display.mtv(image)
>>> with display.buffering():
...     for x, y in stars:
...         display.dot("o", x, y, size=10, colour="orange")

Nothing is loaded before it is used: neither ZeroMQ nor numpy by this import, astropy and anyio never.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mtv.catalog import Catalog, Row
    from mtv.connection import Connection
    from mtv.datasets import DatasetRef, Handle
    from mtv.directory import watch_directory
    from mtv.display import Display, arrange, get_display
    from mtv.exposure import Exposure
    from mtv.feed import Feed
    from mtv.listening import Events
    from mtv.movie import Movie
    from mtv.process import buffering, connect, default_connection, events, on_event
    from mtv.repository import Repository, repositories
    from mtv.results import Refs
    from mtv.schema import Schema
    from mtv.watching import Watch
    from mtv.wire.errors import DaemonError, DeadlineExceeded, MtvError, RequestError, Unavailable
    from mtv.wire.messages import Event

_HOMES: Final = {
    "Catalog": "catalog",
    "Connection": "connection",
    "DaemonError": "wire.errors",
    "DatasetRef": "datasets",
    "DeadlineExceeded": "wire.errors",
    "Display": "display",
    "Event": "wire.messages",
    "Events": "listening",
    "Exposure": "exposure",
    "Feed": "feed",
    "Handle": "datasets",
    "Movie": "movie",
    "MtvError": "wire.errors",
    "Refs": "results",
    "Repository": "repository",
    "RequestError": "wire.errors",
    "Row": "catalog",
    "Schema": "schema",
    "Unavailable": "wire.errors",
    "Watch": "watching",
    "arrange": "display",
    "buffering": "process",
    "connect": "process",
    "default_connection": "process",
    "events": "process",
    "get_display": "display",
    "on_event": "process",
    "repositories": "repository",
    "watch_directory": "directory",
}
"""Where each public name lives."""

__all__ = [
    "Catalog",
    "Connection",
    "DaemonError",
    "DatasetRef",
    "DeadlineExceeded",
    "Display",
    "Event",
    "Events",
    "Exposure",
    "Feed",
    "Handle",
    "Movie",
    "MtvError",
    "Refs",
    "Repository",
    "RequestError",
    "Row",
    "Schema",
    "Unavailable",
    "Watch",
    "__version__",
    "arrange",
    "buffering",
    "connect",
    "default_connection",
    "events",
    "get_display",
    "on_event",
    "repositories",
    "watch_directory",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'mtv' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"mtv.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
