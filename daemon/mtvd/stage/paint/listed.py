"""Regions as DS9 lists them, read: whose they are, and what of them cannot be told. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from mtv.shared.regions.reading import parse
from mtv.wire.errors import Error, RequestError
from mtv.wire.limits import Limits
from mtv.wire.messages import RegionList
from mtv.wire.regions import Region
from mtvd.scene.model import USER, Display
from mtvd.stage.paint.regions import TAG_PREFIX, tag_of

LISTED_SYSTEMS: Final = {"pixel": "physical fk5", "image": "image fk5", "sky": "wcs icrs"}
"""System and sky in DS9's words."""

_UNWRITABLE: Final = re.compile(r"^# unwritable (\d+)$", re.MULTILINE)
_SHARE: Final = 0.9
"""Part of a message that regions may fill."""


def read_list(text: str, display: Display | None, limits: Limits) -> RegionList:
    """Return the regions of a list, each with its overlay.

    Raises
    ------
    RequestError
        ``too_large`` where there are more than go into one message.
    """
    parsed = parse(text, limits, tags_are_overlays=True)
    names = {tag_of(overlay.name): overlay.name for overlay in (display.overlays if display else ())}
    regions = tuple(_with_name(region, names) for region in parsed.regions)
    found = RegionList(regions=regions, notes=tuple(_notes(text, parsed.left_out)))
    size = len(msgspec.msgpack.encode(regions))
    if size > limits.body_bytes * _SHARE:
        message = f"{len(regions)} regions are {size} bytes, and a message takes {limits.body_bytes}"
        raise RequestError(Error(code="too_large", message=message, where="ours"))
    return found


def no_sky(message: str) -> RequestError:
    """Return the error for places on the sky of an image that has none."""
    return RequestError(Error(code="unsupported", message=message, where="system", hint="ask for pixels"))


def _with_name(region: Region, names: dict[str, str]) -> Region:
    tags = region.overlay.split()
    name = next((names[tag] for tag in tags if tag in names), "")
    if not name and not any(tag.startswith(TAG_PREFIX) for tag in tags):
        name = USER
    return msgspec.structs.replace(region, overlay=name)


def _notes(text: str, left_out: Mapping[str, Sequence[int]]) -> Iterator[str]:
    for what, lines in left_out.items():
        yield f"{what} ({len(lines)} left out)" if what != "font" else f"font (of {len(lines)})"
    if match := _UNWRITABLE.search(text):
        yield f"regions with a font that DS9 cannot write down ({match[1]} left out)"
