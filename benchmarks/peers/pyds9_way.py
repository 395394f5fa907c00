"""The best that a pyds9 user can do with the documented commands of DS9, without its Tcl.

What it reproduces:

- The image: a FITS file written to shared memory, then ``set('fits FILE')``. Sending the bytes as the data of ``set``
  is slower (libxpa copies them through a socket), ``set_np2arr`` fails on numpy 2, and ``set_pyfits`` is the former
  with astropy in front.
- The mask: one 8-bit file a plane, ``mask color C`` and ``fits mask FILE`` for each.
- Many dots: one ``set('regions', text)``.
- Single dots: one ``set('regions command {...}')`` each.
- ``verify=False``, so that no call asks first whether DS9 lives.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import fits
from benchmarks.ds9 import REDRAW

SHARED = Path("/dev/shm")
_PAUSES_SECS: Final = (0.1, 0.2, 0.4, 0.8, 1.6)


def connect(target: str) -> Any:
    """Return a `pyds9.DS9` that neither starts a name server nor asks before each call whether DS9 lives.

    DS9 lets few wait for it at a time, and refuses others at once: of ten processes that connect together, some more
    than once.
    """
    os.environ["PYDS9_NOXPANS"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # distutils
        import pyds9
    for pause_secs in _PAUSES_SECS:
        try:
            return pyds9.DS9(target, start=False, verify=False)
        except ValueError:  # "no active ds9 running for target"
            time.sleep(pause_secs)
    return pyds9.DS9(target, start=False, verify=False)


class Pyds9Way:
    """A display by pyds9.

    Parameters
    ----------
    target : `str`
        XPA socket.
    frame : `int`
        Number of the frame.
    """

    name = "pyds9"

    def __init__(self, target: str, frame: int) -> None:
        self._ds9 = connect(target)
        self._frame = frame
        self._directory = tempfile.TemporaryDirectory(prefix="mtvbench-", dir=SHARED)

    def close(self) -> None:
        """Remove its files."""
        self._directory.cleanup()

    def mtv(
        self,
        image: NDArray[np.float32],
        mask: NDArray[np.int32] | None = None,
        planes: Mapping[str, int] | None = None,
        colours: Mapping[str, str] | None = None,
    ) -> None:
        """Show an image, and its mask plane by plane."""
        self._set(f"frame {self._frame}; fits {self._write('image', image)}")
        if mask is not None and planes and colours:
            self._show_planes(mask, planes, colours)
        self._set("zoom to fit")  # each load sets the zoom to 1

    def dots(self, positions: NDArray[np.float64], size: float, colour: str) -> None:
        """Draw circles at 0-based ``(x, y)``, all in one message."""
        lines = [f"circle({x + 1:g},{y + 1:g},{size:g})" for x, y in positions.tolist()]
        self._set("regions", f"global color={colour}\nimage\n" + "\n".join(lines))

    def dot(self, x: float, y: float, size: float, colour: str) -> None:
        """Draw one circle at 0-based ``(x, y)``."""
        self._set(f"regions command {{circle {x + 1:g} {y + 1:g} {size:g}i # color={colour}}}")

    def update(self) -> None:
        """Wait for the redraw."""
        self._set("tcl", REDRAW)

    def _show_planes(self, mask: NDArray[np.int32], planes: Mapping[str, int], colours: Mapping[str, str]) -> None:
        for name, bit in sorted(planes.items(), key=lambda item: item[1]):
            plane = self._write(name, ((mask >> bit) & 1).astype(np.uint8))
            self._set(f"mask color {colours[name]}; fits mask {plane}")

    def _write(self, name: str, pixels: NDArray[Any]) -> Path:
        path = Path(self._directory.name) / f"{name}.fits"
        path.unlink(missing_ok=True)  # DS9 keeps the old one mapped
        path.write_bytes(fits.image_bytes(pixels))
        return path

    def _set(self, command: str, data: str | None = None) -> None:
        if self._ds9.set(command, data) != 1:
            raise RuntimeError(f"pyds9: {command[:80]!r} failed")
