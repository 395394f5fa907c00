"""Repositories that hang or fetch from afar, as a client meets them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.requests import CALEXP, SRC, Daemon, dot, still_works

from mtv.wire import messages, reports, requests, steps
from mtv.wire.data import Dataset

pytestmark = pytest.mark.anyio


async def next_progress(client: Any, number: int) -> messages.Progress:
    while True:
        header, reply = await client.receive()
        if header.sequence == number and not isinstance(reply, messages.Receipt):
            assert isinstance(reply, messages.Progress), reply
            return reply


async def test_a_hung_repository_holds_neither_the_window_nor_other_clients(daemon: Daemon) -> None:
    hold = daemon.repositories.hold_at("read")
    slow, quick = daemon.client(), daemon.client()
    dataset = Dataset(
        dataset_type="calexp",
        data_id={"instrument": "HSC", "visit": 23718, "detector": 41},
        collections=("u/somebody/single_frame",),
    )
    waits = slow.send(steps.Mtv(target=dataset))
    await hold.reached.wait()
    await still_works(quick)
    assert isinstance(await slow.ask(dot(display=1)), messages.Outcome)
    hold.release()
    assert isinstance(await slow.answer(waits), messages.Outcome)


@pytest.mark.parametrize("everything", [True, False])
async def test_a_query_under_way_is_cancelled_and_the_next_one_works(daemon: Daemon, everything: bool) -> None:
    hold = daemon.repositories.hold_at("query")
    slow, other = daemon.client(), daemon.client()
    query = steps.Query(dataset_type="calexp", collections=("u/somebody/single_frame",))
    waits = slow.send(query)
    await hold.reached.wait()
    request_id = requests.EVERYBODYS if everything else f"{slow.session.hex()}-{waits}"
    assert await other.ask(requests.Cancel(request_id=f"{slow.session.hex()}-999")) == messages.Cancelled(count=0)
    assert await other.ask(requests.Cancel(request_id=request_id)) == messages.Cancelled(count=1)
    reply = await slow.answer(waits)
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "cancelled"
    assert isinstance(await slow.ask(query), messages.Rows)


@pytest.mark.parametrize(
    ("point", "request_"),
    [
        ("get", requests.Get(target=CALEXP)),
        ("read", steps.Load(target=CALEXP)),
        ("get", steps.Load(target=SRC)),
        ("read", steps.Mtv(target=CALEXP)),
        ("positions", steps.Overlay(name="psf", target=SRC)),
        ("read", requests.Transaction(steps=(steps.Mtv(target=CALEXP), steps.Overlay(name="psf", target=SRC)))),
    ],
)
async def test_who_waits_for_a_file_from_afar_hears_how_far_it_has_come(
    daemon: Daemon, point: Any, request_: Any
) -> None:
    hold = daemon.repositories.fetch_at(point, 1000)
    waits, other = daemon.client(), daemon.client()
    number = waits.send(request_)
    await hold.reached.wait()
    assert await next_progress(waits, number) == messages.Progress(done=500, total=1000, unit="bytes")
    other.send(requests.Status())
    _, first = await other.receive()
    assert isinstance(first, reports.Report)
    hold.release()
    assert await next_progress(waits, number) == messages.Progress(done=1000, total=1000, unit="bytes")
    assert not isinstance(await waits.answer(number), messages.Failed)


async def test_fetches_of_one_transaction_are_added_up(daemon: Daemon) -> None:
    holds = [daemon.repositories.fetch_at("read", 1000), daemon.repositories.fetch_at("positions", 3000)]
    client = daemon.client()
    both = requests.Transaction(steps=(steps.Mtv(target=CALEXP), steps.Overlay(name="psf", target=SRC)))
    number = client.send(both)
    for hold in holds:
        await hold.reached.wait()
    for hold in holds:
        hold.release()
    told: list[messages.Progress] = []
    while not told or told[-1].done < 4000:
        told.append(await next_progress(client, number))
    assert told[-1] == messages.Progress(done=4000, total=4000, unit="bytes")
    assert isinstance(await client.answer(number), messages.Outcome)


async def test_a_get_is_cancelled_while_its_file_is_fetched_and_the_next_one_works(daemon: Daemon) -> None:
    hold = daemon.repositories.fetch_at("get", 1000)
    slow, other = daemon.client(), daemon.client()
    number = slow.send(requests.Get(target=CALEXP))
    await hold.reached.wait()
    cancel = requests.Cancel(request_id=f"{slow.session.hex()}-{number}")
    assert await other.ask(cancel) == messages.Cancelled(count=1)
    reply = await slow.answer(number)
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "cancelled"
    assert isinstance(await slow.ask(requests.Get(target=CALEXP)), messages.Got)
