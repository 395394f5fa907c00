"""The newest frame of a feed, and a daemon that restarts between `publish` and `close`: it is shown, or told."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
import numpy as np
import pytest
import zmq
from tests.fault.conftest import TestDaemon
from tests.support import scripted

import mtv
from mtv.session.conversation import Timing
from mtv.streams import delivery, screen
from mtv.testing import WAIT_SECS, ScriptedDaemon
from mtv.wire import messages, requests
from mtv.wire.errors import bad_value
from mtvd.scene import actions as ac

T = TypeVar("T")
SHAPE_YX = (20, 30)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait long enough for a daemon that restarts in a test."""
    monkeypatch.setattr(delivery, "_RETRY_SECS", 0.02)
    monkeypatch.setattr(screen, "_PATIENCE", Timing(hello_secs=WAIT_SECS, lost_secs=WAIT_SECS, retry_secs=0.02))


limits, pixel_directory, sharing = scripted.limits, scripted.shared_directory, scripted.daemon


@contextlib.asynccontextmanager
async def daemon_in(directory: Path, epoch: str) -> AsyncIterator[TestDaemon]:
    """One run of a daemon, with what an earlier one has left; it ends as a killed one does, without a word."""
    with zmq.Context[zmq.Socket[bytes]]() as context:
        daemon = TestDaemon(directory, context, epoch=epoch)
        async with daemon.running():
            yield daemon


async def in_thread(work: Callable[[], T]) -> T:
    with anyio.fail_after(2 * WAIT_SECS):
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def filled(value: float, shape_yx: tuple[int, int] = SHAPE_YX) -> np.ndarray[Any, Any]:
    return np.full(shape_yx, value, "f4")


def wait_until(condition: Callable[[], bool], feed: mtv.Feed) -> None:
    deadline = time.monotonic() + WAIT_SECS
    with feed._newest.changed:
        while not condition():
            assert time.monotonic() < deadline, (feed, feed.error)
            feed._newest.changed.wait(0.01)


def show(feed: mtv.Feed, *values: float) -> None:
    """Publish, each once the one before is on the screen."""
    for value in values:
        assert feed.publish(filled(value))
        wait_until(lambda: not feed.counts.waiting, feed)
    assert feed.error is None


def pixel_in_the_window(daemon: TestDaemon) -> float:
    images = [
        action.image
        for batch in daemon.window.batches
        for section in batch.sections
        for action in section.actions
        if isinstance(action, ac.LoadImage)
    ]
    path = daemon.pixels.path(images[-1].file)
    assert path.exists(), "the window shows a file that is gone"
    return float(np.memmap(path, images[-1].dtype, "r", images[-1].header_bytes, (1,))[0])


@pytest.mark.anyio
@pytest.mark.parametrize("swept", [False, True], ids=["files as they were", "files swept away"])
@pytest.mark.parametrize("extra", [False, True], ids=["alone", "with a mask"])
async def test_the_newest_frame_is_on_the_screen_though_the_daemon_was_restarted_after_it_was_published(
    tmp_path: Path, *, swept: bool, extra: bool
) -> None:
    mask: dict[str, Any] = {"mask": np.ones(SHAPE_YX, "u1"), "planes": {"BAD": 0}} if extra else {}
    async with daemon_in(tmp_path, "first") as first:
        feed = mtv.Feed("guider", endpoint=first.endpoint)
        for value in (1, 2, 3, 4, 5):  # all of its files have been shown, and stand in the journal
            assert await in_thread(lambda value=value: feed.publish(filled(value), **mask))  # type: ignore[misc]
            await in_thread(lambda: wait_until(lambda: not feed.counts.waiting, feed))
    assert feed.publish(filled(6), **mask)
    if swept:
        for path in (tmp_path / "pixels").glob("feed-*"):
            path.unlink()
    async with daemon_in(tmp_path, "second") as second:
        assert await in_thread(lambda: feed.close(WAIT_SECS)), feed.error
        assert pixel_in_the_window(second) == 6
    assert (feed.counts.published, feed.counts.shown, feed.counts.dropped) == (6, 6, 0)
    assert feed.error is None


@pytest.mark.anyio
async def test_a_frame_that_was_on_its_way_and_the_newest_behind_it_both_outlive_the_daemon(tmp_path: Path) -> None:
    async with daemon_in(tmp_path, "first") as first:
        feed = mtv.Feed("guider", endpoint=first.endpoint)
        await in_thread(lambda: show(feed, 1, 2, 3, 4))
        first.window.gate = anyio.Event()
        first.window.reached = anyio.Event()
        assert await in_thread(lambda: feed.publish(filled(5)))
        await first.window.reached.wait()
        assert await in_thread(lambda: feed.publish(filled(6)))
    async with daemon_in(tmp_path, "second") as second:
        assert await in_thread(lambda: feed.close(WAIT_SECS)), feed.error
        assert pixel_in_the_window(second) == 6
    assert (feed.counts.published, feed.counts.shown + feed.counts.dropped) == (6, 6)


@pytest.mark.anyio
async def test_a_feed_goes_on_after_a_restart_and_leaves_no_file_but_the_one_that_is_shown(tmp_path: Path) -> None:
    async with daemon_in(tmp_path, "first") as first:
        feed = mtv.Feed("guider", endpoint=first.endpoint)
        await in_thread(lambda: show(feed, 1, 2, 3, 4))
    async with daemon_in(tmp_path, "second") as second:
        await in_thread(lambda: show(feed, 5, 6, 7, 8, 9))
        assert pixel_in_the_window(second) == 9
        assert await in_thread(lambda: feed.close(WAIT_SECS))
        names = [name for name in second.pixels.names() if name.startswith("feed-")]
        assert set(names) == second.engine.scene.files()


