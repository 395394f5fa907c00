"""Looks of a table's rows: sizes by a column or an expression, colours chosen by conditions. Pure.

A colour is a name, or ``CONDITION ? COLOUR : COLOUR``; what stands behind the colon may be a choice again. The
conditions are expressions as those that choose rows, and so are sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mtv.shared.tables.evaluation import Rows, choose_rows, work_out
from mtv.shared.tables.gaps import Values, as_fractions
from mtv.shared.tables.selection import Selection, parse
from mtv.shared.tables.tables import Table, columns_of, find, look_up, not_read
from mtv.wire import colours
from mtv.wire.angles import System, size_factor
from mtv.wire.errors import bad_value

MOST_COLOURS: Final = 32
"""Colours of one choice at most; each condition costs a pass over the rows."""
_OPENING: Final = {"(": ")", "[": "]"}
_EXAMPLE: Final = "for example: calib_psf_used ? red : green"
_SIZE_EXAMPLE: Final = "for example: log10(slot_PsfFlux_instFlux) * 3"
Indices = npt.NDArray[np.uint8]


class Choice(NamedTuple):
    """A colour of every row: the first whose condition is true, else the last."""

    conditions: tuple[str, ...]
    hexes: tuple[str, ...]
    """``#rrggbb``, one more than there are conditions."""


def colour_choice(text: str) -> Choice:
    """Return the colours that a text chooses between, and by what; a lone colour has no condition.

    Raises
    ------
    RequestError
        ``bad_value``, ``colour``: an unknown colour, a colon or a condition that is missing, too many of them.
    """
    conditions: list[str] = []
    names: list[str] = []
    rest = text
    while (cut := _first(rest, "?")) is not None:
        condition, rest = rest[:cut].strip(), rest[cut + 1 :]
        colon = _first(rest, ":")
        if not condition or colon is None:
            raise bad_value("colour", f"{text[:100]!r} is no choice of colours: CONDITION ? COLOUR : COLOUR", _EXAMPLE)
        conditions.append(condition)
        names.append(rest[:colon])
        rest = rest[colon + 1 :]
        if len(conditions) >= MOST_COLOURS:
            raise bad_value("colour", f"at most {MOST_COLOURS} colours are chosen between")
    return Choice(tuple(conditions), tuple(colours.hex_of(name.strip(), "colour") for name in (*names, rest)))


def _first(text: str, wanted: str) -> int | None:
    """Return where a character stands outside of quotes and brackets."""
    return next((place for place, character in _outside(text) if character == wanted), None)


def _outside(text: str) -> Iterator[tuple[int, str]]:
    quote, depth, escaped = "", 0, False
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
        elif character in "'\"":
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _OPENING.values():
            depth -= 1
        elif depth <= 0:
            yield place, character


def sizes_of(table: Table, text: str, rows: Rows | None, system: System, most_chars: int) -> npt.NDArray[np.float64]:
    """Return sizes of the chosen rows: a column's, by its unit, or what an expression over columns gives.

    Parameters
    ----------
    text : `str`
        A column, slot or alias, else an expression; pixels, or arc seconds where ``system`` is ``sky``.
    rows : array or None
        ``(rows,)`` of `bool`; all rows where None.

    Returns
    -------
    sizes : `numpy.ndarray`
        ``(n,)``; NaN where there is none.

    Raises
    ------
    RequestError
        ``bad_value``, ``size``.
    """
    name = look_up(table, text)
    if name is None and text in table.left_out:
        name = find(table, text, "size")  # which says why
    if name is not None:
        values = columns_of(table, [name], rows)
        if name not in values:
            raise not_read("size", text, table.why_not(name))
        return numbers(values[name], text, "size") * size_factor(table.fields[name].unit, system)
    selection = parse(text, most_chars=most_chars, where="size")
    found = work_out(selection, read_named(table, selection, rows, "size"), _count(table, rows), "size")
    if found.dtype.kind not in "iuf":
        what = "texts" if found.dtype.kind == "U" else "truth values"
        raise bad_value("size", f"{what} are no sizes", "2 + 3 * calib_psf_used" if what != "texts" else _SIZE_EXAMPLE)
    return as_fractions(found)


def colours_of(table: Table, conditions: Sequence[str], rows: Rows | None, most_chars: int) -> Indices:
    """Return which colour each chosen row has: the number of the first condition that is true, else the last.

    Returns
    -------
    indices : `numpy.ndarray`
        ``(n,)``, places in `Choice.hexes`.

    Raises
    ------
    RequestError
        ``bad_value``, ``colour``.
    """
    count = _count(table, rows)
    found = np.full(count, len(conditions), np.uint8)
    for index in reversed(range(len(conditions))):
        selection = parse(conditions[index], most_chars=most_chars, where="colour")
        found[choose_rows(selection, read_named(table, selection, rows, "colour"), count, "colour")] = index
    return found


def read_named(table: Table, selection: Selection, rows: Rows | None, where: str) -> Mapping[str, Values]:
    """Return the columns that an expression names, as it names them, only the chosen rows of them.

    Raises
    ------
    RequestError
        ``bad_value`` for a column that the table does not have, or that cannot be read.
    """
    true_names = {name: find(table, name, where) for name in selection.columns}
    read = columns_of(table, list(dict.fromkeys(true_names.values())), rows)
    for name, true_name in true_names.items():
        if true_name not in read:
            raise not_read(where, name, table.why_not(true_name))
    return {name: read[true_name] for name, true_name in true_names.items()}


def numbers(values: Values, name: str, where: str) -> npt.NDArray[np.float64]:
    """Return a column of numbers as fractions; NaN in its gaps.

    Raises
    ------
    RequestError
        ``bad_value`` for a column of anything else, or of arrays.
    """
    if values.dtype.kind not in "iuf":
        raise bad_value(where, f"{name} is no column of numbers", "choose another column")
    if values.ndim != 1:
        raise bad_value(where, f"{name} is a column of arrays", "choose another column")
    return as_fractions(values)


def _count(table: Table, rows: Rows | None) -> int:
    return table.rows if rows is None else int(np.count_nonzero(rows))
