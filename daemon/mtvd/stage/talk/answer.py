"""Reader of the answer that ``agent.tcl`` gives to a batch. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mtvd.scene.actions import AddMarkers
from mtvd.stage.paint.zooms import FrameView
from mtvd.stage.port import Batch, Difference, Section, SectionResult


class Answer(NamedTuple):
    """Token and failures."""

    token: tuple[str, int]
    """Epoch and number; the epoch is empty where nothing was drawn yet."""
    failures: Mapping[int, tuple[int, str]]
    """Index of a section to index of its failed action and DS9's words."""
    differences: tuple[Difference, ...] = ()
    """Changes of the user, because of which nothing was drawn."""
    unreached: Mapping[tuple[int, int], int] = {}
    """Index of a section and of an action in it to its markers without a place on the image's sky."""
    views: Mapping[int, FrameView] = {}
    """Zoom and size of the frames of which they are new."""
    troubles: tuple[str, ...] = ()
    """Failures of what follows a batch, and belongs to none of its sections."""

    def results(self, batch: Batch) -> tuple[SectionResult, ...]:
        """Return one result a section, in order."""
        return tuple(
            SectionResult(key=section.key, failed_action=failed[0], message=failed[1])
            if (failed := self.failures.get(index))
            else SectionResult(key=section.key, unreached=self._count_unreached(index, section))
            for index, section in enumerate(batch.sections)
        )

    def _count_unreached(self, index: int, section: Section) -> dict[str, int]:
        found: dict[str, int] = {}
        for (of, at), count in self.unreached.items():
            action = section.actions[at] if of == index and at < len(section.actions) else None
            if isinstance(action, AddMarkers):
                found[action.markers.key] = found.get(action.markers.key, 0) + count
        return found


def read_answer(text: str) -> Answer:
    """Read the lines of ``::mtv::answer``.

    Raises
    ------
    ValueError
        DS9 answered something else.
    """
    first, *rest = text.split("\n")
    epoch, _, number = first.rpartition(" ")
    failures = {}
    differences = []
    unreached = {}
    views = {}
    troubles = []
    for line in rest:
        if line.startswith("!"):
            troubles.append(bytes.fromhex(line[1:]).decode(errors="replace"))
            continue
        if line.startswith("z "):
            views.update(read_views(line))
            continue
        if line.startswith("~"):
            differences.append(_difference(line))
            continue
        if line.startswith("-"):
            of, at, count = map(int, line[1:].split())
            unreached[of, at] = count
            continue
        section, action, *words = line.split(" ")
        failures[int(section)] = int(action), bytes.fromhex("".join(words)).decode(errors="replace")
    return Answer((epoch.strip(), int(number)), failures, tuple(differences), unreached, views, tuple(troubles))


def read_views(text: str) -> dict[int, FrameView]:
    """Read lines of ``::mtv::zooms``: frame, zoom along both axes or one for both, width and height.

    Raises
    ------
    ValueError
        They are something else.
    """
    views = {}
    for line in filter(None, text.split("\n")):
        _, frame, *zooms, width, height = line.split()
        views[int(frame)] = FrameView(min(abs(float(zoom)) for zoom in zooms), float(width), float(height))
    return views


def _difference(line: str) -> Difference:
    _, frame, what, *words = line.split(" ")
    return Difference(frame=int(frame), what=what, value=bytes.fromhex("".join(words)).decode(errors="replace"))
