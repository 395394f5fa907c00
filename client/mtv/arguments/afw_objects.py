"""Images of ``lsst.afw.image`` in this process, known by their shape: nothing of the stack is imported.

Each has ``getXY0`` and ``getBBox``: an Image ``array``, a Mask ``getMaskPlaneDict`` besides, a MaskedImage ``image``,
``mask`` and ``variance``, an Exposure ``getMaskedImage``. A DecoratedImage has ``image`` and ``getMetadata``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from mtv.arguments.fitted_sky import nearest_cards
from mtv.arguments.lsst_objects import join_name
from mtv.shared.wcs_cards import GivenWcs, wcs_cards

if TYPE_CHECKING:
    from mtv.arguments.fitted_sky import Floats, ToSky

_NANOJANSKY: Final = "nJy"


def image_parts_of(target: Any) -> dict[str, Any]:
    """Return what an Image or a Mask by itself says of itself, as fields of `mtv.arguments.objects.Image`."""
    return {"pixels": target.array, "xy0": _xy0(target)}


def masked_parts_of(target: Any) -> dict[str, Any]:
    """Return what a MaskedImage says of itself; see `image_parts_of`."""
    mask = target.mask
    return {
        "pixels": target.image.array,
        "xy0": _xy0(target),
        "mask": None if mask is None else mask.array,
        "planes": {} if mask is None else {str(name): int(bit) for name, bit in mask.getMaskPlaneDict().items()},
        "mask_is_own": True,
    }


def exposure_parts_of(target: Any) -> dict[str, Any]:
    """Return what an Exposure says of itself: also sky, unit and name; see `image_parts_of`."""
    parts = masked_parts_of(target.getMaskedImage())
    given = sky_of(target.getWcs(), target, parts["pixels"].shape, parts["xy0"])
    return {
        **parts,
        "wcs": given.cards,
        "wcs_notes": given.notes,
        "unit": _unit_of(target),
        "label": _name_of(target),
        "metadata": plain_header(_ask(lambda: target.getMetadata())),
    }


def decorated_parts_of(target: Any) -> dict[str, Any]:
    """Return what a DecoratedImage says of itself: its sky is that of its header; see `image_parts_of`."""
    header = plain_header(target.getMetadata())
    given = wcs_cards(header)
    return {
        **image_parts_of(target.image),
        "wcs": given.cards,
        "wcs_notes": given.notes,
        "unit": str(header.get("BUNIT", "")).strip(),
        "label": str(header.get("OBJECT", "")).strip(),
        "metadata": header,
    }


def _xy0(target: Any) -> tuple[int, int]:
    x, y = target.getXY0()
    return int(x), int(y)


def _ask(call: Callable[[], Any]) -> Any:
    """Return what an optional part of an exposure says; None where it has none, or says no."""
    try:
        return call()
    except Exception:  # noqa: BLE001 - of pybind11 and of LSST's own kinds: a part that cannot be told is no part
        return None


def plain_header(metadata: Any) -> Mapping[str, Any]:
    """Return a PropertyList as a dictionary; of a word that stands there several times the last value."""
    if metadata is None:
        return {}
    if hasattr(metadata, "getScalar"):
        return {str(name): _ask(functools.partial(metadata.getScalar, name)) for name in metadata.names()}
    return dict(metadata)


# The sky


def sky_of(wcs: Any, image: Any, shape_yx: tuple[int, int], xy0: tuple[int, int]) -> GivenWcs:
    """Return the cards of a SkyWcs in local pixels: its own where FITS has words for it, else the nearest to it.

    Parameters
    ----------
    wcs : `lsst.afw.geom.SkyWcs` or None
    image : object
        An image or exposure, whose ``getBBox`` is asked for.
    shape_yx, xy0 : `tuple` [`int`, `int`]
        Of its pixels.
    """
    if wcs is None:
        return GivenWcs("")
    try:
        exact = _ask(lambda: wcs.getFitsMetadata(True)) if getattr(wcs, "isFits", True) else None
        if exact is not None:
            return _local(exact, xy0)
        near = _approximation_of(wcs, image)
        return nearest_cards(_to_sky(wcs, xy0), None if near is None else _local(near, xy0), shape_yx)
    except Exception as error:  # noqa: BLE001 - of pybind11 and of LSST's own kinds
        reason = str(error).strip().partition("\n")[0][:100] or type(error).__name__
        return GivenWcs("", (f"the WCS cannot be read, no sky is shown: {reason}",))


def _local(metadata: Any, xy0: tuple[int, int]) -> GivenWcs:
    """Return the cards of the array's pixels: a SkyWcs speaks of parent pixels."""
    header = dict(plain_header(metadata))
    for axis, first in enumerate(xy0, 1):
        header[f"CRPIX{axis}"] = float(header[f"CRPIX{axis}"]) - first
    return wcs_cards(header)


def _approximation_of(wcs: Any, image: Any) -> Any:
    """Return the header that is nearest to a sky, as far as the object knows; it may be true at one point only."""
    if _ask(lambda: wcs.hasFitsApproximation()):
        found = _ask(lambda: wcs.getFitsApproximation().getFitsMetadata())
        if found is not None:
            return found
    found = _ask(lambda: wcs.getFitsMetadata(bbox=image.getBBox()))
    return _ask(lambda: wcs.getFitsMetadata()) if found is None else found


def _to_sky(wcs: Any, xy0: tuple[int, int]) -> ToSky:
    def to_sky(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        import numpy as np

        ra, dec = wcs.pixelToSkyArray(x + float(xy0[0]), y + float(xy0[1]))
        return np.degrees(ra), np.degrees(dec)

    return to_sky


# Unit and name


def _unit_of(exposure: Any) -> str:
    """Return the unit: that of the header, else nJy where the photometric calibration has nothing left to do."""
    unit = str(plain_header(_ask(lambda: exposure.getMetadata())).get("BUNIT") or "").strip()
    if unit:
        return unit
    calibration = _ask(lambda: exposure.getPhotoCalib())
    return _NANOJANSKY if calibration is not None and _ask(lambda: calibration.getCalibrationMean()) == 1 else ""


def _name_of(exposure: Any) -> str:
    """Return instrument, visit, detector and filter, as far as the exposure knows them."""
    info = exposure.getInfo()
    visit, detector = _ask(lambda: info.getVisitInfo()), _ask(lambda: exposure.getDetector())
    label = _ask(lambda: exposure.getFilter())
    return join_name(
        _ask(lambda: visit.getInstrumentLabel()),
        {"visit": _ask(lambda: visit.getId() or None), "detector": _ask(lambda: detector.getId())},
        _ask(lambda: label.physicalLabel) or _ask(lambda: label.bandLabel),
    )
