"""Restoring: bring the window to the scene, and know where it may show anything else.

A window that is new, that an earlier daemon left, or in which a batch went wrong is drawn anew before the next batch.
What it refuses even then, as for want of space on the disk, is tried again with later batches, more and more rarely.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from mtvd.drawing.answering import with_names
from mtvd.drawing.ledger import Ledger
from mtvd.drawing.recovery import Recovered
from mtvd.drawing.scenes import Scenes
from mtvd.host.pixelstore import PixelStore
from mtvd.scene import colormaps, model, planner
from mtvd.scene.actions import AnyAction, Arrange
from mtvd.stage.port import (
    Batch,
    Section,
    SectionResult,
    Stage,
    StageError,
    UserMoved,
    WindowLost,
    WindowUnavailable,
)

_LOG = logging.getLogger(__name__)
LOSSES: Final = 2
"""How often a scene may bring the window down while it is restored, and a transaction before it is called poisoned."""
_MOST_PAUSE: Final = 31
"""Batches between two tries to finish what the window refuses: a full disk must not cost every one of them a try."""


class Restorer:
    """Runs batches in the window, and draws the scene where the window does not show it.

    Parameters
    ----------
    stage : `~mtvd.stage.port.Stage`
        The window.
    ledger : `Ledger`
        Numbers the batches.
    scenes : `Scenes`
        What the window is to show.
    pixels : `~mtvd.host.pixelstore.PixelStore`
        Tells which pixel files are there.
    """

    def __init__(self, *, stage: Stage, ledger: Ledger, scenes: Scenes, pixels: PixelStore) -> None:
        self._stage = stage
        self._ledger = ledger
        self._scenes = scenes
        self._pixels = pixels
        self._generation = -1
        self._lost_track = False
        """True where the window may show anything, and must be drawn anew."""
        self._strangers: set[int] = set()
        """Displays outside the scene that the window may show: what was begun, and how far it came is not known."""
        self._unfinished = _Unfinished()

    @property
    def is_ready(self) -> bool:
        """True where there is a window to draw in."""
        return self._stage.state.state == "ready"

    @property
    def generation(self) -> int | None:
        """Generation of the window that shows the scene; None where it may show anything."""
        return None if self._lost_track else self._generation

    async def take_over(self, recovered: Recovered) -> None:
        """Take the window of the last run over, and draw it anew where it does not show the scene whole.

        Parameters
        ----------
        recovered : `Recovered`
            What the journal tells of that run; its scene is the committed one.
        """
        token = await self._left_token()
        half_drawn = recovered.half_drawn()
        self._strangers = half_drawn - set(recovered.scene.displays)
        if token is None:
            return
        try:
            if not half_drawn and token == (recovered.epoch, recovered.number):
                self._generation = await self._stage.ensure()
            else:
                await self.open_window()
        except (WindowLost, WindowUnavailable) as error:
            _LOG.error("the window of the last run could not be put right: %s", error)

    async def open_window(self) -> None:
        """Open the window unless it is open, and draw the whole scene where it is a new one.

        Raises
        ------
        WindowUnavailable, WindowLost
            It cannot be opened, or died of the scene twice.
        """
        for attempt in range(LOSSES):
            generation = await self._stage.ensure()
            known = generation == self._generation and not self._lost_track
            if self._generation not in {-1, generation}:  # a new one shows nothing
                self._strangers = set()
            try:
                await (self._finish() if known else self._restore())
            except WindowLost as lost:
                _LOG.warning("the window was lost while the scene was restored: %s", lost)
                if attempt == LOSSES - 1:
                    raise
            else:
                self._generation, self._lost_track = generation, False
                return

    async def run(
        self, sections: Iterable[Section], *, number: int | None = None, heeds: bool = False, redraws: bool = False
    ) -> Sequence[SectionResult]:
        """Draw a batch.

        Parameters
        ----------
        sections : iterable of `~mtvd.stage.port.Section`
            What is drawn.
        number : `int`, optional
            Of the batch; the next one where none is given.
        heeds, redraws : `bool`
            As `~mtvd.stage.port.Batch` has them.

        Returns
        -------
        results : sequence of `~mtvd.stage.port.SectionResult`
            One a section.

        Raises
        ------
        UserMoved, WindowLost
            As the stage does.
        WindowUnavailable
            As the stage does, and where it fails in a way that it does not know: the window is drawn anew then.
        """
        batch = Batch(
            epoch=self._ledger.epoch,
            number=self._ledger.next_number() if number is None else number,
            sections=tuple(sections),
            heeds=heeds,
            redraws=redraws,
        )
        try:
            return await self._stage.run(batch)
        except UserMoved:
            raise
        except StageError:
            self.lose_track(_frames_of(batch))
            raise
        except Exception as error:
            _LOG.exception("the stage failed in batch %d", batch.number)
            self.lose_track(_frames_of(batch))
            raise WindowUnavailable(f"the daemon failed while it drew: {error}") from error

    def lose_track(self, numbers: Iterable[int]) -> None:
        """Take note that the window may show anything: it is drawn anew before the next batch.

        Parameters
        ----------
        numbers : iterable of `int`
            Displays that it may show besides those of the scene.
        """
        self._lost_track = True
        self._strangers |= {*numbers, *self._scenes.shown.displays}

    async def lead_back(self, actions: tuple[AnyAction, ...], *, heeds: bool) -> Sequence[SectionResult]:
        """Draw what leads back to a scene that was; a window that is not there will be given that when it is.

        Parameters
        ----------
        actions : tuple of actions
            What leads there.
        heeds : `bool`
            As `~mtvd.stage.port.Batch` has it.

        Returns
        -------
        results : sequence of `~mtvd.stage.port.SectionResult`
            One, or none where there is no window.

        Raises
        ------
        UserMoved
            Only where it ``heeds`` the user's edits.
        """
        if not self.is_ready:
            return ()
        try:
            await self.open_window()
            return await self.run([Section(key="restore", actions=actions)], heeds=heeds)
        except (WindowLost, WindowUnavailable) as error:
            _LOG.warning("the window was lost while a display was put back: %s", error)
            return ()

    async def repair(self, hurt: set[int], *, resized: bool) -> None:
        """Draw displays anew that were drawn in part; all of them where even that is refused.

        Parameters
        ----------
        hurt : set of `int`
            Numbers of displays.
        resized : `bool`
            True where the window may have another size than the scene says.
        """
        try:
            results = await self.run(_repair_sections(hurt, self._scenes.shown, resized=resized))
        except (WindowLost, WindowUnavailable) as error:
            _LOG.warning("the window was lost while displays were put back: %s", error)
            return
        if any(result.failed_action is not None for result in results):
            self.log_refusals(results)
            self.lose_track(hurt)

    def log_refusals(self, results: Iterable[SectionResult]) -> None:
        """Log what the window refused, of what nobody has asked for now.

        Parameters
        ----------
        results : iterable of `~mtvd.stage.port.SectionResult`
            What became of the sections.
        """
        for result in results:
            if result.failed_action is not None:
                _LOG.error("%s was refused: %s", result.key, with_names(result.message, self._scenes.committed))

    async def _left_token(self) -> tuple[str, int] | None:
        try:
            return await self._stage.adopt()
        except WindowLost as lost:
            _LOG.error("the window of the last run does not answer: %s", lost)
            return None

    async def _restore(self) -> None:
        """Draw the scene, and nothing else, whatever the window shows."""
        strangers = self._strangers - set(self._scenes.committed.displays)
        present = self._pixels.present(self._scenes.committed.files())
        kept = without_lost_files(self._scenes.committed, present)
        self._scenes.become(colormaps.with_known(kept, self._stage.colormaps))
        scene = self._scenes.committed
        sections = _restoring_sections(scene, strangers)
        if not sections:
            return
        results = await self.run(sections)
        self._strangers = set()
        self.log_refusals(results)
        self._unfinished.note(zip(scene.displays, results, strict=False))

    async def _finish(self) -> None:
        """Draw the displays that the window refused to draw again, where it is time for another try."""
        shown = self._scenes.shown
        numbers = self._unfinished.due(shown.displays)
        if numbers:
            results = await self.run(_one_by_one(numbers, shown))
            self._unfinished.note(zip(numbers, results, strict=True))


class _Unfinished:
    """Displays that the window refused to draw again, as it does for want of space: it shows them in part."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._pause = 0
        """Batches that go by before it is tried again to finish them."""
        self._passed = 0
        """Batches that have gone by since it was tried."""

    def due(self, displays: Collection[int]) -> list[int]:
        """Count a batch; return those of the displays that should be tried before it."""
        self._numbers.intersection_update(displays)
        self._passed += 1
        return sorted(self._numbers) if self._passed > self._pause else []

    def note(self, drawn: Iterable[tuple[int, SectionResult]]) -> None:
        """Take note of what became of displays, of all that should be drawn again."""
        self._numbers = {number for number, result in drawn if result.failed_action is not None}
        self._pause = min(2 * self._pause + 1, _MOST_PAUSE) if self._numbers else 0
        self._passed = 0


