"""Every call of the system that concerns the daemon's files fails: alone, with some that follow, and for good.

The same requests are sent again and again, and each time the next call is refused. Whatever it is, the daemon lives,
what met it fails with a code of the wire, others are served, and what was acknowledged is there for the next daemon.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
import numpy as np
import pytest
import zmq
from tests.fault.conftest import GatedWindow, TestDaemon
from tests.fault.test_feeds import frame, slot
from tests.support.faults import Faults

from mtv.wire import messages, requests, steps
from mtv.wire.data import Array, Dataset, Exposure, Handle
from mtvd.drawing import journal
from mtvd.host.pixelstore import PixelStore
from mtvd.stage.paint import layers
from mtvd.stage.paint.layers import LayerFiles
from mtvd.stage.port import Batch, SectionResult

pytestmark = pytest.mark.anyio
CALEXP, SRC = (
    Dataset(
        repo="demo",
        dataset_type=name,
        data_id={"instrument": "HSC", "visit": 23718, "detector": 41},
        collections=("u/somebody/single_frame",),
    )
    for name in ("calexp", "src")
)
HELLO: Final = requests.Hello(versions=(1, 0), program="t", host="h", user="u", pid=1)
IMAGE: Final = np.arange(30 * 40, dtype=">f4").reshape(30, 40)
MASK: Final = (np.arange(30 * 40) % 3).astype("|u1").reshape(30, 40)
MANY: Final = 20
CAUSES: Final = (errno.EMFILE, errno.EIO, errno.ENOSPC, errno.ENOENT)
CODES: Final = {"storage_full", "busy", "internal", "draw_failed", "bad_value", "unknown_handle", "unknown_display"}


class LayeredWindow(GatedWindow):
    """A window that draws everything, and has the files that DS9 would map made and checked first."""

    def __init__(self, pixels: PixelStore) -> None:
        super().__init__()
        self._layers = LayerFiles(pixels)

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        prepared = await anyio.to_thread.run_sync(self._layers.prepare, batch)
        refused = {key: done.refusal for key, done in prepared.items() if done.refusal}
        results = tuple(
            SectionResult(
                key=section.key,
                failed_action=min((at for index, at in refused if index == number), default=None),
                message=next((why for (index, _), why in sorted(refused.items()) if index == number), ""),
            )
            for number, section in enumerate(batch.sections)
        )
        await super().run(batch)
        self._layers.settle(batch, results)
        return results


class LayeredDaemon(TestDaemon):
    """The rooms of a daemon, with the window's files."""

    __test__ = False

    def make_window(self) -> GatedWindow:
        return LayeredWindow(self.pixels)


@pytest.fixture(autouse=True)
def small_files_and_a_short_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtv.shared.freefiles.LEAST_BYTES", 1)
    monkeypatch.setattr(journal, "CHECKPOINT_BYTES", 0)
    monkeypatch.setattr(layers, "_MANY_MARKERS", MANY)


def image(display: int = 0) -> tuple[steps.Mtv, tuple[bytes, ...]]:
    target = Exposure(
        image=Array(dtype=">f4", shape=IMAGE.shape, buffer=0),
        mask=Array(dtype="|u1", shape=MASK.shape, buffer=1),
        planes={"SAT": 0, "CR": 1},
    )
    return steps.Mtv(display=display, target=target), (IMAGE.tobytes(), MASK.tobytes())


