"""Drawing of a transaction with more markers than go into one script: in parts, with other batches between.

Its intent stays open in the journal all the while; its effect is that of its last part. Until then the window shows
more than the scene has, and what it shows is a scene of its own (`mtvd.drawing.scenes`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, NamedTuple

from mtv.wire.errors import MtvError
from mtv.wire.steps import DisplayName
from mtvd.drawing.answering import draw_failed, unreached_in
from mtvd.drawing.group import Large, did_resize, differing
from mtvd.drawing.ledger import Ledger
from mtvd.drawing.restoring import Restorer
from mtvd.drawing.scenes import Scenes, heed
from mtvd.scene import chunks, model, planner
from mtvd.stage.port import Section, SectionResult, UserMoved

_LOG = logging.getLogger(__name__)
LOOKS: Final = 3
"""How often a batch gives way to what the user has done: who drags the image would hold it up for ever. More than once,
because what is deleted by hand between two tries fails a batch that does not look."""

Between = Callable[[Collection[DisplayName]], Awaitable[None]]
"""Draws what has come between two parts; is given the displays of the large transaction, by number and by name."""


class Whole(NamedTuple):
    """All parts were drawn."""

    unreached: Mapping[str, int]
    """Markers of all parts without a place on the sky, as in `~mtvd.stage.port.SectionResult`."""


class Refused(NamedTuple):
    """The window refused a part; those before it must be taken back."""

    error: MtvError
    hurt: set[int]
    """Displays that the window shows in part."""
    resized: bool
    """True where the window may have another size than the scene says."""


class Interrupted(NamedTuple):
    """The window was lost between two parts: nothing of the transaction is to be seen, and nobody is to blame."""


class _Drawn(NamedTuple):
    """One part, as it was drawn."""

    wanted: model.Scene
    """Scene that the window shows where nothing was refused."""
    section: Section
    result: SectionResult


class PartDrawer:
    """Draws large transactions, one at a time.

    Parameters
    ----------
    scenes : `Scenes`
        Have the transaction as ``large`` while it is drawn.
    ledger : `Ledger`
        Is told what the user has changed.
    window : `Restorer`
        Runs the batches.
    """

    def __init__(self, *, scenes: Scenes, ledger: Ledger, window: Restorer) -> None:
        self._scenes = scenes
        self._ledger = ledger
        self._window = window

    async def draw(self, large: Large, between: Between) -> Whole | Refused | Interrupted:
        """Draw a large transaction part by part; settle nothing.

        The last plan leads from what the window shows then to the scene with the whole transaction, whatever has come
        in between.

        Parameters
        ----------
        large : `Large`
            The transaction.
        between : callable
            Awaited before each part.

        Returns
        -------
        end : `Whole`, `Refused` or `Interrupted`
            What became of it; the caller settles it.

        Raises
        ------
        WindowLost, WindowUnavailable
            As `Restorer.run`.
        """
        generation = self._window.generation
        unreached: dict[str, int] = {}
        parts = list(large.parts())
        for index, part in enumerate(parts, 1):
            await between(large.busy)
            if self._window.generation != generation:
                _LOG.warning("the window was lost while %s was drawn, it is drawn again", large.waiting.key)
                return Interrupted()
            drawn = await self._draw_part(large, part, last=index == len(parts))
            if drawn.result.failed_action is not None:
                return self._refuse(large, drawn)
            for key, count in unreached_in([drawn.result]).items():
                unreached[key] = unreached.get(key, 0) + count
            self._scenes.become(self._scenes.committed, drawn.wanted)
        return Whole(unreached)

    async def _draw_part(self, large: Large, part: chunks.Part, *, last: bool, looks: int = LOOKS) -> _Drawn:
        """Draw a part; once more where the user has changed something since, which changes what leads to it."""
        shown = self._scenes.shown
        wanted = large.apply(self._scenes.committed) if last else large.with_part(shown, part)
        section = Section(key=large.waiting.key, actions=planner.plan(shown, wanted))
        number = self._ledger.next_number()
        redraws = large.waiting.redraws and last
        try:
            (result,) = await self._window.run([section], number=number, heeds=looks > 0, redraws=redraws)
        except UserMoved as moved:
            heed(self._scenes, self._ledger, number, moved)
            return await self._draw_part(large, part, last=last, looks=looks - 1)
        return _Drawn(wanted, section, result)

    def _refuse(self, large: Large, drawn: _Drawn) -> Refused:
        _LOG.error("the window refused %s: %s", large.waiting.key, drawn.result.message)
        committed, shown = self._scenes.committed, self._scenes.shown
        return Refused(
            error=draw_failed(drawn.result, drawn.section, large.waiting, large.numbers, drawn.wanted),
            hurt=large.taken | differing(shown, committed) | differing(drawn.wanted, committed),
            resized=did_resize(drawn.section, drawn.result),
        )
