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
"""Folders of astropy's data, below the package."""
_STARTS = (b"SIMPLE", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PK\x03\x04")


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


def files(*directories: Path) -> list[Path]:
    """Return FITS files, packed or not, of the test data of astropy and of other directories, and of those below."""
    found = sorted(path for folder in (*_folders(), *directories) for path in folder.rglob("*") if path.is_file())
    return [path for path in found if path.suffix != ".hdr" and _head(path).startswith(_STARTS)]


def real_directories() -> list[Path]:
    """Return the directory of real files, where there is one."""
    place = Path(os.environ.get("MTV_SHARED_DATA", PROJECT.parent / "shared" / "data"))
    return [place] if place.is_dir() else []


def headers() -> list[Path]:
    """Return astropy's headers without pixels."""
    return sorted(path for folder in _folders() for path in folder.rglob("*.hdr"))


def _folders() -> list[Path]:
    spec = importlib.util.find_spec("astropy")
    assert spec is not None
    assert spec.origin is not None
    return [Path(spec.origin).parent / place for place in PLACES]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(6)


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
