#!/bin/sh
# Guess: TNULL of an unsigned column that astropy writes is the stored integer, as FITS has it (4.0, section 7.3.2).
# Seen: it is the number behind TZERO. What compares the stored integers, as CFITSIO does, finds no gap, but a number.
# Runs astropy in a temporary folder. Ends with 1 where the behaviour is another one.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check astropy==8.0.2
"$place/venv/bin/python" - "$place" <<'PYTHON'
import sys

import astropy
import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table

print(f"astropy {astropy.__version__}")
path = f"{sys.argv[1]}/table.fits"
Table({"u": MaskedColumn(np.array([1, 2], np.uint16), mask=[False, True])}).write(path)
with fits.open(path) as hdus:
    header, start = hdus[1].header, hdus[1].fileinfo()["datLoc"]
    null, zero = header["TNULL1"], header["TZERO1"]
with open(path, "rb") as file:
    file.seek(start)
    stored = np.frombuffer(file.read(4), ">i2").tolist()
print(f"TNULL1 = {null}, TZERO1 = {zero}; stored in the row without a value: {stored[1]}")
sys.exit(not (stored[1] != null and stored[1] + zero == null))
PYTHON
