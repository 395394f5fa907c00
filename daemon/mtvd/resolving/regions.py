"""Regions of any shape: those of a step, checked one by one, as the change that draws them. Pure."""

from __future__ import annotations

import msgspec

from mtv.wire import steps
from mtv.wire.errors import bad_value
from mtv.wire.limits import Limits
from mtv.wire.markers import check_text
from mtv.wire.regions import check_region
from mtvd.resolving.view_steps import check_display
from mtvd.scene import changes as ch
from mtvd.scene.actions import Markers


def pack_regions(step: steps.Regions, key: str, limits: Limits) -> ch.AddMarkers:
    """Return the change that a step asks for; colours become ``#rrggbb``.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``regions[i]`` and the field.
    """
    if not step.regions:
        raise bad_value("regions", "there are no regions to draw")
    colours = tuple(
        check_region(region, f"regions[{index}]", text_chars=limits.text_chars)
        for index, region in enumerate(step.regions)
    )
    markers = Markers(
        key=key,
        count=len(step.regions),
        x=b"",
        y=b"",
        size=b"",
        symbols=("",),
        colours=("",),
        system="pixel",
        lines=False,
        regions=tuple(
            msgspec.structs.replace(region, colour=colour, overlay="")
            for region, colour in zip(step.regions, colours, strict=True)
        ),
    )
    return ch.AddMarkers(
        display=check_display(step.display),
        overlay=check_text(step.name, "name", text_chars=limits.text_chars),
        markers=markers,
        replace=step.replace,
        lasting=step.lasting,
    )
