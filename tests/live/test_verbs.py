"""The five verbs of the protocol, each as a message of its own, on the real DS9 and the real Butler."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.live_daemon import LiveDaemon

from mtv.wire import messages, requests, steps
from mtv.wire.data import Array, Dataset, Exposure, Handle
from mtv.wire.errors import RequestError

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]


@pytest.fixture(scope="module")
def calexp(chain: str) -> Dataset:
    return Dataset(
        dataset_type="calexp", data_id={"instrument": "HSC", "visit": 23718, "detector": 41}, collections=(chain,)
    )


def test_query_answers_with_rows_and_ids(demo_daemon: LiveDaemon, chain: str) -> None:
    question = steps.Query(
        dataset_type="calexp", collections=(chain,), data_id={"instrument": "HSC", "physical_filter": "HSC-R"}
    )
    rows = demo_daemon.connect().request(question)
    assert isinstance(rows, messages.Rows)
    assert len(rows.rows) == len(set(rows.ids)) == 12
    assert {row[rows.columns.index("visit")] for row in rows.rows} == {23718, 1214}


def test_load_answers_with_a_handle_that_can_be_shown_and_released(demo_daemon: LiveDaemon, calexp: Dataset) -> None:
    connection = demo_daemon.connect()
    loaded = connection.request(steps.Load(target=calexp))
    assert isinstance(loaded, messages.Loaded)
    assert loaded.planes["SAT"] == 1
    shown = connection.request(steps.Mtv(display=3, target=Handle(handle=loaded.handle)))
    assert isinstance(shown, messages.Outcome)
    with demo_daemon.probe() as window:
        assert 3 in window.frames()
    connection.request(requests.Release(handle=loaded.handle))
    with pytest.raises(RequestError) as caught:
        connection.request(steps.Mtv(display=3, target=Handle(handle=loaded.handle)))
    assert caught.value.code == "unknown_handle"


def test_mtv_shows_pixels_of_the_message_itself(demo_daemon: LiveDaemon) -> None:
    pixels = np.arange(12, dtype=">f4").reshape(3, 4)
    target = Exposure(image=Array(dtype=">f4", shape=(3, 4), buffer=0), xy0=(100, 200))
    answer = demo_daemon.connect().ask(steps.Mtv(display=4, target=target), buffers=[pixels.tobytes()])
    assert isinstance(answer.reply, messages.Outcome)
    assert answer.reply.steps[0].display == 4
    with demo_daemon.probe() as window:
        assert float(window.value(102, 201, frame=4)) == pixels[1, 2]


def test_mtv_shows_a_dataset_whose_pixels_stay_on_the_daemons_side(demo_daemon: LiveDaemon, calexp: Dataset) -> None:
    outcome = demo_daemon.connect().request(steps.Mtv(display=0, target=calexp))
    assert isinstance(outcome, messages.Outcome)
    assert outcome.steps[0].planes["DETECTED"] == "blue"
    with demo_daemon.probe() as window:
        assert window.masks() >= 4


def test_overlay_adds_markers_where_it_says(demo_daemon: LiveDaemon) -> None:
    connection = demo_daemon.connect()
    test_mtv_shows_pixels_of_the_message_itself(demo_daemon)
    connection.request(steps.Overlay(display=4, name="a", x=(101.0,), y=(201.0,), symbol="o", size=1.0, colour="red"))
    with demo_daemon.probe() as window:
        (line,) = [line for line in window.regions(4).splitlines() if line.startswith("circle")]
    assert line.startswith("circle(102,202,")


def test_erase_removes_one_overlay_or_all(demo_daemon: LiveDaemon) -> None:
    connection = demo_daemon.connect()
    connection.request(steps.Erase(display=5))
    pixels = Exposure(image=Array(dtype=">f4", shape=(3, 4), buffer=0))
    connection.ask(steps.Mtv(display=5, target=pixels), buffers=[bytes(48)])
    for name in ("a", "b", "c"):
        connection.request(steps.Overlay(display=5, name=name, x=(1.0, 2.0), y=(1.0, 2.0), symbol="o"))
    with demo_daemon.probe() as window:
        connection.request(steps.Erase(display=5, name="b"))
        assert window.markers(5) == 4
        connection.request(steps.Erase(display=5))
        assert window.markers(5) == 0
