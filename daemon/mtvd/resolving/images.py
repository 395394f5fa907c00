"""Images: from an exposure on the wire to layers that a window can map.

Pixels in a shared file stay where they are: only the FITS header is written into the space that the writer left in
front of them. Pixels in buffers are copied into a file of our own.
"""

from __future__ import annotations

import functools
import math
import os
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import anyio.to_thread
import msgspec
import numpy as np

from mtv.shared.header_words import cards_of
from mtv.shared.packing import NotPacked, unpack
from mtv.shared.sky.celestial import celestial_of
from mtv.wire import markers
from mtv.wire.data import Array, Exposure
from mtv.wire.errors import RequestError, bad_value, within
from mtv.wire.frames import Buffer
from mtv.wire.limits import HEADER_CARDS, Limits
from mtvd.host.allocating import grow
from mtvd.host.pixelstore import PixelStore
from mtvd.host.system import translate_refusals
from mtvd.resolving.marker_columns import array_of, number_dtype, packed_bytes
from mtvd.scene.actions import ImageLayer, MaskLayer
from mtvd.stage.paint import fits_bytes

_NOTES: Final = 16
"""Notes kept of one image."""


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """Image and mask of an exposure, as the window draws them."""

    image: ImageLayer
    mask: MaskLayer | None

    def files(self) -> set[str]:
        """Names of their pixel files."""
        return {layer.file for layer in (self.image, self.mask) if layer is not None}


