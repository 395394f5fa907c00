"""Collections and dataset types of a repository, as rows: they are few, and are listed whole, then cut to the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtv.wire.hints import near
from mtv.wire.messages import Rows
from mtv.wire.steps import Query
from mtvd.repo.butler.chains import GLOB
from mtvd.repo.butler.errors import refusal, some
from mtvd.repo.butler.names import columns_of, type_names
from mtvd.repo.butler.pages import Page

if TYPE_CHECKING:
    from lsst.daf.butler import Butler


def collections(butler: Butler, query: Query, page: Page) -> Rows:
    """List collections: ``name``, ``type``, ``children`` of a chain in the order of its search."""
    for name in query.collections:
        if not GLOB & set(name):
            butler.collections.get_info(name)
    infos = butler.collections.query_info(list(query.collections) or "*")
    rows = sorted((info.name, info.type.name, ", ".join(info.children)) for info in infos)
    return Rows(columns=("name", "type", "children"), rows=tuple(rows[page.start : page.stop]))


def dataset_types(butler: Butler, query: Query, page: Page) -> Rows:
    """List dataset types: ``name``, ``dimensions``, ``storage_class``; those in collections, where some are named."""
    kinds = {kind.name: kind for kind in butler.registry.queryDatasetTypes(query.dataset_type or ...)}
    if query.dataset_type and not kinds:
        names = type_names(butler)
        hint = near(query.dataset_type, names, otherwise=f"there are {some(names)}")
        raise refusal("unknown_dataset_type", f"no dataset type is {query.dataset_type!r}", "dataset_type", hint)
    if query.collections:
        infos = butler.collections.query_info(list(query.collections), include_summary=True, flatten_chains=True)
        there = {name for info in infos for name in info.dataset_types or ()}
        kinds = {name: kind for name, kind in kinds.items() if name in there}
    rows = [
        (name, ", ".join(columns_of(kinds[name].dimensions)), kinds[name].storageClass_name) for name in sorted(kinds)
    ]
    return Rows(columns=("name", "dimensions", "storage_class"), rows=tuple(rows[page.start : page.stop]))
