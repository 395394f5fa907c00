"""The reference model: what the window must show, folded from what clients meant and what they were told. Pure.

It is written from the meaning of the verbs alone and imports nothing of the daemon. A display that has one client is
exact. A step whose fate its client does not know, because it died or was given up, may be there wholly or not at all,
and may have come at any later moment; so a display has one or several *candidates*, and one of them must be seen.

Markers are numbers: marker ``i`` of a display has a place of its own, `place`, so that none is ever in the place of
another, and `number_at` finds it again.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chaos.logbook import DONE, SUPERSEDED, Op, Request

DisplayKey = int | str
"""Number or name of a display."""

PLANES: Final = {"BAD": 0, "CR": 2, "DETECTED": 5}
"""Bit of each mask plane that clients draw with."""
DEFAULT_COLOURS: Final = {"BAD": "red", "CR": "magenta", "DETECTED": "blue"}
IGNORE: Final = "ignore"
STRETCHES: Final = ("linear", "log", "sqrt", "asinh")
"""Our word for a stretch, and DS9's."""

MOST_CANDIDATES: Final = 4096
"""A display with more is not looked at: its clients should have died less often."""

_COLUMNS: Final = 1000
_PITCH_PX: Final = 0.25
_ORIGIN_PX: Final = 4.0


def place(number: int) -> tuple[float, float]:
    """Return ``(x, y)``, 0-based parent pixels, of a marker."""
    y, x = divmod(number, _COLUMNS)
    return _ORIGIN_PX + _PITCH_PX * x, _ORIGIN_PX + _PITCH_PX * y


def number_at(x: float, y: float) -> int | None:
    """Return the marker that has its place there; None where no marker has."""
    column, row = (x - _ORIGIN_PX) / _PITCH_PX, (y - _ORIGIN_PX) / _PITCH_PX
    if abs(column - round(column)) > 1e-6 or abs(row - round(row)) > 1e-6:
        return None
    return round(row) * _COLUMNS + round(column) if 0 <= round(column) < _COLUMNS and row > -0.5 else None


@dataclass
class Overlay:
    """A group of markers."""

    lasting: bool = False
    markers: Counter[int] = field(default_factory=Counter)
    """How often each marker must be there, by its number."""


@dataclass
class Shown:
    """What one display must show. None stands for what nobody has said and nobody looks at."""

    serial: float | None = None
    """Value of the image's first pixel."""
    size: tuple[int, int] | None = None
    """Width and height of the image; None where there is no image."""
    label: str | None = None
    planes: tuple[str, ...] = ()
    colours: dict[str, str] = field(default_factory=lambda: dict(DEFAULT_COLOURS))
    overlays: dict[str, Overlay] = field(default_factory=dict)
    stretch: str | None = None
    limits: tuple[float, float] | None = None
    zoom: float | None = None
    colormap: str | None = None
    transparency: float | None = None
    user_drew: bool = False
    """True: regions without a tag may be there."""

    def visible(self) -> set[str]:
        """Colours of the mask that can be seen."""
        return {self.colours[plane] for plane in self.planes} - {IGNORE}


State = Shown | None
"""None: there is no such display."""


def fold(ops: Iterable[Op]) -> State:
    """Return what a display shows after these steps, all of which were done."""
    state: State = None
    for op in ops:
        state = _applied(state, op)
    return state


def candidates(requests: Sequence[Request], display: DisplayKey) -> list[State]:
    """Return all that a display may show after the requests of its one client, or of clients in a row.

    Parameters
    ----------
    requests : sequence of `~chaos.logbook.Request`
        In the order in which they were sent; those that do not concern the display are left out here.

    Raises
    ------
    ValueError
        There are too many.
    """
    steps = [(one, _ops(one, display)) for one in requests]
    known = [ops for one, ops in steps if ops and one.outcome == DONE]
    sure: list[list[Op]] = []
    open_at: list[tuple[int, list[Op]]] = []
    for one, ops in steps:
        if ops and one.outcome == DONE:
            sure.append(ops)
        elif ops and not one.outcome:
            open_at.append((len(sure), ops))
    ranges = [[None, *range(start, len(known) + 1)] for start, _ in open_at]
    count = 1
    for one_range in ranges:
        count *= len(one_range)
    if count > MOST_CANDIDATES:
        raise ValueError(f"display {display!r} has {len(open_at)} steps of unknown fate")
    found: list[State] = []
    for chosen in itertools.product(*ranges):
        state = fold(itertools.chain.from_iterable(_woven(sure, open_at, chosen)))
        if state not in found:
            found.append(state)
    return found