def test_a_frame_whose_file_somebody_has_removed_is_written_again_and_shown(sharing: ScriptedDaemon) -> None:
    seen: list[float] = []

    def look(request: Any) -> messages.Outcome:
        image = request.message.target.image
        assert sharing.pixel_directory is not None
        path = sharing.pixel_directory / image.file
        if not path.exists():
            raise bad_value("target.image", "the pixel file is gone")
        seen.append(float(np.memmap(path, image.dtype, "r", image.offset, (1,))[0]))
        return messages.Outcome(steps=(messages.StepOutcome(),))

    sharing.script(requests.Frame, look)
    feed = mtv.Feed("guider", endpoint=sharing.endpoint)
    show(feed, 1, 2, 3)
    sharing.hold(requests.Frame)
    assert feed.publish(filled(4))
    sharing.wait_for(requests.Frame, 4)
    assert sharing.pixel_directory is not None
    for path in sharing.pixel_directory.glob("feed-*"):
        path.unlink()
    sharing.release()
    assert feed.close(WAIT_SECS)
    assert seen == [1, 2, 3, 4]
    assert feed.counts[:3] == (4, 4, 0)


def test_closing_tells_that_the_newest_frame_was_not_shown_and_why(
    sharing: ScriptedDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    feed = mtv.Feed("guider", endpoint=sharing.endpoint)
    show(feed, 1)
    sharing.script(requests.Frame, lambda _: (_ for _ in ()).throw(bad_value("target.wcs", "it cannot be read")))
    assert feed.publish(filled(2))
    assert not feed.close(WAIT_SECS)
    assert feed.counts[:4] == (2, 1, 1, 0)
    assert "it cannot be read" in str(feed.error)
    assert "the newest frame is not on the screen" in caplog.text
    assert not feed.close(WAIT_SECS), "the same again"


def test_closing_a_feed_without_a_daemon_tells_that_nothing_was_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "_PATIENCE", Timing(hello_secs=1, lost_secs=0.05, retry_secs=0.02))
    feed = mtv.Feed("guider", endpoint=f"ipc://{tmp_path}/nobody")
    feed.publish(filled(1))
    assert not feed.close(WAIT_SECS)
    assert isinstance(feed.error, mtv.Unavailable)
    assert feed.counts[:4] == (1, 0, 1, 0)


def test_closing_a_feed_that_is_not_answered_in_time_tells_so(sharing: ScriptedDaemon) -> None:
    feed = mtv.Feed("guider", endpoint=sharing.endpoint)
    show(feed, 1)
    sharing.hold(requests.Frame)
    assert feed.publish(filled(2))
    assert not feed.close(0.05)
    assert isinstance(feed.error, mtv.DeadlineExceeded)
    sharing.release()
    assert feed.close(WAIT_SECS), "it came later"


def test_closing_a_feed_that_was_never_used_or_has_shown_all_is_well(sharing: ScriptedDaemon) -> None:
    assert mtv.Feed("unused", endpoint=sharing.endpoint).close()
    feed = mtv.Feed("guider", endpoint=sharing.endpoint)
    show(feed, 1)
    assert feed.close()


def test_a_directory_that_fills_up_while_a_frame_is_on_its_way_leaves_the_file_of_that_frame(
    sharing: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    feed = mtv.Feed("guider", endpoint=sharing.endpoint)
    show(feed, 1)
    sharing.hold(requests.Frame)
    assert feed.publish(filled(2))
    on_its_way = sharing.wait_for(requests.Frame, 2)[-1].message
    assert isinstance(on_its_way, requests.Frame)
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        assert not feed.publish(filled(3, (50, 50)))
    sharing.release()
    wait_until(lambda: feed.counts.shown == 2, feed)
    assert sharing.pixel_directory is not None
    assert on_its_way.target.image.file is not None
    shown = sharing.pixel_directory / on_its_way.target.image.file
    assert shown.exists(), "it is on the screen"
    show(feed, 4)
    assert not shown.exists(), "something else is on the screen"
    assert feed.close(WAIT_SECS)


def test_a_fault_of_the_feed_costs_its_frame_and_the_next_one_is_shown(
    sharing: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("nobody had thought of this")

    feed = mtv.Feed("guider", endpoint=sharing.endpoint)
    show(feed, 1)
    with monkeypatch.context() as patch:
        patch.setattr(screen.Screen, "draw", broken)
        for _ in range(5):
            feed.publish(filled(2))
            wait_until(lambda: not feed.counts.waiting, feed)
        assert "nobody had thought of this" in str(feed.error)
    while not feed.publish(filled(3)):
        wait_until(lambda: feed._delivery.destination is not None, feed)
    assert feed.close(WAIT_SECS), feed.error
    assert feed.counts.shown == 2


def test_where_no_thread_can_be_started_frames_are_dropped_and_the_next_one_is_shown_once_there_is_one(
    sharing: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    feed = mtv.Feed("guider", endpoint=sharing.endpoint)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        assert not feed.publish(filled(1))
    assert "can't start new thread" in str(feed.error)
    assert feed.counts[:4] == (1, 0, 1, 0)
    while not feed.publish(filled(2)):  # until the thread has reached the daemon
        wait_until(lambda: feed._delivery.destination is not None, feed)
    assert feed.close(WAIT_SECS), feed.error
