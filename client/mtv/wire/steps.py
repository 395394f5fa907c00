"""The steps of a transaction: what can be drawn, and the two requests that may come before it in the same batch.

Each step is also a message of its own; a lone step is a transaction of one. Checks that need no state are here, so
that the client makes them before it sends and the daemon before it moves anything.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from mtv.wire.data import Array, Dataset, File, Handle, Source
from mtv.wire.regions import Region

DisplayName = int | str
"""A display's number (from 0, the same as DS9's) or its name."""

Value = int | float | str | bool | None


NOW: Final = "now"
"""A mark without what it stands for: `Rows` bring it, and no datasets but those that the next may repeat."""
START: Final = "start"
"""The mark of an empty repository: all datasets have come since."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of all steps."""


class Query(Step, frozen=True, kw_only=True, tag="query"):
    """Ask the registry. Answered by `Rows`."""

    repo: str = ""
    what: Literal["datasets", "provenance", "data_ids", "dimension_records", "collections", "dataset_types"] = (
        "datasets"
    )
    dataset_type: str = ""
    """Dataset type; for data IDs, the type that must exist for each; for dataset types, a glob."""
    dimensions: tuple[str, ...] = ()
    """Dimensions of the data IDs, or the one element of the records."""
    collections: tuple[str, ...] = ()
    where: str = ""
    bind: dict[str, Value | list[Value]] = {}
    data_id: dict[str, int | str] = {}
    """Keyword constraints: ``{"instrument": "HSC", "physical_filter": "HSC-R"}``."""
    find_first: bool = True
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    """Rows at most; a page never has more than the daemon's limit."""
    cursor: str = ""
    """From the `Rows` before, for its next page."""
    since: str = ""
    """Position since which datasets must have come: the mark of the `Rows` before, or `NOW`, or `START`."""


class Load(Step, frozen=True, kw_only=True, tag="load"):
    """Read into the daemon's cache. Answered by `Loaded`."""

    target: Dataset | File
    lease_secs: float = 600.0
    """How long the handle lives after its last use."""
    ahead: tuple[Dataset | File, ...] = ()
    """Targets that will be loaded next: they may be decoded while nobody waits for them."""


class Mtv(Step, frozen=True, kw_only=True, tag="mtv"):
    """Show an image: replaces image, mask and WCS, removes overlays except lasting ones."""

    display: DisplayName = 0
    target: Source | int
    """Target to show; an integer is the index of a `Load` step earlier in the same transaction."""
    label: str = ""
    """Name that the picture bears in place of the target's own. Since 1.4."""


class Overlay(Step, frozen=True, kw_only=True, tag="overlay"):
    """Add markers to an overlay. Columns have one length; a scalar goes for all rows.

    Rows whose position or size is no finite number are left out, and the outcome's note says how many.

    With a ``target`` the rows are those of a table that the daemon reads: ``x``, ``y`` and ``size`` are names of its
    columns, and ``select`` chooses rows. Nothing of the table goes to the client.
    """

    display: DisplayName = 0
    name: str = "markers"
    target: Dataset | File | Handle | int | None = None
    """Table; an integer is the index of a `Load` step earlier in the same transaction."""
    select: str = ""
    """Expression over the table's columns and flags; all rows where empty."""
    x: Array | tuple[float, ...] | str = ()
    """0-based parent pixels, or right ascension in degrees (ICRS) where ``system`` is ``sky``.

    Of a table: the column, by name or slot; the centroid, or the first usual column of sky positions, where empty.
    """
    y: Array | tuple[float, ...] | str = ()
    """0-based parent pixels, or declination in degrees."""
    system: Literal["pixel", "sky"] = "pixel"
    symbol: str | tuple[str, ...] = "+"
    """``+`` ``x`` ``*`` ``o``, ``@:Mxx,Mxy,Myy``, a shape (`mtv.wire.markers`), or text; one a row where a tuple."""
    size: float | Array | tuple[float, ...] | str = 2.0
    """Radius in pixels (arc seconds where ``system`` is ``sky``); for texts the size of the font in points.

    Of a table also a column, or, since 1.4, an expression over its columns.
    """
    colour: str | tuple[str, ...] = "green"
    """X11 or CSS name, or ``#rrggbb``; of a table also, since 1.4, ``CONDITION ? COLOUR : COLOUR``."""
    lines: bool = False
    """True: the points are joined in their order instead of marked; NaN breaks the line."""
    replace: bool = False
    """True: what the overlay held before is removed in the same step."""
    lasting: bool = False
    """True: the overlay survives `Mtv`."""
    exact: bool = False
    """True: sizes are those of the image, however small on the screen; else markers stay large enough to be seen."""


class Erase(Step, frozen=True, kw_only=True, tag="erase"):
    """Remove one overlay, or all of them; the user's own regions too where all."""

    display: DisplayName = 0
    name: str | None = None


class Delete(Step, frozen=True, kw_only=True, tag="delete"):
    """Remove a display with everything on it."""

    display: DisplayName


class Show(Step, frozen=True, kw_only=True, tag="show"):
    """Bring a display to the front."""

    display: DisplayName = 0


Stretch = Literal["linear", "log", "pow", "sqrt", "squared", "asinh", "sinh", "histogram"]


