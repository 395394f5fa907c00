"""Feeds: the newest frame counts, the producer never waits for the display, and every frame is accounted for."""

from __future__ import annotations

import errno
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.nddata import CCDData
from astropy.utils.masked import Masked

import mtv
from mtv.session.conversation import Timing
from mtv.streams import delivery, screen
from mtv.streams.newest import Newest
from mtv.testing import WAIT_SECS, ScriptedDaemon
from mtv.wire import messages, requests
from mtv.wire.data import Array
from mtv.wire.errors import bad_value
from mtv.wire.steps import Overlay

FRAME = np.zeros((4, 6), "<f4")


@pytest.fixture(autouse=True)
def retry_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_RETRY_SECS", 0.02)
    monkeypatch.setattr(screen, "_PATIENCE", Timing(hello_secs=5.0, lost_secs=0.05, retry_secs=0.02))


def labels(daemon: ScriptedDaemon) -> list[str]:
    return [frame.target.label for frame in frames(daemon)]


def frames(daemon: ScriptedDaemon) -> list[requests.Frame]:
    return [seen.message for seen in daemon.of(requests.Frame) if isinstance(seen.message, requests.Frame)]


def wait_until(condition: Callable[[], bool], feed: mtv.Feed) -> None:
    deadline = time.monotonic() + WAIT_SECS
    with feed._newest.changed:
        while not condition():
            assert time.monotonic() < deadline, feed
            feed._newest.changed.wait(0.01)


def test_while_one_frame_is_shown_only_the_newest_of_the_others_is_kept(daemon: ScriptedDaemon) -> None:
    daemon.hold(requests.Frame)
    with mtv.Feed("guider", endpoint=daemon.endpoint) as feed:
        feed.publish(FRAME, label="0")
        daemon.wait_for(requests.Frame)
        for number in range(1, 10):
            assert feed.publish(FRAME, label=str(number))
        assert feed.counts[:4] == (10, 0, 8, 2)
        daemon.release()
    assert labels(daemon) == ["0", "9"]
    assert feed.counts[:5] == (10, 2, 8, 0, 2 * FRAME.nbytes)


def test_whatever_mtv_takes_is_a_frame_too(daemon: ScriptedDaemon) -> None:
    image = np.arange(24, dtype="u2").reshape(4, 6)
    targets = [
        CCDData(image, unit="adu", mask=image > 9),
        CCDData(image, unit="adu", mask=image > 9).to_hdu(),
        Masked(image, mask=image > 9),
    ]
    with mtv.Feed("guider", endpoint=daemon.endpoint, every=True, timeout_secs=WAIT_SECS) as feed:
        for target in targets:
            assert feed.publish(target)
    for seen in daemon.of(requests.Frame):
        assert isinstance(seen.message, requests.Frame)
        assert seen.message.target.planes == {"MASK": 0}
        stored, mask = (bytes(buffer) for buffer in seen.buffers)
        assert ((np.frombuffer(stored, ">u2") ^ 0x8000) == image.ravel()).all()
        assert (np.frombuffer(mask, "u1") == (image.ravel() > 9)).all()


def test_a_frame_is_shown_only_when_the_daemon_says_so(daemon: ScriptedDaemon) -> None:
    daemon.hold(requests.Frame)
    with mtv.Feed("guider", endpoint=daemon.endpoint) as feed:
        feed.publish(FRAME)
        daemon.wait_for(requests.Frame)
        assert feed.counts.shown == 0
        daemon.release()
    assert feed.counts.shown == 1
    assert feed.counts.latency_p50_secs is not None


def test_the_array_may_be_written_over_at_once_also_that_of_the_first_frame(daemon: ScriptedDaemon) -> None:
    frame = FRAME + 7
    with mtv.Feed("guider", endpoint=daemon.endpoint) as feed:
        feed.publish(frame)
        frame[:] = 0
    (seen,) = daemon.of(requests.Frame)
    assert set(np.frombuffer(seen.buffers[0], ">f4")) == {7}


def test_without_a_daemon_frames_are_dropped_and_counted_and_flow_once_there_is_one(tmp_path: Path) -> None:
    daemon = ScriptedDaemon(tmp_path / "mtvd.sock")
    with mtv.Feed("guider", endpoint=daemon.endpoint) as feed:
        feed.publish(FRAME)
        wait_until(lambda: feed.error is not None and not feed.counts.waiting, feed)
        assert not feed.publish(FRAME)
        assert feed.counts[:4] == (2, 0, 2, 0)
        assert isinstance(feed.error, mtv.Unavailable)
        daemon.start()
        try:
            wait_until(lambda: feed._delivery.destination is not None, feed)
            assert feed.publish(FRAME, label="back")
            wait_until(lambda: feed.counts.shown == 1, feed)
        finally:
            feed.close()
            daemon.stop()
    assert labels(daemon) == ["back"]
    assert feed.error is None


