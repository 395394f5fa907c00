"""Columns of texts that are positions: hours or degrees, minutes and seconds. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mtv.shared.sexagesimal import are_hours, sexagesimal
from mtv.shared.tables.gaps import Values, data_of
from mtv.shared.textrows import GAPS
from mtv.wire.errors import bad_value


def degrees(values: Values, name: str, unit: str, where: str) -> npt.NDArray[np.float64]:
    """Return positions in degrees; NaN where a text is empty.

    Parameters
    ----------
    values : array
        ``(n,)`` of texts.
    unit : `str`
        Unit of the column: right ascensions are hours unless it says degrees.
    where : `str`
        ``x`` for right ascensions, ``y`` for declinations.

    Raises
    ------
    RequestError
        ``bad_value`` for a text that is neither a position nor a number.
    """
    hours = are_hours(unit, where)
    return np.array([_degrees(text, name, where, hours=hours) for text in data_of(values).tolist()], np.float64)


def _degrees(text: str, name: str, where: str, *, hours: bool) -> float:
    if text.strip().lower() in GAPS:
        return float("nan")
    found = sexagesimal(text, hours=hours)
    if found is None:
        try:
            return float(text)
        except ValueError:
            hint = "positions are numbers, or like 05:35:17.3 and -05:23:28"
            raise bad_value(where, f"{text[:40]!r} in the column {name} is no position", hint) from None
    return found
