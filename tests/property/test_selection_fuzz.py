"""Whatever the expression, only documented errors are raised, and what is chosen are rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mtv.shared.tables.evaluation import choose_rows
from mtv.shared.tables.selection import FUNCTIONS, parse
from mtv.wire.errors import RequestError

COLUMNS = {
    "a": np.array([True, False, True]),
    "b": np.array([False, False, True]),
    "x": np.array([1.5, np.nan, -np.inf], ">f8"),
    "f": np.array([1.5, 0.0, 3e38], "f4"),
    "n": np.array([0, 255, 7], "u1"),
    "u": np.array([0, 2**64 - 1, 7], "u8"),
    "i": np.array([-(2**63), 0, 2**63 - 1]),
    "t": np.array(["", "r", "ii"]),
    "v": np.arange(6.0).reshape(3, 2),
}
WORDS = st.sampled_from(
    [*COLUMNS, *FUNCTIONS, "(", ")", "[", "]", ",", ".", "&", "|", "~", "^", "+", "-", "*", "/", "//", "%", "**", "<",
     ">=", "==", "!=", "and", "or", "not", "in", "is", "if", "else", "lambda", ":", "=", ":=", "0", "2", "1.5", "1e400",
     "9223372036854775808", "1j", "'r'", "b'r'", "f'{x}'", "None", "True", "...", "__class__", "@", "<<", "#", "\\"]
)  # fmt: skip
OPERATORS = ["&", "|", "^", "+", "-", "*", "/", "//", "%", "**", "<", ">=", "==", "!=", "and", "or"]
OPERATORS = ["&", "|", "^", "+", "-", "*", "/", "//", "%", "**", "<", ">=", "==", "!=", "and", "or"]
TREES = st.recursive(
    st.sampled_from([*COLUMNS, "v[1]", "1", "-3", "2.5", "'r'", "True", "18446744073709551615", "col('x')"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda parts: f"({' '.join(parts)})")
        | inner.map(lambda part: f"(~{part})")
        | inner.map(lambda part: f"(not {part})")
        | inner.map(lambda part: f"isfinite({part})")
        | st.tuples(inner, inner).map(lambda pair: f"arctan2({pair[0]}, {pair[1]})")
        | st.tuples(inner, inner).map(lambda pair: f"({pair[0]} in ({pair[1]}, 7))")
    ),
    max_leaves=12,
)


def holds(text: str) -> None:
    assert refusal(text) in {None, ("bad_value", "select")}


def refusal(text: str) -> tuple[str, str] | None:
    """Return code and field of the documented error; None where rows were chosen."""
    try:
        selection = parse(text, most_chars=2000)
        if set(selection.columns) <= set(COLUMNS):
            rows = choose_rows(selection, COLUMNS, 3)
            assert (rows.dtype, rows.shape) == (np.dtype(bool), (3,))
    except RequestError as error:
        return error.code, error.error.where
    return None


@given(st.text(max_size=200))
def test_any_text_raises_only_documented_errors(text: str) -> None:
    holds(text)


@given(st.lists(WORDS, max_size=25).map(" ".join))
def test_any_words_raise_only_documented_errors(text: str) -> None:
    holds(text)


@settings(max_examples=400)
@given(TREES)
def test_any_expression_gives_rows_or_a_documented_error(text: str) -> None:
    holds(text)


@given(st.sampled_from(["(", "[", "-", "~", "+", "not.", "a.", "a&", "a<"]), st.integers(1, 2000))
def test_any_depth_is_refused_in_words(part: str, count: int) -> None:
    holds((part.replace("not.", "not ") * count)[:1999] + "a")