class Images:
    """Makes layers of exposures, in the pixel directory."""

    def __init__(self, pixels: PixelStore, limits: Limits) -> None:
        self._pixels = pixels
        self._limits = limits

    def discard(self, files: Iterable[str]) -> None:
        """Remove pixel files that nothing needs any more."""
        self._pixels.remove(files)

    def abandon(self, exposure: Exposure) -> None:
        """Remove the files that a client wrote for an exposure, unless they belong to another request."""
        for name in files_of(exposure):
            with suppress(RequestError):
                self._pixels.remove([self._pixels.claim(name)])

    async def layers(
        self, exposure: Exposure, buffers: Sequence[Buffer] | None = None, *, image: ImageLayer | None = None
    ) -> Layers:
        """Return the layers of an exposure; its header is in place, its files are ours.

        Parameters
        ----------
        buffers : sequence of buffers, optional
            Of the client's message; None for an exposure that the daemon's own side has read.
        image : `ImageLayer`, optional
            What was made of this image when it came before its mask; its file is left alone.

        Raises
        ------
        MtvError
            ``bad_value`` naming ``target.image``, ``target.mask``, ``target.planes`` or ``target.wcs``;
            ``too_large``; ``storage_full``. The exposure's files are removed then, except those of somebody else.
        """
        claimed: set[str] = set()
        if image is not None and image.file != exposure.image.file:
            image = None
        try:
            with within("target"):
                for array, where in ((None if image else exposure.image, "image"), (exposure.mask, "mask")):
                    if array is not None and array.file is not None:
                        self._pixels.check(array.file, 1, where)  # what is no file of ours is not ours to remove
                        claimed.add(self._pixels.claim(array.file, where, again=buffers is None))
                if claimed and buffers is not None:
                    self._pixels.hold_budget()
                return await self._make(exposure, buffers or (), claimed, image, from_client=buffers is not None)
        except BaseException:
            self.discard(claimed)
            raise

    async def _make(
        self,
        exposure: Exposure,
        buffers: Sequence[Buffer],
        claimed: set[str],
        image: ImageLayer | None,
        *,
        from_client: bool,
    ) -> Layers:
        shape_yx = _shape_of(exposure.image, "image", self._limits)
        number_dtype(exposure.image.dtype, "image")
        front = self._front(exposure)
        exposure = _with_sky(exposure, front // fits_bytes.CARD)
        words: list[str] = []
        if from_client:
            words, exposure = _with_words(exposure, front // fits_bytes.CARD)
        header = self._header(exposure, shape_yx, front, words)
        planes = _planes(exposure)
        _check_mask(exposure.mask, shape_yx, self._limits)
        if image is None:
            file = await self._place(exposure.image, buffers, "image", front)
            claimed.add(file)
            whole = self._whole(exposure.image, front)
            write = functools.partial(_write_header, self._pixels, file, header, whole)
            if self._pixels.is_lent(file):  # pages that were written a moment ago: 0.05 ms, less than a thread costs
                write()
            else:
                await anyio.to_thread.run_sync(write)
            image = self._image(exposure, shape_yx, file, front)
        if exposure.mask is None:
            return Layers(image=image, mask=None)
        mask_file = await self._place(exposure.mask, buffers, "mask", 0)
        claimed.add(mask_file)
        mask = MaskLayer(
            file=mask_file,
            shape_yx=shape_yx,
            dtype=exposure.mask.dtype,
            offset=exposure.mask.offset if exposure.mask.file else 0,
            xy0=exposure.xy0,
            planes=planes,
        )
        return Layers(image=image, mask=mask)

    def _front(self, exposure: Exposure) -> int:
        """Return the bytes of the header: what the writer has left free, or what an image in a buffer needs."""
        array = exposure.image
        if array.file is None:
            return self._limits.header_room(exposure.wcs, sum(map(len, cards_of(exposure.metadata))))
        if array.offset % fits_bytes.BLOCK or not fits_bytes.BLOCK <= array.offset <= self._limits.header_bytes:
            most = self._limits.header_bytes
            raise bad_value("image", f"the pixels begin at byte {array.offset}", f"a multiple of 2880, at most {most}")
        return array.offset

    def _image(self, exposure: Exposure, shape_yx: tuple[int, int], file: str, front: int) -> ImageLayer:
        return ImageLayer(
            file=file,
            shape_yx=shape_yx,
            dtype=exposure.image.dtype,
            header_bytes=front,
            xy0=exposure.xy0,
            label=markers.plain(exposure.label, self._limits.text_chars),
            unit=markers.plain(exposure.unit, self._limits.text_chars),
            stream=zlib.crc32(exposure.wcs.encode()) | 1 if self._pixels.is_lent(file) else 0,
            notes=tuple(markers.plain(note, self._limits.text_chars) for note in exposure.notes[:_NOTES]),
            caption=markers.plain(exposure.caption, self._limits.text_chars),
        )

    def _whole(self, array: Array, front: int) -> int:
        """Bytes of a FITS file with these pixels, padded as FITS wants it."""
        pixels = math.prod(array.shape) * number_dtype(array.dtype, "image").itemsize
        return front + fits_bytes.whole_blocks(pixels)

    def _header(self, exposure: Exposure, shape_yx: tuple[int, int], front: int, words: Sequence[str]) -> bytes:
        for value in exposure.xy0:
            if abs(value) > 10_000_000:
                raise bad_value("xy0", f"the origin {exposure.xy0} is out of reach")
        return fits_bytes.header(
            shape_yx=shape_yx,
            dtype=exposure.image.dtype,
            xy0=exposure.xy0,
            wcs=exposure.wcs,
            unit=exposure.unit,
            label=exposure.label,
            header_bytes=front,
            words=words,
        )

    async def _place(self, array: Array, buffers: Sequence[Buffer], where: str, front_bytes: int) -> str:
        """Return the name of the file that holds an array, with space in front of it."""
        size = math.prod(array.shape) * number_dtype(array.dtype, where).itemsize
        if array.packing and (front_bytes or array.file is not None):
            raise bad_value(where, "only a mask in a buffer may be packed")
        if array.packing:
            return await anyio.to_thread.run_sync(self._unpack, array, packed_bytes(array, buffers, where), size)
        if array.file is None:
            pixels = array_of(array, buffers, where, ndim=2)
            return await anyio.to_thread.run_sync(self._copy, pixels, front_bytes)
        if array.buffer is not None:
            raise bad_value(where, "the array is both in a file and in a buffer")
        if array.offset < 0:
            raise bad_value(where, f"the array begins at byte {array.offset}")
        self._pixels.check(array.file, array.offset + size, where)
        return array.file

    def _copy(self, pixels: np.ndarray[Any, Any], front_bytes: int) -> str:
        name, descriptor = self._new(
            front_bytes + fits_bytes.whole_blocks(pixels.nbytes), "fits" if front_bytes else "raw"
        )
        with self._pixels.filling(name, descriptor) as file:
            file.seek(front_bytes)
            file.write(np.ascontiguousarray(pixels).data)
        return name

    def _unpack(self, array: Array, data: Buffer, size: int) -> str:
        """Unpack a mask into a file of the size that it announces, and no further."""
        name, descriptor = self._new(fits_bytes.whole_blocks(size), "raw")
        try:
            with self._pixels.filling(name, descriptor) as file:
                for block in unpack(data, size, np.dtype(array.dtype).itemsize):
                    file.write(block)
        except NotPacked as error:
            raise bad_value("mask", str(error), "pack it as PROTOCOL.md describes, or send it as it is") from None
        return name

    def _new(self, size: int, suffix: str) -> tuple[str, int]:
        return self._pixels.reuse("mtv", size, suffix) or self._pixels.create("mtv", size, suffix)


def _with_sky(exposure: Exposure, most_cards: int) -> Exposure:
    """Return an exposure whose cards are those of its sky alone, in our own form, with notes of what they leave out."""
    found = celestial_of(exposure.wcs)
    notes = tuple(note for note in found.notes if note not in exposure.notes)
    cards = found.cards
    if len(cards) // fits_bytes.CARD + HEADER_CARDS > most_cards:
        cards, notes = "", (*notes, "the header in front of the pixels has no room for the WCS: no sky is shown")
    return msgspec.structs.replace(exposure, wcs=cards, notes=(*exposure.notes, *notes))


def _with_words(exposure: Exposure, most_cards: int) -> tuple[list[str], Exposure]:
    """Return the cards of its metadata that have room in its header, and the exposure with a note of those without."""
    every = cards_of(exposure.metadata)
    room = most_cards - HEADER_CARDS - len(exposure.wcs) // fits_bytes.CARD
    found: list[str] = []
    for count, cards in enumerate(every):
        if len(found) + len(cards) > room:
            left = len(every) - count
            note = f"the header in front of the pixels has no room for {left} of {len(every)} keywords of the metadata"
            return found, msgspec.structs.replace(exposure, notes=(*exposure.notes, note))
        found += cards
    return found, exposure


def _check_mask(mask: Array | None, shape_yx: tuple[int, int], limits: Limits) -> None:
    if mask is None:
        return
    mask_shape = _shape_of(mask, "mask", limits)
    if mask_shape != shape_yx:
        raise bad_value("mask", f"the mask has shape {mask_shape}, the image {shape_yx}")
    if number_dtype(mask.dtype, "mask").kind not in "iub":
        raise bad_value("mask", f"a mask of dtype {mask.dtype} has no bits", "use integers")


def files_of(exposure: Exposure) -> set[str]:
    """Names of the pixel files that an exposure is in."""
    arrays = (exposure.image, exposure.mask, exposure.variance)
    return {array.file for array in arrays if array is not None and array.file is not None}


def _shape_of(array: Array, where: str, limits: Limits) -> tuple[int, int]:
    if len(array.shape) != 2:
        raise bad_value(where, f"the array has {len(array.shape)} dimensions, needs 2, (y, x)")
    if min(array.shape) < 1:
        raise bad_value(where, f"the array is empty: shape {array.shape}")
    if math.prod(array.shape) > limits.image_pixels:
        raise bad_value(where, f"{math.prod(array.shape)} pixels are over the limit of {limits.image_pixels}")
    return array.shape[0], array.shape[1]


def _planes(exposure: Exposure) -> tuple[tuple[str, int], ...]:
    for name, bit in exposure.planes.items():
        markers.check_text(name, "planes", text_chars=100)
        if not 0 <= bit < 64:
            raise bad_value("planes", f"plane {name} has bit {bit}, must be from 0 to 63")
    return tuple(sorted(exposure.planes.items(), key=lambda plane: plane[1]))


def _write_header(pixels: PixelStore, name: str, header: bytes, whole_bytes: int) -> None:
    with (
        pixels.open_file(name, 1, "target.image", writable=True) as file,
        translate_refusals("a pixel file cannot be written"),
    ):
        if os.fstat(file.fileno()).st_size < whole_bytes:  # it ends with its last pixel
            grow(file.fileno(), whole_bytes)  # 1 ms for 34 MB also where all blocks are there
        file.write(header)
