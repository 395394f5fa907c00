"""Clients on other hosts: who is let in, what they may ask for, and how pixels go there and back."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import numpy as np
import pytest
import zmq

import mtv
from mtv.pixels.outgoing import FrameSink
from mtv.session.conversation import Timing
from mtv.shared import keys, packing, tcp
from mtv.wire import codec, frames, messages, reports, requests, steps
from mtv.wire.data import Array, Dataset, Exposure, File
from mtv.wire.errors import Error, RequestError
from mtv.wire.frames import Kind
from mtvd.front import remote
from mtvd.front.zsocket import CannotListen, RouterSocket

pytestmark = pytest.mark.anyio
Daemon = Any
R = TypeVar("R")
PACKED: Final = packing.PACKING

CALEXP = Dataset(
    dataset_type="calexp",
    data_id={"instrument": "HSC", "visit": 23718, "detector": 41},
    collections=("u/somebody/single_frame",),
)
FILE = File(path="/etc/passwd")
IMAGE = Exposure(image=Array(dtype="|u1", shape=(1, 1), buffer=0))
PACKED_IMAGE = Array(dtype="|u1", shape=(1, 1), buffer=0, packing=PACKED)
NOT_LET_IN = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL  # by who notices first
EVENT = codec.encode(messages.Event(kind="key"))
IN_A_FILE = Array(dtype="|u1", shape=(3, 4), file="mask-1-0123456789abcdef.raw")


def shown_with(mask: Array) -> steps.Mtv:
    return steps.Mtv(
        target=Exposure(image=Array(dtype="|u1", shape=mask.shape, buffer=0), mask=mask, planes={"SAT": 0, "CR": 9})
    )


async def in_thread(call: Callable[[], R]) -> R:
    """Use the client as people do: it blocks."""
    with anyio.fail_after(60):
        return await anyio.to_thread.run_sync(call)


def connected(daemon: Daemon) -> mtv.Connection:
    return mtv.connect(daemon.handlers.listen, timeout_secs=30)


def refused(daemon: Daemon) -> mtv.MtvError:
    with pytest.raises(mtv.MtvError) as caught:
        connected(daemon)
    return caught.value


@pytest.fixture
def another_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Go over to a host with keys of its own, which knows the daemon's; return where they are."""

    def go() -> Path:
        known = keys.directory() / "daemon.key"
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
        keys.make(keys.CLIENT)
        keys.trust(known, "127.0.0.1")
        return keys.directory()

    return go


# Who is let in


async def test_a_client_with_an_authorised_key_does_what_one_on_the_host_does(far_daemon: Daemon) -> None:
    def work() -> tuple[int, Any, Any]:
        with connected(far_daemon) as connection:
            repository = mtv.Repository(connection=connection)
            found = repository.query("calexp", visit=23718, instrument="HSC", collections="u/somebody/single_frame")
            calexp = repository.get(found[0])
            display = mtv.Display(0, connection=connection)
            display.mtv(calexp)
            display.overlay("stars", np.arange(5.0), np.arange(5.0))
            with repository.load(found[1]) as handle:
                display.mtv(handle)
                again = repository.get(handle)
            return len(found), calexp, again

    count, calexp, again = await in_thread(work)
    assert count == 2
    assert calexp.image.shape == again.image.shape == (50, 60)
    assert calexp.mask.any()
    assert len(far_daemon.window.batches) == 3
    assert not [name for name in far_daemon.pixels.names() if name.startswith("out-")]


async def test_a_key_that_is_not_authorised_is_told_so_and_what_to_do(
    far_daemon: Daemon, another_config: Callable[[], Path]
) -> None:
    another_config()
    error = await in_thread(lambda: refused(far_daemon))
    assert (error.code, error.error.where) == ("forbidden", "keys")
    assert "mtv keys authorise" in str(error)
    assert not list(far_daemon.sessions)


