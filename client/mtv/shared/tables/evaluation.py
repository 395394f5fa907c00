"""Works a checked expression out on columns, with numpy alone. Pure.

Flags and comparisons give truth values; ``& | ~`` and ``and or not`` join them row by row. Numbers behave as numpy's
do, except that nothing warns: a division by zero is infinite, and a comparison with NaN is false. A whole number that
the table does not have counts as NaN (`mtv.shared.tables.gaps`), and is no fraction for that.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mtv.shared.tables.gaps import Values, apply, data_of, gaps_of
from mtv.shared.tables.selection import ONE_ARGUMENT, TWO_ARGUMENTS, Selection, column_of
from mtv.wire.errors import bad_value

Rows = npt.NDArray[np.bool_]

_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    name: getattr(np, name) for name in (*ONE_ARGUMENT, *TWO_ARGUMENTS)
}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[..., Any]]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.float_power,
}
_BITS: Final[Mapping[type[ast.operator], Callable[..., Any]]] = {
    ast.BitAnd: np.bitwise_and,
    ast.BitOr: np.bitwise_or,
    ast.BitXor: np.bitwise_xor,
}
_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[..., Any]]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
_PARENTHESES: Final = "put comparisons in parentheses: (slot_Centroid_x > 100) & calib_psf_used"


def choose_rows(selection: Selection, columns: Mapping[str, Values], rows: int, where: str = "select") -> Rows:
    """Evaluate an expression and return the rows that it chooses.

    Parameters
    ----------
    columns : `dict` [`str`, array]
        ``(rows,)`` or ``(rows, n)`` for every name of `Selection.columns`.

    Returns
    -------
    chosen : `numpy.ndarray`
        ``(rows,)`` of `bool`.

    Raises
    ------
    RequestError
        ``bad_value`` for operands that do not go together, or an expression that is no choice.
    """
    work = _Work(columns, where)
    return np.array(np.broadcast_to(_evaluate(where, lambda: work.truth(work.value(selection.tree))), (rows,)))


def work_out(selection: Selection, columns: Mapping[str, Values], rows: int, where: str) -> Values:
    """Evaluate an expression and return what it gives for every row; parameters and errors as of `choose_rows`.

    Returns
    -------
    values : array
        ``(rows,)`` of any type; masked where whole numbers have gaps.
    """
    found = _evaluate(where, lambda: _Work(columns, where).value(selection.tree))
    return found if found.shape == (rows,) else np.array(np.broadcast_to(found, (rows,)))


def _evaluate(where: str, work: Callable[[], Values]) -> Values:
    with np.errstate(all="ignore"):
        try:
            return work()
        except (TypeError, ValueError, OverflowError, ArithmeticError) as error:
            raise bad_value(where, f"the expression cannot be worked out ({type(error).__name__})") from error


class _Work:
    """The working out of one expression."""

    def __init__(self, columns: Mapping[str, Values], where: str) -> None:
        self._columns = columns
        self._where = where

    def value(self, node: ast.AST) -> Values:
        name = column_of(node)
        if name is not None:
            return self._column(name)
        return _RULES[type(node)](self, node)

    def truth(self, values: Values) -> Values:
        """Return truth values: flags are, whole numbers are true where they are not 0."""
        if values.dtype.kind not in "biu":
            what = "texts" if values.dtype.kind in "US" else "fractions"
            raise bad_value(self._where, f"{what} are neither true nor false", "compare them: slot_Centroid_x > 100")
        return values if values.dtype.kind == "b" else apply(_is_true, values)

    def _column(self, name: str) -> Values:
        values = self._columns[name]
        if values.ndim != 1:
            raise bad_value(self._where, f"{name} is a column of arrays", f"choose an element: {name}[0]")
        return _numbers_with_gaps(values)

    def constant(self, node: ast.Constant) -> Values:
        # An array, not a number of Python's: whole numbers have 64 bits, so that a column of bytes plus 300 is right.
        return np.asarray(node.value)

    def element(self, node: ast.Subscript) -> Values:
        name = column_of(node.value)
        assert name is not None
        assert isinstance(node.slice, ast.Constant)
        assert isinstance(node.slice.value, int)
        values, index = self._columns[name], node.slice.value
        if values.ndim != 2:
            raise bad_value(self._where, f"{name} is no column of arrays", f"leave [{index}] out")
        if not 0 <= index < values.shape[1]:
            raise bad_value(self._where, f"{name} has elements 0 to {values.shape[1] - 1}, not {index}")
        return _numbers_with_gaps(values[:, index])

    def call(self, node: ast.Call) -> Values:
        assert isinstance(node.func, ast.Name)
        return apply(_FUNCTIONS[node.func.id], *(self._number(argument) for argument in node.args))

    def join(self, node: ast.BoolOp) -> Values:
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return np.asarray(functools.reduce(join, (self.truth(self.value(value)) for value in node.values)))

    def apply_unary(self, node: ast.UnaryOp) -> Values:
        if isinstance(node.op, ast.Not):
            return np.logical_not(self.truth(self.value(node.operand)))
        if isinstance(node.op, ast.Invert):
            return apply(np.invert, self._bits(node.operand))
        values = self._number(node.operand)
        return apply(np.negative, values) if isinstance(node.op, ast.USub) else values

    def combine(self, node: ast.BinOp) -> Values:
        if (bits := _BITS.get(type(node.op))) is not None:
            return apply(bits, *_whole(*self._both_bits(node)))
        return apply(_ARITHMETIC[type(node.op)], *_whole(self._number(node.left), self._number(node.right)))

    def compare(self, node: ast.Compare) -> Values:
        found: Values = np.asarray(True)
        left = self.value(node.left)
        for operator, other in zip(node.ops, node.comparators, strict=True):
            if isinstance(other, ast.Tuple | ast.List):
                found = found & (self._among(left, other) == isinstance(operator, ast.In))
                continue
            right = self.value(other)
            self._check_alike(left, right)
            found = found & apply(_COMPARISONS[type(operator)], *_alike(left, right))
            left = right
        return found

    def _among(self, values: Values, listed: ast.Tuple | ast.List) -> Values:
        found: Values = np.zeros(values.shape, bool)
        for item in listed.elts:
            one = self.value(item)
            self._check_alike(values, one)
            found = found | apply(np.equal, *_alike(values, one))
        return found

    def _check_alike(self, left: Values, right: Values) -> None:
        if (left.dtype.kind == "U") != (right.dtype.kind == "U"):
            raise bad_value(self._where, "a text and a number cannot be compared", "texts stand in quotes")

    def _number(self, node: ast.AST) -> Values:
        values = self.value(node)
        if values.dtype.kind == "U":
            raise bad_value(self._where, f"{_describe(node, values)} cannot be reckoned with", "compare them")
        # Truth values count as 0 and 1, so that flags can be added.
        return values.astype(np.int64) if values.dtype.kind == "b" else values

    def _both_bits(self, node: ast.BinOp) -> tuple[Values, Values]:
        left, right = self._bits(node.left), self._bits(node.right)
        if (left.dtype.kind == "b") != (right.dtype.kind == "b"):
            # `x > 100 & used` is `x > (100 & used)` in Python: other rows than those that were meant.
            raise bad_value(self._where, "& | ^ join a truth value and a number", _PARENTHESES)
        return left, right

    def _bits(self, node: ast.AST) -> Values:
        values = self.value(node)
        if values.dtype.kind not in "biu":
            raise bad_value(self._where, f"& | ^ ~ cannot be used on {_describe(node, values)}", _PARENTHESES)
        return values


def _alike(left: Values, right: Values) -> tuple[Values, Values]:
    """Return two operands of which a single fraction is as wide as the column: 0.1 is what a column of floats holds."""
    if right.ndim == 0 and right.dtype.kind == "f" and left.dtype.kind == "f":
        return left, right.astype(left.dtype)
    if left.ndim == 0 and left.dtype.kind == "f" and right.dtype.kind == "f":
        return left.astype(right.dtype), right
    return left, right


def _is_true(values: Values) -> Values:
    return np.not_equal(values, 0)


def _numbers_with_gaps(values: Values) -> Values:
    # A gap in truth values is false, and one in texts an empty text: only of whole numbers the mask is needed.
    return values if values.dtype.kind in "iu" and gaps_of(values) is not None else np.asarray(data_of(values))


def _whole(left: Values, right: Values) -> tuple[Values, Values]:
    """Return two operands, a single number unsigned where the column is: numpy makes fractions of the two kinds."""
    if left.dtype == np.uint64 and _fits(right):
        return left, right.astype(np.uint64)
    if right.dtype == np.uint64 and _fits(left):
        return left.astype(np.uint64), right
    return left, right


def _fits(value: Values) -> bool:
    return value.ndim == 0 and value.dtype.kind == "i" and int(value) >= 0


def _describe(node: ast.AST, values: Values) -> str:
    kind = "texts" if values.dtype.kind == "U" else "fractions"
    return f"{kind} ({column_of(node) or 'the outcome of another part'})"


_RULES: Final[Mapping[type[ast.AST], Callable[[_Work, Any], Values]]] = {
    ast.Constant: _Work.constant,
    ast.Subscript: _Work.element,
    ast.Call: _Work.call,
    ast.BoolOp: _Work.join,
    ast.UnaryOp: _Work.apply_unary,
    ast.BinOp: _Work.combine,
    ast.Compare: _Work.compare,
}
