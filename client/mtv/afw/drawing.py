"""Markers of a display: dots, lines, centroids. Sent at once, and waited for by nobody outside of a buffer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mtv.afw import PARENT
from mtv.afw.colours import colour_of_marker
from mtv.afw.glyphs import glyph_of, is_local, position_of
from mtv.afw.notes import tell_dropped, tell_once
from mtv.afw.settings import SettingVerbs
from mtv.afw.tables import centroids_of

_USUAL_MARK = "+"
"""Symbol of the points of a line where it is not said which."""


class DrawingVerbs(SettingVerbs):
    """Base of `Display`: its markers."""

    def dot(
        self,
        symb: Any,
        c: float,
        r: float,
        size: float = 2,
        ctype: Any = None,
        origin: Any = PARENT,
        **kwargs: Any,
    ) -> None:
        """Draw one marker. Without a position (NaN) nothing is drawn, and a note says so once.

        Parameters
        ----------
        symb : `str`, `int` or ellipse
            ``+`` ``x`` ``*`` ``o``, ``@:Mxx,Mxy,Myy``, or an object with ``getA``, ``getB`` and ``getTheta`` or with
            ``getIxx``, ``getIxy`` and ``getIyy``; anything else is written.
        c, r : `float`
            Column and row of its centre.
        size : `float`, optional
            Radius in pixels of the image; of a text, 5 points of its font.
        ctype : `str`, optional
            Colour, green where not given; see `~mtv.afw.colours.colour_of_marker`.
        origin : optional
            ``LOCAL``: counted from the image's first pixel.
        **kwargs
            ``fontFamily``, ``textAngle`` and what else other backends take: nothing here; a note says so once.

        Raises
        ------
        MtvError
            As `mtv.Display.dot`.
        """
        tell_dropped("dot", kwargs)
        position = position_of(c, r)
        colour = colour_of_marker(ctype)
        glyph = glyph_of(symb, size)
        if position is None or colour is None or glyph is None:
            return
        x, y = self._shift(*position, local=is_local(origin))
        self._ready().dot(glyph.symbol, x, y, size=glyph.size, colour=colour, exact=True, wait=False)

    def line(self, points: Any, origin: Any = PARENT, symbs: Any = False, ctype: Any = None, size: float = 0.5) -> None:
        """Join points by a line, or mark them. Fewer than two points make no line; NaN breaks it.

        Parameters
        ----------
        points : sequence of pairs
            Column and row of each: pairs, an array ``(n, 2)``, Point2D.
        origin : optional
            As in `dot`.
        symbs : `bool`, `str` or `list` [`str`], optional
            Symbols of the points in turn, as in `dot`, in place of the line; True: ``+`` for each.
        ctype : `str`, optional
            Colour, as in `dot`.
        size : `float`, optional
            Of the symbols.

        Raises
        ------
        MtvError
            As `mtv.Display.line`.
        """
        pairs = [(point[0], point[1]) for point in points]
        if symbs:
            self._mark(pairs, origin, _USUAL_MARK if symbs is True else symbs, ctype, size)
            return
        colour = colour_of_marker(ctype)
        if len(pairs) < 2 or colour is None:
            return
        local = is_local(origin)
        shifted = [self._shift(*_finite(x, y), local=local) for x, y in pairs]
        self._ready().line(shifted, colour=colour, wait=False)

    def _mark(self, pairs: list[tuple[Any, Any]], origin: Any, symbs: Sequence[Any], ctype: Any, size: float) -> None:
        with self._buffers.collecting():
            for number, (x, y) in enumerate(pairs):
                self.dot(symbs[number % len(symbs)], x, y, size, ctype, origin)

    def centroids(self, catalog: Any, *, symbol: Any = "o", **kwargs: Any) -> None:
        """Draw a marker at the centroid of each row of a catalog; rows that have none are left out.

        Parameters
        ----------
        catalog : table
            A SourceCatalog of ``lsst.afw.table``, a `mtv.Catalog`, or a table of astropy, pandas or pyarrow with
            columns of a usual name, ``slot_Centroid_x`` or ``x`` for example; see `~mtv.afw.tables.PAIRS`.
        symbol : `str`, optional
            As in `dot`.
        **kwargs
            ``size``, ``ctype`` and ``origin`` of `dot`, and those that do nothing.

        Raises
        ------
        RuntimeError
            The catalog has no centroids.
        """
        import numpy as np

        options = {"size": 2, "ctype": None, "origin": PARENT, **kwargs}
        x, y = centroids_of(catalog)
        tell_dropped("centroids", {name: options[name] for name in options.keys() - {"size", "ctype", "origin"}})
        glyph, colour = glyph_of(symbol, options["size"]), colour_of_marker(options["ctype"])
        good = np.isfinite(x) & np.isfinite(y)
        if not good.all():
            tell_once("rows of a catalog without a centroid (NaN) are left out")
        if glyph is None or colour is None or not good.any():
            return
        dx, dy = self._shift(0.0, 0.0, local=is_local(options["origin"]))
        self._ready().overlay(
            "markers",
            x[good] + dx,
            y[good] + dy,
            symbol=glyph.symbol,
            size=glyph.size,
            colour=colour,
            replace=False,
            wait=False,
            exact=True,
        )

    def erase(self) -> None:
        """Remove all markers; image and mask stay."""
        self._ready().erase()

    def show(self) -> None:
        """Bring the display to the front.

        Raises
        ------
        Unavailable
            There is no daemon, or it has no window.
        """
        self._ready().show()


def _finite(x: Any, y: Any) -> tuple[float, float]:
    """Return a point; one that is infinite breaks the line as NaN does."""
    point = float(x), float(y)
    return point if math.isfinite(point[0]) and math.isfinite(point[1]) else (math.nan, math.nan)
