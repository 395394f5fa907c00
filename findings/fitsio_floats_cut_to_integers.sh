#!/bin/sh
# Guess: a float image that astropy writes tile-compressed without quantization (quantize_level=0) is lossless, or at
# least the same for astropy and CFITSIO.
# Seen: with RICE_1 astropy cuts the floats down to whole numbers without a word and writes no ZSCALE; fitsio takes the
# bits of these integers for floats, without a word: 100.0 is read as 1.4e-43. lsst.images writes so where it is asked
# for RICE_1 without quantization.
# Runs astropy and fitsio in a temporary folder. Ends with 1 where the behaviour is another one.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check astropy==8.0.2 fitsio==1.4.2
"$place/venv/bin/python" - "$place/image.fits" <<'PYTHON'
import sys

import astropy
import fitsio
import numpy as np
from astropy.io import fits

print(f"astropy {astropy.__version__}, fitsio {fitsio.__version__}, CFITSIO {fitsio.cfitsio_version()}")
written = np.full((8, 10), 100.75, "f4")
fits.CompImageHDU(written, compression_type="RICE_1", quantize_level=0).writeto(sys.argv[1])
by_astropy = float(fits.getdata(sys.argv[1], 1)[0, 0])
by_fitsio = float(fitsio.read(sys.argv[1], ext=1)[0, 0])
print(f"written {written[0, 0]}, read by astropy {by_astropy}, by fitsio {by_fitsio}")
sys.exit(not (by_astropy == 100.0 and 0 < by_fitsio < 1e-40))
PYTHON
