"""A frame of a feed on its way: where the daemon reads its pixels, or kept here until the daemon has said where."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from mtv import targets
from mtv.markers import MarkerColumns
from mtv.pixels import FrameSink
from mtv.slots import Slot, Slots
from mtv.wire.data import Exposure
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits


class Place:
    """Where frames go, as the greeting of one run of the daemon says.

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


class Frame(NamedTuple):
    """A frame on its way: pixels handed over already, or kept here until the daemon has said where they go."""

    published_at: float
    image: targets.Image | None = None
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
    def size_bytes(self) -> int:
        """Bytes of the pixels that were handed over."""
        import numpy as np

        arrays = () if self.exposure is None else (self.exposure.image, self.exposure.mask)
        return sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in arrays if array is not None)


def handed_over(image: targets.Image, place: Place, published_at: float, markers: MarkerColumns | None) -> Frame:
    """Write the pixels of a checked image where the daemon reads them; a slot is given back after a failure."""
    if place.slots is None:
        sink = FrameSink(packs=place.packs)
        return Frame(published_at, exposure=targets.sent(image, sink), markers=markers, buffers=sink.buffers)
    slot = place.slots.take()
    try:
        exposure = targets.sent(image, slot)
    except BaseException:
        place.slots.give(slot)
        raise
    return Frame(published_at, exposure=exposure, markers=markers, slots=place.slots, slot=slot)


def kept(image: targets.Image, published_at: float, markers: MarkerColumns | None) -> Frame:
    """Keep a copy of the first frame, while the connection is being made."""
    import numpy as np

    mask = None if image.mask is None else np.array(image.mask)
    return Frame(published_at, image=image._replace(pixels=np.array(image.pixels), mask=mask), markers=markers)
