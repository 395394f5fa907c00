"""Names in a query that are checked before Butler sees them: dataset types, dimensions, elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtv.wire.errors import bad_value
from mtv.wire.hints import near
from mtv.wire.steps import Query
from mtvd.repo.butler.chains import GLOB
from mtvd.repo.butler.errors import refusal, some

if TYPE_CHECKING:
    from lsst.daf.butler import Butler, DimensionGroup


def plain_type(butler: Butler, name: str) -> str:
    """Return the name of one whole dataset type.

    Raises
    ------
    RequestError
        ``bad_value`` for none, a pattern, or a component.
    """
    if not name:
        raise bad_value("dataset_type", "name a dataset type", f"there are {some(type_names(butler))}")
    if GLOB & set(name):
        raise bad_value(
            "dataset_type", "a query of datasets takes one dataset type, no pattern", "ask for the dataset types first"
        )
    parent, _, component = name.partition(".")
    if component:
        raise bad_value(
            "dataset_type",
            f"{name!r} is a component, and queries know whole datasets only",
            f"query {parent!r}, then get the component",
        )
    return name


def type_names(butler: Butler) -> list[str]:
    """Return all dataset types, sorted."""
    return sorted(kind.name for kind in butler.registry.queryDatasetTypes())


def dimensions_of(butler: Butler, query: Query) -> DimensionGroup:
    """Return the dimensions that are asked for: those named, else those of the dataset type.

    Raises
    ------
    RequestError
        ``bad_query`` for an unknown one, ``bad_value`` for none.
    """
    for number, name in enumerate(query.dimensions):
        if name not in butler.dimensions.dimensions.names:
            raise _unknown_dimension(butler, name, f"dimensions[{number}]")
    if query.dimensions:
        return butler.dimensions.conform(query.dimensions)
    if query.dataset_type:
        return butler.get_dataset_type(plain_type(butler, query.dataset_type)).dimensions
    raise bad_value("dimensions", "name dimensions, or a dataset type whose dimensions are wanted")


def element_of(butler: Butler, names: Sequence[str]) -> str:
    """Return the one element whose records are asked for.

    Raises
    ------
    RequestError
        ``bad_value`` for none or several, ``bad_query`` for an unknown one.
    """
    if len(names) != 1:
        raise bad_value("dimensions", "name the one dimension whose records are wanted", "for example 'visit'")
    if names[0] not in butler.dimensions.elements.names:
        raise _unknown_dimension(butler, names[0], "dimensions[0]")
    return names[0]


def columns_of(dimensions: DimensionGroup) -> tuple[str, ...]:
    """Return the required dimensions, sorted as people count them, then the implied ones."""
    return (*sort_keys(dimensions), *dimensions.implied)


def sort_keys(dimensions: DimensionGroup) -> tuple[str, ...]:
    """Return the required dimensions with the detector last: a visit's detectors stand together."""
    return tuple(sorted(dimensions.required, key=lambda name: name == "detector"))


def _unknown_dimension(butler: Butler, name: str, where: str) -> Exception:
    names = sorted(butler.dimensions.elements.names)
    return refusal("bad_query", f"there is no dimension {name!r}", where, near(name, names))
