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

from mtv.wire import codec, frames, messages, steps
from mtv.wire.data import Array, Dataset, Exposure, Handle
from mtv.wire.errors import Error, RequestError
from mtvd.drawing.journal import Journal
from mtvd.front import handlers
from mtvd.host.pixelstore import allocate, new_name
from mtvd.scene import actions as ac

pytestmark = pytest.mark.anyio
Daemon = Any


def dot(x: float = 1.0, display: int | str = 0, overlay: str = "markers") -> steps.Overlay:
    return steps.Overlay(display=display, name=overlay, x=(x,), y=(2.0,), symbol="o")


def image(shape: tuple[int, ...] = (3, 4), dtype: str = ">f4") -> steps.Mtv:
    return steps.Mtv(target=Exposure(image=Array(dtype=dtype, shape=shape, buffer=0)))


async def refused(client: Any, request: Any, buffers: tuple[bytes, ...] = ()) -> tuple[str, str]:
    reply = await client.ask(request, buffers)
    assert isinstance(reply, messages.Failed), reply
    return reply.error.code, reply.error.where


async def next_progress(client: Any, number: int) -> messages.Progress:
    while True:
        header, reply = await client.receive()
        if header.sequence == number and not isinstance(reply, messages.Receipt):
            assert isinstance(reply, messages.Progress), reply
            return reply


async def still_works(client: Any) -> None:
    assert isinstance(await client.ask(messages.Status()), messages.Report)
    assert isinstance(await client.ask(dot()), messages.Outcome)


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
    assert await refused(client, msgpack.packb({"type": "explode"})) == ("unknown_type", "type")
    assert await refused(client, msgpack.packb({"type": "pan", "x": "far", "y": 1})) == ("bad_value", "x")
    assert await refused(client, b"\xc1") == ("bad_message", "body")
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
        (messages.Transaction(steps=()), "steps"),
        (messages.Transaction(steps=(steps.Zoom(),) * 101), "steps"),
    ],
)
async def test_bad_values_are_refused_with_the_name_of_their_field(daemon: Daemon, step: Any, where: str) -> None:
    client = daemon.client()
    code, field = await refused(client, step, (bytes(64),))
    assert code in {"bad_value", "unknown_display", "unknown_handle", "too_large"}
    assert field == where
    assert daemon.window.batches == []
    assert set(daemon.pixels.names()) == {daemon.handlers.nonce_name}
    await still_works(client)


async def test_a_transaction_with_one_bad_step_draws_nothing(daemon: Daemon) -> None:
    client = daemon.client()
    request = messages.Transaction(steps=(dot(), steps.Zoom(factor=-1.0)))
    assert await refused(client, request) == ("bad_value", "steps[1].factor")
    assert daemon.window.batches == []


async def test_what_arrives_while_the_window_works_becomes_one_batch(daemon: Daemon) -> None:
    client, other = daemon.client(), daemon.client()
    await client.ask(dot())
    await other.ask(dot(display=1))
    daemon.window.gate, daemon.window.reached = anyio.Event(), anyio.Event()
    first = client.send(dot())
    await daemon.window.reached.wait()
    numbers = [client.send(dot(float(x))) for x in range(5)]
    strange = other.send(dot(display=1))
    assert isinstance(await other.ask(messages.Status()), messages.Report)
    while daemon.engine.waiting < 6:
        await other.ask(messages.Status())
    daemon.window.gate.set()
    for number in (first, *numbers):
        assert isinstance(await client.answer(number), messages.Outcome)
    assert isinstance(await other.answer(strange), messages.Outcome)
    assert [len(batch.sections) for batch in daemon.window.batches[2:]] == [1, 6]


