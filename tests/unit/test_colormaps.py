"""Colour maps that are asked for, or that a scene has, held against those of the window."""

from __future__ import annotations

import pytest

from mtv.wire.errors import RequestError
from mtvd.scene import actions as ac
from mtvd.scene import changes as ch
from mtvd.scene import colormaps, model

KNOWN = ("grey", "heat", "rainbow", "viridis", "h5_autumn")
IMAGE = ac.ImageLayer(
    file="f", shape_yx=(1, 1), dtype=">f4", header_bytes=2880, xy0=(0, 0), label="", unit="", notes=("as it was",)
)


def chosen(name: str) -> ch.SetColormap:
    return ch.SetColormap(display=0, name=name, invert=False, key="k")


def scene_of(*displays: model.Display) -> model.Scene:
    return model.Scene(displays={display.number: display for display in displays})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("virids", "did you mean 'viridis'?"),
        ("Heat", "did you mean 'heat'?"),
        ("mauve", "this DS9 has 5, such as grey, heat, rainbow, viridis"),
    ],
)
def test_a_colour_map_that_the_window_lacks_is_refused_at_its_step_with_names_that_look_alike(
    name: str, hint: str
) -> None:
    with pytest.raises(RequestError) as refused:
        colormaps.check(KNOWN, [chosen("heat"), chosen(name)], (3, 5))
    error = refused.value.error
    assert (error.code, error.where, error.hint) == ("bad_value", "steps[5].name", hint)
    assert repr(name) in error.message


def test_all_that_the_window_has_can_be_chosen_and_a_window_that_does_not_say_is_not_asked() -> None:
    colormaps.check(KNOWN, [chosen(name) for name in KNOWN])
    colormaps.check((), [chosen("mauve")])


def test_a_display_whose_colour_map_the_window_lacks_is_kept_in_grey_and_its_image_says_so() -> None:
    lacking = model.Display(number=3, image=IMAGE, colormap=model.Colormap(name="mpl_spring", invert=True, key="k"))
    empty = model.Display(number=4, colormap=model.Colormap(name="mpl_spring"))
    known = model.Display(number=5, image=IMAGE, colormap=model.Colormap(name="heat"))
    kept = colormaps.with_known(scene_of(lacking, empty, known), KNOWN)
    assert kept.displays[3].colormap == model.Colormap(name="grey", invert=True, key="k")
    assert kept.displays[3].image is not None
    assert kept.displays[3].image.notes == ("as it was", "this DS9 has no colour map 'mpl_spring': shown in grey")
    assert kept.displays[4] == model.Display(number=4)
    assert kept.displays[5] is known
    assert colormaps.with_known(kept, KNOWN) is kept


def test_a_window_that_does_not_say_its_colour_maps_changes_none() -> None:
    scene = scene_of(model.Display(number=3, colormap=model.Colormap(name="mpl_spring")))
    assert colormaps.with_known(scene, ()) is scene
