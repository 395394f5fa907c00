from __future__ import annotations

import anyio
import pytest
from tests.support.fake_stage import FakeStage

from mtvd.scene.actions import CreateFrame
from mtvd.stage.port import Batch, Section, WindowLost, WindowUnavailable

pytestmark = pytest.mark.anyio
BATCH = Batch(epoch="e", number=1, sections=(Section(key="k", actions=(CreateFrame(frame=0),)),))


async def test_a_named_action_is_refused_in_its_section() -> None:
    stage = FakeStage()
    await stage.ensure()
    stage.fail_action = lambda action: "no" if isinstance(action, CreateFrame) else ""
    (result,) = await stage.run(BATCH)
    assert (result.failed_action, result.message, stage.frames) == (0, "no", {})


@pytest.mark.parametrize(("when", "drawn"), [("before", 0), ("after", 1)])
async def test_a_window_lost_at_a_run_comes_back_empty_as_a_new_generation(when: str, drawn: int) -> None:
    states: list[str] = []
    stage = FakeStage(on_change=lambda state: states.append(state.state))
    first = await stage.ensure()
    stage.lose_at_run = "before" if when == "before" else "after"
    with pytest.raises(WindowLost):
        await stage.run(BATCH)
    assert len(stage.batches) == drawn
    assert await stage.ensure() == first + 1
    await stage.run(BATCH)
    assert states == ["ready", "lost", "ready"]


async def test_a_hang_lasts_until_it_is_cancelled_and_happens_once() -> None:
    stage = FakeStage()
    await stage.ensure()
    stage.hang_at_run = True
    with anyio.move_on_after(0.01) as scope:
        await stage.run(BATCH)
    assert scope.cancelled_caught
    assert stage.batches == []
    await stage.run(BATCH)


async def test_an_unavailable_window_gives_its_reason() -> None:
    stage = FakeStage()
    stage.unavailable = "there is no ds9"
    with pytest.raises(WindowUnavailable, match="no ds9"):
        await stage.ensure()
    assert stage.state.state == "failed"


async def test_a_window_kept_at_close_is_found_by_its_token() -> None:
    stage = FakeStage()
    await stage.ensure()
    await stage.run(BATCH)
    await stage.close(keep_window=True)
    assert await stage.adopt() == ("e", 1)
