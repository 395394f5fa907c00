"""Parts of a dataset or a file that are wanted: HDU, slice, component, cut-out by pixels or on the sky. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

import msgspec

from mtv.arguments.quantities import column, is_sky, name_field, position_of
from mtv.wire import data
from mtv.wire.errors import bad_value
from mtv.wire.hints import near

Box = tuple[int, int, int, int]
Centre = tuple[float, float] | Any
"""Right ascension and declination: degrees, angles, or a `SkyCoord` in place of both."""
Size = float | tuple[float, float] | Any
"""Arc seconds, or angles: of both sides, or width and height."""
Source = data.Dataset | data.File | data.Handle

_ADVICE: Final = "(x_min, y_min, width, height) in 0-based parent pixels"
_BESIDE: Final = ("mask", "planes", "xy0", "wcs", "label", "title", "metadata", "wait", "supersede", "on_progress")
"""Other words of `mtv.Display.mtv`, for near names."""


class Part(TypedDict, total=False):
    """The words for a part; see `mtv.Repository.get`."""

    hdu: int | str
    cube_index: int | Sequence[int]
    component: str
    bbox: Box
    centre_deg: Centre
    size_arcsec: Size


def keep_given(
    *,
    hdu: int | str | None = None,
    component: str = "",
    cube_index: int | Sequence[int] | None = None,
    bbox: Box | None = None,
    centre_deg: Centre | None = None,
    size_arcsec: Size | None = None,
) -> Part:
    """Return those words that say something."""
    part = Part(component=component) if component else Part()
    if hdu is not None:
        part["hdu"] = hdu
    if cube_index is not None:
        part["cube_index"] = cube_index
    if bbox is not None:
        part["bbox"] = bbox
    if centre_deg is not None:
        part["centre_deg"] = centre_deg
    if size_arcsec is not None:
        part["size_arcsec"] = size_arcsec
    return part


def check_words(words: Mapping[str, Any]) -> Part:
    """Return those words for a part that say something.

    Parameters
    ----------
    words : mapping from `str`
        Keyword arguments of a call that takes any, for Python refuses none of them then.

    Raises
    ------
    RequestError
        ``bad_value`` naming a word that is none for a part.
    """
    known = Part.__annotations__
    for name in words:
        if name not in known:
            dataset = f"keys of a dataset go with its name: repository.dataset(..., {name}=...)"
            hint = near(name, (*known, *_BESIDE), otherwise=dataset)
            raise bad_value(name, f"mtv takes no argument {name!r}", hint)
    return keep_given(**words)


def of(source: Source, part: Part) -> Source:
    """Return the source of a part of a dataset or file; a handle has no parts.

    Raises
    ------
    RequestError
        ``bad_value`` naming the word at fault.
    """
    part = check_words(part)
    if isinstance(source, data.Handle):
        for name in part:
            raise bad_value(name, "a handle is what was loaded", "choose the part when it is loaded")
        return source
    changes: dict[str, Any] = _component(source, part["component"]) if "component" in part else {}
    if "hdu" in part:
        changes["hdu"] = _hdu(part["hdu"])
    if "cube_index" in part:
        changes["cube_index"] = _cube_index(part["cube_index"])
    if "bbox" in part:
        changes["bbox"] = box(part["bbox"])
    if "centre_deg" in part or "size_arcsec" in part:
        if "bbox" in part:
            raise bad_value("bbox", "a cut-out is given both by pixels and on the sky", "leave one of them away")
        changes["sky"] = sky_box(part.get("centre_deg"), part.get("size_arcsec"))
    return msgspec.structs.replace(source, **changes) if changes else source


def none_of_pixels(part: Part) -> None:
    """Refuse a part of pixels that are in this process."""
    for name in check_words(part):
        raise bad_value(name, f"{name} cannot be given for pixels of this process", "slice the array, and give xy0")


def box(bbox: Sequence[Any]) -> Box:
    """Return a cut-out by pixels."""
    try:
        x_min, y_min, width, height = (_whole(value) for value in bbox)
    except (TypeError, ValueError):
        raise bad_value("bbox", f"{bbox!r} is no cut-out", _ADVICE) from None
    if width <= 0 or height <= 0:
        raise bad_value("bbox", "the cut-out is empty", _ADVICE)
    return x_min, y_min, width, height


def sky_box(centre_deg: Any, size_arcsec: Any) -> data.SkyBox:
    """Return a cut-out on the sky: a square, or ``(width, height)``; a `SkyCoord` is a centre, and units count."""
    if centre_deg is None:
        raise bad_value("centre_deg", "a size on the sky is given without a centre", "centre_deg=(ra, dec)")
    if size_arcsec is None:
        raise bad_value("size_arcsec", "a centre on the sky is given without a size", "size_arcsec=30")
    with name_field("centre_deg"):
        ra, dec = _pair("centre_deg", _degrees(centre_deg))
    with name_field("size_arcsec"):
        width, height = _pair("size_arcsec", _arcsec(size_arcsec))
    if not -90 <= dec <= 90:
        raise bad_value("centre_deg", f"{dec:g} is no declination", "(ra, dec) in degrees, ICRS")
    if width <= 0 or height <= 0:
        raise bad_value("size_arcsec", f"{width:g} x {height:g} arc seconds show nothing")
    return data.SkyBox(ra_deg=ra, dec_deg=dec, width_arcsec=width, height_arcsec=height)


def _degrees(centre: Any) -> Any:
    """Return a centre as two numbers, if it is a `SkyCoord` or has units; others as they are."""
    if is_sky(centre):
        return position_of(centre, None, "sky")[:2]
    pair = _pair_of(centre)
    return position_of(*pair, "sky")[:2] if pair else centre


def _arcsec(size: Any) -> Any:
    """Return a size as two numbers, if it has units; one number stands for both."""
    several = isinstance(size, Sequence) or (hasattr(size, "ndim") and size.ndim > 0)
    pair = _pair_of(size) if several else (size, size)
    return [column("size", one, "sky")[()] if hasattr(one, "unit") else one for one in pair] if pair else size


def _pair_of(values: Any) -> tuple[Any, Any] | None:
    try:
        first, second = values
    except (TypeError, ValueError):
        return None
    return first, second


def _component(source: data.Dataset | data.File, component: str) -> dict[str, str]:
    if isinstance(source, data.File):
        return {"component": component}
    whole, _, own = source.dataset_type.partition(".")
    if own and own != component:
        raise bad_value("component", f"{source.dataset_type} is a component already")
    return {"dataset_type": f"{whole}.{component}"}


def _hdu(hdu: Any) -> int | str:
    if isinstance(hdu, str) and hdu.strip():
        return hdu
    try:
        number = _whole(hdu)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise bad_value("hdu", f"{hdu!r} is no HDU", "a number from 0, or a name such as 'SCI'")
    return number


def _cube_index(cube_index: int | Sequence[int]) -> tuple[int, ...]:
    try:
        return tuple(map(_whole, cube_index if isinstance(cube_index, Sequence) else (cube_index,)))
    except (TypeError, ValueError):
        hint = "one whole number from 0 for each axis before (y, x)"
        raise bad_value("cube_index", f"{cube_index!r} is no slice", hint) from None


def _pair(where: str, values: Sequence[Any]) -> tuple[float, float]:
    try:
        first, second = (float(value) for value in values)
    except (TypeError, ValueError):
        raise bad_value(where, f"{values!r} are not two numbers") from None
    if not (math.isfinite(first) and math.isfinite(second)):
        raise bad_value(where, f"{values!r} are not two numbers")
    return first, second


def _whole(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value:
        raise ValueError(value)
    return int(value)
