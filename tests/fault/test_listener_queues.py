"""Requests that wait: for the window, for a place, for each other; and those that are taken back."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.support.requests import Daemon, dot, image

from mtv.wire import codec, messages, reports, requests, steps
from mtv.wire.data import Array, Exposure
from mtvd.drawing.journal import Journal
from mtvd.host.allocating import allocate
from mtvd.host.pixel_names import new_name

pytestmark = pytest.mark.anyio


async def test_what_arrives_while_the_window_works_becomes_one_batch(daemon: Daemon) -> None:
    client, other = daemon.client(), daemon.client()
    await client.ask(dot())
    await other.ask(dot(display=1))
    daemon.window.gate, daemon.window.reached = anyio.Event(), anyio.Event()
    first = client.send(dot())
    await daemon.window.reached.wait()
    numbers = [client.send(dot(float(x))) for x in range(5)]
    strange = other.send(dot(display=1))
    assert isinstance(await other.ask(requests.Status()), reports.Report)
    while daemon.engine.waiting < 6:
        await other.ask(requests.Status())
    daemon.window.gate.set()
    for number in (first, *numbers):
        assert isinstance(await client.answer(number), messages.Outcome)
    assert isinstance(await other.answer(strange), messages.Outcome)
    assert [len(batch.sections) for batch in daemon.window.batches[2:]] == [1, 6]


def drawn_by(daemon: Daemon) -> list[str]:
    """Return the ids of all requests that were drawn, in their order."""
    return [section.key for batch in daemon.window.batches for section in batch.sections]


async def test_requests_of_a_session_are_drawn_in_the_order_in_which_they_came(daemon: Daemon) -> None:
    client = daemon.client()
    numbers = [client.send(dot(float(x))) for x in range(100)]
    for number in numbers:
        assert isinstance(await client.answer(number), messages.Outcome)
    assert drawn_by(daemon) == [f"{client.session.hex()}-{number}" for number in numbers]


async def test_a_sync_that_is_sent_right_behind_a_request_waits_for_it(daemon: Daemon) -> None:
    client = daemon.client()
    for count in range(1, 21):
        client.send(dot())
        assert isinstance(await client.ask(requests.Sync()), messages.Done)
        assert len(drawn_by(daemon)) == count


async def test_a_cancellation_that_is_sent_right_behind_a_request_finds_it(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.window.gate = anyio.Event()
    client.send(dot())
    await daemon.window.reached.wait()
    for _ in range(20):
        number = client.send(dot())
        cancelled = client.send(requests.Cancel(request_id=f"{client.session.hex()}-{number}"))
        reply = await client.answer(number)
        assert isinstance(reply, messages.Failed)
        assert reply.error.code == "cancelled"
        assert await client.answer(cancelled) == messages.Cancelled(count=1)
    daemon.window.gate.set()


async def test_status_hello_and_cancel_are_answered_while_the_window_hangs(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.window.gate = anyio.Event()
    client.send(dot())
    await daemon.window.reached.wait()
    waits = client.send(dot())
    while daemon.engine.waiting < 1:
        await daemon.client().ask(requests.Status())
    other = daemon.client()
    assert isinstance(await other.ask(requests.Hello(versions=(1, 0))), messages.Welcome)
    assert await other.ask(requests.Cancel()) == messages.Cancelled(count=0), "of its own session"
    assert await other.ask(requests.Cancel(request_id=requests.EVERYBODYS)) == messages.Cancelled(count=1)
    reply = await client.answer(waits)
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "cancelled"
    daemon.window.gate.set()


async def test_a_request_sent_again_is_answered_again_and_drawn_once(daemon: Daemon) -> None:
    client = daemon.client()
    first = await client.ask(dot())
    client.send(dot(), sequence=1)
    assert await client.answer(1) == first
    assert len(daemon.window.batches) == 1


async def test_a_client_that_reconnects_is_answered_where_it_is_now(daemon: Daemon) -> None:
    client = daemon.client()
    await client.greet()
    daemon.window.gate = anyio.Event()
    client.send(dot())
    await daemon.window.reached.wait()
    again = daemon.client()
    again.session, again.secret = client.session, client.secret
    await again.greet()
    again.send(dot(), sequence=1)
    await again.ask(requests.Status(), ())
    daemon.window.gate.set()
    assert isinstance(await again.answer(1), messages.Outcome)
    assert len(daemon.window.batches) == 1


async def test_a_superseding_image_takes_the_place_of_one_that_waits(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.window.gate = anyio.Event()
    client.send(dot())
    await daemon.window.reached.wait()
    pixels = bytes(48)
    old = client.send(requests.Transaction(steps=(image(),), supersede=True), (pixels,))
    new = client.send(requests.Transaction(steps=(image(),), supersede=True), (pixels,))
    reply = await client.answer(old)
    assert isinstance(reply, messages.Outcome)
    assert reply.steps[0].state == "superseded"
    daemon.window.gate.set()
    done = await client.answer(new)
    assert isinstance(done, messages.Outcome)
    assert done.steps[0].state == "done"


async def test_an_image_that_gave_way_is_answered_the_same_by_the_next_daemon_though_its_pixels_are_gone(
    daemon: Daemon, tmp_path: Path
) -> None:
    client = daemon.client()
    daemon.window.gate = anyio.Event()
    client.send(dot())
    await daemon.window.reached.wait()
    numbers = [client.send(requests.Transaction(steps=(image(),), supersede=True), (bytes(48),)) for _ in range(2)]
    told = await client.answer(numbers[0])
    recovered = Journal(tmp_path / "journal").recover()
    (answer,) = recovered.sessions[client.session.hex()].answers
    assert (answer.sequence, codec.decode_reply(answer.body)) == (numbers[0], told)
    assert recovered.open_intent is not None, "the dot is still under way"
    client.send(requests.Transaction(steps=(image(),), supersede=True), (bytes(48),), sequence=numbers[0])
    assert await client.answer(numbers[0]) == told


@pytest.mark.parametrize("newer_after", [0, 1, 2, 3, 5, 9])
async def test_the_pixel_files_of_an_image_that_gave_way_are_removed_whatever_it_waited_for(
    daemon: Daemon, newer_after: int
) -> None:
    client = daemon.client()
    daemon.window.gate = anyio.Event()
    client.send(dot())
    await daemon.window.reached.wait()
    numbers = []
    for _ in range(2):
        name = new_name("mtv")
        os.close(allocate(daemon.pixels.directory / name, 2 * 28_800))
        target = Exposure(image=Array(dtype=">f4", shape=(3, 4), file=name, offset=28_800))
        shown = requests.Transaction(steps=(steps.Mtv(target=target),), supersede=True)
        numbers.append(client.send(shown))
        for _ in range(newer_after):
            await anyio.lowlevel.checkpoint()
    assert isinstance(await client.answer(numbers[0]), messages.Outcome)
    daemon.window.gate.set()
    assert isinstance(await client.answer(numbers[1]), messages.Outcome)
    assert [found for found in daemon.pixels.names() if found.startswith("mtv-")] == [name]


async def test_more_than_may_be_under_way_waits_for_its_place_and_is_carried_out(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.window.gate = anyio.Event()
    numbers = [client.send(dot()) for _ in range(60)]
    while daemon.budget.waiting < 35:
        await daemon.client().ask(requests.Status())
    assert daemon.budget.requests_used == 25, "half of the places: as many are free for others"
    daemon.window.gate.set()
    for number in numbers:
        assert isinstance(await client.answer(number), messages.Outcome)
    assert (daemon.budget.requests_used, daemon.budget.waiting) == (0, 0)


async def test_who_waits_for_a_place_can_be_cancelled(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.window.gate = anyio.Event()
    numbers = [client.send(dot()) for _ in range(30)]
    while daemon.budget.waiting < 5:
        await daemon.client().ask(requests.Status())
    request_id = f"{client.session.hex()}-{numbers[-1]}"
    assert await daemon.client().ask(requests.Cancel(request_id=request_id)) == messages.Cancelled(count=1)
    reply = await client.answer(numbers[-1])
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "cancelled"
    assert daemon.budget.waiting == 4
    daemon.window.gate.set()
    assert isinstance(await client.answer(numbers[-2]), messages.Outcome)


async def test_a_transaction_past_its_deadline_is_failed_and_not_drawn(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.window.gate = anyio.Event()
    client.send(dot())
    await daemon.window.reached.wait()
    late = client.send(requests.Transaction(steps=(dot(),), deadline_secs=1e-6))
    while daemon.engine.waiting < 1:
        await daemon.client().ask(requests.Status())
    daemon.window.gate.set()
    reply = await client.answer(late)
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "deadline"
    assert len(daemon.window.batches) == 1
