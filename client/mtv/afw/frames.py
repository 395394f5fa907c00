"""Frames as callers give them, and the displays of the window that they are: numbers, names, figures."""

from __future__ import annotations

import itertools
import numbers
import weakref
from collections.abc import Hashable
from typing import Any, Final

from mtv.arguments.checks import LAST_NUMBER
from mtv.wire.markers import plain

_figures: Final[dict[int, tuple[int, weakref.ref[Any]]]] = {}
"""Objects by their identity: the number of each, and a reference that does not keep it."""


def display_name(frame: Hashable) -> int | str:
    """Return the display of the window for a frame.

    Parameters
    ----------
    frame : hashable
        A number from 0 to 1000 or a name stand for themselves. An object, such as a figure of matplotlib, has a display
        of its own, ``figure 1``, as long as it lives; then the next one may have that. Other values go by their text.
    """
    hash(frame)
    if isinstance(frame, str):
        return frame
    if isinstance(frame, numbers.Integral) and 0 <= int(frame) <= LAST_NUMBER:
        return int(frame)
    reference = weak(frame)
    if reference is None:
        return f"frame {plain(repr(frame), 60)}"
    return f"figure {_number_of(frame)}"


def weak(frame: Hashable) -> weakref.ref[Any] | None:
    """Return a reference that does not keep an object; None for numbers, names and the like."""
    try:
        return weakref.ref(frame)
    except TypeError:
        return None


def _number_of(figure: Any) -> int:
    key = id(figure)
    if key not in _figures:
        taken = {number for number, _ in _figures.values()}
        number = next(number for number in itertools.count(1) if number not in taken)
        _figures[key] = number, weakref.ref(figure, lambda _: _figures.pop(key, None) and None)
    return _figures[key][0]
