"""Chains: the collections that a query searches; of datasets with one data ID the first collection's counts.

Butler's own find-first ranks all rows in the database: on a large SQLite registry without statistics that takes 2.5 s
for one visit among a million datasets. Asking for all and choosing here takes 20 ms, with the same result: Butler too
applies the conditions first and ranks what they leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from mtvd.repo.butler.errors import refusal, some
from mtvd.repo.butler.pages import items

if TYPE_CHECKING:
    from lsst.daf.butler import Butler

GLOB: Final = frozenset("*?[")


def search_in(butler: Butler, names: Sequence[str], *, find_first: bool) -> list[str]:
    """Return the collections to search, in their order: those named, else the repository's default ones.

    Raises
    ------
    RequestError
        ``bad_query`` where there are none, or globs with ``find_first``; ``unknown_collection`` for a glob without a
        match.
    """
    if not names:
        names = butler.collections.defaults or ((butler.run,) if butler.run else ())
    if not names:
        raise refusal(
            "bad_query",
            "no collections are named, and the repository has no default ones",
            "collections",
            f"for example collections={_examples(butler)}",
        )
    found: list[str] = []
    for name in names:
        found += _expand(butler, name, find_first=find_first) if GLOB & set(name) else [name]
    return list(dict.fromkeys(found))


def runs_of(butler: Butler, searched: Sequence[str]) -> list[str] | None:
    """Return the runs behind collections, in the order of the search; None where others than runs are among them.

    A tagged or calibration collection holds datasets of other runs, so that the run of a row does not tell where it
    was found: there Butler's own find-first is right.
    """
    infos = butler.collections.query_info(list(searched), flatten_chains=True)
    return [info.name for info in infos] if all(info.type.name == "RUN" for info in infos) else None


def first_of(
    runs: Sequence[str], required: Sequence[str], run: str
) -> Callable[[Iterable[dict[str, Any]]], Iterator[dict[str, Any]]]:
    """Return what chooses, of rows that stand together by data ID, the one of the first run.

    Parameters
    ----------
    required : sequence of `str`
        Required dimensions: the columns of the data ID.
    run : `str`
        The column of the run.
    """
    rank = {name: number for number, name in enumerate(runs)}
    key_of = items(required)

    def choose(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for _, same in groupby(rows, key=key_of):
            yield min(same, key=lambda row: rank[row[run]])

    return choose


def _expand(butler: Butler, pattern: str, *, find_first: bool) -> list[str]:
    names = sorted(butler.collections.query(pattern))
    if not names:
        raise refusal("unknown_collection", f"no collection matches {pattern!r}", "collections")
    if find_first and len(names) > 1:
        raise refusal(
            "bad_query",
            f"{pattern!r} matches {len(names)} collections, and the first match needs an order",
            "collections",
            "name them in their order; a query may ask for all matches: find_first=False, mtv query --all",
        )
    return names


def _examples(butler: Butler) -> str:
    infos = sorted(butler.collections.query_info("*"), key=lambda info: (info.type.name != "CHAINED", info.name))
    return some([info.name for info in infos], 3) or "..."
