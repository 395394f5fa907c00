"""The files of one mask on one frame: a FITS file of bytes for each colour, mapped by DS9 and rewritten in place.

DS9 cannot recolour a mask that it has loaded, but it shows what is in the file at its next redraw (ds9 facts, section
2). So another colour for a plane means: the rows of the old colour's file are written anew without it, and the new
colour gets a file of its own, or the rows of the one it has. Nothing is loaded but that. What DS9 shows is written only
by its own script, from a scratch file, so that a batch that fails beforehand has changed nothing.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from mtvd.host.pixelstore import PixelStore
from mtvd.scene import actions
from mtvd.stage.paint import fits_bytes, masks
from mtvd.stage.paint.reducing import reduce_mask

HEADER_BYTES: Final = fits_bytes.BLOCK
_IDLE_MOST: Final = 2
"""Layers without a pixel that a frame may keep: each costs every redraw a look at all pixels of the window."""
_SIZE_STEP: Final = 1 << 20
"""Sizes of large layers, so that the files of one exposure's fit the next one's."""


class Layer(NamedTuple):
    """One colour's file."""

    colour: str
    """``#rrggbb``."""
    name: str
    """Name of the file in the pixel directory."""
    box: masks.Box
    """In cells."""

    @property
    def size_bytes(self) -> int:
        """Bytes of its pixels."""
        return self.box.shape_yx[0] * self.box.shape_yx[1]


class Patch(NamedTuple):
    """New pixels for a file that DS9 has mapped."""

    layer: Layer
    scratch: str
    """File with the pixels; empty for zeros."""


class MaskFiles(NamedTuple):
    """Files of the mask that a frame shows."""

    mask: str
    """File of the integers."""
    layers: tuple[Layer, ...]
    contents: Mapping[str, masks.Content]
    """Colour to what decides its pixels; colours without a pixel are left out."""
    pieces: Mapping[str, frozenset[int]] = MappingProxyType({})
    """Colour to the first rows of the pieces that are not empty; what is left out may have pixels anywhere."""
    cell: int = 1
    """Pixels of the mask in one of the layers, along each axis."""


