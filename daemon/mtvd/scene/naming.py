"""Names of displays: the error for one that does not exist. Pure."""

from __future__ import annotations

from mtv.wire.errors import Error, RequestError
from mtv.wire.hints import near
from mtv.wire.steps import DisplayName
from mtvd.scene.model import Scene


def unknown_display(scene: Scene, key: DisplayName, where: str = "display") -> RequestError:
    """Return the error for a display that does not exist."""
    known = ", ".join(str(display.name or number) for number, display in sorted(scene.displays.items()))
    several = "is display" if len(scene.displays) == 1 else "are displays"
    there = f"there {several} {known}" if known else "there is none yet"
    names = [display.name for display in scene.displays.values() if display.name]
    hint = near(key, names, otherwise=there) if isinstance(key, str) else there
    return RequestError(Error(code="unknown_display", message=f"no display {key!r}", where=where, hint=hint))
