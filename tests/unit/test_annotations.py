"""Annotations of a display: the choice, the texts, and the actions that draw them."""

from __future__ import annotations

import msgspec
import pytest

from mtv.wire import steps
from mtv.wire.errors import RequestError
from mtvd.front.reports import display_report
from mtvd.resolving.view_steps import VIEW_STEPS
from mtvd.scene import actions as ac
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import model, planner
from mtvd.scene.annotations import drawable, legend_of

IMAGE = ac.ImageLayer(
    file="mtv-1-0000000000000001.fits",
    shape_yx=(4, 5),
    dtype=">f4",
    header_bytes=2880,
    xy0=(0, 0),
    label="calexp HSC 23718 41",
    unit="nJy",
)
MASK = ac.MaskLayer(
    file="mask-1-0000000000000001.raw",
    shape_yx=(4, 5),
    dtype="<i4",
    offset=0,
    xy0=(0, 0),
    planes=(("SAT", 1), ("INTRP", 2), ("DETECTED", 5)),
)


def show(number: int = 1, label: str = "calexp HSC 23718 41", caption: str = "") -> ch.ShowImage:
    image = msgspec.structs.replace(IMAGE, file=f"mtv-1-{number:016x}.fits", label=label, caption=caption)
    return ch.ShowImage(display=0, image=image, mask=MASK, to_front=True)


def after(*changes: ch.AnyChange, scene: model.Scene = model.EMPTY) -> model.Scene:
    return sc.apply(scene, changes)[0]


def drawn_between(before: model.Scene, wanted: model.Scene) -> list[tuple[tuple[str, ...], str, str]]:
    plan = planner.plan(before, wanted)
    return [(a.names, a.caption, a.unit) for a in plan if isinstance(a, ac.Annotate)]


def test_a_label_is_drawn_where_nobody_has_asked_and_the_caption_where_there_is_one() -> None:
    assert drawn_between(model.EMPTY, after(show())) == [(("label",), "calexp HSC 23718 41", "")]
    named = after(show(caption="calexp HSC, visit 23718"))
    assert drawn_between(model.EMPTY, named) == [(("label",), "calexp HSC, visit 23718", "")]


def test_an_image_without_a_name_has_no_label() -> None:
    assert drawn_between(model.EMPTY, after(show(label=""))) == []


def test_a_label_follows_the_image_and_is_not_drawn_again_where_it_is_the_same() -> None:
    first = after(show())
    assert drawn_between(first, after(show(2), scene=first)) == []
    assert drawn_between(first, after(show(2, "next"), scene=first)) == [(("label",), "next", "")]
    assert drawn_between(first, after(show(2, ""), scene=first)) == [((), "", "")]


def test_what_is_chosen_outlasts_the_image_and_what_is_not_named_stays() -> None:
    scene = after(ch.Annotate(display=0, label=False, legend=True), show())
    assert drawn_between(model.EMPTY, scene) == [(("legend",), "", "")]
    more = after(ch.Annotate(display=0, limits=True), show(2), scene=scene)
    assert drawn_between(scene, more) == [(("limits", "legend"), "", "nJy")]
    assert display_report(more.displays[0]).annotations == ("limits", "legend")


def test_a_window_that_is_new_gets_them_again() -> None:
    scene = after(show(), ch.Annotate(display=0, compass=True))
    (drawn,) = (a for a in planner.plan_display(scene.displays[0]) if isinstance(a, ac.Annotate))
    assert drawn.names == ("label", "compass")


def test_the_images_of_a_feed_are_alike_whatever_they_are_called() -> None:
    streamed = msgspec.structs.replace(show(), image=msgspec.structs.replace(IMAGE, stream=7, caption="one"))
    follows = msgspec.structs.replace(streamed, image=msgspec.structs.replace(IMAGE, stream=7, caption="two", file="x"))
    scene = after(streamed)
    (load,) = (a for a in planner.plan(scene, after(follows, scene=scene)) if isinstance(a, ac.LoadImage))
    assert load.alike


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("calexp HSC, visit 1", "calexp HSC, visit 1"),
        ("a\tb\nc\x00d\x1be", "a b c d e"),
        ("Lyman-\N{GREEK SMALL LETTER ALPHA} 5\N{DEGREE SIGN}", "Lyman-\N{GREEK SMALL LETTER ALPHA} 5\N{DEGREE SIGN}"),
        ("\N{ROCKET}\N{BLACK STAR}\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}", "????"),
        ("\ud800\N{RIGHT-TO-LEFT OVERRIDE}", "  "),
        ("x" * 301, "x" * 299 + "\N{HORIZONTAL ELLIPSIS}"),
    ],
)
def test_texts_are_what_the_window_can_draw(text: str, drawn: str) -> None:
    assert drawable(text, 300) == drawn


def test_a_label_of_control_characters_alone_is_none() -> None:
    assert drawn_between(model.EMPTY, after(show(label="\x01\x02"))) == []


def test_a_legend_names_the_topmost_plane_first_and_joins_planes_of_one_colour() -> None:
    scene = after(show())
    colours = scene.displays[0].visible_colours()
    assert legend_of(colours, ["#0000ff", "#00ff00"]) == (("#00ff00", "INTRP, SAT"), ("#0000ff", "DETECTED"))
    assert legend_of(colours, ["#0000ff"]) == (("#0000ff", "DETECTED"),)
    many = [(f"P{number}", f"#{number:06x}") for number in range(1000)]
    assert len(legend_of(many, [colour for _, colour in many])) == 100


def test_distinct_colours_are_a_choice_of_the_display_that_outlasts_the_image() -> None:
    scene = after(show(), ch.SetMaskColours(display=0, colours={}, distinct=True))
    shown = after(show(2), scene=scene).displays[0].shown_colours()
    assert shown["SAT"] == "green" != shown["INTRP"]
    given = after(ch.SetMaskColours(display=0, colours={"INTRP": "red"}), scene=scene).displays[0]
    assert given.shown_colours()["INTRP"] == "red"
    assert given.distinct, "a colour of one plane leaves the choice alone"
    usual = after(ch.SetMaskColours(display=0, colours={}, distinct=False), scene=scene)
    assert usual.displays[0].shown_colours()["INTRP"] == "green"


def test_steps_that_choose_nothing_are_refused() -> None:
    with pytest.raises(RequestError, match="nothing is to be annotated"):
        VIEW_STEPS[steps.Annotate](steps.Annotate(display=0), "k")
    with pytest.raises(RequestError, match="no plane is named"):
        VIEW_STEPS[steps.MaskColour](steps.MaskColour(display=0, colours={}), "k")
    chosen = VIEW_STEPS[steps.Annotate](steps.Annotate(display="a", grid=False), "k")
    assert chosen == ch.Annotate(display="a", grid=False)
