"""A display: one frame of the window, by number or by name. Every call is checked here before it goes anywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Unpack

from mtv.arguments import checks, parts, targets
from mtv.arguments.markers import columns_of, points_of, table_columns
from mtv.arguments.objects import Image
from mtv.arguments.transaction import Collector, System
from mtv.session.batch import Batch
from mtv.session.connection import Connection
from mtv.session.default import default_connection
from mtv.session.events import Events
from mtv.session.ticket import OnProgress
from mtv.wire import data, steps
from mtv.wire.colours import MASK_COLOURS, default_mask_colour
from mtv.wire.errors import RequestError
from mtv.wire.messages import Event, Outcome, Picture
from mtv.wire.reports import DisplayReport
from mtv.wire.requests import Describe, Snapshot

OVERLAY: Final = "markers"
"""The overlay that is meant where none is named."""


class Display:
    """One frame of the window; made when something is first shown in it.

    Calls wait until the window has what they drew (``wait=True``), or only until the daemon has the request
    (``wait=False``; dots do not wait even for that, see `mtv.session.gathering`); a published request that fails later
    is logged and raised by `sync`. Coordinates are 0-based parent pixels ``(x, y)``.

    Parameters
    ----------
    frame : `int` or `str`, optional
        Number from 0 to 1000, the same as DS9's, or a name.
    backend : `str`, optional
        Only ``ds9``.
    connection : `Connection`, optional
        The process's own where not given, made when it is first needed.

    Raises
    ------
    RequestError
        ``unsupported`` for another backend, ``bad_value`` for an impossible frame.
    """

    def __init__(self, frame: int | str = 0, *, backend: str = "ds9", connection: Connection | None = None) -> None:
        checks.backend(backend)
        self.frame = checks.frame(frame)
        self._given = connection

    def __repr__(self) -> str:
        return f"<mtv.Display {self.frame!r}>"

    @property
    def connection(self) -> Connection:
        """The connection that this display uses."""
        return self._given or default_connection()

    # Images

    def mtv(
        self,
        target: object,
        *,
        mask: Any = None,
        planes: Mapping[str, int] | None = None,
        xy0: tuple[int, int] | None = None,
        wcs: Any = None,
        label: str = "",
        wait: bool = True,
        supersede: bool = False,
        on_progress: OnProgress | None = None,
        **part: Unpack[parts.Part],
    ) -> None:
        """Show an image. Replaces image, mask and WCS, and removes overlays except lasting ones.

        Of a large compressed dataset or file the image is on the screen before its mask has been read; the call returns
        when both are. Where the mask cannot be read, the display is put back to what it showed.

        Parameters
        ----------
        target : array, `Exposure`, NDData, Cutout2D, HDU, HDUList, path, `Handle` or `DatasetRef`
            A 2-D array ``(y, x)`` of booleans, integers or floats, and whatever holds one; axes of length one in front
            do not count. The daemon itself reads paths, handles and references, and their pixels never come here. Its
            own mask is shown as one plane ``MASK``, where its bits have no names; one that does not fit is left out.
        mask : array or `bool`, optional
            Booleans or integers of the image's shape ``(y, x)``, or that numpy can broadcast to it: ``True`` masks all.
        planes : `dict` [`str`, `int`], optional
            Mask plane name to bit number; a boolean mask is one plane named ``MASK``.
        xy0 : `tuple` [`int`, `int`], optional
            0-based parent pixel ``(x, y)`` of the first pixel; the target's own, else ``(0, 0)``.
        wcs : `astropy.wcs.WCS`, FITS header or `str`, optional
            The target's own where not given; a `str` holds cards of 80 characters, or one a line. Of a WCS that FITS
            cannot express the image is shown without its sky, and a note says so.
        supersede : `bool`, optional
            True, with ``wait=False``: a newer image for this display may take the place of this one while it waits.
        on_progress : callable, optional
            Called in this thread with each `~mtv.wire.messages.Progress` while a file is fetched from another host;
            only where the call waits. Of what is buffered `buffering` is told.
        hdu, component, cube_index, bbox, centre_deg, size_arcsec : optional
            Which part of a path or reference is shown; as in `mtv.Repository.get`.

        Raises
        ------
        RequestError
            For a target that is no image, a ``mask`` of another shape, a type of pixel that cannot be shown.

        Notes
        -----
        A part of the target that is left out, such as a mask of its own that has another shape, is logged as a warning
        of the logger ``mtv``, and told by the ``notes`` of `describe`.
        """
        checks.supersede(supersede, wait=wait, buffered=self.connection.open_batch(self.frame) is not None)
        source = targets.reference(target)
        if source is not None:
            checks.only_with_pixels(mask=mask, planes=planes, xy0=xy0, wcs=wcs)
            source = parts.of(source, part)
            step = steps.Mtv(display=self.frame, target=source)
            self.connection.draw(step, wait=wait, supersede=supersede, on_progress=on_progress)
            return
        parts.none_of_pixels(part)
        image = targets.image_with(target, mask=mask, planes=planes, xy0=xy0, wcs=wcs, label=label)
        self._mtv(image, wait=wait, supersede=supersede)

    def _mtv(self, image: Image, *, wait: bool, supersede: bool) -> None:
        connection = self.connection
        sink = connection.sink()
        try:
            source: data.Exposure = targets.source_of(image, sink, connection.limits)
        except BaseException:
            sink.remove()
            raise
        step = steps.Mtv(display=self.frame, target=source)
        connection.draw(step, buffers=sink.buffers, prepared=sink, wait=wait, supersede=supersede)

    # Markers

    def dot(
        self,
        symbol: str,
        x: float,
        y: float,
        *,
        size: float = 2.0,
        colour: str = "green",
        ctype: str | None = None,
        overlay: str = OVERLAY,
        system: System = "pixel",
        lasting: bool = False,
        wait: bool = True,
    ) -> None:
        """Add one marker. Many of them belong into ``with display.buffering():``, or into one `overlay`.

        Parameters
        ----------
        symbol : `str`
            ``+`` ``x`` ``*`` ``o``, ``@:Mxx,Mxy,Myy`` (an ellipse by its moments), or a text.
        x, y : `float`
            0-based parent pixels, or degrees (ICRS) where ``system`` is ``sky``.
        size : `float`, optional
            Radius in pixels (arc seconds in the sky); for a text, points of the font.
        colour, ctype : `str`, optional
            An X11 or CSS name, or ``#rrggbb``; ``ctype`` is the same by the name it has in ``lsst.afw.display``.
        lasting : `bool`, optional
            True: the overlay stays when another image is shown.
        """
        colour = ctype or colour
        x, y, size = checks.dot(symbol, x, y, size, colour)
        place = checks.place(self.frame, overlay, system, lasting)
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
        overlay: str = OVERLAY,
        system: System = "pixel",
        lasting: bool = False,
        wait: bool = True,
    ) -> None:
        """Join points by a line.

        Parameters
        ----------
        points : array or sequence of pairs
            ``(n, 2)``: x and y of each; NaN breaks the line.
        """
        columns = points_of(points, ctype or colour, self.connection.limits)
        step = steps.Overlay(
            display=self.frame,
            name=checks.overlay(overlay),
            system=checks.system(system),
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
        system: System = "pixel",
        replace: bool = True,
        lasting: bool = False,
        wait: bool = True,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Draw whole columns, or rows of a table that the daemon reads, as one named group of markers.

        ``overlay("stars", src.x, src.y)`` draws arrays; ``overlay("psf", ref, select="calib_psf_used")`` has the
        daemon read the table, and nothing of it comes here.

        Parameters
        ----------
        name : `str`
            The group; ``erase(name)`` removes it.
        x, y : array
            ``(n,)``: 0-based parent pixels, or degrees (ICRS) where ``system`` is ``sky``; units of a `Quantity`, an
            `Angle` or a column count. Rows that are masked, NaN or infinite are left out and counted. In place of
            both: a `SkyCoord`, a `DatasetRef`, a `Handle` or the path of a table.
        select : `str`, optional
            Of a table, the rows: an expression over columns, flags and slots, such as
            ``"calib_psf_candidate & ~calib_psf_used"``.
        columns : `tuple` [`str`, `str`], optional
            Of a table, the columns of x and y; the centroid's where not given, or ``coord_ra`` and ``coord_dec``,
            else ``ra`` and ``dec`` or another usual pair, where ``system`` is ``sky``.
        hdu : `int` or `str`, optional
            Of a FITS file, the HDU of the table, from 0 or by name; its first table where not given.
        symbol, size, colour : scalar or array, optional
            One for all, or one a row; see `dot`. Of a table, one for all, and ``size`` may name a column.
        replace : `bool`, optional
            False: the markers are added to those that the group has.
        on_progress : callable, optional
            As in `mtv`, of a table on another host.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``select``, ``x``, ``y``, ``hdu``, ``symbol``, ``size`` or ``colour``.
        """
        limits = self.connection.limits
        table = targets.reference(x)
        if table is not None:
            table = parts.of(table, parts.given(hdu=hdu))
            packed = table_columns(table, y, select, columns, symbol, size, ctype or colour, limits)
        else:
            checks.only_of_tables(select=select, columns=columns, hdu=hdu is not None)
            packed = columns_of(x, y, symbol, size, ctype or colour, limits, checks.system(system))
        step = steps.Overlay(
            display=self.frame,
            name=checks.overlay(name, "name"),
            system=checks.system(system),
            replace=replace,
            lasting=lasting,
            **packed.fields,
        )
        draw = self.connection.draw
        draw(step, buffers=packed.buffers, markers=packed.markers, wait=wait, on_progress=on_progress)

    def erase(self, name: str | None = None, *, wait: bool = True) -> None:
        """Remove one overlay, or all markers, the user's own regions too."""
        self._draw(steps.Erase(display=self.frame, name=name), wait=wait)

    # The frame

    def delete(self, *, wait: bool = True) -> None:
        """Remove the display with everything on it."""
        self._draw(steps.Delete(display=self.frame), wait=wait)

    def show(self, *, wait: bool = True) -> None:
        """Bring the display to the front."""
        self._draw(steps.Show(display=self.frame), wait=wait)

    def scale(self, stretch: str | None, *limits: Any, wait: bool = True) -> None:
        """Set the stretch, and the limits: ``scale("asinh", "zscale")``, ``scale("asinh", -1, 30)``.

        Parameters
        ----------
        stretch : `str` or `None`
            ``linear`` ``log`` ``pow`` ``sqrt`` ``squared`` ``asinh`` ``sinh`` ``histogram``; None keeps it.
        *limits
            Nothing (they stay), ``"zscale"``, ``"minmax"``, the per cent of the pixels kept between them, or the
            values of black and white.
        """
        self._draw(checks.scale(self.frame, stretch, limits), wait=wait)

    def zoom(self, factor: float | Literal["fit"] | None = None, *, wait: bool = True) -> None:
        """Set screen pixels per image pixel; None or ``"fit"`` fits the image into the window."""
        self._draw(steps.Zoom(display=self.frame, factor=checks.zoom(factor)), wait=wait)

    def pan(self, x: float, y: float, *, wait: bool = True) -> None:
        """Centre the view on a 0-based parent pixel."""
        self._draw(steps.Pan(display=self.frame, x=checks.finite("x", x), y=checks.finite("y", y)), wait=wait)

    def rotate(self, angle_deg: float, *, wait: bool = True) -> None:
        """Turn the view counter-clockwise by an angle from the upright."""
        self._draw(steps.Rotate(display=self.frame, angle_deg=checks.finite("angle_deg", angle_deg)), wait=wait)

    def colormap(self, name: str, *, invert: bool = False, wait: bool = True) -> None:
        """Choose one of DS9's colour maps."""
        self._draw(steps.Colormap(display=self.frame, name=checks.text("name", name), invert=invert), wait=wait)

    # Masks

    def set_mask_plane_color(
        self, name: str | Mapping[str, str], colour: str | None = None, *, wait: bool = True
    ) -> None:
        """Colour a mask plane, or several by a dictionary; ``"ignore"`` hides one. Colours outlast the image."""
        colours = checks.mask_colours(name, colour)
        self._draw(steps.MaskColour(display=self.frame, colours=colours), wait=wait)

    def get_mask_plane_color(self, name: str) -> str:
        """Return the colour that a mask plane has or would have."""
        mask = self._described().mask
        return mask.colours.get(name) or default_mask_colour(name)

    def mask_plane_colours(self) -> dict[str, str]:
        """Return the colours of all mask planes: those of the image, those set, and those that everybody has."""
        mask = self._described().mask
        shown = {name: default_mask_colour(name) for name in mask.planes}
        return dict(sorted({**MASK_COLOURS, **shown, **mask.colours}.items()))

    def set_mask_transparency(self, percent: float, plane: str | None = None, *, wait: bool = True) -> None:
        """Set the transparency of the mask, from 0 (opaque) to 100 (hidden); for one plane only 100 works."""
        checks.transparency(percent, plane)
        step = steps.MaskTransparency(display=self.frame, percent=float(percent), plane=plane)
        self._draw(step, wait=wait)

    def get_mask_transparency(self) -> float:
        """Return the transparency of the mask in per cent."""
        return self._described().mask.transparency_percent

    # Together, and afterwards

    def buffering(self, *, wait: bool = True, on_progress: OnProgress | None = None) -> Batch:
        """Return a context manager: all that this thread draws on this display within it is one transaction.

        It takes effect as a whole or not at all. After an exception inside nothing is sent. A buffer inside another
        joins it. ``on_progress`` is as in `mtv`.
        """
        return self.connection.buffering(wait=wait, display=self.frame, on_progress=on_progress)

    def sync(self) -> None:
        """Wait until all that was drawn so far is on the screen; raise the first failure of what was published."""
        self.connection.sync()

    def snapshot(
        self,
        path: str | os.PathLike[str] | None = None,
        format: Literal["png", "jpeg"] | None = None,  # noqa: A002 - the word that everybody uses
    ) -> bytes:
        """Return a picture of the display, which comes to the front for it; also write it to a file where asked to.

        The format is that of the path's ending where none is given, and PNG without a path.
        """
        format = format or checks.format_of(path)  # noqa: A001
        checks.image_format(format)
        checks.image_path(path, format)
        answer = self.connection.ask(Snapshot(display=self.frame, format=format))
        assert isinstance(answer.reply, Picture)
        picture = bytes(answer.buffers[0])
        if path is not None:
            Path(path).write_bytes(picture)
        return picture

    def events(self, kinds: Sequence[str] | str = (), *, timeout_secs: float | None = None) -> Events:
        """Return an iterator over what the user does in this display from now on; see `mtv.events`."""
        return self.connection.events(kinds, display=self.frame, timeout_secs=timeout_secs)

    def on_event(self, call: Callable[[Event], object], kinds: Sequence[str] | str = ()) -> Events:
        """Have a function called with each event of this display, in a thread of its own; see `mtv.on_event`."""
        return self.connection.on_event(call, kinds, display=self.frame)

    def describe(self) -> DisplayReport:
        """Return what the display is meant to show.

        Raises
        ------
        RequestError
            ``unknown_display`` where nothing was shown in it yet.
        """
        reply = self.connection.request(Describe(display=self.frame))
        assert isinstance(reply, DisplayReport)
        return reply

    def _described(self) -> DisplayReport:
        try:
            return self.describe()
        except RequestError as error:
            if error.code != "unknown_display":
                raise
            return DisplayReport(number=-1, exists=False)

    def _repr_png_(self) -> bytes | None:
        return self.snapshot() if self._described().exists else None

    def _draw(self, step: steps.AnyStep, *, wait: bool) -> Outcome | None:
        return self.connection.draw(step, wait=wait)


