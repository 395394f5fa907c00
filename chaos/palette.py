"""What clients draw with, small enough to be told apart in a picture: sizes, planes, colours, stretches, zooms."""

from __future__ import annotations

from typing import Final

DISPLAYS: Final = (0, 1, 2, 3)
SIDE_PX: Final = 1024
"""Images are square."""

ANCHORS: Final = 1250
"""Lasting markers of each display, drawn once: 5,000 in all."""

PLANES: Final = {"BAD": 0, "CR": 2, "DETECTED": 5}
"""Bit of each mask plane. Each fills a block of its own, so that none hides another."""

DEFAULT_COLOURS: Final = {"BAD": "red", "CR": "magenta", "DETECTED": "blue"}
"""As the design's table of planes has them."""

RGB: Final = {
    "red": (255, 0, 0),
    "magenta": (255, 0, 255),
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "yellow": (255, 255, 0),
    "orange": (255, 165, 0),
}
"""Colours of masks; markers are white and images grey."""

IGNORE: Final = "ignore"
STRETCHES: Final = {"linear": "linear", "log": "log", "sqrt": "sqrt", "asinh": "asinh"}
"""Our word for a stretch, and DS9's."""

ZOOMS: Final = (0.25, 0.4, 0.5)
"""All of the image fits into the window at each of them."""

FITTED: Final = (0.55, 0.85)
"""Where the zoom lies that fits the image into a window of the default size."""

UNKNOWN_DISPLAY: Final = 77
"""Nothing is ever shown there: what deletes it is refused, and all that stands in one transaction with it."""
