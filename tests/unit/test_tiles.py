"""Displays that are chosen to be side by side, or to follow each other: rules of the scene, and their plan."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.test_planner import scene, show

from mtv.arguments import checks
from mtv.wire import steps
from mtv.wire.errors import RequestError
from mtvd.resolving.view_steps import VIEW_STEPS
from mtvd.scene import actions as ac
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import model, planner


def arrange(**fields: Any) -> ch.Arrange:
    nothing = {"tile": None, "lock_frame": None, "lock_scale": None, "lock_colormap": None}
    return ch.Arrange(**(nothing | fields), key="k")


def after(before: model.Scene, *changes: ch.AnyChange) -> model.Scene:
    return sc.apply(before, changes)[0]


def shown(of: model.Scene) -> tuple[bool, float, tuple[int, ...]]:
    return of.arrangement.tile, of.arrangement.blink_secs, of.arrangement.displays


def arranged(before: model.Scene, wanted: model.Scene) -> list[tuple[tuple[int, ...], bool]]:
    plan = planner.plan(before, wanted)
    return [(action.frames, action.chosen) for action in plan if isinstance(action, ac.Arrange)]


THREE = scene(show(0), show(1), show(2), ch.BringToFront(display=1, key="f"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tile": True}, (True, 0.0, ())),
        ({"displays": (2, 0)}, (True, 0.0, (2, 0))),
        ({"blink_secs": 0.5}, (False, 0.5, ())),
        ({"blink_secs": 0.5, "displays": (2, 0)}, (False, 0.5, (2, 0))),
        ({"tile": False, "blink_secs": 2.0}, (False, 2.0, ())),
        ({"tile": False, "displays": ()}, (False, 0.0, ())),
        ({"columns": 3}, (False, 0.0, ())),
    ],
)
def test_how_displays_are_shown_follows_from_what_is_given(fields: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert shown(after(THREE, arrange(**fields))) == expected


def test_what_is_not_given_stays_and_one_way_of_showing_displays_ends_the_other() -> None:
    chosen = after(THREE, arrange(displays=(2, 0)))
    assert shown(after(chosen, arrange(columns=1))) == (True, 0.0, (2, 0))
    blinking = after(chosen, arrange(blink_secs=1.0))
    assert shown(blinking) == (False, 1.0, (2, 0))
    assert shown(after(blinking, arrange(tile=True))) == (True, 0.0, (2, 0))
    assert shown(after(blinking, arrange(blink_secs=0.0))) == (False, 0.0, ())
    assert shown(after(chosen, arrange(tile=False))) == (False, 0.0, ())
    assert shown(after(chosen, arrange(displays=()))) == (True, 0.0, ())


def test_the_one_in_front_is_among_those_that_are_chosen() -> None:
    chosen = after(THREE, arrange(displays=(2, 0)))
    assert chosen.front == 2
    assert after(chosen, ch.BringToFront(display=0, key="g")).front == 0
    joined = after(chosen, ch.BringToFront(display=1, key="g"))
    assert (joined.front, joined.arrangement.displays) == (1, (2, 0, 1))
    made = after(
        chosen, ch.ShowImage(**{name: getattr(show(7), name) for name in ("image", "mask")}, display=7, to_front=True)
    )
    assert (made.front, made.arrangement.displays) == (2, (2, 0)), "what is made meanwhile stays behind"


def test_a_display_that_is_deleted_is_chosen_no_more() -> None:
    chosen = after(THREE, arrange(displays=(2, 0)))
    one = after(chosen, ch.DeleteDisplay(display=2))
    assert (one.front, one.arrangement.displays) == (0, (0,))
    none = after(one, ch.DeleteDisplay(display=0))
    assert (none.front, none.arrangement.displays) == (1, ())


def test_an_unknown_display_and_one_named_twice_are_refused_by_their_place() -> None:
    with pytest.raises(RequestError) as unknown:
        after(THREE, arrange(displays=(0, "guider")))
    assert (unknown.value.error.code, unknown.value.error.where) == ("unknown_display", "steps[0].displays[1]")
    with pytest.raises(RequestError, match="named twice"):
        after(THREE, arrange(displays=(0, 0)))


def test_frames_come_in_their_order_and_all_come_back_in_that_in_which_they_were_made() -> None:
    chosen = after(THREE, arrange(displays=(2, 0)))
    assert arranged(THREE, chosen) == [((2, 0), True)]
    assert arranged(chosen, after(chosen, arrange(displays=()))) == [((0, 1, 2), False)]
    assert arranged(THREE, after(THREE, arrange(tile=True))) == [((), False)]
    assert arranged(chosen, after(chosen, show(5))) == [((2, 0), True)], "a new frame is hidden again"
    assert arranged(chosen, after(chosen, show(1, "b.fits"))) == []


def test_the_one_in_front_is_there_when_displays_do_not_follow_each_other_any_more() -> None:
    blinking = after(THREE, arrange(blink_secs=0.5))
    plan = planner.plan(blinking, after(blinking, arrange(tile=True)))
    assert ac.RaiseFrame(frame=1) in plan


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ({"displays": "guider"}, "displays"),
        ({"displays": 3}, "displays"),
        ({"displays": [-1]}, "frame"),
        ({"displays": list(range(501))}, "displays"),
        ({"tile": False, "displays": [1]}, "displays"),
        ({"blink_secs": 0.05}, "blink_secs"),
        ({"blink_secs": 3601}, "blink_secs"),
        ({"blink_secs": float("nan")}, "blink_secs"),
        ({"blink_secs": "x"}, "blink_secs"),
        ({"blink_secs": 1, "tile": True}, "blink_secs"),
    ],
)
def test_a_choice_of_no_sense_is_refused_by_client_and_daemon(words: dict[str, Any], where: str) -> None:
    given = {"tile": None, "lock_frame": None, "lock_scale": None, "lock_colormap": None} | words
    with pytest.raises(RequestError) as refused:
        checks.arrangement(**given)
    assert refused.value.error.where == where
    if isinstance(words.get("displays"), str | int) or isinstance(words.get("blink_secs"), str) or where == "frame":
        return
    if "displays" in words:
        words = words | {"displays": tuple(words["displays"])}
    with pytest.raises(RequestError) as told:
        VIEW_STEPS[steps.Arrange](steps.Arrange(**words), "k")
    assert told.value.error.where == where


def test_displays_are_named_by_number_name_or_object() -> None:
    class Display:
        frame = "guider"

    step = checks.arrangement(None, None, None, None, None, None, (Display(), 2, "a"), 0)
    assert (step.displays, step.blink_secs) == (("guider", 2, "a"), 0.0)
