"""Columns: the markers of an overlay step, checked and packed; arrays in a message's buffers. Pure."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from mtv.shared.tables.looks import colour_choice
from mtv.shared.tables.positions import Floats, Found, Wanted, usable
from mtv.wire import colours, markers, steps
from mtv.wire.data import Array
from mtv.wire.errors import bad_value
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits
from mtvd.scene.actions import Markers


def pack_markers(step: steps.Overlay, buffers: Sequence[Buffer], key: str, limits: Limits) -> tuple[Markers, int]:
    """Check an overlay step and pack its columns; return also how many rows are left out.

    Rows without a position or size are left out, as those of tables are; of a line NaN is its gap.

    Raises
    ------
    RequestError
        ``bad_value`` with the column's name in ``where``.
    """
    if step.select:
        raise bad_value("select", "there is no table to choose rows of", "name one with target")
    x = _numbers("x", step.x, buffers)
    y = _numbers("y", step.y, buffers)
    if x.size != y.size:
        raise bad_value("y", f"y has {y.size} rows, x has {x.size}")
    size = _numbers("size", (step.size,) if isinstance(step.size, float | int) else step.size, buffers)
    if size.size not in {1, x.size}:
        raise bad_value("size", f"size has {size.size} rows, x has {x.size}")
    one_size = isinstance(step.size, float | int)
    if one_size and not _is_size(step.size):
        raise bad_value("size", "sizes must be positive and finite")
    if step.lines:
        if step.system == "sky" and (np.abs(y) > 90).any():
            raise bad_value("y", "a declination is beyond 90 degrees")
        return _pack(step, Found(x, y, None, 0), size, key, limits), 0
    found = usable(x, y, None if one_size else np.broadcast_to(size, x.shape), step.system)
    return _pack(step, found, size if found.size is None else found.size, key, limits), found.left_out


def wanted_of(step: steps.Overlay) -> Wanted:
    """Return what an overlay step wants of its table; checked before anything is read.

    Raises
    ------
    RequestError
        ``bad_value`` naming the field.
    """
    for where, value in (("x", step.x), ("y", step.y)):
        if value and not isinstance(value, str):
            raise bad_value(where, "a table is given, and columns of numbers too", "name a column of the table")
    for where, word in (("symbol", step.symbol), ("colour", step.colour), ("size", step.size)):
        if not isinstance(word, str | float | int):
            raise bad_value(where, "the rows of a table are not known yet", f"one {where} for all rows")
    size = step.size if isinstance(step.size, str) else ""
    if step.size == "" or (not size and not _is_size(step.size)):
        raise bad_value("size", "sizes must be positive and finite")
    return Wanted(
        select=step.select,
        x=step.x if isinstance(step.x, str) else "",
        y=step.y if isinstance(step.y, str) else "",
        size=size,
        system=step.system,
        conditions=colour_choice(step.colour).conditions if isinstance(step.colour, str) else (),
    )


def pack_positions(step: steps.Overlay, found: Found, key: str, limits: Limits) -> Markers:
    """Pack the positions of a table's rows as an overlay step wants them drawn; raises as `pack_markers`."""
    size = np.asarray([step.size], dtype="<f8") if found.size is None else found.size
    if found.colour is None or not isinstance(step.colour, str):
        return _pack(step, found, size, key, limits)
    hexes = colour_choice(step.colour).hexes
    packed = _pack(msgspec.structs.replace(step, colour=hexes[-1]), found, size, key, limits)
    chosen = tuple(hexes[index] for index in found.colour.tolist())
    return msgspec.structs.replace(packed, colours=chosen or packed.colours)


def _is_size(value: object) -> bool:
    return isinstance(value, float | int) and math.isfinite(value) and value > 0


def _pack(step: steps.Overlay, found: Found, size: Floats, key: str, limits: Limits) -> Markers:
    rows = found.x.size + found.left_out
    symbols = _texts("symbol", step.symbol, rows, functools.partial(_symbol, limits=limits))
    hexes = _texts("colour", step.colour, rows, colours.hex_of)
    return Markers(
        key=key,
        count=int(found.x.size),
        x=found.x.tobytes(),
        y=found.y.tobytes(),
        size=size.tobytes(),
        symbols=_drop_unplaced(symbols, found),
        colours=_drop_unplaced(hexes, found),
        system=step.system,
        lines=step.lines,
        exact=step.exact,
    )


def _drop_unplaced(texts: tuple[str, ...], found: Found) -> tuple[str, ...]:
    """Drop the texts of the rows without a position, which are not drawn."""
    if found.kept is None or len(texts) == 1:
        return texts
    return tuple(text for text, kept in zip(texts, found.kept.tolist(), strict=True) if kept)


def _symbol(symbol: str, where: str, limits: Limits) -> str:
    return markers.check_symbol(symbol, where, text_chars=limits.text_chars)


def _texts(where: str, given: str | tuple[str, ...], rows: int, check: Callable[[str, str], str]) -> tuple[str, ...]:
    if isinstance(given, str):
        return (check(given, where),)
    if len(given) not in {1, rows}:
        raise bad_value(where, f"{where} has {len(given)} rows, x has {rows}")
    known = {text: check(text, where) for text in set(given)}
    return tuple(known[text] for text in given)


def _numbers(where: str, given: Array | tuple[float, ...] | str, buffers: Sequence[Buffer]) -> Floats:
    if isinstance(given, str):
        raise bad_value(where, f"{given[:100]!r} names a column, and no table is given", "name one with target")
    if not isinstance(given, Array):
        return np.asarray(given, dtype="<f8")
    return np.ascontiguousarray(array_of(given, buffers, where, ndim=1), dtype="<f8")


def array_of(array: Array, buffers: Sequence[Buffer], where: str, *, ndim: int) -> np.ndarray[Any, Any]:
    """Return the array in a message's buffer, without a copy.

    Raises
    ------
    RequestError
        ``bad_value`` where buffer, dtype and shape do not fit together.
    """
    view = _buffer_of(array, buffers, where)
    if array.packing:
        raise bad_value(where, "only a mask may be packed")
    dtype = number_dtype(array.dtype, where)
    if len(array.shape) != ndim or min(array.shape, default=0) < 0:
        raise bad_value(where, f"the array has shape {array.shape}, needs {ndim} dimensions")
    count = math.prod(array.shape)
    if array.offset < 0 or array.offset + count * dtype.itemsize > view.nbytes:
        raise bad_value(where, "the array is longer than its buffer")
    return np.frombuffer(view, dtype, count, array.offset).reshape(array.shape)


def packed_bytes(array: Array, buffers: Sequence[Buffer], where: str) -> memoryview:
    """Return the whole buffer of a packed array; raises as `array_of`."""
    if array.offset:
        raise bad_value(where, "packed bytes begin with their buffer")
    return _buffer_of(array, buffers, where)


def _buffer_of(array: Array, buffers: Sequence[Buffer], where: str) -> memoryview:
    if array.buffer is None or not 0 <= array.buffer < len(buffers):
        raise bad_value(where, "the array names no buffer of this message")
    return memoryview(buffers[array.buffer]).cast("B")


def number_dtype(name: str, where: str) -> np.dtype[Any]:
    """Return the dtype of a number or bool by its numpy name; never an object's.

    Raises
    ------
    RequestError
        ``bad_value``.
    """
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        raise bad_value(where, f"{name[:40]!r} is no dtype") from None
    if dtype.kind not in "biuf" or dtype.names is not None or dtype.shape != ():
        raise bad_value(where, f"arrays of dtype {dtype.name} cannot be drawn", "use integers or floats")
    return dtype
