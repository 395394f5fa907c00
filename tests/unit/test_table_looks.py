"""Sizes and colours of a table's rows: columns, expressions, choices by conditions, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mtv.shared.tables.looks import MOST_COLOURS, colour_choice
from mtv.shared.tables.positions import Found, Wanted, find_positions
from mtv.shared.tables.tables import ColumnTable, Field
from mtv.wire import steps
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtvd.resolving.marker_columns import pack_positions, wanted_of

RED, GREEN, BLUE = "#ff0000", "#00ff00", "#0000ff"


def table(**columns: Any) -> ColumnTable:
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    fields = {name: Field(unit="deg" if name == "angle" else "") for name in arrays}
    return ColumnTable(columns=arrays, rows=len(next(iter(arrays.values()))), fields=fields, aliases={"slot": "psf"})


def stars() -> ColumnTable:
    return table(
        x=[1.0, 2.0, 3.0, 4.0],
        y=[1.0, 2.0, np.nan, 4.0],
        flux=[10.0, 100.0, 1000.0, -1.0],
        used=[True, False, True, False],
        count=[1, 2, 3, 4],
        band=["g", "r", "r", "?:"],
        angle=[1.0, 2.0, 3.0, 4.0],
        psf_flux=[1.0, 2.0, 3.0, 4.0],
        **{"g-r": [5.0, 6.0, 7.0, 8.0]},
    )


def found(**wanted: Any) -> Found:
    return find_positions(stars(), Wanted(**wanted), most_markers=100)


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ("log10(flux) * 3", [3.0, 6.0]),
        ("2 + 3 * used", [5.0, 2.0, 2.0]),
        ("count", [1.0, 2.0, 4.0]),
        ("count + 0", [1.0, 2.0, 4.0]),
        ("slot_flux * 2", [2.0, 4.0, 8.0]),
        ("g-r", [5.0, 6.0, 8.0]),
        ('col("g-r") - 1', [4.0, 5.0, 7.0]),
        ("7", [7.0, 7.0, 7.0]),
    ],
)
def test_a_size_is_a_column_or_what_an_expression_gives_and_rows_without_one_are_left_out(
    size: str, sizes: list[float]
) -> None:
    chosen = found(size=size)
    assert chosen.size is not None
    np.testing.assert_allclose(chosen.size, sizes)
    assert chosen.left_out == 4 - len(sizes)


def test_sizes_and_colours_are_those_of_the_rows_that_are_chosen() -> None:
    chosen = found(select="flux > 50", size="flux / 10", conditions=("used", "band == 'r'"))
    assert chosen.size is not None
    assert chosen.colour is not None
    assert (chosen.x.tolist(), chosen.size.tolist(), chosen.colour.tolist()) == ([2.0], [10.0], [1])


def test_a_row_has_the_colour_of_its_first_condition_that_is_true() -> None:
    for conditions, indices in ((("used", "flux > 5"), [0, 1, 2]), (("flux > 5", "used"), [0, 0, 2])):
        colour = found(conditions=conditions).colour
        assert colour is not None
        assert colour.tolist() == indices


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("used | used", "truth values are no sizes"),
        ("band", "no column of numbers"),
        ("log10(flx)", "no column 'flx'"),
        ("__import__('os').system('true')", "there is no function"),
        ("flux +", "cannot be read"),
        (" ", "empty"),
    ],
)
def test_what_is_no_size_is_refused(size: str, said: str) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        found(size=size)
    assert caught.value.error.where == "size"


@pytest.mark.parametrize(
    ("colour", "conditions", "hexes"),
    [
        ("red", (), (RED,)),
        ("used ? red : green", ("used",), (RED, GREEN)),
        ("used?red:#0000ff", ("used",), (RED, BLUE)),
        ("flux > 50 ? red : used ? lime : blue", ("flux > 50", "used"), (RED, GREEN, BLUE)),
        ("band == '?:' ? red : blue", ("band == '?:'",), (RED, BLUE)),
        ('col("a?b:c")[2] > 1 ? red : blue', ('col("a?b:c")[2] > 1',), (RED, BLUE)),
        (r"band == '\'?' ? red : blue", (r"band == '\'?'",), (RED, BLUE)),
    ],
)
def test_a_colour_may_be_a_choice_by_conditions(
    colour: str, conditions: tuple[str, ...], hexes: tuple[str, ...]
) -> None:
    choice = colour_choice(colour)
    assert choice.conditions == conditions
    assert choice.hexes == hexes


@pytest.mark.parametrize(
    ("colour", "said"),
    [
        ("used ? red", "is no choice"),
        ("? red : green", "is no choice"),
        ("used ? red : ", "unknown colour"),
        ("used ? rde : green", "unknown colour 'rde'"),
        ("used ? a ? red : green : blue", "unknown colour"),
        ("used : red ? green", "is no choice"),
        ("'used ? red : green", "unknown colour"),
        ("used ? red : " * (MOST_COLOURS + 1) + "green", f"at most {MOST_COLOURS}"),
    ],
)
def test_what_is_no_choice_of_colours_is_refused_before_anything_is_read(colour: str, said: str) -> None:
    with pytest.raises(RequestError, match=said.replace("?", r"\?")) as caught:
        wanted_of(steps.Overlay(target=0, colour=colour))
    assert caught.value.error.where == "colour"


@pytest.mark.parametrize(
    ("condition", "said"),
    [("flux", "neither true nor false"), ("usd", "no column 'usd'"), ("used &", "cannot be read")],
)
def test_what_is_no_condition_of_a_colour_is_refused(condition: str, said: str) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        found(conditions=(condition,))
    assert caught.value.error.where == "colour"


def test_markers_have_the_colours_of_their_rows() -> None:
    step = steps.Overlay(target=0, colour="flux > 500 ? red : used ? lime : blue", size="count")
    chosen = find_positions(stars(), wanted_of(step), most_markers=100)
    packed = pack_positions(step, chosen, "k", Limits())
    assert packed.colours == (GREEN, BLUE, BLUE)
    assert np.frombuffer(packed.size).tolist() == [1.0, 2.0, 4.0]


def test_a_choice_over_no_rows_draws_nothing() -> None:
    step = steps.Overlay(target=0, colour="used ? red : blue", select="flux > 1e9")
    packed = pack_positions(step, find_positions(stars(), wanted_of(step), most_markers=9), "k", Limits())
    assert (packed.count, len(packed.colours)) == (0, 1)