def get_display(frame: int | str = 0, backend: str = "ds9", *, connection: Connection | None = None) -> Display:
    """Return a display; see `Display`."""
    return Display(frame, backend=backend, connection=connection)


def arrange(
    *,
    tile: bool | None = None,
    lock_frame: steps.LockedFrames | None = None,
    lock_scale: bool | None = None,
    lock_colormap: bool | None = None,
    size: tuple[int, int] | None = None,
    connection: Connection | None = None,
    wait: bool = True,
) -> None:
    """Arrange the displays of the window, and lock what they share; what is not given stays.

    Parameters
    ----------
    tile : `bool`, optional
        True: side by side; False: one at a time.
    lock_frame : `str`, optional
        ``none``, or the coordinates by which zoom, pan and rotation of all displays are aligned: ``image``,
        ``physical`` (parent pixels) or ``wcs``.
    lock_scale, lock_colormap : `bool`, optional
        True: stretch and limits, or the colour map, are the same in all displays.
    size : `tuple` [`int`, `int`], optional
        Width and height of the image area in pixels of the screen, at least 100. DS9 redraws a quarter of the area in
        about half the time: what a feed gains by a small window.

    Raises
    ------
    RequestError
        ``bad_value`` naming the field; `DaemonError` where the screen has no room for the size.
    """
    step = checks.arrangement(tile, lock_frame, lock_scale, lock_colormap, size)
    (connection or default_connection()).draw(step, wait=wait)
