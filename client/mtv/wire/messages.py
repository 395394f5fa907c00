"""Requests and replies, as tagged structs. ``PROTOCOL.md`` lists them; a test holds the two together."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from mtv.wire.data import Catalog, Dataset, Exposure, File, Handle
from mtv.wire.errors import Error
from mtv.wire.limits import Limits
from mtv.wire.steps import AnyStep, Display, LockedFrames, Overlay, Value


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of requests and replies that are not steps."""


# Requests


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """Open a session. The first message of a connection. Answered by `Welcome`."""

    versions: tuple[int, int]
    """Major and minor that the client speaks."""
    program: str = ""
    """What runs the client, for status: ``python tutorial.py``."""
    host: str = ""
    user: str = ""
    pid: int = 0
    x_display: str = ""
    """The client's ``$DISPLAY``, used by a daemon of the same user that has none."""
    xauthority: str = ""
    """The client's ``$XAUTHORITY``."""
    secret: str = ""
    """Secret of which the session's id is made (`mtv.wire.proof`): it lets the session go on on another connection."""


class Bye(Message, frozen=True, kw_only=True, tag="bye"):
    """Close a session: its answers are forgotten; handles live on till their lease ends. Answered by `Done`."""


class Status(Message, frozen=True, kw_only=True, tag="status"):
    """Ask for the daemon's state; never queues behind work. Answered by `Report`."""


class Describe(Message, frozen=True, kw_only=True, tag="describe"):
    """Ask what a display is meant to show. Answered by `DisplayReport`."""

    display: Display = 0


class Repositories(Message, frozen=True, kw_only=True, tag="repositories"):
    """Ask for the repositories that can be named. Answered by `RepositoryList`."""


EVERYBODYS: Final = "*"
"""Request id of all that wait."""


class Cancel(Message, frozen=True, kw_only=True, tag="cancel"):
    """Cancel a request of any session of the same user. Answered by `Cancelled`."""

    request_id: str = ""
    """``session-sequence``; `EVERYBODYS` for all that wait, of all sessions; empty for all of one's own session: what
    is left out by mistake takes nobody else's work away."""


class Get(Message, frozen=True, kw_only=True, tag="get"):
    """Bring a dataset, a file or a handle's data to the client. Answered by `Got`."""

    target: Dataset | File | Handle
    columns: tuple[str, ...] = ()
    """For catalogs and tables: only these columns; all where empty."""
    select: str = ""
    """For catalogs and tables: only the rows that this expression chooses; all where empty."""


class Release(Message, frozen=True, kw_only=True, tag="release"):
    """Give a handle back before its lease ends. Answered by `Done`."""

    handle: str


class Transaction(Message, frozen=True, kw_only=True, tag="transaction"):
    """Steps that take effect as one, or not at all. Answered by `Receipt`, then `Outcome`."""

    steps: tuple[AnyStep, ...]
    supersede: bool = False
    """True: a newer request like this may take its place while it waits; only for a lone `Mtv`."""
    deadline_secs: float | None = None
    """What still waits after this time is failed, not drawn."""
    strict: bool = False
    """True: steps that act on a display, an overlay or a mask plane are refused where it is not there, and no step
    makes it. False: a setting may come before what it is for."""


class Frame(Message, frozen=True, kw_only=True, tag="frame"):
    """The next frame of a feed. Answered by `Outcome`, without a receipt, when it is on the screen."""

    feed: str
    """Name of the feed: one of its session."""
    display: Display
    target: Exposure
    markers: Overlay | None = None
    """Of this frame: an overlay of its display."""
    slots: tuple[str, ...] = ()
    """Pixel files that the feed writes over again and again. They stay its own: the daemon removes none of them before
    the feed ends, and the feed writes into none that is shown."""
    smooth_secs: float = 0.0
    """Above 0: limits follow the pixels, averaged over about so many seconds; else they are the display's."""
    published: int = 0
    """By the feed so far, this one included."""
    dropped: int = 0
    age_secs: float = 0.0
    """Since it was published, when it was sent."""


class Play(Message, frozen=True, kw_only=True, tag="play"):
    """Play datasets one after the other on a display, in the daemon; it goes on when the client goes.

    It takes the place of a movie that plays there. Answered by `Movie`, which is told again where this is sent again.
    """

    display: Display = 0
    targets: tuple[Dataset | File, ...]
    fps: float = 2.0
    """Frames a second."""
    loop: bool = False
    """True: after the last the first one follows; else the movie ends there."""
    every: bool = False
    """True: all are shown, more slowly where they must; else those are skipped that would be too late."""
    start: int = 0
    """Index of the first one to show; negative from the end."""
    paused: bool = False
    """True: that one is shown, and no other before `Steer` says so."""


