"""A group of transactions folded into the scene: what each leads to, and the sections that draw it. Pure."""

from __future__ import annotations

import msgspec

from mtv.wire.steps import Display
from mtvd import blame, strictness
from mtvd import scene as sc
from mtvd.previews import Preview, preview_of
from mtvd.queueing import Waiting
from mtvd.stage.port import Section, SectionResult


class Planned(msgspec.Struct, kw_only=True):
    """A group, folded into the scene."""

    accepted: list[Waiting] = []
    numbers: list[tuple[int | None, ...]] = []
    sections: list[Section] = []
    scene: sc.Scene = sc.EMPTY
    previews: dict[Waiting, Preview] = {}
    """Of the transactions whose images are shown ahead of their masks."""

    def fold(self, scene: sc.Scene, waiting: Waiting) -> tuple[sc.Scene, tuple[int | None, ...]]:
        """Apply a transaction to a scene; raises as `mtvd.scene.apply`, and `mtvd.strictness.check`."""
        assert waiting.resolved is not None
        if waiting.strict:
            strictness.check(scene, waiting.resolved.changes, waiting.resolved.places)
        after, numbers = sc.apply(scene, waiting.resolved.changes, waiting.resolved.places)
        if waiting.preview_of is not None and numbers[0] is not None:
            self.previews[waiting.preview_of] = preview_of(scene, after, numbers[0])
        return after, numbers


def displays_of(planned: Planned, waiting: Waiting) -> frozenset[Display]:
    """Return the displays of a transaction, by all that they may be called."""
    numbers = {number for number in planned.numbers[0] if number is not None}
    names = {planned.scene.displays[number].name for number in numbers if number in planned.scene.displays}
    return frozenset({*waiting.displays, *numbers, *(name for name in names if name)})


def step_of(result: SectionResult, planned: Planned, index: int) -> int | None:
    """Return the step at which the window refused a transaction, the one at ``index``; None where none can be told."""
    resolved = planned.accepted[index].resolved
    assert resolved is not None
    assert result.failed_action is not None
    action = planned.sections[index].actions[result.failed_action]
    return blame.step_of(action, resolved.changes, resolved.places, planned.numbers[index])
