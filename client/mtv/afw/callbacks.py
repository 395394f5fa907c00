"""Keys of an interactive display: events, the functions that they call, and the loop that waits for them."""

from __future__ import annotations

import math
import string
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from mtv.afw.notes import log

Callback = Callable[[str, float, float], Any]

RESERVED: Final = ("f", "")
"""Keys that no function can be set for, as in ``lsst.afw.display``."""

_BY_CHARACTER: Final = {
    "plus": "+",
    "minus": "-",
    "asterisk": "*",
    "slash": "/",
    "period": ".",
    "comma": ",",
    "question": "?",
    "equal": "=",
    "space": " ",
}
"""Names that X11 has for keys, and the characters that programs call them by."""


class Event:
    """A key that was pressed over a display.

    Parameters
    ----------
    k : `str`
        The key: a character, or ``Return``, ``Escape``, ``Up``.
    x, y : `float`, optional
        0-based parent pixel under the pointer; NaN where there is none.
    """

    def __init__(self, k: str, x: float = math.nan, y: float = math.nan) -> None:
        self.k, self.x, self.y = k, x, y

    def __str__(self) -> str:
        return f"{self.k} ({self.x:.2f}, {self.y:.2f})"


def noop_callback(k: str, x: float, y: float) -> bool:  # noqa: ARG001
    """Do nothing, and go on.

    Parameters
    ----------
    k : `str`
    x, y : `float`

    Returns
    -------
    ends : `bool`
        False.
    """
    return False


def h_callback(k: str, x: float, y: float) -> bool:  # noqa: ARG001
    """Print what the usual keys do, and go on.

    Parameters
    ----------
    k : `str`
    x, y : `float`

    Returns
    -------
    ends : `bool`
        False.
    """
    sys.stdout.write("Enter q, Return or Escape to leave interactive mode, h for this help, or a key with a function\n")
    return False


def _end(k: str, x: float, y: float) -> bool:  # noqa: ARG001
    return True


def usual_callbacks() -> dict[str, Callback]:
    """Return the functions of the keys of a new display."""
    nothing: dict[str, Callback] = dict.fromkeys((*string.ascii_letters, "Shift_L", "Shift_R"), noop_callback)
    ending: dict[str, Callback] = dict.fromkeys(("q", "Return", "Escape"), _end)
    return {**nothing, **ending, "h": h_callback}


def active_keys(callbacks: Mapping[str, Callback], *, only_active: bool) -> list[str]:
    """Return the keys that have a function, in order."""
    return sorted(key for key, call in callbacks.items() if not only_active or call is not noop_callback)


def event_of(event: Any) -> Event:
    """Return an event of the window as one of ours."""
    x, y = (math.nan if place is None else float(place) for place in (event.x, event.y))
    return Event(_BY_CHARACTER.get(event.key, event.key), x, y)


def answer_keys(events: Iterable[Any], callbacks: Mapping[str, Callback]) -> None:
    """Call the function of each key that is pressed, until one returns True or there are no more events.

    Parameters
    ----------
    events : iterable of `~mtv.wire.messages.Event`
    callbacks : mapping
        Functions by key; what one raises is logged.
    """
    for told in events:
        if told.kind != "key":
            continue
        event = event_of(told)
        call = callbacks.get(event.k) or callbacks.get(told.key, noop_callback)
        try:
            if call(event.k, event.x, event.y):
                return
        except Exception:  # noqa: BLE001 - of anybody's function: the next key may be one that it can do something with
            log.exception("the function of key %r failed", event.k)
