"""Images of other people's files (`tests.support.corpus`), and their pixels as astropy has them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_HDUS_MOST: Final = 200


@dataclass(frozen=True)
class Foreign:
    """One image of a file, and its pixels as astropy has them."""

    path: Path
    hdu: int
    cube_index: tuple[int, ...]
    """The last slice of a cube; empty for an image of two dimensions."""
    pixels: npt.NDArray[Any] | None
    """``(y, x)``, or whatever dimensions astropy gives; None where astropy cannot read them either."""

    @property
    def name(self) -> str:
        return f"{self.path.name}[{self.hdu}]"


def images(path: Path) -> Iterator[Foreign]:
    """Go through the images of a file that astropy opens; through none of one that it does not open."""
    from astropy.io import fits

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            hdus = fits.open(path, memmap=False)
        except (OSError, ValueError):
            return
        with hdus:
            for index in range(_HDUS_MOST):
                try:
                    hdu = hdus[index]
                except IndexError:
                    return
                if getattr(hdu, "is_image", False) and hdu.header.get("NAXIS") and not isinstance(hdu, fits.GroupsHDU):
                    yield _image(path, index, hdu)


def _image(path: Path, index: int, hdu: Any) -> Foreign:
    try:
        data = hdu.data
    except (OSError, ValueError):
        return Foreign(path, index, (), None)
    if data is None:
        return Foreign(path, index, (), None)
    chosen = tuple(length - 1 for length in data.shape[:-2]) if data.size else ()
    return Foreign(path, index, chosen, np.array(data[chosen]))
