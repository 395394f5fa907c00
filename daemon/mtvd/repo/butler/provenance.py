"""Provenance of datasets: run, chains, date, formatter, size on disk. Runs in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from mtv.wire.messages import Rows
from mtv.wire.steps import Value

if TYPE_CHECKING:
    from uuid import UUID

    from lsst.daf.butler import Butler, DatasetType

COLUMNS: Final = ("run", "chains", "ingest_date", "storage_class", "formatter", "file_bytes")
"""After the data ID: the run; the chains that it is directly in; when the registry learnt of it, TAI; what its Python
type is; the class that wrote the file; bytes of all its files. The last two are null where the repository does not
tell: a Butler server's client keeps no records."""


def rows(butler: Butler, kind: DatasetType, columns: Sequence[str], records: Sequence[dict[str, Any]]) -> Rows:
    """Return datasets with their provenance.

    Parameters
    ----------
    columns : sequence of `str`
        Of the data ID.
    records : sequence of `dict`
        Of a query, with ``dataset_id``, ``run`` and ``ingest_date``.
    """
    ids = [record[f"{kind.name}.dataset_id"] for record in records]
    files = _files(butler, kind, columns, records)
    chains = {run: _chains(butler, run) for run in {record[f"{kind.name}.run"] for record in records}}
    found = []
    for uuid, record in zip(ids, records, strict=True):
        run, date = record[f"{kind.name}.run"], record[f"{kind.name}.ingest_date"]
        formatter, size, storage_class = files.get(uuid, (None, None, kind.storageClass_name))
        data_id = (record[column] for column in columns)
        found.append((*data_id, run, chains[run], str(date.tai.isot), storage_class, formatter, size))
    return Rows(columns=(*columns, *COLUMNS), rows=tuple(found), ids=tuple(map(str, ids)), dataset_type=kind.name)


def _chains(butler: Butler, run: str) -> str:
    return ", ".join(sorted(butler.collections.get_info(run, include_parents=True).parents or ()))


def _files(
    butler: Butler, kind: DatasetType, columns: Sequence[str], records: Sequence[dict[str, Any]]
) -> dict[UUID, tuple[Value, Value, str]]:
    # There is no public way to a datastore's records; a server's client has no datastore.
    datastore = getattr(butler, "_datastore", None)
    if datastore is None or not records:
        return {}
    exported = datastore.export_records([_ref(kind, columns, record) for record in records])
    files: dict[UUID, tuple[Value, Value, str]] = {}
    for store in exported.values():
        for uuid, tables in store.records.items():
            infos = [info for table in tables.values() for info in table]
            sizes = [info.file_size for info in infos]
            size = sum(sizes) if sizes and min(sizes) >= 0 else None
            if infos:
                files[uuid] = (infos[0].formatter, size, infos[0].storage_class_name)
    return files


def _ref(kind: DatasetType, columns: Sequence[str], record: dict[str, Any]) -> Any:
    from lsst.daf.butler import DataCoordinate, DatasetRef

    known = {column: record[column] for column in columns}
    data_id = DataCoordinate.standardize(known, dimensions=kind.dimensions)
    return DatasetRef(kind, data_id, run=record[f"{kind.name}.run"], id=record[f"{kind.name}.dataset_id"])
