"""Laws of the planner, on any sequence of transactions.

The window is modelled by what the port's docstrings promise of each action; a picture is what such a window shows.
"""

from __future__ import annotations

import itertools
import struct
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mtv.wire.errors import RequestError
from mtvd import actions as ac
from mtvd import changes as ch
from mtvd import planner
from mtvd import scene as sc
from mtvd.previews import preview_of, put_back

FRAMES: st.SearchStrategy[int | str] = st.sampled_from([0, 1, "guider"])
OVERLAYS = st.sampled_from(["markers", "stars"])


class Window:
    """A window that does what the actions say, frame by frame."""

    def __init__(self) -> None:
        self.frames: dict[int, dict[str, Any]] = {}
        self.front: int | None = None
        self.arrangement: tuple[Any, ...] = (False, "none", False, False, None)

    def run(self, actions: tuple[ac.AnyAction, ...]) -> None:
        for action in actions:
            getattr(self, f"do_{type(action).__name__.lower()}")(action)

    def blank(self) -> dict[str, Any]:
        return {
            "image": None,
            "mask": None,
            "markers": {},
            "scale": None,
            "zoom": None,
            "pan": None,
            "turn": 0.0,
            "colormap": None,
            "user": "",
        }

    def do_createframe(self, action: ac.CreateFrame) -> None:
        self.frames.setdefault(action.frame, self.blank())
        self.front = action.frame if self.front is None else self.front

    def do_resetframe(self, action: ac.ResetFrame) -> None:
        self.frames[action.frame] = self.blank()

    def do_deleteframe(self, action: ac.DeleteFrame) -> None:
        del self.frames[action.frame]
        if self.front == action.frame:
            self.front = min(self.frames, default=None)

    def do_loadimage(self, action: ac.LoadImage) -> None:
        self.frames[action.frame].update(image=action.image, mask=None)

    def do_loadmask(self, action: ac.LoadMask) -> None:
        assert self.frames[action.frame]["image"] is not None, "a mask needs an image"
        self.frames[action.frame]["mask"] = (action.mask, action.colours)
        self.frames[action.frame]["transparency"] = action.transparency_percent

    def do_setmasktransparency(self, action: ac.SetMaskTransparency) -> None:
        self.frames[action.frame]["transparency"] = action.percent

    def do_addmarkers(self, action: ac.AddMarkers) -> None:
        if self.frames[action.frame]["image"] is not None:
            self.frames[action.frame]["markers"].setdefault(action.overlay, []).append(action.markers.key)

    def do_deletemarkers(self, action: ac.DeleteMarkers) -> None:
        markers = self.frames[action.frame]["markers"]
        if action.overlay is None:
            markers.clear()
            self.frames[action.frame]["user"] = ""
        else:
            markers.pop(action.overlay, None)

    def do_drawuserregions(self, action: ac.DrawUserRegions) -> None:
        if self.frames[action.frame]["image"] is not None:
            self.frames[action.frame]["user"] = action.text

    def do_setscale(self, action: ac.SetScale) -> None:
        self.frames[action.frame]["scale"] = (action.stretch, action.mode, action.low, action.high)

    def do_setcolormap(self, action: ac.SetColormap) -> None:
        self.frames[action.frame]["colormap"] = (action.name, action.invert)

    def do_setzoom(self, action: ac.SetZoom) -> None:
        self.frames[action.frame].update(zoom=action.factor, pan=None)

    def do_setpan(self, action: ac.SetPan) -> None:
        self.frames[action.frame]["pan"] = (action.x, action.y)

    def do_setrotation(self, action: ac.SetRotation) -> None:
        self.frames[action.frame]["turn"] = action.angle_deg

    def do_arrange(self, action: ac.Arrange) -> None:
        size = self.arrangement[4] if action.size is None else action.size
        self.arrangement = (action.tile, action.lock_frame, action.lock_scale, action.lock_colormap, size)

    def do_raiseframe(self, action: ac.RaiseFrame) -> None:
        assert action.frame in self.frames
        self.front = action.frame

    def picture(self) -> tuple[Any, ...]:
        frames = {}
        for number, frame in self.frames.items():
            shown = dict(frame)
            shown["scale"] = shown["scale"] or ("linear", "zscale", None, None)
            shown["colormap"] = shown["colormap"] or ("grey", False)
            shown["transparency"] = shown.get("transparency", 0.0) if shown["mask"] else None
            frames[number] = shown
        return frames, self.front, self.arrangement


