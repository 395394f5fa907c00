"""What every stage must do, held against the fake always and against DS9 where it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.fake_stage import FakeStage

from mtv.shared.regions.reading import parse
from mtvd.host.pixelstore import PixelStore
from mtvd.scene.actions import Arrange, CreateFrame, DeleteFrame, RaiseFrame, SetZoom
from mtvd.stage.ds9 import Ds9Stage
from mtvd.stage.port import Batch, Section, Stage, WindowLost
from mtvd.stage.settings import StageSettings

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=["fake", pytest.param("ds9", marks=pytest.mark.live("ds9", "Xvfb", "pyds9"))])
async def stage(request: Any) -> AsyncIterator[Stage]:
    if request.param == "fake":
        yield FakeStage()
        return
    directory = Path(tempfile.mkdtemp(prefix="mtv-", dir="/tmp"))
    settings = StageSettings(window="headless", start_deadline_secs=500, command_deadline_secs=60)
    window = Ds9Stage(settings, PixelStore(directory / "pixels", 1 << 28), directory / "w")
    yield window
    await window.close(keep_window=False)
    shutil.rmtree(directory)


def batch(number: int, *sections: tuple[Any, ...]) -> Batch:
    made = tuple(Section(key=f"k{index}", actions=section) for index, section in enumerate(sections))
    return Batch(epoch="contract", number=number, sections=made)


async def test_without_a_window_a_batch_is_lost_and_nothing_was_committed(stage: Stage) -> None:
    assert stage.state.state == "absent"
    assert await stage.adopt() is None
    with pytest.raises(WindowLost):
        await stage.run(batch(1, (CreateFrame(frame=0),)))


async def test_a_window_has_one_generation_for_its_life(stage: Stage) -> None:
    generation = await stage.ensure()
    assert await stage.ensure() == generation
    assert stage.state.state == "ready"


async def test_results_come_one_a_section_in_order_and_a_failure_harms_no_other(stage: Stage) -> None:
    await stage.ensure()
    results = await stage.run(
        batch(
            2,
            (CreateFrame(frame=0), SetZoom(frame=0, factor=2)),
            (CreateFrame(frame=1), SetZoom(frame=99, factor=2), DeleteFrame(frame=1)),
            (SetZoom(frame=1, factor=1), RaiseFrame(frame=1)),
        )
    )
    assert [(result.key, result.failed_action) for result in results] == [("k0", None), ("k1", 1), ("k2", None)]
    assert results[1].message == "display 99 has no frame"


async def test_creating_what_exists_and_deleting_what_does_not_are_no_errors(stage: Stage) -> None:
    await stage.ensure()
    (result,) = await stage.run(
        batch(3, (CreateFrame(frame=0), CreateFrame(frame=0), DeleteFrame(frame=50), DeleteFrame(frame=1)))
    )
    assert result.failed_action is None


async def test_an_empty_batch_is_drawn(stage: Stage) -> None:
    await stage.ensure()
    assert await stage.run(batch(4)) == ()
    await stage.sync()


@pytest.mark.parametrize(("image_format", "start"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8")])
async def test_a_picture_is_of_its_format(stage: Stage, image_format: str, start: bytes) -> None:
    await stage.ensure()
    await stage.run(batch(5, (CreateFrame(frame=0),)))
    assert (await stage.snapshot(0, image_format)).startswith(start)


async def test_regions_of_a_frame_without_an_image_are_none(stage: Stage) -> None:
    await stage.ensure()
    await stage.run(batch(6, (CreateFrame(frame=0),)))
    assert parse(await stage.list_regions(0, "pixel", ours=True)) == ((), {})
    assert parse(await stage.list_regions(None, "pixel", ours=False)) == ((), {})


async def test_a_size_beyond_the_screen_is_refused_and_one_that_fits_is_not(stage: Stage) -> None:
    await stage.ensure()

    def sized(*size: int) -> Arrange:
        return Arrange(tile=False, lock_frame="none", lock_scale=False, lock_colormap=False, leader=None, size=size)  # type: ignore[arg-type]

    results = await stage.run(batch(7, (sized(8000, 8000),), (sized(400, 300),)))
    assert [result.failed_action for result in results] == [0, None]
    assert "the screen has room for an image area of" in results[0].message
