from __future__ import annotations

import numpy as np
import pytest

from mtvd.demo import defects
from mtvd.demo.detect import find_footprints, smooth
from mtvd.demo.detector import Observation, observe
from mtvd.demo.light import overflow
from mtvd.demo.plan import FULL_WELL_COUNTS, VISITS, Size
from mtvd.demo.planes import MASK_PLANES, Planes, Where, bits, grown
from mtvd.demo.sky import sky_field

TINY = Size(name="tiny", shape_yx=(420, 300), crowding=4.0, raw_binning=4)
DETECTOR = 47


@pytest.fixture(scope="module")
def observation() -> Observation:
    return observe(sky_field(TINY), VISITS[0], DETECTOR, TINY)


def where(planes: Planes, *names: str) -> Where:
    found: Where = (planes.mask & bits(*names)) != 0
    return found


def test_the_recipe_gives_the_same_pixels_twice(observation: Observation) -> None:
    again = observe(sky_field(TINY), VISITS[0], DETECTOR, TINY)
    assert np.array_equal(again.planes.image, observation.planes.image)
    assert np.array_equal(again.planes.mask, observation.planes.mask)
    assert all(np.array_equal(again.columns[name], values) for name, values in observation.columns.items())


def test_planes_have_the_types_that_afw_writes(observation: Observation) -> None:
    planes = observation.planes
    assert [plane.dtype.str for plane in (planes.image, planes.mask, planes.variance)] == ["<f4", "<i4", "<f4"]
    assert planes.image.shape == planes.mask.shape == planes.variance.shape == TINY.shape_yx


def test_noise_far_from_sources_is_what_the_variance_says(observation: Observation) -> None:
    planes = observation.planes
    quiet = planes.mask == 0
    assert np.std(planes.image[quiet]) == pytest.approx(VISITS[0].sky_sigma_counts, rel=0.05)
    assert np.median(planes.image[quiet]) == pytest.approx(0, abs=0.4)
    assert np.median(planes.variance[quiet]) == pytest.approx(VISITS[0].sky_sigma_counts ** 2, rel=0.05)


@pytest.mark.parametrize(
    "plane", ["BAD", "SAT", "INTRP", "CR", "EDGE", "DETECTED", "DETECTED_NEGATIVE", "SUSPECT", "NO_DATA"]
)
def test_every_plane_is_set_somewhere_and_not_everywhere(observation: Observation, plane: str) -> None:
    share = where(observation.planes, plane).mean()
    assert 0 < share < 0.5


def test_saturated_pixels_are_interpolated_and_detected_and_not_merely_suspect(observation: Observation) -> None:
    planes = observation.planes
    saturated = where(planes, "SAT")
    assert where(planes, "INTRP")[saturated].all()
    assert not where(planes, "SUSPECT")[saturated].any()
    assert where(planes, "DETECTED")[saturated & ~where(planes, "EDGE", "NO_DATA")].all()
    assert np.max(planes.image) == pytest.approx(FULL_WELL_COUNTS, rel=0.02)


def test_bad_columns_and_cosmic_rays_are_interpolated(observation: Observation) -> None:
    planes = observation.planes
    assert where(planes, "INTRP")[where(planes, "BAD", "CR")].all()


def test_declared_planes_have_the_bits_of_hsc() -> None:
    assert list(MASK_PLANES)[:9] == [
        "BAD", "SAT", "INTRP", "CR", "EDGE", "DETECTED", "DETECTED_NEGATIVE", "SUSPECT", "NO_DATA",
    ]  # fmt: skip
    assert list(MASK_PLANES.values()) == list(range(len(MASK_PLANES)))


def test_charge_overflows_along_columns_and_is_conserved() -> None:
    image = np.zeros((101, 5), np.float32)
    image[50, 2] = 10 * FULL_WELL_COUNTS
    overflow(image, np.random.default_rng(1))
    rows, columns = np.nonzero(image)
    assert set(columns.tolist()) == {2}
    assert len(rows) == np.ptp(rows) + 1
    assert np.max(image) == FULL_WELL_COUNTS
    assert image.sum() == pytest.approx(10 * FULL_WELL_COUNTS, rel=0.15)


def test_an_image_without_saturation_is_left_alone() -> None:
    image = np.full((9, 9), 5, np.float32)
    overflow(image, np.random.default_rng(1))
    assert (image == 5).all()


def test_growing_draws_a_disc_that_the_border_cuts() -> None:
    found = grown(np.array([0, 5 * 11 + 5]), 2, (11, 11))
    assert found[5, 3:8].all()
    assert not found[3, 3]
    assert found[:3, 0].all()
    assert found.sum() == 13 + 6


def test_interpolation_takes_the_nearest_good_neighbours() -> None:
    image = np.tile(np.arange(8, dtype=np.float32), (2, 1))
    planes = Planes(image=image, mask=np.zeros((2, 8), np.int32), variance=np.ones((2, 8), np.float32))
    spots = np.array([3, 4])
    image[0, 3:5] = 1000
    planes.flag(spots, "BAD")
    defects.interpolate(planes, spots)
    assert image[0].tolist() == [0, 1, 2, 3.5, 3.5, 5, 6, 7]
    assert (planes.mask[0, 3:5] == bits("BAD", "INTRP")).all()


def test_smoothing_keeps_the_light_and_the_place() -> None:
    image = np.zeros((90, 70), np.float32)
    image[40, 30] = 100
    smoothed = smooth(image, 2.0)
    assert smoothed.sum() == pytest.approx(100, rel=1e-4)
    assert int(np.argmax(smoothed)) == 40 * 70 + 30
    assert np.max(smoothed) == pytest.approx(100 / (2 * np.pi * 4), rel=0.02)


def test_footprints_are_connected_through_sides_not_corners() -> None:
    picture = ["##..#", "#..##", "#####", ".....", "#.#..", "##.#."]
    where_ = np.array([[letter == "#" for letter in row] for row in picture])
    footprints = find_footprints(where_)
    ys, xs = np.array([0, 0, 2, 4, 4, 5, 5, 3]), np.array([0, 4, 2, 0, 2, 1, 3, 3])
    labels = footprints.label_at(ys, xs).tolist()
    assert labels[0] == labels[1] == labels[2]
    assert labels[3] == labels[5]
    assert len({labels[0], labels[3], labels[4], labels[6]}) == 4
    assert labels[7] == -1
    assert sorted(footprints.areas().tolist()) == [1, 1, 3, 11]


def test_an_empty_mask_has_no_footprints() -> None:
    footprints = find_footprints(np.zeros((4, 4), bool))
    assert len(footprints.areas()) == 0
    assert footprints.label_at(np.array([1]), np.array([1])).tolist() == [-1]
