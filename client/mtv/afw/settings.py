"""Settings of a display: stretch, view, colour map, masks. Kept until there is an image, then sent at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mtv.afw import PARENT
from mtv.afw.canvas import Canvas
from mtv.afw.glyphs import is_local
from mtv.afw.look import Shown, read_stretch, send_colormap
from mtv.afw.notes import tell_dropped
from mtv.afw.state import DisplayState
from mtv.arguments import checks
from mtv.wire.errors import bad_value

_ALIGNED: Final = {
    **dict.fromkeys(("", "standard", "target", "wcs"), "wcs"),
    **dict.fromkeys(("pixel", "pixelcenter"), "image"),
}
"""Words of ``alignImages``, and the coordinates that displays are aligned by."""
_GREY: Final = frozenset({"gray", "grey"})


class SettingVerbs(DisplayState):
    """Base of `Display`: how the image is looked at."""

    def scale(
        self,
        algorithm: str | None,
        min: Any,  # noqa: A002
        max: Any = None,  # noqa: A002
        unit: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Set stretch and limits.

        Parameters
        ----------
        algorithm : `str` or `None`
            ``linear`` ``log`` ``pow`` ``sqrt`` ``squared`` ``asinh`` ``sinh`` ``histogram``, DS9's ``histequ`` and
            Firefly's ``equal``; empty or None keeps it.
        min : `float` or `str`
            Value of black; or ``"minmax"`` or ``"zscale"``.
        max : `float`, optional
            Value of white.
        unit : `str`, optional
            ``absolute`` (values of pixels), ``percent`` (of the pixels, in order) or ``sigma`` (standard deviations
            from the median).
        **kwargs
            ``Q``, ``gamma`` and what else other backends take: nothing in DS9; a note says so once.

        Raises
        ------
        AssertionError
            Named limits have a second one, or a unit.
        RuntimeError
            There is a lower limit without an upper one.
        RequestError
            ``bad_value`` for a stretch that DS9 does not have, and for limits that are not in order.
        """
        tell_dropped("scale", kwargs)
        self._stretch = read_stretch(algorithm, min, max, unit)
        if shown := self._shown.get(self._name):
            self._stretch.send(self._ready(), shown)

    def zoom(
        self, zoomfac: float | None = None, colc: float | None = None, rowc: float | None = None, origin: Any = PARENT
    ) -> None:
        """Set screen pixels per image pixel, and the centre.

        Parameters
        ----------
        zoomfac : `float`, optional
            It stays where there is only a centre; 2 where nothing is given.
        colc, rowc : `float`, optional
            Pixel in the centre; the centre stays where not given.
        origin : optional
            ``LOCAL``: counted from the image's first pixel.

        Raises
        ------
        RuntimeError
            One of ``colc`` and ``rowc`` is missing.
        """
        if (colc is None) != (rowc is None):
            raise RuntimeError("Please specify row and column center to zoom about")
        factor = 2.0 if zoomfac is None and colc is None else zoomfac
        if factor is not None:
            checks.zoom(factor)
            self._pending_zoom = factor
        if colc is not None and rowc is not None:
            centre = checks.finite("colc", colc), checks.finite("rowc", rowc)
            self._pending_centre = (*centre, is_local(origin))
        if self._name in self._shown:
            self._send_view(self._ready())

    def pan(self, colc: float | None = None, rowc: float | None = None, origin: Any = PARENT) -> None:
        """Centre the view on a pixel; nothing is done where none is given.

        Parameters
        ----------
        colc, rowc : `float`, optional
            The pixel.
        origin : optional
            As in `zoom`.

        Raises
        ------
        RuntimeError
            One of ``colc`` and ``rowc`` is missing.
        """
        if colc is not None or rowc is not None:
            self.zoom(None, colc, rowc, origin)

    def setImageColormap(self, cmap: Any) -> None:
        """Choose a colour map.

        Parameters
        ----------
        cmap : `str` or colour map of matplotlib
            As DS9 or matplotlib calls it: ``gray``, ``viridis``, ``gray_r``. One that DS9 lacks changes nothing, and a
            note says so.
        """
        self._colormap = cmap
        if self._name in self._shown:
            send_colormap(self._ready(), cmap)

    def alignImages(self, match_type: str = "", lock_match: bool = True) -> None:
        """Put all displays side by side, and align them.

        Parameters
        ----------
        match_type : `str`, optional
            ``Standard`` or ``Target``: on the sky; ``Pixel`` or ``PixelCenter``: by the pixels of the arrays.
        lock_match : `bool`, optional
            False: they are aligned now, and then each is zoomed and panned by itself.

        Raises
        ------
        RequestError
            ``bad_value`` for another word.
        """
        word = str(match_type or "").lower()
        if word not in _ALIGNED:
            hint = "Standard, Target, Pixel or PixelCenter"
            raise bad_value("match_type", f"unknown match_type {match_type!r}", hint)
        if self._name in self._shown:
            self._align(_ALIGNED[word], locked=lock_match)
        else:
            self._pending_alignment = (_ALIGNED[word], lock_match)

    # Masks

    def setMaskTransparency(
        self, transparency: float | Mapping[str, float] | None = None, name: str | None = None
    ) -> None:
        """Set the transparency of the mask, or of one plane of it.

        Parameters
        ----------
        transparency : `float` or `dict` [`str`, `float`], optional
            From 0 (opaque) to 100 (hidden); a number outside is the nearer of both. Or plane to per cent. None changes
            nothing.
        name : `str`, optional
            Plane; all where not given. Planes are hidden one by one; those that are seen share one transparency, the
            one that was given last.
        """
        if transparency is None:
            return
        if isinstance(transparency, Mapping):
            for plane, percent in transparency.items():
                self._mask.set_transparency(percent, plane)
        else:
            self._mask.set_transparency(transparency, name)
        if shown := self._shown.get(self._name):
            canvas = self._ready()
            with canvas.buffering():
                self._mask.send_transparency(canvas, shown.planes)

    def getMaskTransparency(self, name: str | None = None) -> float | None:
        """Return the transparency of the mask, or of one plane of it.

        Parameters
        ----------
        name : `str`, optional
            Plane.

        Returns
        -------
        percent : `float` or `None`
            As it was set here, else as the display has it; None where there is no image yet.
        """
        given = self._mask.transparency_of(name)
        if given is not None or self._name not in self._shown:
            return given
        return self._canvas().get_mask_transparency()

    def setMaskPlaneColor(self, name: str | Mapping[str, str], color: str | None = None) -> None:
        """Colour a mask plane, or several, at once; ``ignore`` hides one.

        Parameters
        ----------
        name : `str` or `dict` [`str`, `str`]
            Plane; or planes to colours.
        color : `str`, optional
            With one plane.

        Raises
        ------
        AssertionError
            There is a colour besides a `dict`, or none besides a plane.
        """
        if isinstance(name, Mapping):
            assert color is None, "a colour goes with one plane"
            wanted = dict(name)
        else:
            assert color is not None, f"no colour is given for {name!r}"
            wanted = {name: color}
        self._mask.colours.update(wanted)
        shown = self._shown.get(self._name)
        if shown and (planes := [plane for plane in wanted if plane in shown.planes]):
            canvas = self._ready()
            with canvas.buffering():
                self._mask.send_colours(canvas, wanted, planes)
                self._mask.send_transparency(canvas, shown.planes)  # of planes that it has shown again

    def getMaskPlaneColor(self, name: str | None = None) -> Any:
        """Return the colour of a mask plane, or of all.

        Parameters
        ----------
        name : `str`, optional
            Plane.

        Returns
        -------
        color : `str`, `dict` [`str`, `str`] or `None`
            None for a plane that nobody has coloured and no image had. Without a name, plane to colour.
        """
        if name is None:
            return dict(self._mask.colours)
        return self._mask.colours.get(name, self._defaultMaskPlaneColor.get(name))

    # Inside

    def _ready(self) -> Canvas:
        """Return the canvas, which collects where a buffer is open."""
        canvas = self._canvas()
        self._buffers.prepare(canvas)
        return canvas

    def _send_look(self, canvas: Canvas, shown: Shown) -> None:
        """Send with an image what was asked for: colours and hidden planes each time, the rest with the first one."""
        is_first = canvas.frame not in self._shown
        self._mask.send_colours(canvas, {**self._defaultMaskPlaneColor, **self._mask.colours}, shown.planes)
        if is_first or self._mask.percent_of:
            self._mask.send_transparency(canvas, shown.planes)
        if is_first and self._stretch is not None:
            self._stretch.send(canvas, shown)
        self._send_view(canvas)

    def _after_image(self, canvas: Canvas, shown: Shown) -> None:
        is_first = canvas.frame not in self._shown
        self._shown[canvas.frame] = shown
        if is_first and not _is_grey(self._colormap):
            send_colormap(canvas, self._colormap)
        if self._pending_alignment is not None:
            (word, locked), self._pending_alignment = self._pending_alignment, None
            self._align(word, locked=locked)

    def _send_view(self, canvas: Canvas) -> None:
        if self._pending_zoom is not None:
            canvas.zoom(self._pending_zoom)
        if self._pending_centre is not None:
            x, y, local = self._pending_centre
            canvas.pan(*self._shift(x, y, local=local))
        self._pending_zoom = self._pending_centre = None

    def _shift(self, x: float, y: float, *, local: bool) -> tuple[float, float]:
        """Return parent pixels; those of the image's own count from its first one, where an image was shown."""
        if not local or self._xy0 is None:
            return x, y
        return x + self._xy0[0], y + self._xy0[1]

    def _align(self, word: Any, *, locked: bool) -> None:
        canvas = self._canvas()
        if canvas.silent:
            return
        from mtv.display import arrange

        self._buffers.send()
        arrange(tile=True, lock_frame=word, connection=canvas.connection)
        if not locked:
            arrange(lock_frame="none", connection=canvas.connection)

    def _send_settings(self, canvas: Canvas) -> None:
        """Send settings that wait for an image to a display that somebody else has shown one on."""
        masks = self._mask.percent if self._mask.percent is not None else self._mask.percent_of or None
        waiting = (self._stretch, self._pending_zoom, self._pending_centre, self._pending_alignment, masks)
        if canvas.silent or (all(one is None for one in waiting) and _is_grey(self._colormap)):
            return
        report = canvas.report()
        if report.shape:
            self._xy0 = report.xy0
            shown = Shown(tuple(report.mask.planes))
            with canvas.buffering():
                self._send_look(canvas, shown)
            self._after_image(canvas, shown)


def _is_grey(cmap: Any) -> bool:
    return str(getattr(cmap, "name", cmap)) in _GREY
