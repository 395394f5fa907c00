"""Keys of a data ID that a dataset type does not have. They mean rows of its table, or nothing: then they are refused.

Butler takes any dimension in a query, and joins what has nothing in common: ``detector=4`` of a type of whole visits
would be every visit, because each has a detector 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mtvd.repo.butler.errors import refusal

if TYPE_CHECKING:
    from lsst.daf.butler import Butler, DatasetType


class Keys(NamedTuple):
    """A data ID, by what its keys do."""

    own: dict[str, int | str]
    """They choose the dataset: dimensions of its type, or such as the registry relates to these."""
    overlapping: dict[str, int | str]
    """They choose by a common place in the sky: tracts and patches of a visit."""
    foreign: dict[str, int | str]
    """Nothing of the type is chosen by them."""


def sorted_out(butler: Butler, kind: DatasetType, data_id: Mapping[str, int | str]) -> Keys:
    """Return which keys of a data ID choose datasets of a type; keys must be known (`constraints.check`)."""
    keys = Keys({}, {}, {})
    for key, value in data_id.items():
        element = key.partition(".")[0]
        if _is_own(butler, kind, element):
            keys.own[key] = value
        elif kind.dimensions.spatial and butler.dimensions.elements[element].minimal_group.spatial:
            keys.overlapping[key] = value
        else:
            keys.foreign[key] = value
    return keys


def check(butler: Butler, kind: DatasetType, data_id: Mapping[str, int | str]) -> None:
    """Refuse keys that choose nothing of a dataset type, where its datasets are asked for and not their rows.

    Raises
    ------
    RequestError
        ``bad_query``; ``where`` is ``data_id.KEY``.
    """
    for key in sorted_out(butler, kind, data_id).foreign:
        name = key.partition(".")[0]
        what = f"{kind.name} has no dimension {name!r}"
        raise refusal("bad_query", what, f"data_id.{key}", f"its dimensions are {', '.join(kind.dimensions.names)}")


def _is_own(butler: Butler, kind: DatasetType, element: str) -> bool:
    own, governors = kind.dimensions, butler.dimensions.governor_dimensions.names
    if element in own.elements or element in governors:  # a governor may be a default of all calls
        return True
    group: Any = butler.dimensions.elements[element].minimal_group
    if kind.isCalibration() and group.temporal:
        return True
    related = set(own.names) - set(governors) - {element}
    return any(
        one.defines_relationships and element in one.minimal_group.names and related & set(one.minimal_group.names)
        for one in butler.dimensions.elements
    )
