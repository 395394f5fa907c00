"""Stand-ins shaped as the classes of ``lsst.afw.image`` and ``lsst.afw.geom`` are; the stack is not needed for them."""
# ruff: noqa: N802 - the names are those of afw

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from astropy.wcs import WCS

SHAPE_YX = (60, 80)
XY0 = (347, 805)
CENTRE_DEG = (150.0, 2.2)
PLANES = {"BAD": 0, "SAT": 1, "DETECTED": 5, "FAR": 31}


class PropertyList:
    """Metadata; a name may stand there several times."""

    def __init__(self, **values: Any) -> None:
        self._values = values

    def names(self) -> list[str]:
        return list(self._values)

    def getScalar(self, name: str) -> Any:
        return self._values[name]


class Image:
    def __init__(self, array: np.ndarray[Any, Any], xy0: tuple[int, int] = XY0) -> None:
        self.array = array
        self._xy0 = xy0

    def getXY0(self) -> tuple[int, int]:
        return self._xy0

    def getBBox(self) -> object:
        return object()


class Mask(Image):
    def getMaskPlaneDict(self) -> dict[str, int]:
        return PLANES


class MaskedImage:
    def __init__(self, image: Image, mask: Mask | None) -> None:
        self.image, self.mask, self.variance = image, mask, Image(np.ones(SHAPE_YX, "f4"))

    def getXY0(self) -> tuple[int, int]:
        return self.image.getXY0()


class DecoratedImage:
    def __init__(self, image: Image, metadata: PropertyList) -> None:
        self.image = image
        self._metadata = metadata

    def getMetadata(self) -> PropertyList:
        return self._metadata


class SkyWcs:
    """A sky of parent pixels: a TAN header, and where it is bent what no header says."""

    def __init__(self, bend: float = 0.0, *, length: float = 25.0, fails: bool = False) -> None:
        self.tan, self._bend, self._length, self._fails = tan(), bend, length, fails
        self.isFits = not bend

    def pixelToSkyArray(self, x: Any, y: Any) -> tuple[Any, Any]:
        if self._fails:
            raise RuntimeError("lsst::pex::exceptions::RuntimeError: no sky\nmore")
        dx, dy = x - XY0[0] - 40, y - XY0[1] - 30
        wave = self._bend * np.sin(dx / self._length) * np.cos(dy / self._length)
        ra, dec = self.tan.all_pix2world(x + wave, y - wave, 0)
        return np.radians(ra), np.radians(dec)

    def getFitsMetadata(self, precise: bool = False, bbox: object = None) -> PropertyList:
        if precise and not self.isFits:
            raise RuntimeError("not a FITS WCS")
        return PropertyList(**dict(self.tan.to_header()))

    def hasFitsApproximation(self) -> bool:
        return False


def tan() -> WCS:
    """Return a TAN projection of parent pixels, 0.17 arc seconds each."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = list(CENTRE_DEG)
    wcs.wcs.crpix = [XY0[0] + 41, XY0[1] + 31]
    wcs.wcs.cdelt = [-0.17 / 3600, 0.17 / 3600]
    return wcs


class Exposure:
    def __init__(self, masked: MaskedImage, wcs: SkyWcs | None, *, told: bool = True) -> None:
        self._masked, self._wcs, self._told = masked, wcs, told
        self.words: dict[str, Any] = {}

    def getMaskedImage(self) -> MaskedImage:
        return self._masked

    def getWcs(self) -> SkyWcs | None:
        return self._wcs

    def getBBox(self) -> object:
        return object()

    def getInfo(self) -> Any:
        visit = SimpleNamespace(getInstrumentLabel=lambda: "HSC", getId=lambda: 23718) if self._told else None
        return SimpleNamespace(getVisitInfo=lambda: visit)

    def getDetector(self) -> Any:
        return SimpleNamespace(getId=lambda: 41) if self._told else None

    def getFilter(self) -> Any:
        return SimpleNamespace(physicalLabel="HSC-R", bandLabel="r") if self._told else None

    def getMetadata(self) -> PropertyList:
        return PropertyList(**self.words)

    def getPhotoCalib(self) -> Any:
        return SimpleNamespace(getCalibrationMean=lambda: 1.0) if self._told else None


def image() -> Image:
    return Image(np.arange(np.prod(SHAPE_YX), dtype="f4").reshape(SHAPE_YX))


def mask() -> Mask:
    array = np.zeros(SHAPE_YX, "i4")
    array[3, 4], array[10, 20] = 1 << 5, -(1 << 31)
    return Mask(array)


def exposure(wcs: SkyWcs | None = None, *, told: bool = True) -> Exposure:
    return Exposure(MaskedImage(image(), mask()), wcs, told=told)
