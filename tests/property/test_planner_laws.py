"""Laws of the planner, on any sequence of transactions.

The window is modelled by what the port's docstrings promise of each action; a picture is what such a window shows.
"""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.support.window_model import TRANSACTIONS, Window, image, showing

from mtv.wire.errors import RequestError
from mtvd.scene import actions as ac
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import model, planner
from mtvd.scene.previews import preview_of, put_back


def folded(transactions: list[list[ch.AnyChange]]) -> list[model.Scene]:
    """Return the scenes after each transaction; refused ones change nothing."""
    scenes = [model.EMPTY]
    for transaction in transactions:
        try:
            scenes.append(sc.apply(scenes[-1], transaction)[0])
        except RequestError:
            continue
    return scenes


def shown(scenes: list[model.Scene]) -> tuple[Any, ...]:
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
    window.run(planner.plan(model.EMPTY, scenes[-1]))
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
    scene, _ = sc.apply(model.EMPTY, [image(1, 3, planes=False), drawn])
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
    assert shown(scenes) == shown([model.EMPTY, scenes[-1]])


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
