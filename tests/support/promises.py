"""Files of each kind that the page on formats names, and all the ways to read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support import repo_sample as sample
from tests.support.small_files import IMAGE, points, with_more, written

from mtv.wire.errors import RequestError

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9
DAYS = {"CDELT1": -0.001, "CDELT2": 0.001}


def said(read: Any, *arguments: Any, **options: Any) -> tuple[str, str]:
    """Return code and field of a refusal; empty where a file is read."""
    try:
        read(*arguments, **options)
    except RequestError as error:
        return error.code, error.error.where
    return "", ""


def sample_of(path: Path, name: str) -> Path:
    """Write a file of a storage class; one of FITS has both an image and a table, so that the class must tell."""
    if name.startswith(("Arrow", "DataFrame")):
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.table({"x": [1.0], "y": [2.0]}), path)
    elif name.startswith("Astropy"):
        path.write_text("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: x, datatype: float64}\n"
                        "# - {name: y, datatype: float64}\nx y\n1.0 2.0\n")  # fmt: skip
    elif name.endswith("Catalog") and name != "Catalog":
        sample.write_catalog(path)
        with_more(path, fits.ImageHDU(IMAGE))
    elif name.startswith("Mask") and not name.startswith("MaskedImage"):
        written(path, fits.ImageHDU(IMAGE.astype("i4"), fits.Header({"MP_BAD": 0}), name="MASK"), points())
    elif name == "ColorImage":
        written(path, *(fits.ImageHDU(IMAGE, name=band) for band in ("RED", "GREEN", "BLUE")), points())
    elif name.startswith(("Image", "DecoratedImage")):
        written(path, fits.ImageHDU(IMAGE), points())
    elif name in {"Psf", "Wcs", "Config", "StructuredDataDict", "NumpyArray", "Plot", "TaskMetadata"}:
        path.write_bytes(b"\x93NUMPY\x01\0" + bytes(200))
    elif name in {"Catalog", "Defects", "BrighterFatterKernel", "Stamps"}:
        written(path, points(), fits.ImageHDU(IMAGE, name="SCI"))
    else:
        sample.write_exposure(path, 1, 1)
        with_more(path, points())
    return path
