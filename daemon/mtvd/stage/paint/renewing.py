"""The next frame of a stream, written over the one before in files that DS9 has mapped, so that it loads nothing.

DS9 keeps some 2.5 kB of every FITS file that it loads, 250 MB in 100,000 frames, and to load an image with five mask
colours costs more than three times their redraw. What is written over is the stage's own copy of the image, and mask
layers as large as the image. The writes are carried out while DS9 is held, so that it never draws half of a frame.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np

from mtv.wire.errors import Error, RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.scene import actions
from mtvd.stage.paint import fits_bytes, masks
from mtvd.stage.paint.maskfiles import (
    HEADER_BYTES,
    Change,
    Layer,
    MaskFiles,
    layer_header,
    overgrown,
    palette_of,
    read_mask,
)

_SOURCES: Final = 4
"""Files of a stream that are kept mapped: three slots and one more. A new map of 34 MB costs as much as its copy."""
_KEYWORD: Final = 8


class Write(NamedTuple):
    """Bytes for a file that DS9 has mapped."""

    file: str
    offset: int
    data: memoryview


class Stream:
    """A frame of DS9 that shows the stage's own copy of an image, to be written over by those that follow.

    Parameters
    ----------
    pixels : `~mtvd.host.pixelstore.PixelStore`
        Where the files are.
    image : `~mtvd.scene.actions.ImageLayer`
        Its copy is made.

    Raises
    ------
    RequestError, DaemonError
        The image's file is not there, or there is no space for a copy.
    """

    def __init__(self, pixels: PixelStore, image: actions.ImageLayer) -> None:
        self._pixels = pixels
        self._sources: dict[str, mmap.mmap] = {}
        self._size = file_bytes(image)
        source = self._source(image)
        self._keywords = _keywords(source, image.header_bytes)
        self.file, descriptor = pixels.reuse("shown", self._size) or pixels.create("shown", self._size)
        with pixels.filling(self.file, descriptor):
            _write_all(descriptor, memoryview(source), 0)
            self._copy = mmap.mmap(descriptor, self._size)

    def takes(self, image: actions.ImageLayer) -> bool:
        """Tell whether an image can take the place of the one that is shown.

        DS9 reads its header where the file is mapped, and remembers where each card lies: they may change their values.
        """
        return file_bytes(image) == self._size and _keywords(self._source(image), image.header_bytes) == self._keywords

    def copy(self, image: actions.ImageLayer) -> None:
        """Write an image over the copy, while DS9 is held.

        From map to map: 34 MB take 6 ms, and 10 where the system writes them to the file.

        Raises
        ------
        RequestError, DaemonError
            The image's file is gone, or was cut short.
        """
        source = self._source(image)
        if source.size() < self._size:
            raise RequestError(Error(code="bad_value", message="the pixel file was cut short", where="image"))
        np.copyto(np.frombuffer(self._copy, np.uint8), np.frombuffer(source, np.uint8))

    def forget(self, names: Iterable[str]) -> None:
        """Let go of files that are not written over any more: their memory is held by our maps alone.

        Safe while another thread copies from one of them: a map closes when nobody reads it.
        """
        for name in names:
            self._sources.pop(name, None)

    def end(self) -> None:
        """Let go of the images; the copy is free for another stream."""
        for mapped in (*self._sources.values(), self._copy):
            mapped.close()
        self._sources.clear()
        self._pixels.recycle([self.file])

    def _source(self, image: actions.ImageLayer) -> mmap.mmap:
        name = image.file
        mapped = self._sources.pop(name, None)
        if mapped is None:
            with self._pixels.open_file(name, self._size, "image") as file:
                mapped = mmap.mmap(file.fileno(), self._size, access=mmap.ACCESS_READ)
        self._sources[name] = mapped
        for old in [*self._sources][:-_SOURCES]:
            self._sources.pop(old, None)
        return mapped


def renew_mask(
    pixels: PixelStore,
    mask: actions.MaskLayer,
    colours: Sequence[tuple[str, str]],
    before: MaskFiles | None,
    cell: int = 1,
) -> tuple[Change, list[Write]]:
    """Write the files of a stream's mask, and return what is to be written over in those that DS9 has.

    Parameters
    ----------
    pixels : `~mtvd.host.pixelstore.PixelStore`
        Where the files are.
    mask : `~mtvd.scene.actions.MaskLayer`
        The mask; not empty.
    colours : sequence of (`str`, `str`)
        Visible planes and their ``#rrggbb``, from the bottom to the top.
    before : `MaskFiles` or None
        What this function has returned for the frame before; None for the first: then all layers are ``added``.
    cell : `int`
        Pixels of the mask in one of the layers, along each axis; that of ``before``.

    Returns
    -------
    change : `~mtvd.stage.paint.maskfiles.Change`
        Without patches.
    writes : `list` [`Write`]
        Rows of layers that are loaded, where the mask is other than the one before.

    Raises
    ------
    RequestError, DaemonError, OSError
        The mask's file is not there; there is no space. Nothing that was written is left then.
    """
    wanted, array = palette_of(mask, colours), read_mask(pixels, mask, cell)
    found = masks.survey(array, wanted)
    whole = _whole(mask, cell)
    present = {c for c, box in zip(wanted.colours, found.boxes, strict=True) if box is not None}
    painting = _Painting(found.rows, whole, wanted.colours, before)
    writing = present | (painting.used.keys() & set(wanted.colours))
    boxes = tuple(whole if colour in writing else None for colour in wanted.colours)
    masks.paint(array, wanted, found._replace(boxes=boxes), painting.take)
    made: list[str] = []
    try:
        added = [
            _add(pixels, mask, whole, cell, colour, made)
            for colour in wanted.colours
            if colour in present - painting.loaded
        ]
        painting.fill(pixels, added)
    except BaseException:
        pixels.remove(made)
        raise
    kept = (*(before.layers if before else ()), *added)
    contents = {colour: content for colour, content in masks.contents(wanted).items() if colour in present}
    after = MaskFiles(mask.file, kept, contents, painting.now, cell)
    return Change(after, (), tuple(added)), painting.writes(kept)


def can_renew(before: MaskFiles, mask: actions.MaskLayer, cell: int = 1) -> bool:
    """Tell whether the layers of a mask are those of a stream, few enough, and as large as another mask in cells."""
    sizes = {layer.box for layer in before.layers}
    return before.cell == cell and sizes == {_whole(mask, cell)} and not overgrown(before)


def carry_out(pixels: PixelStore, writes: Sequence[Write]) -> None:
    """Write over what DS9 has mapped, while it is held.

    Raises
    ------
    RequestError, DaemonError, OSError
        A file is gone, or cannot be written.
    """
    by_file: dict[str, list[Write]] = {}
    for write in writes:
        by_file.setdefault(write.file, []).append(write)
    for file, own in by_file.items():
        size = max(write.offset + len(write.data) for write in own)
        with pixels.open_file(file, size, writable=True) as opened:
            for write in own:
                _write_all(opened.fileno(), write.data, write.offset)


class _Painting:
    """Rows of a mask's layers on their way to files; called on several threads at once."""

    def __init__(self, rows: int, whole: masks.Box, colours: Sequence[str], before: MaskFiles | None) -> None:
        self.now: dict[str, frozenset[int]] = {}
        """Colour to the rows at which pieces begin that are not empty."""
        self.loaded = {layer.colour for layer in before.layers} if before else set()
        everything = frozenset(range(0, whole.y1, rows))
        known = before.pieces if before else {}
        self.used: Mapping[str, frozenset[int]] = {c: known.get(c, everything) for c in self.loaded}
        self._rows = rows
        self._whole = whole
        self._colours = colours
        self._blocks: list[tuple[str, int, masks.Bytes]] = []
        self._lock = Lock()

    def take(self, layer: int, row: int, block: masks.Bytes) -> None:
        """Keep rows of a layer where they are not empty, or have not been before."""
        colour = self._colours[layer]
        filled = block.flags.writeable and bool(block.any())
        if not filled and row not in self.used.get(colour, ()):
            return
        with self._lock:
            self._blocks.append((colour, row, block))
            if filled:
                self.now[colour] = self.now.get(colour, frozenset()) | {row}

    def fill(self, pixels: PixelStore, added: Sequence[Layer]) -> None:
        """Write the layers that DS9 does not have yet."""
        new = {layer.colour: layer.name for layer in added}
        carry_out(
            pixels, [self._write(new[colour], row, block) for colour, row, block in self._blocks if colour in new]
        )
        self._blocks = [one for one in self._blocks if one[0] not in new]

    def writes(self, layers: Sequence[Layer]) -> list[Write]:
        """Return the writes of the layers that DS9 has, those among them whose colours are wanted no more."""
        names = {layer.colour: layer.name for layer in layers}
        found = [self._write(names[colour], row, block) for colour, row, block in self._blocks]
        width = self._whole.x1
        for colour in self.used.keys() - set(self._colours):
            for row in self.used[colour]:
                high = min(self._rows, self._whole.y1 - row)
                found.append(self._write(names[colour], row, np.zeros((high, width), np.uint8)))
        return found

    def _write(self, name: str, row: int, block: masks.Bytes) -> Write:
        return Write(name, HEADER_BYTES + row * self._whole.x1, block.reshape(-1).data)