class Steer(Message, frozen=True, kw_only=True, tag="steer"):
    """Steer a movie. Answered by `Movie`: after a pause, a step or a seek, when the frame is on the screen."""

    display: Display = 0
    movie: str = ""
    """Id; empty for the one that plays on the display."""
    action: Literal["play", "pause", "step", "seek", "speed", "loop", "stop"]
    value: float = 1.0
    """Of a step, frames from the newest, negative backwards, and the movie pauses; of a seek, an index, negative from
    the end; of a speed, frames a second; of a loop, 1 or 0."""


class Follow(Message, frozen=True, kw_only=True, tag="follow"):
    """Ask how a movie goes, now or when that has changed. Answered by `Movie`, also of one that has ended."""

    display: Display = 0
    movie: str = ""
    """Id; empty for the one that plays on the display."""
    seen: int = -1
    """Number of the state that the client has; -1 for none."""
    within_secs: float = 0.0
    """How long to wait for another one; at most a minute."""


class Sync(Message, frozen=True, kw_only=True, tag="sync"):
    """Wait until everything acknowledged so far is on the screen. Answered by `Done`."""


class Snapshot(Message, frozen=True, kw_only=True, tag="snapshot"):
    """A picture of the window's image area. Answered by `Picture`."""

    display: Display | None = None
    """Brought to the front first; None takes the window as it is."""
    format: Literal["png", "jpeg"] = "png"


class Subscribe(Message, frozen=True, kw_only=True, tag="subscribe"):
    """Ask for the events of the window, or tell which have come. Answered by `Subscribed`; then `Event` follow."""

    seen: int = 0
    """Number of the last event that came. So many more as the daemon's window allows are sent before the next."""


class Unsubscribe(Message, frozen=True, kw_only=True, tag="unsubscribe"):
    """Ask for no more events. Answered by `Done`."""


class Shutdown(Message, frozen=True, kw_only=True, tag="shutdown"):
    """Stop the daemon in order. Answered by `Done`, then the daemon leaves."""

    keep_window: bool | None = None
    """None follows the daemon's setting."""


Request = (
    Hello
    | Bye
    | Status
    | Describe
    | Repositories
    | Cancel
    | Get
    | Release
    | Transaction
    | Frame
    | Play
    | Steer
    | Follow
    | Sync
    | Snapshot
    | Subscribe
    | Unsubscribe
    | Shutdown
    | AnyStep
)

# Replies


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
    """What it holds: a client that reads the same shares the host and may use the directory."""
    repositories: tuple[str, ...] = ()
    epoch: str = ""
    """Name of this daemon's run."""


class Receipt(Message, frozen=True, kw_only=True, tag="receipt"):
    """The request was understood and waits its turn. It is no acknowledgement of effect: only the reply is."""


class Done(Message, frozen=True, kw_only=True, tag="done"):
    """Carried out, nothing to tell."""


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


class Rows(Message, frozen=True, kw_only=True, tag="rows"):
    """A page of a query."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    ids: tuple[str, ...] = ()
    """For datasets: their UUIDs, one a row."""
    repo: str = ""
    dataset_type: str = ""
    cursor: str = ""
    """For the next page; empty on the last."""
    mark: str = ""
    """Of a query with ``since``: how far it has looked. The same as before where nothing has come to the repository."""


class Loaded(Message, frozen=True, kw_only=True, tag="loaded"):
    """Data in the daemon's cache."""

    handle: str
    shape: tuple[int, ...] = ()
    """``(y, x)`` of an image, ``(rows,)`` of a table."""
    dtype: str = ""
    planes: dict[str, int] = {}
    xy0: tuple[int, int] = (0, 0)
    bytes: int = 0
    expires_secs: float = 0.0
    label: str = ""
    notes: tuple[str, ...] = ()
    """Of an image: see `~mtv.wire.data.Exposure`."""


class Got(Message, frozen=True, kw_only=True, tag="got"):
    """Data for the client."""

    data: Exposure | None = None
    catalog: Catalog | None = None
    value: Value | dict[str, Value] | list[Value] = None
    """A component that is neither: a bounding box, metadata, a WCS as cards."""
    notes: tuple[str, ...] = ()
    """Parts that a value leaves out, and why. An exposure has notes of its own."""


class StepOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one step."""

    state: Literal["done", "superseded", "failed"] = "done"
    error: Error | None = None
    display: int | None = None
    """The number of the display that the step concerned."""
    planes: dict[str, str] = {}
    """Of `Mtv`: mask plane to the colour it is shown in."""
    rows: Rows | None = None
    """Of `Query`."""
    loaded: Loaded | None = None
    """Of `Load`."""
    markers: int = 0
    """Of `Overlay`: markers that it added."""
    note: str = ""
    """Parts that were left out or do not count, and why, in words for the user; of `Mtv`, the notes of its image."""


class Outcome(Message, frozen=True, kw_only=True, tag="outcome"):
    """What became of a transaction: DS9 has it and the journal has it, or nothing of it. The redraw is owed."""

    steps: tuple[StepOutcome, ...]
    note: str = ""
    """Said once where people should know it: the window is on a virtual screen."""


class MaskState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Mask of a display."""

    planes: dict[str, int] = {}
    colours: dict[str, str] = {}
    """Plane to colour name or ``ignore``: those shown, and those set for planes still to come."""
    transparency_percent: float = 0.0


