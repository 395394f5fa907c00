"""The pure parts of the benchmarks: ratios, verdicts, the table, the shape of bench.json, the picture's make-up."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks import exposure, fits, rows, table
from benchmarks.contest import OtherPicture, Way, alternate, same_picture
from benchmarks.floor import layers
from benchmarks.measures import Amount, Measured, Target, Timing
from benchmarks.picture import Picture, colours, decode, difference, encode
from benchmarks.row import Row, as_json
from rich.console import Console

KEYS = {
    "name",
    "what",
    "ours_secs",
    "peer",
    "peer_secs",
    "floor_secs",
    "ratio_peer",
    "ratio_floor",
    "target",
    "ok",
}


def never(_: object) -> Measured:
    raise AssertionError


def row(target: Target) -> Row:
    return Row("a_row", "what it does", target, never)


def measured(ours: float | None = 1.0, peer: float | None = 30.0, floor: float | None = 0.8) -> Measured:
    return Measured(
        ours=None if ours is None else Timing((ours,)),
        peers={} if peer is None else {"peer": Timing((peer,)), "another": Timing((2.0,))},
        floor=None if floor is None else Timing((floor,)),
    )


def test_a_row_has_every_key_that_was_promised() -> None:
    found = as_json(row(Target(peer=20, floor=1.5)), measured())

    assert set(found) >= KEYS
    assert json.loads(json.dumps(found)) == found


def test_ratios_are_peer_over_ours_and_ours_over_floor() -> None:
    found = as_json(row(Target(peer=20, floor=1.5)), measured())

    assert (found["peer"], found["ratio_peer"], found["ratio_floor"]) == ("peer", 30.0, 1.25)
    assert found["target"] == ">= 20x peer; <= 1.5x floor"
    assert found["ok"] is True


def test_what_was_not_measured_is_null() -> None:
    found = as_json(row(Target(peer=20)), measured(peer=None, floor=None))

    assert [found[key] for key in ("peer", "peer_secs", "floor_secs", "ratio_peer", "ratio_floor", "ok")] == [None] * 6


@pytest.mark.parametrize(
    ("target", "ok"),
    [
        (Target(peer=30), True),
        (Target(peer=31), False),
        (Target(floor=1.25), True),
        (Target(floor=1.2), False),
        (Target(peer=20, floor=1.2), False),
        (Target(peer=31, floor=1.5), False),
    ],
)
def test_a_target_is_met_when_all_of_it_is(target: Target, ok: bool) -> None:
    assert as_json(row(target), measured())["ok"] is ok


@pytest.mark.parametrize(("amount", "ok"), [(Amount(300, "MB"), True), (Amount(301, "MB"), False), (None, None)])
def test_what_is_no_time_is_held_against_an_amount(amount: Amount | None, ok: bool | None) -> None:
    found = as_json(row(Target(most=Amount(300, "MB"))), Measured(amount=amount))

    assert (found["target"], found["ok"]) == ("<= 300 MB", ok)
    assert table.cells(found)[1] == (str(amount) if amount else "-")


@pytest.mark.parametrize(
    ("target", "amount", "ok"),
    [
        (Target(floor=1.2, enough=Amount(30, "frames/s")), Amount(30, "frames/s"), True),
        (Target(floor=1.2, enough=Amount(30, "frames/s")), Amount(29, "frames/s"), False),
        (Target(floor=1.3, enough=Amount(30, "frames/s")), Amount(29, "frames/s"), True),
        (Target(enough=Amount(30, "frames/s")), Amount(29, "frames/s"), False),
        (Target(enough=Amount(30, "frames/s")), Amount(31, "frames/s"), True),
        (Target(floor=1.3, enough=Amount(30, "frames/s")), None, None),
    ],
)
def test_an_amount_may_be_enough_whatever_the_floor_does(
    target: Target, amount: Amount | None, ok: bool | None
) -> None:
    times = measured()
    found = as_json(row(target), Measured(ours=times.ours, floor=times.floor, amount=amount))

    assert found["ok"] is ok
    assert ">= 30 frames/s" in found["target"]


def test_the_median_counts_and_the_spread_is_told() -> None:
    timing = Timing((3.0, 1.0, 2.0))

    assert timing.spread() == {"secs": 2.0, "min": 1.0, "max": 3.0, "n": 3}


def test_extra_keys_and_errors_stand_beside_the_others() -> None:
    found = as_json(row(Target(peer=1)), Measured(extra={"frames": 7}), "it broke")

    assert (found["frames"], found["error"], found["ok"]) == (7, "it broke", None)


def test_the_table_shows_every_row_and_its_verdict() -> None:
    good = as_json(row(Target(peer=20)), measured())
    bad = as_json(Row("other", "x", Target(peer=40), never), measured())
    broken = as_json(Row("third", "x", Target(), never), Measured(), "it broke")
    stream = io.StringIO()

    Console(width=140, file=stream).print(table.as_table([good, bad, broken]))

    words = ("a_row", "other", "third", "ok", "missed", "failed", "another 2 s")
    assert [word for word in words if word not in stream.getvalue()] == []


def test_times_have_units() -> None:
    assert [table.seconds(value) for value in (1.234, 0.0456)] == ["1.23 s", "45.6 ms"]


def test_results_are_written_as_a_list(tmp_path: Path) -> None:
    table.write(tmp_path / "bench.json", [as_json(row(Target()), measured())])

    assert json.loads((tmp_path / "bench.json").read_text())[0]["name"] == "a_row"


def test_every_row_has_the_name_that_it_is_found_by() -> None:
    assert tuple(found.name for found in rows.load()) == rows.NAMES


def test_an_unknown_row_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"no row is called nope.*exposure_mtv"):
        rows.load(["nope"])


def test_ways_are_timed_in_turn() -> None:
    calls: list[str] = []
    ways = [Way("a", lambda: calls.append("a")), Way("b", lambda: calls.append("b"), lambda: calls.append("before b"))]

    timings = alternate(ways, 2)

    assert calls == ["a", "before b", "b"] * 2
    assert [len(timings[name].secs) for name in ("a", "b")] == [2, 2]


def test_another_picture_stops_the_row() -> None:
    black: Picture = np.zeros((10, 10, 3), np.uint8)
    ways = [Way("a", lambda: None, look=lambda: black), Way("b", lambda: None, look=lambda: black + np.uint8(99))]

    with pytest.raises(OtherPicture, match="b draws another picture"):
        same_picture(ways)


def test_pictures_survive_png_and_are_compared_pixel_by_pixel() -> None:
    grey = np.random.default_rng(1).integers(0, 255, (20, 30, 1)).astype(np.uint8)
    one: Picture = grey.repeat(3, axis=2)
    other = one.copy()
    other[:10] ^= 0x40

    assert difference(one, decode(encode(one))) == 0
    assert difference(one, other) == 0.5
    assert difference(one, one[:, :-1]) == 1


def test_a_missing_marker_is_a_difference_however_small_it_is() -> None:
    without: Picture = np.full((100, 100, 3), 77, np.uint8)
    one = without.copy()
    one[50, 50] = (255, 0, 0)

    assert difference(one, without) == 1


def test_only_coloured_pixels_are_counted_as_coloured() -> None:
    picture: Picture = np.full((4, 5, 3), 77, np.uint8)
    picture[0, 0] = (255, 0, 0)

    assert colours(picture) == 1


def test_the_exposure_is_the_same_each_time_and_has_all_planes() -> None:
    one, other = exposure.make(exposure.SMALL_YX), exposure.make(exposure.SMALL_YX)

    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.mask, other.mask)
    assert (one.image.dtype.name, one.mask.dtype.name) == ("float32", "int32")
    assert all(one.plane(name).any() for name in exposure.PLANES)
    assert 0.05 < one.plane("DETECTED").mean() < 0.2


def test_dots_lie_inside_the_image_and_on_tenths_of_pixels() -> None:
    positions = exposure.dots(1000, exposure.SMALL_YX)

    assert positions.shape == (1000, 2)
    assert (positions >= 0).all()
    assert (positions < exposure.SMALL_YX[::-1]).all()
    assert np.array_equal(positions, positions.round(1))


def test_the_floors_layers_are_disjoint_and_the_highest_bit_wins() -> None:
    mask = np.array([[1, 2, 3, 0]], np.int32)

    made = layers(mask, {"LOW": 0, "HIGH": 1}, {"LOW": "blue", "HIGH": "red"})

    assert made["blue"].tolist() == [[1, 0, 0, 0]]
    assert made["red"].tolist() == [[0, 1, 1, 0]]


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "f4"])
def test_fits_bytes_are_whole_blocks_with_big_endian_pixels(kind: str) -> None:
    pixels = np.arange(6, dtype=kind).reshape(2, 3)

    made = fits.image_bytes(pixels)

    assert len(made) == 2 * 2880
    assert made.startswith(b"SIMPLE  =                    T")
    assert np.array_equal(np.frombuffer(made, f">{kind}", 6, 2880).reshape(2, 3), pixels)
