"""The files that DS9 maps or reads: images are checked, colour layers of masks and the text of many regions are
written, before a script names them.

A layer lives from its batch until another image or mask takes its place on the frame, so that the pixel directory tells
what DS9 holds. DS9's own mapping outlives the file.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Final

import numpy as np

from mtv.wire.errors import DaemonError, RequestError
from mtvd import actions
from mtvd.pixelstore import PixelStore
from mtvd.stage import fits_bytes, masks
from mtvd.stage.port import Batch, SectionResult
from mtvd.stage.regions import region_text
from mtvd.stage.script import LayerFile, Prepared

_HEADER_BYTES: Final = fits_bytes.BLOCK
_MANY_MARKERS: Final = 1_000
_SIZE_STEP: Final = 1 << 20
"""Sizes of large layers, so that the files of one exposure's fit the next one's."""


class LayerFiles:
    """Layers of all frames of one window.

    Parameters
    ----------
    pixels : `~mtvd.pixelstore.PixelStore`
        Where the files of images, masks and layers lie.
    """

    def __init__(self, pixels: PixelStore) -> None:
        self._pixels = pixels
        self._shown: dict[int, tuple[str, ...]] = {}
        self._made: dict[tuple[int, int], tuple[str, ...]] = {}

    def prepare(self, batch: Batch) -> dict[tuple[int, int], Prepared]:
        """Check the files of a batch and write its mask layers; blocks on memory and disk, for a worker thread."""
        self._discard_made()
        prepared = {}
        for index, section in enumerate(batch.sections):
            for at, action in enumerate(section.actions):
                if needs_file(action):
                    prepared[index, at] = self._prepare(action, (index, at))
        return prepared

    def settle(self, batch: Batch, results: Sequence[SectionResult]) -> None:
        """Remove the layers that the batch has replaced, and those that it has not come to."""
        for index, (section, result) in enumerate(zip(batch.sections, results, strict=True)):
            for at, action in enumerate(section.actions[: result.failed_action]):
                if isinstance(action, actions.LoadImage | actions.ResetFrame | actions.DeleteFrame | actions.LoadMask):
                    self._replace(action.frame, self._made.pop((index, at), ()))
        self._discard_made()

    def clear(self) -> None:
        """Remove all layers: their window is gone."""
        self._discard_made()
        for frame in list(self._shown):
            self._replace(frame, ())

    def _prepare(self, action: actions.AnyAction, key: tuple[int, int]) -> Prepared:
        try:
            if isinstance(action, actions.LoadImage):
                _check_image(self._pixels, action.image)
            elif isinstance(action, actions.AddMarkers):
                return self._regions(action, key)
            elif isinstance(action, actions.LoadMask):
                return self._mask(action, key)
        except (RequestError, DaemonError, ValueError) as error:
            return Prepared(refusal=str(error))
        return Prepared()

    def _mask(self, action: actions.LoadMask, key: tuple[int, int]) -> Prepared:
        files = write_layers(self._pixels, action.mask, action.colours)
        self._made[key] = tuple(name for name, _ in files)
        return Prepared(layers=tuple(LayerFile(f"{self._pixels.directory}/{name}", colour) for name, colour in files))

    def _regions(self, action: actions.AddMarkers, key: tuple[int, int]) -> Prepared:
        text = region_text(action.markers, action.overlay).text
        if not text.isascii():  # Tcl 8.6 would read characters beyond 16 bits as something else
            return Prepared()
        name, descriptor = self._pixels.create("regions", len(text), "raw")
        self._made[key] = (name,)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        return Prepared(regions=f"{self._pixels.directory}/{name}")

    def _replace(self, frame: int, names: tuple[str, ...]) -> None:
        self._pixels.recycle(self._shown.pop(frame, ()))
        if names:
            self._shown[frame] = names

    def _discard_made(self) -> None:
        for names in self._made.values():
            self._pixels.remove(names)
        self._made.clear()


def needs_file(action: actions.AnyAction) -> bool:
    """Tell whether an action has files to be checked or written: images, masks, and markers by the thousand.

    The text of 10,000 regions costs DS9 75 ms from a file and 100 within a script.
    """
    if isinstance(action, actions.AddMarkers):
        return action.markers.count >= _MANY_MARKERS
    return isinstance(action, actions.LoadImage | actions.LoadMask)


def write_layers(
    pixels: PixelStore, mask: actions.MaskLayer, colours: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Write the layers of a mask as FITS files, each cropped to a box around its pixels; empty ones are left out.

    Parameters
    ----------
    colours : sequence of (`str`, `str`)
        Visible planes and their ``#rrggbb``, from the bottom to the top.

    Returns
    -------
    files : `list` [(`str`, `str`)]
        Names and colours.

    Raises
    ------
    RequestError, DaemonError
        The mask's file is not there; there is no room for the layers.
    """
    bits = dict(mask.planes)
    wanted = masks.palette([(bits[plane], colour) for plane, colour in colours if plane in bits])
    path = pixels.check(mask.file, mask.offset + int(np.prod(mask.shape_yx)) * np.dtype(mask.dtype).itemsize, "mask")
    if not wanted.groups:
        return []
    array = np.memmap(path, np.dtype(mask.dtype), "r", mask.offset, mask.shape_yx)
    found = masks.survey(array, wanted)
    made: list[tuple[str, str]] = []
    files: dict[int, tuple[int, masks.Box]] = {}
    try:
        for layer, (box, colour) in enumerate(zip(found.boxes, wanted.colours, strict=True)):
            if box is not None:
                name, descriptor = _layer(pixels, mask, box)
                made.append((name, colour))
                files[layer] = descriptor, box
        masks.paint(array, wanted, found, functools.partial(_write_rows, files))
    except BaseException:
        pixels.remove(name for name, _ in made)
        raise
    finally:
        for descriptor, _ in files.values():
            os.close(descriptor)
    return made


def _write_rows(files: dict[int, tuple[int, masks.Box]], layer: int, row: int, block: masks.Bytes) -> None:
    descriptor, box = files[layer]
    os.pwrite(descriptor, block, _HEADER_BYTES + row * box.shape_yx[1])


def _layer(pixels: PixelStore, mask: actions.MaskLayer, box: masks.Box) -> tuple[str, int]:
    """Make the file of a layer, its pixels still to be written, and return its name and descriptor."""
    head = fits_bytes.header(
        shape_yx=box.shape_yx,
        dtype="|u1",
        xy0=(mask.xy0[0] + box.x0, mask.xy0[1] + box.y0),
        header_bytes=_HEADER_BYTES,
    )
    size = _HEADER_BYTES + fits_bytes.padded(box.shape_yx[0] * box.shape_yx[1])
    if size > _SIZE_STEP:
        size = -(-size // _SIZE_STEP) * _SIZE_STEP
    name, descriptor = pixels.reuse("layer", size) or pixels.create("layer", size)
    os.pwrite(descriptor, head, 0)
    return name, descriptor


def _check_image(pixels: PixelStore, image: actions.ImageLayer) -> None:
    size = int(np.prod(image.shape_yx)) * np.dtype(image.dtype).itemsize
    pixels.check(image.file, image.header_bytes + fits_bytes.padded(size), "image")
