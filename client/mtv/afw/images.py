"""Targets of ``display.image``: kinds of them, whose WCS counts, and the pixels that are kept for later limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from mtv.arguments import afw_objects, targets
from mtv.arguments.lsst_objects import mask_of
from mtv.arguments.objects import Image
from mtv.shared.wcs_cards import GivenWcs, wcs_cards
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtv.wire.markers import plain

if TYPE_CHECKING:
    import numpy as np

_SAMPLE_PIXELS: Final = 200_000


def is_reference(data: object) -> bool:
    """Tell whether the daemon reads a target by itself: a path, a handle, a reference."""
    return targets.reference(data) is not None


def read_image(data: Any, title: str, wcs: Any) -> Image:
    """Return the image that a target in this process holds, with its title.

    Parameters
    ----------
    data : object
        An image of ``lsst.afw.image`` or ``lsst.images``, or anything else that `mtv.Display.mtv` shows. A mask by
        itself is shown as integers and as a mask.
    title : `str`
        The target's own name where empty.
    wcs : object
        A SkyWcs, an astropy WCS, a header; None: the target's own.

    Raises
    ------
    TypeError
        The target is no image.
    RuntimeError
        There is a WCS besides that of an exposure.
    """
    if wcs is not None and _brings_its_sky(data):
        raise RuntimeError(f"a {type(data).__name__} has a WCS of its own: leave wcs out")
    mask, planes = _mask_by_itself(data)
    try:
        image = targets.image_with(data, mask=mask, planes=planes, xy0=None, wcs=None, label=one_line(title))
    except RequestError as error:
        if error.error.where != "target":
            raise
        raise TypeError(f"Unsupported type {type(data)}: {error}") from error
    if wcs is None:
        return image
    given = _sky(wcs, data, image)
    return image._replace(wcs=given.cards, wcs_notes=given.notes)


def one_line(title: str) -> str:
    """Return a title as a picture can bear it."""
    return plain(str(title), Limits().text_chars).strip()


def planes_of(image: Image) -> tuple[str, ...]:
    """Return the names of the planes of an image's mask, in the order of their bits."""
    return tuple(sorted(image.planes, key=lambda name: image.planes[name])) if image.mask is not None else ()


def sample_of(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return some of an image's finite pixels, spread over all of it: enough for percentiles, little to keep."""
    import numpy as np

    array = np.asarray(pixels)
    step = max(1, math.isqrt(array.size // _SAMPLE_PIXELS))
    chosen = array[(slice(None, None, step),) * array.ndim].ravel()
    if chosen.dtype.kind not in "biuf":
        return np.empty(0)
    values: np.ndarray[Any, Any] = chosen.astype(np.float64)
    finite: np.ndarray[Any, Any] = values[np.isfinite(values)]
    return finite


def _brings_its_sky(data: Any) -> bool:
    if hasattr(data, "getMaskedImage") and hasattr(data, "getWcs"):
        return True
    if getattr(data, "sky_projection", None) is not None:
        return True
    from mtv.data.exposure import Exposure

    return isinstance(data, Exposure) and bool(data.wcs)


def _mask_by_itself(data: Any) -> tuple[Any, dict[str, int] | None]:
    """Return bits and planes of a mask of either package; nothing of other targets."""
    if hasattr(data, "getMaskPlaneDict") and hasattr(data, "array"):
        return data.array, {str(name): int(bit) for name, bit in data.getMaskPlaneDict().items()} or None
    if hasattr(data, "schema") and hasattr(data, "yx0") and not hasattr(data, "image"):
        mask, planes, _ = mask_of(data)
        return (mask, planes) if planes else (None, None)
    return None, None


def _sky(wcs: Any, data: Any, image: Image) -> GivenWcs:
    if hasattr(wcs, "getFitsMetadata"):
        return afw_objects.sky_of(wcs, data, image.pixels.shape, image.xy0)
    return wcs_cards(wcs)
