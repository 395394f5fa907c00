"""Data-ID keywords of a request, as a ``where`` expression with bound values. Nothing of a client's is ever quoted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from mtv.wire.hints import near
from mtv.wire.steps import Query
from mtvd.repo.butler.errors import refusal, some

if TYPE_CHECKING:
    from lsst.daf.butler import Butler

_KEY: Final = re.compile(r"(?P<element>[a-z_]\w*)(?:\.(?P<field>[a-z_]\w*))?", re.ASCII | re.IGNORECASE)
_PREFIX: Final = "mtv_key_"
_MOST_NAMES: Final = 1000
"""Records of a dimension that are looked through for near names."""
_MOST: Final = 2**62
"""More than any visit or detector has for a number; less than a `BIGINT` holds."""


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


def check_known(butler: Butler, data_id: Mapping[str, int | str], *, governors_only: bool = False) -> None:
    """Refuse texts that no record of their dimension has; for where nothing was found, for it asks the registry.

    Parameters
    ----------
    governors_only : `bool`, optional
        True: only of instruments, skymaps and the like, which a repository has before it has anything else.

    Raises
    ------
    RequestError
        ``not_found``, with near names; ``where`` is ``data_id.KEY``.
    """
    governors = butler.dimensions.governor_dimensions.names
    texts = [key for key in data_id if key in butler.dimensions.dimensions.names and isinstance(data_id[key], str)]
    for key in sorted(texts, key=lambda name: name not in governors):
        if key not in governors and (governors_only or butler.dimensions.dimensions[key].primary_key.pytype is not str):
            continue
        records = butler.query_dimension_records(key, limit=_MOST_NAMES, explain=False)
        names = sorted({str(record.dataId[key]) for record in records})
        if data_id[key] not in names and len(records) < _MOST_NAMES:
            hint = near(data_id[key], names, otherwise=f"there are {some(names)}" if names else "")
            raise refusal("not_found", f"the repository has no {key} {data_id[key]!r}", f"data_id.{key}", hint)


def values(butler: Butler, data_id: Mapping[str, int | str]) -> dict[str, int | str]:
    """Return the data ID with values of the types that its dimensions have: ``"23718"`` becomes a number for a visit.

    Raises
    ------
    RequestError
        ``bad_query`` for what is no number where one is needed.
    """
    return {key: _value(butler, key, value) for key, value in data_id.items()}


def apply(butler: Butler, asked: Any, query: Query) -> Any:
    """Return a Butler query constrained by the data-ID keywords and the ``where`` of a request.

    The keywords come first: they may name the instrument that the ``where`` depends on. The two are not joined into
    one text, so that Butler's messages quote what the user wrote.
    """
    where, bind = equalities(values(butler, query.data_id))
    if where:
        asked = asked.where(where, bind=bind)
    return asked.where(query.where, bind=_plain(query.bind)) if query.where.strip() else asked


def walkable(butler: Butler, asked: Any, terms: Sequence[str], required: Collection[str]) -> Any:
    """Return a Butler query with conditions that hold for all rows, so that SQLite walks through them in their order.

    An index on instrument and visit serves that only where the instrument is given, if there is only one, and where the
    visit has a bound: 80 ms for a page of a million datasets, instead of 3.3 s. Without the bound SQLite decides by the
    order in which the indexes were made.

    Parameters
    ----------
    terms : sequence of `str`
        Of the order; ``-`` in front for those that are sorted downwards.
    required : collection of `str`
        Dimensions that have a value in every row, whatever the universe: no bound holds for a null.
    """
    constants = _constants(butler, [term.removeprefix("-") for term in terms])
    others = [term for term in terms if term.removeprefix("-") not in constants]
    if not constants or not others:
        return asked
    name = others[0].removeprefix("-")
    numbered = name in required and butler.dimensions.dimensions[name].primary_key.pytype is int
    bound = _MOST if others[0].startswith("-") else -_MOST
    where, bind = _at_or_after(constants, [(others[0], bound)] if numbered else [])
    return asked.where(where, bind=bind)


def start_at(butler: Butler, asked: Any, keys: Sequence[str], values: Sequence[Any]) -> Any:
    """Return a Butler query constrained to rows at or after a key, in the order of the keys.

    Parameters
    ----------
    keys : sequence of `str`
        Dimensions; ``-`` in front for those that are sorted downwards.
    values : sequence
        One a key.
    """
    constants = _constants(butler, [key.removeprefix("-") for key in keys])
    others = [pair for pair in zip(keys, values, strict=True) if pair[0].removeprefix("-") not in constants]
    where, bind = _at_or_after(constants, others)
    return asked.where(where, bind=bind)


def _at_or_after(constants: Mapping[str, Any], keys: Sequence[tuple[str, Any]]) -> tuple[str, dict[str, Any]]:
    # An index serves ``visit >= 3`` only where it is no part of an OR with the instrument. Butler still wants a word of
    # the instrument with every visit.
    where, bind = equalities(constants)
    if not keys:
        return where, bind
    names = [f"{_PREFIX}from_{number}" for number in range(len(keys))]
    after = _lexicographic([key for key, _ in keys], names)
    bind |= dict(zip(names, (value for _, value in keys), strict=True))
    return f"{where} AND {after}" if where else after, bind


def _lexicographic(keys: Sequence[str], names: Sequence[str]) -> str:
    key, beyond = (keys[0].removeprefix("-"), "<" if keys[0].startswith("-") else ">")
    at_or_beyond = f"{key} {beyond}= :{names[0]}"
    if len(keys) == 1:
        return at_or_beyond
    rest = _lexicographic(keys[1:], names[1:])
    # The first half says nothing new, but an index can serve it.
    return f"{at_or_beyond} AND ({key} {beyond} :{names[0]} OR ({rest}))"


def _constants(butler: Butler, dimensions: Iterable[str]) -> dict[str, Any]:
    """Return the governors of which a repository has one value, with that value."""
    found: dict[str, Any] = {}
    for name in dimensions:
        if name in butler.dimensions.governor_dimensions.names:
            records = list(butler.query_dimension_records(name, limit=2, explain=False))
            if len(records) == 1:
                found[name] = records[0].dataId[name]
    return found


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
