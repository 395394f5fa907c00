"""Names, data IDs and bound values as people write them, checked and made what can travel. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mtv.wire.errors import bad_value

MARKERS: Final = "markers"
"""Overlay of markers that name none."""
REGIONS: Final = "regions"
"""Overlay of regions that name none."""

Names = str | Sequence[str] | None
"""One, several, or none given."""

INSTRUMENT_VARIABLE: Final = "MTV_INSTRUMENT"
"""Variable of the environment that names the instrument of data IDs that name none."""


def names(where: str, given: Names) -> tuple[str, ...]:
    """Return names as a tuple; errors name ``where``."""
    found = (given,) if isinstance(given, str) else tuple(given or ())
    for name in found:
        if not isinstance(name, str) or not name:
            raise bad_value(where, f"{name!r} is no name")
    return found


def bind_values(bind: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return values for the names of an expression."""
    return {name: _plain(f"bind.{name}", value, several=True) for name, value in (bind or {}).items()}


def data_id(given: Mapping[str, Any]) -> dict[str, int | str]:
    """Return a data ID."""
    return {name: _plain(name, value) for name, value in given.items()}


def usual_instrument(environ: Mapping[str, str], where: str = "") -> dict[str, int | str]:
    """Return the instrument of ``$MTV_INSTRUMENT`` as a data ID; nothing where an expression speaks of instruments.

    What a caller gives stands above it.
    """
    usual = environ.get(INSTRUMENT_VARIABLE, "").strip()
    return {"instrument": usual} if usual and not re.search(r"\binstrument\b", where) else {}


def _plain(where: str, value: Any, *, several: bool = False) -> Any:
    """Return a value that can travel: numpy's scalars as Python's own."""
    if several and isinstance(value, list | tuple | set | frozenset):
        return [_plain(where, item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    allowed = (int, str, float, type(None)) if several else (int, str)
    if not isinstance(value, allowed) or (isinstance(value, bool) and not several):
        asked = f"; several: where='{where} in (1, 2)'" if isinstance(value, list | tuple | set) and not several else ""
        raise bad_value(where, f"{value!r} cannot be looked for", f"a whole number or a text{asked}")
    return value