def image(serial: int, width: int, planes: bool) -> ch.ShowImage:
    layer = ac.ImageLayer(
        file=f"i{serial}", shape_yx=(4, width), dtype=">f4", header_bytes=2880, xy0=(0, 0), label="", unit=""
    )
    mask = ac.MaskLayer(
        file=f"m{serial}", shape_yx=(4, width), dtype="<i4", offset=0, xy0=(0, 0), planes=(("SAT", 1), ("DETECTED", 5))
    )
    return ch.ShowImage(display=0, image=layer, mask=mask if planes else None, to_front=False)


def markers(serial: int) -> ac.Markers:
    one = struct.pack("<d", 1.0)
    return ac.Markers(
        key=f"k{serial}",
        count=1,
        x=one,
        y=one,
        size=one,
        symbols=("+",),
        colours=("#ffffff",),
        system="pixel",
        lines=False,
    )


@st.composite
def showing(draw: st.DrawFn) -> ch.ShowImage:
    made = image(draw(st.integers(0, 10**9)), draw(st.sampled_from([3, 5])), draw(st.booleans()))
    return msgspec.structs.replace(made, display=draw(FRAMES), to_front=draw(st.booleans()))


@st.composite
def change(draw: st.DrawFn) -> ch.AnyChange:
    serial = draw(st.integers(0, 10**9))
    display = draw(FRAMES)
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(showing())
    if kind in {1, 2}:
        return ch.AddMarkers(
            display=display,
            overlay=draw(OVERLAYS),
            markers=markers(serial),
            replace=draw(st.booleans()),
            lasting=draw(st.booleans()),
        )
    if kind == 3:
        return ch.EraseMarkers(display=display, overlay=draw(st.none() | OVERLAYS), key=f"k{serial}")
    if kind == 4:
        return ch.SetScale(
            display=display,
            stretch=draw(st.sampled_from(["log", "asinh"])),
            mode=None,
            low=0.0,
            high=1.0,
            key=f"k{serial}",
        )
    if kind == 5:
        return ch.SetZoom(display=display, factor=draw(st.sampled_from([None, 2.0])), key=f"k{serial}")
    if kind == 6:
        return ch.SetPan(display=display, x=1.0, y=float(serial % 7), key=f"k{serial}")
    if kind == 7:
        return ch.SetMaskColours(display=display, colours={"SAT": draw(st.sampled_from(["red", "ignore"]))})
    if kind == 8:
        others: list[ch.AnyChange] = [
            ch.SetMaskTransparency(display=display, percent=40, plane=None),
            ch.SetMaskTransparency(display=display, percent=100, plane="SAT"),
            ch.SetColormap(display=display, name="heat", invert=True, key=f"k{serial}"),
            ch.BringToFront(display=display, key=f"k{serial}"),
            ch.SetUserRegions(display=display, text=f"physical\ncircle({serial},1,1)", count=1),
            ch.SetUserRegions(display=display, text="", count=0),
            ch.AdoptDisplay(display=display),
            ch.SetRotation(display=display, angle_deg=float(serial % 4), key=f"k{serial}"),
            ch.Arrange(
                tile=draw(st.none() | st.booleans()),
                lock_frame=draw(st.sampled_from([None, "none", "image"])),
                lock_scale=draw(st.none() | st.booleans()),
                lock_colormap=draw(st.none() | st.booleans()),
                size=draw(st.sampled_from([None, (300, 200), (600, 400)])),
                key=f"k{serial}",
            ),
        ]
        return draw(st.sampled_from(others))
    return ch.DeleteDisplay(display=display)


def with_own_keys(transactions: list[list[ch.AnyChange]]) -> list[list[ch.AnyChange]]:
    """Give each batch of markers a key of its own, as the resolver does: the planner relies on it."""
    numbers = itertools.count()
    return [
        [
            msgspec.structs.replace(one, markers=markers(next(numbers))) if isinstance(one, ch.AddMarkers) else one
            for one in transaction
        ]
        for transaction in transactions
    ]


TRANSACTIONS = st.lists(st.lists(change(), min_size=1, max_size=4), max_size=8).map(with_own_keys)


def folded(transactions: list[list[ch.AnyChange]]) -> list[sc.Scene]:
    """Return the scenes after each transaction; refused ones change nothing."""
    scenes = [sc.EMPTY]
    for transaction in transactions:
        try:
            scenes.append(sc.apply(scenes[-1], transaction)[0])
        except RequestError:
            continue
    return scenes


def shown(scenes: list[sc.Scene]) -> tuple[Any, ...]:
    window = Window()
    for before, after in itertools.pairwise(scenes):
        window.run(planner.plan(before, after))
    return window.picture()


@given(TRANSACTIONS)
def test_the_plan_from_a_scene_to_itself_is_empty(transactions: list[list[ch.AnyChange]]) -> None:
    scene = folded(transactions)[-1]
    assert planner.plan(scene, scene) == ()


