"""Every published frame is shown or dropped, and counted so, whatever producers and daemon do, in whatever order."""

from __future__ import annotations

import itertools
import queue
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import mtv
from mtv.session.decisions import Answer
from mtv.session.ticket import overdue
from mtv.streams import delivery
from mtv.testing import WAIT_SECS
from mtv.wire import messages, reports, requests
from mtv.wire.errors import DaemonError, Error, Unavailable, bad_value
from mtv.wire.limits import Limits

SHAPES_YX = ((4, 6), (3, 5))


RECEIPT = object()


class Drawing:
    """A frame that the window draws."""

    def __init__(self, frame: requests.Frame, on_settled: Callable[[], object]) -> None:
        self.frame = frame
        self.settled_at: float | None = None
        self._on_settled = on_settled
        self._answers: queue.SimpleQueue[object] = queue.SimpleQueue()

    def settle(self, answer: object) -> None:
        self._answers.put(answer)
        self.settled_at = time.monotonic()
        self._on_settled()

    def wait(self) -> Answer:
        answer = self._answers.get(timeout=WAIT_SECS)
        if isinstance(answer, BaseException):
            raise answer
        return Answer(messages.Outcome(steps=()))


class Daemon:
    """Stands in for a connection: each frame that is sent waits here until the test says what becomes of it."""

    endpoint = "ipc:///nowhere"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "nonce").write_text("nonce")
        self.up = True
        self.epochs = itertools.count(1)
        self.epoch = "0"
        self.asked: requests.Frame | None = None
        self.drawing: Drawing | None = None
        self.answers: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.changed = threading.Condition()

    @property
    def welcome(self) -> messages.Welcome:
        if not self.up:
            raise gone()
        return messages.Welcome(
            versions=(1, 0),
            release="x",
            limits=Limits(),
            window=reports.WindowState(),
            pixel_directory=str(self.directory),
            nonce_name="nonce",
            nonce="nonce",
            epoch=self.epoch,
        )

    def request(self, _message: object, *, timeout_secs: float) -> object:
        return self.welcome

    def begin(self, message: requests.Frame, *, on_settled: Callable[[], object], **_: object) -> Drawing:
        self.check(message)
        with self.changed:
            self.asked = message
            self.changed.notify_all()
        answer = self.answers.get(timeout=WAIT_SECS)
        if isinstance(answer, BaseException):
            raise answer
        drawing = Drawing(message, on_settled)
        if answer is RECEIPT:
            self.drawing = drawing
        else:
            drawing.settle(answer)
        return drawing

    def check(self, message: requests.Frame) -> None:
        path = self.directory / str(message.target.image.file)
        if not path.exists():
            raise bad_value("target.image", "the pixel file is gone")
        image = message.target.image
        pixels = np.memmap(path, image.dtype, "r", image.offset, image.shape)
        assert set(pixels.ravel().tolist()) == {float(message.target.label)}, "another frame's pixels"

    def answer(self, answer: object) -> requests.Frame:
        """Tell what becomes of the frame that is drawn, or else of the one that was sent."""
        drawing, self.drawing = self.drawing, None
        if drawing is not None:
            drawing.settle(answer)
            return drawing.frame
        return self._tell(answer)

    def take(self) -> requests.Frame:
        """Send the receipt of the frame that was sent."""
        return self._tell(RECEIPT)

    def _tell(self, answer: object) -> requests.Frame:
        with self.changed:
            assert self.asked is not None
            answered, self.asked = self.asked, None
        self.answers.put(answer)
        return answered

    def restart(self) -> None:
        self.epoch = str(next(self.epochs))

    def close(self, _secs: float = 0.0) -> None:
        pass


def gone() -> Unavailable:
    return Unavailable(Error(code="no_daemon", message="it has gone"))


