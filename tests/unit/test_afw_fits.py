"""FITS files that `mtv.afw.writeFitsImage` writes, read back by astropy: pixels, words, sky, and where they go."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mtv
import mtv.afw as afw_display

fits = pytest.importorskip("astropy.io.fits")
IMAGE = np.arange(12, dtype="f4").reshape(3, 4)
SKY = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 150.0,
    "CRVAL2": 2.2,
    "CRPIX1": 2.0,
    "CRPIX2": 1.0,
    "CD1_1": -5e-5,
    "CD2_2": 5e-5,
}


def written(*words: Any, **options: Any) -> Any:
    stream = io.BytesIO()
    afw_display.writeFitsImage(stream, *words, **options)
    assert len(stream.getvalue()) % 2880 == 0
    (hdu,) = fits.open(io.BytesIO(stream.getvalue()))
    hdu.verify("exception")
    return hdu


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
def test_pixels_come_back_as_they_were(dtype: str) -> None:
    pixels = IMAGE.astype(dtype)
    if dtype[0] == "u":
        pixels[2, 3] = np.iinfo(dtype).max
    found = written(pixels).data
    assert (found == pixels).all()
    assert found.dtype.kind == ("u" if dtype == "?" else dtype[0])


def test_title_unit_metadata_and_sky_are_in_the_header() -> None:
    metadata = {"VISIT": 7, "CRVAL1": 3.0, "OBSERVER": "O'Hara", "FLAG": True, "BZERO": 5, "TOOLONGNAME": 1, "X": [1]}
    target = mtv.Exposure(IMAGE, xy0=(100, 200), unit="nJy")
    header = written(target, SKY, "a title", metadata).header
    assert (header["OBJECT"], header["BUNIT"], header["VISIT"], header["FLAG"]) == ("a title", "nJy", 7, True)
    assert (header["OBSERVER"], header["CRVAL1"], header["CTYPE2"]) == ("O'Hara", 150.0, "DEC--TAN")
    assert (header["LTV1"], header["CRVAL1B"], header["CRVAL2B"]) == (-100, 100, 200)
    assert not {"BZERO", "TOOLONGN", "X"} & set(header)


def test_a_file_is_a_path_a_descriptor_a_pipe_or_what_writes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.fits" for number in range(4)]
    afw_display.writeFitsImage(str(paths[0]), IMAGE)
    descriptor = os.open(paths[1], os.O_CREAT | os.O_WRONLY)
    afw_display.writeFitsImage(descriptor, IMAGE)
    os.close(descriptor)
    with paths[2].open("wb") as stream:
        afw_display.writeFitsImage(stream, IMAGE)
    with paths[3].open("wb") as stream, subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=stream) as process:
        afw_display.writeFitsImage(process, IMAGE)
    assert [(fits.getdata(path) == IMAGE).all() for path in paths] == [True] * 4


def test_what_is_no_image_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="Unsupported type"):
        afw_display.writeFitsImage(io.BytesIO(), object())