def _woven(
    sure: Sequence[list[Op]], unsure: Sequence[tuple[int, list[Op]]], chosen: Sequence[int | None]
) -> list[list[Op]]:
    """Put the steps of unknown fate in where they were chosen to be."""
    at: defaultdict[int, list[list[Op]]] = defaultdict(list)
    for (_, ops), index in zip(unsure, chosen, strict=True):
        if index is not None:
            at[index].append(ops)
    woven: list[list[Op]] = []
    for index in range(len(sure) + 1):
        woven += at[index]
        woven += sure[index : index + 1]
    return woven


def by_display(requests: Iterable[Request]) -> dict[DisplayKey, list[Request]]:
    """Return the requests that concern each display, in the order in which they were sent."""
    found: defaultdict[DisplayKey, list[Request]] = defaultdict(list)
    for one in sorted(requests, key=lambda request: request.sent_at):
        for display in {op["display"] for op in one.ops}:
            found[display].append(one)
    return dict(found)


def last_ones(requests: Sequence[Request], op: str, display: DisplayKey) -> list[Op]:
    """Return the steps of a kind of which any may have been the last on a display that several clients share.

    One that was answered before another was sent is not the last. One of unknown fate may be.
    """
    held = [
        (one, step)
        for one in requests
        if one.outcome in {DONE, ""}
        for step in _ops(one, display)[::-1]
        if step["op"] == op
    ]
    latest_sent = max((one.sent_at for one, _ in held if one.outcome == DONE), default=0.0)
    return [step for one, step in held if one.settled_at is None or one.settled_at >= latest_sent]


def unexplained(requests: Iterable[Request]) -> list[Request]:
    """Return superseded requests without a later one of the same client that was done on the same display."""
    known = list(requests)
    return [
        one
        for one in known
        if one.outcome == SUPERSEDED
        and not any(
            newer.client == one.client
            and newer.number > one.number
            and newer.outcome == DONE
            and any(op["display"] == one.ops[0]["display"] for op in newer.ops)
            for newer in known
        )
    ]


def _ops(request: Request, display: DisplayKey) -> list[Op]:
    return [op for op in request.ops if op["display"] == display]


def _applied(state: State, op: Op) -> State:
    if op["op"] == "delete":
        return None
    shown = state or Shown()
    match op["op"]:
        case "image":
            _replace_image(shown, op)
        case "marks":
            _add(shown, op)
        case "erase":
            _erase(shown, op["overlay"])
        case "scale":
            shown.stretch, shown.limits = op["stretch"], (op["low"], op["high"])
        case "zoom":
            shown.zoom = op["factor"]
        case "colormap":
            shown.colormap = op["name"]
        case "colour":
            shown.colours.update(op["planes"])
        case "transparency":
            shown.transparency = op["percent"]
        case "by_hand":
            shown.user_drew = True
        case other:
            raise ValueError(f"no such thing to draw: {other}")
    return shown


def _replace_image(shown: Shown, op: Mapping[str, Any]) -> None:
    width, height = op["size"]
    if shown.size != (width, height):
        shown.zoom = None  # what is of another size is fitted into the window
    shown.serial, shown.planes, shown.size = op["serial"], tuple(op["planes"]), (width, height)
    shown.label = op["label"]
    shown.overlays = {name: one for name, one in shown.overlays.items() if one.lasting}


def _add(shown: Shown, op: Mapping[str, Any]) -> None:
    overlay = shown.overlays.setdefault(op["overlay"], Overlay())
    if op["replace"]:
        overlay.markers, overlay.lasting = Counter(), False
    overlay.lasting |= op["lasting"]
    overlay.markers.update(range(op["first"], op["first"] + op["count"]))


def _erase(shown: Shown, overlay: str | None) -> None:
    if overlay is None:
        shown.overlays.clear()
        shown.user_drew = False
    else:
        shown.overlays.pop(overlay, None)
