"""Finder of the one file that holds a `Dataset`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mtv.wire.data import Dataset
from mtv.wire.errors import RequestError
from mtvd.repo.butler import constraints, foreign, governors
from mtvd.repo.butler.errors import refusal
from mtvd.repo.butler.query import search_in, sort_keys

if TYPE_CHECKING:
    from lsst.daf.butler import Butler, DatasetRef
    from lsst.resources import ResourcePath


_LOOKED_AT: Final = 200
"""Datasets of which the keys are named where a data ID fits several."""
_VALUES_NAMED: Final = 6
_OF_THEMSELVES: Final = ("instrument", "skymap")
"""Keys of data IDs whose values need no name beside them."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A dataset and where its file is."""

    uri: ResourcePath
    id: str
    """UUID."""
    storage_class: str
    """Name of the storage class of the whole dataset."""
    component: str
    """Empty for the whole."""
    label: str
    """Name that people give it: ``calexp HSC 23718 41``."""
    caption: str
    """The same for a picture: ``calexp HSC, visit 23718, detector 41, HSC-R``."""
    size: int | None
    """Bytes by the repository's record; None where it keeps none."""
    row_keys: dict[str, int | str] = field(default_factory=dict)
    """Keys of the data ID that are no dimensions of the type: they choose rows of its table."""
    foreign_keys: tuple[str, ...] = ()
    """Names of those row keys that say nothing of an image either."""


def find(butler: Butler, target: Dataset) -> Found:
    """Find a dataset.

    Raises
    ------
    RequestError
        ``not_found``, ``ambiguous``, ``unknown_dataset_type``, ``bad_query``, ``unsupported``; Butler's own
        exceptions pass.
    """
    name, _, component = target.dataset_type.partition(".")
    keys = foreign.Keys({}, {}, {})
    if target.id:
        ref = _by_id(butler, target)
    else:
        keys, ref = _by_data_id(butler, name, target)
    uris = butler.getURIs(ref)  # not `get_many_uris`: the client of a Butler server has none
    if uris.primaryURI is None:
        raise refusal("unsupported", "this dataset is stored in several files", "dataset_type")
    parent, _, own_component = ref.datasetType.name.partition(".")
    required = sort_keys(ref.datasetType.dimensions)
    values = (ref.dataId[key] for key in required)
    added = [*([component] if component else []), *map(_pair_text, keys.foreign.items())]
    return Found(
        uri=uris.primaryURI,
        id=str(ref.id),
        storage_class=ref.datasetType.storageClass_name,
        component=component or own_component,
        label=" ".join([parent, *map(str, values), *added]),
        caption=", ".join(_caption(parent, required, ref.dataId.mapping, added)),
        size=_recorded_size(butler, ref),
        row_keys={**keys.overlapping, **keys.foreign},
        foreign_keys=tuple(keys.foreign),
    )


def _caption(name: str, required: Sequence[str], data_id: Mapping[str, Any], added: Sequence[str]) -> Iterator[str]:
    """Yield the parts of a caption: type and instrument, visit, detector, and the filter that the visit implies."""
    filters = [key for key in ("physical_filter", "band") if data_id.get(key)][:1]
    yield " ".join([name, *(str(data_id[key]) for key in required if key in _OF_THEMSELVES)])
    for key in required:
        if key not in _OF_THEMSELVES and key not in filters:
            yield f"{key} {data_id[key]}"
    yield from (str(data_id[key]) for key in filters)
    yield from added


def _pair_text(key: tuple[str, int | str]) -> str:
    return f"{key[0]}={key[1]}"


def _by_id(butler: Butler, target: Dataset) -> DatasetRef:
    try:
        wanted = uuid.UUID(target.id)
    except ValueError:
        raise refusal("bad_value", "a dataset's id has 32 hexadecimal digits", "id") from None
    ref = butler.get_dataset(wanted, dimension_records=True)  # they tell the filter
    if ref is None:
        raise refusal(
            "not_found", "the repository has no dataset of this id", "id", "it may have been removed; query again"
        )
    return ref