class Scale(Step, frozen=True, kw_only=True, tag="scale"):
    """Stretch and limits. Either ``mode``, or ``low`` and ``high``; where none is given the limits stay."""

    display: DisplayName = 0
    stretch: Stretch | None = None
    mode: Literal["minmax", "zscale"] | float | None = None
    """Automatic limits; a number is the per cent of pixels kept between them."""
    low: float | None = None
    high: float | None = None


class Zoom(Step, frozen=True, kw_only=True, tag="zoom"):
    """Screen pixels per image pixel; None fits the image into the window."""

    display: DisplayName = 0
    factor: float | None = None


class Pan(Step, frozen=True, kw_only=True, tag="pan"):
    """Centre the view on a 0-based parent pixel."""

    display: DisplayName = 0
    x: float
    y: float


class Rotate(Step, frozen=True, kw_only=True, tag="rotate"):
    """Turn the view counter-clockwise by an angle from the upright."""

    display: DisplayName = 0
    angle_deg: float = 0.0


FlippedAxes = Literal["none", "x", "y", "xy"]


class Flip(Step, frozen=True, kw_only=True, tag="flip"):
    """Show the view from right to left, upside down, or both. Since 1.4."""

    display: DisplayName = 0
    axes: FlippedAxes = "none"


LockedFrames = Literal["none", "image", "physical", "wcs"]


MOST_COLUMNS: Final = 100
"""Columns of tiles at most."""
MOST_TILES: Final = 500
"""Displays that may be chosen."""
LEAST_BLINK_SECS: Final = 0.1
MOST_BLINK_SECS: Final = 3600.0
"""Shortest and longest period of blinking."""


class Arrange(Step, frozen=True, kw_only=True, tag="arrange"):
    """Arrange the displays in the window, and lock what they share; what is None stays."""

    tile: bool | None = None
    """True: side by side; False: one at a time."""
    lock_frame: LockedFrames | None = None
    """Zoom, pan and rotation are shared, aligned by these coordinates."""
    lock_scale: bool | None = None
    """Stretch and limits are shared."""
    lock_colormap: bool | None = None
    size: tuple[int, int] | None = None
    """Width and height of the image area in pixels of the screen. A redraw takes as long as the area is large."""
    columns: int | None = None
    """Columns of tiles, at most as many as there are tiles; 0 leaves them to DS9. Since 1.4."""
    displays: tuple[DisplayName, ...] | None = None
    """Displays that alone are side by side, or blink, in this order; none: all. Since 1.4."""
    blink_secs: float | None = None
    """Period in which displays follow each other, one at a time; 0: they do not. Since 1.4."""
    lock_crosshair: LockedFrames | None = None
    """Coordinates by which a crosshair is at the same place of all displays; ``none``: no crosshair. Since 1.4."""


class Colormap(Step, frozen=True, kw_only=True, tag="colormap"):
    """One of DS9's colour maps, by name."""

    display: DisplayName = 0
    name: str = "grey"
    invert: bool = False


class MaskColour(Step, frozen=True, kw_only=True, tag="mask_colour"):
    """Colours of mask planes; ``ignore`` hides one. They stay when the image changes."""

    display: DisplayName = 0
    colours: dict[str, str]
    distinct: bool | None = None
    """True: all other planes of a mask get colours that can be told apart; False: those that everybody has; None: as
    before. Since 1.4."""


class MaskTransparency(Step, frozen=True, kw_only=True, tag="mask_transparency"):
    """Transparency of the mask, 0 (opaque) to 100 per cent (hidden)."""

    display: DisplayName = 0
    percent: float
    plane: str | None = None
    """One plane: 100 hides it, other values are ``unsupported``, because DS9 has one transparency for all."""


class Annotate(Step, frozen=True, kw_only=True, tag="annotate"):
    """Choose what the picture of a display says of itself; what is None stays. Since 1.4."""

    display: DisplayName = 0
    label: bool | None = None
    """Name of the image; the one part that is shown where nobody has asked."""
    limits: bool | None = None
    """Stretch and limits, in words."""
    legend: bool | None = None
    """Mask planes that have a pixel, and their colours."""
    scale_bar: bool | None = None
    """Bar of a round number of arc seconds, or of pixels where the image has no sky."""
    compass: bool | None = None
    """North and east."""
    grid: bool | None = None
    """Lines of right ascension and declination."""


class Regions(Step, frozen=True, kw_only=True, tag="regions"):
    """Add regions of any shape to an overlay. Those on the sky need the WCS of the image that is shown."""

    display: DisplayName = 0
    name: str = "regions"
    regions: tuple[Region, ...]
    replace: bool = False
    """True: what the overlay held before is removed in the same step."""
    lasting: bool = False
    """True: the overlay survives `Mtv`."""


AnyStep = (
    Query
    | Load
    | Mtv
    | Overlay
    | Erase
    | Delete
    | Show
    | Scale
    | Zoom
    | Pan
    | Rotate
    | Flip
    | Arrange
    | Colormap
    | MaskColour
    | MaskTransparency
    | Annotate
    | Regions
)

STEP_TYPES: tuple[type[Step], ...] = (
    Query,
    Load,
    Mtv,
    Overlay,
    Erase,
    Delete,
    Show,
    Scale,
    Zoom,
    Pan,
    Rotate,
    Flip,
    Arrange,
    Colormap,
    MaskColour,
    MaskTransparency,
    Annotate,
    Regions,
)
