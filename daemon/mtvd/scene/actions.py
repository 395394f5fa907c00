"""Actions that the planner asks of the stage: plain values, no DS9 words, no sockets.

An action names a frame by the display's number. The stage turns actions into one script per batch; a fake records
them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

from mtv.wire.regions import Region, weight_of


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all values of this module."""


class ImageLayer(Value, frozen=True, kw_only=True):
    """The pixels of an image: a FITS file in the pixel directory, header and all."""

    file: str
    """Name in the pixel directory: unique for its content, except that feeds rewrite theirs in place."""
    shape_yx: tuple[int, int]
    dtype: str
    """Big-endian numpy name: ``>f4``, ``>i2``, ``|u1``."""
    header_bytes: int
    """Offset of the pixels in the file: a multiple of 2880."""
    xy0: tuple[int, int]
    label: str
    unit: str
    stream: int = 0
    """Checksum of the WCS of a feed's frame, never 0; frames of one stream differ in pixels, label and notes alone."""
    notes: tuple[str, ...] = ()
    """Parts of its source that are not shown, and why; for users alone."""
    caption: str = ""
    """Name that the picture bears; the label where empty."""


class MaskLayer(Value, frozen=True, kw_only=True):
    """The integer mask of an image: raw pixels in a file of the pixel directory, kept for recolouring and readout."""

    file: str
    shape_yx: tuple[int, int]
    dtype: str
    """numpy name of the integers, any byte order."""
    offset: int
    """First byte of the pixels."""
    xy0: tuple[int, int]
    planes: tuple[tuple[str, int], ...]
    """Plane name and bit number, by bit number."""


class Markers(Value, frozen=True, kw_only=True):
    """Markers that were added together: columns of one length, packed as little-endian ``<f8``."""

    key: str
    """Unique within the scene: request id and step."""
    count: int
    x: bytes
    """``<f8``: 0-based parent pixels, or degrees ICRS."""
    y: bytes
    size: bytes
    """``<f8`` of length 1 or ``count``: pixels, arc seconds, or points of the font."""
    symbols: tuple[str, ...]
    """Length 1 or ``count``."""
    colours: tuple[str, ...]
    """``#rrggbb``; length 1 or ``count``."""
    system: Literal["pixel", "sky"]
    lines: bool
    exact: bool = False
    """True: the sizes are those of the image, however small that is on the screen."""
    repeated: int = 0
    """Number of first rows that repeat the end of the markers before: a line that goes on begins where it stopped."""
    regions: tuple[Region, ...] = ()
    """Regions of any shape, checked, in place of the columns."""

    @property
    def weight(self) -> int:
        """Number of markers that would cost as much: a region has a weight of its own."""
        return sum(map(weight_of, self.regions)) if self.regions else self.count

    def between(self, first: int, end: int) -> Markers:
        """Return the markers of some rows in a row."""

        def floats(column: bytes) -> bytes:
            return column if len(column) == 8 else column[8 * first : 8 * end]

        def texts(column: tuple[str, ...]) -> tuple[str, ...]:
            return column if len(column) == 1 else column[first:end]

        return msgspec.structs.replace(
            self,
            count=end - first,
            x=self.x[8 * first : 8 * end],
            y=self.y[8 * first : 8 * end],
            size=floats(self.size),
            symbols=texts(self.symbols),
            colours=texts(self.colours),
            regions=self.regions[first:end],
        )

    def without(self, rows: Collection[int]) -> Markers:
        """Return the markers without some rows."""
        gone = set(rows)
        kept = [row for row in range(self.count) if row not in gone]

        def floats(column: bytes) -> bytes:
            return column if len(column) == 8 else b"".join(column[8 * row : 8 * row + 8] for row in kept)

        def texts(column: tuple[str, ...]) -> tuple[str, ...]:
            return column if len(column) == 1 else tuple(column[row] for row in kept)

        return msgspec.structs.replace(
            self,
            count=len(kept),
            repeated=sum(row < self.repeated for row in kept),
            x=floats(self.x) if kept else b"",
            y=floats(self.y) if kept else b"",
            size=floats(self.size),
            symbols=texts(self.symbols),
            colours=texts(self.colours),
            regions=tuple(self.regions[row] for row in kept) if self.regions else (),
        )


class Action(msgspec.Struct, frozen=True, kw_only=True, tag_field="action"):
    """Base of all actions."""

    frame: int


class CreateFrame(Action, frozen=True, kw_only=True, tag=True):
    """Make a frame, empty, without bringing it to the front. Does nothing where it exists."""

    name: str = ""


class DeleteFrame(Action, frozen=True, kw_only=True, tag=True):
    """Remove a frame with all that is on it. Does nothing where it does not exist."""


