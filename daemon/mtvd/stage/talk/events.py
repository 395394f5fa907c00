"""The lines that the agent writes into the window's FIFO, read as events. Pure, and never surprised by any bytes.

A line is ``epoch sequence kind word …``, its words in hexadecimal. Numbers that are missing, and lines that cannot be
read, become an event ``gap`` with their count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from mtv.wire.messages import Event

_LINE_BYTES_MAX: Final = 1 << 16
"""A longer line is none of the agent's."""
_WHOLE_MAX: Final = 1 << 53


class Decoder:
    """Turns the bytes of one FIFO into events, whatever their pieces are; another epoch in it begins a new count."""

    def __init__(self) -> None:
        self._rest = b""
        self._epoch = ""
        self._sequence = 0

    def feed(self, data: bytes) -> list[Event]:
        """Return the events of all lines that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_BYTES_MAX:
            self._rest = b""
        events: list[Event] = []
        for line in lines:
            events += self._line(line)
        return events

    def _line(self, line: bytes) -> list[Event]:
        try:
            epoch, sequence, kind, *words = line.decode("ascii").split(" ")
            number = _whole(sequence)
            texts = [_text(word) for word in words]
            dropped = _whole(texts[0]) if kind == "gap" else 0
            event = _KINDS[kind](texts) if kind in _KINDS else None
        except (ValueError, IndexError, OverflowError):
            self._sequence += 1
            return [_gap(1)]
        known = epoch == self._epoch
        lost = max(number - self._sequence - 1, 0) if known else dropped
        self._epoch, self._sequence = epoch, max(number, self._sequence) if known else number
        return [*([_gap(lost)] if lost else []), *([event] if event else [])]


def parent_pixel(physical: float) -> float:
    """Return the 0-based parent pixel of one of DS9's physical coordinates, where the first pixel has ``xy0 + 1``."""
    return physical - 1


def _gap(count: int) -> Event:
    return Event(kind="gap", count=count, reason="the window had more to tell than could be kept")


def _key(words: Sequence[str]) -> Event:
    display, key, x, y, value = words
    return Event(kind="key", display=_whole(display), key=key, x=_pixel(x), y=_pixel(y), value=_number(value))


def _frame(words: Sequence[str]) -> Event:
    display, action = words
    return Event(kind="frame", display=_whole(display), action=action)


def _region(words: Sequence[str]) -> Event:
    display, action, *rest = words
    event = Event(kind="region", display=_whole(display), action=action, marker=_whole(rest[0]) if rest else None)
    if len(rest) < 2:
        return event
    shape, x, y, sizes, angle, tags = rest[1:]
    return msgspec.structs.replace(
        event,
        shape=shape,
        x=_pixel(x),
        y=_pixel(y),
        sizes=tuple(float(size) for size in sizes.split()),
        angle_deg=_number(angle),
        overlay=tags,
    )


def _closing(_words: Sequence[str]) -> Event:
    return Event(kind="window", action="closed")


ZOOMED: Final = Event(kind="window", action="zoomed")
"""The user has zoomed: told to the stage alone."""


def _zoom(_words: Sequence[str]) -> Event:
    return ZOOMED


_KINDS: Final[Mapping[str, Callable[[Sequence[str]], Event]]] = {
    "key": _key,
    "frame": _frame,
    "region": _region,
    "closed": _closing,
    "zoom": _zoom,
}


def _text(word: str) -> str:
    return "" if word == "-" else bytes.fromhex(word).decode()


def _whole(text: str) -> int:
    number = int(text)
    if not 0 <= number < _WHOLE_MAX:
        raise ValueError(f"{number} is out of range")
    return number


def _number(text: str) -> float | None:
    """Return a number; None where there is none, or one that is no number at all."""
    return float(text) if text and math.isfinite(float(text)) else None


def _pixel(text: str) -> float | None:
    number = _number(text)
    return None if number is None else parent_pixel(number)