async def test_a_daemon_with_another_key_than_expected_is_not_spoken_to(
    far_daemon: Daemon, another_config: Callable[[], Path], tmp_path: Path
) -> None:
    place = another_config()
    keys.make(keys.DAEMON)
    keys.trust(place / "daemon.key", "127.0.0.1")
    error = await in_thread(lambda: refused(far_daemon))
    assert isinstance(error, mtv.Unavailable)
    assert "servers/127.0.0.1.key" in str(error)
    assert "mtv keys trust 127.0.0.1" in str(error)


async def test_a_revoked_key_is_let_in_no_more_and_what_is_connected_is_cut_off(far_daemon: Daemon) -> None:
    connection = await in_thread(lambda: connected(far_daemon))
    await in_thread(connection.status)
    keys.revoke("me")
    with pytest.raises(mtv.RequestError, match="revoked"):
        await in_thread(connection.status)
    await in_thread(connection.close)
    assert "authorise" in str(await in_thread(lambda: refused(far_daemon)))
    keys.authorise(keys.directory() / "client.key", "again")
    await in_thread(lambda: connected(far_daemon).close())


async def test_a_key_revoked_while_the_client_was_away_is_told_so(far_daemon: Daemon) -> None:
    proxy = Proxy(int(far_daemon.handlers.listen.rpartition(":")[2]))
    try:
        connection = await in_thread(lambda: mtv.connect(proxy.endpoint, timeout_secs=30))
        keys.revoke("me")
        await in_thread(proxy.cut)
        with pytest.raises(mtv.RequestError, match="mtv keys authorise"):
            await in_thread(connection.status)
        await in_thread(connection.close)
    finally:
        await in_thread(proxy.close)


@pytest.mark.parametrize("missing", ["client.key_secret", "daemon.key"])
async def test_without_keys_nothing_is_sent(far_daemon: Daemon, missing: str) -> None:
    (keys.directory() / missing).unlink()
    error = await in_thread(lambda: refused(far_daemon))
    assert (error.code, error.error.where) == ("forbidden", "keys")
    assert missing in str(error)
    assert "mtv keys" in error.error.hint


