"""Images in objects of other packages: arrays, exposures, astropy's classes. Known by their shape, never imported.

An NDData has ``data`` and ``uncertainty``, an HDU has ``data`` and ``header``, an HDUList is a list of these, a
Cutout2D has ``data`` and ``origin_original``, an array of astropy's with a mask has ``unmasked``; see also
`mtv.arguments.lsst_objects` and `mtv.arguments.afw_objects`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mtv.arguments import afw_objects, lsst_objects
from mtv.arguments.catalogs import is_table
from mtv.arguments.foreign import has, in_its_own_words
from mtv.shared.exposure_hdus import (
    BITS_A_HDU,
    ROLES,
    UNCERTAINTY,
    are_enough,
    card,
    choose_hdus,
    is_mask,
    mask_notes,
    mask_planes,
    role_of,
)
from mtv.shared.sky.cards import read
from mtv.shared.sky.physical import offset_of
from mtv.shared.wcs_cards import wcs_cards
from mtv.wire.errors import RequestError, bad_value

if TYPE_CHECKING:
    import numpy as np

_SHOWN: Final = (
    "a 2-D array, an mtv.Exposure, an astropy NDData, Cutout2D, HDU or HDUList, an image of lsst.images or "
    "lsst.afw.image, a FITS path, a handle or a dataset reference"
)
_TABLE_HINT: Final = "display.overlay draws its rows: overlay(name, table)"


class Image(NamedTuple):
    """An image in this process, before its pixels go anywhere."""

    pixels: Any
    mask: Any = None
    planes: Mapping[str, int] = {}
    xy0: tuple[int, int] = (0, 0)
    wcs: str = ""
    unit: str = ""
    label: str = ""
    notes: tuple[str, ...] = ()
    """Parts of the target that are not shown, and why, in words for the user."""
    wcs_notes: tuple[str, ...] = ()
    """The same of its WCS."""
    mask_is_own: bool = False
    """True: the mask is the target's, and is left out where it does not fit; False: the caller has given it."""
    caption: str = ""
    """Name that the picture bears; the label where empty."""
    metadata: Mapping[Any, Any] = {}
    """Keywords and their values, of any type; what a header can hold of them is shown."""


def image_of(target: object) -> Image:
    """Return the image that a target holds, not checked yet.

    Parameters
    ----------
    target : object
        Anything whose pixels are in this process.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``target`` for what is no image, or an object that fails when it is asked for its parts.
    """
    for looks_like, make in _KINDS:
        if looks_like(target):
            return _make(make, target)
    name = type(target).__name__
    if not isinstance(target, Mapping) and is_table(target):
        raise bad_value("target", f"a {name} is a table, not an image", _TABLE_HINT)
    raise bad_value("target", f"a {name} is nothing that can be shown", _SHOWN)


def _make(make: Callable[[Any], Image], target: object) -> Image:
    """Return the image of an object; one that fails at any of its parts is not shown in part."""
    try:
        return make(target)
    except (RequestError, MemoryError):
        raise
    except Exception as error:
        message = f"the {type(target).__name__} cannot be read: {in_its_own_words(error)}"
        raise bad_value("target", message) from error


def _is_exposure(target: Any) -> bool:
    from mtv.data.exposure import Exposure

    return isinstance(target, Exposure)


def _is_array(target: Any) -> bool:
    import numpy as np

    return isinstance(target, np.ndarray)


def _is_array_like(target: Any) -> bool:
    return isinstance(target, memoryview) or has("__array__")(target) or has("__array_interface__")(target)


def _is_hdu_list(target: Any) -> bool:
    return isinstance(target, list) and bool(target) and all(map(_is_hdu, target))


_is_hdu: Final = has("header", "data")


def _from_exposure(exposure: Any) -> Image:
    return Image(
        exposure.image,
        exposure.mask,
        exposure.planes if exposure.mask is not None else {},
        exposure.xy0,
        exposure.wcs,
        exposure.unit,
        exposure.label,
        exposure.notes,
        mask_is_own=True,
        caption=getattr(exposure, "caption", ""),
        metadata=exposure.metadata,
    )


def _from_array(target: Any) -> Image:
    """Return the image of an array, be it one of numpy or of astropy with a mask, or with a unit."""
    import numpy as np

    if isinstance(target, np.ma.MaskedArray):
        mask: Any = np.ma.getmaskarray(target) if target.mask is not np.ma.nomask else None
        pixels: Any = target.data
    elif hasattr(target, "unmasked"):
        pixels, mask = target.unmasked, target.mask
    else:
        pixels, mask = target, None
    return Image(_pixels(pixels), mask, unit=_unit(target), mask_is_own=True)


