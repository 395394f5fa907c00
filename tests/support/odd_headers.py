"""Headers as telescopes and old programs write them, each with whom we follow where DS9 and astropy differ."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from mtv.shared.sky.cards import card

NX, NY = 200, 150
_C, _S = math.cos(math.radians(30)), math.sin(math.radians(30))
_CDELT: Final[dict[str, float]] = {"CDELT1": -0.001, "CDELT2": 0.001}
_CD: Final[dict[str, float]] = {"CD1_1": -0.001, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.001}
_SIP: Final[dict[str, float]] = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-4, "B_0_2": 1e-4}
_PV: Final[dict[str, float]] = {
    "PV1_0": 0.0,
    "PV1_1": 1.0,
    "PV1_2": 0.001,
    "PV1_4": 0.05,
    "PV2_0": 0.0,
    "PV2_1": 1.0,
    "PV2_4": 0.03,
}
_PLATE: Final[dict[str, str | float]] = {
    "PLTRAH": 12, "PLTRAM": 30, "PLTRAS": 10.5, "PLTDECSN": "+", "PLTDECD": 10, "PLTDECM": 20, "PLTDECS": 5.0,
    "EQUINOX": 2000.0, "XPIXELSZ": 25.28445, "YPIXELSZ": 25.28445, "CNPIX1": 6000, "CNPIX2": 7000,
    **{f"PPO{number}": 177500.0 if number in {3, 6} else 0.0 for number in range(1, 7)},
    **{f"AMD{axis}{number}": 0.0 for axis in "XY" for number in range(1, 14)},
    "AMDX1": 67.2, "AMDX2": 0.12, "AMDX3": -50.1, "AMDX4": 1.2e-5, "AMDX8": 2e-6, "AMDX11": 1e-8, "AMDX13": 1e-12,
    "AMDY1": 67.21, "AMDY2": -0.11, "AMDY3": 30.1, "AMDY5": -2.1e-5, "AMDY9": 1.3e-7, "AMDY10": 2.3e-6, "AMDY12": 1e-8,
}  # fmt: skip


class OddHeader(NamedTuple):
    """Cards of an image of `NX` x `NY` pixels."""

    cards: str
    follows: str = "both"
    """``both``, ``DS9``, ``astropy``, ``neither``, or ``none`` where we show no sky."""
    note: str = ""
    """Words that are in a note; empty where there is none."""


def tan(*more: str, **values: Any) -> str:
    """Return the cards of a TAN projection with values in place of its own; those that are None are left out."""
    base: dict[str, Any] = {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 30.0, "CRPIX1": 100.0, "CRPIX2": 75.0
    }  # fmt: skip
    written = (card(key, value) for key, value in (base | values).items() if value is not None)
    return "".join(written) + "".join(line[:80].ljust(80) for line in more)


def _iraf(kind: str, longitude: str, latitude: str, **values: Any) -> str:
    return iraf(kind, f'lngcor = "{longitude}"', f'latcor = "{latitude}"', **values)


def iraf(kind: str, longitude: str, latitude: str, **values: Any) -> str:
    """Return the cards of IRAF's projection ``tnx`` or ``zpx``, with what the WAT cards of both axes say."""
    lines = []
    for axis, text in ((1, f"wtype={kind} axtype=ra {longitude}"), (2, f"wtype={kind} axtype=dec {latitude}")):
        lines += [f"WAT{axis}_{n // 68 + 1:03d}= '{text[n : n + 68]:<68}'" for n in range(0, len(text), 68)]
    return tan(*lines, CTYPE1=f"RA---{kind.upper()}", CTYPE2=f"DEC--{kind.upper()}", **_CD, **values)


