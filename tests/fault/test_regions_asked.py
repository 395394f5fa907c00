"""Regions asked of the daemon and drawn by it: whole or not at all, bounded, and each refused by its field."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fault.test_strict import PIXELS, draw, image
from tests.support.refusals import refused_request

from mtv.wire import messages, requests, steps
from mtv.wire.regions import Region
from mtv.wire.reports import DisplayReport, WindowState
from mtvd.scene.actions import AddMarkers
from mtvd.stage.paint.regions import tag_of
from mtvd.stage.port import WindowLost

pytestmark = pytest.mark.anyio
Daemon = Any

CIRCLE = Region(shape="circle", points=(1.0, 2.0), sizes=(3.0,), colour="red")


def many(count: int) -> tuple[Region, ...]:
    return (CIRCLE,) * count


async def test_regions_are_drawn_as_they_are_and_stay_in_the_journal(daemon: Daemon) -> None:
    client = daemon.client()
    await draw(client, image(), steps.Regions(name="mine", regions=many(3)), buffers=PIXELS)
    (drawn,) = (
        action
        for batch in daemon.window.batches
        for section in batch.sections
        for action in section.actions
        if isinstance(action, AddMarkers)
    )
    assert drawn.markers.regions[0].colour == "#ff0000"
    outcome = await draw(client, steps.Regions(name="mine", regions=many(2)))
    assert outcome.steps[0].markers == 2
    report = await client.ask(requests.Describe())
    assert isinstance(report, DisplayReport)
    assert report.overlays == {"mine": 5}


async def test_many_regions_go_in_parts(daemon: Daemon) -> None:
    client = daemon.client()
    await draw(client, image(), buffers=PIXELS)
    outcome = await draw(client, steps.Regions(regions=many(12_000)))
    assert outcome.steps[0].markers == 12_000
    assert max(len(batch.sections[0].actions) and _count(batch) for batch in daemon.window.batches) <= 5_000
    assert sum(map(_count, daemon.window.batches)) == 12_000


async def test_regions_of_many_vertices_go_in_parts_by_what_they_weigh(daemon: Daemon) -> None:
    client = daemon.client()
    await draw(client, image(), buffers=PIXELS)
    heavy = Region(shape="polygon", points=(1.0, 2.0) * 2_000)
    outcome = await draw(client, steps.Regions(regions=(CIRCLE, *(heavy,) * 7, *many(6_000))))
    assert outcome.steps[0].markers == 6_008
    drawn = [count for count in map(_count, daemon.window.batches) if count]
    assert drawn[:4] == [3, 2, 2, 3001]
    assert sum(drawn) == 6_008


def _count(batch: Any) -> int:
    actions = (action for section in batch.sections for action in section.actions)
    return sum(len(action.markers.regions) for action in actions if isinstance(action, AddMarkers))


@pytest.mark.parametrize(
    ("regions", "code", "where"),
    [
        ((), "bad_value", "steps[0].regions"),
        ((CIRCLE, Region(shape="circle", points=(1.0,), sizes=(3.0,))), "bad_value", "steps[0].regions[1].points"),
        ((Region(shape="point", points=(float("inf"), 0.0)),), "bad_value", "steps[0].regions[0].points"),
        ((Region(shape="text", points=(1.0, 0.0)),), "bad_value", "steps[0].regions[0].text"),
        ((Region(shape="segment", points=(1.0, 2.0) * 10_001),), "bad_value", "steps[0].regions[0].points"),
        ((Region(shape="segment", points=(1.0, 2.0) * 10_000),) * 11, "too_large", "steps"),
        ((Region(shape="annulus", points=(1.0, 2.0), sizes=tuple(range(1, 1001))),) * 101, "too_large", "steps"),
    ],
)
async def test_what_cannot_be_drawn_is_refused_by_its_field(
    daemon: Daemon, regions: tuple[Region, ...], code: str, where: str
) -> None:
    client = daemon.client()
    request = requests.Transaction(steps=(steps.Regions(regions=regions),))
    assert await refused_request(client, request) == (code, where)
    assert not daemon.window.batches


async def test_an_unknown_shape_is_refused_by_the_message_itself(daemon: Daemon) -> None:
    client = daemon.client()
    wrong = b"\x83\xa4type\xa7regions\xa7display\x00\xa7regions\x91\x82\xa5shape\xa5panda\xa6points\x92\x01\x02"
    reply = await client.ask(wrong)
    assert isinstance(reply, messages.Failed)
    assert reply.error.code in {"bad_value", "bad_message"}


async def test_regions_are_told_with_their_overlays_and_those_by_hand_alone_where_wanted(daemon: Daemon) -> None:
    client = daemon.client()
    await draw(client, image(), steps.Regions(name="mine", regions=many(1)), buffers=PIXELS)
    daemon.window.listed = (
        f"physical\ncircle(2,3,3) # color=#ff0000 tag={{{tag_of('mine')}}}\n"
        f"circle(2,3,3) # tag={{{tag_of('gone')}}}\n# text(5,6) text={{a star}} tag={{theirs}}\n"
        "panda(1,2,3,4,5,6,7,8)\n# unwritable 2\n"
    )
    reply = await client.ask(requests.ListRegions(ours=True))
    assert isinstance(reply, messages.RegionList)
    assert [region.overlay for region in reply.regions] == ["mine", "", "user"]
    assert reply.regions[2].text == "a star"
    assert reply.regions[2].points == (4, 5)
    assert [note.partition(" (")[0] for note in reply.notes] == [
        "panda",
        "regions with a font that DS9 cannot write down",
    ]


async def test_a_display_or_a_window_that_is_not_there_is_told(daemon: Daemon) -> None:
    client = daemon.client()
    assert await refused_request(client, requests.ListRegions(display=7)) == ("unknown_display", "display")
    daemon.window.state = WindowState(state="absent")
    assert (await refused_request(client, requests.ListRegions(display=7)))[0] == "no_window"


async def test_a_window_that_is_lost_while_it_is_asked_is_asked_once_more(daemon: Daemon) -> None:
    client = daemon.client()
    await draw(client, image(), buffers=PIXELS)
    asked: list[str] = []

    async def list_regions(frame: int, system: str, *, ours: bool) -> str:
        asked.append(system)
        if len(asked) == 1:
            daemon.window.generation += 1
            raise WindowLost("it died")
        return "image;circle(1,1,2)"

    daemon.window.list_regions = list_regions
    reply = await client.ask(requests.ListRegions(system="image"))
    assert isinstance(reply, messages.RegionList)
    assert len(reply.regions) == 1
    assert asked == ["image", "image"]
