"""Results of resolving: a transaction that needs nothing more, and the mark of a movie's frame. Pure."""

from __future__ import annotations

import msgspec

from mtv.wire.messages import StepOutcome
from mtvd.scene import changes as ch


class Resolved(msgspec.Struct, kw_only=True):
    """A transaction that needs nothing more."""

    changes: tuple[ch.AnyChange, ...] = ()
    places: tuple[int, ...] = ()
    """Index of each change's step."""
    outcomes: dict[int, StepOutcome] = {}
    """Results of the steps that change no display, `Query` and `Load`, by index of the step."""
    files: set[str] = set()
    """Pixel files that the changes brought along; nobody else's until the scene has them."""


class MovieFrame(msgspec.Struct, frozen=True, kw_only=True):
    """Mark of an image that is a frame of a movie."""

    movie: str
    """Id of the movie."""
    place: str
    """Its place in the movie, for its label."""
    begins: bool
    """True for the first frame that the movie shows."""
