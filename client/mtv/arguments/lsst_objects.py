"""Images of the package ``lsst.images`` in this process: pixels, mask with its planes, offset, WCS, unit and name.

Known by their shape: an Image has ``array``, ``yx0`` and ``fits_wcs``, a Mask a ``schema`` besides, a ColorImage
``red``, ``green`` and ``blue``; a MaskedImage (and what is more: a VisitImage, DifferenceImage, CellCoadd) has
``image``, ``mask`` and ``variance``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mtv.arguments.fitted_sky import nearest_cards
from mtv.shared.wcs_cards import GivenWcs, wcs_cards

if TYPE_CHECKING:
    import numpy as np

    from mtv.arguments.fitted_sky import Floats, ToSky

    Pixels = np.ndarray[Any, Any]

MOST_PLANES: Final = 64
"""Planes that a mask's integers have a bit for."""

_BITS_OF: Final = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}


def parts_of(target: Any) -> dict[str, Any]:
    """Return what a MaskedImage says of itself, as fields of `mtv.arguments.objects.Image`.

    Parameters
    ----------
    target : `lsst.images.MaskedImage` or another with ``image`` and ``mask``
    """
    mask, planes, notes = mask_of(target.mask)
    image = image_parts_of(target.image)
    return {
        **image,
        "mask": mask,
        "planes": planes,
        "notes": (*image["notes"], *notes),
        "mask_is_own": True,
        "label": _name_of(target),
        "metadata": _metadata_of(target),
    }


def image_parts_of(target: Any) -> dict[str, Any]:
    """Return what an Image, a Mask by itself, or a ColorImage says of itself; see `parts_of`."""
    notes: tuple[str, ...] = ()
    if hasattr(target, "schema"):
        pixels, _, notes = mask_of(target)
    elif getattr(target.array, "ndim", 2) == 3 and hasattr(target, "blue"):
        pixels, notes = _grey(target.array), ("the mean of red, green and blue is shown; image.red is one of them",)
    else:
        pixels = target.array
    given = _wcs_of(target)
    unit = getattr(target, "unit", None)
    return {
        "pixels": pixels,
        "xy0": (int(target.yx0.x), int(target.yx0.y)),
        "wcs": given.cards,
        "wcs_notes": given.notes,
        "unit": "" if unit is None else str(unit),
        "notes": notes,
        "metadata": _metadata_of(target),
    }


def _metadata_of(target: Any) -> Mapping[str, Any]:
    return getattr(target, "metadata", None) or {}


def _grey(array: Any) -> Pixels:
    import numpy as np

    mean: Pixels = np.empty(array.shape[:2], np.float64 if array.dtype.itemsize > 4 else np.float32)
    np.mean(array, axis=2, dtype=mean.dtype, out=mean)
    return mean


def mask_of(mask: Any) -> tuple[Pixels | None, dict[str, int], tuple[str, ...]]:
    """Return a Mask as integers ``(y, x)``, its planes by bit, and notes of those that have no place.

    Parameters
    ----------
    mask : `lsst.images.Mask` or None
        Its array is ``(y, x, element)``, of any type of integers.

    Notes
    -----
    Of more planes than `MOST_PLANES` those come first that some pixel has.
    """
    if mask is None:
        return None, {}, ()
    array = mask.array
    places = {plane.name: mask.schema.bit(plane.name) for plane in mask.schema if plane is not None}
    values = {name: (int(place.index), int(place.mask)) for name, place in places.items()}
    if array.ndim != 3 or (places and max(index for index, _ in values.values()) >= array.shape[2]):
        return array, {}, ("the planes of the mask do not fit its array: pixels that are not 0 are MASK",)
    if array.shape[2] * array.dtype.itemsize <= MOST_PLANES // 8:
        width = 8 * array.dtype.itemsize
        planes = {name: width * index + value.bit_length() - 1 for name, (index, value) in values.items()}
        return _join_elements(array), planes, ()
    return _choose_planes(array, values)