@given(TRANSACTIONS, st.integers(0, 8))
def test_any_grouping_ends_in_the_same_picture(transactions: list[list[ch.AnyChange]], cut: int) -> None:
    scenes = folded(transactions)
    one_by_one = shown(scenes)
    assert shown([scenes[0], scenes[min(cut, len(scenes) - 1)], scenes[-1]]) == one_by_one


@given(TRANSACTIONS)
def test_a_new_window_shows_what_the_old_one_showed(transactions: list[list[ch.AnyChange]]) -> None:
    scenes = folded(transactions)
    window = Window()
    for display in scenes[-1].displays.values():
        window.run(planner.plan_display(display))
    window.run(planner.plan_repair(set(), scenes[-1]))
    window.run(planner.plan_size(scenes[-1]))
    assert window.picture() == shown(scenes)


@given(TRANSACTIONS, st.sets(st.sampled_from([0, 1, 1001])))
def test_a_repair_puts_displays_back_whatever_they_held(transactions: list[list[ch.AnyChange]], hurt: set[int]) -> None:
    scenes = folded(transactions)
    window = Window()
    window.run(planner.plan(sc.EMPTY, scenes[-1]))
    whole = window.picture()
    for number in hurt & set(window.frames):
        window.frames[number].update(image="rubbish", markers={"rubbish": ["x"]}, zoom=9.0)
    window.run(planner.plan_repair(hurt & set(window.frames), scenes[-1]))
    assert window.picture() == whole


@given(TRANSACTIONS)
def test_erasing_twice_is_erasing_once(transactions: list[list[ch.AnyChange]]) -> None:
    scene = folded(transactions)[-1]
    erase = ch.EraseMarkers(display=0, overlay="markers", key="once")
    once, _ = sc.apply(scene, [erase])
    twice, _ = sc.apply(once, [erase])
    assert planner.plan(once, twice) == ()


def test_a_new_window_gets_what_the_user_drew_and_erase_takes_it_away() -> None:
    drawn = ch.SetUserRegions(display=0, text="physical\ncircle(1,1,1)", count=1)
    scene, _ = sc.apply(sc.EMPTY, [image(1, 3, planes=False), drawn])
    window = Window()
    window.run(planner.plan_display(scene.displays[0]))
    assert window.frames[0]["user"] == drawn.text
    for overlay in (None, "user"):
        erased, _ = sc.apply(scene, [ch.EraseMarkers(display=0, overlay=overlay, key="e")])
        assert erased.displays[0].user is None
        again = Window()
        again.run(planner.plan_display(scene.displays[0]))
        again.run(planner.plan(scene, erased))
        assert again.frames[0]["user"] == ""


def test_a_display_deleted_and_made_again_keeps_nothing_of_what_it_was() -> None:
    turned: list[ch.AnyChange] = [
        ch.SetRotation(display=1, angle_deg=1.0, key="k"),
        ch.SetColormap(display=1, name="heat", invert=True, key="k"),
    ]
    again: list[ch.AnyChange] = [
        ch.DeleteDisplay(display=1),
        msgspec.structs.replace(image(0, 3, planes=False), display=1),
    ]
    scenes = folded([turned, again])
    assert shown(scenes) == shown([sc.EMPTY, scenes[-1]])


def of_its_own(change: ch.ShowImage) -> ch.ShowImage:
    """Return the change with pixels that nothing else shows."""
    return msgspec.structs.replace(change, image=msgspec.structs.replace(change.image, file="new"))


@given(TRANSACTIONS, showing())
def test_an_image_taken_back_leaves_the_picture_as_it_was(
    transactions: list[list[ch.AnyChange]], wanted: ch.ShowImage
) -> None:
    scenes, wanted = folded(transactions), of_its_own(wanted)
    after, (number,) = sc.apply(scenes[-1], [wanted])
    assert number is not None
    preview = preview_of(scenes[-1], after, number)
    back = put_back(after, preview)
    assert back == scenes[-1]
    assert shown([*scenes, after, back]) == shown(scenes)
    assert put_back(back, preview) is back


@given(TRANSACTIONS, showing())
def test_an_image_and_then_its_mask_are_what_both_at_once_are(
    transactions: list[list[ch.AnyChange]], wanted: ch.ShowImage
) -> None:
    scenes, wanted = folded(transactions), of_its_own(wanted)
    first, _ = sc.apply(scenes[-1], [msgspec.structs.replace(wanted, mask=None)])
    both, _ = sc.apply(first, [msgspec.structs.replace(wanted, completes=True)])
    assert both == sc.apply(scenes[-1], [wanted])[0]
    assert {type(action) for action in planner.plan(first, both)} <= {ac.LoadMask}
    assert shown([*scenes, first, both]) == shown([*scenes, both])
