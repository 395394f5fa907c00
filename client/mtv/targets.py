"""What `mtv.Display.mtv` shows: turns arrays, exposures, astropy's classes, files and references into wire sources.

Classes of other packages are known by their shape, never imported: an NDData has ``data`` and ``uncertainty``, an HDU
has ``data`` and ``header``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mtv.pixels import stored_dtype
from mtv.sky.cards import read
from mtv.sky.physical import offset_of
from mtv.wcscards import wcs_cards
from mtv.wire import data
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.limits import Limits

if TYPE_CHECKING:
    import numpy as np

    from mtv.pixels import Sink

MASK_PLANE: Final = "MASK"
"""Name of the plane of a boolean mask."""


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
    """What of the target is not shown, and why, in words for the user."""


def reference(target: object) -> data.Dataset | data.File | data.Handle | None:
    """Return the source for a target whose pixels are not in this process; None for others."""
    if isinstance(target, data.Dataset | data.File | data.Handle):
        return target
    if isinstance(target, str | os.PathLike):
        return data.File(path=str(Path(target).expanduser().absolute()))
    made = getattr(target, "_mtv_source_", None)
    return made() if made is not None and not isinstance(target, type) else None


def image_of(target: object) -> Image:
    """Return the image that a target holds.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``target`` for what is no image.
    """
    import numpy as np

    from mtv.exposure import Exposure

    if isinstance(target, Exposure):
        return _from_exposure(target)
    if hasattr(target, "data") and hasattr(target, "uncertainty"):
        return _from_nddata(target)
    if hasattr(target, "data") and hasattr(target, "header"):
        return _from_hdu(target)
    if isinstance(target, np.ma.MaskedArray):
        return Image(target.data, *_boolean(np.ma.getmask(target) if target.mask is not np.ma.nomask else None))
    if isinstance(target, np.ndarray) or hasattr(target, "__array__"):
        return Image(np.asarray(target), unit=str(getattr(target, "unit", "") or ""))
    raise bad_value(
        "target",
        f"a {type(target).__name__} is nothing that can be shown",
        "a 2-D array, an mtv.Exposure, an astropy NDData or HDU, a FITS path, a handle or a dataset reference",
    )


def image_with(target: object, *, mask: Any, planes: Any, xy0: Any, wcs: Any, label: str) -> Image:
    """Return the image that a target holds, with what is given beside it in place of the target's own.

    Raises
    ------
    RequestError
        As `image_of`, and for a WCS that is none.
    """
    image = image_of(target)
    changes: dict[str, Any] = {}
    if mask is not None or planes is not None:
        changes.update(mask=image.mask if mask is None else mask, planes=planes or {})
    if xy0 is not None:
        changes["xy0"] = xy0
    if wcs is not None:
        given = wcs_cards(wcs)
        changes.update(wcs=given.cards, notes=(*image.notes, *given.notes))
    if label:
        changes["label"] = label
    return image._replace(**changes)


def source_of(image: Image, sink: Sink, limits: Limits) -> data.Exposure:
    """Check an image, send its pixels where they go, and return what the message says of it; raises as `checked`."""
    return sent(checked(image, limits), sink)


def sent(image: Image, sink: Sink) -> data.Exposure:
    """Send the pixels of a checked image where they go, and return what the message says of it."""
    return data.Exposure(
        image=sink.image(image.pixels, image.wcs),
        mask=None if image.mask is None else sink.mask(image.mask, 1 + max(image.planes.values(), default=63)),
        planes=dict(image.planes),
        xy0=image.xy0,
        wcs=image.wcs,
        unit=image.unit,
        label=image.label,
        notes=image.notes,
    )


def checked(image: Image, limits: Limits) -> Image:
    """Return an image that can be shown, its pixels and mask as arrays.

    Raises
    ------
    RequestError
        Naming the field: ``image``, ``mask``, ``planes``, ``xy0``, ``label``.
    """
    pixels = checked_pixels(image.pixels, limits)
    mask, planes = checked_mask(image.mask, image.planes, pixels.shape)
    if len(image.label) > limits.text_chars:
        raise bad_value("label", f"the label has {len(image.label)} characters, at most {limits.text_chars} are kept")
    return image._replace(pixels=pixels, mask=mask, planes=planes, xy0=checked_xy0(image.xy0))


def checked_pixels(pixels: Any, limits: Limits) -> np.ndarray[Any, Any]:
    """Return pixels that can be shown, or raise, naming ``image``."""
    import numpy as np

    array = np.asarray(pixels) if pixels is not None else np.empty(0)
    if array.ndim != 2:
        hint = "choose one plane of a cube: cube[0]" if array.ndim > 2 else "an image has the shape (y, x)"
        raise bad_value("image", f"an array with {array.ndim} dimensions is no image", hint)
    if array.size == 0:
        raise bad_value("image", f"an array of shape {array.shape} has no pixels")
    if array.size > limits.image_pixels:
        raise RequestError(
            Error(
                code="too_large",
                message=f"{array.size} pixels are over the daemon's limit of {limits.image_pixels}",
                where="image",
                hint="show a part of it, or a binned copy",
            )
        )
    stored_dtype(array.dtype)
    return array


def checked_mask(
    mask: Any, planes: Mapping[str, int] | None, shape: tuple[int, ...]
) -> tuple[np.ndarray[Any, Any] | None, dict[str, int]]:
    """Return a mask of the image's shape and its planes, or raise, naming ``mask`` or ``planes``."""
    import numpy as np

    if mask is None:
        if planes:
            raise bad_value("planes", "there are mask planes without a mask")
        return None, {}
    array = np.asarray(mask)
    if array.shape != shape:
        raise bad_value("mask", f"the mask has the shape {array.shape}, the image {shape}")
    if array.dtype.kind not in "biu":
        raise bad_value("mask", f"a mask of type {array.dtype} has no bits", "use integers, or booleans")
    if array.dtype.kind == "b":
        array, planes = array.view("u1"), planes or {MASK_PLANE: 0}
    if not planes:
        raise bad_value("planes", "nobody knows what the bits of the mask mean", "planes={'BAD': 0, 'SAT': 1}")
    for name, bit in planes.items():
        if not isinstance(name, str) or not name.strip():
            raise bad_value("planes", f"{name!r} is no name of a mask plane")
        if isinstance(bit, bool) or not isinstance(bit, int | np.integer) or not 0 <= bit < 8 * array.dtype.itemsize:
            raise bad_value("planes", f"bit {bit!r} of plane {name!r} is not in a mask of type {array.dtype}")
    return array, {name: int(bit) for name, bit in planes.items()}


