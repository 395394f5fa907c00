"""Movies in the daemon: their frames among the requests of others, and what ends them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.support.fake_repositories import COLLECTION

from mtv.wire import messages, reports, requests, steps
from mtv.wire.data import Array, Dataset, Exposure, File
from mtvd.scene import actions as ac
from mtvd.stage.port import Batch, SectionResult, WindowLost

pytestmark = pytest.mark.anyio
Daemon = Any
WAIT_SECS = 20
TARGETS = tuple(
    Dataset(
        dataset_type="calexp",
        data_id={"instrument": "HSC", "visit": visit, "detector": detector},
        collections=(COLLECTION,),
    )
    for visit in (1214, 23694, 23718)
    for detector in (41, 42)
)
LABELS = [
    f"calexp HSC {visit} {detector} ({place} of 6)"
    for place, (visit, detector) in enumerate([(v, d) for v in (1214, 23694, 23718) for d in (41, 42)], 1)
]
ABSENT = Dataset(
    dataset_type="calexp", data_id={"instrument": "HSC", "visit": 7, "detector": 41}, collections=(COLLECTION,)
)
FAST = 500.0


def shown_by(daemon: Daemon) -> list[str]:
    """Return the labels of all images that were drawn, in their order."""
    return [
        action.image.label
        for batch in daemon.window.batches
        for section in batch.sections
        for action in section.actions
        if isinstance(action, ac.LoadImage)
    ]


async def movie(client: Any, request: Any) -> reports.Movie:
    reply = await client.ask(request)
    assert isinstance(reply, reports.Movie), reply
    return reply


async def played(client: Any, **fields: Any) -> reports.Movie:
    return await movie(client, requests.Play(**{"targets": TARGETS, "fps": FAST, **fields}))


async def steered(client: Any, action: Any, value: float = 1.0, **fields: Any) -> reports.Movie:
    return await movie(client, requests.Steer(action=action, value=value, **fields))


async def until(client: Any, state: reports.Movie, condition: Any) -> reports.Movie:
    with anyio.fail_after(WAIT_SECS):
        while not condition(state):
            state = await movie(client, requests.Follow(movie=state.movie, seen=state.number, within_secs=10))
    return state


async def ended(client: Any, state: reports.Movie) -> reports.Movie:
    return await until(client, state, lambda now: now.state == "ended")


def image() -> tuple[steps.Mtv, bytes]:
    return steps.Mtv(display=0, target=Exposure(image=Array(dtype=">f4", shape=(3, 4), buffer=0))), bytes(48)


async def put(client: Any) -> None:
    """Show an image, as anybody may."""
    step, pixels = image()
    reply = await client.ask(step, (pixels,))
    assert isinstance(reply, messages.Outcome), reply


async def test_frames_are_drawn_in_order_each_redrawn_and_labelled(daemon: Daemon) -> None:
    client = daemon.client()
    state = await ended(client, await played(client, every=True))
    assert (state.reason, state.shown, state.position, state.label) == ("end", 6, 5, LABELS[-1])
    assert shown_by(daemon) == LABELS
    assert all(batch.redraws for batch in daemon.window.batches)
    assert daemon.engine.scene.displays[0].image.label == LABELS[-1], "the last frame stays"
    assert daemon.engine.scene.front == 0
    images = [action for batch in daemon.window.batches for section in batch.sections for action in section.actions]
    assert sum(isinstance(action, ac.LoadMask) for action in images) == 6


async def test_only_the_files_of_the_last_frame_are_left(daemon: Daemon) -> None:
    client = daemon.client()
    await ended(client, await played(client, every=True))
    left = {name for name in daemon.pixels.names() if not name.startswith(("nonce", "free"))}
    assert left == daemon.engine.scene.files()


async def test_the_view_stays_and_lasting_overlays_too(daemon: Daemon) -> None:
    client = daemon.client()
    await steered(client, "seek", 0.0, movie=(await played(client, paused=True)).movie)
    for step in (
        steps.Scale(display=0, stretch="asinh", low=1.0, high=2.0),
        steps.Zoom(display=0, factor=3.0),
        steps.Pan(display=0, x=110.0, y=220.0),
        steps.MaskColour(display=0, colours={"BAD": "orange"}),
        steps.Overlay(display=0, name="kept", x=(1.0,), y=(2.0,), lasting=True),
        steps.Overlay(display=0, name="gone", x=(1.0,), y=(2.0,)),
    ):
        assert isinstance(await client.ask(step), messages.Outcome)
    await steered(client, "step")
    shown = daemon.engine.scene.displays[0]
    assert shown.image.label == LABELS[1]
    assert (shown.scale.limits, shown.zoom.factor, shown.pan.x) == ((1.0, 2.0), 3.0, 110.0)
    assert shown.colour_of("BAD") == "orange"
    assert [overlay.name for overlay in shown.overlays] == ["kept"]


async def test_it_goes_on_when_its_client_has_gone_and_another_steers_it(daemon: Daemon) -> None:
    client = daemon.client()
    state = await played(client, loop=True)
    await client.ask(requests.Bye())
    other = daemon.client()
    state = await until(other, state, lambda now: now.shown > 20)
    report = await other.ask(requests.Status())
    assert isinstance(report, reports.Report)
    assert [now.movie for now in report.movies] == [state.movie]
    assert (await steered(other, "pause", display=0)).state == "paused"
    assert (await steered(other, "seek", 3.0)).label == LABELS[3]
    assert (await steered(other, "stop")).reason == "stopped"
    report = await other.ask(requests.Status())
    assert isinstance(report, reports.Report)
    assert report.movies == ()


async def test_another_image_ends_it_and_stays(daemon: Daemon) -> None:
    client, other = daemon.client(), daemon.client()
    state = await until(client, await played(client, loop=True), lambda now: now.shown > 3)
    await put(other)
    assert (await ended(client, state)).reason == "replaced"
    assert daemon.engine.scene.displays[0].image.shape_yx == (3, 4)
    assert isinstance(await other.ask(requests.Sync()), messages.Done)
    assert daemon.engine.scene.displays[0].image.shape_yx == (3, 4)


async def test_an_image_in_the_same_group_as_a_frame_is_not_drawn_over(daemon: Daemon) -> None:
    client, other = daemon.client(), daemon.client()
    state = await until(client, await played(client, loop=True), lambda now: now.shown > 3)
    daemon.window.gate, daemon.window.reached = anyio.Event(), anyio.Event()
    with anyio.fail_after(WAIT_SECS):
        await daemon.window.reached.wait()  # a frame is being drawn; all that follows is one group
    hold = daemon.repositories.hold_at("read")
    step, pixels = image()
    sequence = other.send(step, (pixels,))
    while not [waiting for waiting in daemon.engine._list if waiting.ready]:
        await anyio.lowlevel.checkpoint()
    daemon.window.gate.set()
    hold.release()
    assert isinstance(await other.answer(sequence), messages.Outcome)
    assert (await ended(client, state)).failed == 0
    assert daemon.engine.scene.displays[0].image.shape_yx == (3, 4)


async def test_a_feed_ends_it(daemon: Daemon) -> None:
    client, other = daemon.client(), daemon.client()
    state = await until(client, await played(client, loop=True), lambda now: now.shown > 3)
    exposure = Exposure(image=Array(dtype=">f4", shape=(3, 4), buffer=0))
    await other.ask(requests.Frame(feed="f", display=0, target=exposure), (bytes(48),))
    assert (await ended(client, state)).reason == "replaced"


async def test_a_deleted_display_ends_it_even_in_a_pause(daemon: Daemon) -> None:
    client = daemon.client()
    state = await steered(client, "seek", 2.0, movie=(await played(client, display="guider", paused=True)).movie)
    assert state.position == 2
    await client.ask(steps.Delete(display="guider"))
    state = await ended(client, state)
    assert state.reason == "deleted"
    assert not daemon.engine.scene.displays
    reply = await client.ask(requests.Steer(movie=state.movie, action="step"))
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "not_found"


async def test_a_named_display_is_known_by_its_number_too(daemon: Daemon) -> None:
    client = daemon.client()
    await steered(client, "seek", 0.0, movie=(await played(client, display="guider", paused=True)).movie)
    assert (await movie(client, requests.Follow(display=1001))).display == "guider"
    replacing = await played(client, display=1001)
    assert (await ended(client, replacing)).shown > 0


async def test_datasets_that_cannot_be_read_are_counted_and_passed_over(daemon: Daemon) -> None:
    client = daemon.client()
    state = await ended(client, await played(client, targets=(ABSENT, *TARGETS[:2], ABSENT), every=True))
    assert (state.reason, state.shown, state.failed) == ("end", 2, 2)
    assert state.error is not None
    assert state.error.code == "not_found"


async def test_a_window_that_dies_in_mid_movie_costs_no_frame(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    client = daemon.client()
    run = daemon.window.run
    deaths: list[Batch] = []

    async def dying(batch: Batch) -> tuple[SectionResult, ...]:
        if len(daemon.window.batches) == 3 and not deaths:
            deaths.append(batch)
            daemon.window.generation += 1
            raise WindowLost("it died")
        result: tuple[SectionResult, ...] = await run(batch)
        return result

    monkeypatch.setattr(daemon.window, "run", dying)
    state = await ended(client, await played(client, every=True))
    assert deaths
    assert (state.reason, state.shown, state.failed) == ("end", 6, 0)
    assert shown_by(daemon) == [*LABELS[:3], LABELS[2], *LABELS[3:]], "the scene is restored in between"


async def test_a_window_that_cannot_be_opened_ends_it(daemon: Daemon) -> None:
    daemon.window.unavailable = "there is no X display"
    client = daemon.client()
    state = await ended(client, await played(client, loop=True))
    assert (state.reason, state.failed) == ("failed", 1)
    assert state.error is not None
    assert state.error.code == "no_window"


async def test_a_read_that_hangs_holds_up_nobody_and_stop_ends_it(daemon: Daemon) -> None:
    hold = daemon.repositories.hang_at("read")
    client = daemon.client()
    state = await played(client)
    with anyio.fail_after(WAIT_SECS):
        await hold.reached.wait()
    await put(client)
    assert isinstance(await client.ask(requests.Sync()), messages.Done)
    assert (await steered(client, "stop", movie=state.movie)).reason == "stopped"
    assert daemon.engine.waiting == 0
    assert daemon.engine.scene.displays[0].image.shape_yx == (3, 4)


async def test_a_read_that_runs_into_its_deadline_is_one_frame_that_failed(daemon: Daemon) -> None:
    hold = daemon.repositories.hang_at("read")
    client = daemon.client()
    state = await played(client, every=True)
    with anyio.fail_after(WAIT_SECS):
        await hold.reached.wait()
    hold.release()
    state = await ended(client, state)
    assert (state.shown, state.failed) == (5, 1)
    assert state.error is not None
    assert state.error.code == "deadline"


async def test_followers_and_steps_that_wait_can_be_cancelled(daemon: Daemon) -> None:
    client, other = daemon.client(), daemon.client()
    state = await steered(client, "seek", 0.0, movie=(await played(client, paused=True)).movie)
    hold = daemon.repositories.hang_at("read")
    for request in (
        requests.Follow(movie=state.movie, seen=state.number, within_secs=60),
        requests.Steer(movie=state.movie, action="step"),
    ):
        sequence = client.send(request)
        if isinstance(request, requests.Steer):
            with anyio.fail_after(WAIT_SECS):
                await hold.reached.wait()  # the movie has taken the step
        await other.ask(requests.Cancel(request_id=f"{client.session.hex()}-{sequence}"))
        reply = await client.answer(sequence)
        assert isinstance(reply, messages.Failed)
        assert reply.error.code == "cancelled"
    hold.release()
    assert (await steered(other, "step", movie=state.movie)).position == 2, "the movie itself is not cancelled"


async def test_nothing_of_a_movie_is_remembered_in_sessions(daemon: Daemon) -> None:
    client = daemon.client()
    before = len(daemon.sessions.records())
    await ended(client, await played(client, every=True))
    with anyio.fail_after(WAIT_SECS):
        while daemon.movies.infos():
            await anyio.lowlevel.checkpoint()
    assert len(daemon.sessions.records()) <= before + 1


async def test_other_hosts_play_datasets_and_no_files_and_learn_no_session(far_daemon: Daemon) -> None:
    near, far = far_daemon.client(), far_daemon.far_client()
    reply = await far.ask(requests.Play(targets=(*TARGETS, File(path="/etc/x.fits"))))
    assert isinstance(reply, messages.Failed)
    assert (reply.error.code, reply.error.where) == ("forbidden", "targets[6].path")
    state = await until(near, await played(near, loop=True), lambda now: now.shown > 3)
    told = await movie(far, requests.Follow())
    assert told.movie == state.movie
    assert near.session.hex() not in str(told)
    assert (await steered(far, "stop")).reason == "stopped"


async def test_it_ends_with_the_daemon(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    made = type(daemon)(tmp_path / "b", daemon.context)
    with anyio.fail_after(WAIT_SECS):
        async with made.running():
            client = made.client()
            await until(client, await played(client, loop=True), lambda now: now.shown > 3)
    count = len(made.window.batches)
    await anyio.wait_all_tasks_blocked()
    assert len(made.window.batches) == count
    assert made.movies.infos() == ()
