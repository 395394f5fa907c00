"""Markers of the sky on an image that has none: refused by the window, and nothing else of the display changes."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from tests.support.odd_headers import tan

from mtv.wire import messages, reports, requests, steps
from mtv.wire.data import Array, Exposure
from mtvd.scene import actions as ac
from mtvd.stage.port import Batch, SectionResult

pytestmark = pytest.mark.anyio
Daemon = Any
PIXELS = bytes(48)
SKY = tan(CD1_1=-0.001, CD2_2=0.001)
IN_SKY = steps.Overlay(name="stars", x=(150.0,), y=(30.0,), system="sky", size=1.0)
IN_PIXELS = steps.Overlay(name="here", x=(1.0,), y=(1.0,))


def image(wcs: str = "") -> steps.Mtv:
    return steps.Mtv(target=Exposure(image=Array(dtype=">f4", shape=(3, 4), buffer=0), wcs=wcs))


@pytest.fixture(autouse=True)
def window(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """Have a window that refuses as DS9 does: markers of the sky on a frame whose image has no WCS of it."""
    own = daemon.window.run
    with_sky: set[int] = set()

    async def refuses(action: ac.AnyAction) -> bool:
        if isinstance(action, ac.LoadImage):
            content = await anyio.Path(daemon.pixels.directory / action.image.file).read_bytes()
            has_sky = b"RA---TAN" in content[: action.image.header_bytes]
            (with_sky.add if has_sky else with_sky.discard)(action.frame)
        return isinstance(action, ac.AddMarkers) and action.markers.system == "sky" and action.frame not in with_sky

    async def run(batch: Batch) -> tuple[SectionResult, ...]:
        await own(batch)
        refused = [[await refuses(action) for action in section.actions] for section in batch.sections]
        return tuple(
            SectionResult(
                key=section.key,
                failed_action=which.index(True) if True in which else None,
                message="Bad Coordinate mapping",
            )
            for section, which in zip(batch.sections, refused, strict=True)
        )

    monkeypatch.setattr(daemon.window, "run", run)
    return daemon.window


async def described(client: Any) -> reports.DisplayReport:
    reply = await client.ask(requests.Describe(display=0))
    assert isinstance(reply, reports.DisplayReport), reply
    return reply


async def test_markers_of_the_sky_on_an_image_without_one_are_refused_with_the_reason(daemon: Daemon) -> None:
    client = daemon.client()
    assert isinstance(await client.ask(image(), [PIXELS]), messages.Outcome)
    assert isinstance(await client.ask(IN_PIXELS), messages.Outcome)
    before = await described(client)
    reply = await client.ask(requests.Transaction(steps=(steps.Zoom(factor=3.0), IN_SKY)))
    assert isinstance(reply, messages.Failed), reply
    assert (reply.error.code, reply.error.where) == ("unsupported", "steps[1]")
    assert "without a WCS" in reply.error.message
    assert "pixels" in reply.error.hint
    assert await described(client) == before
    assert before.overlays == {"here": 1}


async def test_they_are_drawn_once_the_display_has_an_image_with_a_sky(daemon: Daemon) -> None:
    client = daemon.client()
    await client.ask(image(), [PIXELS])
    assert isinstance(await client.ask(IN_SKY), messages.Failed)
    assert isinstance(await client.ask(image(SKY), [PIXELS]), messages.Outcome)
    assert isinstance(await client.ask(IN_SKY), messages.Outcome)
    assert (await described(client)).overlays == {"stars": 1}
