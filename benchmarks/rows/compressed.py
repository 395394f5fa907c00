"""What the rows of compressed exposures share: the files, and the ways to show one."""

from __future__ import annotations

import dataclasses
import functools
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

import mtv
from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.contest import Way
from benchmarks.daemon import PATIENCE_SECS
from benchmarks.measures import Measured
from benchmarks.ours import NAME

LOSSLESS: Final[dict[str, Any]] = {"compression_type": "GZIP_2", "quantize_level": 0.0}
DITHERED: Final[dict[str, Any]] = {"compression_type": "RICE_1", "quantize_level": 16, "quantize_method": 2}
_LOOK_SECS: Final = 0.002
KINDS: Final = {"gzip": LOSSLESS, "rice": DITHERED}
"""As the pipelines' recipes have them: all planes lossless, or image and variance dithered and the mask lossless."""


@functools.cache
def file_of(bench: Bench, kind: str) -> Path:
    """Return a file with image, mask and variance, laid out as ``lsst.afw`` does; ``plain`` is not compressed."""
    from astropy.io import fits

    shown = bench.exposure
    variance = np.abs(shown.image) * np.float32(0.5) + np.float32(3)
    hdus: list[Any] = [fits.PrimaryHDU()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of long keywords, which become HIERARCH
        for name, pixels in (("IMAGE", shown.image), ("MASK", shown.mask), ("VARIANCE", variance)):
            options = LOSSLESS if name == "MASK" else KINDS.get(kind, {})
            hdu = fits.ImageHDU(pixels) if kind == "plain" else fits.CompImageHDU(pixels, **options)
            hdu.header["EXTTYPE"] = name
            if name == "MASK":
                hdu.header.update({f"MP_{plane}": bit for plane, bit in exposure.PLANES.items()})
            hdus.append(hdu)
        path = bench.directory / f"{kind}.fits"
        fits.HDUList(hdus).writeto(path)
    return path


def ours(bench: Bench, kind: str, *, first_time: bool) -> Way:
    """Return our way to show a file: image and mask on the screen.

    Parameters
    ----------
    first_time : `bool`
        True: the file has just been written, as far as the daemon can tell.
    """
    path, display = file_of(bench, kind), bench.ours.display

    def prepare() -> None:
        display.scale("linear", *exposure.LIMITS)
        display.set_mask_transparency(0)
        display.sync()
        if first_time:
            os.utime(path)

    def draw() -> None:
        display.mtv(path)
        display.sync()

    return Way(name=f"{NAME} {kind}" if kind == "plain" else NAME, draw=draw, prepare=prepare, look=bench.ours.look)


def image_first(bench: Bench, kind: str, whole: Way) -> Way:
    """Return our way to show a file, timed until its image is on the screen; its mask is there when it is looked at.

    A second client sees to it: it asks what is shown until that is the image, then waits for the redraw.

    Parameters
    ----------
    whole : `Way`
        The way that waits for the mask too.
    """
    path, display = file_of(bench, kind), bench.ours.display
    watcher = mtv.connect(bench.ours.endpoint, timeout_secs=PATIENCE_SECS)
    looking_on = mtv.Display(0, connection=watcher)

    def prepare() -> None:
        display.mtv(np.zeros((8, 8), np.float32))  # a mask still to come is drawn before
        whole.prepare()

    def draw() -> None:
        display.mtv(path, wait=False)
        while looking_on.describe().label != path.name:
            time.sleep(_LOOK_SECS)
        looking_on.sync()

    return dataclasses.replace(whole, name=NAME, draw=draw, prepare=prepare)


def astropy(bench: Bench, kind: str) -> Way:
    """Return the usual way to read a file: all three planes with astropy."""
    path = file_of(bench, kind)

    def read() -> None:
        from astropy.io import fits

        with fits.open(path, memmap=False) as hdus:
            for hdu in hdus[1:]:
                np.asarray(hdu.data).max()

    return Way(name="astropy", draw=read)


def worst(bench: Bench, measure: Callable[[Bench, str], Measured]) -> Measured:
    """Measure all kinds, and return the one that is farthest from its target, with the medians of all beside it."""
    found = {kind: measure(bench, kind) for kind in KINDS}
    slowest = max(found, key=lambda kind: _against(found[kind]))
    medians = {kind: _medians(measured) for kind, measured in found.items()}
    return Measured(
        ours=found[slowest].ours,
        peers=found[slowest].peers,
        floor=found[slowest].floor,
        extra={"kind": slowest, "kinds": medians},
    )


def _against(measured: Measured) -> float:
    other = measured.floor or next(iter(measured.peers.values()))
    return (measured.ours.median if measured.ours else other.median) / other.median


def _medians(measured: Measured) -> dict[str, float]:
    timings = {"ours": measured.ours, "floor": measured.floor, **measured.peers}
    return {name: round(timing.median, 4) for name, timing in timings.items() if timing is not None}
