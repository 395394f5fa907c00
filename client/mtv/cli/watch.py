"""Show what a pipeline makes as it makes it: a line for each that was shown, the counts at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from mtv.cli import common
from mtv.cli.common import Call, Command, display_option
from mtv.cli.overlay import size_or_column
from mtv.wire.errors import bad_value

if TYPE_CHECKING:
    from mtv.data.datasets import DatasetRef
    from mtv.streams.watching import Watch, WatchCounts


@click.command("watch", cls=Command)
@click.argument("words", nargs=-1, metavar="[DATASET_TYPE [KEY=VALUE]...]")
@click.option("--dir", "directory", metavar="DIR", help="FITS files of a directory, instead of datasets.")
@common.repo_option
@common.collections_option
@click.option("--where", default="", help="Expression of Butler's query language.")
@click.option("--bind", multiple=True, metavar="NAME=VALUE", help="A value for :NAME in --where.")
@display_option
@click.option("--hdu", metavar="N|NAME", help="With --dir: HDU, from 0 or by name; else the first image.")
@click.option("--catalog", default="", metavar="TYPE", help="Mark the rows of this catalog once it is there: src.")
@common.select_option
@click.option("--symbol", default="o", show_default=True, help="Of the catalog's markers, as 'mtv overlay'.")
@click.option(
    "--size", type=size_or_column, metavar="SIZE|EXPRESSION", default=2.0, show_default=True, help="As above."
)
@click.option("--colour", "--color", default="green", show_default=True, help="As above.")
@click.option("--every", "every_secs", type=click.FloatRange(min=0), default=0.5, show_default=True, metavar="SECS",
              help="Pause between looks; longer where looking takes more than a tenth of it.")  # fmt: skip
@click.option("--for", "timeout_secs", type=click.FloatRange(min=0), metavar="SECS", help="End after so long a lull.")
@click.option("--count", "limit", type=click.IntRange(min=1), help="End when so many were shown.")
@click.pass_obj
def watch(
    call: Call,
    /,
    words: tuple[str, ...],
    directory: str | None,
    repo: str,
    collections: tuple[str, ...],
    where: str,
    bind: tuple[str, ...],
    frame: int | str,
    hdu: str | None,
    catalog: str,
    select: str,
    symbol: str,
    size: float | str,
    colour: str,
    **pace: Any,
) -> None:
    """Show each new dataset of a type as a pipeline puts it into the repository, until interrupted.

    \b
    mtv watch calexp --collections u/me/run
    mtv watch calexp detector=41 instrument=HSC --catalog src --select calib_psf_used --colour red
    mtv watch --dir /data/tonight --every 2

    Of several that come at once the newest is shown; the counts at the end say how many were passed over. Collections
    are runs, chains or globs, and may come later; all runs where none are named and the repository has no default
    ones. With --json each line is a document of its own.
    """  # noqa: D301 - \b is click's own mark
    if bool(words) == bool(directory):
        raise bad_value("dataset_type", "name a dataset type, or a directory with --dir")
    pace = {**pace, "on_note": _note, "display": frame}
    if directory:
        _only_of_datasets(catalog=catalog, where=where, bind=bind, select=select)
        found: Watch[Any] = _of_directory(call, directory, hdu, pace)
    elif hdu is not None:
        raise bad_value("hdu", "an HDU goes with --dir", "of a dataset name a component: calexp.image")
    else:
        marks = {"select": select, "symbol": symbol, "size": size, "colour": colour}
        asked = {
            "where": where,
            "bind": common.values(bind, "bind"),
            "collections": common.split_items(collections) or None,
        }
        found = _of_repository(call, words, repo, {**asked, "catalog": catalog, **marks, **pace})
    _run(call, found)


def _of_directory(call: Call, directory: str, hdu: str | None, pace: dict[str, Any]) -> Watch[Path]:
    from mtv.streams.directory import watch_directory

    extension = None if hdu is None else common.frame(hdu)
    return watch_directory(directory, hdu=extension, connection=call.connection, **pace)


def _of_repository(call: Call, words: Sequence[str], repo: str, options: dict[str, Any]) -> Watch[DatasetRef]:
    from mtv.repository import Repository

    dataset_type, *constraints = words
    data_id = common.keywords(constraints)
    for key in sorted(data_id.keys() & {*options, "columns", "system"}):
        raise bad_value(f"data_id.{key}", f"there is no dimension {key!r}")
    chosen: dict[str, Any] = {**options, **data_id}
    return Repository(repo or None, connection=call.connection).watch(dataset_type, **chosen)


def _run(call: Call, found: Watch[Any]) -> None:
    passed = 0
    try:
        with found:
            for item in found:
                counts = found.counts
                _tell(call, item, counts, counts.passed_over - passed)
                passed = counts.passed_over
    finally:
        _sum_up(call, found.counts)


def _tell(call: Call, item: Path | DatasetRef, counts: WatchCounts, passed: int) -> None:
    if call.json:
        click.echo(msgspec.json.encode({**_plain(item), "counts": counts._asdict()}))
        return
    said = str(item) if isinstance(item, Path) else f"{item!r}  {item.run}"
    click.echo(said + (f"  ({passed} passed over)" if passed else ""))


def _plain(item: Path | DatasetRef) -> dict[str, Any]:
    if isinstance(item, Path):
        return {"path": str(item)}
    return {"dataset_type": item.dataset_type, "id": item.id, "run": item.run, "data_id": item.data_id}


def _sum_up(call: Call, counts: WatchCounts) -> None:
    if call.json:
        click.echo(msgspec.json.encode({"counts": counts._asdict()}))
        return
    drawn = f", {counts.catalogs} with catalogs" if counts.catalogs else ""
    line = f"{counts.seen} seen, {counts.shown} shown{drawn}, {counts.passed_over} passed over, {counts.failed} failed"
    click.echo(f"mtv: {line}", err=True)


def _note(text: str) -> None:
    click.echo(f"mtv: {text}", err=True)


def _only_of_datasets(**given: object) -> None:
    for name, value in given.items():
        if value:
            raise bad_value(name, f"{name} goes with datasets, not with --dir")
