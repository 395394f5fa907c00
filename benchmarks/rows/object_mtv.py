"""A masked image of ``lsst.images`` in memory, as a VisitImage is one, against the same arrays given by hand.

Pixels, mask and sky are those of a VisitImage; what else that has (PSF, detector, observation) is not looked at.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.measures import Measured, Target
from benchmarks.row import Row

_SKY: Final = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRPIX1": 1024.0,
    "CRPIX2": 2088.0,
    "CRVAL1": 150.1,
    "CRVAL2": 2.2,
    "CDELT1": -5e-5,
    "CDELT2": 5e-5,
}


def measure(bench: Bench) -> Measured:
    """Measure both on our display; the arrays by hand are the floor."""
    if not bench.with_ours:
        return Measured()
    from astropy.wcs import WCS
    from lsst import images

    shown, display = bench.exposure, bench.ours.display
    box = images.Box.from_shape(shown.shape_yx, start=(0, 0))
    planes = [images.MaskPlane(name, "") for name, _ in sorted(exposure.PLANES.items(), key=lambda item: item[1])]
    mask = images.Mask(schema=images.MaskSchema(planes), bbox=box)
    for name, bit in exposure.PLANES.items():
        mask.set(name, (shown.mask >> bit & 1).astype(bool))
    frame = images.DetectorFrame(instrument="HSC", visit=23718, detector=41, bbox=box)
    sky = images.SkyProjection.from_fits_wcs(WCS(_SKY), frame, pixel_bounds=box, x0=0, y0=0)
    target = images.MaskedImage(images.Image(shown.image, bbox=box, sky_projection=sky), mask=mask)

    def show_object() -> None:
        display.mtv(target)
        display.sync()

    narrow = shown.mask.astype(np.uint8)

    def show_arrays() -> None:
        display.mtv(shown.image, mask=narrow, planes=exposure.PLANES, wcs=_SKY)
        display.sync()

    way = bench.ours.image_way(shown, with_mask=True)
    return contest(
        ours=Way(name="MaskedImage", draw=show_object, prepare=way.prepare, look=way.look),
        floor=Way(name="arrays", draw=show_arrays, prepare=way.prepare, look=way.look),
        runs=bench.amount(9, 1),
    )


ROW = Row("object_mtv", "mtv of an lsst.images MaskedImage with 7 planes, redrawn", Target(floor=1.15), measure)
