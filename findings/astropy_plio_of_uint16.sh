#!/bin/sh
# Guess: astropy reads every tile-compressed image that CFITSIO writes, with the pixels that were written.
# Seen: uint16 by PLIO_1 is read 32768 too high: CFITSIO stores the values themselves there, though the header has
# BZERO = 32768, for PLIO knows no negative numbers; fitsio reads back what it has written.
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
written = np.arange(80, dtype="u2").reshape(8, 10)
fitsio.write(sys.argv[1], written, compress="PLIO_1")
by_fitsio, by_astropy = fitsio.read(sys.argv[1], ext=1), fits.getdata(sys.argv[1], 1)
print(f"written {written[0, 1]}, read by fitsio {by_fitsio[0, 1]}, by astropy {by_astropy[0, 1]}")
sys.exit(not (np.array_equal(by_fitsio, written) and by_astropy[0, 1] == 32769))
PYTHON
