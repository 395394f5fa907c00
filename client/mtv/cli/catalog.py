"""Catalogs: the schema, rows as a table, CSV. numpy comes when data come."""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from mtv.cli import common, output, targets
from mtv.cli.common import Call, Command, split_items
from mtv.wire.data import Dataset, File, Handle
from mtv.wire.errors import Error, RequestError
from mtv.wire.messages import Got
from mtv.wire.requests import Get

if TYPE_CHECKING:
    from mtv.data.catalog import Catalog

_SHOWN_ROWS: Final = 20
_TOLD: Final = {"left_out": "columns of other types are left out", "other_tables": "the file has more tables"}


def fetch(call: Call, target: Dataset | File | Handle, columns: Sequence[str] = (), select: str = "") -> Catalog:
    """Bring a catalog, or some of its columns and rows.

    Raises
    ------
    RequestError
        The target is no catalog, or has no such column.
    """
    from mtv.data.catalog import Catalog
    from mtv.pixels.incoming import Incoming

    answer = call.ask(Get(target=target, columns=tuple(dict.fromkeys(columns)), select=select))
    got = answer.reply
    directory = call.connection.pixel_directory
    if isinstance(got, Got) and got.catalog is not None:
        return Catalog.from_wire(got.catalog, answer.buffers, directory)
    data = got.data if isinstance(got, Got) else None
    if data is not None:
        Incoming((data.image, data.mask, data.variance), answer.buffers, directory)  # its files are ours to remove
    raise RequestError(
        Error(code="bad_value", message="this is no catalog", where="target", hint="'mtv show' shows images")
    )


@click.command("catalog", cls=Command)
@targets.target_options
@click.option("--schema", is_flag=True, help="Columns with types, units and descriptions, instead of rows.")
@click.option("--columns", multiple=True, help="Columns or slots (slot_Centroid_x); with commas, or repeated.")
@common.select_option
@click.option("--sort", metavar="COLUMN", help="Sort by a column; -COLUMN: the largest first. Gaps come last.")
@click.option("--limit", type=click.IntRange(min=0), help=f"At most so many rows; {_SHOWN_ROWS}, all as CSV or JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, all rows.")
@click.pass_obj
def catalog(
    call: Call,
    /,
    schema: bool,
    columns: tuple[str, ...],
    select: str,
    sort: str | None,
    limit: int | None,
    as_csv: bool,
    **target: Any,
) -> None:
    """Print the schema or the rows of a catalog.

    \b
    mtv catalog src instrument=HSC visit=23718 detector=41 --schema
    mtv catalog src instrument=HSC visit=23718 detector=41 --columns id,slot_Centroid_x,slot_Centroid_y
    mtv catalog src instrument=HSC visit=23718 detector=41 --sort -slot_PsfFlux_instFlux --limit 5
    mtv catalog table.parq --select 'calib_psf_used & (psfFlux > 1000)' --csv > stars.csv

    On a terminal the columns that fit are shown, those that people look at first in front; a pipe, --csv and --json
    have all.
    """  # noqa: D301 - \b is click's own mark
    named = split_items(columns)
    table = fetch(call, targets.parse(**target), [*named, *_column_of(sort, named)], select)
    if sort:
        table.sort(sort)
    names = named or (table.columns if schema or as_csv or call.json else table.prominent())
    if schema:
        _print_schema(call, table, names)
        return
    shown = limit if limit is not None or as_csv or call.json else _SHOWN_ROWS
    rows = _rows(table, names, shown)
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        heads, flat = _flat(table, names, rows)
        writer.writerow(heads)
        writer.writerows(flat)
    elif call.json:
        objects = [dict(zip(names, row, strict=True)) for row in rows]
        told = {name: table.metadata[name] for name in _TOLD if name in table.metadata}
        output.print_json({"label": table.label, "rows": objects, "total": len(table), **told})
    else:
        said = [[_say(value) for value in row] for row in rows]
        fit = len(names) if named else output.columns_that_fit(names, said)
        output.print_table(names[:fit], [row[:fit] for row in said])
        more = f", {fit} of {output.plural(len(names), 'column')} (--schema lists them)" if fit < len(names) else ""
        click.echo(f"mtv: {len(rows)} of {output.plural(len(table), 'row')}{more}", err=True)
    _tell(call, table)


def _column_of(sort: str | None, named: Sequence[str]) -> list[str]:
    """Return the column that rows are sorted by, where only some columns are asked for."""
    return [sort.removeprefix("-")] if sort and named else []


def _tell(call: Call, table: Catalog) -> None:
    """Say what of the file is not here: columns that are not read, other tables."""
    for name, words in _TOLD.items():
        if table.metadata.get(name) and not call.json:
            click.echo(f"mtv: {words}: {', '.join(map(str, table.metadata[name]))}", err=True)


def _print_schema(call: Call, table: Catalog, names: Sequence[str]) -> None:
    fields = [table.schema.find(name).field for name in names]
    aliases = table.schema.aliases
    if call.json:
        plain = [field._asdict() for field in fields]
        output.print_json({"label": table.label, "rows": len(table), "columns": plain, "aliases": aliases})
        return
    output.print_table(("name", "type", "unit", "description"), [(f.name, f.type, f.units, f.doc) for f in fields])
    if aliases:
        click.echo()
        output.print_table(("slot or alias", "stands for"), sorted(aliases.items()))
    click.echo(f"mtv: {output.plural(len(table), 'row')}, {output.plural(len(table.schema), 'column')}", err=True)
    _tell(call, table)


def _rows(table: Catalog, names: Sequence[str], shown: int | None) -> list[tuple[Any, ...]]:
    return list(zip(*(_plain(table.column(name)[:shown]) for name in names), strict=True)) if names else []


def _plain(column: Any) -> list[Any]:
    values = column.astype("U") if column.dtype.kind == "c" else column  # JSON has no complex numbers
    plain: list[Any] = values.tolist()
    return plain


def _say(value: Any) -> object:
    return " ".join(str(_say(item)) for item in value) if isinstance(value, list) else output.cell(value)


def _items(value: Any) -> list[Any]:
    return [item for part in value for item in _items(part)] if isinstance(value, list) else [value]


def _flat(table: Catalog, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> tuple[list[str], list[list[Any]]]:
    """Return heads and rows of which an array column has become one column an element."""
    heads: list[str] = []
    for name in names:
        places = list(itertools.product(*map(range, table.column(name).shape[1:])))
        heads += [f"{name}[{','.join(map(str, place))}]" if place else name for place in places]
    return heads, [[item for value in row for item in _items(value)] for row in rows]
