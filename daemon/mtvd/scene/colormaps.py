"""Colour maps: what is asked for and what the scene has, held against those that the window has. Pure.

Each version of DS9 has maps of its own. So names are checked when the window is there, and a scene that was kept over
a change of DS9 may name one that is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from mtv.wire.errors import bad_value, within
from mtv.wire.hints import near
from mtvd.scene import changes as ch
from mtvd.scene import model

_EXAMPLES = ("grey", "heat", "rainbow", "viridis")


def check(known: Collection[str], changes: Sequence[ch.AnyChange], places: Sequence[int] = ()) -> None:
    """Check that the window has the colour maps that changes choose.

    Parameters
    ----------
    known : collection of `str`
        The window's colour maps; empty where it does not say them, and nothing is checked.
    changes : sequence of changes
        Of one transaction.
    places : sequence of `int`
        Index of each change's step, for errors; the change's own index where empty.

    Raises
    ------
    RequestError
        ``bad_value``, with ``steps[i].name`` in ``where`` and names that look alike.
    """
    if not known:
        return
    for place, change in zip(places or range(len(changes)), changes, strict=True):
        if isinstance(change, ch.SetColormap) and change.name not in known:
            examples = ", ".join(name for name in _EXAMPLES if name in known)
            with within(f"steps[{place}]"):
                raise bad_value(
                    "name",
                    f"no colour map {change.name[:40]!r}",
                    near(change.name, known, otherwise=f"this DS9 has {len(known)}, such as {examples}"),
                )


def with_known(scene: model.Scene, known: Collection[str]) -> model.Scene:
    """Return the scene with DS9's first colour map where a display has one that the window lacks; its image says so.

    Parameters
    ----------
    scene : `~mtvd.scene.model.Scene`
        What a new window is to show.
    known : collection of `str`
        As of `check`.

    Returns
    -------
    scene : `~mtvd.scene.model.Scene`
        The same object where nothing is missing.
    """
    lacking = [display for display in scene.displays.values() if known and display.colormap.name not in known]
    if not lacking:
        return scene
    return msgspec.structs.replace(scene, displays={**scene.displays, **{one.number: _plain(one) for one in lacking}})


def _plain(display: model.Display) -> model.Display:
    note = f"this DS9 has no colour map {display.colormap.name[:40]!r}: shown in {model.Colormap().name}"
    image = display.image
    if image is not None and note not in image.notes:
        image = msgspec.structs.replace(image, notes=(*image.notes, note))
    plain = msgspec.structs.replace(display.colormap, name=model.Colormap().name)
    return msgspec.structs.replace(display, colormap=plain, image=image)
