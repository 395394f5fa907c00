#!/bin/sh
# Guess: the polynomial of a TPV projection means the same in a header with a CD matrix and in one with CDELT of that scale.
# Seen: with CDELT the terms above the first degree are taken in another unit: half a degree apart at 0.1 degrees from the
# reference point. AST reads both alike. So a CD matrix is written for TPV.
# Runs astropy in a temporary folder. Ends with 1 where the behaviour is another one.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check astropy==8.0.2
"$place/venv/bin/python" - <<'PYTHON'
import sys

import astropy
from astropy.io.fits import Header
from astropy.wcs import WCS

base = {
    "CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "CRVAL1": 150.0, "CRVAL2": 30.0, "CRPIX1": 100.0, "CRPIX2": 75.0,
    "RADESYS": "ICRS", "PV1_1": 1.0, "PV1_4": 0.05, "PV2_1": 1.0, "PV2_4": 0.03,
}
cdelt = WCS(Header(base | {"CDELT1": -0.001, "CDELT2": 0.001})).all_pix2world([[0.0, 0.0]], 0)[0]
cd = WCS(Header(base | {"CD1_1": -0.001, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.001})).all_pix2world([[0.0, 0.0]], 0)[0]
print(f"astropy {astropy.__version__}: with CDELT {cdelt}, with CD {cd}")
sys.exit(bool(abs(cdelt - cd).max() < 0.1))
PYTHON
