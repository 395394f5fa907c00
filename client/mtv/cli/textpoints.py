"""Positions in a text, read here: of the standard input, or where the daemon is on another host."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from mtv.shared import textrows
from mtv.shared.sexagesimal import are_hours, sexagesimal
from mtv.shared.textrows import TextRows, is_number
from mtv.wire.angles import System, factor, usual_pair, usual_pairs
from mtv.wire.errors import bad_value
from mtv.wire.hints import near

_TABLES: Final = (b"# %ECSV", b"SIMPLE", b"PAR1")
"""First bytes of tables that are not read here, whatever their name; packed ones are no texts."""
_HEAD_BYTES: Final = 256
_INFINITE: Final = frozenset({"inf", "-inf", "+inf"})


class Points(NamedTuple):
    """Positions to mark; NaN where a row has none."""

    x: Sequence[float]
    y: Sequence[float]


def is_text(file: str) -> bool:
    """Tell whether positions are those of a text: the standard input, or a text by its name that is no table inside."""
    if file == "-":
        return True
    if not file.lower().endswith(textrows.ENDINGS):
        return False
    try:
        with Path(file).open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except OSError:  # `read` says why
        return True
    markup = head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
    return textrows.is_text(head) and not head.startswith(_TABLES) and not markup


def read(file: str, names: tuple[str, str] | None, system: System) -> Points:
    """Return the positions in a text, as `mtv.shared.textrows` reads its rows.

    Parameters
    ----------
    file : `str`
        Path; ``-`` for the standard input.
    names : `tuple` [`str`, `str`] or None
        Columns of x and y; the first usual pair where not given, and the first two where the text has no names.
    system : `str`
        ``sky`` for degrees, ``pixel``.

    Raises
    ------
    RequestError
        ``bad_value`` with the number of the line at fault, or naming ``target``, ``x`` or ``y``.
    """
    try:
        lines = sys.stdin.read().splitlines() if file == "-" else Path(file).read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise bad_value("target", f"{file} is not there") from None
    except (OSError, UnicodeDecodeError) as error:
        raise bad_value("target", f"{file} cannot be read: {error}") from None
    if textrows.is_ipac(lines):
        raise bad_value("target", "the daemon reads IPAC tables, from files of its host", "save it as a file there")
    try:
        text = textrows.read_rows(lines, names or ())
    except textrows.BadLineError as error:
        raise bad_value(f"line {error.number}", str(error)) from None
    if not text.rows:
        return Points((), ())
    if not text.names:
        if names:
            raise bad_value("x", "the file has no head with names of columns", "leave --x and --y out")
        return Points(*(_column(text, place, "", where, system) for place, where in enumerate(("x", "y"))))
    columns = zip(_pair(text.names, names, system), ("x", "y"), strict=True)
    return Points(
        *(_column(text, text.names.index(name), text.units.get(name, ""), where, system) for name, where in columns)
    )


def _column(text: TextRows, column: int, unit: str, where: str, system: System) -> list[float]:
    hours = are_hours(unit, where)
    by = 1.0 if ":" in unit else factor(unit, where, system)  # VizieR's h:m:s is no number's unit
    found: list[float] = []
    for row, number in zip(text.rows, text.numbers, strict=True):
        cell = row[column].lower() if column < len(row) else "?"
        if cell in textrows.GAPS or cell in _INFINITE:
            found.append(float("nan"))
            continue
        value = float(cell) * by if is_number(cell) else sexagesimal(cell, hours=hours) if system == "sky" else None
        if value is None:
            raise bad_value(f"line {number}", f"{' '.join(row)!r} has no x and y")
        found.append(value)
    return found


def _pair(columns: Sequence[str], names: tuple[str, str] | None, system: System) -> tuple[str, str]:
    there = f"there are {', '.join(columns[:20])}; choose with --x and --y"
    if names is None:
        pair = usual_pair(system, columns)
        if pair is None:
            other: System = "sky" if system == "pixel" else "pixel"
            also = "; with --sky it has" if system == "pixel" and usual_pair(other, columns) else ""
            raise bad_value("x", f"the file has none of the usual columns ({usual_pairs(system)}){also}", there)
        return pair
    for where, name in zip(("x", "y"), names, strict=True):
        if name not in columns:
            raise bad_value(where, f"there is no column {name!r}", near(name, list(columns), otherwise=there))
    return names


__all__ = ["Points", "is_number", "is_text", "read"]