def _join_elements(array: Pixels) -> Pixels:
    """Return the elements of each pixel as one integer, the first one lowest; a view where they are one already."""
    import numpy as np

    height, width, elements = array.shape
    little = np.asarray(array, array.dtype.newbyteorder("<"))
    size = elements * array.dtype.itemsize
    if size in _BITS_OF and little.flags.c_contiguous:
        return little.view(f"<{_BITS_OF[size]}")[..., 0]
    whole = next(bytes_ for bytes_ in _BITS_OF if bytes_ >= size)
    found = np.zeros((height, width, whole // array.dtype.itemsize), little.dtype)
    found[..., :elements] = little
    return found.view(f"<{_BITS_OF[whole]}")[..., 0]


def _choose_planes(
    array: Pixels, values: Mapping[str, tuple[int, int]]
) -> tuple[Pixels, dict[str, int], tuple[str, ...]]:
    """Return the planes that have a pixel, and as many of the others as there are bits for; see `mask_of`."""
    import numpy as np

    reduce: Any = np.bitwise_or.reduce
    anywhere: Pixels = reduce(array.reshape(-1, array.shape[2]), axis=0)
    used = [name for name, (index, value) in values.items() if int(anywhere[index]) & value]
    wanted = (used + [name for name in values if name not in set(used)])[:MOST_PLANES]
    kept = [name for name in values if name in set(wanted)]
    bits = np.zeros(array.shape[:2], np.uint64)
    for bit, name in enumerate(kept):
        if name in set(used):
            index, value = values[name]
            bits |= ((array[..., index] & array.dtype.type(value)) != 0).astype(np.uint64) << np.uint64(bit)
    notes = []
    if lost := [name for name in used if name not in set(kept)]:
        notes.append(f"mask planes that pixels have, but no bit is left for, are left out: {', '.join(lost)}")
    if empty := [name for name in values if name not in set(kept) and name not in set(used)]:
        message = f"the mask has {len(values)} planes, {MOST_PLANES} are told"
        notes.append(f"{message}; left out, because no pixel has them: {', '.join(empty)}")
    return bits, {name: bit for bit, name in enumerate(kept)}, tuple(notes)


# The sky


def _wcs_of(target: Any) -> GivenWcs:
    """Return the cards of the sky: the object's own where FITS has words for it, else the nearest, with a note."""
    sky = target.sky_projection
    if sky is None:
        return GivenWcs("")
    exact = sky.as_fits_wcs(target.bbox)
    if exact is not None:
        return wcs_cards(exact)
    own, shape_yx = target.fits_wcs, (int(target.bbox.y.size), int(target.bbox.x.size))
    return nearest_cards(_to_sky(target), None if own is None else wcs_cards(own), shape_yx)


def _to_sky(target: Any) -> ToSky:
    def to_sky(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        import numpy as np

        ra, dec = target.astropy_wcs.pixel_to_world_values(x, y)
        return np.degrees(ra), np.degrees(dec)

    return to_sky


# The name


def _name_of(target: Any) -> str:
    """Return instrument, visit, detector and filter of a visit, or tract, patch and band of a coadd, as far as told."""
    info = getattr(target, "obs_info", None)
    if info is not None:
        detector = getattr(getattr(target, "detector", None), "id", getattr(info, "detector_num", None))
        return join_name(
            info.instrument, {"visit": info.visit_id, "detector": detector}, info.physical_filter or _band(target)
        )
    return join_name(
        getattr(target, "skymap", None),
        {"tract": getattr(target, "tract", None), "patch": getattr(target, "patch", None)},
        _band(target),
    )


def _band(target: Any) -> Any:
    return getattr(target, "band", None)


def join_name(owner: Any, keys: Mapping[str, Any], filter_name: Any) -> str:
    """Return the name of a picture: ``HSC, visit 3, detector 4, HSC-R``; without what is None or empty.

    Parameters
    ----------
    owner : object
        Instrument or sky map.
    keys : mapping
        Words to numbers.
    filter_name : object
    """
    parts = [owner, *(f"{key} {_plain(value)}" for key, value in keys.items() if value is not None), filter_name]
    return ", ".join(str(part) for part in parts if part not in {None, ""})


def _plain(value: Any) -> str:
    x, y = getattr(value, "x", None), getattr(value, "y", None)  # a patch by its place in the tract
    whole = isinstance(x, int | float) and isinstance(y, int | float) and math.isfinite(x) and math.isfinite(y)
    return f"{x},{y}" if whole else str(value)
