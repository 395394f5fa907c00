"""Columns of markers as callers have them: with units, masks and gaps. Nothing of astropy is imported.

Quantities, angles, columns of astropy's tables, masked arrays and pandas' nullable columns are known by what they can
do: ``unit``, ``mask``, ``unmasked``, ``to_numpy``.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from mtv.wire.angles import System, factor, size_factor
from mtv.wire.errors import bad_value

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pair_of(x: Any, y: Any, system: System) -> tuple[Any, Any]:
    """Return the two columns of positions: of a `SkyCoord` in place of ``x``, right ascension and declination (ICRS).

    Raises
    ------
    RequestError
        ``bad_value`` for a `SkyCoord` with ``y``, where pixels are wanted, or without a way to ICRS; for no ``y``.
    """
    if not hasattr(x, "transform_to") or not hasattr(x, "frame"):
        if y is None:
            raise bad_value("y", "y is not given", "give x and y, a SkyCoord, or the path or reference of a table")
        return x, y
    if y is not None:
        raise bad_value("y", "a SkyCoord is given in place of x and y", "leave y out")
    if system != "sky":
        hint = "system='sky'"
        raise bad_value("system", "a SkyCoord is in the sky, and the markers are to stand at pixels", hint)
    try:
        sky = x.icrs
    except Exception as error:  # astropy raises what its frames like
        raise bad_value("x", f"the SkyCoord cannot be told in ICRS ({type(error).__name__})") from error
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
        text = str(unit)
        by = size_factor(text, system) if where == "size" else factor(text, where, system)
        numbers = numbers * by if by != 1 else numbers
    if mask is not None and np.any(mask):
        numbers = np.where(mask, np.nan, numbers)
    return numbers


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
