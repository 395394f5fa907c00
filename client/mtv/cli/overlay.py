"""Markers: from a table that the daemon reads, from a CSV file, or from points on the command line."""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mtv.arguments import checks
from mtv.arguments.markers import MarkerColumns, columns_of, table_columns
from mtv.arguments.naming import MARKERS
from mtv.cli import common, output, targets, textpoints
from mtv.cli.common import Call, Command, display_option
from mtv.cli.regions import draw_file, names_regions
from mtv.cli.textpoints import Points
from mtv.shared import paths
from mtv.wire import steps
from mtv.wire.angles import System
from mtv.wire.errors import bad_value
from mtv.wire.messages import StepOutcome


def size_or_column(text: float | str) -> float | str:
    """Return a size, or a column or expression of sizes."""
    try:
        return float(text)
    except ValueError:
        return str(text).strip()


@click.command("overlay", cls=Command)
@click.argument("words", nargs=-1, metavar="[TARGET [KEY=VALUE]...]")
@common.repo_option
@common.collections_option
@click.option("--hdu", metavar="N|NAME", help="HDU of a FITS file, from 0 or by name; else its first table.")
@click.option("--at", "points", multiple=True, metavar="X,Y", help="A point, instead of a target; may be repeated.")
@click.option(
    "--symbol",
    default="o",
    show_default=True,
    help="+ x * o, @:Mxx,Mxy,Myy for an ellipse, circle box diamond annulus vector line point, or a text.",
)
@click.option(
    "--size",
    type=size_or_column,
    metavar="SIZE|EXPRESSION",
    default=2.0,
    show_default=True,
    help="Radius in pixels, arc seconds with --sky; of a table also a column, or an expression: log10(instFlux)*3.",
)
@click.option(
    "--colour",
    "--color",
    default="green",
    show_default=True,
    help="X11 or CSS name, or #rrggbb; of a table also a choice: 'FLAG ? red : green'.",
)
@common.select_option
@click.option("--x", "x_name", help="Column of x; else slot_Centroid_x or x, coord_ra or ra with --sky.")
@click.option("--y", "y_name", help="Column of y, as for x.")
@click.option(
    "--sky", is_flag=True, help="Positions are right ascension and declination (ICRS); degrees, or a column's unit."
)
@click.option("--name", metavar="NAME", help="Overlay, drawn anew, for 'mtv erase NAME'; else added to 'markers'.")
@click.option("--replace/--add", default=None, help="Draw the overlay anew, or add to what it holds.")
@click.option("--lasting", is_flag=True, help="The overlay stays when another image is shown.")
@click.option("--exact", is_flag=True, help="Sizes are the image's, however small that is on the screen.")
@display_option
@click.pass_obj
def overlay(
    call: Call,
    /,
    words: tuple[str, ...],
    repo: str,
    collections: tuple[str, ...],
    hdu: str | None,
    points: tuple[str, ...],
    select: str,
    x_name: str | None,
    y_name: str | None,
    sky: bool,
    frame: int | str,
    name: str | None,
    replace: bool | None,
    **look: Any,
) -> None:
    """Draw markers, all of them or none.

    \b
    mtv overlay src instrument=HSC visit=23718 detector=41 --size 10 --colour orange
    mtv overlay src instrument=HSC visit=23718 detector=41 --symbol x --colour red --select calib_psf_used
    mtv overlay src instrument=HSC visit=23718 detector=41 --select 'calib_psf_candidate & ~calib_psf_used'
    mtv overlay src instrument=HSC visit=23718 detector=41 --size 'log10(slot_PsfFlux_instFlux) * 3'
    mtv overlay src instrument=HSC visit=23718 detector=41 --colour 'calib_psf_used ? red : green'
    mtv overlay catalog.parq --sky --x ra --y dec
    mtv overlay stars.csv --x xpix --y ypix --select 'mag < 20' --size '25 - mag'
    awk '{print $2, $3}' table | mtv overlay -
    mtv overlay --at 1024,2048 --symbol "here it is"
    mtv overlay regions.reg

    A region file of DS9 (.reg) is drawn as it says: shapes, systems, colours and labels. What cannot be drawn of it is
    told with the numbers of its lines.

    x and y are 0-based parent pixels. A text may have a head with column names, as SExtractor, VizieR and IPAC write
    them; '-' is the standard input. Rows without a position are left out and counted.
    """  # noqa: D301 - \b is click's own mark
    if len(words) == 1 and not points and names_regions(words[0]):
        _refuse_columns(hdu=hdu, select=select, x=x_name, y=y_name, sky=sky)
        draw_file(call, frame, words[0], name=name, replace=replace is not False, lasting=look["lasting"])
        return
    names = _pair(x_name, y_name)
    # As in Python: an overlay that is named is drawn anew, and what has no name is added to the markers, as dots are.
    look |= {"name": name or MARKERS, "replace": name is not None if replace is None else replace}
    if bool(words) == bool(points):
        raise bad_value("target", "give a target, or points with --at", "mtv overlay --help has examples")
    if not points and not _is_read_here(call, words, select, look):
        with _as_file(words) as known:
            target = targets.parse(known, repo=repo, collections=collections, hdu=hdu)
            _overlay_table(call, frame, target, names, select, sky, look)
        return
    if select:
        raise bad_value("select", *_only_of_tables("rows be chosen", points))
    if hdu is not None:
        raise bad_value("hdu", "only a FITS file has HDUs", "leave --hdu out")
    if points:
        found = Points(*_columns([common.point(point, "at") for point in points]))
    else:
        found = textpoints.read(words[0], names, _system(sky))
    _overlay_points(call, frame, found, sky, look)


