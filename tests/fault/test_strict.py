"""Strict transactions, as the shell sends them: what is not there is refused, and nothing comes of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.refusals import refused_request

from mtv.wire import messages, requests, steps
from mtv.wire.data import Array, Exposure
from mtvd.stage.port import Batch, Difference, SectionResult, UserMoved

pytestmark = pytest.mark.anyio
Daemon = Any

PIXELS = bytes(48), bytes(48)


def image(display: int | str = 0) -> steps.Mtv:
    array = Array(dtype=">f4", shape=(3, 4), buffer=0)
    mask = Array(dtype="<i4", shape=(3, 4), buffer=1)
    return steps.Mtv(display=display, target=Exposure(image=array, mask=mask, planes={"DETECTED": 5}))


async def draw(
    client: Any, *wanted: steps.AnyStep, buffers: tuple[bytes, ...] = (), strict: bool = True
) -> messages.Outcome:
    reply = await client.ask(requests.Transaction(steps=wanted, strict=strict), buffers)
    assert isinstance(reply, messages.Outcome), reply
    return reply


async def refused_strictly(client: Any, *wanted: steps.AnyStep) -> tuple[str, str]:
    return await refused_request(client, requests.Transaction(steps=wanted, strict=True))


@pytest.mark.parametrize(
    ("step", "code", "where"),
    [
        (steps.Pan(display=77, x=1, y=1), "unknown_display", "steps[1].display"),
        (steps.Scale(display="nosuch", stretch="log"), "unknown_display", "steps[1].display"),
        (steps.Erase(name="nosuch"), "unknown_overlay", "steps[1].name"),
        (steps.MaskColour(colours={"DETECTD": "red"}), "unknown_plane", "steps[1].colours.DETECTD"),
        (steps.MaskTransparency(percent=100, plane="DETECTD"), "unknown_plane", "steps[1].plane"),
    ],
)
async def test_what_is_not_there_is_refused_whole_and_makes_no_display(
    daemon: Daemon, step: steps.AnyStep, code: str, where: str
) -> None:
    client = daemon.client()
    await draw(client, image(), buffers=PIXELS)
    before = daemon.engine.scene
    assert await refused_strictly(client, steps.Zoom(factor=3), step) == (code, where)
    assert daemon.engine.scene == before


async def test_what_is_not_strict_may_set_what_is_for_an_image_still_to_come(daemon: Daemon) -> None:
    client = daemon.client()
    await draw(client, steps.Scale(display="later", stretch="log"), steps.Erase(name="nosuch"), strict=False)
    assert [display.name for display in daemon.engine.scene.displays.values()] == ["later", ""]


async def test_planes_that_the_shown_mask_lacks_are_noted_where_they_are_accepted(daemon: Daemon) -> None:
    client = daemon.client()
    await draw(client, image(), buffers=PIXELS)
    outcome = await draw(client, steps.MaskColour(colours={"DETECTD": "red"}), strict=False)
    assert outcome.steps[0].note == "no plane DETECTD; did you mean 'DETECTED'?"


async def test_a_strict_transaction_acts_on_what_another_client_has_shown(daemon: Daemon) -> None:
    shower, scaler = daemon.client(), daemon.client()
    await draw(shower, image("new"), buffers=PIXELS, strict=False)
    await draw(scaler, steps.Scale(display="new", stretch="log"), steps.Show(display="new"))
    assert await refused_strictly(scaler, steps.Scale(display="mew", stretch="log")) == (
        "unknown_display",
        "steps[0].display",
    )


@pytest.mark.parametrize(
    ("difference", "step"),
    [
        (Difference(frame=0, what="user", value="circle(1,2,3)"), steps.Erase(name="user")),
        (Difference(frame=5, what="made"), steps.Pan(display=5, x=1, y=1)),
    ],
)
async def test_what_the_user_has_made_by_hand_is_there_although_nobody_has_looked_since(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, difference: Difference, step: steps.AnyStep
) -> None:
    client = daemon.client()
    await draw(client, image(), buffers=PIXELS)
    moved = [difference]
    real = daemon.window.run

    async def run(batch: Batch) -> tuple[SectionResult, ...]:
        if batch.heeds and moved:
            raise UserMoved((moved.pop(),))
        results: tuple[SectionResult, ...] = await real(batch)
        return results

    monkeypatch.setattr(daemon.window, "run", run)
    await draw(client, step)
    assert not moved
    assert await refused_strictly(client, steps.Pan(display=77, x=1, y=1)) == ("unknown_display", "steps[0].display")
