"""What is not drawn of what was sent: dots without a position, images that gave way; and nothing is left of either."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support import scripted

import mtv
from mtv.testing import ScriptedDaemon
from mtv.wire import messages, requests
from mtv.wire.steps import Overlay

IMAGE = np.arange(12, dtype=np.float32).reshape(3, 4)
pixel_directory = scripted.shared_directory


def test_dots_without_a_position_are_left_out_of_their_block_with_one_note(
    daemon: ScriptedDaemon, display: mtv.Display, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = float("nan")
    places: Any = ((1, 2), (nowhere, 2), (3, nowhere), (np.float32("nan"), np.float64("nan")), (5, 6))
    with display.buffering():
        for x, y in places:
            display.dot("o", x, y)
    (drawn,) = [step for step in daemon.steps if isinstance(step, Overlay)]
    assert (drawn.x, drawn.y) == ((1.0, 5.0), (2.0, 6.0))
    display.dot("+", nowhere, 1)
    display.dot("+", nowhere, 1, wait=False)
    assert len(daemon.steps) == 1
    assert [record.getMessage() for record in caplog.records] == ["markers without a position (NaN) are left out"]


@pytest.mark.parametrize(("state", "left"), [("superseded", 1), ("done", 2)])
def test_the_file_of_an_image_that_gave_way_goes_even_if_a_daemon_that_was_killed_has_left_it(
    daemon: ScriptedDaemon, display: mtv.Display, state: Any, left: int
) -> None:
    daemon.script(requests.Transaction, messages.Outcome(steps=(messages.StepOutcome(state=state),)))
    display.mtv(IMAGE, wait=False, supersede=True)
    display.connection.flush()
    assert daemon.pixel_directory is not None
    assert len([*daemon.pixel_directory.iterdir()]) == left, "the nonce, and the image's"