async def scenario(daemon: LayeredDaemon, slots: tuple[str, ...]) -> list[Any]:
    """Do a little of everything that touches files; return all answers."""
    client = daemon.client()
    replies = [await client.answer(client.send(HELLO, sequence=0))]
    for number in range(2):
        replies.append(await client.ask(*image()))
        xs = tuple(float(x) for x in range(MANY))
        replies.append(await client.ask(steps.Overlay(display=0, name=f"o{number}", x=xs, y=xs)))
    replies.append(await client.ask(steps.MaskColour(display=0, colours={"SAT": "blue"})))
    replies.append(await client.ask(steps.MaskColour(display=0, colours={"SAT": "ignore"})))
    for target in (CALEXP, SRC):
        loaded = await client.ask(steps.Load(target=target))
        replies.append(loaded)
        if isinstance(loaded, messages.Loaded):
            handle = Handle(handle=loaded.handle)
            drawn: Any = steps.Mtv(display=1, target=handle) if target is CALEXP else steps.Overlay(target=handle)
            replies += [await client.ask(drawn), await client.ask(requests.Get(target=handle))]
            replies.append(await client.ask(requests.Release(handle=loaded.handle)))
    for file in slots:
        replies.append(await client.ask(frame(file, slots, display=2, smooth_secs=1.0)))
    replies.append(await client.ask(requests.Status()))
    replies.append(await client.ask(steps.Delete(display=1)))
    daemon.housekeeping.once()
    daemon.housekeeping.once()
    replies.append(await client.ask(requests.Bye()))
    return replies


async def others_are_served(daemon: LayeredDaemon) -> None:
    """Let another client do what it wants, with nothing in its way."""
    other = daemon.client()
    asked: list[tuple[Any, ...]] = [(steps.Scale(display=9, stretch="log"),), image(8), (requests.Status(),)]
    replies = [await other.answer(other.send(HELLO, sequence=0))]
    replies += [await other.ask(*request) for request in asked]
    assert not [reply for reply in replies if isinstance(reply, messages.Failed)], replies


def lone(number: int) -> Callable[[int], bool]:
    return lambda call: call == number


def several(number: int) -> Callable[[int], bool]:
    return lambda call: number <= call < number + 5


def lasting(number: int) -> Callable[[int], bool]:
    return lambda call: call >= number


async def one_life(directory: Path, code: int, failing: Callable[[int], bool]) -> Faults:
    """Live through the scenario; return the calls that there were."""
    directory.mkdir()
    faults = Faults(directory, code)
    faults.failing = failing
    with zmq.Context[zmq.Socket[bytes]]() as context:
        daemon = LayeredDaemon(directory, context)
        async with daemon.running():
            slots = slot(daemon), slot(daemon, 2.0)
            with faults.injected():
                replies = await scenario(daemon, slots)
            for reply in replies:
                if isinstance(reply, messages.Failed):
                    assert reply.error.code in CODES, reply
                    assert str(directory) not in reply.error.message + reply.error.hint, reply
            await others_are_served(daemon)
            daemon.housekeeping.once()
            shown = daemon.engine.scene
            missing = shown.files() - set(daemon.pixels.names())
            assert not missing, "what is shown is there"
        told = {session.id: session.record() for session in daemon.sessions}
        later = LayeredDaemon(directory, context)
        async with later.running():
            assert later.engine.scene.displays == shown.displays
            for session, record in told.items():
                for answer in record.answers if record else ():
                    if b"outcome" in answer.body[:40]:
                        assert later.sessions.of(session).answer_to(answer.sequence) == answer
    if not any(map(failing, range(len(faults.calls)))):
        assert not [reply for reply in replies if isinstance(reply, messages.Failed)]
    return faults


async def all_lives(directory: Path, failing: Callable[[int], Callable[[int], bool]], step: int) -> None:
    faults = await one_life(directory / "whole", errno.EIO, lambda _call: False)
    assert len(faults.sites) > 80
    for count, number in enumerate(faults.sites[::step]):
        code = CAUSES[count % len(CAUSES)]
        try:
            await one_life(directory / str(number), code, failing(number))
        except BaseException as error:
            error.add_note(f"{errno.errorcode[code]} at call {number} of {len(faults.calls)}: {faults.calls[number]}")
            raise


async def test_whichever_call_of_the_system_fails_the_daemon_lives_and_nothing_acknowledged_is_lost(
    tmp_path: Path,
) -> None:
    await all_lives(tmp_path, lone, 1)


@pytest.mark.parametrize("failing", [several, lasting])
async def test_calls_that_go_on_failing_end_nothing_but_what_they_are_for(
    tmp_path: Path, failing: Callable[[int], Callable[[int], bool]]
) -> None:
    await all_lives(tmp_path, failing, 5)
