"""Faults of the daemon's own in a message or an answer: each ends that one alone."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest
import zmq
from tests.support.refusals import refused_request
from tests.support.requests import CALEXP, Daemon, dot, still_works

from mtv.wire import messages, reports, requests, steps
from mtv.wire.errors import Error, RequestError
from mtvd.front import handlers

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/data/\udcffnights", "/data/\ud800", "/data/\U0001f52d"])
async def test_a_repository_whose_path_is_no_utf_8_is_told_in_a_way_that_can_be_read(
    daemon: Daemon, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = (reports.RepositoryInfo(alias="odd", location=path, state="open"),)
    monkeypatch.setattr(daemon.repositories, "list_known", lambda: known)
    client = daemon.client()
    reply = await client.ask(requests.Repositories())
    assert isinstance(reply, reports.RepositoryList)
    told = reply.repositories[0].location
    assert told == {"/data/\udcffnights": "/data/\\xffnights", "/data/\ud800": "/data/\\ud800"}.get(path, path)
    await still_works(client)


@pytest.mark.parametrize("request_", [requests.Repositories(), requests.Get(target=CALEXP), steps.Load(target=CALEXP)])
async def test_a_reply_that_cannot_be_encoded_is_an_error_of_its_request_alone(
    daemon: Daemon, request_: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    beyond = 1 << 70

    async def get(*_: Any) -> messages.Got:
        return messages.Got(value={"NEXPOSED": beyond})

    async def load(*_: Any) -> messages.Loaded:
        return messages.Loaded(handle="h", bytes=beyond)

    odd = reports.RepositoryInfo(alias="a", location="/", state="open", default=beyond)  # type: ignore[arg-type]
    client = daemon.client()
    with monkeypatch.context() as patched:
        patched.setattr(daemon.repositories, "list_known", lambda: (odd,))
        patched.setattr(daemon.repositories, "get", get)
        patched.setitem(handlers._TABLE, steps.Load, lambda _self, *given: load(*given))
        assert (await refused_request(client, request_))[0] == "internal"
    await still_works(client)


async def test_an_error_with_odd_texts_is_told(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(*_: Any) -> messages.Got:
        raise RequestError(Error(code="not_found", message="no \udcff", where="\ud800", hint="\udc80"))

    monkeypatch.setattr(daemon.repositories, "get", get)
    client = daemon.client()
    assert await refused_request(client, requests.Get(target=CALEXP)) == ("not_found", "\\ud800")
    await still_works(client)


async def test_an_outcome_that_cannot_be_told_is_an_error_and_the_window_goes_on(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtvd.drawing.answering.step_outcome", lambda *_: messages.StepOutcome(markers=1 << 70))
    client = daemon.client()
    assert (await refused_request(client, dot()))[0] == "internal"
    monkeypatch.undo()
    await still_works(client)


async def test_an_event_and_progress_that_cannot_be_told_are_left_out(daemon: Daemon) -> None:
    client = daemon.client()
    await client.ask(requests.Subscribe())
    daemon.events.publish(messages.Event(kind="key", key="\ud800", count=1 << 70))
    daemon.events.publish(messages.Event(kind="key", key="\udcff"))
    header, event = await client.receive()
    assert (header.sequence, event) == (2, messages.Event(kind="key", key="\\xff", number=2))

    daemon.repositories.fetch_at("get", 1 << 70).release()
    assert (await refused_request(client, requests.Get(target=CALEXP)))[0] == "internal"
    await still_works(client)


@pytest.mark.parametrize("place", ["codec.decode_request", "check", "remote.hide_paths"])
@pytest.mark.parametrize(
    "failure", [RecursionError("deep"), ValueError("odd"), MemoryError(), zmq.ZMQError(zmq.EINVAL)]
)
async def test_whatever_goes_wrong_with_a_message_ends_that_message_alone(
    daemon: Daemon, failure: Exception, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise failure

    client, other = daemon.client(), daemon.client()
    await client.ask(requests.Status())
    with monkeypatch.context() as patched:
        patched.setattr(f"mtvd.front.listener.{place}", fail)
        if place == "remote.hide_paths":
            patched.setattr(daemon.listener, "_encode", fail)
        number = client.send(requests.Status())
        reply = await client.answer(number)
        assert isinstance(reply, messages.Failed)
        assert reply.error.code == "internal"
        assert reply.error.request_id == f"{client.session.hex()}-{number}"
    await still_works(client)
    await still_works(other)


async def test_an_answer_that_libzmq_does_not_take_is_lost_and_nothing_else(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = daemon.client()
    lost = anyio.Event()

    def send(*_: Any) -> None:
        lost.set()
        raise zmq.ZMQError(zmq.ENOTSUP)

    with monkeypatch.context() as patched:
        patched.setattr(daemon.listener._socket, "send", send)
        client.send(dot())
        await lost.wait()
        while daemon.budget.requests_used or not daemon.window.batches:
            await anyio.lowlevel.checkpoint()
    await still_works(client)
