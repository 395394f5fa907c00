"""Columns of the table that a line names, which complete expressions and lists of columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from mtv.cli import targets
from mtv.cli.common import data_id, split_items
from mtv.cli.completion_shells import Answer
from mtv.wire.data import Dataset
from mtv.wire.errors import MtvError

if TYPE_CHECKING:
    from mtv.cli.completion_values import Asked

_BEGUN: Final = re.compile(r"(?<![\w.])([A-Za-z_]\w*)?\Z")
"""Begin of a name at the end of an expression; nothing after a number or a closing bracket."""


def in_expression(asked: Asked) -> Iterator[Answer]:
    """Yield what an expression would be with each column in place of the name that is begun at its end."""
    begun = _BEGUN.search(asked.incomplete)
    if begun is not None:
        yield from _behind(asked.incomplete[: begun.start()], begun[0], _columns(asked))


def in_list(asked: Asked) -> Iterator[Answer]:
    """Yield a list of columns with each in its last place."""
    before, comma, typed = asked.incomplete.rpartition(",")
    yield from _behind(before + comma, typed, _columns(asked))


def in_order(asked: Asked) -> Iterator[Answer]:
    """Yield columns to sort by; not behind a sign, which click takes for the begin of an option."""
    yield from _behind("", asked.incomplete, _columns(asked))


def _behind(before: str, begun: str, names: Sequence[str]) -> Iterator[Answer]:
    yield from (Answer(before + name) for name in names if name.startswith(begun))


def _columns(asked: Asked) -> list[str]:
    """Return the columns of the table that stands on the line; those of any like it where its data ID is not whole."""
    given = _parse_given(asked)
    kind = given.get("catalog")
    words = (str(kind),) if kind else tuple(given.get("words") or ())
    if not words:
        return []
    collections = split_items(given.get("collections") or ())
    try:
        target = targets.parse(words, repo=asked.repo, collections=collections, hdu=given.get("hdu"))
    except MtvError:
        return []  # a file that is not there, or no target at all
    names = asked.daemon.columns(target)
    if names or not isinstance(target, Dataset) or target.id:
        return names
    found: dict[str, Any] = {
        "what": "datasets", "dataset_type": target.dataset_type, "data_id": data_id(words[1:]),
        "collections": collections or ("*",),
    }  # fmt: skip
    first = next(asked.rows(**found), None)
    return asked.daemon.columns(Dataset(repo=asked.repo, id=str(first["id"]))) if first and "id" in first else []


def _parse_given(asked: Asked) -> dict[str, Any]:
    """Return the parameters that were given before the option of which the value is typed.

    click gives up at an option without a value, before it comes to the arguments.
    """
    ctx, before = asked.ctx, asked.before
    words = before[before.index(str(ctx.info_name)) + 1 : -1] if ctx.info_name in before else []
    return ctx.command.make_context(ctx.info_name, list(words), parent=ctx.parent, resilient_parsing=True).params


OF_COMMANDS: Final[dict[tuple[str, ...], Callable[[Asked], Iterator[Answer]]]] = {
    **{(command, "select"): in_expression for command in ("catalog", "overlay", "watch")},
    **{(command, "size"): in_expression for command in ("overlay", "watch")},
    **{("overlay", name): in_list for name in ("x_name", "y_name")},
    ("catalog", "columns"): in_list,
    ("catalog", "sort"): in_order,
}
"""Parameters by command."""