def _by_data_id(butler: Butler, name: str, target: Dataset) -> tuple[foreign.Keys, DatasetRef]:
    if not name:
        raise refusal("bad_value", "name a dataset type or an id", "dataset_type")
    kind = butler.get_dataset_type(name)
    constraints.check(butler, target.data_id)
    keys = foreign.sorted_out(butler, kind, constraints.values(butler, target.data_id))
    data_id = governors.complete(butler, kind.dimensions, {**keys.own, **keys.overlapping})
    searched = search_in(butler, target.collections, find_first=True)
    refs = _search(butler, name, searched, data_id)
    if len(refs) == 1:
        return keys, refs[0]
    if refs:
        raise _ambiguous(butler, name, kind.dimensions, searched, data_id)
    raise _absent(butler, name, kind.dimensions, searched, data_id)


def _search(
    butler: Butler, name: str, searched: list[str], data_id: Mapping[str, Any], most: int = 2
) -> list[DatasetRef]:
    # A search with constraints, not a look-up by data ID: a look-up ignores implied dimensions, and would return the
    # r band of a visit to who asked for its i band.
    where, bind = constraints.equalities(data_id)
    with butler.query() as asked:
        return list(asked.datasets(name, searched, find_first=True).where(where, bind=bind).limit(most))


def _ambiguous(
    butler: Butler, name: str, dimensions: Any, searched: list[str], data_id: Mapping[str, Any]
) -> RequestError:
    missing = [key for key in sort_keys(dimensions) if key not in data_id]
    refs = _search(butler, name, searched, data_id, _LOOKED_AT)
    complete = len(refs) < _LOOKED_AT
    values = {key: sorted({ref.dataId[key] for ref in refs}) for key in missing}
    apart = [_with_values(key, found, complete=complete) for key, found in values.items() if found[1:] or not complete]
    hint = f"add {'; '.join(apart)}" if apart else "name one collection"
    return refusal("ambiguous", f"more than one {name} fits this data ID", "data_id", hint)


def _with_values(key: str, values: list[Any], *, complete: bool) -> str:
    """Return a key with the values that there are of it, as far as a line can hold them."""
    named = ", ".join(map(str, values[:_VALUES_NAMED]))
    return f"{key}: {named}{'' if complete and len(values) <= _VALUES_NAMED else ' ...'}"


def _absent(
    butler: Butler, name: str, dimensions: Any, searched: list[str], data_id: Mapping[str, Any]
) -> RequestError:
    constraints.check_known(butler, data_id)
    required = {key: value for key, value in data_id.items() if key in dimensions.required}
    for key, value in data_id.items():
        if key in dimensions.implied and (true := _implied_value(butler, key, required)) not in {None, value}:
            return refusal("not_found", f"the {key} of this data ID is {true!r}, not {value!r}", f"data_id.{key}")
    for key, value in required.items():
        if not _exists(
            butler, key, {k: v for k, v in required.items() if k in butler.dimensions[key].minimal_group.required}
        ):
            return refusal("not_found", f"the repository has no {key} {value!r}", f"data_id.{key}")
    words = ", ".join(f"{key}={value!r}" for key, value in data_id.items())
    return refusal("not_found", f"there is no {name} with {words} in {', '.join(searched)}", "data_id")


def _implied_value(butler: Butler, key: str, required: Mapping[str, Any]) -> Any:
    where, bind = constraints.equalities(required)
    with butler.query() as asked:
        dimensions = butler.dimensions.conform([*required, key])
        for data_id in asked.where(where, bind=bind).data_ids(dimensions).limit(1):
            return data_id[key]
    return None


def _exists(butler: Butler, key: str, data_id: Mapping[str, Any]) -> bool:
    where, bind = constraints.equalities(data_id)
    with butler.query() as asked:
        return any(True for _ in asked.where(where, bind=bind).dimension_records(key).limit(1))


def _recorded_size(butler: Butler, ref: DatasetRef) -> int | None:
    # Butler compares sizes only in its own `get`; there is no public way to the record, and a server's client has none.
    datastore = getattr(butler, "_datastore", None)
    if datastore is None:
        return None
    for records in datastore.export_records([ref]).values():
        for tables in records.records.values():
            for infos in tables.values():
                for info in infos:
                    return int(info.file_size) if info.file_size >= 0 else None
    return None