def test_frames_flow_again_after_the_daemon_was_gone(daemon: ScriptedDaemon) -> None:
    with mtv.Feed("guider", endpoint=daemon.endpoint) as feed:
        feed.publish(FRAME, label="before")
        wait_until(lambda: feed.counts.shown == 1, feed)
        daemon.stop()
        feed.publish(FRAME, label="lost")
        wait_until(lambda: feed.counts.dropped == 1, feed)
        daemon.start()
        wait_until(lambda: feed._delivery.destination is not None, feed)
        feed.publish(FRAME, label="after")
        wait_until(lambda: feed.counts.shown == 2, feed)
    assert labels(daemon)[-1] == "after"


def test_every_frame_waits_for_the_one_before_and_is_dropped_when_that_takes_too_long(daemon: ScriptedDaemon) -> None:
    daemon.hold(requests.Frame)
    with mtv.Feed("guider", endpoint=daemon.endpoint, every=True, timeout_secs=0.05) as feed:
        feed.publish(FRAME, label="0")
        daemon.wait_for(requests.Frame)
        assert feed.publish(FRAME, label="1")
        assert not feed.publish(FRAME, label="2")
        daemon.release()
    assert labels(daemon) == ["0", "1"]
    assert feed.counts[:4] == (3, 2, 1, 0)


def test_shape_and_type_may_change_in_mid_stream(daemon: ScriptedDaemon) -> None:
    with mtv.Feed("guider", endpoint=daemon.endpoint, every=True, timeout_secs=WAIT_SECS) as feed:
        for frame in (FRAME, np.zeros((2, 3), "u1"), np.zeros((5, 5), "i2")):
            assert feed.publish(frame)
    assert [frame.target.image.shape for frame in frames(daemon)] == [(4, 6), (2, 3), (5, 5)]


def test_a_frame_that_the_daemon_refuses_costs_that_frame_alone(daemon: ScriptedDaemon) -> None:
    refusal = messages.Failed(error=bad_value("target.image", "no").error)
    daemon.script(requests.Frame, refusal)
    with mtv.Feed("guider", endpoint=daemon.endpoint) as feed:
        feed.publish(FRAME)
        wait_until(lambda: feed.counts.dropped == 1, feed)
        assert isinstance(feed.error, mtv.RequestError)
        daemon.script(requests.Frame, lambda _: messages.Outcome(steps=(messages.StepOutcome(),)))
        feed.publish(FRAME)
    assert feed.counts[:4] == (2, 1, 1, 0)


def test_between_frames_of_a_rate_one_waits_and_closing_shows_it(daemon: ScriptedDaemon) -> None:
    with mtv.Feed("guider", endpoint=daemon.endpoint, most_fps=1e-3, every=True, timeout_secs=0.3) as feed:
        feed.publish(FRAME, label="0")
        wait_until(lambda: feed.counts.shown == 1, feed)
        assert feed.publish(FRAME, label="1")
        assert not feed.publish(FRAME, label="2"), "the one before still waits for its time"
        assert feed.counts[:4] == (3, 1, 1, 1)
    assert labels(daemon) == ["0", "1"]


def test_many_refused_frames_in_a_row_are_told_once(daemon: ScriptedDaemon, caplog: pytest.LogCaptureFixture) -> None:
    daemon.script(requests.Frame, messages.Failed(error=bad_value("target.image", "no").error))
    with mtv.Feed("guider", endpoint=daemon.endpoint, every=True, timeout_secs=WAIT_SECS) as feed:
        for _ in range(5):
            feed.publish(FRAME)
    assert feed.counts[:4] == (5, 0, 5, 0)
    assert len([record for record in caplog.records if "frames are dropped" in record.message]) == 1


