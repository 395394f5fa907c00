"""Markers: from a table that the daemon reads, from a CSV file, or from points on the command line."""

from __future__ import annotations

import csv
import itertools
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from mtv import checks
from mtv.cli import common, output, targets
from mtv.cli.common import Call, Command, display_option
from mtv.markers import MarkerColumns, columns_of, table_columns
from mtv.wire import steps
from mtv.wire.errors import bad_value

_CSV: Final = (".csv", ".txt", ".tsv", ".dat")


class Points(NamedTuple):
    """Positions to mark."""

    x: Sequence[float]
    y: Sequence[float]


def size_or_column(text: float | str) -> float | str:
    """Return a size, or the name of a column of sizes."""
    try:
        return float(text)
    except ValueError:
        return str(text).strip()


@click.command("overlay", cls=Command)
@click.argument("words", nargs=-1, metavar="[TARGET [KEY=VALUE]...]")
@common.repo_option
@common.collections_option
@click.option("--hdu", type=click.IntRange(min=0), help="HDU of a FITS file, from 0; else its first table.")
@click.option("--at", "points", multiple=True, metavar="X,Y", help="A point, instead of a target; may be repeated.")
@click.option("--symbol", default="o", show_default=True, help="+ x * o, @:Mxx,Mxy,Myy for an ellipse, or a text.")
@click.option(
    "--size",
    type=size_or_column,
    metavar="SIZE|COLUMN",
    default=2.0,
    show_default=True,
    help="Radius in pixels, arc seconds with --sky; of a table also a column of them.",
)
@click.option("--colour", "--color", default="green", show_default=True, help="X11 or CSS name, or #rrggbb.")
@common.select_option
@click.option("--x", "x_name", help="Column of x; else slot_Centroid_x or x, coord_ra or ra with --sky.")
@click.option("--y", "y_name", help="Column of y, as for x.")
@click.option(
    "--sky", is_flag=True, help="Positions are right ascension and declination (ICRS); degrees, or a column's unit."
)
@click.option("--name", default="markers", show_default=True, help="Overlay, for 'mtv erase NAME'.")
@click.option("--replace", is_flag=True, help="Remove first what the overlay holds.")
@click.option("--lasting", is_flag=True, help="The overlay stays when another image is shown.")
@display_option
@click.pass_obj
def overlay(
    call: Call,
    /,
    words: tuple[str, ...],
    repo: str,
    collections: tuple[str, ...],
    hdu: int | None,
    points: tuple[str, ...],
    select: str,
    x_name: str | None,
    y_name: str | None,
    sky: bool,
    frame: int | str,
    **look: Any,
) -> None:
    """Draw markers, all of them or none.

    \b
    mtv overlay src instrument=HSC visit=23718 detector=41 --size 10 --colour orange
    mtv overlay src instrument=HSC visit=23718 detector=41 --symbol x --colour red --select calib_psf_used
    mtv overlay src instrument=HSC visit=23718 detector=41 --select 'calib_psf_candidate & ~calib_psf_used'
    mtv overlay catalog.parq --sky --x ra --y dec
    mtv overlay stars.csv --x xpix --y ypix
    awk '{print $2, $3}' table | mtv overlay -
    mtv overlay --at 1024,2048 --symbol "here it is"

    x and y are 0-based parent pixels. A CSV file may have a head with column names; '-' is the standard input.
    """  # noqa: D301 - \b is click's own mark
    names = _pair(x_name, y_name)
    if bool(words) == bool(points):
        raise bad_value("target", "give a target, or points with --at", "mtv overlay --help has examples")
    in_words = not words[1:] and words[:1] and (words[0] == "-" or words[0].lower().endswith(_CSV))
    if not points and not in_words:
        extension = None if hdu is None else str(hdu)
        target = targets.parse(words, repo=repo, collections=collections, hdu=extension)
        _overlay_table(call, frame, target, names, select, sky, look)
        return
    if select:
        raise bad_value("select", "only of a table can rows be chosen", "leave --select out")
    found = Points(*_columns([_point(point) for point in points])) if points else read_csv(words[0], names)
    _overlay_points(call, frame, found, sky, look)


