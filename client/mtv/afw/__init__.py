"""Programs written for ``lsst.afw.display``: its names, over `mtv.Display`. Never asks the stack for anything.

>>> import mtv.afw as afwDisplay
>>> display = afwDisplay.Display(frame=1)
>>> display.scale("asinh", "zscale")
>>> display.image(exposure)
>>> with display.Buffering():
...     for s in src:
...         display.dot("o", s.getX(), s.getY(), size=20, ctype=afwDisplay.ORANGE)

Names, arguments and defaults are those of ``lsst.afw.display``; ``docs/from-afw.md`` has them and tells what differs.
Nothing is loaded before it is used, and no connection is made before there is something to draw.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mtv.afw import utils
    from mtv.afw.callbacks import Event, h_callback, noop_callback
    from mtv.afw.display import (
        Display,
        delAllDisplays,
        getDefaultBackend,
        getDefaultFrame,
        getDisplay,
        incrDefaultFrame,
        setDefaultBackend,
        setDefaultFrame,
        setDefaultMaskPlaneColor,
        setDefaultMaskTransparency,
    )
    from mtv.afw.fitsimage import writeFitsImage
    from mtv.afw.mosaic import Mosaic

WHITE: Final = "white"
BLACK: Final = "black"
RED: Final = "red"
GREEN: Final = "green"
BLUE: Final = "blue"
CYAN: Final = "cyan"
MAGENTA: Final = "magenta"
YELLOW: Final = "yellow"
ORANGE: Final = "orange"
IGNORE: Final = "ignore"
PARENT: Final = "PARENT"
LOCAL: Final = "LOCAL"

_HOMES: Final = {
    "Event": "callbacks",
    "h_callback": "callbacks",
    "noop_callback": "callbacks",
    "Mosaic": "mosaic",
    "writeFitsImage": "fitsimage",
    **dict.fromkeys(
        (
            "Display",
            "delAllDisplays",
            "getDefaultBackend",
            "getDefaultFrame",
            "getDisplay",
            "incrDefaultFrame",
            "setDefaultBackend",
            "setDefaultFrame",
            "setDefaultMaskPlaneColor",
            "setDefaultMaskTransparency",
        ),
        "display",
    ),
}
"""Where each public name lives."""

__all__ = [
    "BLACK",
    "BLUE",
    "CYAN",
    "GREEN",
    "IGNORE",
    "LOCAL",
    "MAGENTA",
    "ORANGE",
    "PARENT",
    "RED",
    "WHITE",
    "YELLOW",
    "Display",
    "Event",
    "Mosaic",
    "delAllDisplays",
    "getDefaultBackend",
    "getDefaultFrame",
    "getDisplay",
    "h_callback",
    "incrDefaultFrame",
    "noop_callback",
    "setDefaultBackend",
    "setDefaultFrame",
    "setDefaultMaskPlaneColor",
    "setDefaultMaskTransparency",
    "utils",
    "writeFitsImage",
]


def __getattr__(name: str) -> object:
    if name == "utils":
        return importlib.import_module("mtv.afw.utils")
    if name not in _HOMES:
        if name.startswith("_"):
            raise AttributeError(f"module 'mtv.afw' has no attribute {name!r}")
        foreign_words = importlib.import_module("mtv.verbs.foreign_words")
        raise foreign_words.missing("module 'mtv.afw'", name, foreign_words.OF_MODULE, __all__)
    value: object = getattr(importlib.import_module(f"mtv.afw.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
