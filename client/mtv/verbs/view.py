"""Look of a display: its place in front, stretch, zoom, pan, rotation, colour map, and the colours of its mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from mtv.arguments import checks
from mtv.arguments.quantities import is_sky
from mtv.verbs.named import NamedDisplay
from mtv.wire import steps
from mtv.wire.colours import MASK_COLOURS, default_mask_colour
from mtv.wire.errors import bad_value


class ViewVerbs(NamedDisplay):
    """Base of `mtv.Display`: how it is looked at."""

    def delete(self, *, wait: bool = True) -> None:
        """Remove the display with everything on it.

        Parameters
        ----------
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``unknown_display`` where there is no such display.
        Unavailable
            There is no daemon, or it has no window.
        """
        self._draw(steps.Delete(display=self.frame), wait=wait)

    def show(self, *, wait: bool = True) -> None:
        """Bring the display to the front.

        Parameters
        ----------
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        Unavailable
            There is no daemon, or it has no window.
        """
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
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``stretch`` or ``limits``.
        """
        self._draw(checks.scale(self.frame, stretch, limits), wait=wait)

    def zoom(
        self,
        factor: float | Literal["fit"] | None = None,
        x: Any = None,
        y: Any = None,
        *,
        wait: bool = True,
    ) -> None:
        """Set screen pixels per image pixel; None or ``"fit"`` fits the image into the window.

        Parameters
        ----------
        factor : `float` or ``"fit"``, optional
            Above 0.
        x, y : `float`, `Quantity` or `SkyCoord`, optional
            0-based parent pixel that the view is centred on in the same transaction; the centre stays where not given.
            A place on the sky as in `pan`.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` for a factor that is not above 0, and for one of ``x`` and ``y`` alone.
        """
        step = steps.Zoom(display=self.frame, factor=checks.zoom(factor))
        if x is None and y is None:
            self._draw(step, wait=wait)
            return
        if x is None or (y is None and not is_sky(x)):
            missing = "x" if x is None else "y"
            raise bad_value(missing, f"a centre has x and y, and {missing} is missing", "zoom(8, 1024, 2048)")
        x, y = self._pixel_of(x, y)
        centre = steps.Pan(display=self.frame, x=x, y=y)
        with self.connection.buffering(wait=wait, display=self.frame):
            self._draw(step, wait=wait)
            self._draw(centre, wait=wait)

    def pan(self, x: Any, y: Any = None, *, wait: bool = True) -> None:
        """Centre the view on a pixel, or on a place on the sky that is in the image which is shown now.

        Parameters
        ----------
        x, y : `float`, `Quantity` or `SkyCoord`
            0-based parent pixel; angles, or a `SkyCoord` in place of both, are a place on the sky (ICRS). Within
            `buffering` only pixels.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` for what is no finite number; naming ``sky`` for a place that is not in the image.
        """
        x, y = self._pixel_of(x, y)
        self._draw(steps.Pan(display=self.frame, x=x, y=y), wait=wait)

    def rotate(self, angle_deg: float, *, wait: bool = True) -> None:
        """Turn the view counter-clockwise by an angle from the upright.

        Parameters
        ----------
        angle_deg : `float`
            Degrees.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` for what is no finite number.
        """
        self._draw(steps.Rotate(display=self.frame, angle_deg=checks.finite("angle_deg", angle_deg)), wait=wait)

    def flip(self, axes: steps.FlippedAxes = "none", *, wait: bool = True) -> None:
        """Show the view from right to left, upside down, or both; what is drawn on it turns along.

        Parameters
        ----------
        axes : `str`, optional
            ``x``, ``y``, ``xy``, or ``none``: axes of the image. A rotation comes on top of it, that of views locked by
            WCS too; locked displays turn along.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` for anything else.
        """
        self._draw(steps.Flip(display=self.frame, axes=checks.flipped_axes(axes)), wait=wait)

    def colormap(self, name: str, *, invert: bool = False, wait: bool = True) -> None:
        """Choose one of DS9's colour maps.

        Parameters
        ----------
        name : `str`
            As DS9 has it: ``grey``, ``heat``, ``viridis``.
        invert : `bool`, optional
            True: from the other end.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` where DS9 has none of that name.
        """
        self._draw(steps.Colormap(display=self.frame, name=checks.text("name", name), invert=invert), wait=wait)

    # Masks

    def set_mask_plane_color(
        self, name: str | Mapping[str, str], colour: str | None = None, *, wait: bool = True
    ) -> None:
        """Colour a mask plane, or several by a dictionary; ``"ignore"`` hides one. Colours outlast the image.

        Parameters
        ----------
        name : `str` or `dict` [`str`, `str`]
            Plane; or planes to colours.
        colour : `str`, optional
            An X11 or CSS name, ``#rrggbb``, or ``ignore``; with one plane.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` for what is no colour.
        """
        colours = checks.mask_colours(name, colour)
        self._draw(steps.MaskColour(display=self.frame, colours=colours), wait=wait)

    def get_mask_plane_color(self, name: str) -> str:
        """Return the colour that a mask plane has or would have.

        Parameters
        ----------
        name : `str`
            Plane; the image need not have it.

        Returns
        -------
        colour : `str`

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        mask = self._describe().mask
        return mask.colours.get(name) or default_mask_colour(name)

    def mask_plane_colours(self) -> dict[str, str]:
        """Return the colours of all mask planes: those of the image, those set, and those that everybody has.

        Returns
        -------
        colours : `dict` [`str`, `str`]
            Plane to colour, by name.

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        mask = self._describe().mask
        shown = {name: default_mask_colour(name) for name in mask.planes}
        return dict(sorted({**MASK_COLOURS, **shown, **mask.colours}.items()))

    def set_mask_transparency(self, percent: float, plane: str | None = None, *, wait: bool = True) -> None:
        """Set the transparency of the mask, from 0 (opaque) to 100 (hidden); for one plane only 100 works.

        Parameters
        ----------
        percent : `float`
            From 0 to 100.
        plane : `str`, optional
            All where not given.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` for a value out of range; ``unsupported`` for one plane where it is not 100.
        """
        checks.transparency(percent, plane)
        step = steps.MaskTransparency(display=self.frame, percent=float(percent), plane=plane)
        self._draw(step, wait=wait)

    def get_mask_transparency(self) -> float:
        """Return the transparency of the mask in per cent.

        Returns
        -------
        percent : `float`
            From 0 to 100.

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        return self._describe().mask.transparency_percent