def _overlay_table(
    call: Call,
    frame: int | str,
    target: Any,
    names: tuple[str, str] | None,
    select: str,
    sky: bool,  # noqa: FBT001, RUF100
    look: dict[str, Any],
) -> None:
    """Have the daemon read and mark the rows of a table; nothing of it comes here."""
    limits = call.connection.limits
    columns = table_columns(target, None, select, names or (), look["symbol"], look["size"], look["colour"], limits)
    outcome = call.draw(_step(frame, columns, sky=sky, **look))
    if note := outcome.steps[0].note:
        click.echo(f"mtv: {note}", err=True)
    _tell(call, look["name"], outcome.steps[0].markers, "no row is chosen")


def _overlay_points(call: Call, frame: int | str, found: Points, sky: bool, look: dict[str, Any]) -> None:  # noqa: FBT001, RUF100
    drawn = len(found.x)
    if drawn:
        limits = call.connection.limits
        columns = columns_of(found.x, found.y, look["symbol"], look["size"], look["colour"], limits)
        call.draw(_step(frame, columns, sky=sky, **look), buffers=columns.buffers)
    _tell(call, look["name"], drawn, "there is nothing to draw")


def _step(
    frame: int | str, columns: MarkerColumns, *, sky: bool, name: str, replace: bool, lasting: bool, **_marks: Any
) -> steps.Overlay:
    return steps.Overlay(
        display=checks.frame(frame),
        name=checks.overlay(name, "name"),
        system="sky" if sky else "pixel",
        replace=replace,
        lasting=lasting,
        **columns.fields,
    )


def _tell(call: Call, name: str, markers: int, nothing: str) -> None:
    if call.json:
        output.print_json({"overlay": name, "markers": markers})
    elif markers:
        click.echo(f"{output.plural(markers, 'marker')} in overlay {name!r}")
    else:
        click.echo(f"mtv: {nothing}", err=True)


# Texts


def read_csv(file: str, names: tuple[str, str] | None) -> Points:
    """Return the positions in a CSV file: commas, tabs or blanks between; a head where the first line has no numbers.

    Raises
    ------
    RequestError
        ``bad_value`` with the number of the line at fault.
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
    head = rows[0][1]
    if any(_is_number(cell) for cell in head[:2]):
        if names:
            raise bad_value("x", "the file has no head with names of columns", "leave --x and --y out")
        first, second = 0, 1
    else:
        first, second = (_index(head, name) for name in names or ("x", "y"))
        rows = rows[1:]
    return Points(*_columns([_of_row(number, row, first, second) for number, row in rows]))


def _cells(line: str) -> list[str]:
    if "," in line:
        return [cell.strip() for cell in next(csv.reader([line]))]
    return [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]


def _index(head: Sequence[str], name: str) -> int:
    if name in head:
        return head.index(name)
    raise bad_value("x", f"there is no column {name!r}", f"there are {', '.join(head[:20])}; choose with --x and --y")


def _of_row(number: int, row: Sequence[str], first: int, second: int) -> tuple[float, float]:
    try:
        x, y = float(row[first]), float(row[second])
    except (ValueError, IndexError):
        raise bad_value(f"line {number}", f"{' '.join(row)!r} has no x and y") from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise bad_value(f"line {number}", "x or y is not finite")
    return x, y


def _point(text: str) -> tuple[float, float]:
    cells = text.split(",")
    if len(cells) != 2 or not all(map(_is_number, cells)):
        raise bad_value("at", f"{text.strip()!r} is no point", "--at X,Y")
    return float(cells[0]), float(cells[1])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _columns(pairs: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    first, second = itertools.tee(pairs)
    return [x for x, _ in first], [y for _, y in second]


def _pair(x_name: str | None, y_name: str | None) -> tuple[str, str] | None:
    if (x_name is None) != (y_name is None):
        raise bad_value("x" if x_name is None else "y", "--x and --y go together")
    return None if x_name is None or y_name is None else (x_name, y_name)
