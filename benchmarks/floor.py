"""The floor: the same pictures with everything prepared, as fast as one DS9 can be told.

What it reproduces: image and mask already lie in shared memory as FITS, the mask as one 8-bit file a colour (not a
plane), each pixel in the file of its topmost plane, in cells of a pixel of the screen; one hand-written Tcl script,
sent through a FIFO that DS9 reads itself, loads them all and awaits the redraw. Limits are fixed and ``minmax mode
sample`` spares DS9 the scan of the image. For markers: the text of a prepared file, given to DS9's own parser. No
client, no daemon, no conversion of a single number in the time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import fits
from benchmarks.channel import Channel
from benchmarks.peers.pyds9_way import SHARED

_CELL: Final = 8
"""Cells for a full exposure that is fitted: 2048x4176 pixels on some 640 of the screen."""
REDRAWN: Final = "update idletasks; winfo pointerxy ."
"""Draws what is owed, and waits for the X server, which has drawn all of it then."""


class Floor:
    """Prepared pictures for one frame.

    Parameters
    ----------
    channel : `~benchmarks.channel.Channel`
        The way to DS9.
    frame : `int`
        Number of the frame.
    """

    name = "floor"

    def __init__(self, channel: Channel, frame: int) -> None:
        self._channel = channel
        self._frame = frame
        self._directory = tempfile.TemporaryDirectory(prefix="mtvbench-", dir=SHARED)
        self._script = self._whole = ""
        self._dots = ""

    def close(self) -> None:
        """Remove its files."""
        self._directory.cleanup()

    def prepare(
        self,
        image: NDArray[np.float32],
        mask: NDArray[np.int32] | None = None,
        planes: Mapping[str, int] | None = None,
        colours: Mapping[str, str] | None = None,
    ) -> None:
        """Write the files and the script."""
        lines = [
            f"CreateGotoFrame {self._frame} base",
            f"LoadFitsFile {{{self._write('image', image)}}} {{}} {{}}",
        ]
        self._channel.tcl(f"CreateGotoFrame {self._frame} base; $current(frame) clip minmax 25 sample")
        scripts = []
        for cell in (_CELL, 1):
            masked = list(lines)
            if mask is not None and planes and colours:
                masked.append("$current(frame) mask blend source; $current(frame) mask transparency 0")
                for colour, pixels in layers(in_cells(mask, cell), planes, colours).items():
                    masked.append(f"$current(frame) mask color {colour}")
                    masked.append(f"LoadFitsFile {{{self._write(f'{colour}{cell}', pixels, cell)}}} mask {{}}")
            scripts.append("\n".join([*masked, "FinishLoad", "ZoomToFit", REDRAWN]))
        self._script, self._whole = scripts

    def prepare_dots(self, positions: NDArray[np.float64], size: float, colour: str) -> None:
        """Write the region file."""
        lines = [f"circle({x + 1:g},{y + 1:g},{size:g})" for x, y in positions.tolist()]
        path = Path(self._directory.name) / "dots.reg"
        path.write_text(f"global color={colour}\nimage\n" + "\n".join(lines) + "\n")
        self._dots = f"""
            set floor_file [open {{{path}}}]
            set floor_regions [read $floor_file]
            close $floor_file
            $current(frame) marker command ds9 var floor_regions
            {REDRAWN}
        """

    def draw(self) -> None:
        """Draw what was prepared, redrawn."""
        self._channel.tcl(self._script)

    def draw_every_pixel(self) -> None:
        """Draw what was prepared with masks that are to be looked at closely."""
        self._channel.tcl(self._whole)

    def draw_dots(self) -> None:
        """Load the regions, redrawn."""
        self._channel.tcl(self._dots)

    def _write(self, name: str, pixels: NDArray[Any], cell: int = 1) -> Path:
        path = Path(self._directory.name) / f"{name}.fits"
        path.unlink(missing_ok=True)
        path.write_bytes(fits.image_bytes(pixels, cell))
        return path


def in_cells(mask: NDArray[np.int32], cell: int) -> NDArray[np.int32]:
    """Return a mask in cells, each with the planes of all of its pixels."""
    made = mask
    reduce: Any = np.bitwise_or.reduce
    for _ in range(2):
        padded = np.concatenate([made, np.zeros((-len(made) % cell, made.shape[1]), np.int32)])
        made = reduce(padded.reshape(-1, cell, made.shape[1]), axis=1).T
    return np.ascontiguousarray(made)


def layers(
    mask: NDArray[np.int32], planes: Mapping[str, int], colours: Mapping[str, str]
) -> dict[str, NDArray[np.uint8]]:
    """Return one 8-bit image a colour: each pixel belongs to the colour of its highest bit, and to no other."""
    topmost = np.zeros(mask.shape, np.int8) - 1
    for bit in sorted(planes.values()):
        topmost[(mask & (1 << bit)) != 0] = bit
    made: dict[str, NDArray[np.uint8]] = {}
    for name, bit in planes.items():
        layer = made.setdefault(colours[name], np.zeros(mask.shape, np.uint8))
        layer[topmost == bit] = 1
    return made
