"""Pixel files belong to whoever needs them: what is about to be drawn stays, whoever lets go of it meanwhile."""

from __future__ import annotations

import time

import anyio
import pytest
from tests.fault.conftest import RawClient
from tests.fault.conftest import TestDaemon as Daemon

from mtv.wire import messages, requests, steps
from mtv.wire.data import Dataset, Handle

pytestmark = pytest.mark.anyio
DATASET = Dataset(
    dataset_type="calexp",
    data_id={"instrument": "HSC", "visit": 23718, "detector": 41},
    collections=("u/somebody/single_frame",),
)


async def loaded(client: RawClient, lease_secs: float = 600.0) -> Handle:
    reply = await client.ask(steps.Load(target=DATASET, lease_secs=lease_secs))
    assert isinstance(reply, messages.Loaded), reply
    return Handle(handle=reply.handle)


def files(daemon: Daemon) -> set[str]:
    return set(daemon.pixels.names()) - {daemon.handlers.nonce_name}


async def close_gate(daemon: Daemon) -> None:
    """Let the window stop in its next batch."""
    daemon.window.gate, daemon.window.reached = anyio.Event(), anyio.Event()


async def test_a_handle_may_be_released_while_its_image_is_drawn(daemon: Daemon) -> None:
    client = daemon.client()
    handle = await loaded(client)
    await close_gate(daemon)
    number = client.send(steps.Mtv(display="a", target=handle))
    await daemon.window.reached.wait()
    assert isinstance(await client.ask(requests.Release(handle=handle.handle)), messages.Done)
    daemon.window.gate.set()
    assert isinstance(await client.answer(number), messages.Outcome)
    assert daemon.engine.scene.files() == files(daemon)


async def release_while_waiting(daemon: Daemon, client: RawClient, other: RawClient) -> tuple[int, int]:
    """Let an image of a handle wait behind another client's request, and release the handle; return both numbers."""
    handle = await loaded(client)
    await close_gate(daemon)
    before = other.send(steps.Zoom(display="a", factor=2.0))
    await daemon.window.reached.wait()
    number = client.send(steps.Mtv(display="a", target=handle))
    while daemon.engine.waiting < 1:
        await other.ask(requests.Status())
    await client.ask(requests.Release(handle=handle.handle))
    return before, number


async def test_a_handle_may_be_released_while_its_image_waits_for_another(daemon: Daemon) -> None:
    client, other = daemon.client(), daemon.client()
    before, number = await release_while_waiting(daemon, client, other)
    daemon.window.gate.set()
    assert isinstance(await other.answer(before), messages.Outcome)
    assert isinstance(await client.answer(number), messages.Outcome)
    assert daemon.engine.scene.files() == files(daemon)


async def test_a_handle_may_be_released_while_its_transaction_reads_something_else(daemon: Daemon) -> None:
    client = daemon.client()
    handle = await loaded(client)
    hold = daemon.repositories.hold_at("read")
    both = requests.Transaction(steps=(steps.Mtv(display="a", target=handle), steps.Mtv(display="b", target=DATASET)))
    number = client.send(both)
    await hold.reached.wait()
    await client.ask(requests.Release(handle=handle.handle))
    hold.release()
    assert isinstance(await client.answer(number), messages.Outcome)
    assert daemon.engine.scene.files() == files(daemon)


async def test_a_lease_may_end_while_its_image_is_drawn(daemon: Daemon) -> None:
    client = daemon.client()
    handle = await loaded(client)
    await close_gate(daemon)
    number = client.send(steps.Mtv(display="a", target=handle))
    await daemon.window.reached.wait()
    later = time.monotonic() + 1000
    daemon.handles._clock = lambda: later
    daemon.engine.housekeeping()
    assert daemon.handles._entries == {}
    daemon.window.gate.set()
    assert isinstance(await client.answer(number), messages.Outcome)
    assert daemon.engine.scene.files() == files(daemon)


async def test_what_was_released_and_then_not_drawn_is_removed(daemon: Daemon) -> None:
    client, other = daemon.client(), daemon.client()
    before, number = await release_while_waiting(daemon, client, other)
    assert files(daemon)
    cancelled = await client.ask(requests.Cancel(request_id=f"{client.session.hex()}-{number}"))
    assert isinstance(cancelled, messages.Cancelled)
    assert cancelled.count == 1
    assert isinstance(await client.answer(number), messages.Failed)
    daemon.window.gate.set()
    await other.answer(before)
    assert files(daemon) == set()


@pytest.mark.parametrize("request_", [requests.Sync(), requests.Snapshot()], ids=["sync", "snapshot"])
async def test_a_sync_or_picture_that_is_cancelled_leaves_nothing_behind(
    daemon: Daemon, request_: requests.Request
) -> None:
    client, other = daemon.client(), daemon.client()
    await close_gate(daemon)
    before = other.send(steps.Zoom(display="a", factor=2.0))
    await daemon.window.reached.wait()
    number = client.send(request_)
    while daemon.engine.waiting < 1:
        await other.ask(requests.Status())
    await client.ask(requests.Cancel(request_id=f"{client.session.hex()}-0"))
    assert isinstance(await client.answer(number), messages.Failed)
    assert daemon.engine._pictures == []
    daemon.window.gate.set()
    await other.answer(before)
