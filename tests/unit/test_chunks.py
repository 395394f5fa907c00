"""Large transactions in parts: every marker once, in order; lines are not broken."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtvd.scene import actions as ac
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import chunks, model


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


def overlay(markers: ac.Markers) -> ch.AddMarkers:
    return ch.AddMarkers(display=0, overlay="o", markers=markers, replace=True, lasting=True)


def rows(change: ch.AnyChange) -> list[float]:
    assert isinstance(change, ch.AddMarkers)
    return list(struct.unpack(f"<{change.markers.count}d", change.markers.x))


@given(
    counts=st.lists(st.integers(1, 20_000), min_size=1, max_size=5),
    own=st.booleans(),
)
def test_every_marker_is_drawn_once_and_in_order_and_no_part_is_too_long(counts: list[int], own: bool) -> None:
    changes = [overlay(markers(count, own=own)) for count in counts]
    parts = list(chunks.parts([ch.SetPan(display=0, x=0.0, y=0.0, key="k"), *changes], range(len(counts) + 1)))
    assert isinstance(parts[0].changes[0], ch.SetPan)
    drawn = [change for part in parts for change in part.changes if isinstance(change, ch.AddMarkers)]
    assert [row for change in drawn for row in rows(change)] == [row for count in counts for row in range(count)]
    for part in parts:
        assert part.changes
        assert len(part.places) == len(part.changes)
        assert (
            sum(change.markers.count for change in part.changes if isinstance(change, ch.AddMarkers)) <= chunks.MARKERS
        )
    for change in drawn:
        assert change.replace == (rows(change)[0] == 0), "the first piece takes the place of what was there"
        assert change.lasting
        if own:
            assert [float(symbol) for symbol in change.markers.symbols] == rows(change)
            assert change.markers.size == change.markers.x
            assert len(change.markers.colours) == change.markers.count


@given(count=st.integers(1, 30_000), lines=st.booleans())
def test_the_parts_of_a_transaction_lead_to_the_scene_that_it_leads_to_whole(count: int, lines: bool) -> None:
    changes: list[ch.AnyChange] = [overlay(markers(count, lines=lines)), ch.SetZoom(display=0, factor=2.0, key="z")]
    whole, _ = sc.apply(model.EMPTY, changes)
    scene = model.EMPTY
    for part in chunks.parts(changes, (0, 1)):
        scene, _ = sc.apply(scene, *part)
    assert scene == whole
    assert scene.displays[0].overlays[0].count == count, "a point that two pieces of a line have is one point"


@pytest.mark.parametrize("count", [4_999, 5_000, 5_001, 9_999, 10_000, 12_000])
def test_a_line_goes_on_from_the_last_point_of_the_part_before(count: int) -> None:
    drawn = [rows(piece) for part in chunks.parts([overlay(markers(count, lines=True))], [0]) for piece in part.changes]
    pairs = [pair for points in drawn for pair in itertools.pairwise(points)]
    assert pairs == [(row, row + 1) for row in range(count - 1)]
    assert all(len(points) > 1 for points in drawn)
