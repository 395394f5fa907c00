"""Columns of markers as callers have them: with units, masks and gaps. Nothing of astropy is imported.

Quantities, angles, columns of astropy's tables, masked arrays and pandas' nullable columns are known by what they can
do: ``unit``, ``mask``, ``unmasked``, ``to_numpy``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mtv.arguments.foreign import in_its_own_words
from mtv.wire.angles import System, factor, is_angle, size_factor
from mtv.wire.errors import RequestError, bad_value

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pair_of(x: Any, y: Any, system: System) -> tuple[Any, Any]:
    """Return the two columns of positions: of a `SkyCoord` in place of ``x``, right ascension and declination (ICRS).

    Raises
    ------
    RequestError
        ``bad_value`` for a `SkyCoord` with ``y``, where pixels are wanted, or without a way to ICRS; for no ``y``.
    """
    if not is_sky(x):
        if y is None:
            raise bad_value(
                "y", "y is not given", "give x and y, a SkyCoord, or, to overlay(), a table, its path or its reference"
            )
        return x, y
    if y is not None:
        raise bad_value("y", "a SkyCoord is given in place of x and y", "leave y out")
    if system != "sky":
        hint = "system='sky'"
        raise bad_value("system", "a SkyCoord is in the sky, and the markers are to stand at pixels", hint)
    try:
        sky = x.icrs
    except Exception as error:  # astropy raises what its frames like
        raise bad_value("x", f"the SkyCoord cannot be told in ICRS: {in_its_own_words(error)}") from error
    return sky.ra, sky.dec


def column(where: str, values: Any, system: System) -> NDArray[Any]:
    """Return numbers as float64, in pixels or degrees (sizes in pixels or arc seconds), their gaps as NaN.

    Parameters
    ----------
    where : `str`
        ``x``, ``y`` or ``size``, or another field whose units do not matter.
    values : array or sequence
        Of any shape.
    system : `str`
        ``sky`` or ``pixel``.

    Raises
    ------
    RequestError
        ``bad_value``, naming ``where``: no numbers, or a unit that does not go with the system.
    """
    import numpy as np

    unit = getattr(values, "unit", None)
    mask = getattr(values, "mask", None)
    mask = None if callable(mask) else mask  # pandas has a method of that name
    plain = getattr(values, "unmasked", values)
    try:
        _check_no_time(plain)  # pandas would make numbers of them
        if hasattr(plain, "to_numpy") and not isinstance(plain, np.ndarray):  # pandas, polars, arrow
            plain = _to_numpy(plain)
        elif isinstance(plain, (list, tuple)) and any(one is np.ma.masked or one is None for one in plain):
            plain = [np.nan if one is np.ma.masked or one is None else one for one in plain]
        _check_no_time(plain)
        numbers = np.asarray(np.ma.getdata(plain) if isinstance(plain, np.ma.MaskedArray) else plain, dtype=np.float64)
    except (TypeError, ValueError):
        raise bad_value(where, f"{where} is no column of numbers") from None
    if unit is not None and where in {"x", "y", "size"}:
        by = _factor_of(values, str(unit), where, system)
        numbers = numbers * by if by != 1 else numbers
    if mask is not None and np.any(mask):
        numbers = np.where(mask, np.nan, numbers)
    return numbers


def _factor_of(values: Any, unit: str, where: str, system: System) -> float:
    """Return what numbers are multiplied with, by the name of their unit, or as a `Quantity` itself converts it.

    Raises
    ------
    RequestError
        ``bad_value``, naming ``where``.
    """
    if not hasattr(values, "to_value") or is_angle(unit) or not unit:
        return size_factor(unit, system) if where == "size" else factor(unit, where, system)
    wanted = "pix" if system == "pixel" else "arcsec" if where == "size" else "deg"
    try:
        return float(values.unit.to(wanted))
    except Exception:  # noqa: BLE001 - astropy's units raise what they like
        known = "pix, or no unit" if system == "pixel" else "deg, rad, hourangle, arcmin, arcsec"
        raise bad_value(where, f"{where} is in {unit[:40]!r}, and {wanted} is wanted", f"units are {known}") from None


def is_sky(values: Any) -> bool:
    """Tell whether a value is a `SkyCoord`, without turning it to any frame."""
    kind = type(values)
    return hasattr(kind, "transform_to") and hasattr(kind, "frame")


def system_of(x: Any, system: System | None) -> System:
    """Return the system of positions: that which is given, else the one that their type or unit tells."""
    if system is not None:
        return system
    if is_sky(x):
        return "sky"
    unit = getattr(x, "unit", None)
    angle = unit is not None and (is_angle(str(unit)) or str(getattr(unit, "physical_type", "")) == "angle")
    return "sky" if angle else "pixel"


def position_of(x: Any, y: Any, system: System | None) -> tuple[Any, Any, System]:
    """Return one position in pixels or degrees, and its system; plain numbers as they are.

    Parameters
    ----------
    x, y : `float`, `Quantity` or `SkyCoord`
        A `SkyCoord` stands for both.
    system : `str` or None
        None: ``sky`` of a `SkyCoord` and of angles, else ``pixel``.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``x``, ``y`` or ``system``: another unit, several positions, none at all.
    """
    if type(x) is float and type(y) is float:  # nearly all of them, and there may be thousands
        return x, y, system or "pixel"
    known = system_of(x, system)
    x, y = pair_of(x, y, known)
    return _one("x", x, known), _one("y", y, known), known


def _one(where: str, value: Any, system: System) -> Any:
    if not hasattr(value, "unit"):
        return value
    found = column(where, value, system)
    if found.ndim:
        raise bad_value(where, f"{where} has {found.size} values, and one position is wanted", "overlay() draws many")
    return float(found)


def pairs_of(where: str, points: Any, system: System | None) -> tuple[NDArray[Any], System]:
    """Return positions that are given as one thing as an array ``(n, 2)``, and their system.

    Parameters
    ----------
    where : `str`
        Field at fault in an error.
    points : `SkyCoord`, array or sequence
        Or a sequence of pairs, or of `SkyCoord`; of any other shape too, which is for the caller to check.
    system : `str` or None
        As in `position_of`.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``where`` or ``system``.
    """
    import numpy as np

    with name_field(where):
        if is_sky(points):
            known = system_of(points, system)
            ra, dec = pair_of(points, None, known)
            return np.stack([np.atleast_1d(column("x", ra, known)), np.atleast_1d(column("y", dec, known))], 1), known
        if isinstance(points, (list, tuple)) and any(is_sky(one) or _is_of_units(one) for one in points):
            found = [_pair_position(one, system) for one in points]
            systems = {known for *_, known in found}
            if len(systems) > 1:
                raise bad_value(where, "some positions are in the sky, and others in pixels", "say system")
            return np.array([(x, y) for x, y, _ in found], np.float64), systems.pop()
        known = system_of(points, system)
        if getattr(points, "unit", None) is None:
            return column(where, points, known), known
        return column("y", points, known), known


def _pair_position(one: Any, system: System | None) -> tuple[Any, Any, System]:
    if is_sky(one):
        return position_of(one, None, system)
    try:
        x, y = one
    except (TypeError, ValueError):
        raise bad_value("x", f"{one!r:.60} is no position", "x and y, or a SkyCoord") from None
    return position_of(x, y, system)


def _is_of_units(pair: Any) -> bool:
    return isinstance(pair, (list, tuple)) and len(pair) == 2 and any(hasattr(value, "unit") for value in pair)


@contextlib.contextmanager
def name_field(where: str) -> Iterator[None]:
    """Name the field that the caller has given in errors of its x, y and size."""
    try:
        yield
    except RequestError as refusal:
        if refusal.error.where not in {"x", "y", "size"}:
            raise
        raise bad_value(where, refusal.error.message, refusal.error.hint) from None


def _check_no_time(values: Any) -> None:
    if getattr(getattr(values, "dtype", None), "kind", "") in {"M", "m"}:
        raise TypeError("times are no positions")


def _to_numpy(values: Any) -> Any:
    import numpy as np

    # pandas: its own gaps are no numbers of numpy's; arrow: gaps need a copy; polars, and arrow in chunks.
    for options in ({"dtype": np.float64, "na_value": np.nan}, {"zero_copy_only": False}, {}):
        with contextlib.suppress(TypeError):
            return values.to_numpy(**options)
    raise TypeError("nothing that numpy takes")