def _from_nddata(target: Any) -> Image:
    given = wcs_cards(target.wcs)
    return Image(
        _pixels(target.data),
        target.mask,
        xy0=_offset_of_slice(target.wcs),
        wcs=given.cards,
        unit=_unit(target),
        wcs_notes=given.notes,
        mask_is_own=True,
        metadata=target.meta if hasattr(getattr(target, "meta", None), "keys") else {},
    )


def _from_cutout(target: Any) -> Image:
    """Return the image of a Cutout2D: it knows its place in the array that it was cut from, also beyond its edge."""
    image = _from_array(target.data) if _is_array(target.data) else Image(_pixels(target.data))
    x, y = (int(parent) - int(own) for parent, own in zip(target.origin_original, target.origin_cutout, strict=True))
    given = wcs_cards(target.wcs)
    return image._replace(xy0=(x, y), wcs=given.cards, wcs_notes=given.notes)


def _from_hdu_list(hdus: Any) -> Image:
    """Return the image of an HDUList by the rules for files: an image with its mask, or the first one with data."""
    by_role: dict[str, list[Any]] = {}
    others: list[Any] = []
    flat: list[Any] = []
    for hdu in filter(_has_pixels, hdus):
        role = role_of(hdu.header)
        if role in ROLES or role == UNCERTAINTY:
            by_role.setdefault(role, []).append(hdu)
        else:
            (others if len(hdu.shape) > 1 else flat).append(hdu)
        if are_enough(by_role, others):
            break
    found = choose_hdus(by_role, others, lambda hdu: hdu.header)
    alone = (*found.mask, found.variance, found.uncertainty, *flat)
    image = found.image or next((hdu for hdu in alone if hdu is not None), None)
    if image is None:
        names = ", ".join(type(hdu).__name__ for hdu in hdus)
        raise bad_value("target", f"no HDU of the list has an image: {names}", _TABLE_HINT)
    if image is not found.image or not found.mask:
        return _from_hdu(image)
    mask = _join(list(found.mask))
    headers = [hdu.header for hdu in found.mask]
    bits = 8 * mask.dtype.itemsize
    planes, notes = mask_planes(headers, bits), mask_notes(headers, bits)
    return _from_hdu(image)._replace(mask=mask, planes=planes, notes=notes, mask_is_own=True)


def _from_hdu(target: Any) -> Image:
    data = target.data
    if data is None:
        hint = "show another HDU, as in hdus[1], or the whole HDUList"
        raise bad_value("target", f"{_words_for(target)} has no data", hint)
    if getattr(data, "dtype", None) is not None and data.dtype.names is not None:
        raise bad_value("target", f"{_words_for(target)} is a table, not an image", _TABLE_HINT)
    return _with_header(target, data)


def _words_for(hdu: Any) -> str:
    name = str(card(hdu.header, "EXTNAME", "")).strip()
    return f"the {type(hdu).__name__} {name!r}" if name else f"the {type(hdu).__name__}"


def _with_header(hdu: Any, data: Any) -> Image:
    header = hdu.header
    given = wcs_cards(header)
    return Image(
        _without_blanks(_pixels(data), header),
        xy0=offset_of(read(given.cards)),
        wcs=given.cards,
        wcs_notes=given.notes,
        unit=str(card(header, "BUNIT", "")).strip(),
        label=str(card(header, "EXTNAME", "")).strip(),
        metadata=header,
    )


def _from_section(target: Any) -> Image:
    """Return the image of the section of an HDU, which reads its pixels when it is indexed."""
    try:
        pixels = target[...]
    except Exception as error:
        raise _not_an_array(target, error) from error
    return _with_header(target.hdu, pixels)


