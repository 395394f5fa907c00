"""Rows of a text: commas, semicolons, bars, tabs or blanks between; heads as programs write them. Pure.

The client reads what comes on its standard input by this, the daemon whatever file is a text, so that one rule holds.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from mtv.shared.sexagesimal import is_sexagesimal
from mtv.wire.angles import usual_pair

ENDINGS: Final = (".csv", ".txt", ".tsv", ".dat", ".cat", ".tbl", ".ipac")
"""Endings of the names of texts; other formats are known by their first bytes, whatever their name."""
GAPS: Final = frozenset({"", "nan", "null", "none", "na", "n/a", "--", "-", "..."})
"""Cells without a value, in small letters."""
MOST_COLUMNS: Final = 10_000
MOST_CELLS: Final = 20_000_000
"""Each is an object of Python: some 60 bytes."""
_NUMBERED: Final = re.compile(r"#\s*(?P<number>\d+)\s+(?P<name>[A-Za-z_]\w*)\b(?:.*\[(?P<unit>[^\]]*)\])?")
_WITH_UNIT: Final = re.compile(r"(?P<name>[^\[\]()]*[^\[\]()\s])\s*[\[(]\s*(?P<unit>[A-Za-z°:\"/]+)\s*[\])]")
_UNITS: Final = frozenset(
    {"deg", "degree", "degrees", "rad", "radian", "radians", "hourangle", "h", "hr", "hours", "arcmin", "arcsec", "mas"}
    | {"uas", "h:m:s", "d:m:s", '"h:m:s"', '"d:m:s"', "pix", "pixel", "pixels", "°"}
)
_DELIMITERS: Final = (",", "\t", ";", "|")
_BLANK: Final = ""
_QUOTES: Final = ('"', "'")
"""The second around texts with blanks in them, where blanks stand between columns."""
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


class TextRows(NamedTuple):
    """A text in cells."""

    names: tuple[str, ...]
    """Names of the columns; empty where the text has none."""
    units: dict[str, str]
    """By column, as they are written; only those that the text has."""
    rows: list[list[str]]
    numbers: list[int]
    """The line of each row, from 1."""
    width: int
    """Cells of each row."""
    words: tuple[str, ...] = ()
    """Names that two columns may have: two words of a comment above them."""


class BadLineError(ValueError):
    """A line that is no row of its text.

    Parameters
    ----------
    number : `int`
        Line, from 1.
    message : `str`
        Text that says why.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


def is_text(head: bytes) -> bool:
    """Tell whether the first bytes of a file may be a text's: no byte of them is one that texts do not have."""
    return not _CONTROLS.search(head)


def is_ipac(lines: Iterable[str]) -> bool:
    """Tell whether lines are an IPAC table's: names between bars, words behind backslashes."""
    first = next((line for line in lines if line.strip()), "")
    return first.startswith("\\") or (first.startswith("|") and first.rstrip().endswith("|"))