def handshake(endpoint: str, own: keys.ClientKeys | None) -> int:
    """Return the event that a handshake ends with."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as knocking, context.socket(zmq.PAIR) as monitor:
        knocking.linger = monitor.linger = 0
        if own is not None:
            knocking.curve_serverkey = own.server
            knocking.curve_publickey, knocking.curve_secretkey = own.own
        tcp.prepare(knocking, endpoint)
        knocking.monitor("inproc://events", NOT_LET_IN | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        monitor.connect("inproc://events")
        knocking.connect(endpoint)
        assert monitor.poll(20_000)
        event = int.from_bytes(monitor.recv_multipart()[0][:2], sys.byteorder)
        knocking.disable_monitor()
        return event


async def test_a_client_without_encryption_gets_nowhere(far_daemon: Daemon) -> None:
    endpoint = far_daemon.handlers.listen
    assert await in_thread(lambda: handshake(endpoint, keys.for_client(endpoint))) == zmq.EVENT_HANDSHAKE_SUCCEEDED
    assert await in_thread(lambda: handshake(endpoint, None)) & NOT_LET_IN


async def test_nobody_gets_in_where_nobody_answers_for_the_keys(far_daemon: Daemon) -> None:
    with zmq.Context[zmq.Socket[bytes]](io_threads=2) as doorless:
        bound = RouterSocket(doorless, "tcp://127.0.0.1:*", 1 << 20, keys=keys.pair(keys.DAEMON))
        try:
            own = keys.for_client(bound.endpoint)
            assert await in_thread(lambda: handshake(bound.endpoint, own)) & NOT_LET_IN
        finally:
            bound.close()


async def test_an_address_that_is_taken_is_told(far_daemon: Daemon) -> None:
    with pytest.raises(CannotListen, match=r"tcp://127\.0\.0\.1:\d+: Address already in use"):
        RouterSocket(far_daemon.context, far_daemon.handlers.listen, 1 << 20, keys=keys.pair(keys.DAEMON))


async def published_until(feed: mtv.Feed, done: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while not done():
            await in_thread(lambda: feed.publish(np.ones((30, 40), "f4")))
            await anyio.sleep(0.02)


@pytest.mark.parametrize("cut", [False, True])
async def test_a_feed_whose_key_was_revoked_drops_frames_and_goes_on_when_it_is_let_in_again(
    far_daemon: Daemon, cut: bool
) -> None:
    proxy = Proxy(int(far_daemon.handlers.listen.rpartition(":")[2]))
    feed = mtv.Feed("guider", endpoint=proxy.endpoint)
    try:
        await published_until(feed, lambda: feed.counts.shown > 0)
        keys.revoke("me")
        if cut:
            await in_thread(proxy.cut)
        await published_until(feed, lambda: isinstance(feed.error, mtv.RequestError))
        assert "mtv keys authorise" in str(feed.error)
        keys.authorise(keys.directory() / "client.key", "me")
        shown = feed.counts.shown
        await published_until(feed, lambda: feed.counts.shown > shown)
        assert feed.error is None
    finally:
        await in_thread(feed.close)
        await in_thread(proxy.close)


async def test_a_feed_without_keys_costs_its_producer_nothing(far_daemon: Daemon) -> None:
    (keys.directory() / "client.key_secret").unlink()
    with mtv.Feed("guider", endpoint=far_daemon.handlers.listen) as feed:
        await published_until(feed, lambda: feed.error is not None)
        assert "mtv keys make client" in str(feed.error)
        assert not await in_thread(lambda: feed.publish(np.ones((30, 40))))


def _counts_into(sent: list[int]) -> Callable[[np.ndarray[Any, Any]], bytes]:
    def packed(pixels: np.ndarray[Any, Any]) -> bytes:
        sent.append(pixels.nbytes)
        return packing.pack(pixels)

    return packed


async def test_masks_of_a_feed_go_packed(far_daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr("mtv.pixels.outgoing.pack", _counts_into(sent))
    with mtv.Feed("guider", endpoint=far_daemon.handlers.listen) as feed:
        with anyio.fail_after(30):
            while not feed.counts.shown:
                await in_thread(lambda: feed.publish(np.ones((600, 900), "u1"), mask=mask_of("|u1"), planes={"SAT": 0}))
                await anyio.sleep(0.02)
    assert set(sent) == {540_000}


# What they may ask for


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        (requests.Shutdown(), "type"),
        (requests.Get(target=FILE), "target.path"),
        (requests.Get(target=Dataset(repo="/repo/main", id="0" * 32)), "target.repo"),
        (steps.Query(repo="s3://sky/repo"), "repo"),
        (steps.Load(target=FILE), "target.path"),
        (steps.Load(target=CALEXP, ahead=(CALEXP, FILE)), "ahead[1].path"),
        (steps.Mtv(target=FILE), "target.path"),
        (steps.Mtv(target=Exposure(image=IN_A_FILE)), "target.image.file"),
        (shown_with(IN_A_FILE), "target.mask.file"),
        (steps.Overlay(target=FILE), "target.path"),
        (steps.Overlay(x=IN_A_FILE, y=IN_A_FILE), "x.file"),
        (steps.Overlay(x=(1.0,), y=(1.0,), size=IN_A_FILE), "size.file"),
        (requests.Transaction(steps=(steps.Show(), steps.Mtv(target=FILE))), "steps[1].target.path"),
        (requests.Transaction(steps=(steps.Query(repo="../r"),)), "steps[0].repo"),
        (requests.Frame(feed="f", display=0, target=IMAGE, slots=("feed-1-0123456789abcdef.fits",)), "slots"),
        (requests.Frame(feed="f", display=0, target=Exposure(image=IN_A_FILE)), "target.image.file"),
        (requests.Frame(feed="f", display=0, target=IMAGE, markers=steps.Overlay(target=FILE)), "markers.target.path"),
    ],
)  # fmt: skip
async def test_what_names_a_path_is_refused_from_another_host(
    far_daemon: Daemon, request_: requests.Request, where: str
) -> None:
    client = far_daemon.far_client()
    reply = await client.ask(request_)
    assert isinstance(reply, messages.Failed), reply
    assert (reply.error.code, reply.error.where) == ("forbidden", where)
    assert reply.error.hint
    assert not far_daemon.repositories.calls
    assert not far_daemon.stopped
    assert isinstance(await client.ask(requests.Status()), reports.Report)


async def test_a_client_on_the_host_may_still_name_paths_and_stop_the_daemon(far_daemon: Daemon) -> None:
    client = far_daemon.client()
    reply = await client.ask(steps.Mtv(target=FILE))
    assert isinstance(reply, messages.Failed)
    assert reply.error.code != "forbidden"
    assert isinstance(await client.ask(requests.Shutdown()), messages.Done)


async def test_the_greeting_tells_no_directory_and_takes_no_screen(far_daemon: Daemon) -> None:
    hello = requests.Hello(versions=(1, 0), pid=7, x_display=":0", xauthority="/home/me/.Xauthority")
    welcome = await far_daemon.far_client().ask(hello)
    assert isinstance(welcome, messages.Welcome)
    assert (welcome.pixel_directory, welcome.nonce_name, welcome.nonce) == ("", "", "")
    assert welcome.limits.buffer_bytes == 1 << 20
    assert far_daemon.window.offered == []
    near = await far_daemon.client().ask(hello)
    assert isinstance(near, messages.Welcome)
    assert near.nonce
    assert far_daemon.window.offered == [":0"]


async def test_a_session_belongs_to_the_key_that_it_came_with(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    far.session = near.session
    assert isinstance(await near.ask(requests.Status()), reports.Report)
    reply = await far.ask(requests.Status())
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "forbidden"
    assert isinstance(await near.ask(requests.Status()), reports.Report)  # its answers go where they went before


async def test_a_local_client_cannot_go_on_with_the_session_of_another_host(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    near.session = far.session
    assert isinstance(await far.ask(requests.Status()), reports.Report)
    assert isinstance(await near.ask(requests.Status()), messages.Failed)


async def test_status_tells_other_hosts_no_ids_of_sessions_but_their_own(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    for client in (near, far):
        await client.ask(requests.Hello(versions=(1, 0), pid=7))
    told = await far.ask(requests.Status())
    assert {session.session for session in told.sessions} == {"", far.session.hex()}
    assert told.listen == far_daemon.handlers.listen
    told = await near.ask(requests.Status())
    assert {session.session for session in told.sessions} == {near.session.hex(), far.session.hex()}


async def test_other_hosts_are_told_no_path_of_this_one(far_daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    place = "/home/somebody/data of mine"
    broken = reports.RepositoryInfo(alias="demo", location=place, state=f"cannot be opened: '{place}/butler.yaml'")
    monkeypatch.setattr(far_daemon.repositories, "known", lambda: (broken,))
    far_daemon.window.state = reports.WindowState(state="failed", reason=f'no "{place}/ds9" at file://{place}')

    async def get(*_: Any) -> messages.Got:
        raise RequestError(Error(code="unreadable_file", message=f"{place[:14]}/x.fits: torn", hint="see s3://sky/x"))

    monkeypatch.setattr(far_daemon.repositories, "get", get)
    far, near = far_daemon.far_client(), far_daemon.client()
    told = [
        await far.ask(request) for request in (requests.Status(), requests.Repositories(), requests.Get(target=CALEXP))
    ]
    for reply in told:
        assert not re.search(r"somebody|sky/|x.fits|butler.yaml|data of|\.sock|/s\b", str(reply)), reply
    assert (told[0].endpoint, told[0].listen) == ("", far_daemon.handlers.listen)
    assert told[2].error.message == f"{remote.A_PATH}: torn"
    assert (await near.ask(requests.Repositories())).repositories == (broken,)
    assert (await near.ask(requests.Status())).endpoint == far_daemon.endpoint


async def test_an_answer_that_is_told_again_has_no_path_either(far_daemon: Daemon) -> None:
    far_daemon.window.unavailable = "there is no /usr/bin/ds9"
    far = far_daemon.far_client()
    for _ in range(2):
        reply = await far.answer(far.send(steps.Show(), sequence=1))
        assert isinstance(reply, messages.Failed)
        assert (reply.error.code, reply.error.message) == ("no_window", f"there is no {remote.A_PATH}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("read /a/b.fits, then ~/c", f"read {remote.A_PATH}, then {remote.A_PATH}"),
        ("PosixPath('/a b/c')", f"PosixPath({remote.A_PATH})"),
        ("u/somebody/run, 1/2, and/or, mtv up --listen tcp://host:1", None),
        ("g-r / 2 and // and /", None),
        ("https://user@host/repo?x=1 is silent", f"{remote.A_PATH} is silent"),
        ("file:/a/b is torn", f"file:{remote.A_PATH} is torn"),
        ("", None),
    ],
)
def test_paths_in_texts_are_told_from_what_looks_like_them(text: str, told: str | None) -> None:
    error = Error(code="internal", message=text)
    assert remote.told(error).message == (text if told is None else told)


def test_data_that_was_asked_for_stays_as_it_is() -> None:
    rows = messages.Rows(columns=("path",), rows=(("/a/b",),))
    assert remote.told(rows) is rows
    outcome = messages.Outcome(steps=(messages.StepOutcome(rows=rows, note="of /a/b"),))
    assert remote.told(outcome).steps[0] == messages.StepOutcome(rows=rows, note=f"of {remote.A_PATH}")


async def test_another_host_cancels_its_own_work_and_nobody_else_s(far_daemon: Daemon) -> None:
    hold = far_daemon.repositories.hold_at("query")
    query = steps.Query(dataset_type="calexp", collections=("u/somebody/single_frame",))
    near, far, other = far_daemon.client(), far_daemon.far_client(), far_daemon.far_client()
    far_daemon.window.gate = anyio.Event()
    drawn = near.send(steps.Show())
    await far_daemon.window.reached.wait()
    waits = near.send(steps.Show())
    asked = far.send(query)
    await hold.reached.wait()
    queued = far.send(steps.Show())
    while far_daemon.engine.waiting < 2:
        await near.ask(requests.Status())
    assert await other.ask(requests.Cancel()) == messages.Cancelled(count=0)
    for request_id in (f"{near.session.hex()}-{waits}", f"{far.session.hex()}-{queued}"):
        reply = await other.ask(requests.Cancel(request_id=request_id))
        assert isinstance(reply, messages.Failed)
        assert (reply.error.code, reply.error.where) == ("forbidden", "request_id")
    for number, request_id in ((asked, f"{far.session.hex()}-{asked}"), (queued, "")):
        assert await far.ask(requests.Cancel(request_id=request_id)) == messages.Cancelled(count=1)
        reply = await far.answer(number)
        assert isinstance(reply, messages.Failed)
        assert reply.error.code == "cancelled"
    far_daemon.window.gate.set()
    for number in (drawn, waits):
        assert isinstance(await near.answer(number), messages.Outcome)


async def test_on_the_daemon_s_host_everybody_s_work_is_cancelled(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    far_daemon.window.gate = anyio.Event()
    drawn = far.send(steps.Show())
    await far_daemon.window.reached.wait()
    waits = far.send(steps.Show())
    while far_daemon.engine.waiting < 1:
        await near.ask(requests.Status())
    assert await near.ask(requests.Cancel(request_id=requests.EVERYBODYS)) == messages.Cancelled(count=1)
    assert isinstance(await far.answer(waits), messages.Failed)
    far_daemon.window.gate.set()
    assert isinstance(await far.answer(drawn), messages.Outcome)


async def test_events_reach_clients_on_both_sides(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    for client in (near, far):
        assert isinstance(await client.ask(requests.Subscribe()), messages.Subscribed)
    far_daemon.events.publish(messages.Event(kind="key", key="a"))
    for client in (near, far):
        _, event = await client.receive()
        assert isinstance(event, messages.Event)
        assert event.key == "a"


# Pixels


def mask_of(dtype: str = "<u2", shape_yx: tuple[int, int] = (600, 900)) -> np.ndarray[Any, Any]:
    mask = np.zeros(shape_yx, dtype)
    mask[10:20, 30:40] = 1
    mask[-1, -1] = 1 << 8 * mask.dtype.itemsize - 2
    return mask


@pytest.mark.parametrize("dtype", ["|u1", "|b1", "<u2", ">u2", "<i4", "<i8"])
async def test_a_packed_mask_is_the_mask_that_was_packed(far_daemon: Daemon, dtype: str) -> None:
    mask = mask_of(dtype)
    data = packing.pack(mask)
    array = Array(dtype=dtype, shape=mask.shape, buffer=1, packing=PACKED)
    reply = await far_daemon.far_client().ask(shown_with(array), (bytes(mask.size), data))
    assert isinstance(reply, messages.Outcome), reply
    layer = far_daemon.engine.scene.displays[0].mask
    stored = np.fromfile(far_daemon.pixels.path(layer.file), dtype, mask.size).reshape(mask.shape)
    np.testing.assert_array_equal(stored, mask)
    assert len(data) < mask.nbytes / 50


async def test_the_client_packs_masks_for_other_hosts_and_only_there(
    far_daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr("mtv.pixels.outgoing.pack", _counts_into(sent))
    mask = mask_of()
    planes = {"SAT": 0, "CR": 14}

    def show(endpoint: str) -> None:
        with mtv.connect(endpoint, timeout_secs=30) as connection:
            mtv.Display(0, connection=connection).mtv(np.ones(mask.shape, "u1"), mask=mask, planes=planes)

    await in_thread(lambda: show(far_daemon.endpoint))
    assert sent == []
    await in_thread(lambda: show(far_daemon.handlers.listen))
    assert sent == [mask.nbytes]
    layer = far_daemon.engine.scene.displays[0].mask
    stored = np.fromfile(far_daemon.pixels.path(layer.file), layer.dtype, mask.size).reshape(mask.shape)
    np.testing.assert_array_equal(stored, mask)


async def test_a_mask_that_does_not_shrink_goes_as_it_is(far_daemon: Daemon) -> None:
    mask = np.random.default_rng(1).integers(0, 255, (100, 100), np.uint8)
    sink = FrameSink(packs=True)
    array = sink.mask(mask)
    assert (array.packing, sink.buffers[0]) == ("", mask.tobytes())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (packing.pack(np.zeros((6000, 900), "u1")), "more than announced"),
        (packing.pack(mask_of("|u1"))[:-7], "end"),
        (packing.pack(mask_of("|u1")) + b"x", "do not end"),
        (packing.pack(mask_of("|u1"))[:20] + b"\xff" * 500, "damaged"),
        (zlib.compress(b""), "end early"),
        (b"", "end early"),
    ],
)
async def test_packed_bytes_that_are_not_what_they_say_are_refused_and_leave_nothing(
    far_daemon: Daemon, data: bytes, message: str
) -> None:
    array = Array(dtype="|u1", shape=(600, 900), buffer=1, packing=PACKED)
    client = far_daemon.far_client()
    before = set(far_daemon.pixels.names())
    reply = await client.ask(shown_with(array), (bytes(540_000), data))
    assert isinstance(reply, messages.Failed)
    assert (reply.error.code, reply.error.where) == ("bad_value", "steps[0].target.mask")
    assert message in reply.error.message
    assert {name for name in far_daemon.pixels.names() if not name.startswith("free-")} == before
    assert isinstance(await client.ask(steps.Show()), messages.Outcome)


async def test_a_bomb_is_unpacked_no_further_than_it_announces(far_daemon: Daemon, monkeypatch: Any) -> None:
    written: list[int] = []
    unpacked = packing.unpack

    def counted(*given: Any) -> Iterator[memoryview]:
        for block in unpacked(*given):
            written.append(block.nbytes)
            yield block

    monkeypatch.setattr("mtvd.resolving.images.unpacked", counted)
    bomb = packing.pack(np.zeros((1 << 14, 1 << 14), "u1"))
    assert len(bomb) < 1 << 21
    array = Array(dtype="|u1", shape=(10, 10), buffer=1, packing=PACKED)
    monkeypatch.setattr(far_daemon.far, "_limits", far_daemon.limits)
    reply = await far_daemon.far_client().ask(shown_with(array), (bytes(100), bomb))
    assert isinstance(reply, messages.Failed)
    assert written == [100]


@pytest.mark.parametrize(
    ("step", "where"),
    [
        (steps.Mtv(target=Exposure(image=PACKED_IMAGE)), "target.image"),
        (shown_with(Array(dtype="|u1", shape=(1, 1), buffer=1, offset=1, packing=PACKED)), "target.mask"),
        (shown_with(Array(dtype="|u1", shape=(1, 1), buffer=9, packing=PACKED)), "target.mask"),
        (shown_with(Array(dtype="<f4", shape=(1, 1), buffer=1, packing=PACKED)), "target.mask"),
        (steps.Overlay(x=Array(dtype="<f8", shape=(1,), buffer=1, packing=PACKED), y=(1.0,)), "x"),
    ],
)  # fmt: skip
async def test_only_a_whole_mask_may_be_packed(far_daemon: Daemon, step: steps.Step, where: str) -> None:
    data = packing.pack(np.ones((1, 1), "u1"))
    reply = await far_daemon.client().ask(step, (bytes(1), data))
    assert isinstance(reply, messages.Failed)
    assert (reply.error.code, reply.error.where) == ("bad_value", f"steps[0].{where}")


async def test_get_answers_with_one_buffer_for_each_file_and_removes_the_files(far_daemon: Daemon) -> None:
    client = far_daemon.far_client()
    before = set(far_daemon.pixels.names())
    number = client.send(requests.Get(target=CALEXP))
    while (header := (await client.receive())[0]).kind != 3:
        assert header.kind == 2
    assert header.sequence == number
    assert len(header.buffer_bytes) >= 1
    assert set(far_daemon.pixels.names()) == before


async def test_more_than_one_message_may_hold_is_refused_with_a_way_to_get_less(
    far_daemon: Daemon, monkeypatch: Any
) -> None:
    monkeypatch.setattr(far_daemon.repositories, "_shape", (600, 900))
    before = set(far_daemon.pixels.names())
    reply = await far_daemon.far_client().ask(requests.Get(target=CALEXP))
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "too_large"
    assert "bbox" in reply.error.hint
    assert set(far_daemon.pixels.names()) == before


async def test_a_client_checks_the_size_of_its_pixels_before_it_sends_them(far_daemon: Daemon) -> None:
    def show() -> None:
        with connected(far_daemon) as connection:
            mtv.Display(0, connection=connection).mtv(np.zeros((600, 900)))

    with pytest.raises(mtv.RequestError) as caught:
        await in_thread(show)
    assert caught.value.code == "too_large"


async def test_no_message_is_sent_that_the_daemon_would_hang_up_on(far_daemon: Daemon) -> None:
    def send() -> None:
        with connected(far_daemon) as connection:
            connection.ask(steps.Mtv(target=IMAGE), buffers=(bytes(2 << 20),))

    with pytest.raises(mtv.RequestError) as caught:
        await in_thread(send)
    assert caught.value.code == "too_large"
    assert far_daemon.far.refused == 0


async def test_who_does_not_read_its_answers_gets_no_more_of_them(far_daemon: Daemon) -> None:
    client = far_daemon.far_client(most_unread=1)
    await client.ask(requests.Status())
    (session,) = list(far_daemon.sessions)
    wire = far_daemon.far._socket
    for _ in range(10):
        wire.send(session.route, frames.pack(Kind.EVENT, session.id, 0, EVENT, (bytes(8 << 20),)))
    number = client.send(requests.Get(target=CALEXP))
    with anyio.fail_after(20):
        while session.requests != 2 or session.waiting:
            await anyio.sleep(0.01)
    assert wire.leaving_bytes > far_daemon.far._limits.buffer_bytes
    reply = await client.answer(number)
    assert isinstance(reply, messages.Failed)
    assert (reply.error.code, reply.error.retryable) == ("busy", True)
    assert isinstance(await client.ask(requests.Get(target=CALEXP)), messages.Got)
    assert wire.leaving_bytes == 0


# The way there


class Proxy:
    """Stands for a tunnel: what connects to it is connected with a port, or hung up on while that is away."""

    def __init__(self, port: int) -> None:
        self.port: int | None = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"
        self.hung_up = 0
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listening.accept()
            if self.port is None:
                near.close()
                self.hung_up += 1
            elif self.port == 0:
                near.close()
                return
            else:
                far = socket.create_connection(("127.0.0.1", self.port))
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_copy, args=(one, other), daemon=True).start()

    def cut(self) -> None:
        """End what is open."""
        for one in self._open:
            hang_up(one)
        self._open.clear()

    def close(self) -> None:
        self.port = 0
        socket.create_connection(self._listening.getsockname()).close()
        self._accepting.join(10)
        self.cut()
        self._listening.close()


def hang_up(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _copy(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(1 << 16):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return


async def test_a_tunnel_whose_far_end_is_away_for_a_while_costs_nothing(far_daemon: Daemon) -> None:
    proxy = Proxy(int(far_daemon.handlers.listen.rpartition(":")[2]))
    port = proxy.port
    try:
        connection = await in_thread(lambda: mtv.connect(proxy.endpoint, timeout_secs=30))
        proxy.port = None
        await in_thread(proxy.cut)
        with anyio.fail_after(20):
            while proxy.hung_up < 3:
                await anyio.sleep(0.01)
        proxy.port = port
        assert (await in_thread(connection.status)).listen
        await in_thread(connection.close)
    finally:
        await in_thread(proxy.close)


async def test_a_vanished_host_is_the_kernel_s_to_find_out_because_heartbeats_wait_behind_large_frames(
    far_daemon: Daemon,
) -> None:
    connection = await in_thread(lambda: connected(far_daemon))
    try:
        dealer = connection._get_link()._dealer
        assert dealer is not None
        for side in (far_daemon.far._socket._socket, dealer._socket):
            assert side.getsockopt(zmq.TCP_KEEPALIVE) == 1
            assert 10_000 <= int(side.getsockopt(zmq.TCP_MAXRT)) <= 60_000
            assert side.getsockopt(zmq.HEARTBEAT_IVL) == 0
    finally:
        await in_thread(connection.close)


async def test_addresses_of_ipv6_are_addresses(far_daemon: Daemon) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    bound = RouterSocket(far_daemon.context, "tcp://[::1]:*", 1 << 20, keys=keys.pair(keys.DAEMON))
    try:
        own = keys.for_client(bound.endpoint)
        assert await in_thread(lambda: handshake(bound.endpoint, own)) == zmq.EVENT_HANDSHAKE_SUCCEEDED
    finally:
        bound.close()


async def test_a_tunnel_that_leads_nowhere_is_told_at_once(far_daemon: Daemon) -> None:
    proxy = Proxy(1)
    proxy.port = None
    try:
        with pytest.raises(mtv.Unavailable, match="behind a tunnel"):
            await in_thread(lambda: mtv.Connection(proxy.endpoint, timing=Timing(hello_secs=50)).status())
    finally:
        await in_thread(proxy.close)


async def test_the_client_makes_its_keys_its_own(far_daemon: Daemon) -> None:
    (keys.directory() / "client.key_secret").chmod(0o644)
    assert "chmod 600" in str(await in_thread(lambda: refused(far_daemon)))
    (keys.directory() / "client.key_secret").chmod(0o600)
    await in_thread(lambda: connected(far_daemon).close())
