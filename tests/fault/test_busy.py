"""A daemon that is busy: requests wait and go out again, in order and in time; programs see nothing of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import numpy as np
import pytest
import zmq
from tests.fault.conftest import TestDaemon
from tests.support import scripted

import mtv
from mtv.session.connection import Connection
from mtv.session.conversation import Timing
from mtv.testing import WAIT_SECS, ScriptedDaemon, Seen
from mtv.wire import messages, requests
from mtv.wire.data import Array
from mtv.wire.errors import Error, exception_for
from mtv.wire.steps import Overlay, Query

BUSY = Error(code="busy", message="4096 requests are under way", retryable=True, hint="wait")


limits, pixel_directory, daemon = scripted.limits, scripted.pixel_directory, scripted.daemon


class Crowded:
    """Answers as a daemon that has room only now and then, and keeps the order of each session.

    What comes while an older request of its session was put off is put off as well.
    """

    def __init__(self, seed: int, share: float, *, in_order: bool = True) -> None:
        self._random = random.Random(seed)
        self._share = share
        self._in_order = in_order
        self._oldest: dict[bytes, int] = {}
        self.refused = 0
        self.accepted: list[Seen] = []

    def __call__(self, seen: Seen) -> messages.Reply:
        session, number = seen.header.session, seen.header.sequence
        oldest = self._oldest.get(session)
        overtakes = self._in_order and oldest is not None and number > oldest
        if overtakes or self._random.random() < self._share:
            self._oldest[session] = number if oldest is None else min(oldest, number)
            self.refused += 1
            raise exception_for(BUSY)
        if oldest == number:
            del self._oldest[session]
        self.accepted.append(seen)
        steps = getattr(seen.message, "steps", (None,))
        return messages.Outcome(steps=tuple(messages.StepOutcome() for _ in steps))

    @property
    def numbers(self) -> list[int]:
        return [seen.header.sequence for seen in self.accepted]


@pytest.mark.parametrize("seed", range(2))
def test_ten_thousand_dots_are_all_drawn_once_and_in_order(daemon: ScriptedDaemon, seed: int) -> None:
    crowded = Crowded(seed, 0.5)
    daemon.script(requests.Transaction, crowded)
    with mtv.connect(daemon.endpoint) as connection:
        display = mtv.Display(connection=connection)
        for number in range(10_000):
            display.dot("o", number, 0, wait=False)
        connection.sync()
    assert [x for seen in crowded.accepted for x in xs_of(seen)] == list(range(10_000))


def xs_of(seen: Seen) -> list[float]:
    assert isinstance(seen.message, requests.Transaction)
    found: list[float] = []
    for step in seen.message.steps:
        assert isinstance(step, Overlay)
        if isinstance(step.x, Array):
            found += np.frombuffer(seen.buffers[step.x.buffer or 0], "<f8", step.x.shape[0], step.x.offset).tolist()
        else:
            found += [float(str(x)) for x in step.x]
    return found


@pytest.mark.parametrize("in_order", [True, False], ids=["in order", "as they come"])
@pytest.mark.parametrize("seed", range(2))
def test_hundreds_of_published_requests_are_all_carried_out_once(
    daemon: ScriptedDaemon, seed: int, *, in_order: bool
) -> None:
    crowded = Crowded(seed, 0.3, in_order=in_order)
    daemon.script(requests.Transaction, crowded)
    with mtv.connect(daemon.endpoint) as connection:
        display = mtv.Display(connection=connection)
        for _ in range(300):
            display.show(wait=False)
        connection.sync()
    assert crowded.refused > 50
    assert sorted(crowded.numbers) == list(range(1, 301))
    if in_order:
        assert crowded.numbers == sorted(crowded.numbers)


@pytest.mark.parametrize("seed", range(2))
def test_a_restart_in_the_middle_of_it_changes_nothing(daemon: ScriptedDaemon, seed: int) -> None:
    crowded = Crowded(seed, 0.4)
    daemon.script(requests.Transaction, crowded)
    with mtv.connect(daemon.endpoint) as connection:
        display = mtv.Display(connection=connection)
        for number in range(300):
            display.show(wait=False)
            if number % 100 == 50:
                daemon.restart()
        connection.sync()
    assert list(dict.fromkeys(crowded.numbers)) == list(range(1, 301)), "what was not answered goes out again, in order"


def test_fifty_clients_at_once_see_nothing_of_it(daemon: ScriptedDaemon) -> None:
    crowded = Crowded(0, 0.5)
    daemon.script(requests.Transaction, crowded)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            with mtv.connect(daemon.endpoint) as connection:
                display = mtv.Display(connection=connection)
                for number in range(6):
                    display.show(wait=bool(number % 3))
                connection.sync()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * WAIT_SECS)
        assert not thread.is_alive()
    assert raised == []
    assert len(crowded.accepted) == 300


@pytest.mark.parametrize(
    "ask",
    [
        lambda connection: connection.request(requests.Sync()),
        lambda connection: mtv.Display(connection=connection).show(),
        lambda connection: mtv.Display(connection=connection).mtv(np.zeros((3, 4))),
    ],
    ids=["a question", "a step", "an image"],
)
def test_whatever_waits_for_its_answer_is_sent_again(daemon: ScriptedDaemon, ask: Callable[[Any], object]) -> None:
    refusals = iter([True] * 5)

    def answer(seen: Seen) -> messages.Reply:
        if next(refusals, False):
            raise exception_for(BUSY)
        done = messages.Outcome(steps=(messages.StepOutcome(),))
        return done if isinstance(seen.message, requests.Transaction) else messages.Done()

    for kind in (requests.Sync, requests.Transaction):
        daemon.script(kind, answer)
    with mtv.connect(daemon.endpoint) as connection:
        ask(connection)
    assert len({seen.header.sequence for seen in daemon.seen if seen.header.sequence}) == 1, "under its own number"


def test_a_daemon_that_stays_busy_is_told_as_a_deadline_with_its_own_words(daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Transaction, Crowded(0, 1.0))
    with Connection(daemon.endpoint, timeout_secs=0.1) as connection:
        display = mtv.Display(connection=connection)
        with pytest.raises((mtv.DeadlineExceeded, mtv.DaemonError), match="4096 requests are under way"):
            display.show()
        display.show(wait=False)
        with pytest.raises((mtv.DeadlineExceeded, mtv.DaemonError), match=r"under way|not answered"):
            connection.flush(WAIT_SECS)
        daemon.script(requests.Transaction, messages.Outcome(steps=(messages.StepOutcome(),)))
        display.show()


def test_what_is_busy_for_good_is_told_at_once(daemon: ScriptedDaemon) -> None:
    def refuse(_: Seen) -> messages.Reply:
        raise exception_for(Error(code="busy", message="it will not do"))

    daemon.script(requests.Transaction, refuse)
    with mtv.connect(daemon.endpoint) as connection, pytest.raises(mtv.DaemonError, match="it will not do"):
        mtv.Display(connection=connection).show()


def test_a_daemon_that_is_too_busy_to_greet_is_asked_again_and_in_the_end_told(daemon: ScriptedDaemon) -> None:
    refusals = iter([True] * 3)

    def greet(_: Seen) -> messages.Reply:
        if next(refusals, False):
            raise exception_for(BUSY)
        return daemon._welcome()

    daemon.script(requests.Hello, greet)
    with Connection(daemon.endpoint, timing=Timing(retry_secs=0.01)) as connection:
        mtv.Display(connection=connection).show()
    daemon.script(requests.Hello, Crowded(0, 1.0))
    with (
        Connection(daemon.endpoint, timing=Timing(hello_secs=0.1, retry_secs=0.01)) as connection,
        pytest.raises(mtv.Unavailable, match="4096 requests are under way"),
    ):
        mtv.Display(connection=connection).show()


def test_what_is_given_up_while_it_is_put_off_is_not_sent_again(daemon: ScriptedDaemon) -> None:
    crowded = Crowded(0, 1.0)
    daemon.script(requests.Transaction, crowded)
    with Connection(daemon.endpoint, timeout_secs=WAIT_SECS) as connection:
        display = mtv.Display(connection=connection)
        connection.timeout_secs = 0.05
        with pytest.raises(mtv.MtvError):
            display.show()
        daemon.script(requests.Transaction, Crowded(0, 0.0))
        connection.timeout_secs = WAIT_SECS
        display.show()
        numbers = [seen.header.sequence for seen in daemon.of(requests.Transaction)]
    assert numbers[-1] == max(numbers)
    assert numbers.count(numbers[-1]) == 1


@pytest.mark.anyio
async def test_more_published_requests_than_the_daemon_has_room_for_are_all_drawn_once(tmp_path: Path) -> None:
    with zmq.Context[zmq.Socket[bytes]]() as context:
        daemon = TestDaemon(tmp_path, context)
        daemon.window.gate = anyio.Event()

        def publish() -> None:
            with mtv.connect(daemon.endpoint) as connection:
                display = mtv.Display(connection=connection)
                for number in range(300):
                    display.overlay("stars", [float(number)], [0.0], replace=False, wait=False)
                connection.sync()

        with anyio.fail_after(3 * WAIT_SECS):
            async with daemon.running(), anyio.create_task_group() as group:
                group.start_soon(anyio.to_thread.run_sync, publish)
                while daemon.budget.waiting < 200:  # a session may not have more wait: the next one is refused
                    await anyio.lowlevel.checkpoint()
                daemon.window.gate.set()
        (display,) = daemon.engine.scene.displays.values()
        assert [overlay.count for overlay in display.overlays] == [300]


def test_a_registry_that_is_locked_is_told_at_once_and_holds_up_nothing(daemon: ScriptedDaemon) -> None:
    locked = Error(code="busy", message="the database is locked", where="repo", retryable=True)
    daemon.script(Query, lambda _seen: messages.Failed(error=locked))
    with Connection(daemon.endpoint, timeout_secs=WAIT_SECS) as connection:
        with pytest.raises(mtv.DaemonError, match="locked"):
            connection.request(Query(dataset_type="calexp"))
        mtv.Display(connection=connection).show()
    assert len(daemon.of(Query)) == 1
