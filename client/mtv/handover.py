"""A frame of a feed on its way: where the daemon reads its pixels, or kept here until the daemon has said where."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from mtv import targets
from mtv.pixels import FileSink, FrameSink
from mtv.wire.data import Exposure
from mtv.wire.limits import Limits


class Place(NamedTuple):
    """Where frames go, as the daemon's greeting says."""

    directory: Path | None
    limits: Limits

    def sink(self) -> FileSink | FrameSink:
        """Return where the pixels of one frame go."""
        return FrameSink() if self.directory is None else FileSink(self.directory, self.limits)


class Frame(NamedTuple):
    """A frame on its way: pixels handed over already, or kept here until the daemon has said where they go."""

    published_at: float
    image: targets.Image | None = None
    exposure: Exposure | None = None
    sink: FileSink | FrameSink | None = None

    def remove(self) -> None:
        """Take back the pixels that were handed over."""
        if self.sink is not None:
            self.sink.remove()

    @property
    def size_bytes(self) -> int:
        """Bytes of the pixels that were handed over."""
        import numpy as np

        arrays = () if self.exposure is None else (self.exposure.image, self.exposure.mask)
        return sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in arrays if array is not None)


def handed_over(image: targets.Image, place: Place, published_at: float) -> Frame:
    """Write the pixels where the daemon reads them; what was written before a failure is removed."""
    sink = place.sink()
    try:
        return Frame(published_at, exposure=targets.source_of(image, sink, place.limits), sink=sink)
    except BaseException:
        sink.remove()
        raise


def kept(image: targets.Image, published_at: float) -> Frame:
    """Keep a copy of the first frame, while the connection is being made."""
    import numpy as np

    mask = None if image.mask is None else np.array(image.mask)
    return Frame(published_at, image=image._replace(pixels=np.array(image.pixels), mask=mask))
