"""Displays that are chosen to be side by side, or to blink; the others stay behind them. Pure.

While some are chosen the one in front is one of them. A display that is made meanwhile is not chosen; one that is
brought to the front is, as the last.
"""

from __future__ import annotations

from typing import Any

import msgspec

from mtv.wire.errors import Error, RequestError
from mtvd.scene import changes as ch
from mtvd.scene.model import Arrangement, Scene
from mtvd.scene.naming import unknown_display


def choose(scene: Scene, change: ch.Arrange) -> dict[str, Any]:
    """Return how the displays are shown after a change: ``tile``, ``blink_secs`` and ``displays`` of the arrangement.

    Raises
    ------
    RequestError
        ``unknown_display`` for one that there is not; ``bad_value`` for one that is named twice.
    """
    before = scene.arrangement
    tile, blink_secs, displays = before.tile, before.blink_secs, before.displays
    if change.blink_secs is not None:
        tile, blink_secs = tile and not change.blink_secs, change.blink_secs
    if change.tile is not None:
        tile, blink_secs = change.tile, blink_secs if change.blink_secs and not change.tile else 0.0
    if change.displays is not None:
        displays = _numbers(scene, change)
        tile = tile or bool(displays and not blink_secs)
    return {"tile": tile, "blink_secs": blink_secs, "displays": displays if tile or blink_secs else ()}


def settle(scene: Scene, front: int | None, change: object = None) -> Scene:
    """Return a scene in which the chosen displays exist, and one of them is in front.

    Parameters
    ----------
    scene : `Scene`
        After a change.
    front : `int` or None
        Display that was in front before it.
    change : change, optional
        One that brings a display to the front adds it to those that are chosen.
    """
    displays = tuple(number for number in scene.arrangement.displays if number in scene.displays)
    if displays and isinstance(change, ch.BringToFront) and scene.front is not None and scene.front not in displays:
        displays = (*displays, scene.front)
    if displays != scene.arrangement.displays:
        scene = msgspec.structs.replace(scene, arrangement=_with(scene.arrangement, displays))
    if displays and scene.front not in displays:
        scene = msgspec.structs.replace(scene, front=front if front in displays else displays[0])
    return scene


def _with(arrangement: Arrangement, displays: tuple[int, ...]) -> Arrangement:
    return msgspec.structs.replace(arrangement, displays=displays)


def _numbers(scene: Scene, change: ch.Arrange) -> tuple[int, ...]:
    numbers: list[int] = []
    for index, name in enumerate(change.displays or ()):
        number = scene.number_of(name)
        where = f"displays[{index}]"
        if number is None:
            raise unknown_display(scene, name, where)
        if number in numbers:
            raise RequestError(Error(code="bad_value", message=f"display {name!r} is named twice", where=where))
        numbers.append(number)
    return tuple(numbers)
