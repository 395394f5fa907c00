"""Markers without a place on the image's sky: what the window tells of them, and what their transaction is answered."""

from __future__ import annotations

import pytest

from mtvd.drawing.answering import step_outcome
from mtvd.scene import actions
from mtvd.scene import changes as ch
from mtvd.stage.port import Batch, Section
from mtvd.stage.talk.answer import read_answer


def markers(key: str, count: int = 5) -> actions.Markers:
    return actions.Markers(
        key=key, count=count, x=b"", y=b"", size=b"", symbols=("o",), colours=("red",), system="sky", lines=False
    )


def test_the_window_tells_how_many_of_which_action_were_left_out() -> None:
    steps = (
        actions.CreateFrame(frame=0),
        actions.AddMarkers(frame=0, overlay="m", markers=markers("a-1.0")),
        actions.AddMarkers(frame=0, overlay="n", markers=markers("a-1.1")),
    )
    batch = Batch(epoch="e", number=3, sections=(Section(key="a-1", actions=steps), Section(key="a-2", actions=())))
    answer = read_answer("e 3\n- 0 1 2\n- 0 2 1")
    first, second = answer.results(batch)
    assert (answer.token, answer.failures) == (("e", 3), {})
    assert (first.unreached, first.failed_action) == ({"a-1.0": 2, "a-1.1": 1}, None)
    assert second.unreached == {}


def test_nonsense_of_an_action_that_draws_no_markers_is_passed_over() -> None:
    batch = Batch(epoch="e", number=3, sections=(Section(key="a-1", actions=(actions.CreateFrame(frame=0),)),))
    (result,) = read_answer("e 3\n- 0 0 2\n- 0 9 1\n- 7 0 1").results(batch)
    assert result.unreached == {}


@pytest.mark.parametrize(
    ("left_out", "note", "words"),
    [
        (0, "", ""),
        (1, "", "1 marker beyond the image's projection left out"),
        (2, "3 rows without a position left out", "3 rows without a position left out; 2 markers beyond the image's"),
    ],
)
def test_the_outcome_counts_those_that_are_there_and_tells_of_the_others(left_out: int, note: str, words: str) -> None:
    change = ch.AddMarkers(display=0, overlay="m", markers=markers("a-1.0"), replace=False, lasting=False, note=note)
    outcome = step_outcome(change, 0, None, {"a-1.0": left_out, "other": 4})
    assert outcome.markers == 5 - left_out
    assert outcome.note.startswith(words)
    assert bool(outcome.note) == bool(words)
