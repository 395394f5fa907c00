"""Regions as callers give them: files, texts in DS9's region language, objects, as checked regions of the wire."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec

from mtv.arguments import astropy_regions
from mtv.arguments.transaction import too_many
from mtv.shared.regions.reading import FILE_BYTES_MAX, parse
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.limits import Limits
from mtv.wire.regions import Region, check_region, check_vertices

_HINT: Final = "a region file, text such as 'image; circle(100,200,10)', Region objects, or those of astropy regions"
_BODY_SHARE: Final = 0.9
"""Part of the daemon's limit on a message that regions may fill."""

ListedSystem = Literal["pixel", "image", "sky"]
LISTED: Final[tuple[str, ...]] = get_args(ListedSystem)
"""Systems in which regions are told."""
_USER: Final = "user"


class Found(NamedTuple):
    """Regions, and what was left out."""

    regions: tuple[Region, ...]
    notes: tuple[str, ...] = ()


def regions_of(source: Any, limits: Limits) -> Found:
    """Return the regions that a caller means.

    Parameters
    ----------
    source : `str`, path, `Region`, region of astropy's, or iterable of such objects
        A text that is no name of a file is in the region language.
    limits : `Limits`
        The daemon's.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``regions``; ``unreadable_file``; ``too_large``.
    """
    found = _regions_in(source, limits)
    if not found.regions:
        raise bad_value("regions", _nothing(found.notes), "" if found.notes else _HINT)
    size = len(msgspec.msgpack.encode(found.regions))
    if size > limits.body_bytes * _BODY_SHARE:
        message = f"{len(found.regions)} regions are {size} bytes, and the daemon takes {limits.body_bytes} at a time"
        raise RequestError(Error(code="too_large", message=message, where="regions", hint="draw them in several calls"))
    return found


def _nothing(notes: tuple[str, ...]) -> str:
    return f"nothing can be drawn of it; left out: {'; '.join(notes[:5])}" if notes else "there are no regions"


def _regions_in(source: Any, limits: Limits) -> Found:
    if isinstance(source, os.PathLike):
        return of_file(os.fspath(source), limits)
    if isinstance(source, str):
        return of_file(source, limits) if _names_a_file(source) else of_text(source, limits)
    if isinstance(source, Region) or astropy_regions.is_region(source):
        source = [source]
    try:
        several = enumerate(iter(source))
    except TypeError:
        raise bad_value("regions", f"{type(source).__name__} is no region", _HINT) from None
    regions: list[Region] = []
    for index, one in several:
        if len(regions) >= limits.markers:
            raise too_many("regions", len(regions) + 1, limits.markers)
        regions.append(_region(one, f"regions[{index}]"))
    check_vertices(regions, limits)
    return Found(tuple(regions))


def _region(one: Any, where: str) -> Region:
    if isinstance(one, Region):
        plain = _plain(one, where)
        check_region(plain, where)
        return plain
    if astropy_regions.is_region(one) or type(one).__module__.split(".")[0] == "regions":
        return astropy_regions.region_of(one, where)
    raise bad_value(where, f"{type(one).__name__} is no region", _HINT)


def _plain(region: Region, where: str) -> Region:
    """Return a region with Python's own numbers: callers give numpy's, arrays and lists of them."""
    try:
        found: dict[str, Any] = {
            "points": tuple(map(float, region.points)),
            "sizes": tuple(map(float, region.sizes)),
            "angle_deg": float(region.angle_deg),
            "width": int(region.width),
            "symbol_size": int(region.symbol_size),
            "font_size": int(region.font_size),
            "arrows": (bool(region.arrows[0]), bool(region.arrows[1])),
        }
        made = msgspec.structs.replace(region, **found)
        return msgspec.convert(msgspec.structs.asdict(made), Region)
    except (TypeError, ValueError, IndexError, OverflowError, msgspec.ValidationError) as error:
        raise bad_value(where, f"a field of the region is of the wrong kind: {error}") from None


def _names_a_file(text: str) -> bool:
    if "\n" in text or len(text) > 4096:
        return False
    if not {*"(;#"} & {*text}:
        return True
    try:
        return Path(text).expanduser().is_file()
    except (OSError, ValueError):
        return False


def of_file(path: str | bytes, limits: Limits) -> Found:
    """Return the regions of a file; raises as `regions_of`."""
    name = os.fsdecode(path)
    try:
        file = Path(name).expanduser()
        if file.stat().st_size > FILE_BYTES_MAX:
            raise _unreadable(name, f"is larger than {FILE_BYTES_MAX >> 20} MB", "take a part of it")
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable(name, "is no text", "a region file of DS9") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(name, f"cannot be read: {reason[:1].lower()}{reason[1:]}") from None
    return of_text(text, limits)


def of_text(text: str, limits: Limits) -> Found:
    """Return the regions of a text in the region language; raises as `regions_of`."""
    parsed = parse(text, limits)
    return Found(parsed.regions, parsed.notes)


def _unreadable(name: str, why: str, hint: str = "") -> RequestError:
    return RequestError(Error(code="unreadable_file", message=f"{name} {why}", where="regions", hint=hint))


def saved_text(regions: Sequence[Region]) -> str:
    """Return the region file of regions that were read; those of programs keep the overlay as their tag."""
    from mtv.shared.regions.writing import file_of

    return file_of(
        msgspec.structs.replace(region, overlay="" if region.overlay == _USER else region.overlay) for region in regions
    )
