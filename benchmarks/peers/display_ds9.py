"""``lsst.display.ds9``, as its sources work (display_ds9 ``python/lsst/display/ds9/ds9.py`` and ``xpa.cc``; afw
``python/lsst/afw/display/interface.py``, ``ds9Regions.py``, ``_write_fits.py``), in our own words.

What it reproduces:

- ``mtv`` first talks to the window (``iconify no; raise``, ``wcs wcsa``), selects the frame, turns smoothing off and
  deletes all regions, each command a libxpa call of its own on a handle that is opened anew.
- The image is written as a FITS file in memory, not compressed, and piped through ``gzip | xpaset TARGET fits``, in a
  shell. ``gzip`` has its default level.
- Each used mask plane, by bit number: ``mask color C``, then the ``int32`` mask with only that bit, as a FITS file
  through ``gzip | xpaset TARGET fits mask``. Planes without pixels are left out.
- A dot is ``frame N; regions command {circle x y ri # color=c};``. In ``Buffering`` commands are collected to 4096 -
  105 characters, XPA's limit, then sent in one libxpa call; without it each dot is a call.
- Errors are trapped and not looked at. We do look, so as not to time a picture that was never drawn.

Kinder to it than life: the socket is addressed by its path, without the name server; the version is not asked for; and
the rest of afw (statistics of the mask, copies of images between Python and C++) costs what numpy costs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import fits
from benchmarks.ds9 import REDRAW
from benchmarks.libxpa import Handle

_LINE = 4096 - 100 - 5
"""Characters that it sends in one call at most."""


class DisplayDs9:
    """A display of ``lsst.afw.display`` with the backend ``ds9``.

    Parameters
    ----------
    target : `str`
        XPA socket.
    environment : `dict`
        For its child processes.
    frame : `int`
        Number of the frame.
    """

    name = "display_ds9"

    def __init__(self, target: str, environment: Mapping[str, str], frame: int) -> None:
        self._target = target
        self._environment = environment
        self._frame = frame
        self._handle = Handle(target)
        self._pending = ""
        self._limit = 0

    def mtv(
        self,
        image: NDArray[np.float32],
        mask: NDArray[np.int32] | None = None,
        planes: Mapping[str, int] | None = None,
        colours: Mapping[str, str] | None = None,
    ) -> None:
        """Show an image, and its mask plane by plane."""
        self._greet()
        self._command(f"frame {self._frame}")
        self._command("smooth no")
        self._command(f"frame {self._frame};regions delete all")
        self._pipe(image, "fits")
        if mask is not None:
            self._show_planes(mask, planes or {}, colours or {})

    def zoom(self, factor: str) -> None:
        """Zoom; ``fit`` fits."""
        self._command(f"frame {self._frame}; zoom to {factor}; ")
        self._flush()

    @contextmanager
    def buffering(self) -> Iterator[None]:
        """Collect commands up to XPA's limit."""
        self._limit = _LINE
        try:
            yield
        finally:
            self._limit = 0
            self._flush()

    def dot(self, x: float, y: float, size: float, colour: str) -> None:
        """Draw a circle at 0-based ``(x, y)``."""
        region = f"circle {x + 1:g} {y + 1:g} {size:g}i # color={colour}"
        self._command(f"frame {self._frame}; regions command {{{region}}}; ")

    def update(self) -> None:
        """Wait for the redraw, which display_ds9 itself never does."""
        self._flush()
        self._send("tcl", REDRAW.encode())

    def _greet(self) -> None:
        self._handle = Handle(self._target)
        self._command("iconify no; raise")
        self._command("wcs wcsa")

    def _show_planes(self, mask: NDArray[np.int32], planes: Mapping[str, int], colours: Mapping[str, str]) -> None:
        for name, bit in sorted(planes.items(), key=lambda item: item[1]):
            one = mask & np.int32(1 << bit)
            if not one.any():
                continue
            self._command(f"mask color {colours[name]}")
            self._pipe(one, "fits mask")

    def _pipe(self, pixels: NDArray[Any], words: str) -> None:
        self._flush()
        command = f"gzip | xpaset {self._target} {words}"
        with subprocess.Popen(command, stdin=subprocess.PIPE, shell=True, env=self._environment) as pipe:
            pipe.communicate(fits.image_bytes(pixels))
        if pipe.returncode:
            raise RuntimeError(f"{command} failed")

    def _command(self, command: str) -> None:
        if len(self._pending) + len(command) > _LINE:
            self._flush()
        self._pending += ";" + command
        if len(self._pending) >= self._limit:
            self._flush()

    def _flush(self) -> None:
        pending, self._pending = self._pending.rstrip(), ""
        if pending:
            self._send(pending)

    def _send(self, command: str, data: bytes = b"") -> None:
        if complaint := self._handle.set(command, data):
            raise RuntimeError(f"DS9 refused {command[:80]!r}: {complaint}")
