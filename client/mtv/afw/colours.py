"""Colours: what callers write for one, and the colours of mask planes that all displays of a process begin with."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from mtv.afw import BLACK, BLUE, CYAN, GREEN, IGNORE, MAGENTA, ORANGE, RED, WHITE, YELLOW
from mtv.afw.notes import tell_once
from mtv.wire.colours import MASK_COLOURS, default_mask_colour, hex_of
from mtv.wire.errors import RequestError

_LETTERS: Final = dict(zip("rgbcmykw", (RED, GREEN, BLUE, CYAN, MAGENTA, YELLOW, BLACK, WHITE), strict=True))
_TABLEAU: Final = {
    "blue": "#1f77b4",
    "orange": "#ff7f0e",
    "green": "#2ca02c",
    "red": "#d62728",
    "purple": "#9467bd",
    "brown": "#8c564b",
    "pink": "#e377c2",
    "gray": "#7f7f7f",
    "olive": "#bcbd22",
    "cyan": "#17becf",
}
"""Colours of matplotlib that are called ``tab:blue`` and so on, in the order of its ``C0`` to ``C9``."""
_FUNCTION: Final = re.compile(r"rgba?\(([^)]*)\)")


def table_of_planes() -> dict[str, str]:
    """Return the colours that mask planes have where nobody has chosen others; those of ``lsst.images`` too."""
    return dict(MASK_COLOURS)


def cycle_colours(*, omit_black_and_white: bool = True) -> Iterator[str]:
    """Yield colours for planes that have none, for ever."""
    colours = (RED, GREEN, BLUE, CYAN, MAGENTA, YELLOW, ORANGE)
    while True:
        yield from colours if omit_black_and_white else (WHITE, BLACK, *colours)


def colour_of_marker(ctype: Any) -> str | None:
    """Return the colour of a marker, green where none is given or nobody knows it; None where nothing is drawn.

    Parameters
    ----------
    ctype : `str` or sequence of `float`, optional
        A name of X11 or CSS, ``#rrggbb``, ``rgb(..)`` and ``rgba(..)`` of Firefly, ``r``, ``C0`` and ``tab:blue`` of
        matplotlib, or red, green and blue from 0 to 1. A colour that nobody knows is told once.
    """
    if ctype is None:
        return GREEN
    if isinstance(ctype, str) and ctype.lower() == IGNORE:
        return None
    return _find(ctype) or GREEN


def colour_of_plane(plane: str, ctype: Any) -> str:
    """Return the colour of a mask plane as `mtv.Display` takes it; the plane's usual one where nobody knows it."""
    if isinstance(ctype, str) and ctype.lower() == IGNORE:
        return IGNORE
    return _find(ctype) or default_mask_colour(plane)


def _find(ctype: Any) -> str | None:
    if isinstance(ctype, str):
        return _read(ctype)
    try:
        return _hex(tuple(255 * float(part) for part in ctype))
    except (TypeError, ValueError):
        tell_once(f"{ctype!r} is no colour; the usual one is drawn")
        return None


@functools.lru_cache(maxsize=1024)
def _read(text: str) -> str | None:
    word = text.strip().lower()
    if word in _LETTERS:
        return _LETTERS[word]
    if word.startswith("tab:"):
        word = _TABLEAU.get(word.removeprefix("tab:").replace("grey", "gray"), word)
    elif re.fullmatch(r"c\d", word):
        word = list(_TABLEAU.values())[int(word[1])]
    elif re.fullmatch(r"#[0-9a-f]{8}", word):  # with an opacity
        word = word[:7]
    try:
        if match := _FUNCTION.fullmatch(word):
            return _hex(tuple(float(part) for part in match[1].split(",")[:3]))
        hex_of(word)
    except (RequestError, ValueError):
        tell_once(f"{text[:60]!r} is no colour that is known here; the usual one is drawn")
        return None
    return word


def _hex(parts: Sequence[float]) -> str:
    red, green, blue = (min(max(round(part), 0), 255) for part in parts[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"
