"""Positions in a text: comma-separated values, columns of blanks or tabs, SExtractor's ASCII_HEAD."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from mtv.wire.angles import System, factor, usual_pair, usual_pairs
from mtv.wire.errors import bad_value
from mtv.wire.hints import near

_NUMBERED: Final = re.compile(r"#\s*(?P<number>\d+)\s+(?P<name>[A-Za-z_]\w*)\b(?:.*\[(?P<unit>[^\]]*)\])?")
_GAPS: Final = frozenset({"", "nan", "null", "none", "na", "n/a", "--", "-", "...", "inf", "-inf", "+inf"})
_TEXTS: Final = (".csv", ".txt", ".tsv", ".dat", ".cat")
_TABLES: Final = (
    b"# %ECSV",
    b"SIMPLE",
    b"PAR1",
    b"\x1f\x8b",
    b"\x1f\x9d",
    b"BZh",
    b"\xfd7zXZ",
    b"PK\x03\x04",
)
"""First bytes of files that the daemon reads, whatever their name."""
_VOTABLE: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|VOTABLE|!--)")
_HEAD_BYTES: Final = 256


class Points(NamedTuple):
    """Positions to mark; NaN where a row has none."""

    x: Sequence[float]
    y: Sequence[float]


class _Head(NamedTuple):
    """Columns of a text by name."""

    places: Mapping[str, int]
    """0-based column of a row."""
    units: Mapping[str, str]


def is_text(file: str) -> bool:
    """Tell whether positions are read here: from the standard input, or a text by its name that is no table inside."""
    if file == "-":
        return True
    if not file.lower().endswith(_TEXTS):
        return False
    try:
        with Path(file).open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except OSError:  # `read` says why
        return True
    return not (head.startswith(_TABLES) or _VOTABLE.match(head))


def read(file: str, names: tuple[str, str] | None, system: System) -> Points:
    """Return the positions in a text: commas, tabs or blanks between.

    The names of columns stand in the first line, in the last comment before the rows, or behind their numbers in
    comments, as SExtractor writes them with their units. Without names x and y are the first two columns.

    Parameters
    ----------
    file : `str`
        Path; ``-`` for the standard input.
    names : `tuple` [`str`, `str`] or None
        Columns of x and y; the first usual pair where not given.
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
    rows = [(number, _cells(line)) for number, line in enumerate(lines, 1) if line.strip() and line.strip()[0] != "#"]
    if not rows:
        return Points((), ())
    head = _numbered_head(lines) or _commented_head(lines[: rows[0][0] - 1], rows[0][1], names)
    if head is None and not any(is_number(cell) for cell in rows[0][1][:2]):
        head, rows = _head_of_names(rows[0][1]), rows[1:]
    if head is None:
        if names:
            raise bad_value("x", "the file has no head with names of columns", "leave --x and --y out")
        first, second, by = 0, 1, (1.0, 1.0)
    else:
        x, y = _pair(head, names, system)
        first, second = head.places[x], head.places[y]
        by = factor(head.units.get(x, ""), "x", system), factor(head.units.get(y, ""), "y", system)
    points = [_of_row(number, row, first, second) for number, row in rows]
    return Points([x * by[0] for x, _ in points], [y * by[1] for _, y in points])


def is_number(text: str) -> bool:
    """Tell whether a text is a number, or nan."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cells(line: str) -> list[str]:
    if "," in line:
        return [cell.strip() for cell in next(csv.reader([line]))]
    return [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]


def _numbered_head(lines: Sequence[str]) -> _Head | None:
    """Return the head in which columns have numbers: ``#   2 X_IMAGE   Object position along x   [pixel]``."""
    matches = [match for line in lines if (match := _NUMBERED.match(line.strip()))]
    numbers = [int(match["number"]) for match in matches]
    if len(numbers) < 2 or numbers[0] != 1 or numbers != sorted(set(numbers)):
        return None
    return _Head(
        {match["name"]: number - 1 for match, number in zip(matches, numbers, strict=True)},
        {match["name"]: match["unit"] or "" for match in matches},
    )


def _commented_head(lines: Sequence[str], row: Sequence[str], wanted: tuple[str, str] | None) -> _Head | None:
    """Return the head in the last comment before the rows: as many names as a row has values.

    Two words over two columns may be anything: they are names where they are usual ones, or those that are wanted.
    """
    comments = [line.strip() for line in lines if line.strip()]
    names = _cells(comments[-1].lstrip("#").strip()) if comments else []
    if not names or len(names) != len(row) or any(map(is_number, names)):
        return None
    usual = usual_pair("pixel", names) or usual_pair("sky", names)
    return _head_of_names(names) if len(names) > 2 or usual or set(names) == set(wanted or ()) else None


def _head_of_names(names: Sequence[str]) -> _Head:
    places: dict[str, int] = {}
    for number, name in enumerate(names):
        places.setdefault(name, number)
    return _Head(places, {})


def _pair(head: _Head, names: tuple[str, str] | None, system: System) -> tuple[str, str]:
    there = f"there are {', '.join(list(head.places)[:20])}; choose with --x and --y"
    if names is None:
        pair = usual_pair(system, head.places)
        if pair is None:
            other: System = "sky" if system == "pixel" else "pixel"
            also = "; with --sky it has" if system == "pixel" and usual_pair(other, head.places) else ""
            raise bad_value("x", f"the file has none of the usual columns ({usual_pairs(system)}){also}", there)
        return pair
    for where, name in zip(("x", "y"), names, strict=True):
        if name not in head.places:
            raise bad_value(where, f"there is no column {name!r}", near(name, list(head.places), otherwise=there))
    return names


def _of_row(number: int, row: Sequence[str], first: int, second: int) -> tuple[float, float]:
    try:
        return _value(row[first]), _value(row[second])
    except (ValueError, IndexError):
        raise bad_value(f"line {number}", f"{' '.join(row)!r} has no x and y") from None


def _value(text: str) -> float:
    return float("nan") if text.lower() in _GAPS else float(text)


__all__ = ["Points", "is_number", "is_text", "read"]
