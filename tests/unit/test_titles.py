"""Titles, which ``lsst.afw.display`` calls what is a label here: the same word everywhere, one line, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support import scripted
from tests.support.refusals import refused

import mtv
from mtv.testing import ScriptedDaemon
from mtv.wire import data, requests
from mtv.wire.steps import Mtv

IMAGE = np.zeros((3, 4), "f4")
HARD = "M31 \"core\" {r} 'x'; [exit] $a \\"
pixel_directory = scripted.shared_directory


def name_of(daemon: ScriptedDaemon) -> str:
    step = [step for step in daemon.steps if isinstance(step, Mtv)][-1]
    return step.target.label if isinstance(step.target, data.Exposure) else step.label


@pytest.mark.parametrize("target", [IMAGE, "a.fits", data.Dataset(dataset_type="calexp"), data.Handle(handle="h")])
@pytest.mark.parametrize("word", ["title", "label"])
def test_a_title_is_the_label_of_whatever_is_shown(
    daemon: ScriptedDaemon, display: mtv.Display, target: Any, word: str
) -> None:
    word_given: Any = {word: HARD}
    display.mtv(target, **word_given)
    assert name_of(daemon) == HARD
    display.mtv(target, title="a", label="a")
    assert name_of(daemon) == "a"
    display.mtv(target, title="")
    assert name_of(daemon) == ""


@pytest.mark.parametrize(
    ("words", "where", "says"),
    [
        ({"title": "two\nlines"}, "title", "the text has a newline"),
        ({"label": "a\x07b"}, "label", "the text has a newline or another control"),
        ({"title": "  "}, "title", "empty"),
        ({"title": "x" * 1001}, "title", "1001 characters"),
        ({"title": 3}, "title", "3 is no text"),
        ({"title": b"x"}, "title", "is no text"),
        ({"title": "a", "label": "b"}, "title", "one thing"),
    ],
)
@pytest.mark.parametrize("target", [IMAGE, "a.fits"], ids=["array", "file"])
def test_a_title_that_is_no_line_of_text_is_refused_by_its_name(
    daemon: ScriptedDaemon, display: mtv.Display, target: Any, words: dict[str, Any], where: str, says: str
) -> None:
    error = refused(display.mtv, target, **words).error
    assert error.where == where
    assert says in error.message
    assert daemon.steps == []


def test_a_feed_takes_titles_too(daemon: ScriptedDaemon) -> None:
    with mtv.Feed("f", endpoint=daemon.endpoint, every=True) as feed:
        feed.publish(IMAGE, title="first")
        error = refused(feed.publish, IMAGE, title="a\nb").error
    assert error.where == "title"
    frames = [seen.message for seen in daemon.of(requests.Frame)]
    assert [frame.target.label for frame in frames if isinstance(frame, requests.Frame)] == ["first"]


def test_the_shell_has_it_as_an_option(run: scripted.Run, daemon: ScriptedDaemon) -> None:
    run("show", "calexp", "visit=1", "--title", HARD)
    assert name_of(daemon) == HARD
    assert "mtv: --title: " in run("show", "calexp", "--title", "a\tb", code=1).output