def test_a_forked_child_has_counters_and_a_connection_of_its_own(daemon: ScriptedDaemon) -> None:
    with mtv.Feed("guider", endpoint=daemon.endpoint) as feed:
        feed.publish(FRAME, label="parent")
        wait_until(lambda: feed.counts.shown == 1, feed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it warns that there are threads: that is the point
            child = os.fork()
        if child == 0:
            status = 1
            try:
                feed.publish(FRAME, label="child")
                feed.close(WAIT_SECS)
                status = int(feed.counts[:4] != (1, 1, 0, 0))
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        feed.publish(FRAME, label="parent again")
    assert labels(daemon) == ["parent", "child", "parent again"]
    assert feed.counts.shown == 2
    first, second, third = (seen.header.session for seen in daemon.of(requests.Frame))
    assert first == third != second


def test_what_is_no_image_is_refused_by_name_whether_there_is_a_daemon_or_not(tmp_path: Path) -> None:
    with mtv.Feed("guider", endpoint=f"ipc://{tmp_path}/none.sock") as feed:
        with pytest.raises(mtv.RequestError, match="3 dimensions"):
            feed.publish(np.zeros((2, 2, 2)))
        assert feed.counts.published == 0


def test_publishing_into_a_closed_feed_drops_the_frame(daemon: ScriptedDaemon) -> None:
    feed = mtv.Feed("guider", endpoint=daemon.endpoint)
    feed.close()
    assert not feed.publish(FRAME)
    assert feed.counts[:4] == (1, 0, 1, 0)


@pytest.mark.parametrize(
    ("where", "options"),
    [
        ("most_fps", {"most_fps": 0}),
        ("timeout_secs", {"timeout_secs": float("nan")}),
        ("frame", {"display": -1}),
        ("name", {"name": 7}),
        ("smooth_secs", {"smooth_secs": -1}),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(where: str, options: dict[str, Any]) -> None:
    with pytest.raises(mtv.RequestError) as caught:
        mtv.Feed(**{"name": "guider", **options})
    assert caught.value.error.where == where


@pytest.mark.parametrize("reachable", [True, False])
@pytest.mark.parametrize(("where", "frame"), [("label", {"label": "x" * 10_000}), ("mask", {"mask": FRAME[:2] > 0})])
def test_what_goes_with_a_frame_is_checked_whether_there_is_a_daemon_or_not(
    daemon: ScriptedDaemon, tmp_path: Path, where: str, frame: dict[str, Any], reachable: bool
) -> None:
    endpoint = daemon.endpoint if reachable else f"ipc://{tmp_path}/none.sock"
    with mtv.Feed("guider", endpoint=endpoint) as feed:
        feed.publish(FRAME)
        wait_until(lambda: not feed.counts.waiting, feed)
        with pytest.raises(mtv.RequestError) as caught:
            feed.publish(FRAME, **frame)
        assert caught.value.error.where == where


@pytest.fixture
def sharing(tmp_path: Path) -> Iterator[ScriptedDaemon]:
    """A daemon on the same host."""
    directory = tmp_path / "pixels"
    directory.mkdir(mode=0o700)
    with ScriptedDaemon(tmp_path / "shared.sock", pixel_directory=directory) as daemon:
        yield daemon


def files(daemon: ScriptedDaemon) -> list[Path]:
    assert daemon.pixel_directory is not None
    return list(daemon.pixel_directory.glob("feed-*"))


def pixels_of(daemon: ScriptedDaemon, frame: requests.Frame) -> set[float]:
    assert daemon.pixel_directory is not None
    image = frame.target.image
    assert image.file is not None
    return set(np.memmap(daemon.pixel_directory / image.file, image.dtype, "r", image.offset, image.shape).ravel())


def test_three_files_hold_all_frames_and_what_is_shown_or_on_its_way_is_never_written(sharing: ScriptedDaemon) -> None:
    seen: list[tuple[float, set[float], set[float]]] = []

    def look(request: Any) -> messages.Outcome:
        """Before a frame is answered the producer goes on: neither it nor the one before may change."""
        number = float(request.message.target.label)
        before = frames(sharing)[-2] if len(frames(sharing)) > 1 else request.message
        seen.append((number, pixels_of(sharing, request.message), pixels_of(sharing, before)))
        return messages.Outcome(steps=(messages.StepOutcome(),))

    sharing.script(requests.Frame, look)
    with mtv.Feed("guider", endpoint=sharing.endpoint) as feed:
        feed.publish(FRAME, label="0")
        wait_until(lambda: feed.counts.shown == 1, feed)
        for number in range(1, 500):
            feed.publish(FRAME + number, label=str(number))
        wait_until(lambda: not feed.counts.waiting, feed)
        assert 1 <= len(files(sharing)) <= 3
        assert all(set(frame.slots) <= {file.name for file in files(sharing)} for frame in frames(sharing)[-1:])
    shown_before = 0.0
    for label, pixels, pixels_before in seen:
        assert pixels == {label}
        assert pixels_before == {shown_before}
        shown_before = label
    assert shown_before == 499
    assert len(files(sharing)) == 1, "the last frame stays, its room included; the others are removed"


class Item:
    def __init__(self) -> None:
        self.removed = False

    def remove(self) -> None:
        self.removed = True


def test_what_is_promised_to_a_thread_that_waits_is_not_withdrawn_by_a_producer_in_a_hurry() -> None:
    newest = Newest[Item](every=False, timeout_secs=1.0)
    taken: list[Item | None] = []
    thread = threading.Thread(target=lambda: taken.append(newest.take(lambda: False)))
    thread.start()
    deadline = time.monotonic() + WAIT_SECS
    while not newest._hungry:
        assert time.monotonic() < deadline
    first, second, third = Item(), Item(), Item()
    with newest.changed:  # the thread cannot take anything meanwhile
        for item in (first, second, third):
            assert newest.reserve()
            newest.put(item)
    thread.join(WAIT_SECS)
    assert taken == [first]
    assert [first.removed, second.removed, third.removed] == [False, True, False]
    assert newest.take(lambda: True) is third
    assert newest.totals == (3, 1)


def test_masks_have_a_file_of_their_own_in_each_slot(sharing: ScriptedDaemon) -> None:
    with mtv.Feed("guider", endpoint=sharing.endpoint, every=True, timeout_secs=WAIT_SECS) as feed:
        feed.publish(FRAME)
        wait_until(lambda: feed.counts.shown == 1, feed)
        for _ in range(6):
            assert feed.publish(FRAME, mask=FRAME > 0)
        assert len(files(sharing)) <= 6
    masks = [frame.target.mask for frame in frames(sharing)]
    assert masks[0] is None
    assert all(mask is not None and mask.file is not None for mask in masks[1:])


def test_another_shape_takes_other_files_and_leaves_none_behind(sharing: ScriptedDaemon) -> None:
    with mtv.Feed("guider", endpoint=sharing.endpoint, every=True, timeout_secs=WAIT_SECS) as feed:
        feed.publish(FRAME)
        wait_until(lambda: feed.counts.shown == 1, feed)
        for side in (10, 20, 40, 80):
            assert feed.publish(np.full((side, side), side, "f4"))
        wait_until(lambda: not feed.counts.waiting, feed)
        assert len(files(sharing)) <= 3
        assert pixels_of(sharing, frames(sharing)[-1]) == {80}


def test_after_a_daemon_has_gone_its_files_are_left_and_removed_when_the_next_shows_a_frame(
    sharing: ScriptedDaemon,
) -> None:
    with mtv.Feed("guider", endpoint=sharing.endpoint) as feed:
        feed.publish(FRAME)
        wait_until(lambda: feed.counts.shown == 1, feed)
        (before,) = frames(sharing)[-1].slots
        sharing.stop()
        feed.publish(FRAME)
        wait_until(lambda: feed.counts.dropped == 1, feed)
        assert before in {file.name for file in files(sharing)}, "the next daemon may show it still"
        sharing.start()
        wait_until(lambda: feed._delivery.destination is not None, feed)
        feed.publish(FRAME)
        wait_until(lambda: feed.counts.shown == 2, feed)
        wait_until(lambda: not feed._delivery._left, feed)
        assert before not in {file.name for file in files(sharing)}
        assert before not in frames(sharing)[-1].slots


def test_a_directory_without_room_costs_frames_and_says_so(
    sharing: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    with mtv.Feed("guider", endpoint=sharing.endpoint) as feed:
        feed.publish(FRAME)
        wait_until(lambda: feed.counts.shown == 1, feed)
        monkeypatch.setattr(os, "posix_fallocate", full)
        assert not feed.publish(np.zeros((50, 50), "f4"))
        assert feed.error is not None
        assert "no room" in str(feed.error)
        monkeypatch.undo()
        wait_until(lambda: feed._delivery.destination is not None, feed)
        feed.publish(np.zeros((50, 50), "f4"))
        wait_until(lambda: feed.counts.shown == 2, feed)


COLUMN = list(range(500))


@pytest.mark.parametrize("markers", [np.array([COLUMN, COLUMN]).T, {"x": COLUMN, "y": COLUMN, "colour": "red"}])
def test_markers_go_with_their_frame(daemon: ScriptedDaemon, markers: Any) -> None:
    with mtv.Feed("guider", endpoint=daemon.endpoint) as feed:
        feed.publish(FRAME, markers=markers)
        wait_until(lambda: feed.counts.shown == 1, feed)
    (seen,) = daemon.of(requests.Frame)
    assert isinstance(seen.message, requests.Frame)
    overlay = seen.message.markers
    assert isinstance(overlay, Overlay)
    assert (overlay.display, overlay.name, overlay.replace) == ("guider", "guider", True)
    column = overlay.x
    assert isinstance(column, Array)
    assert column.buffer == 1, "the image is the first"
    assert list(np.frombuffer(seen.buffers[1], column.dtype, 500, column.offset)) == COLUMN


@pytest.mark.parametrize(
    "markers", [np.zeros((2, 3)), {"x": [1]}, {"x": [1], "y": [1], "color": "red"}, "red", {"x": [1], "y": [1, 2]}]
)
def test_markers_that_are_none_are_refused(daemon: ScriptedDaemon, markers: Any) -> None:
    with mtv.Feed("guider", endpoint=daemon.endpoint) as feed:
        with pytest.raises(mtv.RequestError):
            feed.publish(FRAME, markers=markers)
        assert feed.publish(FRAME), "the place is free again"
