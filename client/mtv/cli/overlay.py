"""Markers: from the columns of a catalog, from a CSV file, or from points on the command line."""

from __future__ import annotations

import csv
import itertools
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from mtv import checks
from mtv.cli import catalog, common, output, targets
from mtv.cli.common import Call, Command, display_option, number
from mtv.markers import columns_of
from mtv.wire import steps
from mtv.wire.errors import RequestError, bad_value

if TYPE_CHECKING:
    import numpy as np

    from mtv.catalog import Catalog

_PIXEL_PAIRS: Final = (("slot_Centroid_x", "slot_Centroid_y"), ("x", "y"))
_SKY_PAIRS: Final = (("coord_ra", "coord_dec"), ("ra", "dec"))
_CSV: Final = (".csv", ".txt", ".tsv", ".dat")


class Points(NamedTuple):
    """Positions to mark."""

    x: Sequence[float] | np.ndarray[Any, Any]
    y: Sequence[float] | np.ndarray[Any, Any]


@click.command("overlay", cls=Command)
@click.argument("words", nargs=-1, metavar="[TARGET [KEY=VALUE]...]")
@common.repo_option
@common.collections_option
@click.option("--at", "points", multiple=True, metavar="X,Y", help="A point, instead of a target; may be repeated.")
@click.option("--symbol", default="o", show_default=True, help="+ x * o, @:Mxx,Mxy,Myy for an ellipse, or a text.")
@click.option(
    "--size",
    type=number,
    metavar="SIZE",
    default=2.0,
    show_default=True,
    help="Radius in pixels; arc seconds with --sky.",
)
@click.option("--colour", "--color", default="green", show_default=True, help="X11 or CSS name, or #rrggbb.")
@click.option("--select", "flags", multiple=True, metavar="FLAG", help="Only rows with this flag; !FLAG: without it.")
@click.option("--x", "x_name", help="Column of x; else slot_Centroid_x, or x.")
@click.option("--y", "y_name", help="Column of y; else slot_Centroid_y, or y.")
@click.option("--sky", is_flag=True, help="Positions are right ascension and declination in degrees (ICRS).")
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
    points: tuple[str, ...],
    flags: tuple[str, ...],
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
    mtv overlay stars.csv --x xpix --y ypix
    awk '{print $2, $3}' table | mtv overlay -
    mtv overlay --at 1024,2048 --symbol "here it is"

    x and y are 0-based parent pixels. A CSV file may have a head with column names; '-' is the standard input.
    """  # noqa: D301 - \b is click's own mark
    names = _pair(x_name, y_name)
    if bool(words) == bool(points):
        raise bad_value("target", "give a target, or points with --at", "mtv overlay --help has examples")
    if points:
        found = Points(*_columns([_point(point) for point in points]))
    elif not words[1:] and (words[0] == "-" or words[0].lower().endswith(_CSV)):
        if flags:
            raise bad_value("select", "only a catalog has flags")
        found = read_csv(words[0], names)
    else:
        target = targets.parse(words, repo=repo, collections=collections)
        found = from_catalog(call, target, names, flags, sky=sky)
    _draw(call, frame, found, sky=sky, **look)


def _draw(call: Call, frame: int | str, found: Points, *, sky: bool, name: str, **look: Any) -> None:
    drawn = len(found.x)
    if drawn:
        limits = call.connection.limits
        columns = columns_of(found.x, found.y, look["symbol"], look["size"], look["colour"], limits)
        step = steps.Overlay(
            display=checks.frame(frame),
            name=checks.overlay(name, "name"),
            system="sky" if sky else "pixel",
            replace=look["replace"],
            lasting=look["lasting"],
            **columns.fields,
        )
        call.draw(step, buffers=columns.buffers)
    if call.json:
        output.print_json({"overlay": name, "markers": drawn})
    elif drawn:
        click.echo(f"{output.plural(drawn, 'marker')} in overlay {name!r}")
    else:
        click.echo("mtv: there is nothing to draw", err=True)


def from_catalog(call: Call, target: Any, names: tuple[str, str] | None, flags: Sequence[str], *, sky: bool) -> Points:
    """Return the positions of a catalog's rows; rows without a position are left out, and counted on stderr."""
    import numpy as np

    (x_name, y_name), table = _with_positions(call, target, names, flags, sky=sky)
    chosen = catalog.selected(table, flags)
    x, y = (_in_degrees(table, name) if sky else table.column(name) for name in (x_name, y_name))
    if x.dtype.kind not in "iuf" or y.dtype.kind not in "iuf":
        raise bad_value("x", f"{x_name} and {y_name} are no columns of numbers", "choose others with --x and --y")
    there = np.isfinite(x) & np.isfinite(y)
    missing = int((chosen & ~there).sum())
    if missing:
        click.echo(f"mtv: {output.plural(missing, 'row')} without a position left out", err=True)
    return Points(x[chosen & there], y[chosen & there])


def _with_positions(
    call: Call, target: Any, names: tuple[str, str] | None, flags: Sequence[str], *, sky: bool
) -> tuple[tuple[str, str], Catalog]:
    """Bring the columns of positions: those named, else the first usual ones that the table has."""
    pairs = [names] if names else list(_SKY_PAIRS if sky else _PIXEL_PAIRS)
    for pair in pairs:
        try:
            return pair, catalog.fetch(call, target, (*pair, *catalog.flag_names(flags)))
        except RequestError as error:
            at_pair = error.error.where in {"columns[0]", "columns[1]"}
            if not at_pair or names:
                raise
    tried = ", ".join(" ".join(pair) for pair in pairs)
    raise bad_value("x", f"the table has none of the usual columns ({tried})", "name them with --x and --y")


def _in_degrees(table: Catalog, name: str) -> np.ndarray[Any, Any]:
    import numpy as np

    field = table.schema.find(name).field
    values: np.ndarray[Any, Any] = table.column(name)
    radians = field.units in {"rad", "radian", "radians"} or (not field.units and field.type == "Angle")
    return np.rad2deg(values) if radians else values


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
