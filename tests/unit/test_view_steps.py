"""What the daemon takes of the steps that change a view."""

from __future__ import annotations

import pytest

from mtv.wire import steps
from mtv.wire.errors import RequestError
from mtvd.resolving.view_steps import VIEW_STEPS
from mtvd.scene import changes as ch


def arranged(*size: int) -> ch.AnyChange:
    return VIEW_STEPS[steps.Arrange](steps.Arrange(size=size), "k")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(100, 100), (8192, 8192), (600, 400)])
def test_a_size_from_100_to_8192_pixels_a_side_is_taken_and_changes_nothing_else(size: tuple[int, int]) -> None:
    nothing = {"tile": None, "lock_frame": None, "lock_scale": None, "lock_colormap": None}
    assert arranged(*size) == ch.Arrange(**nothing, size=size, key="k")  # type: ignore[arg-type]


@pytest.mark.parametrize("columns", [-1, 101])
def test_columns_of_no_sense_are_refused_by_their_name(columns: int) -> None:
    with pytest.raises(RequestError, match="columns") as refused:
        VIEW_STEPS[steps.Arrange](steps.Arrange(columns=columns), "k")
    assert refused.value.error.where == "columns"


@pytest.mark.parametrize("size", [(99, 400), (400, 99), (8193, 400), (400, 8193), (-600, 400)])
def test_any_other_size_is_refused_with_the_limits(size: tuple[int, int]) -> None:
    with pytest.raises(RequestError, match="size") as refused:
        arranged(*size)
    assert "from 100 to 8192 pixels a side" in str(refused.value)
