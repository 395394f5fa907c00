"""Changes: the steps of a transaction once everything they need is here. The journal holds these.

`mtvd.resolving.resolver` makes them from wire steps; `mtvd.scene.apply` applies them; replaying them from the journal
gives the same scene, because they name pixel files and carry their markers.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mtv.wire.steps import DisplayName, FlippedAxes, LockedFrames
from mtvd.scene.actions import ImageLayer, Markers, MaskLayer


class Change(msgspec.Struct, frozen=True, kw_only=True, tag_field="change"):
    """Base of all changes."""

    display: DisplayName


class ShowImage(Change, frozen=True, kw_only=True, tag=True):
    """Replace image, mask and WCS."""

    image: ImageLayer
    mask: MaskLayer | None
    to_front: bool
    """True for a client's first image on this display."""
    completes: bool = False
    """True where the image may be shown already, without its mask: then only the mask is new."""
    movie: str = ""
    """Id of the movie that it is a frame of."""
    begins: bool = False
    """True for the first frame of a movie; others take effect only where the frame before is still there."""
    note: str = ""
    """Note for the outcome: what the display keeps that does not suit the image."""


class AddMarkers(Change, frozen=True, kw_only=True, tag=True):
    """Add markers to an overlay."""

    overlay: str
    markers: Markers
    replace: bool
    lasting: bool
    note: str = ""
    """Note for the outcome: what became of rows that could not be marked."""


class EraseMarkers(Change, frozen=True, kw_only=True, tag=True):
    """Remove one overlay, or all where None."""

    overlay: str | None
    key: str


class RemoveMarkers(Change, frozen=True, kw_only=True, tag=True):
    """Remove single markers, as the user has done in the window."""

    overlay: str
    batch: str
    """Key of the markers that they were added with."""
    rows: tuple[int, ...]


class SetUserRegions(Change, frozen=True, kw_only=True, tag=True):
    """Take what the user has drawn by hand, in place of what was known of it."""

    text: str
    """A region file as DS9 lists it; empty where there are none."""
    count: int


class AdoptDisplay(Change, frozen=True, kw_only=True, tag=True):
    """Make a frame that the user has made a display."""


class DeleteDisplay(Change, frozen=True, kw_only=True, tag=True):
    """Remove the display."""


class BringToFront(Change, frozen=True, kw_only=True, tag=True):
    """Show the display."""

    key: str


class SetScale(Change, frozen=True, kw_only=True, tag=True):
    """Stretch and limits; what is None stays."""

    stretch: str | None
    mode: str | None
    low: float | None
    high: float | None
    key: str


class SetZoom(Change, frozen=True, kw_only=True, tag=True):
    """Zoom; None fits."""

    factor: float | None
    key: str


class SetPan(Change, frozen=True, kw_only=True, tag=True):
    """Pan to a 0-based parent pixel."""

    x: float
    y: float
    key: str


class SetRotation(Change, frozen=True, kw_only=True, tag=True):
    """Turn the view, degrees counter-clockwise."""

    angle_deg: float
    key: str


class SetFlip(Change, frozen=True, kw_only=True, tag=True):
    """Turn the view round along axes."""

    axes: FlippedAxes
    key: str


class Arrange(Change, frozen=True, kw_only=True, tag=True):
    """Arrange and lock the displays of the window; what is None stays."""

    display: DisplayName = ""
    """None of them."""
    tile: bool | None
    lock_frame: LockedFrames | None
    lock_scale: bool | None
    lock_colormap: bool | None
    size: tuple[int, int] | None = None
    columns: int | None = None
    displays: tuple[DisplayName, ...] | None = None
    """Those that alone are side by side, or blink; none: all."""
    blink_secs: float | None = None
    """0: they do not blink."""
    lock_crosshair: LockedFrames | None = None
    key: str


class SetColormap(Change, frozen=True, kw_only=True, tag=True):
    """Colour map."""

    name: str
    invert: bool
    key: str


class SetMaskColours(Change, frozen=True, kw_only=True, tag=True):
    """Colours of mask planes: names as the user wrote them, or ``ignore``."""

    colours: dict[str, str]
    distinct: bool | None = None
    """Whether other planes get colours that can be told apart; None: as before."""


class Annotate(Change, frozen=True, kw_only=True, tag=True):
    """Choose what the picture says of itself; what is None stays."""

    label: bool | None = None
    limits: bool | None = None
    legend: bool | None = None
    scale_bar: bool | None = None
    compass: bool | None = None
    grid: bool | None = None


class SetMaskTransparency(Change, frozen=True, kw_only=True, tag=True):
    """Transparency in per cent; of one plane only 100 (hide it) is possible."""

    percent: float
    plane: str | None


AnyChange = (
    ShowImage
    | AddMarkers
    | EraseMarkers
    | RemoveMarkers
    | SetUserRegions
    | AdoptDisplay
    | DeleteDisplay
    | BringToFront
    | SetScale
    | SetZoom
    | SetPan
    | SetRotation
    | SetFlip
    | Arrange
    | SetColormap
    | SetMaskColours
    | SetMaskTransparency
    | Annotate
)


def files_of(changes: Iterable[AnyChange]) -> set[str]:
    """Return the names of the pixel files that changes need."""
    shown = (change for change in changes if isinstance(change, ShowImage))
    layers = (layer for change in shown for layer in (change.image, change.mask))
    return {layer.file for layer in layers if layer is not None}
