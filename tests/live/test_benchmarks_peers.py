"""Peers and floor draw the right picture, on a real DS9, in a small size."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.contest import Way, same_picture
from benchmarks.crowd import Crowd
from benchmarks.exposure import DOT_COLOUR, DOT_SIZE
from benchmarks.floor import Floor
from benchmarks.peers import publishers
from benchmarks.peers.display_ds9 import DisplayDs9
from benchmarks.peers.pyds9_way import Pyds9Way
from benchmarks.peers.xpaset_dot import XpasetDot
from benchmarks.picture import Picture, colours

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]

BLUE = (0, 0, 255)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench(small=True, with_ours=False) as made:
        yield made


@pytest.fixture
def positions() -> np.ndarray[Any, np.dtype[np.float64]]:
    return exposure.dots(12, exposure.SMALL_YX)


def share_of(picture: Picture, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=2).sum())


def test_all_ways_show_the_same_exposure(bench: Bench) -> None:
    shown, ds9 = bench.exposure, bench.ds9
    picture = (shown.image, shown.mask, exposure.PLANES, exposure.COLOURS)
    bench.frames(1, 2, 3)
    afw, pyds9, floor = DisplayDs9(ds9.target, ds9.environment, 1), Pyds9Way(ds9.target, 2), Floor(bench.channel, 3)
    floor.prepare(*picture)

    def draw_afw() -> None:
        afw.mtv(*picture)
        afw.zoom("fit")
        afw.update()

    def draw_pyds9() -> None:
        pyds9.mtv(*picture)
        pyds9.update()

    shares = same_picture(
        [
            bench.way("floor", 3, floor.draw_every_pixel),
            bench.way("afw", 1, draw_afw),
            bench.way("pyds9", 2, draw_pyds9),
        ]
    )
    seen = ds9.picture()
    pyds9.close()
    floor.close()

    assert set(shares) == {"floor", "afw", "pyds9"}
    assert share_of(seen, BLUE) > 1000
    assert colours(seen) > share_of(seen, BLUE)


def test_all_ways_draw_the_same_dots(bench: Bench, positions: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    ds9 = bench.ds9
    bench.dots_frame()
    afw, pyds9, floor = DisplayDs9(ds9.target, ds9.environment, 1), Pyds9Way(ds9.target, 1), Floor(bench.channel, 1)
    floor.prepare_dots(positions, DOT_SIZE, DOT_COLOUR)

    def draw_afw() -> None:
        with afw.buffering():
            for x, y in positions.tolist():
                afw.dot(x, y, DOT_SIZE, DOT_COLOUR)
        afw.update()

    def draw_pyds9() -> None:
        pyds9.dots(positions, DOT_SIZE, DOT_COLOUR)
        pyds9.update()

    counts: dict[str, int] = {}

    def counted(way: Way) -> Way:
        def look() -> Picture:
            counts[way.name] = len(ds9.regions())
            return ds9.picture()

        return Way(way.name, way.draw, way.prepare, look)

    ways = [("floor", floor.draw_dots), ("afw", draw_afw), ("pyds9", draw_pyds9)]
    same_picture([counted(bench.dots_way(name, draw)) for name, draw in ways])
    pyds9.close()
    floor.close()

    assert counts == {"floor": 12, "afw": 12, "pyds9": 12}


def test_the_buffer_is_cut_where_xpa_would_cut_it(bench: Bench) -> None:
    bench.dots_frame()
    afw = DisplayDs9(bench.ds9.target, bench.ds9.environment, 1)
    with afw.buffering():
        for x, y in exposure.dots(300, exposure.SMALL_YX).tolist():
            afw.dot(x, y, DOT_SIZE, DOT_COLOUR)

    assert len(bench.ds9.regions()) == 300


def test_dots_of_one_process_each_arrive(bench: Bench, positions: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    bench.dots_frame()
    way = XpasetDot(bench.ds9.target, bench.ds9.environment)
    for x, y in positions.tolist():
        way.dot(x, y, DOT_SIZE, DOT_COLOUR)
    way.update()

    assert len(bench.ds9.regions()) == 12


@pytest.mark.parametrize("setup", [publishers.xpaset, publishers.pyds9])
def test_dots_of_many_processes_all_arrive(
    bench: Bench, positions: np.ndarray[Any, np.dtype[np.float64]], setup: Any
) -> None:
    bench.dots_frame()
    arguments = [(bench.ds9.target, bench.ds9.environment, share) for share in np.array_split(positions, 3)]
    with Crowd(setup, arguments) as crowd:
        crowd.run()
        crowd.run()

    assert len(bench.ds9.regions()) == 24


def test_what_ds9_refuses_is_an_error_and_no_time(bench: Bench) -> None:
    way = XpasetDot(bench.ds9.target, bench.ds9.environment)
    with pytest.raises(RuntimeError, match="xpaset"):
        way.dot(1, 1, DOT_SIZE, "red}; nonsense {")
