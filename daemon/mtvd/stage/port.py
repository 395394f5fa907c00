"""Port that any display backend implements: DS9, and the fake of the tests. Both pass the same contract.

The stage opens its window in `Stage.ensure`, never before. Each new window has a new generation; the engine compares
generations to learn that all it had drawn is gone. The stage never queues: one `Stage.run` at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np

from mtv.wire.reports import WindowState
from mtvd.scene.actions import AnyAction


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The actions of one transaction: run in their order, stopped at the first that fails, without harm to others."""

    key: str
    """Request id, or ``restore`` for a display put back."""
    actions: tuple[AnyAction, ...]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Sections that are drawn with one script."""

    epoch: str
    """The daemon's run."""
    number: int
    """Grows by one with every batch of an epoch."""
    sections: tuple[Section, ...]
    heeds: bool = False
    """True: nothing of it is drawn where the user has changed something since the batch before; see `UserMoved`."""
    redraws: bool = False
    """True: it is on the screen when the call returns; else the redraw is owed."""


class SectionResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of one section."""

    key: str
    failed_action: int | None = None
    """Index of the action that the window refused; None where all were done."""
    message: str = ""
    """The window's own words."""
    unreached: Mapping[str, int] = {}
    """Key of `~mtvd.scene.actions.Markers` to the number left out, because the projection does not reach them."""


class StageError(Exception):
    """The stage cannot draw now. The message is for people; nothing of the batch may be taken as drawn."""


class WindowUnavailable(StageError):
    """The window cannot be opened: no DS9, no X display, or it failed too often. Nothing was drawn."""


class WindowLost(StageError):
    """The window died, hung or answered nonsense during the call; how much was drawn is not known."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something on a frame that is other than it was right after the last batch."""

    frame: int
    what: str
    """``made``, ``deleted``, ``front``, ``zoom``, ``rotation``, ``flip``, ``pan``, ``stretch``, ``limits``,
    ``colormap``, ``transparency``, ``user`` or ``gone``; `mtvd.stage.talk.hand` says what the value of each is."""
    value: str = ""


class UserMoved(StageError):
    """The user has changed the window since the last batch; nothing of this one was drawn, and the window is there."""

    def __init__(self, differences: tuple[Difference, ...]) -> None:
        super().__init__(f"the user has changed {', '.join(f'{one.what} of {one.frame}' for one in differences)}")
        self.differences = differences


class PieceBox(NamedTuple):
    """Place of a piece in a picture, in pixels from its upper left corner."""

    left: int
    top: int
    width: int
    height: int


class PiecePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces that a large picture needs. The rest of it is background."""

    boxes: tuple[PieceBox, ...]
    background: tuple[int, int, int]
    """Red, green and blue."""
    view: str
    """Words for the view: equal as long as the user has not changed it."""
    small: np.ndarray[Any, np.dtype[np.uint8]] | None = None
    """``(y, x, rgb)``: the picture in small; None where it was not looked at."""
    scale: float = 0.0
    """Pixels of the small picture in one of the large one."""


class Pieces(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces of a large picture, in a row."""

    view: str
    """The view that they were taken of, as in `PiecePlan`."""
    pixels: tuple[np.ndarray[Any, np.dtype[np.uint8]], ...]
    """``(y, x, rgb)`` each, as large as its box; at least one."""


class Stage(Protocol):
    """A window that draws batches."""

    @property
    def state(self) -> WindowState:
        """State for status and Welcome."""
        ...

    @property
    def colormaps(self) -> tuple[str, ...]:
        """Names of the window's colour maps; empty where there is no window, or it does not say them."""
        ...

    def offer_display(self, x_display: str, xauthority: str) -> None:
        """Tell of an X display of the same user that may be used where the daemon itself has none."""
        ...

    async def ensure(self) -> int:
        """Open the window unless it is open, and return its generation.

        Raises
        ------
        WindowUnavailable
            With the reason and the exact command that would help.
        """
        ...

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        """Draw a batch: one script, one round trip; the redraw is owed, unless the batch asks for it.

        Returns
        -------
        results : tuple of `SectionResult`
            One a section, in order. The token ``(epoch, number)`` is stored by the script's last line and was read
            back.

        Raises
        ------
        WindowLost
            The window has been put down (or continued) by the stage; `ensure` brings a new one.
        UserMoved
            Only where the batch heeds the user's edits.
        """
        ...

    async def adopt(self) -> tuple[str, int] | None:
        """Adopt the window that an earlier daemon left, so that `ensure` will not open another.

        Returns
        -------
        token : `tuple` [`str`, `int`] or `None`
            Epoch and number of the last batch that the window has drawn; None where there is no such window.

        Raises
        ------
        WindowLost
            It does not answer; it has been put down.
        """
        ...

    async def sync(self) -> None:
        """Return when all that was drawn is on the screen."""
        ...

    async def await_redraw(self) -> None:
        """Return when what batches have drawn is on the screen; unlike with `sync` others may draw meanwhile.

        Raises
        ------
        WindowLost
            As `run`.
        """
        ...

    async def snapshot(self, frame: int | None, image_format: str) -> bytes:
        """Return a PNG or JPEG of the image area; ``frame`` is brought to the front first unless None."""
        ...

    async def list_regions(self, frame: int | None, system: str, *, ours: bool) -> str:
        """Return the regions of a frame as the window lists them, and change nothing of them.

        Parameters
        ----------
        frame : `int` or None
            None, or one that shows no image, has none.
        system : `str`
            ``pixel``, ``image`` or ``sky``.
        ours : `bool`
            False: only those that were drawn by hand.

        Returns
        -------
        text : `str`
            A region file. A line ``# unwritable N`` tells of regions that the window itself cannot write down.

        Raises
        ------
        RequestError
            ``unsupported`` for the sky of an image that has none.
        """
        ...

    async def survey(self, frame: int, size: tuple[int, int]) -> PiecePlan:
        """Bring a frame to the front and return the pieces that a picture of it in another size needs.

        Parameters
        ----------
        frame : `int`
            Its number.
        size : `tuple` [`int`, `int`]
            Width and height of the whole picture in pixels.
        """
        ...

    async def pieces(self, frame: int, size: tuple[int, int], boxes: Sequence[PieceBox], most_ms: int) -> Pieces:
        """Bring a frame to the front and return pieces of a picture of it that has another size than it has.

        Parameters
        ----------
        frame : `int`
            Its number.
        size : `tuple` [`int`, `int`]
            Width and height of the whole picture in pixels.
        boxes : sequence of `PieceBox`
            Pieces to take, in this order.
        most_ms : `int`
            Time after which no further piece is begun.
        """
        ...

    async def close(self, *, keep_window: bool) -> None:
        """Let go of the window: closed in order, or left for the next daemon."""
        ...
