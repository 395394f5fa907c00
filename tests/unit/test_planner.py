"""The planner: what the laws of its property tests do not say."""

from __future__ import annotations

from mtvd.scene import actions as ac
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import model, planner


def scene(*changes: ch.AnyChange) -> model.Scene:
    made, _ = sc.apply(model.EMPTY, changes)
    return made


def show(display: int, file: str = "a.fits", **layer: object) -> ch.ShowImage:
    fields = {"shape_yx": (20, 10), "dtype": ">f4", "header_bytes": 2880, "xy0": (0, 0), "label": "", "unit": ""}
    return ch.ShowImage(
        display=display,
        image=ac.ImageLayer(file=file, **(fields | layer)),  # type: ignore[arg-type]
        mask=None,
        to_front=False,
    )


def fitted(before: model.Scene, after: model.Scene) -> list[int]:
    actions = planner.plan(before, after)
    fits = (action for action in actions if isinstance(action, ac.SetZoom | ac.FitAgain))
    return [action.frame for action in fits if isinstance(action, ac.FitAgain) or action.factor is None]


def test_a_display_more_or_less_among_tiles_fits_the_others_again() -> None:
    tiled = ch.Arrange(tile=True, lock_frame=None, lock_scale=None, lock_colormap=None, key="k")
    two = scene(tiled, show(0), show(1), ch.SetZoom(display=1, factor=3.0, key="z"))
    three = scene(tiled, show(0), show(1), ch.SetZoom(display=1, factor=3.0, key="z"), show(2))
    assert set(fitted(two, three)) == {0, 2}, "1 has a zoom of its own"
    assert fitted(three, two) == [0]


def test_displays_that_do_not_stand_side_by_side_are_left_alone() -> None:
    assert fitted(scene(show(0)), scene(show(0), show(1))) == [1]


def test_frames_of_a_stream_are_alike_and_others_are_not() -> None:
    before = scene(show(0, "feed-1.fits", stream=7))
    after = {
        "alike": show(0, "feed-2.fits", stream=7, label="2"),
        "wcs": show(0, "feed-2.fits", stream=9),
        "shape": show(0, "feed-2.fits", stream=7, shape_yx=(10, 10)),
        "alone": show(0, "mtv-2.fits"),
    }
    alike = {}
    for name, change in after.items():
        wanted, _ = sc.apply(before, (change,))
        (load,) = (action for action in planner.plan(before, wanted) if isinstance(action, ac.LoadImage))
        alike[name] = load.alike
    assert alike == {"alike": True, "wcs": False, "shape": False, "alone": False}


def test_the_size_of_the_window_is_set_when_it_is_asked_for_and_else_left_to_the_hand_of_the_user() -> None:
    def arrange(key: str, **fields: object) -> ch.Arrange:
        nothing = {"tile": None, "lock_frame": None, "lock_scale": None, "lock_colormap": None}
        return ch.Arrange(**(nothing | fields), key=key)  # type: ignore[arg-type]

    def sizes(before: model.Scene, after: model.Scene) -> list[tuple[int, int] | None]:
        return [action.size for action in planner.plan(before, after) if isinstance(action, ac.Arrange)]

    plain = scene(show(0))
    small, _ = sc.apply(plain, (arrange("a", size=(300, 200)),))
    assert sizes(plain, small) == [(300, 200)]
    assert fitted(plain, small) == [0]
    again, _ = sc.apply(small, (arrange("b", size=(300, 200)),))
    assert sizes(small, again) == [(300, 200)], "the user may have changed it meanwhile"
    tiled, _ = sc.apply(small, (arrange("c", tile=True),))
    assert sizes(small, tiled) == [None]
    (repaired,) = (action for action in planner.plan_repair({0}, small) if isinstance(action, ac.Arrange))
    assert repaired.size is None, "a repair is no reason to take the window out of the user's hand"
    restored, *fitted_again = planner.plan_size(small)
    assert isinstance(restored, ac.Arrange)
    assert restored.size == (300, 200), "a new window gets it"
    assert fitted_again == [ac.FitAgain(frame=0)]
    assert planner.plan_size(plain) == ()


def test_views_that_were_aligned_by_wcs_are_those_of_the_scene_again_when_the_lock_ends() -> None:
    def lock(frames: str) -> ch.Arrange:
        return ch.Arrange(tile=None, lock_frame=frames, lock_scale=None, lock_colormap=None, key=frames)  # type: ignore[arg-type]

    views = (ch.SetRotation(display=0, angle_deg=30.0, key="r"), ch.SetPan(display=1, x=3.0, y=4.0, key="p"))
    locked = scene(show(0), show(1), *views, lock("wcs"))
    for frames in ("none", "image"):
        free, _ = sc.apply(locked, (lock(frames),))
        actions = planner.plan(locked, free)
        turned = {action.frame: action.angle_deg for action in actions if isinstance(action, ac.SetRotation)}
        assert turned == ({0: 30.0, 1: 0.0} if frames == "none" else {0: 30.0, 1: 30.0}), (
            "both are those of the one in front"
        )
        assert set(fitted(locked, free)) == {0, 1}


def test_tiles_that_are_fitted_again_are_aligned_by_wcs_after_that() -> None:
    def arranged(tile: bool) -> ch.Arrange:
        return ch.Arrange(tile=tile, lock_frame="wcs", lock_scale=None, lock_colormap=None, key=str(tile))

    before = scene(show(0), show(1), ch.BringToFront(display=0, key="s"), arranged(False))
    tiled, _ = sc.apply(before, (arranged(True),))
    for actions in (planner.plan(before, tiled), planner.plan_repair({0}, tiled)):
        last = [action for action in actions if isinstance(action, ac.FitAgain | ac.Arrange)][-1]
        assert isinstance(last, ac.Arrange), "each was fitted for itself"
        assert last.leader == 0