def checked_xy0(xy0: Any) -> tuple[int, int]:
    """Return an offset as two integers, or raise, naming ``xy0``."""
    try:
        x, y = xy0
        if int(x) == x and int(y) == y:
            return int(x), int(y)
    except (TypeError, ValueError, OverflowError):
        pass
    raise bad_value("xy0", f"{xy0!r} are not two whole numbers (x, y)", "the 0-based parent pixel of the first pixel")


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
    )


def _from_nddata(target: Any) -> Image:
    mask, planes = _boolean(target.mask)
    unit = "" if target.unit is None else str(target.unit)
    given = wcs_cards(target.wcs)
    return Image(target.data, mask, planes, wcs=given.cards, unit=unit, notes=given.notes)


def _from_hdu(target: Any) -> Image:
    header = target.header
    given = wcs_cards(header)
    name = str(header.get("EXTNAME", ""))
    xy0 = offset_of(read(given.cards))
    unit = str(header.get("BUNIT", ""))
    return Image(target.data, xy0=xy0, wcs=given.cards, unit=unit, label=name, notes=given.notes)


def _boolean(mask: Any) -> tuple[Any, dict[str, int]]:
    """Return whatever marks bad pixels as a boolean mask with its one plane."""
    import numpy as np

    if mask is None or np.ndim(mask) == 0:
        return None, {}
    return np.asarray(mask) != 0, {MASK_PLANE: 0}
