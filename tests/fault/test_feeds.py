"""Feeds in the daemon: their files stay theirs, their frames are awaited on the screen, and their counters are told."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from typing import Any

import anyio
import msgspec
import numpy as np
import pytest

from mtv.wire import messages, reports, steps
from mtv.wire import requests as asks
from mtv.wire.data import Array, Exposure
from mtvd.host.allocating import allocate
from mtvd.scene import actions as ac

pytestmark = pytest.mark.anyio
Daemon = Any
SHAPE_YX = (30, 40)
HEADER_BYTES = 28_800


def slot(daemon: Daemon, value: float = 1.0, *, pid: int | None = None, shape_yx: tuple[int, int] = SHAPE_YX) -> str:
    """Write a slot as a feed does, and return its name."""
    name = f"feed-{pid or os.getpid()}-{secrets.token_hex(8)}.fits"
    pixels = np.full(shape_yx, value, ">f4").tobytes()
    padding = -len(pixels) % 2880
    with os.fdopen(allocate(daemon.pixels.directory / name, HEADER_BYTES + len(pixels) + padding), "r+b") as file:
        file.seek(HEADER_BYTES)
        file.write(pixels)
    return name


def frame(file: str, slots: tuple[str, ...] = (), **fields: Any) -> asks.Frame:
    shape_yx = fields.pop("shape_yx", SHAPE_YX)
    exposure = Exposure(
        image=Array(dtype=">f4", shape=shape_yx, file=file, offset=HEADER_BYTES), wcs=fields.pop("wcs", "")
    )
    return asks.Frame(**{"feed": "f", "display": 0, "target": exposure, "slots": slots or (file,), **fields})


def buffered(**fields: Any) -> asks.Frame:
    """Return a frame as clients on other hosts send it."""
    exposure = Exposure(image=Array(dtype=">f4", shape=SHAPE_YX, buffer=0))
    return asks.Frame(**{"feed": "f", "display": 0, "target": exposure, **fields})


def drawn(daemon: Daemon) -> list[Any]:
    return [action for batch in daemon.window.batches for section in batch.sections for action in section.actions]


def images(daemon: Daemon) -> list[Any]:
    return [action.image for action in drawn(daemon) if isinstance(action, ac.LoadImage)]


async def shown(client: Any, request: asks.Frame, buffers: tuple[bytes, ...] = ()) -> None:
    reply = await client.ask(request, buffers)
    assert isinstance(reply, messages.Outcome), reply


async def feeds(client: Any) -> tuple[reports.FeedInfo, ...]:
    report = await client.ask(asks.Status())
    assert isinstance(report, reports.Report)
    return report.feeds


async def test_a_frame_is_redrawn_before_it_is_answered_and_a_transaction_is_not(daemon: Daemon) -> None:
    client = daemon.client()
    await shown(client, frame(slot(daemon)))
    assert daemon.window.redraws == 1
    await client.ask(steps.Zoom(display=0, factor=2.0))
    assert daemon.window.redraws == 1


async def test_a_frame_has_its_receipt_when_the_window_has_it_and_its_answer_when_it_is_redrawn(daemon: Daemon) -> None:
    client = daemon.client()
    slots = tuple(slot(daemon, number) for number in range(2))
    daemon.window.screen = anyio.Event()
    numbers = []
    for name in slots:  # the second is taken while the first is drawn
        numbers.append(client.send(frame(name, slots)))
        header, reply = await client.receive()
        assert (header.sequence, type(reply)) == (numbers[-1], messages.Receipt)
    assert [image.file for image in images(daemon)] == [*slots]
    assert (await feeds(client))[0].shown == 0
    daemon.window.screen.set()
    for number in numbers:
        assert isinstance(await client.answer(number), messages.Outcome)
    assert (await feeds(client))[0].shown == 2


async def test_a_frame_whose_window_is_lost_before_the_redraw_is_drawn_in_the_next_window(daemon: Daemon) -> None:
    client = daemon.client()
    daemon.window.lost_redraws = 1
    only = slot(daemon)
    await shown(client, frame(only))
    assert [image.file for image in images(daemon)] == [only, only], "once in each window"
    assert (await feeds(client))[0].shown == 1


async def test_a_frame_that_no_window_can_show_is_an_error_and_the_next_one_is_shown(daemon: Daemon) -> None:
    client = daemon.client()
    slots = tuple(slot(daemon, number) for number in range(2))
    await shown(client, frame(slots[0], slots))
    daemon.window.lost_redraws, daemon.window.lost_looks = 1, 2
    reply = await client.ask(frame(slots[1], slots))
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "draw_failed"
    await shown(client, frame(slots[0], slots))
    assert (await feeds(client))[0].shown == 2


async def test_slots_are_shown_over_and_over_and_removed_only_when_the_session_ends(daemon: Daemon) -> None:
    client = daemon.client()
    slots = tuple(slot(daemon, number) for number in range(3))
    for number in range(7):
        await shown(client, frame(slots[number % 3], slots))
    images = [action.image.file for action in drawn(daemon) if isinstance(action, ac.LoadImage)]
    assert images == [slots[number % 3] for number in range(7)]
    assert set(slots) <= set(daemon.pixels.names())
    await client.ask(asks.Bye())
    assert set(slots) & set(daemon.pixels.names()) == {slots[0]}, "the last frame stays"
    other = daemon.client()
    await other.ask(steps.Delete(display=0))
    assert not set(slots) & set(daemon.pixels.names())
    assert not [name for name in daemon.pixels.names() if name.startswith("free-")], "its writer may map it still"


async def test_slots_that_a_frame_names_no_longer_are_removed(daemon: Daemon) -> None:
    client = daemon.client()
    old, new = slot(daemon), slot(daemon)
    await shown(client, frame(old))
    await shown(client, frame(new))
    assert old not in daemon.pixels.names()
    assert new in daemon.pixels.names()


async def test_the_next_frame_of_a_stream_is_alike_and_one_of_another_shape_or_wcs_is_not(daemon: Daemon) -> None:
    client = daemon.client()
    wcs = "".join(f"{key:<8}= {value}".ljust(80) for key, value in (("CTYPE1", "'RA---TAN'"), ("CTYPE2", "'DEC--TAN'")))
    requests = [
        frame(slot(daemon)),
        frame(slot(daemon)),
        frame(slot(daemon, shape_yx=(50, 40)), shape_yx=(50, 40)),
        frame(slot(daemon, shape_yx=(50, 40)), shape_yx=(50, 40), wcs=wcs),
        frame(slot(daemon, shape_yx=(50, 40)), shape_yx=(50, 40), wcs=wcs),
    ]
    for request in requests:
        await shown(client, request)
    assert [action.alike for action in drawn(daemon) if isinstance(action, ac.LoadImage)] == [
        False,
        True,
        False,
        False,
        True,
    ]


async def test_markers_of_a_frame_go_with_it(daemon: Daemon) -> None:
    client = daemon.client()
    overlay = steps.Overlay(display=0, name="f", x=(1.0,), y=(2.0,), replace=True)
    await shown(client, frame(slot(daemon), markers=overlay))
    assert daemon.engine.scene.displays[0].overlays[0].count == 1
    await shown(client, frame(slot(daemon)))
    assert not daemon.engine.scene.displays[0].overlays


async def test_smoothed_limits_follow_the_pixels_slowly(daemon: Daemon) -> None:
    client = daemon.client()
    low_and_high = []
    for value in (0.0, 100.0, 100.0):
        ramp = np.linspace(value, value + 10, np.prod(SHAPE_YX), dtype=">f4").tobytes()
        await shown(client, buffered(smooth_secs=1e6), (ramp,))
        low_and_high.append(daemon.engine.scene.displays[0].scale.limits)
    first, second, third = low_and_high
    assert first == pytest.approx((0.05, 9.95), abs=0.02)
    assert first[0] < second[0] < third[0] < 1, "a millionth of the way a second"
    file = slot(daemon, 7.0)
    await shown(client, frame(file, smooth_secs=1.0, feed="other"))
    assert daemon.engine.scene.displays[0].scale.limits == (7.0, 8.0)


async def test_smoothed_limits_are_averaged_over_the_time_between_frames_however_long_a_frame_takes(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(daemon.feeds, "_clock", lambda: now)
    client = daemon.client()
    for value in (0.0, 100.0):
        request = buffered(smooth_secs=2.0)
        await shown(client, request, (np.full(SHAPE_YX, value, ">f4").tobytes(),))
        now += 0.1
        daemon.feeds.note_shown(client.session, request, 1.9)
        now += 1.9
    low, _ = daemon.engine.scene.displays[0].scale.limits
    assert low == pytest.approx(100 * (1 - np.exp(-1)))


async def test_status_tells_what_became_of_the_frames(daemon: Daemon) -> None:
    client = daemon.client()
    await shown(client, buffered(published=1), (bytes(4800),))
    await shown(client, buffered(published=9, dropped=7, age_secs=5.0), (bytes(4800),))
    (info,) = await feeds(client)
    assert (info.feed, info.display, info.session) == ("f", 0, client.session.hex())
    assert (info.published, info.shown, info.dropped, info.bytes) == (9, 2, 7, 9600)
    assert info.latency_p99_secs > 5
    assert info.fps > 0
    await client.ask(asks.Bye())
    assert await feeds(daemon.client()) == ()


async def test_the_files_of_a_process_that_was_killed_are_removed(daemon: Daemon) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    client = daemon.client()
    slots = tuple(slot(daemon, pid=child.pid) for _ in range(2))
    await shown(client, frame(slots[0], slots))
    daemon.feeds.tidy()
    assert len(await feeds(client)) == 1
    child.kill()
    child.communicate()
    daemon.feeds.tidy()
    assert await feeds(client) == ()
    assert set(slots) & set(daemon.pixels.names()) == {slots[0]}


async def test_a_feed_from_another_host_that_is_silent_for_long_is_no_longer_told(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = daemon.client()
    await shown(client, buffered(), (bytes(4800),))
    daemon.feeds.tidy()
    assert len(await feeds(client)) == 1
    monkeypatch.setattr("mtvd.streams.feeds._IDLE_SECS", 0.0)
    daemon.feeds.tidy()
    assert await feeds(client) == ()
    await shown(client, buffered(), (bytes(4800),))


@pytest.mark.parametrize(
    ("where", "fields"),
    [
        ("slots", {"slots": ("../../etc/passwd",)}),
        ("slots", {"slots": ("mtv-1-0123456789abcdef.fits",)}),
        ("slots", {"slots": tuple(f"feed-1-{number:016x}.fits" for number in range(9))}),
        ("feed", {"feed": ""}),
        ("feed", {"feed": "x" * 100_000}),
        ("smooth_secs", {"smooth_secs": float("inf")}),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(daemon: Daemon, where: str, fields: dict[str, Any]) -> None:
    client = daemon.client()
    reply = await client.ask(buffered(**fields), (bytes(4800),))
    assert isinstance(reply, messages.Failed), reply
    assert reply.error.where == where
    await shown(client, buffered(), (bytes(4800),))


@pytest.mark.parametrize("smooth_secs", [0.0, 1.0])
@pytest.mark.parametrize(
    "image",
    [
        Array(dtype=">f4", shape=(30, 40), file="feed-1-0123456789abcdef.fits", offset=HEADER_BYTES),
        Array(dtype=">f4", shape=(30, 4000), buffer=0),
        Array(dtype=">f4", shape=(1200,), buffer=0),
        Array(dtype=">f4", shape=(0, 5), buffer=0),
        Array(dtype="O", shape=(30, 40), buffer=0),
        Array(dtype=">f4", shape=(30, 40), buffer=3),
    ],
)
async def test_an_image_that_is_none_is_refused_and_the_feed_goes_on(
    daemon: Daemon, image: Array, smooth_secs: float
) -> None:
    client = daemon.client()
    request = msgspec.structs.replace(buffered(smooth_secs=smooth_secs), target=Exposure(image=image))
    reply = await client.ask(request, (bytes(4800),))
    assert isinstance(reply, messages.Failed), reply
    assert reply.error.code != "internal"
    assert "image" in reply.error.where
    await shown(client, buffered(), (bytes(4800),))


async def test_a_session_has_only_so_many_feeds(daemon: Daemon) -> None:
    client = daemon.client()
    for number in range(64):
        await shown(client, buffered(feed=str(number)), (bytes(4800),))
    reply = await client.ask(buffered(feed="one more"), (bytes(4800),))
    assert isinstance(reply, messages.Failed)
    assert reply.error.where == "feed"
    await shown(daemon.client(), buffered(feed="one more"), (bytes(4800),))
