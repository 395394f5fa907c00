"""Images of the package ``lsst.images`` in this process: image, mask with its planes, offset, WCS and unit.

Known by their shape: an Image has ``array``, ``yx0`` and ``fits_wcs``, a Mask a ``schema`` besides, a MaskedImage (and
what is more: a VisitImage, DifferenceImage, CellCoadd) has ``image``, ``mask`` and ``variance``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mtv.shared.wcs_cards import GivenWcs, wcs_cards

if TYPE_CHECKING:
    import numpy as np

_BYTES: Final = 8
"""Bytes of a mask that are shown: 64 planes."""


def parts_of(target: Any) -> dict[str, Any]:
    """Return what a MaskedImage says of itself, as fields of `mtv.arguments.objects.Image`.

    Parameters
    ----------
    target : `lsst.images.MaskedImage` or another with ``image`` and ``mask``
    """
    mask, planes, notes = mask_of(target.mask)
    return {**image_parts_of(target.image), "mask": mask, "planes": planes, "notes": notes, "mask_is_own": True}


def image_parts_of(target: Any) -> dict[str, Any]:
    """Return what an Image or a Mask by itself says of itself; see `parts_of`."""
    pixels, _, notes = mask_of(target) if hasattr(target, "schema") else (target.array, {}, ())
    given = _wcs_of(target)
    unit = getattr(target, "unit", None)
    return {
        "pixels": pixels,
        "xy0": (int(target.yx0.x), int(target.yx0.y)),
        "wcs": given.cards,
        "wcs_notes": given.notes,
        "unit": "" if unit is None else str(unit),
        "notes": notes,
    }


def mask_of(mask: Any) -> tuple[np.ndarray[Any, Any] | None, dict[str, int], tuple[str, ...]]:
    """Return a Mask as integers ``(y, x)``, its planes by bit, and a note of those that are left out.

    Parameters
    ----------
    mask : `lsst.images.Mask` or None
        Its array is ``(y, x, byte)``.
    """
    if mask is None:
        return None, {}, ()
    import numpy as np

    planes, left_out = {}, []
    for plane in mask.schema:
        if plane is not None:
            place = mask.schema.bit(plane.name)
            if place.index < _BYTES:
                planes[plane.name] = 8 * int(place.index) + int(place.mask).bit_length() - 1
            else:
                left_out.append(plane.name)
    stored = mask.array[..., :_BYTES].astype(np.int64)
    bits = np.zeros(stored.shape[:2], np.int64)
    for index in range(stored.shape[2]):
        bits |= stored[..., index] << (8 * index)
    notes = (f"mask planes beyond the 64th are left out: {', '.join(left_out)}",) if left_out else ()
    return bits, planes, notes


def _wcs_of(target: Any) -> GivenWcs:
    if target.fits_wcs is None and target.sky_projection is not None:
        return GivenWcs("", ("the WCS cannot be said in FITS: no sky is shown",))
    return wcs_cards(target.fits_wcs)
