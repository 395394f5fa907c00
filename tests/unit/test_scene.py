"""The scene: what each change does, and what it keeps."""

from __future__ import annotations

import struct

import pytest

from mtv.wire.errors import RequestError
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import model
from mtvd.scene.actions import ImageLayer, Markers, MaskLayer

PLANES = (("BAD", 0), ("SAT", 1), ("DETECTED", 5), ("DETECTED_NEGATIVE", 6))


def image(file: str = "a.fits", shape_yx: tuple[int, int] = (20, 10), xy0: tuple[int, int] = (0, 0)) -> ImageLayer:
    return ImageLayer(
        file=file, shape_yx=shape_yx, dtype=">f4", header_bytes=2880, xy0=xy0, label="a label", unit="adu"
    )


def mask(planes: tuple[tuple[str, int], ...] = PLANES) -> MaskLayer:
    return MaskLayer(file="m.raw", shape_yx=(20, 10), dtype="<i4", offset=0, xy0=(0, 0), planes=planes)


def show(display: int | str = 0, *, to_front: bool = True, **layers: object) -> ch.ShowImage:
    return ch.ShowImage(
        display=display,
        image=layers.get("image", image()),  # type: ignore[arg-type]
        mask=layers.get("mask", mask()),  # type: ignore[arg-type]
        to_front=to_front,
    )


def frame(movie: str = "m", display: int | str = 0, *, begins: bool = False) -> ch.ShowImage:
    return ch.ShowImage(display=display, image=image(), mask=None, to_front=False, movie=movie, begins=begins)


def dots(count: int, key: str, overlay: str = "markers", **more: bool) -> ch.AddMarkers:
    column = struct.pack(f"<{count}d", *range(count))
    batch = Markers(
        key=key,
        count=count,
        x=column,
        y=column,
        size=struct.pack("<d", 2),
        symbols=("+",),
        colours=("#00ff00",),
        system="pixel",
        lines=False,
    )
    return ch.AddMarkers(
        display=0,
        overlay=overlay,
        markers=batch,
        replace=more.get("replace", False),
        lasting=more.get("lasting", False),
    )


def after(*changes: ch.AnyChange, scene: model.Scene = model.EMPTY) -> model.Scene:
    return sc.apply(scene, changes)[0]


def test_a_display_is_created_on_first_use_and_the_first_one_is_in_front() -> None:
    scene = after(ch.SetZoom(display=3, factor=2.0, key="k"))
    assert list(scene.displays) == [3]
    assert scene.front == 3


def test_names_take_numbers_from_1001_up_and_keep_them() -> None:
    scene, numbers = sc.apply(model.EMPTY, [show("guider"), show("focus"), show("guider")])
    assert numbers == (1001, 1002, 1001)
    assert scene.number_of("focus") == 1002


def test_display_0_is_a_display() -> None:
    assert after(show(0)).number_of(0) == 0


def test_only_a_first_image_or_show_changes_the_frame_in_front() -> None:
    scene = after(show(0), show(1, to_front=False))
    assert scene.front == 0
    assert after(show(1, to_front=True), scene=scene).front == 1
    assert after(ch.BringToFront(display=1, key="k"), scene=scene).front == 1


def test_a_new_image_removes_overlays_except_lasting_ones() -> None:
    scene = after(show(), dots(3, "a", "stars"), dots(2, "b", "grid", lasting=True), show())
    assert [overlay.name for overlay in scene.displays[0].overlays] == ["grid"]


def test_a_new_image_keeps_stretch_colours_and_transparency() -> None:
    scene = after(
        show(),
        ch.SetScale(display=0, stretch="asinh", mode=None, low=-1.0, high=30.0, key="k"),
        ch.SetMaskColours(display=0, colours={"SAT": "red"}),
        ch.SetMaskTransparency(display=0, percent=60, plane=None),
        show(image=image("b.fits", (5, 5), (7, 7))),
    )
    display = scene.displays[0]
    assert (display.scale.stretch, display.scale.limits) == ("asinh", (-1.0, 30.0))
    assert display.shown_colours()["SAT"] == "red"
    assert display.transparency_percent == 60


def test_a_new_image_keeps_zoom_and_pan_where_the_bounding_box_is_the_same() -> None:
    scene = after(show(), ch.SetZoom(display=0, factor=4.0, key="z"), ch.SetPan(display=0, x=3, y=4, key="p"), show())
    assert scene.displays[0].zoom.factor == 4.0
    assert scene.displays[0].pan is not None


@pytest.mark.parametrize("other", [image("b.fits", (21, 10)), image("b.fits", xy0=(1, 0))])
def test_a_new_image_zooms_to_fit_where_the_bounding_box_is_another(other: ImageLayer) -> None:
    scene = after(
        show(), ch.SetZoom(display=0, factor=4.0, key="z"), ch.SetPan(display=0, x=3, y=4, key="p"), show(image=other)
    )
    assert scene.displays[0].zoom.factor is None
    assert scene.displays[0].pan is None


