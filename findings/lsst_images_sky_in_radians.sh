#!/bin/sh
# Guess: the astropy view of a sky of lsst.images (image.astropy_wcs) gives degrees, as a WCS of a FITS header does, so that
# numbers of the one may stand for numbers of the other.
# Seen: pixel_to_world_values gives radians (world_axis_units says so, and pixel_to_world is right), in a pair named x, y.
# Runs lsst-images in a temporary folder; needs Python 3.12 or newer. Ends with 1 where the behaviour is another one.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check lsst-images==30.2026.4300
"$place/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import math
import sys

import numpy as np
from astropy.wcs import WCS
from lsst import images

cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 30.0, "CRPIX2": 25.0}
cards |= {"CRVAL1": 150.0, "CRVAL2": 2.0, "CDELT1": -5e-5, "CDELT2": 5e-5}
box = images.Box.from_shape((50, 60), start=(0, 0))
frame = images.DetectorFrame(instrument="HSC", visit=1, detector=1, bbox=box)
sky = images.SkyProjection.from_fits_wcs(WCS(cards), frame, pixel_bounds=box, x0=0, y0=0)
view = images.Image(np.zeros((50, 60), np.float32), bbox=box, sky_projection=sky).astropy_wcs

of_view = view.pixel_to_world_values(29, 24)
of_header = [float(value) for value in WCS(cards).pixel_to_world_values(29, 24)]
place = view.pixel_to_world(29, 24)
print(f"lsst-images {importlib.metadata.version('lsst-images')}: {of_view} in {view.world_axis_units}")
print(f"the header's WCS: {of_header}; as a SkyCoord of the view: {place.ra.deg:.6f}, {place.dec.deg:.6f}")
same = all(math.isclose(math.degrees(one), other, abs_tol=1e-9) for one, other in zip(of_view, of_header, strict=True))
sys.exit(not (same and view.world_axis_units == ("rad", "rad")))
PYTHON
