"""The soak tells what grows and which frames are not accounted for."""

from __future__ import annotations

import numpy as np
import pytest
from soak.__main__ import unaccounted
from soak.producer import KINDS, frames
from soak.usage import GROWTH_BYTES, Usage, grown, growth


def usages(memory: list[int], pixel_bytes: int = 0, pixel_files: int = 0) -> list[Usage]:
    return [Usage(memory={"daemon": size}, pixel_bytes=pixel_bytes, pixel_files=pixel_files) for size in memory]


def test_growth_leaves_the_first_third_out() -> None:
    assert growth([0, 50, 100, 100, 100, 100, 103, 103, 103]) == 3


def test_too_few_samples_are_no_measurement() -> None:
    with pytest.raises(ValueError, match="2 samples"):
        growth([1, 2])


def test_memory_that_stays_is_well_and_memory_that_grows_is_told() -> None:
    flat = [100 << 20] * 6
    assert grown(usages(flat), 1, 1) == []
    (words,) = grown(usages([*flat[:4], *[(100 << 20) + GROWTH_BYTES + 1] * 2]), 1, 1)
    assert "daemon has 12.6 MB more" in words


def test_pixels_that_grow_are_told_below_the_most_that_may_be_there_too() -> None:
    samples = [Usage({"lane": 0}, pixel_bytes=size, pixel_files=1) for size in range(0, 6 * 40_000_000, 40_000_000)]
    (words,) = grown(samples, 1_000_000_000, 4)
    assert "80.0 MB more of pixels" in words


def test_too_many_pixel_files_and_too_large_ones_are_told() -> None:
    words = grown(usages([0] * 3, pixel_bytes=2_000_000, pixel_files=5), 1_000_000, 4)
    assert words == ["5 pixel files, at most 4 are needed", "2 MB of pixels, at most 1 are needed"]


@pytest.mark.parametrize(
    ("shown", "dropped", "errors", "count"), [(7, 3, [], 0), (7, 2, [], 1), (0, 10, [], 1), (7, 3, ["lost"], 1)]
)
def test_frames_that_are_not_accounted_for_are_told(shown: int, dropped: int, errors: list[str], count: int) -> None:
    told = {"published": 10, "shown": shown, "dropped": dropped, "errors": errors}
    assert len(unaccounted("large", told)) == count


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_publishes_something_that_changes(kind: str) -> None:
    made = frames(kind)
    first, *_, last = (next(made) for _ in range(45))
    assert first["frame"].ndim == 2
    assert any(not np.array_equal(first[name], last[name]) for name in first if name != "planes")
