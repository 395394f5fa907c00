"""The reference model: what the window must show, folded from what clients meant and what they were told. Pure.

It is written from the meaning of the verbs alone and imports nothing of the daemon. Clients own what they draw on (each
display has one client that shows images and changes the view, others add overlays of their own that last), so the
order between clients does not matter and each log is folded by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from chaos import palette
from chaos.logbook import DONE, SUPERSEDED, Op, Request

Place = tuple[float, float]
"""``(x, y)``, 0-based parent pixels; no two markers of a run have the same."""


@dataclass
class Overlay:
    """A group of markers."""

    lasting: bool
    places: Counter[Place] = field(default_factory=Counter)


@dataclass
class Display:
    """What one display must show."""

    serial: int | None = None
    """Value of the image's first pixel."""
    planes: tuple[str, ...] = ()
    colours: dict[str, str] = field(default_factory=lambda: dict(palette.DEFAULT_COLOURS))
    overlays: dict[str, Overlay] = field(default_factory=dict)
    stretch: str = "linear"
    limits: tuple[float, float] | None = None
    zoom: float | None = None

    def visible(self) -> set[str]:
        """Colours of the mask that can be seen."""
        return {self.colours[plane] for plane in self.planes} - {palette.IGNORE}

    def places(self) -> Counter[Place]:
        """All markers."""
        return sum((overlay.places for overlay in self.overlays.values()), Counter())


def fold(requests: Iterable[Request]) -> dict[int, Display]:
    """Return what every display must show after these requests; of those that were not done, nothing."""
    displays: dict[int, Display] = {}
    for request in sorted(requests, key=lambda one: (one.client, one.number)):
        if request.outcome == DONE:
            for op in request.ops:
                _apply(displays.setdefault(op["display"], Display()), op)
    return displays


def unexplained(requests: Iterable[Request]) -> list[Request]:
    """Return superseded requests without a newer image of the same client on the same display that was drawn."""
    known = list(requests)
    return [one for one in known if one.outcome == SUPERSEDED and not any(_explains(one, newer) for newer in known)]


def _explains(older: Request, newer: Request) -> bool:
    return (
        newer.client == older.client
        and newer.number > older.number
        and newer.outcome == DONE
        and any(op["op"] == "mtv" and op["display"] == older.ops[0]["display"] for op in newer.ops)
    )


def _apply(display: Display, op: Op) -> None:
    match op["op"]:
        case "mtv":
            display.serial, display.planes = op["serial"], tuple(op["planes"])
            display.overlays = {name: one for name, one in display.overlays.items() if one.lasting}
        case "dots":
            _add(display, op)
        case "erase":
            display.overlays.pop(op["overlay"], None)
        case "scale":
            display.stretch, display.limits = op["stretch"], (op["low"], op["high"])
        case "zoom":
            display.zoom = op["factor"]
        case "colour":
            display.colours.update(op["planes"])
        case other:
            raise ValueError(f"no such thing to draw: {other}")


def _add(display: Display, op: Op) -> None:
    overlay = display.overlays.setdefault(op["overlay"], Overlay(lasting=op["lasting"]))
    if op["replace"]:
        overlay.places, overlay.lasting = Counter(), op["lasting"]
    overlay.lasting |= op["lasting"]
    overlay.places.update((x, y) for x, y in op["at"])
