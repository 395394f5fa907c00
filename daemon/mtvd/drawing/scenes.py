"""The two scenes: what is committed, and what the window shows. They differ while a transaction is drawn in parts.

What the user changes in the window by hand enters both.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from mtvd.drawing.group import Large
from mtvd.drawing.ledger import Ledger
from mtvd.resolving.holding import Holding
from mtvd.scene import apply as sc
from mtvd.scene import model
from mtvd.scene.changes import AnyChange
from mtvd.stage.port import Difference, UserMoved
from mtvd.stage.talk.hand import changes_of

_LOG = logging.getLogger(__name__)


class Scenes:
    """The scenes of one window; their pixel files are held.

    Parameters
    ----------
    holding : `Holding`
        Keeps the files of both.
    """

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self.committed = model.EMPTY
        self.shown = model.EMPTY
        """The committed scene, and the parts that are drawn of a large transaction."""
        self.large: Large | None = None
        """The transaction that is being drawn in parts."""

    def become(self, committed: model.Scene, shown: model.Scene | None = None) -> None:
        """Take the next scenes, and let go of the pixel files that neither needs any more.

        Parameters
        ----------
        committed : `~mtvd.scene.apply.Scene`
            The committed one.
        shown : `~mtvd.scene.apply.Scene`, optional
            What the window shows, where that is another.
        """
        self.committed = committed
        self.shown = committed if shown is None else shown
        files = committed.files()
        self._holding.keep(self, files if self.shown is committed else files | self.shown.files())


class Heeded(NamedTuple):
    """Scenes with the user's changes."""

    committed: model.Scene
    shown: model.Scene
    changes: tuple[AnyChange, ...]
    """Changes of the user that are in the committed scene now."""
    later: tuple[AnyChange, ...]
    """Those on the displays of a transaction that is being drawn in parts; they come after it."""


def with_differences(scenes: Scenes, differences: Sequence[Difference], key: str) -> Heeded:
    """Return the scenes with what the user has changed.

    Parameters
    ----------
    scenes : `Scenes`
        As they are; they are left so.
    differences : sequence of `~mtvd.stage.port.Difference`
        What the window told.
    key : `str`
        For view settings, as if somebody had asked for them.

    Returns
    -------
    heeded : `Heeded`
    """
    large = scenes.large
    if large is None:
        changes = changes_of(scenes.committed, differences, key)
        after, _ = sc.apply(scenes.committed, changes)
        return Heeded(after, after, changes, ())
    own, others = large.own(differences)
    later = changes_of(scenes.shown, own, key)
    shown, _ = sc.apply(scenes.shown, (*changes_of(scenes.shown, others, key), *later))
    changes = changes_of(scenes.committed, others, key)
    committed, _ = sc.apply(scenes.committed, changes)
    return Heeded(committed, shown, changes, later)


def heed(scenes: Scenes, ledger: Ledger, number: int, moved: UserMoved) -> None:
    """Take what the user has changed into the scenes.

    Parameters
    ----------
    scenes : `Scenes`
        Become what they are with it.
    ledger : `Ledger`
        Writes it down.
    number : `int`
        Of the batch that found it, and was not drawn.
    moved : `~mtvd.stage.port.UserMoved`
        What the window told.
    """
    _LOG.info("%s", moved)
    after = with_differences(scenes, moved.differences, f"hand {ledger.epoch} {number}")
    ledger.edits(number, after.changes)
    if scenes.large is not None:
        scenes.large.later += after.later
    scenes.become(after.committed, after.shown)
