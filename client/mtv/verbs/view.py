"""Look of a display: its place in front, stretch, zoom, pan, rotation, colour map, and the colours of its mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from mtv.arguments import checks
from mtv.verbs.named import NamedDisplay
from mtv.wire import steps
from mtv.wire.colours import MASK_COLOURS, default_mask_colour


class ViewVerbs(NamedDisplay):
    """Base of `mtv.Display`: how it is looked at."""

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
        mask = self._describe().mask
        return mask.colours.get(name) or default_mask_colour(name)

    def mask_plane_colours(self) -> dict[str, str]:
        """Return the colours of all mask planes: those of the image, those set, and those that everybody has."""
        mask = self._describe().mask
        shown = {name: default_mask_colour(name) for name in mask.planes}
        return dict(sorted({**MASK_COLOURS, **shown, **mask.colours}.items()))

    def set_mask_transparency(self, percent: float, plane: str | None = None, *, wait: bool = True) -> None:
        """Set the transparency of the mask, from 0 (opaque) to 100 (hidden); for one plane only 100 works."""
        checks.transparency(percent, plane)
        step = steps.MaskTransparency(display=self.frame, percent=float(percent), plane=plane)
        self._draw(step, wait=wait)

    def get_mask_transparency(self) -> float:
        """Return the transparency of the mask in per cent."""
        return self._describe().mask.transparency_percent