_KINDS: Final[tuple[tuple[Callable[[Any], bool], Callable[[Any], Image]], ...]] = (
    (_is_exposure, _from_exposure),
    (_is_array, _from_array),
    (has("data", "origin_original", "origin_cutout"), _from_cutout),
    (has("data", "uncertainty"), _from_nddata),
    (_is_hdu_list, _from_hdu_list),
    (_is_hdu, _from_hdu),
    (has("hdu", "shape", "dtype", "__getitem__"), _from_section),
    (has("image", "mask", "variance", "yx0"), lambda target: Image(**lsst_objects.parts_of(target))),
    (has("array", "yx0", "fits_wcs"), lambda target: Image(**lsst_objects.image_parts_of(target))),
    (has("getMaskedImage", "getWcs"), lambda target: Image(**afw_objects.exposure_parts_of(target))),
    (has("image", "mask", "variance", "getXY0"), lambda target: Image(**afw_objects.masked_parts_of(target))),
    (has("array", "getXY0"), lambda target: Image(**afw_objects.image_parts_of(target))),
    (has("image", "getMetadata"), lambda target: Image(**afw_objects.decorated_parts_of(target))),
    (_is_array_like, _from_array),
)
"""Kinds of objects, the first that fits counts: each array has ``data`` too."""


def _pixels(data: Any) -> np.ndarray[Any, Any]:
    """Return the pixels of whatever holds them, without axes of length one in front, as files are read.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``target`` where they cannot be made an array here: on a graphics card, for example.
    """
    import numpy as np

    try:
        array: np.ndarray[Any, Any] = np.asarray(data)
    except Exception as error:
        raise _not_an_array(data, error) from error
    if array.dtype.names is not None:
        raise bad_value("target", f"a {type(data).__name__} is a table, not an image", _TABLE_HINT)
    return without_axes_of_one(array)


def _not_an_array(data: Any, error: Exception) -> RequestError:
    return bad_value("target", f"a {type(data).__name__} cannot be made an array: {in_its_own_words(error)}")


def without_axes_of_one(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array without the axes of length one in front of ``(y, x)``."""
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    return array


def _has_pixels(hdu: Any) -> bool:
    """Return True for an HDU of an image with data, without reading them."""
    return bool(getattr(hdu, "is_image", True)) and all(getattr(hdu, "shape", ()) or (0,))


def _join(masks: list[Any]) -> Any:
    """Return the pixels of the HDUs of a mask as one; see `mtv.shared.exposure_hdus.BITS_A_HDU`."""
    import numpy as np

    if len(masks) == 1:
        return _bits(masks[0])
    joined = np.zeros(masks[0].shape, np.int64)
    for number, mask in enumerate(masks):
        joined |= _bits(mask).astype(np.int64) << (BITS_A_HDU * number)
    return joined


def _bits(hdu: Any) -> Any:
    """Return the integers of a mask, also where a file has floats, or where astropy has made NaN of its BLANK."""
    import numpy as np

    if hdu.data.dtype.kind != "f":
        return hdu.data
    blank = card(hdu.header, "BLANK")
    return np.nan_to_num(hdu.data, nan=blank if isinstance(blank, int) else 0).astype(np.int64)


def _without_blanks(pixels: np.ndarray[Any, Any], header: Any) -> np.ndarray[Any, Any]:
    """Return pixels with NaN where BLANK says that there is no value.

    astropy (8.0.2) does so where it reads signed integers from a file, and not where BLANK is 0.
    """
    import numpy as np

    blank = card(header, "BLANK")
    if pixels.dtype.kind not in "iu" or is_mask(header):
        return pixels
    if isinstance(blank, bool) or not isinstance(blank, int | float) or blank != blank // 1:
        return pixels
    turned = 1 << (8 * pixels.dtype.itemsize - 1)
    stored = {"u": turned if pixels.dtype.itemsize > 1 else 0, "i": -turned if pixels.dtype.itemsize == 1 else 0}
    value = int(blank) + stored[pixels.dtype.kind]
    limits = np.iinfo(pixels.dtype)
    where = pixels == value if limits.min <= value <= limits.max else None
    if where is None or not where.any():
        return pixels
    found = pixels.astype(np.float32 if pixels.dtype.itemsize <= 2 else np.float64)
    found[where] = np.nan
    return found


def _unit(target: Any) -> str:
    unit = getattr(target, "unit", None)
    return "" if unit is None or callable(unit) else str(unit)


def _offset_of_slice(wcs: Any) -> tuple[int, int]:
    """Return the first pixel ``(x, y)`` of a slice of an NDData in its whole, where its WCS has kept the slices."""
    slices = getattr(getattr(wcs, "low_level_wcs", None), "_slices_array", None)
    axes = [one for one in slices if isinstance(one, slice)] if isinstance(slices, list | tuple) else []
    if len(axes) != 2:
        return (0, 0)
    y, x = (int(one.start or 0) for one in axes)
    return (x, y) if min(x, y) >= 0 else (0, 0)
