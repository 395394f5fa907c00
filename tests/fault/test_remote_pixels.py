"""Pixels on their way to and from other hosts: packed masks, sizes, and answers that nobody reads."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import anyio
import anyio.to_thread
import numpy as np
import pytest
from tests.fault.conftest import FAR_BYTES
from tests.support.far_clients import CALEXP, IMAGE, Daemon, connected, in_thread, shown_with

import mtv
from mtv.pixels.outgoing import FrameSink
from mtv.shared import packing
from mtv.wire import codec, frames, messages, requests, steps
from mtv.wire.data import Array, Exposure
from mtv.wire.frames import Kind

pytestmark = pytest.mark.anyio
PACKED: Final = packing.PACKING
PACKED_IMAGE = Array(dtype="|u1", shape=(1, 1), buffer=0, packing=PACKED)
EVENT = codec.encode(messages.Event(kind="key"))


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
    unpack = packing.unpack

    def counted(*given: Any) -> Iterator[memoryview]:
        for block in unpack(*given):
            written.append(block.nbytes)
            yield block

    monkeypatch.setattr("mtvd.resolving.images.unpack", counted)
    bomb = packing.pack(np.zeros((1 << 13, 1 << 13), "u1"))
    assert len(bomb) < FAR_BYTES
    array = Array(dtype="|u1", shape=(10, 10), buffer=1, packing=PACKED)
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
