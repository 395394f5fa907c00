"""Columns that astropy has written in two: the values, and as ``name.mask`` where they are missing. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mtv.shared.tables.gaps import Values, data_of, gaps_of, with_gaps

Read = Callable[[Sequence[str]], dict[str, Values]]


def without_masks(read: Read, names: Sequence[str], masks: Mapping[str, str]) -> dict[str, Values]:
    """Return columns with the gaps that their masks tell.

    Parameters
    ----------
    read : callable
        Reads columns by name.
    masks : `dict` [`str`, `str`]
        Column to mask.
    """
    needed = [masks[name] for name in names if name in masks]
    if not needed:
        return read(names)
    found = read([*names, *needed])
    return {name: _mask(found[name], found.get(masks.get(name, ""))) for name in names if name in found}


def _mask(values: Values, mask: Values | None) -> Values:
    if mask is None:
        return values
    gaps = data_of(mask).astype(bool)
    own = gaps_of(values)
    return with_gaps(data_of(values), gaps if own is None else gaps | own)
