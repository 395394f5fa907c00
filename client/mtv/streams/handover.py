"""A frame of a feed on its way: where the daemon reads its pixels, or kept here until the daemon has said where."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import msgspec

from mtv.arguments import targets
from mtv.arguments.markers import MarkerColumns
from mtv.arguments.objects import Image
from mtv.pixels.outgoing import FrameSink
from mtv.pixels.slots import Slot, Slots
from mtv.wire.data import Array, Exposure
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits


class Destination:
    """Destination of frames, as the greeting of one run of the daemon says.

    Parameters
    ----------
    directory : `~pathlib.Path` or `None`
        That both share; None where pixels go with the message.
    packs : `bool`, optional
        True: a network is in between, and masks go packed.
    """

    def __init__(self, directory: Path | None, limits: Limits, epoch: str, *, packs: bool = False) -> None:
        self.limits = limits
        self.epoch = epoch
        self.packs = packs
        self.slots = None if directory is None else Slots(directory, limits)


class FeedFrame(NamedTuple):
    """A frame on its way: pixels handed over already, or kept here until the daemon has said where they go."""

    published_at: float
    image: Image | None = None
    exposure: Exposure | None = None
    markers: MarkerColumns | None = None
    buffers: tuple[Buffer, ...] = ()
    slots: Slots | None = None
    slot: Slot | None = None

    def remove(self) -> None:
        """Take back the slot: nobody will show it."""
        if self.slots is not None and self.slot is not None:
            self.slots.give(self.slot)

    @property
    def is_whole(self) -> bool:
        """True where its files are still there, or where it has none."""
        return self.slot is None or self.slot.is_whole

    def move_to(self, destination: Destination) -> FeedFrame:
        """Return the same frame at another destination, where it is not there already; its files may be gone meanwhile.

        Raises
        ------
        DaemonError
            ``storage_full``.
        OSError
            The directory of that destination is gone, too.
        """
        if self.exposure is None or self.slot is None or self.slots is destination.slots:
            return self
        image = self.slot.read_back(self.exposure.image)
        mask = None if self.exposure.mask is None else self.slot.read_back(self.exposure.mask)
        if destination.slots is None:
            whole = (image,) if mask is None else (image, mask)
            arrays = [Array(dtype=part.dtype.str, shape=part.shape, buffer=number) for number, part in enumerate(whole)]
            exposure = _with(self.exposure, *arrays)
            return self._replace(
                exposure=exposure, buffers=tuple(part.tobytes() for part in whole), slots=None, slot=None
            )
        slot = destination.slots.take()
        try:
            copied = slot.copy_image(image, self.exposure.wcs)
            exposure = _with(self.exposure, copied, None if mask is None else slot.mask(mask))
        except BaseException:
            destination.slots.give(slot)
            raise
        return self._replace(exposure=exposure, slots=destination.slots, slot=slot)

    @property
    def size_bytes(self) -> int:
        """Bytes of the pixels that were handed over."""
        import numpy as np

        arrays = () if self.exposure is None else (self.exposure.image, self.exposure.mask)
        return sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in arrays if array is not None)


def _with(exposure: Exposure, image: Array, mask: Array | None = None) -> Exposure:
    return msgspec.structs.replace(exposure, image=image, mask=mask)


def hand_over(image: Image, destination: Destination, published_at: float, markers: MarkerColumns | None) -> FeedFrame:
    """Write the pixels of a checked image where the daemon reads them; a slot is given back after a failure."""
    if destination.slots is None:
        sink = FrameSink(packs=destination.packs)
        return FeedFrame(published_at, exposure=targets.send(image, sink), markers=markers, buffers=sink.buffers)
    slot = destination.slots.take()
    try:
        exposure = targets.send(image, slot)
    except BaseException:
        destination.slots.give(slot)
        raise
    return FeedFrame(published_at, exposure=exposure, markers=markers, slots=destination.slots, slot=slot)


def keep(image: Image, published_at: float, markers: MarkerColumns | None) -> FeedFrame:
    """Keep a copy of the first frame, while the connection is being made."""
    import numpy as np

    mask = None if image.mask is None else np.array(image.mask)
    return FeedFrame(published_at, image=image._replace(pixels=np.array(image.pixels), mask=mask), markers=markers)