def without_lost_files(scene: model.Scene, present: Collection[str]) -> model.Scene:
    """Return a scene without the images of which pixel files are gone; it is logged which.

    Parameters
    ----------
    scene : `~mtvd.scene.apply.Scene`
        As it was.
    present : collection of `str`
        Names of the pixel files that are there.

    Returns
    -------
    scene : `~mtvd.scene.apply.Scene`
        The same object where all are there.
    """
    displays = {
        number: display if _is_complete(display, present) else _without_image(display)
        for number, display in scene.displays.items()
    }
    if all(displays[number] is display for number, display in scene.displays.items()):
        return scene
    return msgspec.structs.replace(scene, displays=displays)


def _is_complete(display: model.Display, present: Collection[str]) -> bool:
    layers = (display.image, display.mask)
    return all(layer.file in present for layer in layers if layer is not None)


def _without_image(display: model.Display) -> model.Display:
    label = display.image.label if display.image else ""
    _LOG.error("display %d: the pixels of %r are gone, its overlays stay", display.number, label)
    return msgspec.structs.replace(display, image=None, mask=None)


def _restoring_sections(scene: model.Scene, strangers: Iterable[int]) -> list[Section]:
    """Return what draws a scene in a window that may show anything, on displays outside the scene too."""
    sections = [
        Section(key=f"restore {number}", actions=planner.plan_display(display))
        for number, display in scene.displays.items()
    ]
    sections += _one_by_one(sorted(strangers), scene)
    if scene != model.EMPTY:
        sections.append(Section(key="restore front", actions=planner.plan_repair(set(), scene)))
    if scene.arrangement.size is not None:
        sections.append(Section(key="restore size", actions=planner.plan_size(scene)))
    return sections


def _repair_sections(hurt: Iterable[int], scene: model.Scene, *, resized: bool) -> list[Section]:
    sections = [Section(key="restore", actions=planner.plan_repair({number}, scene)) for number in sorted(hurt)]
    if resized:
        sections.append(Section(key="restore size", actions=planner.plan_size(scene)))
    return sections


def _one_by_one(numbers: Iterable[int], scene: model.Scene) -> list[Section]:
    return [Section(key=f"restore {n}", actions=planner.plan_repair({n}, scene)) for n in numbers]


def _frames_of(batch: Batch) -> set[int]:
    actions = (action for section in batch.sections for action in section.actions)
    return {action.frame for action in actions if not isinstance(action, Arrange)}
