"""Reading pixel files back, for the tests of the repositories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtv.wire.data import Array, Catalog


def pixels(directory: Path, array: Array) -> npt.NDArray[Any]:
    """Return the values of an array that lies in a pixel file."""
    assert array.file is not None
    count = int(np.prod(array.shape))
    return np.fromfile(directory / array.file, array.dtype, count, offset=array.offset).reshape(array.shape)


def column(directory: Path, catalog: Catalog, name: str) -> npt.NDArray[Any]:
    """Return the values of a catalog's column."""
    (found,) = [column for column in catalog.columns if column.name == name]
    return pixels(directory, found.array)
