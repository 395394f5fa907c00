"""Limits that a display keeps for its next image: a note where they show nothing of it. Looks at a sample of pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mtv.wire import steps
from mtvd.host.pixelstore import PixelStore
from mtvd.scene.actions import ImageLayer
from mtvd.scene.model import Scale, Scene

_SIDE: Final = 64
"""Pixels of a row or column that are looked at: 4,000 tell a share of a thousandth."""
_FEW: Final = 1e-3
"""A smaller share of the pixels within the limits is next to nothing."""
_GREYS: Final = 256
"""Shades of a linear stretch: pixels that lie closer together than one are a flat picture."""

_Sample = npt.NDArray[np.float64]


def kept_scale(scene: Scene, wanted: Sequence[steps.AnyStep], step: steps.Mtv) -> Scale | None:
    """Return the scale with fixed limits that a display keeps for an image; None where it keeps none.

    Parameters
    ----------
    wanted : sequence of steps
        All of the transaction: where one of them sets a scale, nothing is kept.
    """
    number = scene.number_of(step.display)
    display = None if number is None else scene.displays[number]
    if display is None or display.image is None or display.scale.limits is None:
        return None
    return None if any(isinstance(one, steps.Scale) for one in wanted) else display.scale


def note_of(pixels: PixelStore, image: ImageLayer, scale: Scale) -> str:
    """Return a note where the limits of a scale show next to nothing of an image; empty where they show it.

    Parameters
    ----------
    pixels : `PixelStore`
        Where the image's file is.
    image : `ImageLayer`
    scale : `Scale`
        With limits.
    """
    assert scale.limits is not None
    low, high = scale.limits
    sample = _sample(pixels, image)
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return ""
    within = np.count_nonzero((finite >= low) & (finite <= high)) / finite.size
    flat = within > 1 - _FEW and scale.stretch == "linear" and 0 < _spread(finite) < (high - low) / _GREYS
    if within >= _FEW and not flat:
        return ""
    shown = "next to nothing" if within or flat else "nothing"
    return (
        f"the limits {low:.6g}..{high:.6g}, kept from the image before, show {shown} of this one: its pixels are "
        f"{float(np.min(finite)):.6g}..{float(np.max(finite)):.6g}; new ones: mtv scale {scale.stretch} zscale"
    )


def _spread(values: _Sample) -> float:
    return float(np.percentile(values, 99)) - float(np.percentile(values, 1))


def _sample(pixels: PixelStore, image: ImageLayer) -> _Sample:
    rows, columns = image.shape_yx
    dtype = np.dtype(image.dtype)
    size = image.header_bytes + math.prod(image.shape_yx) * dtype.itemsize
    step_y, step_x = max(1, -(-rows // _SIDE)), max(1, -(-columns // _SIDE))
    with pixels.open_file(image.file, size) as file:
        mapped = np.memmap(file, dtype, "r", image.header_bytes, image.shape_yx)
        return np.asarray(mapped[step_y // 2 :: step_y, step_x // 2 :: step_x], np.float64)
