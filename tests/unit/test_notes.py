"""Notes: what of a source is not shown is said to the user, by every call and command that could hide it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.support import scripted
from tests.support.scripted import Run

import mtv
from mtv.cli.daemon import _display
from mtv.session.connection import Connection
from mtv.testing import ScriptedDaemon
from mtv.wire import codec, data, messages, reports, requests
from mtv.wire.steps import Load, Mtv

NOTE = "the mask of 2x2 pixels is left out: the image has 3x4"
IMAGE = np.zeros((3, 4), ">f4")


pixel_directory = scripted.shared_directory


def noted() -> messages.Outcome:
    return messages.Outcome(steps=(messages.StepOutcome(display=0, note=NOTE),))


def found(daemon: ScriptedDaemon) -> None:
    assert daemon.pixel_directory is not None
    (daemon.pixel_directory / "get-1-0000000000000000.raw").write_bytes(IMAGE.tobytes())
    array = data.Array(dtype=">f4", shape=IMAGE.shape, file="get-1-0000000000000000.raw")
    daemon.script(requests.Get, messages.Got(data=data.Exposure(image=array, notes=(NOTE,))))


def test_the_notes_of_an_exposure_are_sent_with_its_pixels(daemon: ScriptedDaemon, connection: Connection) -> None:
    mtv.Display(connection=connection).mtv(mtv.Exposure(IMAGE, notes=[NOTE]))
    step = daemon.steps[-1]
    assert isinstance(step, Mtv)
    assert isinstance(step.target, data.Exposure)
    assert step.target.notes == (NOTE,)


def test_a_peer_that_knows_of_no_notes_is_understood() -> None:
    old = msgspec.to_builtins(reports.DisplayReport(number=0, notes=(NOTE,)))
    assert old["type"] == "display"
    del old["notes"]
    report = codec.decode_reply(msgspec.msgpack.encode(old))
    assert isinstance(report, reports.DisplayReport)
    assert report.notes == ()


def test_a_note_of_a_shown_image_is_logged_each_time(
    daemon: ScriptedDaemon, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.script(requests.Transaction, noted())
    display = mtv.Display(connection=connection)
    display.mtv(IMAGE)
    display.mtv(IMAGE)
    assert caplog.messages == [f"display 0: {NOTE}"] * 2


def test_a_note_of_an_image_that_was_only_published_is_logged(
    daemon: ScriptedDaemon, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.script(requests.Transaction, noted())
    mtv.Display(connection=connection).mtv(IMAGE, wait=False)
    connection.flush()
    assert NOTE in caplog.messages


def test_a_note_of_a_feed_is_logged_once(daemon: ScriptedDaemon, caplog: pytest.LogCaptureFixture) -> None:
    daemon.script(requests.Frame, noted())
    with mtv.Feed("guider", endpoint=daemon.endpoint, every=True, timeout_secs=20) as feed:
        for _ in range(3):
            feed.publish(IMAGE)
    assert feed.counts.shown == 3
    assert caplog.messages.count(NOTE) == 1


def test_an_exposure_that_was_got_has_its_notes(
    daemon: ScriptedDaemon, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    found(daemon)
    exposure = mtv.Repository("hsc", connection=connection).get("calexp", visit=1)
    assert exposure.notes == (NOTE,)
    assert NOTE in caplog.messages


def test_a_note_of_what_was_loaded_is_logged(
    daemon: ScriptedDaemon, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.script(
        Load, messages.Outcome(steps=(messages.StepOutcome(loaded=messages.Loaded(handle="a", notes=(NOTE,))),))
    )
    mtv.Repository("hsc", connection=connection).load("calexp", visit=1)
    assert NOTE in caplog.messages


def test_the_command_that_shows_prints_the_note(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Transaction, noted())
    assert run("show", "calexp", "visit=1").stderr == f"mtv: {NOTE}\n"


def test_the_command_that_loads_prints_the_note(run: Run, daemon: ScriptedDaemon) -> None:
    loaded = messages.Loaded(handle="a", shape=(3, 4), dtype=">f4", notes=(NOTE,))
    daemon.script(requests.Transaction, messages.Outcome(steps=(messages.StepOutcome(loaded=loaded),)))
    assert f"mtv: {NOTE}\n" in run("load", "calexp", "visit=1").stderr


def test_the_command_that_gets_a_value_prints_its_note(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Get, messages.Got(value="", notes=(NOTE,)))
    assert run("get", "calexp.wcs", "visit=1").stderr == f"mtv: {NOTE}\n"


def test_a_batch_of_commands_prints_the_note_with_its_line(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Transaction, noted())
    line = '{"type": "mtv", "target": {"source": "handle", "handle": "a"}}\n'
    assert f"mtv: line 1: {NOTE}\n" in run("batch", "-", stdin=line).stderr


def test_status_tells_the_notes_of_a_display() -> None:
    assert _display(reports.DisplayReport(number=0, shape=(3, 4), notes=(NOTE,)), None).endswith(f"linear, {NOTE}")
