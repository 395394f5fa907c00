"""Columns of a table in the order in which people look at them: identifier, position, flux, then all others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mtv.wire.angles import usual_pair

_IDS: Final = ("id", "sourceId", "objectId", "diaSourceId", "diaObjectId", "source_id", "ID", "NUMBER")
_FLUXES: Final = (
    "slot_PsfFlux_instFlux", "psfFlux", "slot_CalibFlux_instFlux", "slot_ApFlux_instFlux", "flux", "FLUX_AUTO",
    "MAG_AUTO", "phot_g_mean_mag", "mag",
)  # fmt: skip
_BRIGHTNESS: Final = re.compile(r".*(flux|mag)", re.IGNORECASE)
_NO_BRIGHTNESS: Final = re.compile(r"err|flag|sigma|ratio|image|magnif|apcorr", re.IGNORECASE)


def prominent_first(names: Sequence[str], resolve: Callable[[str], str]) -> list[str]:
    """Return the names of all columns, those that people look at first in front, by their slots where they have some.

    Parameters
    ----------
    names : sequence of `str`
        Columns, in the table's order.
    resolve : callable
        Returns the column that a slot or an alias stands for; anything that is no column where there is none.

    Returns
    -------
    names : `list` [`str`]
        Each column once.
    """
    there = set(names)
    found: dict[str, str] = {}
    for name in _first(names, lambda name: resolve(name) in there):
        found.setdefault(resolve(name), name)
    return [*found.values(), *(name for name in names if name not in found)]


def _first(names: Sequence[str], has: Callable[[str], bool]) -> Iterator[str]:
    yield from [name for name in _IDS if has(name)][:1]
    for system in ("pixel", "sky"):
        yield from usual_pair(system, names, has) or ()
    known = next((name for name in _FLUXES if has(name)), None)
    if known is None:
        known = next((name for name in names if _BRIGHTNESS.match(name) and not _NO_BRIGHTNESS.search(name)), None)
    if known is not None:
        yield known
        yield from [name for name in (f"{known}Err", f"{known}_err") if has(name)]
