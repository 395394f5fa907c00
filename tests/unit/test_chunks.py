"""Large transactions in parts: every marker once, in order; lines are not broken."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtvd import actions as ac
from mtvd import chunks


def markers(count: int, *, lines: bool = False, own: bool = True) -> ac.Markers:
    column = struct.pack(f"<{count}d", *range(count))
    return ac.Markers(
        key="k",
        count=count,
        x=column,
        y=column,
        size=column if own else struct.pack("<d", 1.0),
        symbols=tuple(map(str, range(count))) if own else ("+",),
        colours=tuple(f"#{number:06x}" for number in range(count)) if own else ("#00ff00",),
        system="pixel",
        lines=lines,
    )


def rows(action: ac.AnyAction) -> list[float]:
    assert isinstance(action, ac.AddMarkers)
    return list(struct.unpack(f"<{action.markers.count}d", action.markers.x))


@given(
    counts=st.lists(st.integers(1, 20_000), min_size=1, max_size=5),
    own=st.booleans(),
)
def test_every_marker_is_drawn_once_and_in_order_and_no_part_is_too_long(counts: list[int], own: bool) -> None:
    actions = [ac.AddMarkers(frame=0, overlay="o", markers=markers(count, own=own)) for count in counts]
    parts = list(chunks.parts([ac.SetPan(frame=0, x=0.0, y=0.0), *actions]))
    assert isinstance(parts[0][0], ac.SetPan)
    drawn = [action for part in parts for action in part if isinstance(action, ac.AddMarkers)]
    assert [row for action in drawn for row in rows(action)] == [row for count in counts for row in range(count)]
    for part in parts:
        assert part
        assert sum(action.markers.count for action in part if isinstance(action, ac.AddMarkers)) <= chunks.MARKERS
    for action in drawn:
        if own:
            assert [float(symbol) for symbol in action.markers.symbols] == rows(action)
            assert action.markers.size == action.markers.x
            assert len(action.markers.colours) == action.markers.count


@pytest.mark.parametrize("count", [4_999, 5_000, 5_001, 9_999, 10_000, 12_000])
def test_a_line_goes_on_from_the_last_point_of_the_part_before(count: int) -> None:
    action = ac.AddMarkers(frame=0, overlay="o", markers=markers(count, lines=True))
    drawn = [rows(piece) for part in chunks.parts([action]) for piece in part]
    pairs = [pair for points in drawn for pair in itertools.pairwise(points)]
    assert pairs == [(row, row + 1) for row in range(count - 1)]
    assert all(len(points) > 1 for points in drawn)
