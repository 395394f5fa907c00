"""What the window says of the user's hand is read or left out: never an error, never a setting too many."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtvd.scene import actions as ac
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import model
from mtvd.stage.paint.regions import drawn_rows, region_text, tag_of
from mtvd.stage.port import Difference
from mtvd.stage.talk.hand import changes_of

WHAT = (
    *(
        "made",
        "deleted",
        "front",
        "zoom",
        "rotation",
        "pan",
        "stretch",
        "limits",
        "colormap",
        "transparency",
        "user",
        "gone",
    ),
    "something new",
)
SYMBOLS = st.sampled_from(["o", "+", "x", "*", "@:4,1,4", "a text"])


def floats(values: list[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


@st.composite
def markers(draw: st.DrawFn, *, lines: bool | None = None) -> ac.Markers:
    count = draw(st.integers(1, 8))
    bad = draw(st.sets(st.integers(0, count - 1)))
    return ac.Markers(
        key=f"k{draw(st.integers(0, 10**9))}",
        count=count,
        x=floats([float("nan") if row in bad else 100.0 * row for row in range(count)]),
        y=floats([1.0] * count),
        size=floats([draw(st.sampled_from([2.0, 3.0, 20.0])) for _ in range(count)]),
        symbols=tuple(draw(SYMBOLS) for _ in range(count)),
        colours=tuple(draw(st.sampled_from(["#ffffff", "#00ff00"])) for _ in range(count)),
        system="pixel",
        lines=draw(st.booleans()) if lines is None else lines,
    )


LAYER = ac.ImageLayer(file="i", shape_yx=(4, 4), dtype=">f4", header_bytes=2880, xy0=(100, 50), label="", unit="")


def scene_of(*batches: ac.Markers) -> model.Scene:
    changes: list[ch.AnyChange] = [ch.ShowImage(display=0, image=LAYER, mask=None, to_front=False)]
    changes += [ch.AddMarkers(display=0, overlay="o", markers=batch, replace=False, lasting=False) for batch in batches]
    return sc.apply(model.EMPTY, changes)[0]


def after(scene: model.Scene, *differences: tuple[int, str, str]) -> model.Scene:
    made = [Difference(frame=frame, what=what, value=value) for frame, what, value in differences]
    return sc.apply(scene, changes_of(scene, made, "hand"))[0]


VALUES = st.text(max_size=20) | st.lists(st.floats(), max_size=3).map(lambda found: " ".join(map(str, found)))
DIFFERENCES = st.lists(
    st.builds(Difference, frame=st.integers(-2, 3) | st.integers(), what=st.sampled_from(WHAT), value=VALUES)
)


@given(DIFFERENCES, markers())
def test_whatever_the_window_says_can_be_applied_and_journalled(
    differences: list[Difference], batch: ac.Markers
) -> None:
    changes = changes_of(scene_of(batch), differences, "hand")
    sc.apply(scene_of(batch), changes)
    packed = msgspec.msgpack.encode(changes)
    assert msgspec.msgpack.decode(packed, type=tuple[ch.AnyChange, ...]) == changes


@given(markers())
def test_nothing_that_differs_is_no_change(batch: ac.Markers) -> None:
    assert changes_of(scene_of(batch), [], "hand") == ()


@pytest.mark.parametrize(
    ("what", "value", "field", "expected"),
    [
        ("zoom", "3.5 3.5", "zoom", model.Zoom(factor=3.5, key="hand")),
        ("rotation", "30", "rotation", model.Rotation(angle_deg=30.0, key="hand")),
        ("flip", "xy", "flip", model.Flip(axes="xy", key="hand")),
        ("pan", "41 31", "pan", model.Pan(x=140.0, y=80.0, key="hand")),
        ("stretch", "histequ", "scale", model.Scale(stretch="histogram", key="hand")),
        ("limits", "user -1 5.5", "scale", model.Scale(limits=(-1.0, 5.5), key="hand")),
        ("limits", "99.5", "scale", model.Scale(mode="99.5", key="hand")),
        ("colormap", "1 heat", "colormap", model.Colormap(name="heat", invert=True, key="hand")),
        ("transparency", "25", "transparency_percent", 25.0),
    ],
)
def test_each_property_changes_itself_and_no_other(what: str, value: str, field: str, expected: Any) -> None:
    before = scene_of().displays[0]
    changed = after(scene_of(), (0, what, value)).displays[0]
    assert changed == msgspec.structs.replace(before, **{field: expected})


def test_limits_that_became_automatic_are_fixed_no_more() -> None:
    fixed = after(scene_of(), (0, "limits", "user 1 2"))
    assert after(fixed, (0, "limits", "zscale")).displays[0].scale == model.Scale(mode="zscale", key="hand")


def test_frames_come_and_go_and_another_is_in_front() -> None:
    scene = after(scene_of(), (0, "deleted", ""), (3, "made", ""), (3, "front", ""), (7, "zoom", "2 2"))
    assert set(scene.displays) == {3}
    assert scene.front == 3
    assert scene.displays[3] == model.new_display(3)


def test_regions_drawn_by_hand_are_kept_as_the_window_lists_them() -> None:
    text = "# Region file format: DS9\nglobal color=green\nphysical\ncircle(1,2,3)\n# text(4,5) text={a}"
    scene = after(scene_of(), (0, "user", text))
    assert scene.displays[0].user == model.UserRegions(text=text, count=2)
    assert changes_of(scene, [Difference(frame=0, what="user", value=text)], "hand") == ()
    assert after(scene, (0, "user", "# Region file format: DS9\nglobal color=green\nphysical")).displays[0].user is None


@given(markers(lines=False))
def test_rows_come_in_the_order_in_which_their_regions_are_written(batch: ac.Markers) -> None:
    text = region_text(batch, "o").text
    lines = [line for line in text.split("\n") if "(" in line]
    rows = drawn_rows(batch)
    assert len(lines) == len(rows)
    for line, (row,) in zip(lines, rows, strict=True):
        numbers = [float(number) for number in line.split("(")[1].split(")")[0].split(",")[:2]]
        assert abs(numbers[0] - (100.0 * row + 1)) <= 20.1


def test_texts_are_written_by_the_size_of_their_font() -> None:
    texts = ac.Markers(
        key="k",
        count=3,
        x=floats([0, 1, 2]),
        y=floats([0, 0, 0]),
        size=floats([20, 2, 3]),
        symbols=("a text",),
        colours=("#ffffff",),
        system="pixel",
        lines=False,
    )
    assert drawn_rows(texts) == [(2,), (1,), (0,)]


@given(st.lists(markers(), min_size=1, max_size=3, unique_by=lambda batch: batch.key), st.data())
def test_regions_that_the_user_deletes_take_their_rows_along_and_no_others(
    batches: list[ac.Markers], data: st.DataObject
) -> None:
    scene = scene_of(*batches)
    regions = [(batch.key, rows) for batch in batches for rows in drawn_rows(batch)]
    chosen = data.draw(st.sets(st.integers(0, len(regions) - 1)) if regions else st.just(set()))
    value = f"{tag_of('o')} {' '.join(map(str, sorted(chosen)))};mtv.stranger 0"
    display = after(scene, (0, "gone", value)).displays[0]
    gone = {(key, row) for index, (key, rows) in enumerate(regions) if index in chosen for row in rows}
    for batch in batches:
        left = [kept for overlay in display.overlays for kept in overlay.batches if kept.key == batch.key]
        rows = [row for row in range(batch.count) if (batch.key, row) not in gone]
        assert sum(kept.count for kept in left) == len(rows)
        if left:
            assert left[0].symbols == tuple(batch.symbols[row] for row in rows)
            assert left[0].x == b"".join(batch.x[8 * row : 8 * row + 8] for row in rows)


def test_deletions_one_after_the_other_count_what_was_left_by_the_one_before() -> None:
    batch = ac.Markers(
        key="k",
        count=4,
        x=floats([0, 1, 2, 3]),
        y=floats([0, 0, 0, 0]),
        size=floats([2]),
        symbols=("o",),
        colours=("#ffffff",),
        system="pixel",
        lines=False,
    )
    display = after(scene_of(batch), (0, "gone", f"{tag_of('o')} 1;{tag_of('o')} 1")).displays[0]
    assert struct.unpack("<2d", display.overlays[0].batches[0].x) == (0.0, 3.0)
