"""Components of an exposure that are values, not images: what headers and archive say without the C++ stack."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from mtvd.repo.readers import archive, cards, headers
from mtvd.repo.readers.exposurefile import ExposureFile
from mtvd.repo.readers.failures import unsupported
from mtvd.repo.readers.hdus import Box
from mtvd.repo.readers.parts import Part

_BAND: Final = re.compile(r"[ugrizy]|[NI][0-9]{2,}")
"""Names of `lsst.afw` before 2021 that are bands; all others were those of filters."""
_NO_FILTER: Final = "_unknown_"
_ZERO_MAGNITUDE_NJY: Final = 1e32 * 10 ** (48.6 / -2.5)
"""Flux of AB magnitude zero."""


def value(file: ExposureFile, part: Part, box: Box | None) -> Any:
    """Return the value of a component, one of `VALUES`; of a cut-out where there is a box.

    Raises
    ------
    RequestError
        ``unsupported`` where the file does not have it.
    """
    rows, columns = file.image.shape
    found = _READERS[part.component](file, box or (0, 0, columns, rows))
    if found is None:
        raise unsupported(f"the file has no {part.component}", part.component_field)
    return found


def _wcs(file: ExposureFile, box: Box) -> str:
    return file.wcs_cards((box[0], box[1]))


def _xy0(file: ExposureFile, box: Box) -> list[int]:
    return [file.xy0[0] + box[0], file.xy0[1] + box[1]]


def _dimensions(_file: ExposureFile, box: Box) -> list[int]:
    return [box[2] - box[0], box[3] - box[1]]


def _bbox(file: ExposureFile, box: Box) -> dict[str, int]:
    x_min, y_min = _xy0(file, box)
    width, height = _dimensions(file, box)
    return {"x_min": x_min, "y_min": y_min, "width": width, "height": height}


def _metadata(file: ExposureFile, _box: Box) -> dict[str, Any]:
    return headers.metadata_of(headers.of(file.image))


def _unit(file: ExposureFile, _box: Box) -> str:
    return cards.text(file.image.header, "BUNIT")


def _filter(file: ExposureFile, _box: Box) -> dict[str, Any] | None:
    """Return band and physical filter: from the archive, or as versions 0 and 1 have them, by one name."""
    header = archive.header_before(file.image.path, 2)
    if header is None:
        found = archive.record(file.image.path, "FILTER")
        return found and {key: found.get(key) or None for key in ("band", "physical")}
    name = cards.text(header, "FILTER")
    if name in {"", _NO_FILTER}:
        return None
    is_band = _BAND.fullmatch(name) is not None
    return {"band": name if is_band else None, "physical": None if is_band else name}


def _photo_calib(file: ExposureFile, _box: Box) -> dict[str, Any] | None:
    """Return what makes counts nanojanskys: from the archive, or of version 0 from the counts of magnitude zero."""
    header = archive.header_before(file.image.path, 1)
    if header is None:
        found = archive.record(file.image.path, "PHOTOCALIB")
        if found is None or not found.get("version"):  # without one it is in other units
            return None
        return {key: found.get(key) for key in ("calibrationMean", "calibrationErr", "isConstant")}
    counts, error = (cards.number(header, keyword, 0.0) for keyword in ("FLUXMAG0", "FLUXMAG0ERR"))
    if counts <= 0:
        return None
    mean = _ZERO_MAGNITUDE_NJY / counts
    return {"calibrationMean": mean, "calibrationErr": mean * error / counts, "isConstant": True}


_READERS: Final[dict[str, Callable[[ExposureFile, Box], Any]]] = {
    "wcs": _wcs,
    "sky_projection": _wcs,
    "bbox": _bbox,
    "xy0": _xy0,
    "dimensions": _dimensions,
    "metadata": _metadata,
    "unit": _unit,
    "filter": _filter,
    "photoCalib": _photo_calib,
}
VALUES: Final = tuple(_READERS)
"""Names of the components that are values; ``sky_projection`` is what ``lsst.images`` calls the WCS."""
