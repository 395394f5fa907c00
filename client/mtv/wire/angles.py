"""Units of positions: one place says how many degrees a unit is, for arrays, tables, CSV files and datasets alike.

Pure; units are known by their names, as FITS, VOTable, astropy and ``lsst.afw`` write them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Final, Literal

from mtv.wire.errors import bad_value

System = Literal["pixel", "sky"]

_DEGREES: Final = {
    **dict.fromkeys(("deg", "degree", "degrees", "degs", "°"), 1.0),
    **dict.fromkeys(("rad", "radian", "radians", "rads"), 180 / math.pi),
    **dict.fromkeys(("arcmin", "arcminute", "arcminutes", "amin"), 1 / 60),
    **dict.fromkeys(("arcsec", "arcsecond", "arcseconds", "asec"), 1 / 3600),
    "hourangle": 15.0,
    **dict.fromkeys(("mas", "marcsec"), 1 / 3.6e6),
    **dict.fromkeys(("uas", "uarcsec", "µas", "μas"), 1 / 3.6e9),
}
_HOURS: Final = dict.fromkeys(("h", "hr", "hour", "hours"), 15.0)
"""Units of time, which only a right ascension is given in."""


def factor(unit: str, where: str, system: System, *, otherwise: float = 1.0) -> float:
    """Return what numbers of a unit are multiplied with to be degrees in the sky, or pixels.

    Parameters
    ----------
    unit : `str`
        As it is written; empty for none.
    where : `str`
        ``x`` or ``y``: the field that is at fault in an error.
    system : `str`
        ``sky`` or ``pixel``.
    otherwise : `float`, optional
        For numbers in the sky without a unit.

    Raises
    ------
    RequestError
        ``bad_value`` for a unit that does not go with the system.
    """
    name = unit.strip().lower()
    known = {**_DEGREES, **_HOURS} if where == "x" else _DEGREES
    if system == "pixel":
        if name in _DEGREES:
            raise bad_value(
                where, f"{where} is in {unit!r}, and the markers are to stand at pixels", "say system='sky'"
            )
        return 1.0
    if not name:
        return otherwise
    if name in known:
        return known[name]
    names = "deg, rad, hourangle, arcmin, arcsec, mas and uas" + (
        ", and h of a right ascension" if where == "x" else ""
    )
    hint = f"there are {names}; or name another column"
    raise bad_value(where, f"{unit[:40]!r} is no unit of a position in the sky", hint)


def is_angle(unit: str) -> bool:
    """Tell whether a unit is one of positions in the sky; hours of a right ascension are."""
    name = unit.strip().lower()
    return name in _DEGREES or name in _HOURS


_PAIRS: Final[dict[System, tuple[tuple[str, str], ...]]] = {
    "pixel": (("slot_Centroid_x", "slot_Centroid_y"), ("x", "y"), ("xcentroid", "ycentroid")),
    "sky": (
        ("coord_ra", "coord_dec"), ("ra", "dec"), ("RA", "DEC"), ("RAJ2000", "DEJ2000"), ("_RAJ2000", "_DEJ2000"),
        ("RA_ICRS", "DE_ICRS"), ("ALPHA_J2000", "DELTA_J2000"), ("ALPHAWIN_J2000", "DELTAWIN_J2000"), ("s_ra", "s_dec"),
        ("ra_deg", "dec_deg"), ("raMean", "decMean"), ("RAdeg", "DEdeg"), ("RA_J2000", "DEC_J2000"),
        ("right_ascension", "declination"),
    ),
}  # fmt: skip
"""Usual columns of positions."""


def size_factor(unit: str, system: System) -> float:
    """Return what sizes of a unit are multiplied with to be arc seconds in the sky, or pixels; raises as `factor`."""
    name = unit.strip().lower()
    if system == "sky" and name in _DEGREES:
        return _DEGREES[name] * 3600
    if system == "pixel" and name in _DEGREES:
        raise bad_value("size", f"size is in {unit!r}, and the markers are to stand at pixels", "choose the sky")
    return 1.0


def usual_pair(
    system: System, names: Collection[str], has: Callable[[str], bool] | None = None
) -> tuple[str, str] | None:
    """Return the first usual pair of columns that a table has; None where it has none of them.

    Parameters
    ----------
    system : `str`
        ``sky`` or ``pixel``.
    names : collection of `str`
        Columns. Where no pair is there as it is written here, capitals are not told from small letters; the last to be
        taken are the two columns that astropy makes of a `SkyCoord`: ``NAME.ra`` and ``NAME.dec``.
    has : callable, optional
        Tells whether a name stands for a column, also by an alias.
    """
    there = has or names.__contains__
    for x, y in _PAIRS[system]:
        if there(x) and there(y):
            return x, y
    folded = {name.lower(): name for name in reversed(list(names))}
    for x, y in _PAIRS[system]:
        if x.lower() in folded and y.lower() in folded:
            return folded[x.lower()], folded[y.lower()]
    stems = [name.removesuffix(".ra") for name in names if name.endswith(".ra")] if system == "sky" else []
    return next(((f"{stem}.ra", f"{stem}.dec") for stem in stems if f"{stem}.dec" in names), None)


def usual_pairs(system: System) -> str:
    """Return the usual pairs in words, for an error."""
    return ", ".join(" ".join(pair) for pair in _PAIRS[system])
