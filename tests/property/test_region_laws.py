"""Laws of region text: a marker is drawn alike whether it comes alone or with others."""

from __future__ import annotations

import struct

from hypothesis import example, given
from hypothesis import strategies as st

from mtvd.scene.actions import Markers
from mtvd.stage.paint.regions import region_text

NUMBERS = st.one_of(st.floats(-1e5, 1e5), st.floats(), st.integers(-5000, 5000).map(lambda n: n + 0.0005))


def markers(count: int, x: float, y: float, size: float, symbol: str) -> Markers:
    return Markers(
        key="k",
        count=count,
        x=struct.pack("<d", x) * count,
        y=struct.pack("<d", y) * count,
        size=struct.pack("<d", size),
        symbols=(symbol,),
        colours=("#00ff00",),
        system="pixel",
        lines=False,
    )


@example(-1.00001, -1.00001, 2.0, "o")
@given(NUMBERS, NUMBERS, st.one_of(st.floats(0.1, 1000), NUMBERS), st.sampled_from(["+", "x", "*", "o", "word"]))
def test_a_marker_alone_is_written_as_each_of_two_is(x: float, y: float, size: float, symbol: str) -> None:
    alone = region_text(markers(1, x, y, size, symbol), "mine")
    both = region_text(markers(2, x, y, size, symbol), "mine")
    lines = both.text.splitlines()
    assert alone.text.splitlines() == (lines[:-1] if both.drawn else lines)
    assert (2 * alone.drawn, 2 * alone.skipped) == (both.drawn, both.skipped)
