"""What a strict transaction may name: displays, overlays and mask planes that are there."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from mtv.wire.errors import RequestError
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import model
from mtvd.scene.actions import ImageLayer, Markers, MaskLayer
from mtvd.scene.strictness import check, unknown_planes_note

PLANES = (("BAD", 0), ("SAT", 1), ("DETECTED", 5), ("DETECTED_NEGATIVE", 6))


def image(file: str = "a.fits") -> ImageLayer:
    return ImageLayer(
        file=file, shape_yx=(20, 10), dtype=">f4", header_bytes=2880, xy0=(0, 0), label="a label", unit="adu"
    )


def mask(planes: tuple[tuple[str, int], ...] = PLANES) -> MaskLayer:
    return MaskLayer(file="m.raw", shape_yx=(20, 10), dtype="<i4", offset=0, xy0=(0, 0), planes=planes)


_MASK = mask()


def show(display: int | str = 0, *, image: ImageLayer = image(), mask: MaskLayer | None = _MASK) -> ch.ShowImage:  # noqa: B008
    return ch.ShowImage(display=display, image=image, mask=mask, to_front=True)


def dots(overlay: str, display: int | str = 0) -> ch.AddMarkers:
    column = struct.pack("<d", 1)
    markers = Markers(
        key="k", count=1, x=column, y=column, size=column, symbols=("+",), colours=("#00ff00",), system="pixel",
        lines=False,
    )  # fmt: skip
    return ch.AddMarkers(display=display, overlay=overlay, markers=markers, replace=False, lasting=False)


SHOWN, _ = sc.apply(model.EMPTY, [show(), dots("stars"), show("mine", mask=None)])


def scale(display: int | str) -> ch.SetScale:
    return ch.SetScale(display=display, stretch="log", mode=None, low=None, high=None, key="k")


def erase(overlay: str | None, display: int | str = 0) -> ch.EraseMarkers:
    return ch.EraseMarkers(display=display, overlay=overlay, key="k")


def recolour(plane: str, display: int | str = 0) -> ch.SetMaskColours:
    return ch.SetMaskColours(display=display, colours={plane: "red"})


def transparent(plane: str | None, display: int | str = 0) -> ch.SetMaskTransparency:
    return ch.SetMaskTransparency(display=display, percent=100, plane=plane)


@pytest.mark.parametrize(
    ("change", "code", "where", "message", "hint"),
    [
        (scale("nosuch"), "unknown_display", "display", "no display 'nosuch'", "there are displays 0, mine"),
        (scale("mime"), "unknown_display", "display", "no display 'mime'", "did you mean 'mine'?"),
        (ch.SetPan(display=77, x=1, y=2, key="k"), "unknown_display", "display", "no display 77", "displays 0, mine"),
        (ch.SetZoom(display=77, factor=1, key="k"), "unknown_display", "display", "no display 77", ""),
        (ch.SetRotation(display=77, angle_deg=1, key="k"), "unknown_display", "display", "no display 77", ""),
        (ch.SetColormap(display=77, name="heat", invert=False, key="k"), "unknown_display", "display", "", ""),
        (ch.BringToFront(display=77, key="k"), "unknown_display", "display", "no display 77", ""),
        (ch.DeleteDisplay(display="mime"), "unknown_display", "display", "no display 'mime'", "did you mean 'mine'?"),
        (erase(None, 77), "unknown_display", "display", "no display 77", ""),
        (erase("nosuch"), "unknown_overlay", "name", "no overlay 'nosuch' on display 0", "there is 'stars'"),
        (erase("star"), "unknown_overlay", "name", "no overlay 'star'", "did you mean 'stars'?"),
        (erase("stars", "mine"), "unknown_overlay", "name", "on display 'mine'", "it has no markers"),
        (erase("user"), "unknown_overlay", "name", "no overlay 'user'", ""),
        (recolour("DETECTD"), "unknown_plane", "colours.DETECTD", "no mask plane 'DETECTD'", "did you mean 'DETECTED'"),
        (recolour("DETECTED", "mine"), "unknown_plane", "colours.DETECTED", "'mine'", "it shows no mask"),
        (recolour("DETECTED", 77), "unknown_display", "display", "no display 77", ""),
        (transparent("DETECTD"), "unknown_plane", "plane", "no mask plane 'DETECTD'", "did you mean 'DETECTED'"),
        (transparent(None, 77), "unknown_display", "display", "no display 77", ""),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_with_its_place_and_a_near_name(
    change: ch.AnyChange, code: str, where: str, message: str, hint: str
) -> None:
    with pytest.raises(RequestError) as refused:
        check(SHOWN, [change], (4,))
    error = refused.value.error
    assert (error.code, error.where) == (code, f"steps[4].{where}")
    assert message in error.message
    assert hint in error.hint


def test_where_nothing_is_shown_the_hint_tells_how_something_is() -> None:
    with pytest.raises(RequestError, match=r"no display 0.*there is none yet"):
        check(model.EMPTY, [scale(0)])


@pytest.mark.parametrize(
    "changes",
    [
        [scale(0), scale("mine"), scale(1001)],
        [erase("stars")],
        [erase(None)],
        [erase(None, "mine")],
        [recolour("DETECTED"), transparent("SAT"), transparent(None, "mine")],
        [show("new"), scale("new"), recolour("BAD", "new"), ch.BringToFront(display="new", key="k")],
        [scale("new"), recolour("BAD", "new"), show("new")],
        [erase("fresh"), dots("fresh")],
        [ch.Arrange(tile=True, lock_frame=None, lock_scale=None, lock_colormap=None, key="k")],
        [dots("markers", "elsewhere"), erase("markers", "elsewhere")],
    ],
)  # fmt: skip
def test_what_is_there_or_is_made_by_the_same_transaction_is_accepted(changes: list[Any]) -> None:
    check(SHOWN, changes)


def test_what_the_transaction_itself_has_removed_is_not_there() -> None:
    with pytest.raises(RequestError, match=r"steps\[1\].display: no display 'mine'"):
        check(SHOWN, [ch.DeleteDisplay(display="mine"), scale("mine")])
    with pytest.raises(RequestError, match=r"steps\[1\].name: no overlay 'stars'"):
        check(SHOWN, [show(image=image("other.fits"), mask=mask((("BAD", 0),))), erase("stars")])


def test_regions_drawn_by_hand_are_an_overlay() -> None:
    drawn, _ = sc.apply(SHOWN, [ch.SetUserRegions(display=0, text="circle 1 2 3", count=1)])
    check(drawn, [erase("user")])


def test_planes_that_the_shown_mask_lacks_are_noted_where_they_are_not_refused() -> None:
    with_mask, without = SHOWN.displays[0], SHOWN.displays[1001]
    assert unknown_planes_note(with_mask, recolour("DETECTD")) == "no plane DETECTD; did you mean 'DETECTED'?"
    assert unknown_planes_note(with_mask, recolour("MINE")) == "no plane MINE"
    assert unknown_planes_note(with_mask, recolour("SAT")) == ""
    assert unknown_planes_note(without, recolour("DETECTD")) == ""
