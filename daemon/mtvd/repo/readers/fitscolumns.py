"""Columns of FITS binary tables: from the bytes of the rows to values and gaps. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mtv.shared.tables.gaps import Values, with_gaps
from mtvd.repo.readers.failures import unreadable

FLAG: Final = "Flag"
_TFORM: Final = re.compile(r"(?P<count>\d*)(?P<code>[LXBIJKAEDCMPQ])(?P<rest>.*)", re.DOTALL)
_DTYPES: Final = {
    "L": "|u1", "B": "|u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16",
    "A": "|S1", "X": "|u1", "P": ">i4", "Q": ">i8",
}  # fmt: skip
_WHOLE: Final = "BIJK"
_ASTROPY_FILL: Final = 999_999
_TRUE, _FALSE = ord("T"), ord("F")


@dataclass(frozen=True, kw_only=True)
class Form:
    """A column's TFORM."""

    count: int
    code: str
    """Letter of the type."""
    items: str = ""
    """Letter of the type of the items of a column of variable length."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Big-endian dtype of one row."""
        if self.code == "A":
            return np.dtype(f"|S{self.count}")
        count = {"X": (self.count + 7) // 8, "P": 2 * self.count, "Q": 2 * self.count}.get(self.code, self.count)
        plain = count == 1 and self.code not in "XPQ"
        return np.dtype(_DTYPES[self.code]) if plain else np.dtype((_DTYPES[self.code], (count,)))


@dataclass(frozen=True, kw_only=True)
class StoredColumn:
    """A column as the file stores it: where its values stand, and what their bytes mean."""

    number: int
    """1-based column of the file; for a flag the bit, from 0."""
    form: Form
    is_flag: bool = False
    """True: a bit of the flag column of ``lsst.afw.table``."""
    shape: tuple[int, ...] = ()
    """Shape of one row, by TDIM; empty where there is none. The last axis of texts is their length."""
    zero: int | float = 0
    scale: int | float = 1
    null: int | None = None
    """Stored number that stands for no value."""


def form_of(text: str, number: int) -> Form:
    """Return what TFORM says; raises `RequestError`, ``unreadable_file``, for no form of FITS."""
    match = _TFORM.match(text.strip())
    if match is None:
        raise unreadable(f"column {number} has no form that FITS knows")
    count, code, rest = match["count"], match["code"], match["rest"].strip()
    if code == "A" and not count and rest.isdigit():  # ``A7``, as in ASCII tables: not right, but in use
        count = rest
    return Form(count=int(count) if count else 1, code=code, items=rest[:1] if code in "PQ" else "")


def shape_of(tdim: object, form: Form) -> tuple[int, ...]:
    """Return the shape of a row by TDIM; empty where it has none, or one that does not fit."""
    words = str(tdim).strip().strip("()").split(",")
    if form.code in "PQ" or not all(word.strip().isdigit() for word in words):
        return ()
    shape = tuple(int(word) for word in reversed(words))
    return shape if 0 < math.prod(shape) <= form.count else ()


def values_of(raw: Values, stored: StoredColumn) -> Values:
    """Return the values of a column, gaps included.

    Parameters
    ----------
    raw : array
        ``(rows,)`` of `Form.dtype`; of the flag column for a flag.
    """
    if stored.is_flag:
        return np.asarray((raw[:, stored.number // 8] >> (7 - stored.number % 8)) & 1, dtype=bool)
    if stored.form.code == "A":
        return texts(np.asarray(raw), stored.shape)
    if stored.form.code == "X":
        bits = np.unpackbits(np.ascontiguousarray(raw), axis=-1, count=stored.form.count).astype(bool)
        return _shape(bits, stored.shape)
    return _shape(numbers(np.asarray(raw), stored.form.code, stored), stored.shape)


def numbers(raw: Values, code: str, stored: StoredColumn) -> Values:
    """Return numbers or truth values of any shape, scaled, with gaps."""
    if code == "L":
        letters = np.ascontiguousarray(raw)
        found = np.asarray(letters == _TRUE)
        return with_gaps(found, ~(found | (letters == _FALSE)))
    values = _scale(raw, stored)
    if stored.null is None or code not in _WHOLE:
        return values
    return with_gaps(values, (values if _is_astropys(stored, 8 * raw.dtype.itemsize) else raw) == stored.null)


def _is_astropys(stored: StoredColumn, bits: int) -> bool:
    """Tell whether TNULL is what astropy writes for unsigned integers: a value behind TZERO, not what is stored.

    FITS has it the other way round (4.0, 7.3.2). astropy's own number for no value is 999999, cut to the type.
    """
    return stored.scale == 1 and abs(stored.zero) == 2 ** (bits - 1) and stored.null == _ASTROPY_FILL % 2**bits


def texts(raw: Values, shape: tuple[int, ...] = ()) -> Values:
    """Return texts: without blanks behind them, and without anything behind a zero byte, which ends a text in FITS."""
    if shape:
        width, rows = shape[-1], raw.shape[0]
        cut = np.frombuffer(raw.tobytes(), "|u1").reshape(rows, raw.dtype.itemsize)[:, : math.prod(shape)]
        raw = np.ascontiguousarray(cut).view(f"|S{width}").reshape(rows, *shape[:-1])
    stripped: Any = np.char.rstrip(_end_texts(raw))
    return np.char.decode(stripped, "utf-8", "replace")


def _end_texts(raw: Values) -> Values:
    letters = np.frombuffer(raw.tobytes(), "|u1").reshape(-1, raw.dtype.itemsize or 1)
    if letters.all():
        return raw
    behind = np.maximum.accumulate(letters == 0, axis=-1)
    kept: Values = np.where(behind, 0, letters).astype("|u1")
    return kept.view(raw.dtype).reshape(raw.shape)


def arrays_in_heap(raw: Values, heap: Values, stored: StoredColumn) -> Values | None:
    """Return a column of variable length, ``(rows, n)``; None where its rows have several lengths, or no length.

    Texts may have several.

    Parameters
    ----------
    raw : array
        ``(rows, 2)``: number of items and first byte in the heap.
    heap : array
        Bytes.
    """
    code = stored.form.items
    if raw.shape[1] != 2 or code not in _DTYPES or code in "XPQ" or not len(raw):
        return None
    counts, starts = raw[:, 0].astype(np.int64), raw[:, 1].astype(np.int64)
    size = np.dtype(_DTYPES[code]).itemsize
    if (counts < 0).any() or (starts < 0).any() or ((starts + counts * size)[counts > 0] > heap.size).any():
        raise unreadable("the table is damaged or truncated: a row ends behind its heap")
    if code == "A":
        found = [bytes(heap[start : start + count]) for start, count in zip(starts, counts, strict=True)]
        return texts(np.array(found, dtype=f"|S{max(int(np.max(counts)), 1)}"))
    count = int(counts[0])
    if count == 0 or (counts != count).any():
        return None
    where = starts[:, None] + np.arange(count * size)
    items = np.ascontiguousarray(heap[where]).view(_DTYPES[code]).reshape(len(raw), count)
    return numbers(items, code, stored)


def _shape(values: Values, shape: tuple[int, ...]) -> Values:
    if len(shape) < 2:
        return values
    flat = values.reshape(len(values), -1)[:, : math.prod(shape)]
    return flat.reshape(len(values), *shape)


def _scale(values: Values, stored: StoredColumn) -> Values:
    if stored.zero == 0 and stored.scale == 1:
        return values
    bits = 8 * values.dtype.itemsize
    if stored.scale == 1 and values.dtype.kind in "iu":
        if abs(stored.zero) == 2 ** (bits - 1):
            # How FITS has unsigned integers, and signed bytes: the top bit is flipped.
            unsigned = np.dtype(f"u{values.dtype.itemsize}")
            flipped = np.asarray(values.astype(unsigned) ^ unsigned.type(1 << (bits - 1)))
            return flipped if stored.zero > 0 else flipped.view(f"i{values.dtype.itemsize}")
        if bits == 64 and (shifted := _shift(values, stored.zero)) is not None:
            return shifted
    if values.dtype.kind == "c":
        return np.asarray(values * stored.scale + stored.zero)
    return np.asarray(values.astype(np.float64) * stored.scale + stored.zero)


def _shift(values: Values, zero: int | float) -> Values | None:
    """Return integers of 64 bits with a whole number added; None where one has no space for that."""
    if int(zero) != zero or not values.size:
        return None
    if not -(2**63) <= int(np.min(values)) + int(zero) <= int(np.max(values)) + int(zero) < 2**63:
        return None
    return np.asarray(values.astype(np.int64) + np.int64(int(zero)))


def unique(names: Iterator[str]) -> Iterator[str]:
    """Go through names, the second of two equal ones as ``name_2``: none hides another."""
    seen: set[str] = set()
    for name in names:
        free = name
        number = 2
        while free in seen:
            free, number = f"{name}_{number}", number + 1
        seen.add(free)
        yield free
