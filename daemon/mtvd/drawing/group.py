"""A group of transactions folded into the scene: what each leads to, and the sections that draw it. Pure.

While a transaction is drawn in parts the window shows more than the scene has. So there are two scenes: what is
committed, and what the window shows. Both take in what comes between the parts; each plan leads from one picture of
the window to the next, and the last one to the committed scene with the whole transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from mtv.wire.errors import RequestError
from mtv.wire.steps import DisplayName
from mtvd.drawing.waiting import Waiting
from mtvd.scene import apply as sc
from mtvd.scene import blame, chunks, colormaps, model, planner, strictness
from mtvd.scene import changes as ch
from mtvd.scene.actions import Arrange
from mtvd.scene.previews import Preview, preview_of
from mtvd.stage.port import Difference, Section, SectionResult


class Refusal(NamedTuple):
    """A transaction that the scene refuses."""

    waiting: Waiting
    error: RequestError


class Planned(msgspec.Struct, kw_only=True):
    """A group, folded into the scenes."""

    scene: model.Scene
    """Committed scene, with all that was accepted."""
    shown: model.Scene
    """Scene that the window shows when all sections are drawn."""
    accepted: list[Waiting] = []
    numbers: list[tuple[int | None, ...]] = []
    given: list[Mapping[str, int]] = []
    """Numbers that the new displays of each transaction get, by name."""
    sections: list[Section] = []
    previews: dict[Waiting, Preview] = {}
    """Previews in this group: what each shows and what it takes the place of."""

    def add(self, waiting: Waiting, given: Mapping[str, int]) -> None:
        """Fold a transaction in and plan its section; nothing has changed where `mtvd.scene.apply.apply` raises."""
        assert waiting.resolved is not None
        scene, numbers = self._apply_to(self.scene, waiting, given)
        shown, _ = (scene, ()) if self.shown is self.scene else self._apply_to(self.shown, waiting, given)
        self.sections.append(Section(key=waiting.key, actions=planner.plan(self.shown, shown)))
        if waiting.preview_of is not None and numbers[0] is not None:
            self.previews[waiting.preview_of] = preview_of(self.scene, scene, numbers[0])
        self.accepted.append(waiting)
        self.numbers.append(numbers)
        self.given.append(given)
        self.scene, self.shown = scene, shown

    def number_after(self, waiting: Waiting, taken: set[int]) -> Mapping[str, int]:
        """Choose numbers for a transaction's new displays, where the scene alone does not say them."""
        assert waiting.resolved is not None
        if not taken and self.shown is self.scene:
            return {}
        return sc.numbers_for(waiting.resolved.changes, self.scene, {*taken, *self.shown.displays})

    def part(self, results: Sequence[SectionResult]) -> tuple[set[int], set[int]]:
        """Part what failed from what must be drawn again, because something before it failed.

        Each section was planned for a window in which those before it are drawn. One that has a display in common with
        one that failed may have been refused for the other's doing, or drawn something else than was meant; and what
        comes after it on its own displays keeps its place.

        Parameters
        ----------
        results : sequence of `SectionResult`
            One a section.

        Returns
        -------
        failed, again : set of `int`
            Indices; those in neither were drawn.
        """
        failed: set[int] = set()
        again: set[int] = set()
        tainted: set[int | None] = set()
        for index, (result, numbers) in enumerate(zip(results, self.numbers, strict=True)):
            if not tainted.isdisjoint(numbers):
                again.add(index)
            elif result.failed_action is not None:
                failed.add(index)
            else:
                continue
            tainted |= {number for number in numbers if number is not None}
        return failed, again

    def without(
        self, left_out: Collection[int], committed: model.Scene, shown: model.Scene
    ) -> tuple[Planned, list[Refusal]]:
        """Fold the group once more without those that were not drawn.

        Parameters
        ----------
        left_out : collection of `int`
            Their indices.
        committed, shown : `~mtvd.scene.apply.Scene`
            As they were before the group.

        Returns
        -------
        kept : `Planned`
            The group without them.
        refused : list of `Refusal`
            Those that could not be without them.
        """
        kept, refused = Planned(scene=committed, shown=shown), []
        for index, (waiting, given) in enumerate(zip(self.accepted, self.given, strict=True)):
            if index not in left_out:
                try:
                    kept.add(waiting, given)
                except RequestError as error:
                    refused.append(Refusal(waiting, error))
        return kept, refused

    def hurt(self, indices: Collection[int], kept: Planned) -> set[int]:
        """Return the displays that the window may show in part.

        Parameters
        ----------
        indices : collection of `int`
            Transactions that were not drawn, or not whole.
        kept : `Planned`
            The group without them.

        Returns
        -------
        numbers : set of `int`
        """
        named = {number for index in indices for number in self.numbers[index] if number is not None}
        return named | differing(self.shown, kept.shown)

    def _apply_to(
        self, scene: model.Scene, waiting: Waiting, given: Mapping[str, int]
    ) -> tuple[model.Scene, tuple[int | None, ...]]:
        assert waiting.resolved is not None
        return sc.apply(scene, waiting.resolved.changes, waiting.resolved.places, given)


