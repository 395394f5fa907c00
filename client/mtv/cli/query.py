"""Questions to a repository: repos, and query with its six kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from mtv.cli import common, output
from mtv.cli.common import Call, Command
from mtv.wire.messages import Rows
from mtv.wire.steps import Query

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@click.command("repos", cls=Command)
@click.pass_obj
def repos(call: Call) -> None:
    """List the repositories that can be named with --repo, the default first."""
    known = call.connection.repositories()
    if call.json:
        output.print_json(known)
    elif not known:
        click.echo("no repository can be named: 'mtv up --repo [ALIAS=]PATH', or any --repo /absolute/path")
    else:
        rows = [(repo.alias, repo.location, repo.state, "default" if repo.default else "") for repo in known]
        output.print_table(("alias", "location", "state", ""), rows)


class _QueryGroup(click.Group):
    """Takes a word that is no kind of query for a dataset type: ``mtv query calexp``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in {"-h", "--help"}:
            args = ["datasets", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from mtv.cli import completion

        types = completion.items_of(ctx, ("query", "datasets"), "dataset_type", incomplete)
        return [*super().shell_complete(ctx, incomplete), *types]


@click.group("query", cls=_QueryGroup, context_settings=common.CONTEXT)
def query() -> None:
    """Ask a repository. 'mtv query calexp ...' is short for 'mtv query datasets calexp ...'.

    \b
    mtv query calexp instrument=HSC physical_filter=HSC-R --collections u/me/single_frame
    mtv query calexp --collections u/me/single_frame --where "instrument='HSC' AND visit > 1000"
    mtv query data-ids --datasets raw --collections HSC/RC2/defaults --where "instrument='HSC'"
    mtv query provenance calexp instrument=HSC visit=23718 --collections u/me/single_frame
    mtv query records detector instrument=HSC
    mtv query collections 'u/*'
    mtv query types
    """  # noqa: D301 - \b is click's own mark


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _options(*options: Decorator) -> Decorator:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_CONSTRAINTS: Final = (
    click.argument("constraints", nargs=-1, metavar="[KEY=VALUE]..."),
    common.repo_option,
    common.collections_option,
    click.option("--where", default="", help="Expression of Butler's query language."),
    click.option("--bind", multiple=True, metavar="NAME=VALUE", help="A value for :NAME in --where."),
    click.option("--order-by", multiple=True, help="Dimensions or fields; -visit turns the order round."),
)
_LIMIT: Final = click.option("--limit", type=click.IntRange(min=0), help="At most so many rows.")


@query.command("datasets", cls=Command)
@click.argument("dataset_type")
@_options(*_CONSTRAINTS, _LIMIT)
@click.option("--all", "everything", is_flag=True, help="Every dataset, not only the first found in the collections.")
@click.pass_obj
def datasets(call: Call, /, dataset_type: str, everything: bool, **asked: Any) -> None:
    """List datasets, with data ID, run and UUID."""
    _answer(call, _query(asked, what="datasets", dataset_type=dataset_type, find_first=not everything))


@query.command("provenance", cls=Command)
@click.argument("dataset_type")
@_options(*_CONSTRAINTS, _LIMIT)
@click.option("--all", "everything", is_flag=True, help="Every dataset, not only the first found in the collections.")
@click.pass_obj
def provenance(call: Call, /, dataset_type: str, everything: bool, **asked: Any) -> None:
    """Tell where datasets come from: run, chains, date, formatter, bytes on disk."""
    _answer(call, _query(asked, what="provenance", dataset_type=dataset_type, find_first=not everything))


@query.command("data-ids", cls=Command)
@_options(*_CONSTRAINTS, _LIMIT)
@click.option("--datasets", "dataset_type", default="", help="Only where a dataset of this type exists.")
@click.option("--dimensions", multiple=True, help="Dimensions of the data IDs; those of --datasets, if not said.")
@click.pass_obj
def data_ids(call: Call, /, dataset_type: str, dimensions: tuple[str, ...], **asked: Any) -> None:
    """List data IDs, as 'butler query-data-ids' does."""
    _answer(call, _query(asked, what="data_ids", dataset_type=dataset_type, dimensions=common.split_items(dimensions)))


@query.command("records", cls=Command)
@click.argument("element")
@_options(*_CONSTRAINTS, _LIMIT)
@click.option("--datasets", "dataset_type", default="", help="Only where a dataset of this type exists.")
@click.pass_obj
def records(call: Call, /, element: str, dataset_type: str, **asked: Any) -> None:
    """List the records of a dimension: detector, visit, exposure, physical_filter."""
    _answer(call, _query(asked, what="dimension_records", dimensions=(element,), dataset_type=dataset_type))


@query.command("collections", cls=Command)
@click.argument("patterns", nargs=-1, metavar="[GLOB]...")
@common.repo_option
@_LIMIT
@click.pass_obj
def collections(call: Call, patterns: tuple[str, ...], repo: str, limit: int | None) -> None:
    """List collections, with the members of chains."""
    _answer(call, Query(repo=repo, what="collections", collections=common.split_items(patterns), limit=limit))


@query.command("types", cls=Command)
@click.argument("pattern", default="", metavar="[GLOB]")
@common.repo_option
@common.collections_option
@_LIMIT
@click.pass_obj
def types(call: Call, pattern: str, repo: str, collections: tuple[str, ...], limit: int | None) -> None:
    """List dataset types, with dimensions and storage class."""
    wanted = Query(
        repo=repo, what="dataset_types", dataset_type=pattern, collections=common.split_items(collections), limit=limit
    )
    _answer(call, wanted)


def _query(asked: dict[str, Any], **fields: Any) -> Query:
    return Query(
        repo=asked["repo"],
        collections=common.split_items(asked["collections"]),
        where=asked["where"],
        bind=common.values(asked["bind"], "bind"),
        data_id=common.data_id(asked["constraints"], asked["where"]),
        order_by=common.split_items(asked["order_by"]),
        limit=asked["limit"],
        **fields,
    )


def _answer(call: Call, wanted: Query) -> None:
    rows = all_pages(call, wanted)
    if call.json:
        output.print_json(as_objects(rows))
        return
    print_rows(rows)
    if wanted.limit and len(rows.rows) == wanted.limit:
        click.echo(f"mtv: the first {output.plural(wanted.limit, 'row')}; there may be more", err=True)


def all_pages(call: Call, wanted: Query) -> Rows:
    """Return all pages of a query as one."""
    pages = [call.request(wanted, Rows)]
    while pages[-1].cursor:
        pages.append(call.request(msgspec.structs.replace(wanted, cursor=pages[-1].cursor), Rows))
    if len(pages) == 1:
        return pages[0]
    return msgspec.structs.replace(
        pages[0],
        rows=tuple(row for page in pages for row in page.rows),
        ids=tuple(uuid for page in pages for uuid in page.ids),
        cursor="",
    )


def as_objects(rows: Rows) -> dict[str, Any]:
    """Return rows as programs like them: one object a row, the UUID of a dataset as ``id``."""
    objects: list[dict[str, Any]] = [dict(zip(rows.columns, row, strict=True)) for row in rows.rows]
    for found, uuid in zip(objects, rows.ids, strict=bool(rows.ids)):
        found["id"] = uuid
    return {"repo": rows.repo, "dataset_type": rows.dataset_type, "columns": rows.columns, "rows": objects}


def print_rows(rows: Rows) -> None:
    """Print rows as a table; no rows are said on stderr."""
    if not rows.rows:
        click.echo("mtv: nothing found", err=True)
        return
    columns: Sequence[str] = (*rows.columns, "id") if rows.ids else rows.columns
    table = [(*row, uuid) for row, uuid in zip(rows.rows, rows.ids, strict=True)] if rows.ids else rows.rows
    output.print_table(columns, table)
