"""Choosing rows by an expression: what it means, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mtv.shared.tables.evaluation import choose_rows
from mtv.shared.tables.selection import FUNCTIONS, MOST_DEPTH, MOST_NODES, parse
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits

COLUMNS = {
    "candidate": np.array([True, True, False, True]),
    "used": np.array([True, False, False, True]),
    "x": np.array([1.0, 200.0, np.nan, 40.0], ">f8"),
    "n": np.array([0, 1, 2, 3], "u1"),
    "band": np.array(["r", "i", "r", "g"]),
    "flux.psf": np.array([1, 2, 3, 4]),
    "g-r": np.array([0.1, 0.2, 0.3, 0.4], "f4"),
    "signed": np.array([-1, 0, 1, 2]),
    "unsigned": np.array([0, 1, 2, 2**64 - 1], "u8"),
    "aperture": np.arange(8.0).reshape(4, 2),
}
ROWS = 4


def rows(text: str) -> list[int]:
    selection = parse(text, most_chars=2000)
    return np.flatnonzero(choose_rows(selection, COLUMNS, ROWS)).tolist()


def refusal(text: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        rows(text)
    assert caught.value.code == "bad_value"
    assert caught.value.error.where == "select"
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("candidate & ~used", [1]),
        ("candidate and not used", [1]),
        ("candidate\n  & used", [0, 3]),
        ("used or n == 2", [0, 2, 3]),
        ("used ^ candidate", [1]),
        ("x > 100", [1]),
        ("(x > 10) & candidate", [1, 3]),
        ("10 < x <= 40", [3]),
        ("isfinite(x)", [0, 1, 3]),
        ("x == x", [0, 1, 3]),
        ("n", [1, 2, 3]),
        ("not n", [0]),
        ("n + 300 > 301", [2, 3]),
        ("-n < -2", []),
        ("flux.psf ** 2 >= 9", [2, 3]),
        ("n / 0 > 1", [1, 2, 3]),
        ("hypot(flux.psf, 0) > 3", [3]),
        ("band == 'r'", [0, 2]),
        ("band in ('g', 'i')", [1, 3]),
        ("n not in [1, 3]", [0, 2]),
        ("n & 2", [2, 3]),
        ("candidate + used == 2", [0, 3]),
        ('col("g-r") == 0.1', [0]),
        ("aperture[1] > 4", [2, 3]),
        ("unsigned > 18446744073709551614", [3]),
        ("signed < unsigned", [0, 1, 2, 3]),
        ("True", [0, 1, 2, 3]),
        ("1 > 2", []),
    ],
)
def test_an_expression_chooses_rows(text: str, expected: list[int]) -> None:
    assert rows(text) == expected


def test_an_expression_tells_the_columns_that_it_needs() -> None:
    selection = parse("candidate & ~used & (flux.psf > 3) & (col('g-r') < aperture[0]) & isfinite(x)", most_chars=2000)
    assert sorted(selection.columns) == ["aperture", "candidate", "flux.psf", "g-r", "used", "x"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("x >", "cannot be read"),
        ("x > ) 3", "at character 5"),
        ("x = 3", "cannot be read"),
        ("x\0", "cannot be read"),
        ("x is None", "Is cannot stand"),
        ("None", "None is no number"),
        ("1j", "is no number"),
        ("9" * 30, "is no number"),
        ("1e999", "is no number"),
        ("[1, 2]", "List cannot stand"),
        ("(x, n)", "Tuple cannot stand"),
        ("x in n", "'in' needs a list"),
        ("x in (1, (2, 3))", "Tuple cannot stand"),
        ("x == (1, 2)", "'in' needs a list"),
        ("x if used else n", "IfExp cannot stand"),
        ("(y := x) > 1", "NamedExpr cannot stand"),
        ("lambda: x", "Lambda cannot stand"),
        ("[x for x in n]", "ListComp cannot stand"),
        ("f'{x}'", "JoinedStr cannot stand"),
        ("n << 9", "LShift cannot stand"),
        ("x @ n", "MatMult cannot stand"),
        ("*x", "cannot be read"),
        ("sqrt(*x)", "Starred cannot stand"),
        ("sqrt(x=1)", "takes 1 argument"),
        ("hypot(x)", "takes 2 arguments"),
        ("eval('1')", "no function eval"),
        ("x.__class__()", "no function x.__class__"),
        ("(lambda: 1)()", "no function of that form"),
        ("col(3)", "in quotes"),
        ("col('x').real", "Attribute cannot stand"),
        ("x[0:1]", "only an element"),
        ("n[-1]", "only an element"),
        ("x[0][0]", "only an element"),
        ("x[0] > 1", "no column of arrays"),
        ("aperture > 1", "is a column of arrays"),
        ("aperture[2] > 1", "elements 0 to 1"),
        ("x", "neither true nor false"),
        ("band", "neither true nor false"),
        ("~x", "cannot be used on fractions (x)"),
        ("x > 100 & used", "join a truth value and a number"),
        ("band > 3", "a text and a number"),
        ("band * 3 == 'rrr'", "cannot be reckoned with"),
        ("signed & unsigned", "cannot be worked out"),
        ("-" * 500 + "n", "nested"),
        ("(" * 900 + "n" + ")" * 900, "cannot be read"),
        (" & ".join(["used"] * (MOST_DEPTH + 2)), "nested"),
        ("n in (" + "1, " * 400 + "1)", "parts"),
        ("n" * 2001, "2001 characters"),
    ],
)
def test_what_is_no_choice_of_rows_is_refused_in_words(text: str, said: str) -> None:
    assert said in refusal(text).error.message


def test_comparisons_without_parentheses_are_refused_with_what_to_do() -> None:
    assert "(slot_Centroid_x > 100) & calib_psf_used" in refusal("x > 100 & used").error.hint


def test_the_documents_name_every_function_and_limit() -> None:
    root = Path(__file__).parents[2]
    protocol, tables = ((root / name).read_text() for name in ("client/PROTOCOL.md", "docs/tables.md"))
    for name in FUNCTIONS:
        assert re.search(rf"\b{name}\b", protocol), name
        assert re.search(rf"\b{name}\b", tables), name
    assert f"{Limits().select_chars:,} characters, {MOST_NODES} parts, {MOST_DEPTH} deep" in tables


def test_an_unknown_function_comes_with_near_names() -> None:
    assert "'isfinite'" in refusal("isfinit(x)").error.hint


def test_the_rows_of_an_empty_table_are_none() -> None:
    empty = {name: values[:0] for name, values in COLUMNS.items()}
    for text in ("used", "True", "x > 3"):
        assert choose_rows(parse(text, most_chars=2000), empty, 0).tolist() == []