def plan_group(
    group: Sequence[Waiting],
    committed: model.Scene,
    shown: model.Scene,
    large: Large | None,
    known: Collection[str] = (),
) -> tuple[Planned, list[Refusal]]:
    """Fold a group into the scenes.

    Parameters
    ----------
    group : sequence of `Waiting`
        Transactions, in their order.
    committed, shown : `~mtvd.scene.apply.Scene`
        What is committed, and what the window shows.
    large : `Large` or None
        The transaction that is being drawn in parts meanwhile.
    known : collection of `str`
        Colour maps that the window has; empty where it does not say them.

    Returns
    -------
    planned : `Planned`
        The group that can be drawn.
    refused : list of `Refusal`
        Those that the scene refuses.
    """
    planned, refused = Planned(scene=committed, shown=shown), []
    taken = large.taken if large is not None else set[int]()
    for waiting in group:
        try:
            check_names(waiting, planned.scene, known)
            planned.add(waiting, planned.number_after(waiting, taken))
        except RequestError as error:
            refused.append(Refusal(waiting, error))
    return planned, refused


def check_names(waiting: Waiting, scene: model.Scene, known: Collection[str]) -> None:
    """Check that the window has the colour maps, and that all else that a strict transaction names is there.

    Raises
    ------
    RequestError
        As `mtvd.scene.strictness.check` and `mtvd.scene.colormaps.check`.
    """
    if waiting.resolved is not None:
        colormaps.check(known, waiting.resolved.changes, waiting.resolved.places)
    if waiting.strict and waiting.resolved is not None:
        strictness.check(scene, waiting.resolved.changes, waiting.resolved.places)


class Large(msgspec.Struct, kw_only=True):
    """A transaction that is being drawn in parts."""

    waiting: Waiting
    given: Mapping[str, int]
    numbers: tuple[int | None, ...]
    """Number of each change's display."""
    busy: frozenset[DisplayName]
    """Displays of the transaction, by all names and numbers that requests may give them."""
    new: tuple[tuple[DisplayName, int], ...] = ()
    """Displays that it makes, and the step that names each first."""
    later: tuple[ch.AnyChange, ...] = ()
    """Edits by hand on its displays meanwhile; they come after the transaction."""

    @property
    def taken(self) -> set[int]:
        """Numbers that nobody else may be given."""
        return {number for number in (*self.numbers, *self.given.values()) if number is not None}

    def parts(self) -> Iterator[chunks.Part]:
        """Yield what is drawn with one script each: new frames first and one by one, for DS9 takes 50 ms for each."""
        assert self.waiting.resolved is not None
        for display, place in self.new:
            yield chunks.Part((ch.AdoptDisplay(display=display),), (place,))
        yield from chunks.parts(self.waiting.resolved.changes, self.waiting.resolved.places)

    def apply(self, scene: model.Scene) -> model.Scene:
        """Return the committed scene with the whole transaction, and with what the user has done since."""
        assert self.waiting.resolved is not None
        after, _ = sc.apply(scene, self.waiting.resolved.changes, self.waiting.resolved.places, self.given)
        return self.with_edits(after)[0]

    def with_part(self, shown: model.Scene, part: chunks.Part) -> model.Scene:
        """Return what the window shows after a part."""
        return self._apply_changes(shown, part.changes)[0]

    def with_edits(self, scene: model.Scene) -> tuple[model.Scene, tuple[ch.AnyChange, ...]]:
        """Return a scene with what the user has done on the transaction's displays, and what of that took effect."""
        return self._apply_changes(scene, self.later)

    def _apply_changes(
        self, scene: model.Scene, changes: Sequence[ch.AnyChange]
    ) -> tuple[model.Scene, tuple[ch.AnyChange, ...]]:
        """Apply changes; a display that is to be deleted may be gone already: the user has deleted it."""
        effective = []
        for change in changes:
            with contextlib.suppress(RequestError):
                scene, _ = sc.apply(scene, [change], given=self.given)
                effective.append(change)
        return scene, tuple(effective)

    def own(self, differences: Sequence[Difference]) -> tuple[list[Difference], list[Difference]]:
        """Part what the user has done into that on its own displays, and the rest."""
        own = [one for one in differences if one.frame in self.taken]
        return own, [one for one in differences if one.frame not in self.taken]


def plan_large(waiting: Waiting, scene: model.Scene) -> Large:
    """Return what is needed to draw a transaction in parts, from a scene that the window shows.

    Raises
    ------
    RequestError
        As `mtvd.scene.apply.apply`.
    """
    assert waiting.resolved is not None
    changes, places = waiting.resolved.changes, waiting.resolved.places
    given = sc.numbers_for(changes, scene, ())
    after, numbers = sc.apply(scene, changes, places, given)
    found = {number for number in numbers if number is not None}
    names = {display.name for number in found for s in (scene, after) if (display := s.displays.get(number))}
    busy = frozenset({*waiting.displays, *found, *given, *(name for name in names if name)})
    named = {one.display: place for one, place in zip(reversed(changes), reversed(places), strict=True)}
    new = tuple((name, place) for name, place in named.items() if name != "" and scene.number_of(name) is None)
    return Large(waiting=waiting, given=given, numbers=numbers, busy=busy, new=new)


def step_of(result: SectionResult, section: Section, waiting: Waiting, numbers: Sequence[int | None]) -> int | None:
    """Return the step at which the window refused a transaction; None where none can be told."""
    assert waiting.resolved is not None
    assert result.failed_action is not None
    action = section.actions[result.failed_action]
    return blame.step_of(action, waiting.resolved.changes, waiting.resolved.places, numbers)


def did_resize(section: Section, result: SectionResult) -> bool:
    """Tell whether a section had given the window another size, before it failed where it did."""
    done = section.actions[: result.failed_action]
    return any(isinstance(action, Arrange) and action.size is not None for action in done)


def differing(a: model.Scene, b: model.Scene) -> set[int]:
    """Return the numbers of the displays that two scenes do not have alike."""
    return {number for number in {*a.displays, *b.displays} if a.displays.get(number) != b.displays.get(number)}
