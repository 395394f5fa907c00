"""Whoever comes with a session's id from elsewhere proves that it is that session, or is refused."""

from __future__ import annotations

import secrets
import uuid
from pathlib import Path
from typing import Any

import anyio
import pytest
import zmq

from mtv.wire import messages, proof, requests, steps
from mtv.wire.errors import DaemonError
from mtvd.drawing.sessions import Sessions

pytestmark = pytest.mark.anyio
Daemon = Any


async def failure(client: Any, request: Any, sequence: int | None = None) -> messages.Failed:
    reply = await client.answer(client.send(request, sequence=sequence))
    assert isinstance(reply, messages.Failed), reply
    return reply


@pytest.mark.parametrize("greeted", [True, False])
@pytest.mark.parametrize(
    "request_",
    [
        requests.Status(),
        requests.Bye(),
        requests.Subscribe(),
        requests.Hello(versions=(1, 1)),
        requests.Hello(versions=(1, 1), secret="0123456789abcdef" * 2),
        requests.Transaction(steps=(steps.Zoom(display=3, factor=2.0),)),
    ],
)
async def test_the_id_of_a_session_is_of_no_use_on_another_connection(
    daemon: Daemon, request_: Any, greeted: bool
) -> None:
    owner, thief = daemon.client(), daemon.client()
    if greeted:
        await owner.greet()
    await owner.ask(steps.Scale(stretch="log"))
    await owner.ask(requests.Subscribe())
    daemon.window.gate = anyio.Event()
    waits = owner.send(steps.Scale(stretch="linear"))
    thief.session = owner.session
    error = (await failure(thief, request_, sequence=waits)).error
    assert (error.code, error.where) == ("forbidden", "secret" if getattr(request_, "secret", "") else "session")
    assert "secret" in error.hint
    daemon.window.gate.set()
    assert isinstance(await owner.answer(waits), messages.Outcome)
    daemon.events.publish(messages.Event(kind="key", key="a"))
    _, event = await owner.receive()
    assert isinstance(event, messages.Event)
    assert not int(thief.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN
    assert 3 not in daemon.engine.scene.displays


async def test_who_has_the_secret_goes_on_and_is_answered_what_it_was_answered_before(daemon: Daemon) -> None:
    before, after = daemon.client(), daemon.client()
    await before.greet()
    first = await before.ask(steps.Scale(stretch="log"))
    after.session, after.secret = before.session, before.secret
    assert isinstance(await after.greet(), messages.Welcome)
    assert await after.answer(after.send(steps.Scale(stretch="log"), sequence=1)) == first
    assert len(daemon.window.batches) == 1
    assert (await failure(before, requests.Status())).error.code == "forbidden", "its connection is the new one"


async def test_the_proof_outlives_a_daemon_and_so_do_the_answers(tmp_path: Path, make_daemon: Any) -> None:
    with zmq.Context[zmq.Socket[bytes]]() as context:
        first = make_daemon(tmp_path, context)
        async with first.running():
            owner = first.client()
            await owner.greet()
            answered = await owner.ask(steps.Scale(stretch="log"))
            session, secret = owner.session, owner.secret
        second = make_daemon(tmp_path, context)
        async with second.running():
            owner, thief = second.client(), second.client()
            thief.session = session
            assert (await failure(thief, steps.Scale(stretch="linear"), sequence=2)).error.code == "forbidden"
            owner.session, owner.secret = session, secret
            await owner.greet()
            assert await owner.answer(owner.send(steps.Scale(stretch="log"), sequence=1)) == answered
            assert isinstance(await owner.answer(owner.send(steps.Scale(stretch="sqrt"), sequence=2)), messages.Outcome)
            assert second.engine.scene.displays[0].scale.stretch == "sqrt"


async def test_a_secret_is_told_by_nothing_and_kept_nowhere(daemon: Daemon, tmp_path: Path) -> None:
    client = daemon.client()
    await client.greet()
    await client.ask(steps.Scale(stretch="log"))
    told = await client.ask(requests.Status())
    assert client.session.hex() in str(told)
    assert client.secret not in str(told)
    assert client.secret.encode() not in (tmp_path / "journal").read_bytes()
    assert client.secret not in str([vars(session) for session in daemon.sessions])


@pytest.mark.parametrize(
    ("secret", "code"), [("short", "bad_value"), ("x" * 201, "bad_value"), ("\u00e9" * 32, "forbidden")]
)
async def test_a_secret_that_is_none_is_refused_with_its_field(daemon: Daemon, secret: str, code: str) -> None:
    error = (await failure(daemon.client(), requests.Hello(versions=(1, 1), secret=secret))).error
    assert (error.code, error.where) == (code, "secret")
    assert not len(daemon.sessions)


@pytest.mark.parametrize("route", [b"worker-1", None])
async def test_nobody_takes_a_connection_by_choosing_its_routing_id(daemon: Daemon, route: bytes | None) -> None:
    owner = daemon.client()
    await owner.ask(steps.Scale(stretch="log"))
    (session,) = daemon.sessions
    chosen = route or session.route
    with daemon.context.socket(zmq.DEALER) as thief:
        thief.linger = 0
        thief.setsockopt(zmq.ROUTING_ID, chosen)  # libzmq lets peers choose even those that it makes itself
        thief.connect(daemon.endpoint)
        other = daemon.client()
        other.socket.close()
        other.socket, other.session = thief, owner.session
        other.send(requests.Status())
        if route is None:
            await daemon.client().ask(requests.Status())
            assert isinstance(await owner.ask(steps.Scale(stretch="linear")), messages.Outcome)
            assert not int(thief.getsockopt(zmq.EVENTS)) & zmq.POLLIN
        else:
            _, reply = await other.receive()
            assert isinstance(reply, messages.Failed)
            assert (reply.error.code, reply.error.where) == ("forbidden", "routing_id")


@pytest.mark.parametrize("session", [bytes(16), proof.daemons_own(b"12345678")])
async def test_sessions_of_the_daemon_s_own_are_nobody_s(daemon: Daemon, session: bytes) -> None:
    client = daemon.client()
    client.session = session
    assert (await failure(client, requests.Status())).error.code == "forbidden"
    assert not len(daemon.sessions)


async def test_a_client_of_an_earlier_release_goes_on_by_its_key_from_another_host(far_daemon: Daemon) -> None:
    before, after = far_daemon.far_client(), far_daemon.far_client()
    after.session = before.session
    await before.ask(requests.Hello(versions=(1, 0)))
    assert (await failure(after, requests.Status())).error.code == "forbidden"
    assert isinstance(await after.ask(requests.Hello(versions=(1, 0))), messages.Welcome)


def entered(sessions: Sessions, *, secret: str = "", route: bytes = b"\0r", key: str = "") -> bytes:
    identity = proof.session_id(secret) if secret else uuid.uuid4().bytes
    hello = requests.Hello(versions=(1, 1), secret=secret) if secret else None
    return sessions.enter(identity, route, key, hello).id


def test_sessions_without_a_proof_make_room_for_each_other_and_for_none_that_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mtvd.drawing.sessions.UNPROVEN", 3)
    sessions = Sessions(lambda: 1.0)
    first, second = entered(sessions), entered(sessions)
    sessions.of(first).waiting.add(1)
    proven = entered(sessions, secret=secrets.token_hex(16))
    for _ in range(100):
        last = entered(sessions)
    assert {first, last, proven} <= {session.id for session in sessions}
    assert second not in {session.id for session in sessions}
    assert len(sessions) == 4


def test_of_proven_sessions_those_that_were_silent_make_room_and_else_the_new_one_is_asked_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mtvd.drawing.sessions.SESSIONS", 3)
    now = 0.0
    sessions = Sessions(lambda: now)
    known = [entered(sessions, secret=secrets.token_hex(16)) for _ in range(3)]
    with pytest.raises(DaemonError, match="there are 3 sessions"):
        entered(sessions, secret=secrets.token_hex(16))
    now = 61.0
    new = entered(sessions, secret=secrets.token_hex(16))
    assert [session.id for session in sessions] == [*known[1:], new]
