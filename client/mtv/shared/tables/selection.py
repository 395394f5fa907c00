"""Selection of rows of a table: an expression over its columns and flags. Pure; nothing of it is ever run as Python.

The text is parsed with Python's own grammar, because everybody knows it, and held to a short list of what may stand in
it: columns, numbers, texts, comparisons, arithmetic, ``& | ~``, ``and or not``, ``in (...)``, and a few functions.
What is left is worked out by `mtv.shared.tables.evaluation`, on columns only.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mtv.wire.errors import RequestError, bad_value
from mtv.wire.hints import near

MOST_NODES: Final = 300
"""Names, numbers and operators of one expression at most; each costs a pass over the rows."""
MOST_DEPTH: Final = 120
COLUMN: Final = "col"
"""``col("g-r")`` is the column whose name is no Python name."""

ONE_ARGUMENT: Final = (
    "isfinite", "isnan", "abs", "sqrt", "exp", "log", "log10", "floor", "ceil", "round", "sin", "cos", "tan", "degrees",
    "radians", "sign",
)  # fmt: skip
TWO_ARGUMENTS: Final = ("hypot", "arctan2", "minimum", "maximum")
FUNCTIONS: Final = {COLUMN: 1, **dict.fromkeys(ONE_ARGUMENT, 1), **dict.fromkeys(TWO_ARGUMENTS, 2)}

_OPERATORS: Final[tuple[type[ast.AST], ...]] = (
    ast.And, ast.Or, ast.Not, ast.Invert, ast.USub, ast.UAdd,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.BitAnd, ast.BitOr, ast.BitXor,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.In, ast.NotIn,
)  # fmt: skip
_INTEGERS: Final = range(-(2**63), 2**64)
_EXAMPLE: Final = "for example: calib_psf_candidate & ~calib_psf_used"


@dataclass(frozen=True)
class Selection:
    """A checked expression."""

    tree: ast.expr
    columns: tuple[str, ...]
    """The columns that it names, as they are written: true names, slots, aliases."""


def parse(text: str, *, most_chars: int, where: str = "select") -> Selection:
    """Check an expression.

    Parameters
    ----------
    most_chars : `int`
        Characters at most.

    Raises
    ------
    RequestError
        ``too_large``, or ``bad_value`` with what may not stand there. Nothing else is raised, whatever the text.
    """
    if len(text) > most_chars:
        raise bad_value(where, f"the expression has {len(text)} characters, at most {most_chars} are read")
    tree = _tree(text, where)
    nodes = list(_walk(tree, where))
    if len(nodes) > MOST_NODES:
        raise bad_value(where, f"the expression has {len(nodes)} parts, at most {MOST_NODES} are worked out")
    names = (name for node in nodes if (name := column_of(node)) is not None)
    return Selection(tree, tuple(dict.fromkeys(names)))


def column_of(node: ast.AST) -> str | None:
    """Return the column that a node stands for; None where it stands for something else."""
    if isinstance(node, ast.Call):
        return str(_constant(node.args[0])) if _function(node) == COLUMN else None
    return _dotted_name(node)


def _dotted_name(node: ast.AST) -> str | None:
    """Return a name, perhaps with points in it, as the older tables have them: ``flux.psf.err``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node is worked out from; the list behind ``in`` is one with its comparison."""
    if isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    elif isinstance(node, ast.Compare):
        yield node.left
        for other in node.comparators:
            yield from other.elts if isinstance(other, ast.Tuple | ast.List) else (other,)
    elif isinstance(node, ast.Call):
        yield from () if _function(node) == COLUMN else node.args
    elif isinstance(node, ast.Subscript):
        yield node.value


def _tree(text: str, where: str) -> ast.expr:
    line = text.replace("\r", " ").replace("\n", " ").strip()
    if not line:
        raise bad_value(where, "the expression is empty", _EXAMPLE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks on odd literals are for programmers
            return ast.parse(line, mode="eval").body
    except SyntaxError as error:
        at = f" at character {error.offset}" if error.offset else ""
        raise bad_value(where, f"the expression cannot be read{at}: {error.msg}", _EXAMPLE) from None
    except (ValueError, MemoryError, RecursionError, OverflowError):
        raise bad_value(where, "the expression cannot be read", _EXAMPLE) from None


def _walk(tree: ast.AST, where: str) -> Iterator[ast.AST]:
    level: list[ast.AST] = [tree]
    for _ in range(MOST_DEPTH):
        yield from level
        for node in level:
            _check(node, where)
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise bad_value(where, f"the expression is nested more than {MOST_DEPTH} deep")


def _check(node: ast.AST, where: str) -> None:
    if isinstance(node, ast.Constant):
        _check_constant(node.value, where)
    elif isinstance(node, ast.BoolOp | ast.UnaryOp | ast.BinOp):
        _check_operator(node.op, where)
    elif isinstance(node, ast.Compare):
        _check_comparison(node, where)
    elif isinstance(node, ast.Call):
        _check_call(node, where)
    elif isinstance(node, ast.Subscript):
        _check_element(node, where)
    elif _dotted_name(node) is None:
        raise _refusal_of(node, where)


def _check_constant(value: object, where: str) -> None:
    if isinstance(value, bool | str) or (isinstance(value, float) and math.isfinite(value)):
        return
    if isinstance(value, int) and value in _INTEGERS:
        return
    raise bad_value(where, f"{str(value)[:40]} is no number, text or truth value that a column could have")


def _check_operator(operator: ast.AST, where: str) -> None:
    if not isinstance(operator, _OPERATORS):
        raise _refusal_of(operator, where)


def _check_comparison(node: ast.Compare, where: str) -> None:
    for operator, right in zip(node.ops, node.comparators, strict=True):
        _check_operator(operator, where)
        if isinstance(operator, ast.In | ast.NotIn) != isinstance(right, ast.Tuple | ast.List):
            raise bad_value(where, "'in' needs a list of values, and only 'in' takes one", "visit in (1214, 23718)")


def _check_element(node: ast.Subscript, where: str) -> None:
    index = _constant(node.slice)
    whole = node.value
    if isinstance(whole, ast.Call):
        _check_call(whole, where)
    if column_of(whole) is None or not isinstance(index, int) or isinstance(index, bool):
        raise bad_value(where, "only an element of an array column can be chosen", "aperture[2]")


def _check_call(node: ast.Call, where: str) -> None:
    name = _function(node)
    if name not in FUNCTIONS:
        hint = near(name or "", FUNCTIONS, otherwise=f"there are {', '.join(FUNCTIONS)}")
        raise bad_value(where, f"there is no function {(_dotted_name(node.func) or 'of that form')[:40]}", hint)
    if len(node.args) != FUNCTIONS[name] or node.keywords:
        raise bad_value(where, f"{name} takes {FUNCTIONS[name]} argument{'s' * (FUNCTIONS[name] > 1)}")
    if name == COLUMN and not isinstance(_constant(node.args[0]), str):
        raise bad_value(where, "col takes the name of a column in quotes", 'col("g-r")')


def _function(node: ast.Call) -> str | None:
    return node.func.id if isinstance(node.func, ast.Name) else None


def _constant(node: ast.AST) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _refusal_of(node: ast.AST, where: str) -> RequestError:
    hint = "columns, numbers, texts, comparisons, arithmetic, & | ~ and or not"
    return bad_value(where, f"{type(node).__name__} cannot stand in a selection", hint)
