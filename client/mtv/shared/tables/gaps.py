"""Values that a table does not have. Pure; the one place that says what a gap is, whatever the file.

A gap in a column of fractions is NaN. Whole numbers, truth values and texts have no such value: a column of them with
gaps is a masked array of numpy, its data ``0``, False and an empty text there. So no whole number passes through a
fraction: an id of 64 bits stays itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
"""``(rows,)`` or more axes; a masked array where whole numbers, truth values or texts have gaps."""
Gaps = npt.NDArray[np.bool_]

_OF_A_GAP: Final = (np.not_equal, np.isnan)
"""True of NaN, and so of a gap; all other questions are answered with no."""


def with_gaps(values: Values, gaps: Gaps | None) -> Values:
    """Return a column with its gaps.

    Parameters
    ----------
    values : array
        ``(rows,)`` or ``(rows, n)``; anything may stand in the gaps.
    gaps : array or None
        `bool`, ``(rows,)`` or the shape of the values: True where there is no value.

    Returns
    -------
    column : array
        The values themselves where there are no gaps; fractions with NaN, anything else masked, where there are.
    """
    if gaps is None or not gaps.any():
        return values
    mask = np.broadcast_to(gaps.reshape(gaps.shape + (1,) * (values.ndim - gaps.ndim)), values.shape)
    if values.dtype.kind in "fc":
        return np.where(mask, values.dtype.type(np.nan), values)
    filled = np.array(values)
    filled[mask] = np.zeros((), values.dtype)[()]
    return np.ma.MaskedArray(filled, mask=np.array(mask))


def gaps_of(values: Values) -> Gaps | None:
    """Return where a column of whole numbers, truth values or texts has gaps, in its shape; None where it has none."""
    if not isinstance(values, np.ma.MaskedArray):
        return None
    mask = np.ma.getmaskarray(values)
    return mask if mask.any() else None


def data_of(values: Values) -> Values:
    """Return the values without their mask: nothing, False and empty texts stand in the gaps."""
    return np.ma.getdata(values)


def take_rows(values: Values, rows: Gaps) -> Values:
    """Take some rows of a column, into memory of their own."""
    gaps = gaps_of(values)
    return with_gaps(np.asarray(data_of(values)[rows]), None if gaps is None else gaps[rows])


def as_fractions(values: Values) -> npt.NDArray[np.float64]:
    """Return numbers as float64, their gaps as NaN."""
    return np.asarray(with_gaps(np.asarray(data_of(values), dtype="<f8"), gaps_of(values)))


def apply(function: Callable[..., Any], *operands: Values) -> Values:
    """Work a function of numpy out on whole numbers with gaps: a gap counts as NaN does.

    A comparison with a gap is false (``!=`` is true), and what is reckoned from one is a gap again.
    """
    found: Values = np.asarray(function(*map(data_of, operands)))
    masks = [mask for mask in map(gaps_of, operands) if mask is not None]
    if not masks:
        return found
    gaps = np.broadcast_to(functools.reduce(np.logical_or, masks), found.shape)
    if found.dtype.kind == "b":
        return np.asarray(np.where(gaps, function in _OF_A_GAP, found))
    return with_gaps(found, gaps)
