"""Replies, as tagged structs, but for reports. ``PROTOCOL.md`` lists all messages; a test holds the two together."""

from __future__ import annotations

from typing import Literal

import msgspec

from mtv.wire.data import Catalog, Exposure
from mtv.wire.errors import Error
from mtv.wire.limits import Limits
from mtv.wire.message import Message
from mtv.wire.regions import Region
from mtv.wire.reports import DisplayReport, Movie, Report, RepositoryList, WindowState
from mtv.wire.steps import Value


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    """The daemon's greeting."""

    versions: tuple[int, int]
    release: str
    """Version of the distribution."""
    limits: Limits
    window: WindowState
    pixel_directory: str = ""
    """Where shared pixel files lie; for clients that can read the nonce there."""
    nonce_name: str = ""
    """File in the pixel directory."""
    nonce: str = ""
    """Content of that file: a client that reads the same shares the host and may use the directory."""
    repositories: tuple[str, ...] = ()
    epoch: str = ""
    """Name of this daemon's run."""


class Receipt(Message, frozen=True, kw_only=True, tag="receipt"):
    """The request was understood and waits its turn. It is no acknowledgement of effect: only the reply is."""


class Done(Message, frozen=True, kw_only=True, tag="done"):
    """Carried out, nothing to tell."""


class Rows(Message, frozen=True, kw_only=True, tag="rows"):
    """A page of a query."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    ids: tuple[str, ...] = ()
    """UUIDs of datasets, one a row."""
    repo: str = ""
    dataset_type: str = ""
    cursor: str = ""
    """Cursor of the next page; empty on the last."""
    mark: str = ""
    """Position from which a query with ``since`` asks the next time; the same as before where nothing has come."""


class Loaded(Message, frozen=True, kw_only=True, tag="loaded"):
    """Data in the daemon's cache."""

    handle: str
    shape: tuple[int, ...] = ()
    """``(y, x)`` of an image, ``(rows,)`` of a table."""
    dtype: str = ""
    planes: dict[str, int] = msgspec.field(default_factory=dict)
    xy0: tuple[int, int] = (0, 0)
    bytes: int = 0
    expires_secs: float = 0.0
    label: str = ""
    notes: tuple[str, ...] = ()
    """Notes of an image: see `~mtv.wire.data.Exposure`."""


class Got(Message, frozen=True, kw_only=True, tag="got"):
    """Data for the client."""

    data: Exposure | None = None
    catalog: Catalog | None = None
    value: Value | dict[str, Value] | list[Value] = None
    """A component that is neither: a bounding box, metadata, a WCS as cards."""
    notes: tuple[str, ...] = ()
    """Parts that a value leaves out, and why. An exposure has notes of its own."""


class StepOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Result of one step."""

    state: Literal["done", "superseded", "failed"] = "done"
    error: Error | None = None
    display: int | None = None
    """The number of the display that the step concerned."""
    planes: dict[str, str] = {}
    """Mask plane to the colour it is shown in, of `Mtv`."""
    rows: Rows | None = None
    """Rows of a `Query`."""
    loaded: Loaded | None = None
    """Result of a `Load`."""
    markers: int = 0
    """Markers that an `Overlay` added."""
    note: str = ""
    """Parts that were left out or do not count, and why, in words for the user; of `Mtv`, the notes of its image."""


class Outcome(Message, frozen=True, kw_only=True, tag="outcome"):
    """Result of a transaction: DS9 has it and the journal has it, or nothing of it. The redraw is owed."""

    steps: tuple[StepOutcome, ...]
    note: str = ""
    """Said once where people should know it: the window is on a virtual screen."""


class Cancelled(Message, frozen=True, kw_only=True, tag="cancelled"):
    """How many requests were cancelled."""

    count: int


class Picture(Message, frozen=True, kw_only=True, tag="picture"):
    """A picture; its bytes are the message's only buffer."""

    format: str
    width: int = 0
    height: int = 0


class Progress(Message, frozen=True, kw_only=True, tag="progress"):
    """How far long work has come."""

    done: int
    total: int
    """0 where nobody knows yet."""
    unit: str = ""


class Subscribed(Message, frozen=True, kw_only=True, tag="subscribed"):
    """Events follow."""

    epoch: str
    """Name of this daemon's run: another one counts events anew."""
    number: int
    """Number of the last event before those that follow."""


class Event(Message, frozen=True, kw_only=True, tag="event"):
    """Something that the user did in the window, or that became of it. What clients draw is no event."""

    number: int = 0
    """Grows by one with each event of the daemon's run; a client that misses a number has lost an event."""
    kind: str
    """``key``, ``frame``, ``region``, ``window`` or ``gap``; others may follow."""
    action: str = ""
    """Done to a frame: ``made``, ``deleted`` or ``raised``; to a region: ``drawn``, ``moved``, ``edited``,
    ``deleted`` or, where there were too many to tell, ``changed``; to the window: ``open``, ``closed`` (by the user)
    or ``lost``."""
    display: int | None = None
    name: str = ""
    """Name of the display, where it has one."""
    key: str = ""
    """X11's name of the key: ``a``, ``A``, ``plus``, ``Up``."""
    x: float | None = None
    """0-based parent pixel under the pointer, or of the region's centre; None where there is no image."""
    y: float | None = None
    value: float | None = None
    """Value of the pixel under the pointer; None outside of the image, and where it is not finite."""
    planes: tuple[str, ...] = ()
    """Mask planes that are set under the pointer."""
    overlay: str = ""
    """Overlay that the region belongs to; ``user`` where it was drawn by hand."""
    marker: int | None = None
    """DS9's number of the region on its frame."""
    shape: str = ""
    """``circle``, ``ellipse``, ``box``, ``polygon``, ``line``, ``point`` ..., as DS9 has it."""
    sizes: tuple[float, ...] = ()
    """Radii of a circle, ellipse or annulus, width and height of a box, in pixels; empty for other shapes."""
    angle_deg: float | None = None
    """From x to y."""
    count: int = 0
    """Number of events that were lost, of a gap; 0 where nobody knows."""
    reason: str = ""


class RegionList(Message, frozen=True, kw_only=True, tag="region_list"):
    """Regions of a display, in DS9's order."""

    regions: tuple[Region, ...]
    notes: tuple[str, ...] = ()
    """Parts that are not told, such as shapes that only DS9 knows."""


class PixelValue(Message, frozen=True, kw_only=True, tag="pixel_value"):
    """A pixel of an image that is shown."""

    x: int
    """0-based parent pixel."""
    y: int
    value: float | int | None = None
    """None where it is no finite number."""
    unit: str = ""
    planes: tuple[str, ...] = ()
    """Mask planes that are set there."""
    ra_deg: float | None = None
    """Place on the sky (ICRS) of the position that was asked for; None where the image has no WCS, or it no place."""
    dec_deg: float | None = None
    label: str = ""
    """Label of the image."""
    notes: tuple[str, ...] = ()
    """Parts that could not be told, and why."""
    position: tuple[float, float] | None = None
    """0-based parent pixels, with fractions, of a place on the sky that was asked for."""


class Failed(Message, frozen=True, kw_only=True, tag="error"):
    """The body of an error message."""

    error: Error


Reply = (
    Welcome
    | Receipt
    | Done
    | Rows
    | Loaded
    | Got
    | Outcome
    | DisplayReport
    | RepositoryList
    | Cancelled
    | Picture
    | Movie
    | Report
    | Progress
    | Subscribed
    | Event
    | RegionList
    | PixelValue
    | Failed
)
