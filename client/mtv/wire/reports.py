"""Reports, as tagged structs: the state of the daemon, its window, displays, movies and repositories."""

from __future__ import annotations

from typing import Literal

import msgspec

from mtv.wire.errors import Error
from mtv.wire.message import Message
from mtv.wire.steps import DisplayName, FlippedAxes, LockedFrames


class WindowState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """State of the DS9 window."""

    state: Literal["absent", "starting", "ready", "lost", "failed"] = "absent"
    reason: str = ""
    title: str = ""
    pid: int = 0
    x_display: str = ""
    headless: bool = False
    """True where the window is on a virtual screen that nobody sees."""
    attached: bool = False
    """True for a DS9 that the user runs (`stage.attach`)."""
    restarts: int = 0
    version: str = ""
    """DS9's own, such as ``8.4.1``; empty where there is no window."""


class MaskState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Mask of a display."""

    planes: dict[str, int] = {}
    colours: dict[str, str] = {}
    """Plane to colour name or ``ignore``: those shown, and those set for planes still to come."""
    transparency_percent: float = 0.0
    distinct: bool = False
    """True: planes that nobody has coloured have colours that can be told apart. Since 1.4."""


class DisplayReport(Message, frozen=True, kw_only=True, tag="display"):
    """State of one display: what it is meant to show."""

    number: int
    name: str = ""
    exists: bool = True
    label: str = ""
    shape: tuple[int, ...] = ()
    xy0: tuple[int, int] = (0, 0)
    mask: MaskState = MaskState()
    overlays: dict[str, int] = msgspec.field(default_factory=dict)
    """Overlay name to number of markers."""
    stretch: str = "linear"
    mode: str = ""
    """``minmax``, ``zscale``, per cent as text, or empty where limits are fixed."""
    limits: tuple[float, float] | None = None
    zoom: float | None = None
    """None where fitted."""
    pan: tuple[float, float] | None = None
    """0-based parent pixel ``(x, y)``; None where centred."""
    rotation_deg: float = 0.0
    flip: FlippedAxes = "none"
    """Axes along which the view is turned round. Since 1.4."""
    colormap: str = "grey"
    notes: tuple[str, ...] = ()
    """Parts of the image's source that are not shown, and why; see `~mtv.wire.data.Exposure`."""
    caption: str = ""
    """Name that the picture bears; the label where empty. Since 1.4."""
    annotations: tuple[str, ...] = ()
    """Parts of the annotation that are shown, by the names of `~mtv.wire.steps.Annotate`. Since 1.4."""


class Arrangement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the displays are arranged in the window, and what they share."""

    tile: bool = False
    lock_frame: LockedFrames = "none"
    lock_scale: bool = False
    lock_colormap: bool = False
    size: tuple[int, int] | None = None
    """Size ``(width, height)`` of the image area in pixels, as it was asked for; None where nobody has."""
    columns: int = 0
    """Columns of tiles; 0: as DS9 chooses. Since 1.4."""
    displays: tuple[DisplayName, ...] = ()
    """Displays that alone are side by side, or blink, in their order; none: all. Since 1.4."""
    blink_secs: float = 0.0
    """Period in which displays follow each other; 0: they do not. Since 1.4."""
    lock_crosshair: LockedFrames = "none"
    """Coordinates by which the crosshair is at the same place of all displays. Since 1.4."""


class RepositoryInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One repository that can be named."""

    alias: str
    location: str = ""
    state: str = ""
    """``configured``, ``open``, or what is wrong with it."""
    default: bool = False


class RepositoryList(Message, frozen=True, kw_only=True, tag="repository_list"):
    """The repositories that can be named."""

    repositories: tuple[RepositoryInfo, ...]


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One client."""

    session: str
    program: str = ""
    pid: int = 0
    host: str = ""
    requests: int = 0
    waiting: int = 0
    """Requests without an outcome yet."""
    subscribed: bool = False
    events_dropped: int = 0
    """Events that it never got, because it did not take those before."""


class FeedInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One feed, while its producer goes on: ``published`` is ``shown + dropped``, but for what is on its way."""

    feed: str
    display: DisplayName
    session: str = ""
    published: int = 0
    """As the producer says, as is what was dropped."""
    shown: int = 0
    dropped: int = 0
    bytes: int = 0
    """Size of all pixels that were shown."""
    fps: float = 0.0
    """Frames a second, of those shown last."""
    latency_p50_secs: float = 0.0
    """From publishing to the screen, of the frames shown last."""
    latency_p99_secs: float = 0.0


class Movie(Message, frozen=True, kw_only=True, tag="movie"):
    """How a movie goes."""

    movie: str
    """Its id."""
    display: DisplayName
    state: Literal["playing", "paused", "ended"]
    reason: str = ""
    """Why it has ended: ``end``, ``stopped``, ``replaced`` by another image or movie, ``deleted`` with its display,
    ``closed`` with the window by the user, or ``failed``."""
    count: int
    """Datasets that it has."""
    position: int = -1
    """Index of the one on the screen; -1 before the first."""
    label: str = ""
    """Label of that one, with its place in the movie."""
    fps: float
    """Frames a second, as asked for."""
    loop: bool = False
    every: bool = False
    shown: int = 0
    """Frames that came to the screen; in each round of a loop anew."""
    skipped: int = 0
    """Passed over, because reading or the screen was too slow."""
    failed: int = 0
    """Could not be read or drawn."""
    shown_fps: float = 0.0
    """Frames a second of those shown last, since it was last set going."""
    error: Error | None = None
    """Error of the last one that failed."""
    number: int = 0
    """Grows with each change."""


class Report(Message, frozen=True, kw_only=True, tag="report"):
    """The daemon's state."""

    release: str
    pid: int
    uptime_secs: float
    endpoint: str
    listen: str = ""
    """Where it is reached from other hosts; empty where it is not."""
    window: WindowState
    displays: tuple[DisplayReport, ...] = ()
    front: int | None = None
    arrangement: Arrangement = Arrangement()
    sessions: tuple[SessionInfo, ...] = ()
    """At most 100: those that wait, and those heard of last."""
    session_count: int = 0
    """All that said hello."""
    feeds: tuple[FeedInfo, ...] = ()
    movies: tuple[Movie, ...] = ()
    """Movies that play or pause."""
    repositories: tuple[RepositoryInfo, ...] = ()
    queue: int = 0
    """Transactions that wait."""
    batches: int = 0
    transactions: int = 0
    pixel_files: int = 0
    """Counted now and then where there are very many."""
    pixel_bytes: int = 0
    pixel_bytes_limit: int = 0
    pixel_room_bytes: int = 0
    """Space that is left, of the limit or of the file system."""
    memory_bytes: int = 0
    """Resident memory of the daemon's own process."""
    journal_bytes: int = 0
    workers: int = 0
