"""A window as the stage's port promises it, and any changes of its scene: for the laws of planner and committer."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import msgspec
from hypothesis import strategies as st

from mtvd.scene import actions as ac
from mtvd.scene import changes as ch

FRAMES: st.SearchStrategy[int | str] = st.sampled_from([0, 1, "guider"])
OVERLAYS = st.sampled_from(["markers", "stars"])


class Window:
    """A window that does what the actions say, frame by frame."""

    def __init__(self) -> None:
        self.frames: dict[int, dict[str, Any]] = {}
        self.front: int | None = None
        self.arrangement: tuple[Any, ...] = (False, "none", False, False, None, 0, (), 0.0, "none")

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
            "flip": "none",
            "colormap": None,
            "user": "",
            "annotation": ((), "", ""),
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
            drawn = (action.markers.key, action.markers.x)
            self.frames[action.frame]["markers"].setdefault(action.overlay, []).append(drawn)

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

    def do_annotate(self, action: ac.Annotate) -> None:
        self.frames[action.frame]["annotation"] = (action.names, action.caption, action.unit)

    def do_setscale(self, action: ac.SetScale) -> None:
        self.frames[action.frame]["scale"] = (action.stretch, action.mode, action.low, action.high)

    def do_setcolormap(self, action: ac.SetColormap) -> None:
        self.frames[action.frame]["colormap"] = (action.name, action.invert)

    def do_setzoom(self, action: ac.SetZoom) -> None:
        self.frames[action.frame].update(zoom=action.factor, pan=None)

    def do_fitagain(self, action: ac.FitAgain) -> None:
        assert (self.frames[action.frame]["zoom"], self.frames[action.frame]["pan"]) == (None, None), "it was fitted"

    def do_setpan(self, action: ac.SetPan) -> None:
        self.frames[action.frame]["pan"] = (action.x, action.y)

    def do_setrotation(self, action: ac.SetRotation) -> None:
        self.frames[action.frame]["turn"] = action.angle_deg

    def do_setflip(self, action: ac.SetFlip) -> None:
        self.frames[action.frame]["flip"] = action.axes

    def do_arrange(self, action: ac.Arrange) -> None:
        size = self.arrangement[4] if action.size is None else action.size
        locks = (action.lock_frame, action.lock_scale, action.lock_colormap)
        assert set(action.frames) <= self.frames.keys()
        chosen = action.frames if action.chosen else ()
        assert not chosen or self.front in chosen, "the one in front is among them"
        self.arrangement = (action.tile, *locks, size, action.columns, chosen, action.blink_secs, action.lock_crosshair)

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
        file=f"mtv-1-{serial:016x}.fits",
        shape_yx=(4, width),
        dtype=">f4",
        header_bytes=2880,
        xy0=(0, 0),
        label=["", "M 31"][serial % 2],
        unit="nJy",
    )
    mask = ac.MaskLayer(
        file=f"mask-1-{serial:016x}.raw",
        shape_yx=(4, width),
        dtype="<i4",
        offset=0,
        xy0=(0, 0),
        planes=(("SAT", 1), ("DETECTED", 5)),
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
            ch.Annotate(display=display, label=bool(serial % 2), limits=draw(st.none() | st.booleans())),
            ch.SetMaskTransparency(display=display, percent=100, plane="SAT"),
            ch.SetColormap(display=display, name="heat", invert=True, key=f"k{serial}"),
            ch.BringToFront(display=display, key=f"k{serial}"),
            ch.SetUserRegions(display=display, text=f"physical\ncircle({serial},1,1)", count=1),
            ch.SetUserRegions(display=display, text="", count=0),
            ch.AdoptDisplay(display=display),
            ch.SetRotation(display=display, angle_deg=float(serial % 4), key=f"k{serial}"),
            ch.SetFlip(display=display, axes=draw(st.sampled_from(["none", "x", "y", "xy"])), key=f"k{serial}"),
            ch.Arrange(
                tile=draw(st.none() | st.booleans()),
                lock_frame=draw(st.sampled_from([None, "none", "image"])),
                lock_scale=draw(st.none() | st.booleans()),
                lock_colormap=draw(st.none() | st.booleans()),
                size=draw(st.sampled_from([None, (300, 200), (600, 400)])),
                columns=draw(st.sampled_from([None, 0, 1, 3])),
                displays=draw(st.sampled_from([None, None, (), (display,), ("guider", 1)])),
                lock_crosshair=draw(st.sampled_from([None, "none", "wcs"])),
                blink_secs=draw(st.sampled_from([None, None, 0.0, 0.5])),
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
