"""Tables in pixel files: what a handle of a table holds, and positions on their way into an overlay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mtv.shared.tables import tables
from mtv.shared.tables.gaps import with_gaps
from mtv.shared.tables.positions import Found, Positions
from mtv.wire.data import Array, Catalog, Column
from mtv.wire.limits import Limits
from mtv.wire.requests import Get
from mtvd.host.pixelstore import PixelStore
from mtvd.host.system import translate_refusals
from mtvd.repo.readers.output import Output


def files_of(catalog: Catalog) -> set[str]:
    """Return the names of the pixel files that a catalog is in."""
    arrays = [array for column in catalog.columns for array in (column.array, column.gaps) if array is not None]
    return {array.file for array in arrays if array.file is not None}


def map_catalog(catalog: Catalog, pixels: PixelStore) -> tables.ColumnTable:
    """Map the columns of a catalog and return it as a table; they are read when they are asked for."""
    named = catalog.metadata.get("left_out")
    left_out = named if isinstance(named, list) else None  # a text is of the file's own header
    return tables.ColumnTable(
        columns={column.name: _column(column, pixels) for column in catalog.columns},
        rows=catalog.rows,
        fields={column.name: tables.Field(column.unit, column.doc, column.kind) for column in catalog.columns},
        aliases=catalog.aliases,
        metadata=catalog.metadata if left_out is None else _without(catalog.metadata, "left_out"),
        left_out=dict.fromkeys(left_out or (), "it was when the table was loaded, and its values are not here"),
    )


def copy(catalog: Catalog, pixels: PixelStore, asked: Get, limits: Limits) -> Catalog:
    """Return the columns and rows of a catalog that are asked for, in a file of its own: a client unlinks what it gets.

    Raises
    ------
    RequestError
        As `mtv.shared.tables.tables.catalog` does.
    DaemonError
        ``storage_full`` beyond the budget, or what the system refuses.
    """
    out = Output(pixels, limits.header_bytes)
    try:
        with translate_refusals("a pixel file cannot be written"):
            return tables.catalog(
                map_catalog(catalog, pixels),
                out.together,
                columns=asked.columns,
                selection=asked.select,
                label=catalog.label,
                most_chars=limits.select_chars,
            )
    except BaseException:
        out.discard()
        raise


def files_of_positions(positions: Positions) -> set[str]:
    """Return the names of the pixel files that positions are in."""
    return {array.file for array in _arrays(positions) if array.file is not None}


def take_positions(positions: Positions, pixels: PixelStore) -> Found:
    """Read positions into memory, remove their files and return them."""
    try:
        x, y = _take(positions.x, pixels), _take(positions.y, pixels)
        size = None if positions.size is None else _take(positions.size, pixels)
        colour = None if positions.colour is None else _take(positions.colour, pixels)
    finally:
        pixels.remove(files_of_positions(positions))
    return Found(x, y, size, positions.left_out, colour=colour)


def _without(metadata: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name != key}


def _arrays(positions: Positions) -> list[Array]:
    every = (positions.x, positions.y, positions.size, positions.colour)
    return [array for array in every if array is not None]


def _take(array: Array, pixels: PixelStore) -> np.ndarray[Any, Any]:
    return np.array(_map(array, pixels))


def _column(column: Column, pixels: PixelStore) -> np.ndarray[Any, Any]:
    values = _map(column.array, pixels)
    return values if column.gaps is None else with_gaps(values, np.array(_map(column.gaps, pixels)))


def _map(array: Array, pixels: PixelStore) -> np.ndarray[Any, Any]:
    assert array.file is not None
    if 0 in array.shape:
        return np.empty(array.shape, array.dtype)
    size = array.offset + math.prod(array.shape) * np.dtype(array.dtype).itemsize
    with pixels.open_file(array.file, size) as file, translate_refusals("a pixel file cannot be mapped"):
        return np.memmap(file, array.dtype, "r", array.offset, array.shape)
