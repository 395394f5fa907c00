"""Pictures of a display: what they say of themselves, their files and sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import scripted

import mtv
from mtv.arguments import checks
from mtv.testing import ScriptedDaemon
from mtv.wire import data, messages, reports, requests
from mtv.wire.steps import Annotate, MaskColour, Mtv

IMAGE = np.arange(12, dtype=np.float32).reshape(3, 4)


pixel_directory = scripted.shared_directory


def test_what_a_picture_says_of_itself_is_chosen_part_by_part(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    no: Any = np.bool_(False)
    display.annotate(legend=True, label=no)
    display.set_distinct_mask_colours()
    display.set_distinct_mask_colours(False)
    assert daemon.steps == [
        Annotate(label=False, legend=True),
        MaskColour(colours={}, distinct=True),
        MaskColour(colours={}, distinct=False),
    ]
    daemon.script(requests.Describe, reports.DisplayReport(number=0, annotations=("legend",)))
    assert display.annotations() == ("legend",)


def test_an_exposure_of_a_repository_keeps_its_caption_unless_it_is_given_a_label(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    exposure = mtv.Exposure(np.zeros((2, 3), "f4"), label="calexp HSC 1 2", caption="calexp HSC, visit 1, detector 2")
    display.mtv(exposure)
    display.mtv(exposure, label="my field")
    targets = [step.target for step in daemon.steps if isinstance(step, Mtv)]
    assert [(target.label, target.caption) for target in targets if isinstance(target, data.Exposure)] == [
        ("calexp HSC 1 2", "calexp HSC, visit 1, detector 2"),
        ("my field", ""),
    ]


def test_a_picture_comes_as_bytes_and_goes_into_a_file(
    daemon: ScriptedDaemon, display: mtv.Display, tmp_path: Path
) -> None:
    daemon.script(requests.Snapshot, (messages.Picture(format="png"), [b"\x89PNG"]))
    assert display.snapshot(tmp_path / "a.png") == b"\x89PNG"
    assert (tmp_path / "a.png").read_bytes() == b"\x89PNG"
    assert display._repr_png_() is None
    daemon.script(requests.Describe, reports.DisplayReport(number=0))
    assert display._repr_png_() == b"\x89PNG"


def test_a_picture_may_have_a_size_of_its_own_and_none_that_is_too_large_is_asked_for(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    daemon.script(requests.Snapshot, (messages.Picture(format="png", width=4096, height=3000), [b"\x89PNG"]))
    display.snapshot(size=(4096, 3000))
    with pytest.raises(mtv.RequestError, match="100000x100000"):
        display.snapshot(size=(100_000, 100_000))
    assert [seen.message.size for seen in daemon.of(requests.Snapshot)] == [(4096, 3000)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "size", [600, (600,), (600, 400, 0.5), (600, 400, 300), (600.5, 400), ("600", "400"), "64", (float("nan"), 400)]
)
def test_a_size_that_is_no_two_whole_numbers_of_pixels_is_refused_before_it_is_sent(size: Any) -> None:
    with pytest.raises(mtv.RequestError, match="is no size"):
        checks.arrangement(None, None, None, None, size)


def test_a_size_of_numpy_integers_is_a_size() -> None:
    assert checks.arrangement(None, None, None, None, np.array([600, 400])).size == (600, 400)