async def test_status_hello_and_cancel_are_answered_while_the_window_hangs(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.window.gate = anyio.Event()
    client.send(dot())
    await daemon.window.reached.wait()
    waits = client.send(dot())
    while daemon.engine.waiting < 1:
        await daemon.client().ask(messages.Status())
    other = daemon.client()
    assert isinstance(await other.ask(messages.Hello(versions=(1, 0))), messages.Welcome)
    assert await other.ask(messages.Cancel()) == messages.Cancelled(count=0), "of its own session"
    assert await other.ask(messages.Cancel(request_id=messages.EVERYBODYS)) == messages.Cancelled(count=1)
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
    await again.ask(messages.Status(), ())
    daemon.window.gate.set()
    assert isinstance(await again.answer(1), messages.Outcome)
    assert len(daemon.window.batches) == 1


async def test_a_superseding_image_takes_the_place_of_one_that_waits(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.window.gate = anyio.Event()
    client.send(dot())
    await daemon.window.reached.wait()
    pixels = bytes(48)
    old = client.send(messages.Transaction(steps=(image(),), supersede=True), (pixels,))
    new = client.send(messages.Transaction(steps=(image(),), supersede=True), (pixels,))
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
    numbers = [client.send(messages.Transaction(steps=(image(),), supersede=True), (bytes(48),)) for _ in range(2)]
    told = await client.answer(numbers[0])
    recovered = Journal(tmp_path / "journal").recover()
    (answer,) = recovered.sessions[client.session.hex()].answers
    assert (answer.sequence, codec.decode_reply(answer.body)) == (numbers[0], told)
    assert recovered.open_intent is not None, "the dot is still under way"
    client.send(messages.Transaction(steps=(image(),), supersede=True), (bytes(48),), sequence=numbers[0])
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
        shown = messages.Transaction(steps=(steps.Mtv(target=target),), supersede=True)
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
        await daemon.client().ask(messages.Status())
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
        await daemon.client().ask(messages.Status())
    request_id = f"{client.session.hex()}-{numbers[-1]}"
    assert await daemon.client().ask(messages.Cancel(request_id=request_id)) == messages.Cancelled(count=1)
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
    late = client.send(messages.Transaction(steps=(dot(),), deadline_secs=1e-6))
    while daemon.engine.waiting < 1:
        await daemon.client().ask(messages.Status())
    daemon.window.gate.set()
    reply = await client.answer(late)
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "deadline"
    assert len(daemon.window.batches) == 1


@pytest.mark.parametrize("look", [messages.Sync(), messages.Snapshot(display=0)])
async def test_a_window_lost_while_it_is_looked_at_is_drawn_again_and_looked_at_once_more(
    daemon: Daemon, look: Any
) -> None:
    client = daemon.client()
    await client.ask(dot())
    daemon.window.lost_looks = 1
    assert not isinstance(await client.ask(look), messages.Failed)
    assert len(daemon.window.batches) == 2
    daemon.window.lost_looks = 2
    assert (await refused(client, look))[0] == "draw_failed"
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
    reply = await client.ask(messages.Transaction(steps=(steps.Load(target=dataset), steps.Mtv(target=0), dot())))
    assert isinstance(reply, messages.Outcome)
    assert reply.steps[0].loaded is not None
    assert reply.steps[1].planes["SAT"] == "green"


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
    request_id = messages.EVERYBODYS if everything else f"{slow.session.hex()}-{waits}"
    assert await other.ask(messages.Cancel(request_id=f"{slow.session.hex()}-999")) == messages.Cancelled(count=0)
    assert await other.ask(messages.Cancel(request_id=request_id)) == messages.Cancelled(count=1)
    reply = await slow.answer(waits)
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "cancelled"
    assert isinstance(await slow.ask(query), messages.Rows)


CALEXP, SRC = (
    Dataset(
        dataset_type=name,
        data_id={"instrument": "HSC", "visit": 23718, "detector": 41},
        collections=("u/somebody/single_frame",),
    )
    for name in ("calexp", "src")
)


@pytest.mark.parametrize(
    ("point", "request_"),
    [
        ("get", messages.Get(target=CALEXP)),
        ("read", steps.Load(target=CALEXP)),
        ("get", steps.Load(target=SRC)),
        ("read", steps.Mtv(target=CALEXP)),
        ("positions", steps.Overlay(name="psf", target=SRC)),
        ("read", messages.Transaction(steps=(steps.Mtv(target=CALEXP), steps.Overlay(name="psf", target=SRC)))),
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
    other.send(messages.Status())
    _, first = await other.receive()
    assert isinstance(first, messages.Report)
    hold.release()
    assert await next_progress(waits, number) == messages.Progress(done=1000, total=1000, unit="bytes")
    assert not isinstance(await waits.answer(number), messages.Failed)


async def test_fetches_of_one_transaction_are_added_up(daemon: Daemon) -> None:
    holds = [daemon.repositories.fetch_at("read", 1000), daemon.repositories.fetch_at("positions", 3000)]
    client = daemon.client()
    both = messages.Transaction(steps=(steps.Mtv(target=CALEXP), steps.Overlay(name="psf", target=SRC)))
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
    number = slow.send(messages.Get(target=CALEXP))
    await hold.reached.wait()
    cancel = messages.Cancel(request_id=f"{slow.session.hex()}-{number}")
    assert await other.ask(cancel) == messages.Cancelled(count=1)
    reply = await slow.answer(number)
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "cancelled"
    assert isinstance(await slow.ask(messages.Get(target=CALEXP)), messages.Got)


async def test_shutdown_is_answered_before_the_daemon_stops(daemon: Daemon) -> None:
    assert await daemon.client().ask(messages.Shutdown(keep_window=True)) == messages.Done()
    assert daemon.stopped == [True]


async def test_a_file_that_another_display_shows_cannot_be_claimed_or_lost(daemon: Daemon) -> None:
    client = daemon.client()
    assert isinstance(await client.ask(image(), (bytes(48),)), messages.Outcome)
    (shown,) = daemon.engine.scene.files()
    stolen = Exposure(image=Array(dtype=">f4", shape=(1, 1), file=shown, offset=daemon.limits.header_bytes))
    assert await refused(client, steps.Mtv(display=1, target=stolen)) == ("bad_value", "steps[0].target.image")
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
    welcome = await client.ask(messages.Hello(versions=(1, 0)))
    assert isinstance(welcome, messages.Welcome)
    link = daemon.pixels.directory / "mtv-1-0123456789abcdef.fits"
    link.symlink_to("/nowhere")
    for name in (welcome.nonce_name, link.name):
        array = Array(dtype=">f4", shape=(2, 2), file=name, offset=28800)
        code, where = await refused(client, steps.Mtv(target=Exposure(image=array)))
        assert (code, where) == ("bad_value", "steps[0].target.image")
    assert link.is_symlink()
    (daemon.pixels.directory / welcome.nonce_name).unlink()
    again = await client.ask(messages.Hello(versions=(1, 0)))
    assert isinstance(again, messages.Welcome)
    assert (daemon.pixels.directory / again.nonce_name).read_text() == again.nonce


async def test_texts_of_clients_are_one_line_in_the_status_and_echoes_are_short(daemon: Daemon) -> None:
    client = daemon.client()
    await client.ask(messages.Hello(versions=(1, 0), program="p\x1b[2J\nall well", pid=1))
    report = await client.ask(messages.Status())
    assert isinstance(report, messages.Report)
    assert "p [2J all well" in [session.program for session in report.sessions]
    reply = await client.ask(steps.MaskColour(colours={"BAD": "c" * 100_000}))
    assert isinstance(reply, messages.Failed)
    assert len(reply.error.message) < 600


async def test_a_subscriber_is_told_of_events_beside_its_replies_and_a_new_greeting_ends_it(daemon: Daemon) -> None:
    client, deaf = daemon.client(), daemon.client()
    await deaf.ask(messages.Status())
    assert isinstance(await client.ask(messages.Subscribe()), messages.Subscribed)
    daemon.events.publish(messages.Event(kind="key", key="a", display=0))
    header, event = await client.receive()
    assert (header.kind, header.sequence, event.key) == (frames.Kind.EVENT, 1, "a")
    await still_works(client)
    await still_works(deaf)
    await client.ask(messages.Hello(versions=(1, 0)))
    daemon.events.publish(messages.Event(kind="key", key="b", display=0))
    await still_works(client)
    reply = await client.ask(messages.Subscribe())
    assert reply.number == 2
    assert isinstance(await client.ask(messages.Unsubscribe()), messages.Done)
    daemon.events.publish(messages.Event(kind="key", key="c", display=0))
    await still_works(client)


async def test_a_subscriber_that_vanished_harms_nobody(daemon: Daemon) -> None:
    gone, client = daemon.client(), daemon.client()
    await gone.ask(messages.Subscribe())
    gone.socket.close()
    await client.ask(messages.Subscribe())
    for _ in range(2000):
        daemon.events.publish(messages.Event(kind="key", key="a", display=0))
    await still_works(client)


async def test_an_expression_beyond_the_limit_is_refused_before_it_is_read(daemon: Daemon) -> None:
    query = steps.Query(dataset_type="calexp", where="x" * (daemon.limits.where_chars + 1))
    assert await refused(daemon.client(), query) == ("too_large", "where")
    assert await refused(daemon.client(), messages.Transaction(steps=(query, dot()))) == ("too_large", "steps[0].where")


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
    requests = [
        dot(display=1),
        steps.Zoom(display="stars", factor=2.0),
        messages.Sync(),
        steps.Overlay(display=2, x=column, y=column),
    ]
    numbers = [other.send(request) for other, request in zip(others, requests, strict=True)]
    while daemon.engine.waiting < 4:
        await daemon.client().ask(messages.Status())
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


# What cannot be told


@pytest.mark.parametrize("path", ["/data/\udcffnights", "/data/\ud800", "/data/\U0001f52d"])
async def test_a_repository_whose_path_is_no_utf_8_is_told_in_a_way_that_can_be_read(
    daemon: Daemon, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = (messages.RepositoryInfo(alias="odd", location=path, state="open"),)
    monkeypatch.setattr(daemon.repositories, "known", lambda: known)
    client = daemon.client()
    reply = await client.ask(messages.Repositories())
    assert isinstance(reply, messages.RepositoryList)
    told = reply.repositories[0].location
    assert told == {"/data/\udcffnights": "/data/\\xffnights", "/data/\ud800": "/data/\\ud800"}.get(path, path)
    await still_works(client)


@pytest.mark.parametrize("request_", [messages.Repositories(), messages.Get(target=CALEXP), steps.Load(target=CALEXP)])
async def test_a_reply_that_cannot_be_encoded_is_an_error_of_its_request_alone(
    daemon: Daemon, request_: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    beyond = 1 << 70

    async def get(*_: Any) -> messages.Got:
        return messages.Got(value={"NEXPOSED": beyond})

    async def load(*_: Any) -> messages.Loaded:
        return messages.Loaded(handle="h", bytes=beyond)

    odd = messages.RepositoryInfo(alias="a", location="/", state="open", default=beyond)  # type: ignore[arg-type]
    client = daemon.client()
    with monkeypatch.context() as patched:
        patched.setattr(daemon.repositories, "known", lambda: (odd,))
        patched.setattr(daemon.repositories, "get", get)
        patched.setitem(handlers._TABLE, steps.Load, lambda _self, *given: load(*given))
        assert (await refused(client, request_))[0] == "internal"
    await still_works(client)


async def test_an_error_with_odd_texts_is_told(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(*_: Any) -> messages.Got:
        raise RequestError(Error(code="not_found", message="no \udcff", where="\ud800", hint="\udc80"))

    monkeypatch.setattr(daemon.repositories, "get", get)
    client = daemon.client()
    assert await refused(client, messages.Get(target=CALEXP)) == ("not_found", "\\ud800")
    await still_works(client)


async def test_an_outcome_that_cannot_be_told_is_an_error_and_the_window_goes_on(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtvd.drawing.answering.step_outcome", lambda *_: messages.StepOutcome(markers=1 << 70))
    client = daemon.client()
    assert (await refused(client, dot()))[0] == "internal"
    monkeypatch.undo()
    await still_works(client)


async def test_an_event_and_progress_that_cannot_be_told_are_left_out(daemon: Daemon) -> None:
    client = daemon.client()
    await client.ask(messages.Subscribe())
    daemon.events.publish(messages.Event(kind="key", key="\ud800", count=1 << 70))
    daemon.events.publish(messages.Event(kind="key", key="\udcff"))
    header, event = await client.receive()
    assert (header.sequence, event) == (2, messages.Event(kind="key", key="\\xff", number=2))

    daemon.repositories.fetch_at("get", 1 << 70).release()
    assert (await refused(client, messages.Get(target=CALEXP)))[0] == "internal"
    await still_works(client)


@pytest.mark.parametrize("place", ["codec.decode_request", "check", "remote.told"])
@pytest.mark.parametrize(
    "failure", [RecursionError("deep"), ValueError("odd"), MemoryError(), zmq.ZMQError(zmq.EINVAL)]
)
async def test_whatever_goes_wrong_with_a_message_ends_that_message_alone(
    daemon: Daemon, failure: Exception, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise failure

    client, other = daemon.client(), daemon.client()
    await client.ask(messages.Status())
    with monkeypatch.context() as patched:
        patched.setattr(f"mtvd.front.listener.{place}", fail)
        if place == "remote.told":
            patched.setattr(daemon.listener, "_encoded", fail)
        number = client.send(messages.Status())
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
