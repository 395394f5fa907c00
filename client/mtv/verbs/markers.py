"""Markers on a display: dots, lines, and whole columns as overlays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mtv.arguments import checks, parts, targets
from mtv.arguments.catalogs import table_of
from mtv.arguments.markers import columns_of, points_of, table_columns
from mtv.arguments.naming import MARKERS
from mtv.arguments.quantities import position_of, system_of
from mtv.arguments.rows import markers_of
from mtv.arguments.shapes import symbol_of_one
from mtv.arguments.transaction import Collector, System
from mtv.session.ticket import OnProgress
from mtv.verbs.named import NamedDisplay
from mtv.wire import steps
from mtv.wire.errors import bad_value

_NOWHERE: Final = "markers without a position (NaN) are left out"


class MarkerVerbs(NamedDisplay):
    """Base of `mtv.Display`: its markers."""

    def dot(
        self,
        symbol: str,
        x: Any,
        y: Any = None,
        *,
        size: float = 2.0,
        colour: str = "green",
        ctype: str | None = None,
        overlay: str = MARKERS,
        system: System | None = None,
        lasting: bool = False,
        exact: bool = False,
        wait: bool = True,
        size2: float | None = None,
        angle: float = 0.0,
    ) -> None:
        """Add one marker. Many of them belong into ``with display.buffering():``, or into one `overlay`.

        Parameters
        ----------
        symbol : `str`
            ``+`` ``x`` ``*`` ``o``, ``@:Mxx,Mxy,Myy`` (an ellipse by its moments), a shape, or a text. Shapes are
            ``circle`` ``ellipse`` ``box`` ``diamond`` ``annulus`` ``vector`` ``line`` ``point``; a word that is nearly
            one of them, or another program's, is refused, and `text` writes it.
        x, y : `float`, `Quantity` or `SkyCoord`
            0-based parent pixels, or degrees (ICRS) where ``system`` is ``sky``; where a vector begins. Units count,
            and a `SkyCoord` of any frame stands for both. Without a position (NaN), as of a source that could not be
            measured, nothing is drawn, and the log says so once.
        size : `float`, optional
            Radius in pixels (arc seconds in the sky): half the side of a box, the length of a vector, half that of a
            line; for a text, points of the font, and of a point pixels of the screen.
        colour, ctype : `str`, optional
            An X11 or CSS name, or ``#rrggbb``; ``ctype`` is the same by the name it has in ``lsst.afw.display``.
        overlay : `str`, optional
            Name of the overlay that it joins.
        system : `str`, optional
            ``pixel`` or ``sky``; where not given, ``sky`` of a `SkyCoord` and of angles, else ``pixel``.
        lasting : `bool`, optional
            True: the overlay stays when another image is shown.
        exact : `bool`, optional
            True: the size is that of the image, however small that is on the screen. Else a marker whose radius is less
            than 4 pixels of the screen is drawn as a small one of that size, until the view is zoomed in.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.
        size2 : `float`, optional
            Second radius of an ellipse, a box, a diamond or an annulus; the first where not given, half of it for an
            annulus.
        angle : `float`, optional
            Degrees from x to y that an ellipse, a box, a diamond, a vector or a line is turned by; in the sky as DS9
            measures them.

        Raises
        ------
        RequestError
            ``bad_value`` naming the argument.
        """
        colour = ctype or colour
        if angle or size2 is not None:
            symbol = symbol_of_one(symbol, size, size2, angle)
        if system is None or type(x) is not float or type(y) is not float:
            x, y, system = position_of(x, y, system)
        checked = checks.dot(symbol, x, y, size, colour)
        if checked is None:
            self.connection.tell(_NOWHERE)
            return
        x, y, size = checked
        place = checks.place(self.frame, overlay, system, lasting=lasting, exact=exact)
        connection = self.connection
        batch = connection.open_batch(self.frame)
        if batch is not None:
            batch.collector.dot(place, x, y, symbol, size, colour)
            return
        if not wait:
            connection.publish_dot(place, x, y, symbol, size, colour)
            return
        alone = Collector(connection.limits)
        alone.dot(place, x, y, symbol, size, colour)
        connection.execute(alone.bundle(), wait=wait)

    def line(
        self,
        points: Any,
        *,
        colour: str = "green",
        ctype: str | None = None,
        overlay: str = MARKERS,
        system: System | None = None,
        lasting: bool = False,
        wait: bool = True,
    ) -> None:
        """Join points by a line.

        Parameters
        ----------
        points : array, sequence of pairs, `Quantity` or `SkyCoord`
            ``(n, 2)``: x and y of each; NaN breaks the line. Or an array or a list of `SkyCoord`.
        colour, ctype : `str`, optional
            As in `dot`.
        overlay : `str`, optional
            Name of the overlay that it joins.
        system : `str`, optional
            As in `dot`.
        lasting : `bool`, optional
            True: the overlay stays when another image is shown.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` naming the argument.
        """
        given = None if system is None else checks.system(system)
        columns, known = points_of(points, ctype or colour, self.connection.limits, given)
        step = steps.Overlay(
            display=self.frame,
            name=checks.overlay(overlay),
            system=known,
            lines=True,
            lasting=lasting,
            **columns.fields,
        )
        self.connection.draw(step, buffers=columns.buffers, markers=columns.markers, wait=wait)

    def overlay(
        self,
        name: str,
        x: Any,
        y: Any = None,
        *,
        select: str = "",
        columns: Sequence[str] = (),
        hdu: int | str | None = None,
        symbol: str | Sequence[str] = "o",
        size: Any = 2.0,
        colour: str | Sequence[str] = "green",
        ctype: str | None = None,
        system: System | None = None,
        replace: bool = True,
        lasting: bool = False,
        exact: bool = False,
        wait: bool = True,
        on_progress: OnProgress | None = None,
        size2: Any = None,
        angle: Any = 0.0,
    ) -> None:
        """Draw whole columns, or rows of a table, as one named group of markers.

        ``overlay("stars", src.x, src.y)`` draws arrays; ``overlay("stars", table, select="flux > 1e4")`` rows of a
        table in memory; ``overlay("psf", ref, select="calib_psf_used")`` has the daemon read the table, and nothing of
        it comes here.

        Parameters
        ----------
        name : `str`
            The group; ``erase(name)`` removes it.
        x, y : array
            ``(n,)``: 0-based parent pixels, or degrees (ICRS) where ``system`` is ``sky``; units of a `Quantity`, an
            `Angle` or a column count. Rows that are masked, NaN or infinite are left out and counted. In place of
            both: a `SkyCoord`; a table, which is a catalog of ``lsst.afw.table`` or of `mtv`, a table of astropy,
            pandas, polars or arrow, an array of records, a table HDU or a dictionary of columns; or a `DatasetRef`, a
            `Handle` or the path of a table.
        select : `str`, optional
            Of a table, the rows: an expression over columns, flags and slots, such as
            ``"calib_psf_candidate & ~calib_psf_used"``.
        columns : `tuple` [`str`, `str`], optional
            Of a table, the columns of x and y; the centroid's where not given, or ``coord_ra`` and ``coord_dec``,
            else ``ra`` and ``dec`` or another usual pair, where ``system`` is ``sky``.
        hdu : `int` or `str`, optional
            Of a FITS file, the HDU of the table, from 0 or by name; its first table where not given.
        symbol, size, colour : scalar or array, optional
            One for all, or one a row; see `dot`. Of a table that the daemon reads, one for all. Of any table ``size``
            may also be a column or an expression, ``"log10(slot_PsfFlux_instFlux) * 3"``, and ``colour`` a choice:
            ``"calib_psf_used ? red : green"``.
        ctype : `str`, optional
            The colour by the name that it has in ``lsst.afw.display``.
        system : `str`, optional
            ``pixel`` or ``sky``. Where not given, ``sky`` of a `SkyCoord`, of angles, and of a table in memory that
            has no usual columns of pixels, else ``pixel``.
        replace : `bool`, optional
            False: the markers are added to those that the group has.
        lasting : `bool`, optional
            True: the overlay stays when another image is shown.
        exact : `bool`, optional
            As in `dot`.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.
        on_progress : callable, optional
            As in `mtv`, of a table on another host.
        size2, angle : scalar or array, optional
            Of arrays and of tables in memory, the second radii and the angles of one shape: ``symbol="ellipse",
            size=a, size2=b, angle=theta``; see `dot`. Of a table also names of columns.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``select``, ``x``, ``y``, ``hdu``, ``symbol``, ``size``, ``size2``, ``angle`` or
            ``colour``; of a table without positions ``x``, with the columns that it has.
        """
        limits = self.connection.limits
        given = None if system is None else checks.system(system)
        source = targets.reference(x)
        table = None if source is not None else table_of(x)
        known: System
        if source is not None:
            source = parts.of(source, parts.keep_given(hdu=hdu))
            if size2 is not None or angle != 0:
                raise bad_value(
                    "size2" if size2 is not None else "angle",
                    "goes with arrays and tables in memory",
                    "get the table first",
                )
            packed = table_columns(source, y, select, columns, symbol, size, ctype or colour, limits)
            known = given or "pixel"
        elif table is not None:
            checks.only_of_tables(hdu=hdu is not None)
            look = (symbol, size, ctype or colour)
            packed, known = markers_of(table, y, select, columns, *look, limits, given, size2, angle)
        else:
            checks.only_of_tables(select=select, columns=columns, hdu=hdu is not None)
            known = system_of(x, given)
            packed = columns_of(x, y, symbol, size, ctype or colour, limits, known, size2=size2, angle=angle)
        step = steps.Overlay(
            display=self.frame,
            name=checks.overlay(name, "name"),
            system=known,
            replace=replace,
            lasting=lasting,
            exact=exact,
            **packed.fields,
        )
        draw = self.connection.draw
        draw(step, buffers=packed.buffers, markers=packed.markers, wait=wait, on_progress=on_progress)

    def erase(self, name: str | None = None, *, wait: bool = True) -> None:
        """Remove one overlay, or all markers, the user's own regions too.

        Parameters
        ----------
        name : `str`, optional
            All where not given.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        Unavailable
            There is no daemon, or it has no window.
        """
        self._draw(steps.Erase(display=self.frame, name=name), wait=wait)
