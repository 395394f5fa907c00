#!/bin/sh
# Guess: a masked truth value that astropy writes into a FITS table comes back masked, or at least as it was.
# Seen: it is written as T, whatever stood behind the mask, and nothing tells that it was masked: a flag that nobody knows
# becomes one that is set. FITS has a byte for no value (0); astropy reads that as False, and warns of it.
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
Table({"flag": MaskedColumn([False, False], mask=[False, True])}).write(path)
back = Table.read(path)["flag"]
print(f"written [False, masked], read {back.tolist()}, masked: {np.ma.getmaskarray(back).tolist()}")

column = fits.Column("flag", "L", array=np.array([True, True]))
fits.BinTableHDU.from_columns([column]).writeto(path, overwrite=True)
with fits.open(path) as hdus:
    start = hdus[1].fileinfo()["datLoc"]
with open(path, "r+b") as file:
    file.seek(start + 1)
    file.write(b"\0")
null = Table.read(path)["flag"]
print(f"stored T and a zero byte, read {null.tolist()}, masked: {np.ma.getmaskarray(null).tolist()}")
lost = back.tolist() == [False, True] and not np.ma.getmaskarray(back).any()
sys.exit(not (lost and null.tolist() == [True, False]))
PYTHON
