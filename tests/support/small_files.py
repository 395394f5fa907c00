"""Small FITS files of a few HDUs, for the tests of what `docs/formats.md` promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

fits = pytest.importorskip("astropy.io.fits")
IMAGE = np.arange(20, dtype="f4").reshape(4, 5)


def written(path: Path, *hdus: Any) -> Path:
    """Write HDUs behind an empty primary one, and return the path."""
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


def points() -> Any:
    """Return a table of two positions in pixels."""
    columns = [fits.Column(name, "D", array=np.array([1.0, 2.0])) for name in ("x", "y")]
    return fits.BinTableHDU.from_columns(columns, name="POINTS")


def with_more(path: Path, hdu: Any) -> None:
    """Add an HDU to a file."""
    with fits.open(path, memmap=False) as hdus:
        hdus.append(hdu)
        hdus.writeto(path, overwrite=True)