def is_number(text: str) -> bool:
    """Tell whether a text is a number, or nan."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def read_rows(lines: Sequence[str], wanted: Collection[str] = ()) -> TextRows:
    """Return the cells of a text.

    The names of columns stand in the first line, in the last comment before the rows, or behind their numbers in
    comments, as SExtractor writes them with their units. Units may stand in brackets behind a name, or, as VizieR has
    them, in a line of their own over a line of dashes.

    Parameters
    ----------
    lines : sequence of `str`
        Without line breaks.
    wanted : collection of `str`, optional
        Names that are looked for: two words over two columns are their names where they are these.

    Raises
    ------
    BadLineError
        A row with more cells than there are columns, or with fewer.
    """
    kept = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and line.lstrip()[0] != "#"]
    numbers, texts = [number for number, _ in kept], [line for _, line in kept]
    if not texts:
        return TextRows((), {}, [], [], 0)
    delimiter = _delimiter(texts[0])
    rows = _split(texts, numbers, delimiter)
    words: tuple[str, ...] = ()
    head, units = _find_numbered_head(lines, len(rows[0]))
    if not head and any(map(_is_value, rows[0])):
        head, words = _find_commented_head(lines[: numbers[0] - 1], rows[0], wanted)
    if not head and not any(map(_is_value, rows[0][:2])):
        head = tuple(rows[0])
        rows, numbers = rows[1:], numbers[1:]
        units, skipped = _read_units_below(head, rows)
        rows, numbers = rows[skipped:], numbers[skipped:]
    width = len(head) or len(rows[0])
    if head and not units:
        head, units = _split_units(head)
    _check(rows, numbers, width)
    return TextRows(tuple(_make_unique(head)), units, rows, numbers, width, words)


def _delimiter(line: str) -> str:
    return next((one for one in _DELIMITERS if one in line), _BLANK)


def _split(texts: Sequence[str], numbers: Sequence[int], delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    count = 0
    for cells, number in zip(_cells(texts, delimiter), numbers, strict=True):
        count += len(cells)
        if len(cells) > MOST_COLUMNS or count > MOST_CELLS:
            what = f"{MOST_COLUMNS} columns" if len(cells) > MOST_COLUMNS else f"{MOST_CELLS} cells"
            raise BadLineError(number, f"a text of more than {what} is not read")
        rows.append(cells)
    return rows


def _cells(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    for line in lines:
        quote = next((quote for quote in _QUOTES if quote in line), None)
        if quote is None or (quote == "'" and delimiter != _BLANK):
            yield _bare_cells(line, delimiter)
        else:
            yield _quoted_cells(line, delimiter, quote)


def _bare_cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in line.split(delimiter)] if delimiter != _BLANK else line.split()


def _quoted_cells(line: str, delimiter: str, quote: str) -> list[str]:
    # Line by line: a quote that is never closed spoils its own line, and not all that follow.
    text = line if delimiter != _BLANK else line.replace("\t", " ").strip()
    try:
        (cells,) = csv.reader([text], delimiter=delimiter or " ", quotechar=quote, skipinitialspace=True)
    except csv.Error:  # a cell of more than 128 kB
        return _bare_cells(line, delimiter)
    return [cell.strip() for cell in cells]


def _check(rows: Sequence[list[str]], numbers: Sequence[int], width: int) -> None:
    for row, number in zip(rows, numbers, strict=True):
        if len(row) == width:
            continue
        while len(row) > width and not row[-1]:
            del row[-1]
        if len(row) != width:
            cells = f"{len(row)} cell{'s' * (len(row) != 1)}"
            raise BadLineError(number, f"the line has {cells}, and there are {width} columns")


def _is_value(cell: str) -> bool:
    return is_number(cell) or is_sexagesimal(cell) or cell.lower() in GAPS


def _find_numbered_head(lines: Sequence[str], width: int) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return names and units of a head in which columns have numbers: ``#   2 X_IMAGE   Along x   [pixel]``.

    A number that is left out is another element of the column before. No names where there is no such head.
    """
    matches = [match for line in lines if line.startswith("#") and (match := _NUMBERED.match(line.strip()))]
    numbers = [int(match["number"]) for match in matches]
    if len(numbers) < 2 or numbers[0] != 1 or numbers != sorted(set(numbers)) or numbers[-1] > width:
        return (), {}
    names: list[str] = []
    for match, end in zip(matches, [*numbers[1:], width + 1], strict=True):
        more = end - 1 - len(names)
        names += [match["name"], *(f"{match['name']}_{number}" for number in range(1, more))]
    return tuple(names), {match["name"]: match["unit"] for match in matches if match["unit"]}


def _find_commented_head(
    lines: Sequence[str], row: Sequence[str], wanted: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names in the last comment before the rows, as many as a row has values; else words that may be names.

    Two words over two columns may be anything: they are names where they are usual ones, or those that are wanted.
    """
    comments = [line.strip().lstrip("#").strip() for line in lines if line.strip()]
    names = next(_cells(comments[-1:], _delimiter(comments[-1]))) if comments and comments[-1] else []
    if not names or len(names) != len(row) or any(map(is_number, names)):
        return (), ()
    usual = usual_pair("pixel", names) or usual_pair("sky", names)
    if len(names) > 2 or usual or set(names) == set(wanted):
        return tuple(names), ()
    return (), tuple(names) if len(names) == 2 else ()


def _read_units_below(head: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[dict[str, str], int]:
    """Return the units in the line below the names, and how many lines are no rows: VizieR has dashes below."""
    for skipped in (1, 2):
        if len(rows) >= skipped and _are_dashes(rows[skipped - 1]):
            units = dict(zip(head, rows[0], strict=False)) if skipped == 2 else {}
            return {name: unit for name, unit in units.items() if unit}, skipped
    return {}, 0


def _are_dashes(row: Sequence[str]) -> bool:
    """Tell whether a row is a line below names; one or two dashes in all cells are gaps."""
    return all(set(cell) == {"-"} for cell in row) and any(len(cell) > 2 for cell in row)


def _split_units(head: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return names without the units in brackets behind them: ``ra [deg]``; other brackets are part of a name."""
    names: list[str] = []
    units: dict[str, str] = {}
    for name in head:
        match = _WITH_UNIT.fullmatch(name)
        if match and match["unit"].lower() in _UNITS:
            names.append(match["name"])
            units[match["name"]] = match["unit"]
        else:
            names.append(name)
    return tuple(names), units


def _make_unique(names: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for place, given in enumerate(names, 1):
        name = free = given or f"col{place}"
        number = 2
        while free in seen:
            free, number = f"{name}_{number}", number + 1
        seen.add(free)
        yield free


__all__ = ["ENDINGS", "GAPS", "BadLineError", "TextRows", "is_ipac", "is_number", "is_text", "read_rows"]
