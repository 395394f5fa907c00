"""Instruments, skymaps and the like that a request leaves out: the only one of a repository is meant, never a guess."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from mtv.wire.errors import MtvError
from mtv.wire.steps import Query
from mtvd.repo.butler import errors
from mtvd.repo.butler.errors import refusal, some

if TYPE_CHECKING:
    from lsst.daf.butler import Butler

_T = TypeVar("_T")


def names(butler: Butler, governor: str) -> list[str]:
    """Return the values of a governor dimension that the repository has, sorted."""
    return sorted(str(record.dataId[governor]) for record in butler.query_dimension_records(governor, explain=False))


def complete(butler: Butler, dimensions: Any, data_id: Mapping[str, Any]) -> dict[str, Any]:
    """Return a data ID with each governor of the dimensions that it leaves out and of which there is one value.

    Raises
    ------
    RequestError
        ``ambiguous`` where there are several, which the hint lists, or none; ``where`` is ``data_id.GOVERNOR``.
    """
    found = dict(data_id)
    for governor in dimensions.governors:
        if governor in found:
            continue
        known = names(butler, governor)
        if len(known) != 1:
            hint = f"add {governor}=..., one of {some(known)}" if known else f"this repository has no {governor}"
            raise refusal("ambiguous", f"the data ID names no {governor}", f"data_id.{governor}", hint)
        found[governor] = known[0]
    return found


def with_the_only_ones(clone: Callable[[], Butler], query: Query, answer: Callable[[Query], _T]) -> _T:
    """Return the answer to a query; where Butler misses a governor that has one value, ask once more with that.

    A query that names its governors costs nothing more.

    Parameters
    ----------
    clone : callable
        Returns a Butler; called only where a governor is missed.
    query : `~mtv.wire.steps.Query`
    answer : callable
        Answers a query; called again with what is added.
    """
    asked = query
    while True:
        try:
            return answer(asked)
        except MtvError:
            raise
        except Exception as error:
            governor = errors.missing_governor(error)
            known = names(clone(), governor) if governor and governor not in asked.data_id else []
            if len(known) != 1:
                raise
            asked = msgspec.structs.replace(asked, data_id={**asked.data_id, governor: known[0]})
