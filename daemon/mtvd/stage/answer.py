"""What ``agent.tcl`` tells of a batch, read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mtvd.stage.port import Batch, Difference, SectionResult


class Answer(NamedTuple):
    """Token and failures."""

    token: tuple[str, int]
    """Epoch and number; the epoch is empty where nothing was drawn yet."""
    failures: Mapping[int, tuple[int, str]]
    """Index of a section to index of its failed action and DS9's words."""
    differences: tuple[Difference, ...] = ()
    """What the user has changed, for which nothing was drawn."""

    def results(self, batch: Batch) -> tuple[SectionResult, ...]:
        """Return one result a section, in order."""
        return tuple(
            SectionResult(key=section.key, failed_action=failed[0], message=failed[1])
            if (failed := self.failures.get(index))
            else SectionResult(key=section.key)
            for index, section in enumerate(batch.sections)
        )


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
    for line in rest:
        if line.startswith("~"):
            differences.append(_difference(line))
            continue
        section, action, *words = line.split(" ")
        failures[int(section)] = int(action), bytes.fromhex("".join(words)).decode(errors="replace")
    return Answer((epoch.strip(), int(number)), failures, tuple(differences))


def _difference(line: str) -> Difference:
    _, frame, what, *words = line.split(" ")
    return Difference(frame=int(frame), what=what, value=bytes.fromhex("".join(words)).decode(errors="replace"))