class FeedMachine(RuleBasedStateMachine):
    """A producer, a thread that sends, and a daemon that answers, refuses, dies and comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.daemon = Daemon(Path(self.folder.name))
        self.feed = mtv.Feed("guider", endpoint=self.daemon.endpoint)
        self.feed._screen.connection = self.daemon  # type: ignore[assignment]
        self.published = 0
        self.taken = 0
        """The newest that was taken."""
        self.shown: list[int] = []
        self.scene: requests.Frame | None = None
        """Frame that the daemon would draw again."""
        self.closed = False

    # What happens

    @precondition(lambda self: not self.closed)
    @rule(shape_yx=st.sampled_from(SHAPES_YX), many=st.integers(1, 3))
    def publish(self, shape_yx: tuple[int, int], many: int) -> None:
        for _ in range(many):
            self.published += 1
            if self.feed.publish(np.full(shape_yx, self.published, "f4"), label=str(self.published)):
                self.taken = self.published
        self.come_to_rest()

    @rule()
    def take(self) -> None:
        """The window has the pixels of a frame; what it shows until then may be written over from now on."""
        if self.daemon.asked is None or self.daemon.drawing is not None:
            return  # no preconditions: threads are no part of what hypothesis repeats
        frame = self.daemon.take()
        self.until(lambda: self.daemon.drawing is not None)
        self.note_scene(frame)
        self.come_to_rest()

    @rule()
    def show(self) -> None:
        if self.daemon.asked is None and self.daemon.drawing is None:
            return
        drawn = self.daemon.drawing is not None
        frame = self.daemon.answer(None)
        number = int(frame.target.label)
        assert not self.shown or number > self.shown[-1], "older than what is shown"
        self.shown.append(number)
        if not drawn:
            self.note_scene(frame)
        self.come_to_rest(shown=len(self.shown))

    def note_scene(self, frame: requests.Frame) -> None:
        path = self.daemon.directory / str(frame.target.image.file)
        self.scene = frame if path.exists() else None  # swept while it was on its way

    @rule(
        error=st.sampled_from(
            [
                bad_value("target.wcs", "no"),
                DaemonError(Error(code="storage_full", message="no")),
                overdue(),
                OSError("no"),
                RuntimeError("nobody had thought of this"),
            ]
        )
    )
    def refuse(self, error: BaseException) -> None:
        if self.daemon.asked is None and self.daemon.drawing is None:
            return
        before = self.feed.counts.dropped
        label = self.daemon.answer(error).target.label
        self.come_to_rest()
        if self.daemon.asked is not None and self.daemon.asked.target.label == label:  # another daemon, or other files
            self.daemon.answer(error)
        self.come_to_rest(dropped=before + 1)

    @rule(files=st.booleans(), other=st.booleans())
    def lose_the_file(self, *, files: bool, other: bool) -> None:
        """Restart the daemon, or sweep its directory, or both: the frame comes again, and none is lost by it."""
        if self.daemon.asked is None or self.daemon.drawing is not None or not (files or other):
            return
        if other:
            self.daemon.restart()
        if files:
            self.sweep()
        label = self.daemon.answer(bad_value("target.image", "the pixel file is gone")).target.label
        self.come_to_rest()
        assert self.daemon.asked is not None, self.feed.error
        assert self.daemon.asked.target.label == label
        self.show()

    @rule()
    def restart(self) -> None:
        self.daemon.restart()

    @rule()
    def sweep(self) -> None:
        for path in self.daemon.directory.glob("feed-*"):
            path.unlink()
        self.scene = None

    @rule()
    def die(self) -> None:
        lost = (self.daemon.asked is not None) + (self.daemon.drawing is not None)
        if not lost or not self.daemon.up:
            return
        before = self.feed.counts.dropped
        self.daemon.up = False
        for _ in range(lost):
            self.daemon.answer(gone())
        self.come_to_rest(dropped=before + lost)

    @rule()
    def come_back(self) -> None:
        if self.daemon.up:
            return
        self.daemon.restart()
        self.daemon.up = True
        if self.feed._delivery._thread is not None and not self.closed:
            self.until(lambda: self.feed._delivery.destination is not None)

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        self.closed = True
        self.feed.close(0.001)  # what is on its way is answered by later rules

    # What holds

    @invariant()
    def every_frame_is_counted_once(self) -> None:
        counts = self.feed.counts
        assert counts.published == self.published == counts.shown + counts.dropped + counts.waiting
        untold = 1 if self.daemon.asked is not None else 0  # the thread waits for the receipt of the next one
        assert len(self.shown) - untold <= counts.shown <= len(self.shown)
        assert counts.waiting <= 3

    @invariant()
    def the_frame_of_the_scene_keeps_its_pixels(self) -> None:
        if self.scene is not None:
            self.daemon.check(self.scene)

    def teardown(self) -> None:
        """End it: whatever is on its way is answered, and then all is accounted for and the newest is told."""
        closing = threading.Thread(target=lambda: told.append(self.feed.close(WAIT_SECS)))
        told: list[bool] = []
        closing.start()
        deadline = time.monotonic() + WAIT_SECS
        while closing.is_alive():
            assert time.monotonic() < deadline
            if self.daemon.asked is not None or self.daemon.drawing is not None:
                self.shown.append(int(self.daemon.answer(None).target.label))
            closing.join(0.001)
        counts = self.feed.counts
        assert (counts.published, counts.waiting) == (self.published, 0)
        assert counts.shown == len(self.shown)
        assert counts.published == counts.shown + counts.dropped
        assert told == [not self.taken or self.taken in self.shown]
        self.folder.cleanup()

    # Inside

    def come_to_rest(self, *, shown: int = 0, dropped: int = 0) -> None:
        """Wait until the thread has taken note, and sends a frame, or has none."""
        self.until(
            lambda: (
                (self.daemon.asked is not None or self.at_rest(shown, dropped))
                and (self.closed or not self.daemon.up or self.feed._delivery.destination is not None)
            )
        )

    def at_rest(self, shown: int, dropped: int) -> bool:
        counts = self.feed.counts
        drawn = self.daemon.drawing is not None
        return (
            counts.shown >= shown
            and counts.dropped >= dropped
            and counts.waiting == drawn
            and self.daemon.answers.empty()
        )

    def until(self, condition: Any) -> None:
        deadline = time.monotonic() + WAIT_SECS
        while not condition():
            assert time.monotonic() < deadline, (self.feed, self.feed.error)
            time.sleep(0.0002)


@pytest.fixture(autouse=True, scope="module")
def retry_soon() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "_RETRY_SECS", 0.001)
        yield


FeedMachine.TestCase.settings = settings(
    max_examples=50,
    stateful_step_count=25,
    phases=[Phase.reuse, Phase.generate],  # what threads did is not done again in a smaller example
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestFeedMachine = FeedMachine.TestCase
