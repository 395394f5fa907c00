"""Drawings of what pipelines make: boxes, footprints, inputs of a coadd; and mosaics. Known by their methods alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from mtv.afw.display import Display, getDisplay
from mtv.afw.mosaic import Mosaic

_DEFER: Final = "deferToFrame"


def display_for(display: Any, frame: Any) -> Display:
    """Return the display that a call is about: the one given, else that of its frame, else the default one.

    Parameters
    ----------
    display : `Display` or `str` or `None`
    frame : hashable or None
    """
    if display is None or isinstance(display, str):
        return getDisplay(frame)
    found: Display = display
    return found


def drawBBox(
    bbox: Any,
    borderWidth: float = 0.0,
    origin: Any = None,
    display: Any = _DEFER,
    ctype: Any = None,
    bin: int = 1,  # noqa: A002
    frame: Any = None,
) -> None:
    """Draw a box.

    Parameters
    ----------
    bbox : box
        With ``getMinX``, ``getMinY``, ``getMaxX`` and ``getMaxY``, of ``lsst.geom`` for example.
    borderWidth : `float`, optional
        Pixels that the line lies outside of the centres of the box's outer pixels.
    origin : pair, optional
        Pixel that the box counts from.
    display : `Display`, optional
        That of ``frame`` where not given.
    ctype : `str`, optional
        Colour.
    bin : `int`, optional
        Pixels of the box that are one of the picture.
    frame : hashable, optional
        The default frame where not given.
    """
    x0, y0 = (0, 0) if origin is None else (origin[0], origin[1])
    x_min, x_max = (bbox.getMinX() - x0 - borderWidth) / bin, (bbox.getMaxX() - x0 + borderWidth) / bin
    y_min, y_max = (bbox.getMinY() - y0 - borderWidth) / bin, (bbox.getMaxY() - y0 + borderWidth) / bin
    _draw_box(display_for(display, frame), (x_min, x_max), (y_min, y_max), ctype)


def drawFootprint(
    foot: Any,
    borderWidth: float = 0.5,
    origin: Any = None,
    XY0: Any = None,
    frame: Any = None,
    ctype: Any = None,
    bin: int = 1,  # noqa: A002
    peaks: bool = False,
    symb: Any = "+",
    size: float = 0.4,
    ctypePeak: Any = None,
    display: Any = _DEFER,
) -> None:
    """Draw a footprint, a box for each of its spans, and its peaks.

    Parameters
    ----------
    foot : footprint
        With ``getSpans``, and ``getPeaks`` where these are wanted.
    borderWidth : `float`, optional
        As in `drawBBox`.
    origin, XY0 : pair, optional
        Pixel that the footprint counts from; at most one of both.
    frame, ctype, bin, display : optional
        As in `drawBBox`.
    peaks : `bool`, optional
        True: peaks are marked.
    symb, size, ctypePeak : optional
        Symbol, size and colour of peaks.

    Raises
    ------
    RuntimeError
        There are both ``origin`` and ``XY0``.
    """
    if origin is not None and XY0 is not None:
        raise RuntimeError("You may not specify both origin and XY0")
    given = origin if origin is not None else XY0
    x0, y0 = (0, 0) if given is None else (given[0], given[1])
    target = display_for(display, frame)
    with target.Buffering():
        for span in foot.getSpans():
            xs = (span.getX0() - x0 - borderWidth) / bin, (span.getX1() - x0 + borderWidth) / bin
            ys = (span.getY() - y0 - borderWidth) / bin, (span.getY() - y0 + borderWidth) / bin
            _draw_box(target, xs, ys, ctype)
        for peak in foot.getPeaks() if peaks else ():
            place = (peak.getIx() - x0) / bin, (peak.getIy() - y0) / bin
            target.dot(symb, *place, size=size, ctype=ctype if ctypePeak is None else ctypePeak)


def drawCoaddInputs(
    exposure: Any,
    frame: Any = None,
    ctype: Any = None,
    bin: int = 1,  # noqa: A002
    display: Any = _DEFER,
) -> None:
    """Draw the outlines of the detectors that went into a coadd.

    Parameters
    ----------
    exposure : exposure
        With ``getWcs`` and ``getInfo().getCoaddInputs().ccds``, whose rows have ``getBBox`` and ``getWcs``.
    frame, ctype, bin, display : optional
        As in `drawBBox`.
    """
    import numpy as np

    sky = exposure.getWcs()
    target = display_for(display, frame)
    with target.Buffering():
        for ccd in exposure.getInfo().getCoaddInputs().ccds:
            box = ccd.getBBox()
            xs, ys = (box.getMinX(), box.getMaxX()), (box.getMinY(), box.getMaxY())
            corners = np.array([(xs[i], ys[j]) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))], dtype=float)
            x, y = sky.skyToPixelArray(*ccd.getWcs().pixelToSkyArray(corners[:, 0], corners[:, 1]))
            target.line(np.stack([np.asarray(x), np.asarray(y)], axis=1) / bin, ctype=ctype)


def _draw_box(display: Display, xs: tuple[float, float], ys: tuple[float, float], ctype: Any) -> None:
    (x_min, x_max), (y_min, y_max) = xs, ys
    corners: Iterable[tuple[float, float]] = (
        (x_min, y_min),
        (x_max, y_min),
        (x_max, y_max),
        (x_min, y_max),
        (x_min, y_min),
    )
    display.line(list(corners), ctype=ctype)


__all__ = ["Mosaic", "drawBBox", "drawCoaddInputs", "drawFootprint"]