def _whole(mask: actions.MaskLayer, cell: int) -> masks.Box:
    height, width = mask.shape_yx
    return masks.Box(0, -(-height // cell), 0, -(-width // cell))


def _add(
    pixels: PixelStore, mask: actions.MaskLayer, whole: masks.Box, cell: int, colour: str, made: list[str]
) -> Layer:
    """Make an empty layer as large as the mask."""
    head = layer_header(mask, whole, cell)
    name, descriptor = pixels.create("layer", HEADER_BYTES + fits_bytes.whole_blocks(whole.y1 * whole.x1))
    made.append(name)
    with pixels.filling(name, descriptor):
        _write_all(descriptor, memoryview(head), 0)
    return Layer(colour, name, whole)


def file_bytes(image: actions.ImageLayer) -> int:
    """Return the bytes that the file of an image must have: header and pixels, in whole FITS blocks."""
    size = int(np.prod(image.shape_yx)) * np.dtype(image.dtype).itemsize
    return image.header_bytes + fits_bytes.whole_blocks(size)


def _keywords(header: Any, header_bytes: int) -> bytes:
    """Return the keywords of a header, in their order."""
    cards = np.frombuffer(header, np.uint8, header_bytes).reshape(-1, fits_bytes.CARD)
    return cards[:, :_KEYWORD].tobytes()


def _write_all(descriptor: int, data: memoryview, offset: int) -> None:
    """Write from memory that may be a mapped file: one that was cut short is an error here, not the daemon's end."""
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
