"""Limits of a request, checked before anything is read for it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mtv.wire import steps
from mtv.wire.data import Array
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.limits import Limits
from mtv.wire.regions import check_vertices


def check_size(wanted: Sequence[steps.AnyStep], limits: Limits) -> None:
    """Check the number of steps and of markers.

    Raises
    ------
    RequestError
        ``too_large``, or ``bad_value`` where there are no steps.
    """
    if not wanted:
        raise bad_value("steps", "the transaction has no steps")
    if len(wanted) > limits.steps:
        raise too_large(len(wanted), limits.steps, "steps")
    count = sum(_rows(step.x) for step in wanted if isinstance(step, steps.Overlay))
    listed = [step.regions for step in wanted if isinstance(step, steps.Regions)]
    count += sum(map(len, listed))
    if count > limits.markers:
        raise too_large(count, limits.markers, "markers")
    if listed:
        check_vertices((region for regions in listed for region in regions), limits, "steps")


def check_query(query: steps.Query, limits: Limits) -> None:
    """Check what needs no registry: the length of a query's expression, and what goes with ``since``.

    Raises
    ------
    RequestError
        ``too_large``, naming ``where``; ``bad_value``, naming ``since``.
    """
    if query.since and (query.what != "datasets" or query.order_by or query.cursor or query.limit is not None):
        message = "what has come since is told of datasets, in the order of their coming"
        raise bad_value("since", message, "leave order_by, limit and cursor out")
    if len(query.where) > limits.where_chars:
        message = f"the expression has {len(query.where)} characters, at most {limits.where_chars} are read"
        raise RequestError(Error(code="too_large", message=message, where="where", hint="ask in several queries"))


def _rows(column: Array | tuple[float, ...] | str) -> int:
    if isinstance(column, str):  # of a table, whose rows are counted once it is read
        return 0
    return math.prod(column.shape) if isinstance(column, Array) else len(column)


def too_large(size: int, limit: int, what: str, where: str = "steps") -> RequestError:
    """Return the error for what is more than a limit allows."""
    message = f"{size} {what} are over the limit of {limit}"
    return RequestError(Error(code="too_large", message=message, where=where, hint="send several transactions"))