class Change(NamedTuple):
    """Patched and added layers by which one mask becomes another on a frame."""

    after: MaskFiles
    patches: tuple[Patch, ...]
    added: tuple[Layer, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Files that were made for it."""
        return (*(layer.name for layer in self.added), *(patch.scratch for patch in self.patches if patch.scratch))


def change(
    pixels: PixelStore,
    mask: actions.MaskLayer,
    colours: Sequence[tuple[str, str]],
    before: MaskFiles | None = None,
    cell: int = 1,
) -> Change:
    """Write the files that a mask in these colours needs, beyond those that are there.

    Parameters
    ----------
    colours : sequence of (`str`, `str`)
        Visible planes and their ``#rrggbb``, from the bottom to the top.
    before : `MaskFiles`, optional
        What the frame has; None, or another mask's, for all files anew: ``after.layers`` are then ``added``.
    cell : `int`, optional
        Pixels of the mask in one of the layers, along each axis.

    Raises
    ------
    RequestError, DaemonError
        The mask's file is not there; there is no space. Nothing that was written is left then.
    """
    wanted = palette_of(mask, colours)
    if before is not None and (before.mask, before.cell) != (mask.file, cell):
        before = None
    array = read_mask(pixels, mask, cell)
    found = masks.survey(array, wanted)
    contents = masks.contents(wanted)
    present = {c: contents[c] for c, box in zip(wanted.colours, found.boxes, strict=True) if box is not None}
    writing = _Writing(pixels, mask, cell, before)
    try:
        boxes = [writing.place(c, box, present.get(c)) for c, box in zip(wanted.colours, found.boxes, strict=True)]
        writing.clear_others(present)
        masks.paint(array, wanted, found._replace(boxes=tuple(boxes)), writing.write(wanted.colours))
    except BaseException:
        pixels.remove(writing.made)
        raise
    finally:
        writing.close()
    after = MaskFiles(mask.file, tuple(writing.kept), present, cell=cell)
    return Change(after, tuple(writing.patches), tuple(writing.added))


def overgrown(files: MaskFiles) -> bool:
    """Tell whether so many layers are without a pixel that all should be loaded anew."""
    shown = {layer.colour for layer in files.layers} & set(files.contents)
    return len(files.layers) - len(shown) > _IDLE_MOST


class _Writing:
    """The files of one change while they are written."""

    def __init__(self, pixels: PixelStore, mask: actions.MaskLayer, cell: int, before: MaskFiles | None) -> None:
        self.patches: list[Patch] = []
        self.added: list[Layer] = []
        self.kept: list[Layer] = list(before.layers) if before else []
        self.made: list[str] = []
        self._pixels = pixels
        self._mask = mask
        self._cell = cell
        self._contents = before.contents if before else {}
        self._targets: dict[str, tuple[int, int, masks.Box]] = {}
        """Colour to descriptor, where its pixels begin, and the box they have there."""

    def place(self, colour: str, box: masks.Box | None, content: masks.Content | None) -> masks.Box | None:
        """Make the file that a colour's pixels go to; return its box, or None where nothing need be written."""
        old = next((layer for layer in reversed(self.kept) if layer.colour == colour), None)
        if box is None or content is None or content == self._contents.get(colour):
            return None
        if old is not None and old.box.holds(box):
            name, descriptor = self._pixels.create("patch", old.size_bytes, "raw")
            self.made.append(name)
            self.patches.append(Patch(old, name))
            self._targets[colour] = descriptor, 0, old.box
            return old.box
        if old is not None and colour in self._contents:
            self.patches.append(Patch(old, ""))
        self._add(colour, box)
        return box

    def clear_others(self, present: Mapping[str, masks.Content]) -> None:
        """Empty the layers of colours that have no pixel any more."""
        for colour in self._contents.keys() - present.keys():
            layer = next(layer for layer in reversed(self.kept) if layer.colour == colour)
            self.patches.append(Patch(layer, ""))

    def write(self, colours: Sequence[str]) -> masks.Write:
        """Return what writes rows into the files."""
        return functools.partial(self._write, colours)

    def close(self) -> None:
        """Close all files."""
        for descriptor, _, _ in self._targets.values():
            os.close(descriptor)
        self._targets.clear()

    def _write(self, colours: Sequence[str], layer: int, row: int, block: masks.Bytes) -> None:
        descriptor, start, box = self._targets[colours[layer]]
        os.pwrite(descriptor, block.data, start + row * box.shape_yx[1])

    def _add(self, colour: str, box: masks.Box) -> None:
        size = HEADER_BYTES + fits_bytes.whole_blocks(box.shape_yx[0] * box.shape_yx[1])
        if size > _SIZE_STEP:
            size = -(-size // _SIZE_STEP) * _SIZE_STEP
        name, descriptor = self._pixels.reuse("layer", size) or self._pixels.create("layer", size)
        self.made.append(name)
        self._targets[colour] = descriptor, HEADER_BYTES, box
        os.pwrite(descriptor, layer_header(self._mask, box, self._cell), 0)
        layer = Layer(colour, name, box)
        self.added.append(layer)
        self.kept.append(layer)


def palette_of(mask: actions.MaskLayer, colours: Sequence[tuple[str, str]]) -> masks.Palette:
    """Return the layers of a mask whose visible planes have these colours, from the bottom to the top."""
    bits = dict(mask.planes)
    return masks.palette([(bits[plane], colour) for plane, colour in colours if plane in bits])


def read_mask(pixels: PixelStore, mask: actions.MaskLayer, cell: int) -> np.ndarray[Any, np.dtype[Any]]:
    """Return a mask's integers in cells, ``(y, x)``; they are mapped from their file where a cell is one pixel.

    Raises
    ------
    RequestError, DaemonError
        The file is not there, or too short.
    """
    size = int(np.prod(mask.shape_yx)) * np.dtype(mask.dtype).itemsize
    with pixels.open_file(mask.file, mask.offset + size, "mask") as file:
        mapped = np.memmap(file, np.dtype(mask.dtype), "r", mask.offset, mask.shape_yx)
    return reduce_mask(mapped, cell)


def layer_header(mask: actions.MaskLayer, box: masks.Box, cell: int) -> bytes:
    """Return the header of a layer that has a box of a mask in cells."""
    return fits_bytes.header(
        shape_yx=box.shape_yx,
        dtype="|u1",
        xy0=(mask.xy0[0] + box.x0 * cell, mask.xy0[1] + box.y0 * cell),
        header_bytes=HEADER_BYTES,
        cell=cell,
    )
