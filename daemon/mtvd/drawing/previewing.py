"""Previewing: images that the window shows before their masks have been read, and how they are taken back.

A preview is drawn and journalled like a transaction, but answered to nobody. Where its transaction comes to nothing,
the display is put back, unless somebody has shown another image on it (`mtvd.scene.previews`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mtvd.drawing.ledger import Ledger
from mtvd.drawing.restoring import Restorer
from mtvd.drawing.scenes import Scenes, heed
from mtvd.drawing.waiting import Waiting
from mtvd.resolving.holding import Holding
from mtvd.scene import planner
from mtvd.scene.previews import Preview, put_back
from mtvd.stage.port import SectionResult, UserMoved


class Previewing:
    """The previews of transactions that have not come to an end.

    Parameters
    ----------
    scenes : `Scenes`
        Show them.
    ledger : `Ledger`
        Is told which displays were put back.
    window : `Restorer`
        Draws what leads back.
    holding : `~mtvd.resolving.holding.Holding`
        Keeps what is needed to complete a preview, or to put its display back.
    """

    def __init__(self, *, scenes: Scenes, ledger: Ledger, window: Restorer, holding: Holding) -> None:
        self._scenes = scenes
        self._ledger = ledger
        self._window = window
        self._holding = holding
        self._drawn: dict[Waiting, Preview | None] = {}
        """Previews by the transaction whose mask will follow; None where the preview was begun only."""

    def begin(self, owner: Waiting, files: set[str]) -> None:
        """Take note that the preview of a transaction is about to be drawn.

        Parameters
        ----------
        owner : `Waiting`
            The transaction.
        files : set of `str`
            Names of the pixel files that the preview shows.
        """
        self._drawn.setdefault(owner, None)
        self._holding.hold(_holder(owner), files)

    def note_drawn(self, owner: Waiting, preview: Preview) -> None:
        """Note that a preview was drawn.

        Parameters
        ----------
        owner : `Waiting`
            The transaction.
        preview : `~mtvd.scene.previews.Preview`
            What it shows, and what it took the place of.
        """
        self._drawn[owner] = preview
        self._holding.hold(_holder(owner), preview.files())

    def end(self, owner: Waiting) -> None:
        """Forget a transaction's preview, if it has one."""
        self._drawn.pop(owner, None)
        self._holding.end(_holder(owner), shown=True)

    def by_key(self) -> dict[str, Preview]:
        """Return those that were drawn, by request id."""
        return {owner.key: preview for owner, preview in self._drawn.items() if preview is not None}

    async def put_back(self, waiting: Collection[Waiting]) -> None:
        """Take back the previews of transactions that have come to nothing.

        Parameters
        ----------
        waiting : collection of `Waiting`
            Those that have not: they still wait.
        """
        for owner, preview in [one for one in self._drawn.items() if one[0] not in waiting]:
            if preview is not None:
                await self._put_back(owner.key, preview)
            self.end(owner)

    async def _put_back(self, key: str, preview: Preview, *, heeds: bool = True) -> None:
        scene = self._scenes.committed
        wanted = put_back(scene, preview)
        results: Sequence[SectionResult] = ()
        if wanted is not scene:
            try:
                results = await self._window.lead_back(planner.plan(scene, wanted), heeds=heeds)
            except UserMoved as moved:
                heed(self._scenes, self._ledger, self._ledger.number, moved)
                await self._put_back(key, preview, heeds=False)
                return
        self._ledger.put_back(key)
        self._scenes.become(wanted)
        if any(result.failed_action is not None for result in results):
            self._window.log_refusals(results)
            await self._window.repair({preview.shown.number}, resized=False)


def _holder(owner: Waiting) -> tuple[str, Waiting]:
    """Return who holds the files of a preview: its transaction holds its own besides."""
    return "preview", owner