def _is_default(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) == ParameterSource.DEFAULT


def _refuse_columns(**given: Any) -> None:
    """Refuse options that a region file has no use for: it says itself what its regions look like."""
    looks = {option: not _is_default(option) for option in ("symbol", "size", "colour", "exact")}
    for option, value in {**given, **looks}.items():
        if value:
            raise bad_value(option, "a region file says itself what is drawn, and where", f"leave --{option} out")


def _is_read_here(call: Call, words: Sequence[str], select: str, look: Mapping[str, Any]) -> bool:
    """Tell whether positions are read by this process: the standard input, and texts where the daemon is far away."""
    if words[1:] or not textpoints.is_text(words[0]):
        return False
    if paths.is_tcp(call.connection.endpoint):
        return True
    return words[0] == "-" and not (select or isinstance(look["size"], str) or "?" in look["colour"])


def _only_of_tables(what: str, points: Sequence[str]) -> tuple[str, str]:
    if points:
        return f"only of a table can {what}", "leave --select out"
    return f"only of a table that the daemon reads can {what}", "copy the text to the daemon's host as FITS or parquet"


@contextlib.contextmanager
def _as_file(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Give the standard input a file that the daemon can read, while it does."""
    if tuple(words) != ("-",):
        yield words
        return
    with tempfile.TemporaryDirectory(prefix="mtv-") as directory:
        path = Path(directory, "standard-input.txt")
        path.write_text(sys.stdin.read(), encoding="utf-8")
        yield (str(path),)


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
    _tell(call, look["name"], call.draw(_step(frame, columns, sky=sky, **look)).steps[0], "no row is chosen")


def _overlay_points(call: Call, frame: int | str, found: Points, sky: bool, look: dict[str, Any]) -> None:  # noqa: FBT001, RUF100
    drawn = StepOutcome()
    if found.x:
        limits, marks = call.connection.limits, (look["symbol"], look["size"], look["colour"])
        columns = columns_of(found.x, found.y, *marks, limits, _system(sky))
        drawn = call.draw(_step(frame, columns, sky=sky, **look), buffers=columns.buffers).steps[0]
    _tell(call, look["name"], drawn, "there is nothing to draw")


def _system(sky: bool) -> System:  # noqa: FBT001, RUF100
    return "sky" if sky else "pixel"


def _step(
    frame: int | str,
    columns: MarkerColumns,
    *,
    sky: bool,
    name: str,
    replace: bool,
    lasting: bool,
    exact: bool,
    **_marks: Any,
) -> steps.Overlay:
    return steps.Overlay(
        display=checks.display_name(frame),
        name=checks.overlay(name, "name"),
        system=_system(sky),
        replace=replace,
        lasting=lasting,
        exact=exact,
        **columns.fields,
    )


def _tell(call: Call, name: str, drawn: StepOutcome, nothing: str) -> None:
    markers = drawn.markers
    if drawn.note:
        click.echo(f"mtv: {drawn.note}", err=True)
    if call.json:
        output.print_json({"overlay": name, "markers": markers})
    elif markers:
        click.echo(f"{output.plural(markers, 'marker')} in overlay {name!r}")
    else:
        click.echo(f"mtv: {nothing}", err=True)


def _columns(pairs: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    first, second = itertools.tee(pairs)
    return [x for x, _ in first], [y for _, y in second]


def _pair(x_name: str | None, y_name: str | None) -> tuple[str, str] | None:
    if (x_name is None) != (y_name is None):
        raise bad_value("x" if x_name is None else "y", "--x and --y go together")
    return None if x_name is None or y_name is None else (x_name, y_name)
