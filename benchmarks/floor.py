"""The floor: the same pictures with everything prepared, as fast as one DS9 can be told.

What it reproduces: image and mask already lie in shared memory as FITS, the mask as one 8-bit file a colour (not a
plane), each pixel in the file of its topmost plane; one hand-written Tcl script, sent by pyds9 as the data of ``set``,
loads them all and awaits the redraw. Limits are fixed and ``minmax mode sample`` spares DS9 the scan of the image. For
markers: one ``regions`` load of a prepared file. No client, no daemon, no conversion of a single number in the time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import fits
from benchmarks.peers.pyds9_way import SHARED, connect


class Floor:
    """Prepared pictures for one frame.

    Parameters
    ----------
    target : `str`
        XPA socket.
    frame : `int`
        Number of the frame.
    """

    name = "floor"

    def __init__(self, target: str, frame: int) -> None:
        self._ds9 = connect(target)
        self._frame = frame
        self._directory = tempfile.TemporaryDirectory(prefix="mtvbench-", dir=SHARED)
        self._script = ""

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
        if mask is not None and planes and colours:
            lines.append("$current(frame) mask blend source; $current(frame) mask transparency 0")
            for colour, pixels in layers(mask, planes, colours).items():
                lines.append(f"$current(frame) mask color {colour}")
                lines.append(f"LoadFitsFile {{{self._write(colour, pixels)}}} mask {{}}")
        self._set(f"frame {self._frame}; minmax mode sample")
        self._script = "\n".join([*lines, "FinishLoad", "ZoomToFit"])

    def prepare_dots(self, positions: NDArray[np.float64], size: float, colour: str) -> None:
        """Write the region file."""
        lines = [f"circle({x + 1:g},{y + 1:g},{size:g})" for x, y in positions.tolist()]
        path = Path(self._directory.name) / "dots.reg"
        path.write_text(f"global color={colour}\nimage\n" + "\n".join(lines) + "\n")

    def draw(self) -> None:
        """Draw what was prepared, redrawn."""
        self._set("tcl", self._script)
        self._set("update now")

    def draw_dots(self) -> None:
        """Load the regions, redrawn."""
        self._set(f"regions {self._directory.name}/dots.reg")
        self._set("update now")

    def _write(self, name: str, pixels: NDArray[Any]) -> Path:
        path = Path(self._directory.name) / f"{name}.fits"
        path.unlink(missing_ok=True)
        path.write_bytes(fits.image_bytes(pixels))
        return path

    def _set(self, command: str, data: str | None = None) -> None:
        if self._ds9.set(command, data) != 1:
            raise RuntimeError(f"DS9 refused {command[:80]!r}")


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
