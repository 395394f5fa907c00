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
    from mtv.afw.backend import DisplayImpl
    from mtv.data.catalog import Catalog
    from mtv.data.datasets import DatasetRef, Handle
    from mtv.data.exposure import Exposure
    from mtv.data.results import Refs
    from mtv.data.rows import Row
    from mtv.data.schema import Schema
    from mtv.display import Display, arrange, get_display
    from mtv.repository import Repository, repositories
    from mtv.session.connection import Connection
    from mtv.session.default import buffering, connect, default_connection, events, on_event
    from mtv.session.events import Events
    from mtv.streams.directory import watch_directory
    from mtv.streams.feed import Feed
    from mtv.streams.movie import Movie
    from mtv.streams.watching import Watch
    from mtv.wire.errors import DaemonError, DeadlineExceeded, MtvError, RequestError, Unavailable
    from mtv.wire.messages import Event
    from mtv.wire.regions import Region

_HOMES: Final = {
    "Catalog": "data.catalog",
    "Connection": "session.connection",
    "DaemonError": "wire.errors",
    "DatasetRef": "data.datasets",
    "DeadlineExceeded": "wire.errors",
    "Display": "display",
    "DisplayImpl": "afw.backend",
    "Event": "wire.messages",
    "Events": "session.events",
    "Exposure": "data.exposure",
    "Feed": "streams.feed",
    "Handle": "data.datasets",
    "Movie": "streams.movie",
    "MtvError": "wire.errors",
    "Refs": "data.results",
    "Region": "wire.regions",
    "Repository": "repository",
    "RequestError": "wire.errors",
    "Row": "data.rows",
    "Schema": "data.schema",
    "Unavailable": "wire.errors",
    "Watch": "streams.watching",
    "arrange": "display",
    "buffering": "session.default",
    "connect": "session.default",
    "default_connection": "session.default",
    "events": "session.default",
    "get_display": "display",
    "on_event": "session.default",
    "repositories": "repository",
    "watch_directory": "streams.directory",
}
"""Where each public name lives."""

__all__ = [
    "Catalog",
    "Connection",
    "DaemonError",
    "DatasetRef",
    "DeadlineExceeded",
    "Display",
    "DisplayImpl",
    "Event",
    "Events",
    "Exposure",
    "Feed",
    "Handle",
    "Movie",
    "MtvError",
    "Refs",
    "Region",
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
        if name.startswith("_"):
            raise AttributeError(f"module 'mtv' has no attribute {name!r}")
        foreign_words = importlib.import_module("mtv.verbs.foreign_words")
        raise foreign_words.missing("module 'mtv'", name, foreign_words.OF_MODULE, __all__)
    value: object = getattr(importlib.import_module(f"mtv.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
