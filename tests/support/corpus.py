"""Files of other people: the test data of the installed astropy and real files of `lsst.afw`, found where they are."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from astropy.io import fits
from tests.conftest import PROJECT

PLACES = ("io/fits/tests/data", "wcs/tests/data")
"""Of astropy's data, below the package."""


class ForeignImage(NamedTuple):
    """An image of at least two axes in somebody's file."""

    path: Path
    hdu: int
    header: fits.Header
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """File and number of the HDU."""
        return f"{self.path.name}[{self.hdu}]"

    @property
    def cube_index(self) -> tuple[int, ...]:
        """The first slice."""
        return (0,) * (len(self.shape) - 2)


def files() -> list[Path]:
    """Return all files of the corpora that may hold images."""
    spec = importlib.util.find_spec("astropy")
    assert spec is not None
    assert spec.origin is not None
    places = [Path(spec.origin).parent / place for place in PLACES]
    places.append(Path(os.environ.get("MTV_SHARED_DATA", PROJECT.parent / "shared" / "data")))
    found = (path for place in places if place.is_dir() for path in sorted(place.iterdir()) if path.is_file())
    return [path for path in found if path.suffix in {".fits", ".gz", ".fz", ".bz2", ".xz", ".zip", ".Z"}]


def headers() -> list[Path]:
    """Return astropy's headers without pixels."""
    spec = importlib.util.find_spec("astropy")
    assert spec is not None
    assert spec.origin is not None
    return sorted((Path(spec.origin).parent / "wcs/tests/data").rglob("*.hdr"))


def images(path: Path) -> list[ForeignImage]:
    """Return the images of a file that astropy opens; none of one that it does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(_images(path))
        except Exception:  # noqa: BLE001 - whatever is wrong with it, astropy reads no image from it
            return []


def _images(path: Path) -> Iterator[ForeignImage]:
    with fits.open(path, memmap=False) as hdus:
        for number, hdu in enumerate(hdus):
            shape: Any = hdu.shape if hdu.is_image else ()
            if len(shape) >= 2 and min(shape) > 0 and hdu.data is not None:
                yield ForeignImage(path, number, hdu.header.copy(), tuple(shape))
