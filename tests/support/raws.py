"""Raws of several amplifiers, made of an image that is known: LSST-like, DECam-like, with flips, gaps and binning."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Amp(NamedTuple):
    """An amplifier: its pixels of the detector, and how it is read."""

    x0: int
    """0-based, in detector pixels."""
    y0: int
    flip_x: bool = False
    flip_y: bool = False


PRESCAN, OVERSCAN, PARALLEL = 3, 6, 4


def lsst(columns: int = 8, rows: int = 2, width: int = 16, height: int = 40) -> list[Amp]:
    """Return the amplifiers of a detector of LSST: read towards their corners, the lower row upside down."""
    return [
        Amp(column * width, row * height, flip_x=row == 0, flip_y=row == 1)
        for row in range(rows)
        for column in range(columns)
    ]


def section(x0: int, y0: int, width: int, height: int, *, flip_x: bool = False, flip_y: bool = False) -> str:
    x, y = (x0 + 1, x0 + width), (y0 + 1, y0 + height)
    return f"[{':'.join(map(str, x[::-1] if flip_x else x))},{':'.join(map(str, y[::-1] if flip_y else y))}]"


def write_raw(
    path: Path, whole: Any, amps: list[Amp], *, width: int, height: int, binning: int = 1, compressed: bool = False,
    **keywords: Any,
) -> Path:  # fmt: skip
    """Write a raw; ``width`` and ``height`` are an amplifier's, in binned pixels; ``keywords`` go into each header."""
    from astropy.io import fits
    from astropy.wcs import WCS

    wcs = sky_of(whole.shape)
    hdus: list[Any] = [fits.PrimaryHDU()]
    for number, amp in enumerate(amps):
        x0, y0 = amp.x0 // binning, amp.y0 // binning
        data = whole[y0 : y0 + height, x0 : x0 + width]
        data = data[:, ::-1] if amp.flip_x else data
        data = data[::-1] if amp.flip_y else data
        raw = np.full((height + PARALLEL, PRESCAN + width + OVERSCAN), 7, data.dtype)
        raw[:height, PRESCAN : PRESCAN + width] = data
        header = fits.Header()
        header["DATASEC"] = section(PRESCAN, 0, width, height)
        header["BIASSEC"] = section(PRESCAN + width, 0, OVERSCAN, height)
        flips = {"flip_x": amp.flip_x, "flip_y": amp.flip_y}
        header["DETSEC"] = section(amp.x0, amp.y0, width * binning, height * binning, **flips)
        header["CCDSUM"] = f"{binning} {binning}"
        header["LTV1"] = 11.0
        local = WCS(naxis=2)
        local.wcs.ctype, local.wcs.crval = ["RA---TAN", "DEC--TAN"], wcs.wcs.crval
        signs = np.array([-1 if amp.flip_x else 1, -1 if amp.flip_y else 1])
        x, y = wcs.wcs.crpix - (x0, y0)
        local.wcs.crpix = [PRESCAN + (width + 1 - x if amp.flip_x else x), height + 1 - y if amp.flip_y else y]
        local.wcs.cd = wcs.wcs.cd * signs
        header.update(local.to_header())
        header.update({key: value[number] if isinstance(value, list) else value for key, value in keywords.items()})
        kind = fits.CompImageHDU if compressed else fits.ImageHDU
        hdus.append(kind(raw, header, name=f"Segment{number:02d}"))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def sky_of(shape: tuple[int, int]) -> Any:
    """Return the WCS of the assembled image, rotated and with the pixels of LSST."""
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [150.0, 2.0]
    wcs.wcs.crpix = [shape[1] / 2 + 0.5, shape[0] / 2 - 3]
    angle = np.radians(20)
    wcs.wcs.cd = np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * 0.2 / 3600
    return wcs


def detector(height: int = 80, width: int = 128, dtype: str = "u2") -> Any:
    """Return an image of which no two pixels near each other are equal."""
    y, x = np.mgrid[:height, :width]
    return ((x * 131 + y * 517) % 65_521).astype(dtype)
