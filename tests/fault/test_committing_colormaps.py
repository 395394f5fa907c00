"""Colour maps that the window does not have: refused when it is open, and left out where a scene is drawn anew."""

from __future__ import annotations

import pytest
from tests.support import committing
from tests.support.committing import House, dot, image, pixel_file, waiting

from mtv.wire.errors import RequestError
from mtvd.scene import actions as ac
from mtvd.scene import changes as ch
from mtvd.scene import chunks, model

pytestmark = pytest.mark.anyio
house = committing.house


async def test_a_colour_map_that_the_window_lacks_is_refused_once_it_is_open_and_nothing_is_drawn(
    house: House,
) -> None:
    house.window.colormaps = ("grey", "heat", "viridis")
    unknown = ch.SetColormap(display=0, name="virids", invert=False, key="c")
    bad = waiting(dot(0, key="part"), unknown)
    large = waiting(*(dot(1) for _ in range(chunks.MARKERS + 1)), unknown)
    await house.committer.commit([bad, large])
    for refused in (bad, large):
        assert isinstance(refused.failure, RequestError)
        assert refused.failure.error.hint == "did you mean 'viridis'?"
    assert (house.window.batches, house.committer.scene) == ([], model.EMPTY)


async def test_a_new_window_without_a_colour_map_of_the_scene_shows_the_display_in_grey_with_a_note(
    house: House,
) -> None:
    house.window.colormaps = ("grey", "mpl_spring")
    name = pixel_file(house)
    colours = ch.SetColormap(display=0, name="mpl_spring", invert=True, key="c")
    await house.committer.commit([waiting(image(0, name), colours, files=(name,))])
    house.window.colormaps = ("grey", "heat")
    house.window.generation += 1
    house.window.batches.clear()
    await house.committer.commit([waiting(dot(1))])
    assert house.window.drawn(ac.SetColormap)[0] == ac.SetColormap(frame=0, name="grey", invert=True)
    shown = house.committer.scene.displays[0].image
    assert shown is not None
    assert shown.notes == ("this DS9 has no colour map 'mpl_spring': shown in grey",)