class DisplayReport(Message, frozen=True, kw_only=True, tag="display"):
    """What one display is meant to show."""

    number: int
    name: str = ""
    exists: bool = True
    label: str = ""
    shape: tuple[int, ...] = ()
    xy0: tuple[int, int] = (0, 0)
    mask: MaskState = MaskState()
    overlays: dict[str, int] = {}
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
    colormap: str = "grey"
    notes: tuple[str, ...] = ()
    """Parts of the image's source that are not shown, and why; see `~mtv.wire.data.Exposure`."""


class Arrangement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the displays are arranged in the window, and what they share."""

    tile: bool = False
    lock_frame: LockedFrames = "none"
    lock_scale: bool = False
    lock_colormap: bool = False
    size: tuple[int, int] | None = None
    """Of the image area in pixels, as it was asked for; None where nobody has."""


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


class Cancelled(Message, frozen=True, kw_only=True, tag="cancelled"):
    """How many requests were cancelled."""

    count: int


class Picture(Message, frozen=True, kw_only=True, tag="picture"):
    """A picture; its bytes are the message's only buffer."""

    format: str
    width: int = 0
    height: int = 0


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
    display: Display
    session: str = ""
    published: int = 0
    """As the producer says, as is what was dropped."""
    shown: int = 0
    dropped: int = 0
    bytes: int = 0
    """Of all pixels that were shown."""
    fps: float = 0.0
    """Frames a second, of those shown last."""
    latency_p50_secs: float = 0.0
    """From publishing to the screen, of the frames shown last."""
    latency_p99_secs: float = 0.0


class Movie(Message, frozen=True, kw_only=True, tag="movie"):
    """How a movie goes."""

    movie: str
    """Its id."""
    display: Display
    state: Literal["playing", "paused", "ended"]
    reason: str = ""
    """Why it has ended: ``end``, ``stopped``, ``replaced`` by another image or movie, ``deleted`` with its display,
    ``closed`` with the window by the user, or ``failed``."""
    count: int
    """Datasets that it has."""
    position: int = -1
    """Index of the one on the screen; -1 before the first."""
    label: str = ""
    """Of that one, with its place in the movie."""
    fps: float
    """Frames a second, as asked for."""
    loop: bool = False
    every: bool = False
    shown: int = 0
    skipped: int = 0
    """Passed over, because reading or the screen was too slow."""
    failed: int = 0
    """Could not be read or drawn."""
    shown_fps: float = 0.0
    """Frames a second of those shown last, since it was last set going."""
    error: Error | None = None
    """Of the last one that failed."""
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
    """That play or pause."""
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
    """What is left, of the limit or of the file system."""
    memory_bytes: int = 0
    """Resident memory of the daemon's own process."""
    journal_bytes: int = 0
    workers: int = 0


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
    """Of the last event before those that follow."""


class Event(Message, frozen=True, kw_only=True, tag="event"):
    """Something that the user did in the window, or that became of it. What clients draw is no event."""

    number: int = 0
    """Grows by one with each event of the daemon's run; a client that misses a number has lost an event."""
    kind: str
    """``key``, ``frame``, ``region``, ``window`` or ``gap``; others may follow."""
    action: str = ""
    """Of a frame ``made``, ``deleted`` or ``raised``; of a region ``drawn``, ``moved``, ``edited``, ``deleted`` or,
    where there were too many to tell, ``changed``; of the window ``open``, ``closed`` (by the user) or ``lost``."""
    display: int | None = None
    name: str = ""
    """Of the display, where it has one."""
    key: str = ""
    """X11's name of the key: ``a``, ``A``, ``plus``, ``Up``."""
    x: float | None = None
    """0-based parent pixel under the pointer, or of the region's centre; None where there is no image."""
    y: float | None = None
    value: float | None = None
    """Of the pixel under the pointer; None outside of the image, and where it is not finite."""
    overlay: str = ""
    """That the region belongs to; ``user`` where it was drawn by hand."""
    marker: int | None = None
    """DS9's number of the region on its frame."""
    shape: str = ""
    """``circle``, ``ellipse``, ``box``, ``polygon``, ``line``, ``point`` ..., as DS9 has it."""
    sizes: tuple[float, ...] = ()
    """Radii of a circle, ellipse or annulus, width and height of a box, in pixels; empty for other shapes."""
    angle_deg: float | None = None
    """From x to y."""
    count: int = 0
    """Of a gap: how many events were lost; 0 where nobody knows."""
    reason: str = ""


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
    | Failed
)
