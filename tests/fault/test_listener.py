"""The listener: whatever arrives, there is an answer, and the next request works."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgpack
import msgspec
import pytest
import zmq
from tests.support.refusals import refused_request
from tests.support.requests import Daemon, dot, image, still_works

from mtv.wire import frames, messages, reports, requests, steps
from mtv.wire.data import Array, Dataset, Exposure, Handle
from mtvd.scene import actions as ac

pytestmark = pytest.mark.anyio


async def test_random_bytes_are_answered_and_the_next_request_works(daemon: Daemon) -> None:
    client = daemon.client()
    for junk in ([b"junk"], [b""], [os.urandom(44), b"x"], [os.urandom(300)], [b"", b"", b""]):
        client.socket.send_multipart(junk)
        header, reply = await client.receive()
        assert isinstance(reply, messages.Failed)
        assert (reply.error.code, header.sequence) == ("bad_message", 0)
    await still_works(client)


async def test_another_major_version_is_refused_with_the_version_that_is_spoken(daemon: Daemon) -> None:
    client = daemon.client()
    message = frames.pack(frames.Kind.REQUEST, client.session, 5, b"a body of the future")
    head = bytearray(message[0])
    head[4:6] = 9, 0
    client.socket.send_multipart([bytes(head), *message[1:]])
    reply = await client.answer(5)
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "unsupported_version"
    assert "9.0" in reply.error.message
    await still_works(client)


async def test_unknown_types_and_ill_typed_fields_are_refused_with_their_path(daemon: Daemon) -> None:
    client = daemon.client()
    assert await refused_request(client, msgpack.packb({"type": "explode"})) == ("unknown_type", "type")
    assert await refused_request(client, msgpack.packb({"type": "pan", "x": "far", "y": 1})) == ("bad_value", "x")
    assert await refused_request(client, b"\xc1") == ("bad_message", "body")
    await still_works(client)


@pytest.mark.parametrize(
    ("step", "where"),
    [
        (steps.Overlay(x=(1.0,), y=(1.0, 2.0)), "steps[0].y"),
        (steps.Overlay(x=(1.0,), y=(1.0,), colour="gren"), "steps[0].colour"),
        (steps.Overlay(x=(1.0,), y=(1.0,), symbol="a\nb"), "steps[0].symbol"),
        (steps.Overlay(x=(1.0,), y=(1.0,), size=-1.0), "steps[0].size"),
        (steps.Overlay(x=(1.0,), y=(1.0,), size=float("nan")), "steps[0].size"),
        (steps.Overlay(x=Array(dtype="O", shape=(1,), buffer=0), y=(1.0,)), "steps[0].x"),
        (steps.Overlay(x=Array(dtype="<f8", shape=(2,), buffer=7), y=(1.0,)), "steps[0].x"),
        (steps.Overlay(x=Array(dtype="<f8", shape=(99,), buffer=0), y=(1.0,)), "steps[0].x"),
        (steps.Overlay(name="", x=(1.0,), y=(1.0,)), "steps[0].name"),
        (steps.Overlay(x=(1.0,), y=(95.0,), system="sky"), "steps[0].y"),
        (steps.Scale(low=2.0, high=1.0), "steps[0].high"),
        (steps.Scale(low=float("nan"), high=1.0), "steps[0].low"),
        (steps.Scale(low=1.0), "steps[0].high"),
        (steps.Scale(mode=3.0), "steps[0].mode"),
        (steps.Zoom(factor=0.0), "steps[0].factor"),
        (steps.Pan(x=float("inf"), y=0.0), "steps[0].x"),
        (steps.Colormap(name="mauve"), "steps[0].name"),
        (steps.MaskColour(colours={"SAT": "gren"}), "steps[0].colours.SAT"),
        (steps.MaskTransparency(percent=101.0), "steps[0].percent"),
        (steps.Delete(display=12), "steps[0].display"),
        (steps.Erase(display=-1), "steps[0].display"),
        (steps.Show(display=""), "steps[0].display"),
        (image((3,)), "steps[0].target.image"),
        (image((1, 2, 3, 4)), "steps[0].target.image"),
        (image((0, 4)), "steps[0].target.image"),
        (image(dtype="O"), "steps[0].target.image"),
        (image((300, 400)), "steps[0].target.image"),
        (
            steps.Mtv(target=Exposure(image=Array(dtype=">f4", shape=(1, 1), file="../../etc/passwd"))),
            "steps[0].target.image",
        ),
        (
            steps.Mtv(
                target=Exposure(
                    image=Array(dtype=">f4", shape=(1, 1), buffer=0), mask=Array(dtype="<i4", shape=(1, 2), buffer=0)
                )
            ),
            "steps[0].target.mask",
        ),
        (steps.Mtv(target=Handle(handle="0" * 32)), "steps[0].target.handle"),
        (steps.Mtv(target=5), "steps[0].target"),
        (requests.Transaction(steps=()), "steps"),
        (requests.Transaction(steps=(steps.Zoom(),) * 101), "steps"),
    ],
)
async def test_bad_values_are_refused_with_the_name_of_their_field(daemon: Daemon, step: Any, where: str) -> None:
    client = daemon.client()
    code, field = await refused_request(client, step, (bytes(64),))
    assert code in {"bad_value", "unknown_display", "unknown_handle", "too_large"}
    assert field == where
    assert daemon.window.batches == []
    assert set(daemon.pixels.names()) == {daemon.handlers.nonce_name}
    await still_works(client)


async def test_a_transaction_with_one_bad_step_draws_nothing(daemon: Daemon) -> None:
    client = daemon.client()
    request = requests.Transaction(steps=(dot(), steps.Zoom(factor=-1.0)))
    assert await refused_request(client, request) == ("bad_value", "steps[1].factor")
    assert daemon.window.batches == []


@pytest.mark.parametrize("look", [requests.Sync(), requests.Snapshot(display=0)])
async def test_a_window_lost_while_it_is_looked_at_is_drawn_again_and_looked_at_once_more(
    daemon: Daemon, look: Any
) -> None:
    client = daemon.client()
    await client.ask(dot())
    daemon.window.lost_looks = 1
    assert not isinstance(await client.ask(look), messages.Failed)
    assert len(daemon.window.batches) == 2
    daemon.window.lost_looks = 2
    assert (await refused_request(client, look))[0] == "draw_failed"
    await still_works(client)


async def test_no_window_is_said_with_its_reason(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.window.unavailable = "there is no ds9 on the path"
    reply = await client.ask(dot())
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "no_window"
    assert "there is no ds9" in reply.error.message


async def test_a_vanished_client_harms_nobody(daemon: Daemon) -> None:
    gone, stays = daemon.client(), daemon.client()
    daemon.window.gate = anyio.Event()
    gone.send(dot())
    await daemon.window.reached.wait()
    gone.socket.close()
    daemon.window.gate.set()
    await still_works(stays)


async def test_columns_in_buffers_and_in_the_body_draw_the_same_markers(daemon: Daemon) -> None:
    client = daemon.client()
    column = struct.pack("<2d", 1, 2)
    in_buffers = steps.Overlay(
        x=Array(dtype="<f8", shape=(2,), buffer=0), y=Array(dtype="<f8", shape=(2,), buffer=1), symbol="o"
    )
    await client.ask(in_buffers, (column, column))
    await client.ask(steps.Overlay(x=(1.0, 2.0), y=(1.0, 2.0), symbol="o"))
    drawn = [
        a.markers for b in daemon.window.batches for s in b.sections for a in s.actions if isinstance(a, ac.AddMarkers)
    ]
    assert (drawn[0].x, drawn[0].y, drawn[0].count) == (drawn[1].x, drawn[1].y, drawn[1].count)


async def test_a_load_and_its_display_may_stand_in_one_transaction(daemon: Daemon) -> None:
    client = daemon.client()
    dataset = Dataset(
        dataset_type="calexp",
        data_id={"instrument": "HSC", "visit": 23718, "detector": 41},
        collections=("u/somebody/single_frame",),
    )
    reply = await client.ask(requests.Transaction(steps=(steps.Load(target=dataset), steps.Mtv(target=0), dot())))
    assert isinstance(reply, messages.Outcome)
    assert reply.steps[0].loaded is not None
    assert reply.steps[1].planes["SAT"] == "green"


async def test_shutdown_is_answered_before_the_daemon_stops(daemon: Daemon) -> None:
    assert await daemon.client().ask(requests.Shutdown(keep_window=True)) == messages.Done()
    assert daemon.stopped == [True]


async def test_a_file_that_another_display_shows_cannot_be_claimed_or_lost(daemon: Daemon) -> None:
    client = daemon.client()
    assert isinstance(await client.ask(image(), (bytes(48),)), messages.Outcome)
    (shown,) = daemon.engine.scene.files()
    stolen = Exposure(image=Array(dtype=">f4", shape=(1, 1), file=shown, offset=daemon.limits.header_bytes))
    assert await refused_request(client, steps.Mtv(display=1, target=stolen)) == ("bad_value", "steps[0].target.image")
    assert shown in daemon.pixels.names()


async def test_one_session_cannot_crowd_out_the_others(daemon: Daemon) -> None:
    limits = msgspec.structs.replace(daemon.limits, in_flight=3)
    daemon.listener._limits = limits
    crowd, other = daemon.client(), daemon.client()
    daemon.window.gate = anyio.Event()
    numbers = [crowd.send(dot()) for _ in range(4)]
    reply = await crowd.answer(numbers[-1])
    assert isinstance(reply, messages.Failed)
    assert (reply.error.code, reply.error.retryable) == ("busy", True)
    one = other.send(dot())
    daemon.window.gate.set()
    assert isinstance(await other.answer(one), messages.Outcome)
    assert isinstance(await crowd.answer(numbers[0]), messages.Outcome)


async def test_the_nonce_and_what_is_no_file_cannot_be_claimed_or_removed(daemon: Daemon) -> None:
    client = daemon.client()
    welcome = await client.ask(requests.Hello(versions=(1, 0)))
    assert isinstance(welcome, messages.Welcome)
    link = daemon.pixels.directory / "mtv-1-0123456789abcdef.fits"
    link.symlink_to("/nowhere")
    for name in (welcome.nonce_name, link.name):
        array = Array(dtype=">f4", shape=(2, 2), file=name, offset=28800)
        code, where = await refused_request(client, steps.Mtv(target=Exposure(image=array)))
        assert (code, where) == ("bad_value", "steps[0].target.image")
    assert link.is_symlink()
    (daemon.pixels.directory / welcome.nonce_name).unlink()
    again = await client.ask(requests.Hello(versions=(1, 0)))
    assert isinstance(again, messages.Welcome)
    assert (daemon.pixels.directory / again.nonce_name).read_text() == again.nonce


async def test_texts_of_clients_are_one_line_in_the_status_and_echoes_are_short(daemon: Daemon) -> None:
    client = daemon.client()
    await client.ask(requests.Hello(versions=(1, 0), program="p\x1b[2J\nall well", pid=1))
    report = await client.ask(requests.Status())
    assert isinstance(report, reports.Report)
    assert "p [2J all well" in [session.program for session in report.sessions]
    reply = await client.ask(steps.MaskColour(colours={"BAD": "c" * 100_000}))
    assert isinstance(reply, messages.Failed)
    assert len(reply.error.message) < 600


async def test_a_subscriber_is_told_of_events_beside_its_replies_and_a_new_greeting_ends_it(daemon: Daemon) -> None:
    client, deaf = daemon.client(), daemon.client()
    await deaf.ask(requests.Status())
    assert isinstance(await client.ask(requests.Subscribe()), messages.Subscribed)
    daemon.events.publish(messages.Event(kind="key", key="a", display=0))
    header, event = await client.receive()
    assert (header.kind, header.sequence, event.key) == (frames.Kind.EVENT, 1, "a")
    await still_works(client)
    await still_works(deaf)
    await client.ask(requests.Hello(versions=(1, 0)))
    daemon.events.publish(messages.Event(kind="key", key="b", display=0))
    await still_works(client)
    reply = await client.ask(requests.Subscribe())
    assert reply.number == 2
    assert isinstance(await client.ask(requests.Unsubscribe()), messages.Done)
    daemon.events.publish(messages.Event(kind="key", key="c", display=0))
    await still_works(client)


async def test_a_subscriber_that_vanished_harms_nobody(daemon: Daemon) -> None:
    gone, client = daemon.client(), daemon.client()
    await gone.ask(requests.Subscribe())
    gone.socket.close()
    await client.ask(requests.Subscribe())
    for _ in range(2000):
        daemon.events.publish(messages.Event(kind="key", key="a", display=0))
    await still_works(client)


async def test_an_expression_beyond_the_limit_is_refused_before_it_is_read(daemon: Daemon) -> None:
    query = steps.Query(dataset_type="calexp", where="x" * (daemon.limits.where_chars + 1))
    assert await refused_request(daemon.client(), query) == ("too_large", "where")
    assert await refused_request(daemon.client(), requests.Transaction(steps=(query, dot()))) == (
        "too_large",
        "steps[0].where",
    )


async def test_a_large_overlay_holds_back_its_own_display_and_nobody_else(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtvd.scene.chunks.MARKERS", 2)
    client, *others = (daemon.client() for _ in range(5))
    await client.ask(dot(display="stars"))
    drawn = len(daemon.window.batches)
    daemon.window.gate, daemon.window.reached = anyio.Event(), anyio.Event()
    column = tuple(float(row) for row in range(7))
    large = client.send(steps.Overlay(display="stars", name="many", x=column, y=column))
    await daemon.window.reached.wait()
    asked = [
        dot(display=1),
        steps.Zoom(display="stars", factor=2.0),
        requests.Sync(),
        steps.Overlay(display=2, x=column, y=column),
    ]
    numbers = [other.send(request) for other, request in zip(others, asked, strict=True)]
    while daemon.engine.waiting < 4:
        await daemon.client().ask(requests.Status())
    daemon.window.gate.set()
    assert isinstance(await client.answer(large), messages.Outcome)
    for other, number in zip(others, numbers, strict=True):
        assert not isinstance(await other.answer(number), messages.Failed)
    kinds = [[type(action).__name__ for s in batch.sections for action in s.actions] for batch in daemon.window.batches]
    assert kinds[drawn][-1] == "AddMarkers"
    assert "SetZoom" not in [kind for batch in kinds[drawn : drawn + 5] for kind in batch], kinds[drawn:]
    frames = [batch.sections[0].actions[-1].frame for batch in daemon.window.batches[drawn : drawn + 5]]
    assert sorted(frames) == [1, *4 * [frames[0]]], "four parts, and what came between them"


async def test_a_request_that_never_was_is_carried_out_though_its_successors_answers_are_forgotten(
    tmp_path: Path, make_daemon: Any
) -> None:
    late = 7
    with zmq.Context[zmq.Socket[bytes]]() as context:
        killed = make_daemon(tmp_path, context)
        async with killed.running():
            client = killed.client()
            await client.greet()
            for begin in range(1, 1060, 10):
                numbers = [number for number in range(begin, begin + 10) if number != late]
                for number in numbers:
                    client.send(steps.Zoom(factor=1.0 + number % 7), sequence=number)
                assert isinstance(await client.answer(numbers[-1]), messages.Outcome)
            session, secret = client.session, client.secret
        daemon = make_daemon(tmp_path, context)
        async with daemon.running():
            client = daemon.client()
            client.session, client.secret = session, secret
            await client.greet()
            for number in (2, late - 1, late + 1):
                client.send(steps.Zoom(factor=9.0), sequence=number)
                reply = await client.answer(number)
                assert isinstance(reply, messages.Failed)
                assert reply.error.code == "outcome_expired"
            client.send(steps.Zoom(factor=7.0), sequence=late)
            assert isinstance(await client.answer(late), messages.Outcome)
            drawn = [section.key for batch in daemon.window.batches for section in batch.sections]
            assert [key for key in drawn if not key.startswith("restore")] == [f"{session.hex()}-{late}"]
