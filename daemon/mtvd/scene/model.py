"""The scene's values: every display with its image, mask, overlays and view, and how the window arranges them. Pure.

A scene never changes; `mtvd.scene.apply` makes the next one. View settings carry the key of the request that set them,
so that asking for the same zoom twice is two wishes: the user may have zoomed by hand in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mtv.wire import colours, distinct
from mtv.wire.steps import DisplayName, FlippedAxes, LockedFrames
from mtvd.scene.actions import ImageLayer, Markers, MaskLayer, Value
from mtvd.scene.annotations import Annotations

BOTTOM_PLANES: Final = ("DETECTED", "DETECTED_NEGATIVE")
"""Planes below all others, so that saturated cores stay visible on their footprints."""


class Scale(Value, frozen=True, kw_only=True):
    """Stretch and limits of a display."""

    stretch: str = "linear"
    mode: str = "zscale"
    """``zscale``, ``minmax`` or per cent as text; ignored where limits are fixed."""
    limits: tuple[float, float] | None = None
    key: str = ""


class Zoom(Value, frozen=True, kw_only=True):
    """Screen pixels per image pixel, or fitted."""

    factor: float | None = None
    key: str = ""


class Pan(Value, frozen=True, kw_only=True):
    """0-based parent pixel in the centre."""

    x: float
    y: float
    key: str


class Rotation(Value, frozen=True, kw_only=True):
    """Degrees counter-clockwise from the upright."""

    angle_deg: float = 0.0
    key: str = ""


class Flip(Value, frozen=True, kw_only=True):
    """Axes along which the view is turned round."""

    axes: FlippedAxes = "none"
    key: str = ""


class Arrangement(Value, frozen=True, kw_only=True):
    """How the displays are arranged, and what they share."""

    tile: bool = False
    lock_frame: LockedFrames = "none"
    lock_scale: bool = False
    lock_colormap: bool = False
    leader: int | None = None
    """Display that last had its view set while views are locked by WCS: only DS9 can tell what the others then show."""
    size: tuple[int, int] | None = None
    """Width and height of the image area in pixels; None: nobody has asked, and what the user makes of it stays."""
    size_key: str = ""
    columns: int = 0
    """Columns of tiles; 0: as DS9 chooses."""
    displays: tuple[int, ...] = ()
    """Displays that alone are side by side, or blink, in their order; none: all."""
    blink_secs: float = 0.0
    """Period in which displays follow each other, one at a time; 0: they do not."""
    lock_crosshair: LockedFrames = "none"
    key: str = ""


class Colormap(Value, frozen=True, kw_only=True):
    """Colour map of a display."""

    name: str = "grey"
    invert: bool = False
    key: str = ""


class Overlay(Value, frozen=True, kw_only=True):
    """A named group of markers."""

    name: str
    lasting: bool
    batches: tuple[Markers, ...]

    @property
    def count(self) -> int:
        """Number of markers."""
        return sum(batch.count - batch.repeated for batch in self.batches)


USER: Final = "user"
"""The overlay of regions that were drawn by hand."""


class UserRegions(Value, frozen=True, kw_only=True):
    """Regions that the user has drawn by hand; it belongs to the frame, not to its image."""

    text: str
    """A region file, as DS9 lists it."""
    count: int


class Display(Value, frozen=True, kw_only=True):
    """One display: all that its frame is meant to show."""

    number: int
    name: str = ""
    image: ImageLayer | None = None
    mask: MaskLayer | None = None
    movie: str = ""
    """Id of the movie that the image is a frame of."""
    mask_colours: Mapping[str, str] = {}
    """Colours that users have set: plane to colour name or ``ignore``."""
    hidden_planes: tuple[str, ...] = ()
    transparency_percent: float = 0.0
    """Transparency of the mask; that of a new display is another one, see `new_display`."""
    overlays: tuple[Overlay, ...] = ()
    user: UserRegions | None = None
    scale: Scale = Scale()
    zoom: Zoom = Zoom()
    pan: Pan | None = None
    rotation: Rotation = Rotation()
    flip: Flip = Flip()
    colormap: Colormap = Colormap()
    annotations: Annotations = Annotations()
    distinct: bool = False
    """True: planes that users have not coloured get colours that can be told apart."""
    erased_key: str = ""
    """Last request that erased everything: the user's own regions went with it."""

    def colour_of(self, plane: str) -> str:
        """Colour name of a plane, or ``ignore``."""
        if self.distinct and plane not in self.mask_colours:
            planes = tuple(name for name, _ in self.mask.planes) if self.mask else ()
            return distinct.colours_of(planes, tuple(sorted(self.mask_colours.items()))).get(
                plane, colours.default_mask_colour(plane)
            )
        return self.mask_colours.get(plane) or colours.default_mask_colour(plane)

    def visible_colours(self) -> tuple[tuple[str, str], ...]:
        """Visible planes and their ``#rrggbb``, from the bottom to the top."""
        planes = self.mask.planes if self.mask else ()
        named = [(plane, self.colour_of(plane)) for plane, _ in sorted(planes, key=_stacking)]
        return tuple(
            (plane, colours.hex_of(colour))
            for plane, colour in named
            if colour != colours.IGNORE and plane not in self.hidden_planes
        )

    def shown_colours(self) -> dict[str, str]:
        """Planes of the mask and their colour names; hidden ones are ``ignore``."""
        planes = self.mask.planes if self.mask else ()
        return {plane: colours.IGNORE if plane in self.hidden_planes else self.colour_of(plane) for plane, _ in planes}


def new_display(number: int, name: str = "") -> Display:
    """Return a display that nothing has been asked of yet.

    Its mask will be transparent by 60 per cent: an opaque one hides every star, because ``DETECTED`` lies on all of
    them. Journals leave out what is 0, so that stays the value of the field.
    """
    return Display(number=number, name=name, transparency_percent=60.0)


class Scene(Value, frozen=True, kw_only=True):
    """All displays, by number."""

    displays: Mapping[int, Display] = {}
    front: int | None = None
    front_key: str = ""
    """Request that last brought a display to the front."""
    arrangement: Arrangement = Arrangement()

    def number_of(self, key: DisplayName) -> int | None:
        """Number of a display by number or name; None where there is none."""
        if isinstance(key, int):
            return key if key in self.displays else None
        return next((number for number, display in self.displays.items() if display.name == key), None)

    def files(self) -> set[str]:
        """Names of all pixel files that the scene needs."""
        layers = (layer for display in self.displays.values() for layer in (display.image, display.mask))
        return {layer.file for layer in layers if layer is not None}

    def markers(self) -> int:
        """Number of all markers."""
        return sum(overlay.count for display in self.displays.values() for overlay in display.overlays)


EMPTY: Final = Scene()


def _stacking(plane: tuple[str, int]) -> tuple[bool, int]:
    name, bit = plane
    return name not in BOTTOM_PLANES, bit
