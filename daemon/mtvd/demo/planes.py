"""The three planes of an exposure, and the bits of its mask, numbered as `lsst.afw` numbers them for HSC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]
Bits = npt.NDArray[np.int32]
Where = npt.NDArray[np.bool_]

MASK_PLANES: Final[Mapping[str, int]] = {
    "BAD": 0,
    "SAT": 1,
    "INTRP": 2,
    "CR": 3,
    "EDGE": 4,
    "DETECTED": 5,
    "DETECTED_NEGATIVE": 6,
    "SUSPECT": 7,
    "NO_DATA": 8,
    "CROSSTALK": 9,
    "UNMASKEDNAN": 10,
}
"""Name to bit number. The last two are declared, as in a pipeline's files, and set nowhere."""


def bits(*names: str) -> int:
    """Return the mask value with these planes set."""
    value = 0
    for name in names:
        value |= 1 << MASK_PLANES[name]
    return value


@dataclass(frozen=True, kw_only=True)
class Planes:
    """One exposure; all arrays are (y, x) and have one shape."""

    image: Pixels
    """Counts above the sky, float32."""

    mask: Bits
    """Planes of `MASK_PLANES`, int32."""

    variance: Pixels
    """Counts squared, float32."""

    def flag(self, where: Where, *names: str) -> None:
        """Set planes where `where` (y, x) is true."""
        self.mask[where] |= bits(*names)

    def flagged(self, *names: str) -> Where:
        """Return where any of the planes is set, (y, x)."""
        found: Where = (self.mask & bits(*names)) != 0
        return found
