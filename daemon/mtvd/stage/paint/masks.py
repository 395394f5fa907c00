"""An integer mask as one disjoint layer of bytes per colour. Pure numpy.

Each pixel belongs to the colour of its topmost visible plane, so layers never overlap and DS9 need not blend: it draws
fewer mask objects, and the number of objects is what its redraws cost by.

Two passes over pieces of rows that stay in the processor's cache. The first ORs the rows of each piece together: that
says which planes occur in it and between which columns, and so what box each layer needs: whole pieces high. The second
tests bits, but only of planes that occur, between the columns where they do, and gives each layer's rows away at once.
Both run on two threads (numpy lets go of the GIL).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import numpy as np

_PIECE_PIXELS: Final = 1 << 16
_THREADS: Final = 2

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Integers = np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]
Write = Callable[[int, int, Bytes], object]
Content = tuple[tuple[int, int], ...]
"""Bits that decide the pixels of a colour: for each of its groups those of its planes and of all planes above them."""


class Box(NamedTuple):
    """Rows and columns of a layer within its mask, ends excluded."""

    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def shape_yx(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.y1 - self.y0, self.x1 - self.x0

    def holds(self, other: Box) -> bool:
        """Tell whether another box lies within this one."""
        return self.y0 <= other.y0 and other.y1 <= self.y1 and self.x0 <= other.x0 and other.x1 <= self.x1


class Group(NamedTuple):
    """Planes that lie next to each other and share a colour."""

    bits: int
    """Bits of the planes, as one number."""
    layer: int
    """Index of the colour."""


class Palette(NamedTuple):
    """Which layer each plane goes into."""

    colours: tuple[str, ...]
    """One a layer."""
    groups: tuple[Group, ...]
    """From the top to the bottom."""

    @property
    def bits(self) -> int:
        """All visible planes."""
        return sum({group.bits for group in self.groups})


class Survey(NamedTuple):
    """Result of the first pass over a mask: where each layer has pixels."""

    rows: int
    """Rows of a piece."""
    columns: Integers
    """``(piece, x)``: the OR of the piece's pixels in that column, visible planes only."""
    boxes: tuple[Box | None, ...]
    """One a layer: no pixel of it is outside; None where it has none."""


def palette(planes: Sequence[tuple[int, str]]) -> Palette:
    """Let planes of one colour share a layer.

    Parameters
    ----------
    planes : sequence of (`int`, `str`)
        Bit number and colour of each visible plane, from the bottom to the top.
    """
    colours = tuple(dict.fromkeys(colour for _, colour in planes))
    groups: list[Group] = []
    for bit, colour in reversed(planes):
        layer = colours.index(colour)
        if groups and groups[-1].layer == layer:
            groups[-1] = Group(groups[-1].bits | 1 << bit, layer)
        else:
            groups.append(Group(1 << bit, layer))
    return Palette(colours, tuple(groups))


def contents(wanted: Palette) -> dict[str, Content]:
    """Return what decides each colour's pixels; the same twice means the same pixels."""
    found: dict[str, Content] = dict.fromkeys(wanted.colours, ())
    above = 0
    for group in wanted.groups:
        colour = wanted.colours[group.layer]
        found[colour] = (*found[colour], (group.bits, above))
        above |= group.bits
    return found