HEADERS: Final[dict[str, OddHeader]] = {
    "EPOCH 1950": OddHeader(tan(**_CDELT, EPOCH=1950.0)),
    "EPOCH 2000 and CROTA2": OddHeader(tan(**_CDELT, CROTA2=30.0, EPOCH=2000.0)),
    "EQUINOX 1950": OddHeader(tan(**_CDELT, EQUINOX=1950.0)),
    "FK4": OddHeader(tan(**_CDELT, RADESYS="FK4")),
    "FK5": OddHeader(tan(**_CDELT, RADESYS="FK5")),
    "FK4 of a date": OddHeader(tan(**_CDELT, RADESYS="FK4", EQUINOX=1950.0, **{"DATE-OBS": "1955-06-01"}), "DS9"),
    "FK5 of 1975": OddHeader(tan(**_CDELT, RADESYS="FK5", EQUINOX=1975.0)),
    "RADECSYS": OddHeader(tan(**_CDELT, RADECSYS="FK5", EQUINOX=2000.0)),
    "no system": OddHeader(tan(**_CDELT)),
    "no system, CROTA2 0": OddHeader(tan(**_CDELT, CROTA2=0.0), "astropy"),
    "no system, CROTA2 30": OddHeader(tan(**_CDELT, CROTA2=30.0), "astropy"),
    "no name of a system": OddHeader(tan(**_CDELT, RADESYS="J2000"), "neither", "FK5 is taken"),
    "apparent places": OddHeader(tan(**_CDELT, RADESYS="GAPPT"), "none", "apparent places"),
    "EQUINOX in words": OddHeader(tan(**_CDELT, EQUINOX="J2000")),
    "EQUINOX undefined": OddHeader(tan("EQUINOX =", **_CDELT, RADESYS="ICRS"), "astropy"),
    "LONPOLE undefined": OddHeader(tan("LONPOLE =", **_CDELT, RADESYS="ICRS"), "astropy", "LONPOLE has no number"),
    "LONPOLE 0": OddHeader(tan(**_CDELT, LONPOLE=0.0, RADESYS="ICRS")),
    "CRVAL undefined": OddHeader(
        tan("CRVAL1  =", "CRVAL2  =", **_CDELT, CRVAL1=None, CRVAL2=None), "none", "no numbers"
    ),
    "CRVAL1 NaN": OddHeader(tan("CRVAL1  = NaN", **_CDELT, CRVAL1=None, RADESYS="ICRS"), "both", "CRVAL1 is 'NaN'"),
    "CRVAL missing": OddHeader(tan(**_CDELT, CRVAL1=None, CRVAL2=None), "astropy", "CRVAL2 is missing"),
    "CRPIX missing": OddHeader(tan(**_CDELT, CRPIX1=None, CRPIX2=None), "astropy", "CRPIX1 is missing"),
    "CDELT missing": OddHeader(tan(RADESYS="ICRS"), "both", "no scale"),
    "singular": OddHeader(tan(CDELT1=0.0, CDELT2=0.001), "none", "makes no sense"),
    "no blank after =": OddHeader(tan("CDELT1  =-0.001", CDELT2=0.001, RADESYS="ICRS"), "DS9"),
    "D exponents": OddHeader(tan("CDELT1  = -1.0D-03", "CDELT2  = 1.0d-03", RADESYS="ICRS"), "DS9"),
    "free format": OddHeader(tan("CRVAL1  = +150.0 / x", "CDELT1  = -1.e-3", "CDELT2  = 1.e-3", CRVAL1=None)),
    "a keyword twice": OddHeader(tan(card("CRVAL1", 77.0), **_CDELT, RADESYS="ICRS")),
    "PC001001": OddHeader(tan(**_CDELT, EQUINOX=2000.0, PC001001=_C, PC001002=-_S, PC002001=_S, PC002002=_C)),
    "PC1_1": OddHeader(tan(**_CDELT, RADESYS="ICRS", PC1_1=_C, PC1_2=-_S, PC2_1=_S, PC2_2=_C)),
    "half a PC": OddHeader(tan(**_CDELT, RADESYS="ICRS", PC1_2=-0.5)),
    "half a CD": OddHeader(tan(CD1_1=-0.001, CD2_2=0.001, RADESYS="ICRS")),
    "CD, CDELT and CROTA": OddHeader(tan(**_CDELT, **_CD, CROTA2=30.0, EQUINOX=2000.0)),
    "DEC first": OddHeader(
        tan(
            CTYPE1="DEC--TAN", CTYPE2="RA---TAN", CRVAL1=30.0, CRVAL2=150.0, CDELT1=0.001, CDELT2=-0.001, RADESYS="ICRS"
        ),
        "DS9",
    ),
    "three letters": OddHeader(tan(CTYPE1="RA--CAR", CTYPE2="DEC-CAR", **_CDELT, RADESYS="ICRS"), "DS9"),
    "plain RA and DEC": OddHeader(tan(CTYPE1="RA", CTYPE2="DEC", **_CDELT, RADESYS="ICRS")),
    "GLS": OddHeader(tan(CTYPE1="RA---GLS", CTYPE2="DEC--GLS", **_CDELT, RADESYS="ICRS"), "astropy"),
    "NCP": OddHeader(tan(CTYPE1="RA---NCP", CTYPE2="DEC--NCP", **_CDELT, RADESYS="ICRS")),
    "-TAB": OddHeader(tan(CTYPE1="RA---TAB", CTYPE2="DEC--TAB", **_CDELT), "none", "TAB is no projection"),
    "NCP at the equator": OddHeader(tan(CTYPE1="RA---NCP", CTYPE2="DEC--NCP", CRVAL2=0.0, **_CDELT), "none", "equator"),
    "a planet": OddHeader(tan(CTYPE1="MALN-TAN", CTYPE2="MALT-TAN", **_CDELT), "none", "MALN-TAN"),
    "a reference point of its own": OddHeader(
        tan(**_CDELT, RADESYS="ICRS", PV1_1=10.0, PV1_2=80.0, PV1_3=60.0), "astropy"
    ),
    "a reference point of its own, CAR": OddHeader(
        tan(CTYPE1="RA---CAR", CTYPE2="DEC--CAR", **_CDELT, CRVAL2=10.0, PV1_1=20.0, PV1_2=5.0), "astropy"
    ),
    "an offset of it": OddHeader(tan(**_CDELT, PV1_0=1.0, PV1_1=10.0, PV1_2=80.0), "none", "reference point"),
    "two projections": OddHeader(tan(CTYPE2="DEC--SIN", **_CDELT), "none", "two projections"),
    "unknown projection": OddHeader(tan(CTYPE1="RA---XYZ", CTYPE2="DEC--XYZ", **_CDELT), "none", "XYZ"),
    "CUNIT DEG": OddHeader(tan(**_CDELT, CUNIT1="DEG", CUNIT2="DEG", RADESYS="ICRS")),
    "CUNIT arcsec": OddHeader(
        tan(
            CRVAL1=540000.0, CRVAL2=108000.0, CDELT1=-3.6, CDELT2=3.6, CUNIT1="arcsec", CUNIT2="arcsec", RADESYS="ICRS"
        ),
        "astropy",
    ),
    "CUNIT of no angle": OddHeader(tan(**_CDELT, CUNIT1="m", RADESYS="ICRS"), "DS9", "no unit of an angle"),
    "galactic": OddHeader(tan(CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN", **_CDELT)),
    "galactic, CROTA2": OddHeader(tan(CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN", **_CDELT, CROTA2=30.0)),
    "supergalactic": OddHeader(tan(CTYPE1="SLON-TAN", CTYPE2="SLAT-TAN", **_CDELT), "DS9"),
    "ecliptic": OddHeader(tan(CTYPE1="ELON-TAN", CTYPE2="ELAT-TAN", **_CDELT, EQUINOX=2000.0), "DS9"),
    "helioecliptic": OddHeader(tan(CTYPE1="HLON-TAN", CTYPE2="HLAT-TAN", **_CDELT), "none", "HLON-TAN"),
    "the sun": OddHeader(tan(CTYPE1="HPLN-TAN", CTYPE2="HPLT-TAN", **_CDELT), "none", "HPLN-TAN"),
    "a spectrum": OddHeader(tan(CTYPE1="WAVE", CTYPE2="OFFSET", **_CDELT), "none"),
    "a plane of no sky": OddHeader(tan(CTYPE1="FREQ", CTYPE2="RA---TAN", **_CDELT), "none", "no plane of the sky"),
    "SCAMP": OddHeader(tan(**_CDELT, RADESYS="ICRS", **_PV), "DS9"),
    "TPV": OddHeader(tan(CTYPE1="RA---TPV", CTYPE2="DEC--TPV", **_CD, RADESYS="ICRS", **_PV)),
    "TPV, CDELT": OddHeader(tan(CTYPE1="RA---TPV", CTYPE2="DEC--TPV", **_CDELT, RADESYS="ICRS", **_PV), "DS9"),
    "SIP": OddHeader(tan(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", **_CD, RADESYS="ICRS", **_SIP)),
    "SIP without its name": OddHeader(tan(**_CD, RADESYS="ICRS", **_SIP), "astropy"),
    "SIP and PV": OddHeader(
        tan(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", **_CD, RADESYS="ICRS", **_SIP, **_PV, PV1_7=0.01),
        "astropy",
        "SIP counts",
    ),
    "SIP of order 12": OddHeader(
        tan(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", **_CD, **_SIP | {"A_ORDER": 12, "B_ORDER": 12}, A_12_0=1e-25)
    ),
    "SIP of order 20": OddHeader(
        tan(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", **_CD, **_SIP | {"A_ORDER": 20, "B_ORDER": 20}),
        "neither",
        "an order above 15",
    ),
    "SIP of one axis": OddHeader(
        tan(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", **_CD, A_ORDER=2, B_ORDER=2, A_2_0=1e-4), "astropy"
    ),
    "TNX": OddHeader(
        _iraf("tnx", "3. 3. 3. 2. -.1 .1 -.1 .1 0. 0. .5 0. 0. 0.", "3. 3. 3. 2. -.1 .1 -.1 .1 0. 0. 0. 0. 0. .5"),
        "DS9",
    ),
    "TNX, Chebyshev": OddHeader(
        _iraf(
            "tnx", "1. 3. 3. 2. -.3 .3 -.2 .2 1e-4 2e-4 -3e-4 1e-4 0. 1e-4", "1. 2. 2. 2. -.3 .3 -.2 .2 1e-4 2e-4 3e-4"
        ),
        "DS9",
    ),
    "TNX, all cross terms": OddHeader(
        _iraf("tnx", "2. 2. 2. 1. -.3 .3 -.2 .2 1e-4 2e-4 -3e-4 1e-4", "2. 2. 2. 0. -.3 .3 -.2 .2 1e-4 2e-4 3e-4"),
        "neither",
    ),
    "TNX of a high degree": OddHeader(
        _iraf("tnx", "3. 6. 6. 1. -.1 .1 -.1 .1" + " 1e-4" * 36, ""), "DS9", "does not count"
    ),
    "ZPX": OddHeader(
        _iraf("zpx", '3. 2. 2. 2. -.1 .1 -.1 .1 1e-4 1e-4 0." projp1=1. projp3=337.7', "", EQUINOX=2000.0), "neither"
    ),
    "ZPX, well formed": OddHeader(
        iraf(
            "zpx",
            'projp1=1. projp3=337.7 lngcor = "3. 3. 3. 2. -.1 .1 -.1 .1 0. 0. .5 0. 0. 0."',
            'projp1=1. projp3=337.7 latcor = "3. 3. 3. 2. -.1 .1 -.1 .1 0. 0. 0. 0. 0. .5"',
        ),
        "DS9",
    ),
    "ZPX without surfaces": OddHeader(
        iraf("zpx", "projp1=1. projp3=337.7", "projp1=1. projp3=337.7", RADESYS="ICRS"), "DS9"
    ),
    "ZPX of an even power": OddHeader(
        _iraf("zpx", '3. 2. 2. 2. -.1 .1 -.1 .1 1e-4 1e-4 0." projp1=1. projp2=0.5', "", EQUINOX=2000.0),
        "neither",
        "does not count",
    ),
    "a plate": OddHeader("".join(card(key, value) for key, value in _PLATE.items())),
    "a plate with a WCS": OddHeader(tan(**_CDELT) + "".join(card(key, value) for key, value in _PLATE.items())),
    "three axes": OddHeader(
        card("WCSAXES", 3) + tan(**_CDELT, RADESYS="ICRS", CTYPE3="FREQ", CRVAL3=1.4e9, CDELT3=1e6, CRPIX3=1.0),
        "astropy",
    ),
    "three axes, turned": OddHeader(
        card("WCSAXES", 3) + tan(**_CDELT, RADESYS="ICRS", CTYPE3="FREQ", PC1_3=0.5), "neither", "axis 3"
    ),
    "tables of another WCS": OddHeader(
        tan(**_CDELT, RADESYS="ICRS", CTYPE1W="WAVE-TAB", CTYPE2W="BAND-TAB", PS1_0W="WCS", PS2_0W="WCS"),
        "DS9",
        "letter W",
    ),
    "distortion in tables": OddHeader(tan(**_CD, RADESYS="ICRS", CPDIS1="LOOKUP"), "DS9", "CPDIS"),
    "far away": OddHeader(tan(CRPIX1=-250000.5, CRPIX2=98765.25, CDELT1=-1e-4, CDELT2=1e-4, RADESYS="ICRS")),
    "right ascension 0": OddHeader(tan(CRVAL1=0.0, **_CDELT, RADESYS="ICRS")),
    "right ascension -10": OddHeader(tan(CRVAL1=-10.0, **_CDELT, RADESYS="ICRS")),
    "the pole": OddHeader(tan(CRVAL1=0.0, CRVAL2=90.0, **_CDELT, RADESYS="ICRS")),
    "beyond the pole": OddHeader(tan(CRVAL2=91.0, **_CDELT, RADESYS="ICRS"), "none", "declination 91"),
    "CAR far from the equator": OddHeader(tan(CTYPE1="RA---CAR", CTYPE2="DEC--CAR", **_CDELT, RADESYS="ICRS")),
    "bad poles": OddHeader(
        tan(CTYPE1="RA---CAR", CTYPE2="DEC--CAR", **_CDELT, CRVAL2=80.0, LONPOLE=60.0, RADESYS="ICRS"),
        "none",
        "LONPOLE",
    ),
    "LTV undefined": OddHeader(tan("LTV1    =", **_CDELT, RADESYS="ICRS"), "both", "LTV1 has no number"),
}
"""By name."""
