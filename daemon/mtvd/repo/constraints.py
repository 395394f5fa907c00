"""Data-ID keywords of a request, as a ``where`` expression with bound values. Nothing of a client's is ever quoted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mtv.wire.steps import Query
from mtvd.repo.errors import near, refusal

if TYPE_CHECKING:
    from lsst.daf.butler import Butler

_KEY: Final = re.compile(r"(?P<element>[a-z_]\w*)(?:\.(?P<field>[a-z_]\w*))?", re.ASCII | re.IGNORECASE)
_PREFIX: Final = "mtv_key_"


def check(butler: Butler, data_id: Mapping[str, int | str]) -> None:
    """Refuse keys that are no dimensions, nor fields of one (``visit.target_name``).

    Raises
    ------
    RequestError
        ``bad_query``; ``where`` is ``data_id.KEY``.
    """
    names = butler.dimensions.elements.names
    for key in data_id:
        match = _KEY.fullmatch(key)
        if match is None or match["element"] not in names:
            hint = near(key.partition(".")[0], names)
            raise refusal("bad_query", f"there is no dimension {key!r}", f"data_id.{key}", hint)
        if match["field"] is None and key not in butler.dimensions.dimensions.names:
            raise refusal("bad_query", f"{key!r} has no single value", f"data_id.{key}", f"name a field: '{key}.name'")


def values(butler: Butler, data_id: Mapping[str, int | str]) -> dict[str, int | str]:
    """Return the data ID with values of the types that its dimensions have: ``"23718"`` becomes a number for a visit.

    Raises
    ------
    RequestError
        ``bad_query`` for what is no number where one is needed.
    """
    return {key: _value(butler, key, value) for key, value in data_id.items()}


def applied(butler: Butler, asked: Any, query: Query) -> Any:
    """Return a Butler query constrained by the data-ID keywords and the ``where`` of a request.

    The keywords come first: they may name the instrument that the ``where`` depends on. The two are not joined into
    one text, so that Butler's messages quote what the user wrote.
    """
    where, bind = equalities(values(butler, query.data_id))
    if where:
        asked = asked.where(where, bind=bind)
    return asked.where(query.where, bind=_plain(query.bind)) if query.where.strip() else asked


def equalities(data_id: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return ``key = :value AND ...`` with the values bound."""
    terms = [f"{key} = :{_PREFIX}{number}" for number, key in enumerate(data_id)]
    return " AND ".join(terms), {f"{_PREFIX}{number}": value for number, value in enumerate(data_id.values())}


def _value(butler: Butler, key: str, value: int | str) -> int | str:
    if key not in butler.dimensions.dimensions.names:
        return value
    wanted = butler.dimensions.dimensions[key].primary_key.pytype
    if wanted is int and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            raise refusal("bad_query", f"{key} is a number, {value!r} is none", f"data_id.{key}") from None
    if wanted is str and not isinstance(value, str):
        return str(value)
    return value


def _plain(bind: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lstrip(":"): value for name, value in bind.items()}
