"""Overlays whose rows the daemon reads from a table: all or nothing, exactly once, and no table in the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from tests.fault.conftest import TestDaemon
from tests.support import fake_repositories as fake
from tests.support.refusals import refused_request

from mtv.wire import messages, reports, requests, steps
from mtv.wire.data import Dataset, File, Handle
from mtv.wire.limits import Limits
from mtvd.scene import actions as ac

pytestmark = pytest.mark.anyio
Daemon = Any
ONE: dict[str, int | str] = {"instrument": "HSC", "visit": 23718, "detector": 41}
SRC = Dataset(dataset_type="src", data_id=ONE, collections=(fake.COLLECTION,))
CALEXP = Dataset(dataset_type="calexp", data_id=ONE, collections=(fake.COLLECTION,))
USED = steps.Overlay(name="psf", target=SRC, select="calib_psf_used", symbol="x", colour="red", size=5.0)


def drawn(daemon: Daemon) -> Iterator[tuple[str, ac.Markers]]:
    for batch in daemon.window.batches:
        for section in batch.sections:
            yield from ((a.overlay, a.markers) for a in section.actions if isinstance(a, ac.AddMarkers))


def columns(markers: ac.Markers) -> tuple[list[float], list[float]]:
    return np.frombuffer(markers.x).tolist(), np.frombuffer(markers.y).tolist()


async def test_the_chosen_rows_are_drawn_and_counted(daemon: Daemon) -> None:
    outcome = await daemon.client().ask(USED)
    assert isinstance(outcome, messages.Outcome)
    assert outcome.steps == (messages.StepOutcome(display=0, markers=5),)
    ((overlay, markers),) = drawn(daemon)
    assert columns(markers) == ([100.0, 108.0, 116.0, 124.0, 132.0], [200.0, 204.0, 208.0, 212.0, 216.0])
    assert (overlay, markers.symbols, markers.colours) == ("psf", ("x",), ("#ff0000",))
    assert daemon.pixels.names() == (daemon.handlers.nonce_name,), "no file of the table stays"


async def test_positions_in_the_sky_are_degrees(daemon: Daemon) -> None:
    outcome = await daemon.client().ask(steps.Overlay(target=SRC, system="sky", size=1.0))
    assert isinstance(outcome, messages.Outcome)
    ((_, markers),) = drawn(daemon)
    assert markers.system == "sky"
    np.testing.assert_allclose(columns(markers)[0][0], np.degrees(2.6))


async def test_a_table_is_loaded_once_and_marked_by_its_handle(daemon: Daemon) -> None:
    client = daemon.client()
    loaded = await client.ask(steps.Load(target=SRC))
    assert isinstance(loaded, messages.Loaded)
    assert (loaded.shape, loaded.label) == ((20,), "src HSC 23718 41")
    asked = len(daemon.repositories.calls)
    handle = Handle(handle=loaded.handle)
    overlay = steps.Overlay(target=handle, select="id > 18", x="base_SdssCentroid_x", y="slot_Centroid_y", size="id")
    outcome = await client.ask(overlay)
    assert isinstance(outcome, messages.Outcome)
    ((_, markers),) = drawn(daemon)
    assert columns(markers) == ([136.0, 138.0], [218.0, 219.0])
    assert np.frombuffer(markers.size).tolist() == [19.0, 20.0]
    got = await client.ask(requests.Get(target=handle, columns=("id",), select="calib_psf_used"))
    assert isinstance(got, messages.Got)
    assert got.catalog is not None
    assert (got.catalog.rows, [one.name for one in got.catalog.columns]) == (5, ["id"])
    assert len(daemon.repositories.calls) == asked, "the handle's table is read, not the repository's"
    assert await refused_request(client, steps.Mtv(target=handle)) == ("unsupported", "steps[0].target.handle")
    await client.ask(requests.Release(handle=loaded.handle))
    kept = {daemon.handlers.nonce_name, *(one.array.file for one in got.catalog.columns)}
    assert set(daemon.pixels.names()) == kept


async def test_a_load_and_its_overlay_may_be_one_transaction(daemon: Daemon) -> None:
    both = (steps.Load(target=SRC), steps.Overlay(target=0, select="calib_psf_used"))
    outcome = await daemon.client().ask(requests.Transaction(steps=both))
    assert isinstance(outcome, messages.Outcome)
    assert outcome.steps[1].markers == 5


@pytest.mark.parametrize(
    ("step", "where"),
    [
        (steps.Overlay(target=SRC, select="calib_psf_usd"), "select"),
        (steps.Overlay(target=SRC, select="__import__('os')"), "select"),
        (steps.Overlay(target=SRC, x="nope", y="id"), "x"),
        (steps.Overlay(target=SRC, x=(1.0,), y=(2.0,)), "x"),
        (steps.Overlay(target=SRC, colour=("red", "blue")), "colour"),
        (steps.Overlay(target=SRC, colour="gren"), "colour"),
        (steps.Overlay(target=SRC, size=-1.0), "size"),
        (steps.Overlay(target=SRC, size="nope"), "size"),
        (steps.Overlay(target=SRC, size=""), "size"),
        (steps.Overlay(target=CALEXP), "target"),
        (steps.Overlay(target=Handle(handle="0" * 32)), "target.handle"),
        (steps.Overlay(target=5), "target"),
        (steps.Overlay(target=File(path="relative.fits")), "path"),
        (steps.Overlay(x=(1.0,), y=(2.0,), select="used"), "select"),
        (steps.Overlay(x="id", y="id"), "x"),
        (steps.Overlay(x=(1.0,), y=(2.0,), size="id"), "size"),
    ],
)
async def test_a_bad_overlay_of_a_table_draws_nothing_of_its_transaction(
    daemon: Daemon, step: steps.Overlay, where: str
) -> None:
    client = daemon.client()
    before = steps.Overlay(x=(1.0,), y=(2.0,))
    code, field = await refused_request(client, requests.Transaction(steps=(before, step)))
    assert field == f"steps[1].{where}"
    assert code in {"bad_value", "unsupported", "unknown_handle"}
    assert not daemon.window.batches
    assert isinstance(await client.ask(before), messages.Outcome)


async def test_all_overlays_of_a_transaction_share_the_limit_of_markers(daemon: Daemon) -> None:
    limits = Limits(markers=25)
    object.__setattr__(daemon.engine._resolver, "limits", limits)
    both = requests.Transaction(steps=(steps.Overlay(target=SRC), steps.Overlay(target=SRC)))
    assert await refused_request(daemon.client(), both) == ("too_large", "steps[1]")
    assert not daemon.window.batches


async def test_the_same_request_sent_again_is_answered_and_not_drawn_again(daemon: Daemon) -> None:
    client = daemon.client()
    number = client.send(USED)
    first = await client.answer(number)
    client.send(USED, sequence=number)
    assert await client.answer(number) == first
    assert len(list(drawn(daemon))) == 1
    assert len(daemon.repositories.calls) == 1


async def test_after_a_restart_the_markers_come_from_the_journal(tmp_path: Path) -> None:
    with zmq.Context[zmq.Socket[bytes]]() as context:
        first = TestDaemon(tmp_path, context)
        async with first.running():
            assert isinstance(await first.client().ask(USED), messages.Outcome)
        scene = first.engine.scene
        second = TestDaemon(tmp_path, context)
        async with second.running():
            report = await second.client().ask(requests.Describe(display=0))
            assert isinstance(report, reports.DisplayReport)
            assert report.overlays == {"psf": 5}
            assert second.engine.scene.displays[0].overlays == scene.displays[0].overlays
            assert second.repositories.calls == []
