"""Limits that a display keeps for its next image: when they show nothing of it, a note says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mtv.wire import steps
from mtvd.drawing.answering import step_outcome
from mtvd.host.pixelstore import PixelStore
from mtvd.resolving.kept_limits import kept_scale, note_of
from mtvd.scene import changes, model
from mtvd.scene.actions import ImageLayer

FRONT = 2880
MTV = steps.Mtv(display=3, target=0)


def image_of(store: PixelStore, pixels: Any) -> ImageLayer:
    name, descriptor = store.create("img", FRONT + pixels.nbytes, "fits")
    with store.filling(name, descriptor) as file:
        file.seek(FRONT)
        file.write(np.ascontiguousarray(pixels).tobytes())
    return ImageLayer(
        file=name, shape_yx=pixels.shape, dtype=pixels.dtype.str, header_bytes=FRONT, xy0=(0, 0), label="", unit=""
    )


def told(store: PixelStore, pixels: Any, limits: tuple[float, float], stretch: str = "asinh") -> str:
    return note_of(store, image_of(store, np.asarray(pixels)), model.Scale(stretch=stretch, limits=limits))


def sky(level: float, noise: float = 10.0, shape: tuple[int, int] = (300, 500)) -> Any:
    return np.random.default_rng(1).normal(level, noise, shape).astype(">f4")


@pytest.mark.parametrize("limits", [(-10, 30), (5000, 9000)])
def test_limits_beside_all_pixels_are_told_with_those_of_the_image(
    store: PixelStore, limits: tuple[float, float]
) -> None:
    note = told(store, sky(1000), limits)
    assert f"the limits {limits[0]}..{limits[1]}, kept from the image before, show nothing of this one" in note
    assert "its pixels are 9" in note
    assert note.endswith("mtv scale asinh zscale")


def test_a_share_of_a_thousandth_is_next_to_nothing(store: PixelStore) -> None:
    pixels = sky(1000, shape=(64, 64))
    pixels[0, :2] = 5
    assert "show next to nothing of this one" in told(store, pixels, (-10, 30))
    pixels[:2] = 5
    assert told(store, pixels, (-10, 30)) == ""


def test_pixels_closer_together_than_one_grey_are_a_flat_picture(store: PixelStore) -> None:
    assert "show next to nothing" in told(store, sky(0), (-1e6, 1e6), "linear")
    assert told(store, sky(0), (-1e6, 1e6), "asinh") == ""
    assert told(store, sky(0), (-300, 3000), "linear") == ""


@pytest.mark.parametrize(
    "pixels",
    [np.full((5, 5), np.nan, ">f4"), np.zeros((0, 5), ">f4"), np.full((3, 3), 7, ">i2"), np.zeros((1, 1), "|u1")],
)
def test_odd_images_say_nothing_wrong(store: PixelStore, pixels: Any) -> None:
    assert told(store, pixels, (0, 10), "linear") == ""


def test_pixels_of_both_infinities_are_not_counted(store: PixelStore) -> None:
    pixels = np.array([[np.inf, -np.inf, np.nan, 5.0]], ">f4")
    assert told(store, pixels, (0, 10)) == ""
    assert "its pixels are 5..5" in told(store, pixels, (6, 10))


def scene_of(**display: Any) -> model.Scene:
    image = ImageLayer(file="f", shape_yx=(1, 1), dtype=">f4", header_bytes=FRONT, xy0=(0, 0), label="", unit="")
    return model.Scene(displays={3: model.Display(**{"number": 3, "image": image, **display})})


def test_only_fixed_limits_of_a_display_with_an_image_are_kept() -> None:
    fixed = model.Scale(limits=(0, 1))
    assert kept_scale(scene_of(scale=fixed), [MTV], MTV) == fixed
    for scene in (scene_of(), scene_of(scale=fixed, image=None), model.EMPTY):
        assert kept_scale(scene, [MTV], MTV) is None
    assert kept_scale(scene_of(scale=fixed), [MTV, steps.Scale(display=3)], MTV) is None


def test_the_outcome_has_the_note_beside_those_of_the_image() -> None:
    scene = scene_of()
    image = scene.displays[3].image
    assert image is not None
    change = changes.ShowImage(display=3, image=image, mask=None, to_front=False, note="kept")
    assert step_outcome(change, 3, scene.displays[3]).note == "kept"