def test_detection_footprints_lie_below_all_other_planes() -> None:
    planes = [plane for plane, _ in after(show()).displays[0].visible_colours()]
    assert planes == ["DETECTED", "DETECTED_NEGATIVE", "BAD", "SAT"]


def test_a_plane_coloured_ignore_is_not_shown() -> None:
    scene = after(show(), ch.SetMaskColours(display=0, colours={"DETECTED": "ignore"}))
    assert "DETECTED" not in dict(scene.displays[0].visible_colours())
    assert scene.displays[0].shown_colours()["DETECTED"] == "ignore"


def test_full_transparency_of_one_plane_hides_it_and_a_colour_shows_it_again() -> None:
    scene = after(show(), ch.SetMaskTransparency(display=0, percent=100, plane="SAT"))
    assert "SAT" not in dict(scene.displays[0].visible_colours())
    scene = after(ch.SetMaskColours(display=0, colours={"SAT": "red"}), scene=scene)
    assert dict(scene.displays[0].visible_colours())["SAT"] == "#ff0000"


def test_half_transparency_of_one_plane_is_unsupported_and_changes_nothing() -> None:
    scene = after(show())
    with pytest.raises(RequestError) as caught:
        sc.apply(scene, [ch.SetMaskTransparency(display=0, percent=50, plane="SAT")])
    assert caught.value.code == "unsupported"
    assert caught.value.error.where == "steps[0].percent"


def test_markers_are_added_to_their_overlay_and_replace_starts_anew() -> None:
    scene = after(dots(3, "a"), dots(2, "b"))
    assert scene.displays[0].overlays[0].count == 5
    assert after(dots(1, "c", replace=True), scene=scene).displays[0].overlays[0].count == 1


def test_erase_removes_one_overlay_by_name_or_all() -> None:
    scene = after(dots(3, "a", "stars"), dots(2, "b", "grid", lasting=True))
    one = after(ch.EraseMarkers(display=0, overlay="stars", key="k"), scene=scene)
    assert [overlay.name for overlay in one.displays[0].overlays] == ["grid"]
    assert after(ch.EraseMarkers(display=0, overlay=None, key="k"), scene=scene).displays[0].overlays == ()


def test_deleting_the_front_display_brings_another_to_the_front() -> None:
    scene = after(show(0), show(1), ch.DeleteDisplay(display=1))
    assert (list(scene.displays), scene.front) == ([0], 0)


def test_deleting_an_unknown_display_is_refused_with_those_there_are() -> None:
    with pytest.raises(RequestError) as caught:
        sc.apply(after(show(0), show("guider")), [ch.DeleteDisplay(display="gider")])
    assert caught.value.code == "unknown_display"
    assert "guider" in caught.value.error.hint


def test_automatic_limits_replace_fixed_ones_and_a_stretch_alone_keeps_them() -> None:
    fixed = ch.SetScale(display=0, stretch="asinh", mode=None, low=-1.0, high=30.0, key="k")
    stretch = ch.SetScale(display=0, stretch="log", mode=None, low=None, high=None, key="l")
    automatic = ch.SetScale(display=0, stretch=None, mode="zscale", low=None, high=None, key="m")
    assert after(fixed, stretch).displays[0].scale.limits == (-1.0, 30.0)
    assert after(fixed, automatic).displays[0].scale.limits is None


@pytest.mark.parametrize("display", [0, "guider"])
def test_a_movie_goes_on_over_its_own_frames(display: int | str) -> None:
    scene = after(show(display), frame(display=display, begins=True), frame(display=display))
    assert [shown.movie for shown in scene.displays.values()] == ["m"]
    zoom = ch.SetZoom(display=display, factor=3.0, key="k")
    assert after(zoom, frame(display=display), scene=scene).displays.keys() == scene.displays.keys()


@pytest.mark.parametrize(
    "between",
    [show(), frame("other", begins=True), ch.DeleteDisplay(display=0)],
    ids=["another image", "another movie", "the display deleted"],
)
def test_a_frame_of_a_movie_that_has_lost_its_display_is_refused(between: ch.AnyChange) -> None:
    scene = after(frame(begins=True), between)
    with pytest.raises(RequestError) as caught:
        sc.apply(scene, [frame()])
    assert (caught.value.code, caught.value.error.where) == ("cancelled", "steps[0].display")
    assert after(frame(begins=True), scene=scene).displays[0].movie == "m", "one that begins takes it"


def test_the_scene_knows_the_files_it_needs() -> None:
    assert after(show(0), show(1, image=image("b.fits"), mask=None)).files() == {"a.fits", "m.raw", "b.fits"}


def test_an_old_scene_is_never_changed() -> None:
    scene = after(show(), dots(3, "a"))
    after(ch.EraseMarkers(display=0, overlay=None, key="k"), show(5), scene=scene)
    assert scene == after(show(), dots(3, "a"))
