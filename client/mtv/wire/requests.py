"""Requests, as tagged structs: what a client asks of the daemon, beside the steps. ``PROTOCOL.md`` lists them."""

from __future__ import annotations

from typing import Final, Literal

from mtv.wire.data import Dataset, Exposure, File, Handle
from mtv.wire.message import Message
from mtv.wire.steps import AnyStep, DisplayName, Overlay


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """Open a session. The first message of a connection. Answered by `Welcome`."""

    versions: tuple[int, int]
    """Major and minor that the client speaks."""
    program: str = ""
    """Program that runs the client, for status: ``python tutorial.py``."""
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

    display: DisplayName = 0


class Repositories(Message, frozen=True, kw_only=True, tag="repositories"):
    """Ask for the repositories that can be named. Answered by `RepositoryList`."""


EVERYBODYS: Final = "*"
"""Request id of all that wait."""


class Cancel(Message, frozen=True, kw_only=True, tag="cancel"):
    """Cancel a request of any session of the same user. Answered by `Cancelled`."""

    request_id: str = ""
    """``session-sequence``; `EVERYBODYS` for all that wait, of all sessions; empty for all of one's own session: what
    is left out by mistake takes nobody else's work away."""


NAMES_ALONE: Final = "?"
"""Column that stands for the names of all columns, slots and aliases."""


class Get(Message, frozen=True, kw_only=True, tag="get"):
    """Bring a dataset, a file or a handle's data to the client. Answered by `Got`."""

    target: Dataset | File | Handle
    columns: tuple[str, ...] = ()
    """Columns of a catalog or table that are wanted; all where empty. Since 1.4, `NAMES_ALONE`: none is read, and the
    names that could be given are the metadata's ``names``."""
    select: str = ""
    """Expression that chooses rows of a catalog or table; all where empty."""


class Release(Message, frozen=True, kw_only=True, tag="release"):
    """Give a handle back before its lease ends. Answered by `Done`."""

    handle: str


class Transaction(Message, frozen=True, kw_only=True, tag="transaction"):
    """Steps that take effect as one, or not at all. Answered by `Receipt`, then `Outcome`."""

    steps: tuple[AnyStep, ...]
    supersede: bool = False
    """True: a newer request like this may take its place while it waits; only for a lone `Mtv`."""
    deadline_secs: float | None = None
    """Time after which a transaction that still waits is failed, not drawn."""
    strict: bool = False
    """True: steps that act on a display, an overlay or a mask plane are refused where it is not there, and no step
    makes it. False: a setting may come before what it is for."""


class Frame(Message, frozen=True, kw_only=True, tag="frame"):
    """The next frame of a feed. Answered by `Outcome`, without a receipt, when it is on the screen."""

    feed: str
    """Name of the feed: one of its session."""
    display: DisplayName
    target: Exposure
    markers: Overlay | None = None
    """Markers of this frame: an overlay of its display."""
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

    display: DisplayName = 0
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

    display: DisplayName = 0
    movie: str = ""
    """Id; empty for the one that plays on the display."""
    action: Literal["play", "pause", "step", "seek", "speed", "loop", "stop"]
    value: float = 1.0
    """Amount: of a step, frames from the newest, negative backwards, and the movie pauses; of a seek, an index,
    negative from the end; of a speed, frames a second; of a loop, 1 or 0."""


class Follow(Message, frozen=True, kw_only=True, tag="follow"):
    """Ask how a movie goes, now or when that has changed. Answered by `Movie`, also of one that has ended."""

    display: DisplayName = 0
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

    display: DisplayName | None = None
    """Brought to the front first; None takes the window as it is."""
    format: Literal["png", "jpeg"] = "png"
    size: tuple[int, int] | None = None
    """Width and height of a picture of one display alone (since 1.4): what it shows, drawn at that size. Without a
    display it is the one in front."""


class Subscribe(Message, frozen=True, kw_only=True, tag="subscribe"):
    """Ask for the events of the window, or tell which have come. Answered by `Subscribed`; then `Event` follow."""

    seen: int = 0
    """Number of the last event that came. So many more as the daemon's window allows are sent before the next."""


class Unsubscribe(Message, frozen=True, kw_only=True, tag="unsubscribe"):
    """Ask for no more events. Answered by `Done`."""


class ListRegions(Message, frozen=True, kw_only=True, tag="list_regions"):
    """Ask for the regions of a display as the window has them, after all that the session sent before.

    Answered by `RegionList`. Nothing is changed by it.
    """

    display: DisplayName = 0
    system: Literal["pixel", "image", "sky"] = "pixel"
    """Parent pixels, pixels of the array that is shown, or degrees (ICRS)."""
    ours: bool = False
    """True: those that programs have drawn, too; else what was drawn by hand alone."""


class ReadValue(Message, frozen=True, kw_only=True, tag="value"):
    """Ask for a pixel of the image that a display shows. Answered by `PixelValue`."""

    display: DisplayName = 0
    x: float
    """0-based parent pixel; the pixel is the one that it lies in."""
    y: float
    sky: tuple[float, float] | None = None
    """Right ascension and declination (ICRS, degrees) in place of ``x`` and ``y``, which are NaN then."""


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
    | ListRegions
    | ReadValue
    | AnyStep
)