def survey(mask: np.ndarray[Any, Any], wanted: Palette) -> Survey:
    """Find what box each layer of a mask needs.

    Parameters
    ----------
    mask : `numpy.ndarray`
        Integers of any size and byte order, ``(y, x)``, C-contiguous.
    """
    pixels = _as_unsigned(mask)
    height, width = pixels.shape
    rows = max(1, _PIECE_PIXELS // width)
    native = pixels.dtype.newbyteorder("=")
    columns = np.empty((-(-height // rows), width), native)

    def look(piece: int) -> None:
        part = pixels[piece * rows : (piece + 1) * rows]
        columns[piece] = _or(part, 0)

    _on_threads(look, len(columns))
    columns &= native.type(wanted.bits & _all_bits(native))
    boxes = tuple(_box(columns, rows, height, wanted, layer) for layer in range(len(wanted.colours)))
    return Survey(rows, columns, boxes)


def paint(mask: np.ndarray[Any, Any], wanted: Palette, found: Survey, write: Write) -> None:
    """Write the rows of every layer, piece by piece, each of them once: 1 where a pixel belongs to it, else 0.

    Parameters
    ----------
    mask : `numpy.ndarray`
        As it was surveyed.
    write : callable
        ``write(layer, row, block)``: index of the layer, first row within its box, and ``uint8`` rows as wide as the
        box, contiguous, not changed after the call; read-only, and zeros, where no plane of the layer occurs. Called
        on several threads at once.
    """
    pixels = _as_unsigned(mask)
    height, width = pixels.shape
    nothing = np.zeros((found.rows, width), np.uint8).reshape(-1)
    nothing.flags.writeable = False

    def work(piece: int) -> None:
        used = found.columns[piece]
        y0, y1 = piece * found.rows, min((piece + 1) * found.rows, height)
        blocks: dict[int, Bytes] = {}
        where = np.flatnonzero(used)
        if where.size:
            x0, x1 = int(where[0]), int(where[-1]) + 1
            part = pixels[y0:y1, x0:x1].astype(used.dtype, copy=False)
            for layer, hit in _hits(part, int(_or(used, 0)), wanted.groups, found.boxes):
                box = found.boxes[layer]
                if box is not None and box.y0 <= y0 < box.y1:
                    blocks[layer] = _within(box, hit, x0, blocks.get(layer))
        for layer, box in enumerate(found.boxes):
            if box is not None and box.y0 <= y0 < box.y1:
                shape_yx = (y1 - y0, box.x1 - box.x0)
                empty = nothing[: shape_yx[0] * shape_yx[1]].reshape(shape_yx)
                write(layer, y0 - box.y0, blocks.get(layer, empty))

    _on_threads(work, len(found.columns))


def _hits(
    part: Integers, present: int, groups: Sequence[Group], boxes: Sequence[Box | None]
) -> list[tuple[int, Bytes]]:
    """Return layer and pixels of each group in a piece that has a box, those covered by groups above taken away."""
    hits: list[tuple[int, Bytes]] = []
    above = 0
    for group in groups:
        bits = group.bits & present
        if bits and boxes[group.layer] is not None:
            hit = (part & part.dtype.type(bits)) != 0
            if above:
                hit &= (part & part.dtype.type(above)) == 0
            hits.append((group.layer, hit.view(np.uint8)))
        above |= bits
    return hits


def _within(box: Box, hit: Bytes, x0: int, before: Bytes | None) -> Bytes:
    """Return a piece as wide as a layer's box, with what the layer has of the piece already."""
    left, right = max(x0, box.x0), min(x0 + hit.shape[1], box.x1)
    if before is None and (x0, hit.shape[1]) == (box.x0, box.x1 - box.x0):
        return hit
    block = np.zeros((hit.shape[0], box.x1 - box.x0), np.uint8) if before is None else before
    if left < right:
        block[:, left - box.x0 : right - box.x0] |= hit[:, left - x0 : right - x0]
    return block


def _box(columns: Integers, rows: int, height: int, wanted: Palette, layer: int) -> Box | None:
    bits = columns.dtype.type(sum(g.bits for g in wanted.groups if g.layer == layer) & _all_bits(columns.dtype))
    pieces = np.flatnonzero(_or(columns, 1) & bits)
    if not pieces.size:
        return None
    across = np.flatnonzero(_or(columns[pieces], 0) & bits)
    last = min((int(pieces[-1]) + 1) * rows, height)
    return Box(int(pieces[0]) * rows, last, int(across[0]), int(across[-1]) + 1)


def _as_unsigned(mask: np.ndarray[Any, Any]) -> Integers:
    kind = mask.dtype.str
    return mask.view(np.dtype(f"{kind[0]}u{mask.dtype.itemsize}"))


def _or(pixels: Integers, axis: int) -> Any:
    reduce: Any = np.bitwise_or.reduce  # numpy's own types of it leave out whole numbers
    return reduce(pixels, axis=axis)


def _all_bits(dtype: np.dtype[Any]) -> int:
    return int(np.iinfo(dtype).max)


def _on_threads(work: Callable[[int], None], count: int) -> None:
    if count < 2 * _THREADS:
        for index in range(count):
            work(index)
        return

    def share(first: int) -> None:
        for index in range(first, count, _THREADS):
            work(index)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(share, range(_THREADS)))
