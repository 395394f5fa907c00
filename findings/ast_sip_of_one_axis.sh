#!/bin/sh
# Guess: a SIP polynomial with terms for the first axis alone (A_2_0, no B_i_j) leaves the second axis as it is.
# Seen: AST (and so DS9) takes the second axis for 0 in all pixels, also where B_ORDER is given; one term of 0.0 mends it.
# Runs starlink-pyast in a temporary folder. Ends with 1 where the behaviour is another one.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check starlink-pyast==4.2.0 numpy==2.2.6
"$place/venv/bin/python" - <<'PYTHON'
import math
import sys

from starlink import Ast

CARDS = [
    "NAXIS   = 2", "NAXIS1  = 200", "NAXIS2  = 150", "CTYPE1  = 'RA---TAN-SIP'", "CTYPE2  = 'DEC--TAN-SIP'",
    "CRVAL1  = 150.0", "CRVAL2  = 30.0", "CRPIX1  = 100.0", "CRPIX2  = 75.0", "CD1_1   = -0.001", "CD2_2   = 0.001",
    "RADESYS = 'ICRS'", "A_ORDER = 2", "A_2_0   = 1.0E-4", "B_ORDER = 2",
]


def declinations(more):
    channel = Ast.FitsChan()
    for card in CARDS + more:
        channel.putfits(card.ljust(80), 0)
    channel.clear("Card")
    _, dec = channel.read().tran([[100.0, 100.0], [1.0, 150.0]])
    return [math.degrees(value) for value in dec]


without, with_zero = declinations([]), declinations(["B_0_2   = 0.0"])
print(f"AST {Ast.version()}: rows 1 and 150 at declinations {without}; with B_0_2 = 0.0 at {with_zero}")
sys.exit(not (abs(without[1] - without[0]) < 1e-9 and with_zero[1] - with_zero[0] > 0.1))
PYTHON