class ResetFrame(Action, frozen=True, kw_only=True, tag=True):
    """Empty a frame of image, masks and markers, and put its view back to the stage's defaults; make it if needed."""


class LoadImage(Action, frozen=True, kw_only=True, tag=True):
    """Replace the frame's image; drops its masks; keeps its markers, stretch, zoom and pan."""

    image: ImageLayer
    alike: bool = False
    """True: it differs from the image before in its pixels and label alone; menus and dialogs stay as they are."""


class LoadMask(Action, frozen=True, kw_only=True, tag=True):
    """Replace the frame's mask layers by those of a mask in these colours; an empty ``colours`` shows none."""

    mask: MaskLayer
    colours: tuple[tuple[str, str], ...]
    """Visible planes and their ``#rrggbb``, from the bottom to the top: later planes cover earlier ones."""
    transparency_percent: float


class SetMaskTransparency(Action, frozen=True, kw_only=True, tag=True):
    """Transparency of all mask layers of the frame."""

    percent: float


class AddMarkers(Action, frozen=True, kw_only=True, tag=True):
    """Draw markers, tagged with their overlay."""

    overlay: str
    markers: Markers


class DeleteMarkers(Action, frozen=True, kw_only=True, tag=True):
    """Remove an overlay's markers, or all markers of the frame where ``overlay`` is None."""

    overlay: str | None


class DrawUserRegions(Action, frozen=True, kw_only=True, tag=True):
    """Replace the frame's regions that carry no tag of ours by those of a region file."""

    text: str
    """As DS9 itself lists them; empty removes them."""


class SetScale(Action, frozen=True, kw_only=True, tag=True):
    """Stretch and limits; fixed where ``low`` and ``high`` are given, else automatic."""

    stretch: str
    mode: str
    """``minmax``, ``zscale`` or per cent as text; ignored where limits are fixed."""
    low: float | None
    high: float | None


class SetColormap(Action, frozen=True, kw_only=True, tag=True):
    """DS9 colour map by name."""

    name: str
    invert: bool


class SetZoom(Action, frozen=True, kw_only=True, tag=True):
    """Screen pixels per image pixel; None fits the image into the window and centres it."""

    factor: float | None


class FitAgain(Action, frozen=True, kw_only=True, tag=True):
    """Fit the image into the window once more; does nothing where its frame has the size that it was fitted to."""


class SetRotation(Action, frozen=True, kw_only=True, tag=True):
    """Turn the view, degrees counter-clockwise from the upright."""

    angle_deg: float


class SetFlip(Action, frozen=True, kw_only=True, tag=True):
    """Turn the view round along axes: ``x``, ``y``, ``xy`` or ``none``."""

    axes: str


class Arrange(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag=True):
    """Arrange the frames in the window and lock what they share."""

    tile: bool
    lock_frame: str
    """``none``, ``image``, ``physical`` or ``wcs``."""
    lock_scale: bool
    lock_colormap: bool
    leader: int | None
    """Frame that the others are aligned to at once; None leaves them as they are."""
    size: tuple[int, int] | None = None
    """Width and height that the image area gets, in pixels; None leaves it as it is."""
    columns: int = 0
    """Columns of tiles; 0: as DS9 chooses."""
    frames: tuple[int, ...] = ()
    """Frames that come first, in this order."""
    chosen: bool = False
    """True: no others are side by side, or blink."""
    blink_secs: float = 0.0
    """Period in which frames follow each other; 0: they do not."""
    lock_crosshair: str = "none"
    """As `lock_frame`; ``none``: there is no crosshair."""


class SetPan(Action, frozen=True, kw_only=True, tag=True):
    """Centre on a 0-based parent pixel."""

    x: float
    y: float


class RaiseFrame(Action, frozen=True, kw_only=True, tag=True):
    """Bring the frame to the front; only this action changes what is in front."""


class Annotate(Action, frozen=True, kw_only=True, tag=True):
    """Draw what the picture says of itself, in place of what it said."""

    names: tuple[str, ...] = ()
    """Parts that are shown; see `mtvd.scene.annotations.NAMES`."""
    caption: str = ""
    unit: str = ""
    """Unit of the pixels, for the limits."""


AnyAction = (
    CreateFrame
    | DeleteFrame
    | ResetFrame
    | LoadImage
    | LoadMask
    | SetMaskTransparency
    | AddMarkers
    | DeleteMarkers
    | DrawUserRegions
    | SetScale
    | SetColormap
    | SetZoom
    | FitAgain
    | SetPan
    | SetRotation
    | SetFlip
    | Arrange
    | RaiseFrame
    | Annotate
)
