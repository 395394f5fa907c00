"""The registry of a repository, asked through the daemon; it never comes here itself."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mtv.arguments import naming, parts, sources
from mtv.arguments.naming import Names
from mtv.data.datasets import DatasetRef, ref_of
from mtv.data.results import Fetch, Records, Refs
from mtv.session.connection import Connection
from mtv.session.default import default_connection
from mtv.session.ticket import OnProgress
from mtv.wire import data, steps
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.messages import Outcome, Rows


class Registry:
    """Base of `mtv.Repository`, whose parameters it has: its questions."""

    def __init__(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        writeable: bool = False,
        connection: Connection | None = None,
        collections: Names = None,
        **data_id: int | str,
    ) -> None:
        if writeable:
            raise RequestError(
                Error(
                    code="read_only",
                    message="repositories are read-only here",
                    where="writeable",
                    hint="leave writeable out; to write, use lsst.daf.butler.Butler(..., writeable=True) itself",
                )
            )
        self.name = _name(name)
        self._given = connection
        self._collections = naming.names("collections", collections)
        self._data_id = {**naming.usual_instrument(os.environ), **naming.data_id(data_id)}

    def __repr__(self) -> str:
        return f"<mtv.{type(self).__name__} {self.name or 'by default'}>"

    @property
    def connection(self) -> Connection:
        """The connection that this repository uses."""
        return self._given or default_connection()

    # Questions

    def query(
        self,
        dataset_type: str,
        *,
        where: str = "",
        bind: Mapping[str, Any] | None = None,
        collections: Names = None,
        find_first: bool = True,
        order_by: Names = (),
        limit: int | None = None,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
        **data_id: int | str,
    ) -> Refs:
        """Find datasets.

        The first page is fetched at once, the next ones by whoever goes on to them: a loop may stop early.

        Parameters
        ----------
        dataset_type : `str`
            Such as ``calexp``.
        where : `str`, optional
            Butler's expression: ``"physical_filter = 'HSC-R' AND visit > 1000"``.
        bind : `dict`, optional
            Values for names in ``where``.
        collections : `str` or sequence, optional
            The repository's default ones where not given.
        find_first : `bool`, optional
            True: of several datasets with one data ID only that of the first collection.
        order_by : `str` or sequence, optional
            Dimensions, or fields of them such as ``visit.exposure_time``; ``-`` in front reverses. Sorted by data ID
            where not given, or where these are equal.
        limit : `int`, optional
            At most so many.
        timeout_secs : `float`, optional
            For each page; the connection's own where not given.
        on_progress : callable, optional
            Called with each `~mtv.wire.messages.Progress` of a long query: the rows read so far.
        **data_id
            Constraints: ``instrument="HSC", physical_filter="HSC-R"``.

        Returns
        -------
        refs : `Refs`
            A sequence of `DatasetRef`; further pages come when they are needed.

        Raises
        ------
        RequestError
            ``unknown_dataset_type``, ``unknown_collection``, ``bad_query``, ``ambiguous``, naming the field;
            ``not_found`` where nothing is found of an instrument or a skymap that the repository does not have.
        """
        fetch = self._pages(
            timeout_secs,
            on_progress,
            what="datasets",
            dataset_type=dataset_type,
            where=where,
            bind=naming.bind_values(bind),
            collections=self._search_in(collections),
            find_first=find_first,
            order_by=naming.names("order_by", order_by),
            limit=limit,
            data_id=self._constrain(data_id, where),
        )
        return Refs(fetch, lambda page, index: ref_of(self.name, dataset_type, page, index))

    def provenance(
        self,
        target: DatasetRef | str,
        *,
        where: str = "",
        bind: Mapping[str, Any] | None = None,
        collections: Names = None,
        find_first: bool = True,
        order_by: Names = (),
        limit: int | None = None,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
        **data_id: int | str,
    ) -> Records:
        """Tell where datasets come from.

        Parameters
        ----------
        target : `DatasetRef` or `str`
            A reference, or a dataset type.
        where, bind, collections, find_first, order_by, limit, on_progress, **data_id
            As in `query`.
        timeout_secs : `float`, optional
            As in `query`.

        Returns
        -------
        records : `Records`
            After the data ID: ``run``; ``chains`` that the run is directly in; ``ingest_date`` (TAI);
            ``storage_class``; ``formatter`` and ``file_bytes``, None where the repository does not tell.

        Raises
        ------
        RequestError
            As in `query`.
        """
        if isinstance(target, DatasetRef):
            if data_id or collections is not None:
                raise bad_value("data_id", "a reference has its own data ID and collections")
            source = target._mtv_source_()
            target, searched, constrained = source.dataset_type.partition(".")[0], source.collections, source.data_id
        else:
            searched, constrained = self._search_in(collections), self._constrain(data_id, where)
        return self._records(
            timeout_secs,
            on_progress,
            what="provenance",
            dataset_type=target,
            where=where,
            bind=naming.bind_values(bind),
            collections=searched,
            find_first=find_first,
            order_by=naming.names("order_by", order_by),
            limit=limit,
            data_id=constrained,
        )

    def query_data_ids(
        self,
        dimensions: Names = None,
        *,
        datasets: str = "",
        where: str = "",
        bind: Mapping[str, Any] | None = None,
        collections: Names = None,
        order_by: Names = (),
        limit: int | None = None,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
        **data_id: int | str,
    ) -> Records:
        """Find data IDs.

        Parameters
        ----------
        dimensions : `str` or sequence, optional
            Dimensions of the data IDs; those of ``datasets`` where not given.
        datasets : `str`, optional
            Only data IDs for which there is a dataset of this type.
        where, bind, collections, order_by, limit, **data_id
            As in `query`.
        timeout_secs, on_progress : optional
            As in `query`.

        Returns
        -------
        records : `~mtv.data.results.Records`
            Mappings from column to value; further pages come when they are needed.

        Raises
        ------
        RequestError
            As in `query`.
        """
        return self._records(
            timeout_secs,
            on_progress,
            what="data_ids",
            dimensions=naming.names("dimensions", dimensions),
            dataset_type=datasets,
            where=where,
            bind=naming.bind_values(bind),
            collections=self._search_in(collections),
            order_by=naming.names("order_by", order_by),
            limit=limit,
            data_id=self._constrain(data_id, where),
        )

    def query_dimension_records(
        self,
        element: str,
        *,
        datasets: str = "",
        where: str = "",
        bind: Mapping[str, Any] | None = None,
        collections: Names = None,
        order_by: Names = (),
        limit: int | None = None,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
        **data_id: int | str,
    ) -> Records:
        """Return what the registry knows of a dimension's members: ``query_dimension_records("visit")``.

        Parameters
        ----------
        element : `str`
            Dimension.
        datasets : `str`, optional
            Only members for which there is a dataset of this type.
        where, bind, collections, order_by, limit, timeout_secs, on_progress, **data_id
            As in `query`.

        Returns
        -------
        records : `~mtv.data.results.Records`
            Mappings from column to value; further pages come when they are needed.

        Raises
        ------
        RequestError
            As in `query`.
        """
        return self._records(
            timeout_secs,
            on_progress,
            what="dimension_records",
            dimensions=naming.names("element", element),
            dataset_type=datasets,
            where=where,
            bind=naming.bind_values(bind),
            collections=self._search_in(collections),
            order_by=naming.names("order_by", order_by),
            limit=limit,
            data_id=self._constrain(data_id, where),
        )

    def collections(self, glob: Names = None, *, limit: int | None = None) -> Records:
        """Return collections: ``name``, ``type`` and ``children`` of each.

        Parameters
        ----------
        glob : `str` or sequence, optional
            Names or globs of them; all where not given.
        limit : `int`, optional
            At most so many.

        Returns
        -------
        records : `~mtv.data.results.Records`
            Mappings from column to value; further pages come when they are needed.

        Raises
        ------
        RequestError
            ``bad_value`` naming the argument; ``unknown_repository``.
        """
        return self._records(what="collections", collections=naming.names("glob", glob), limit=limit)

    def dataset_types(self, glob: str = "", *, collections: Names = None, limit: int | None = None) -> Records:
        """Return dataset types: ``name``, ``dimensions`` and ``storage_class`` of each.

        Parameters
        ----------
        glob : `str`, optional
            Name or glob; all where empty.
        collections : `str` or sequence, optional
            Only types that have datasets in these.
        limit : `int`, optional
            At most so many.

        Returns
        -------
        records : `~mtv.data.results.Records`
            Mappings from column to value; further pages come when they are needed.

        Raises
        ------
        RequestError
            ``bad_value`` naming the argument; ``unknown_collection``.
        """
        named = naming.names("collections", collections)
        return self._records(what="dataset_types", dataset_type=glob, collections=named, limit=limit)

    # Inside

    def _search_in(self, collections: Names) -> tuple[str, ...]:
        """Return the collections that a call names, else the repository's own."""
        return naming.names("collections", collections) or self._collections

    def _constrain(self, data_id: Mapping[str, int | str], where: str = "") -> dict[str, int | str]:
        """Return the data ID of a call, and what it, and an expression, leave to the repository's own."""
        given = naming.data_id(data_id)
        own = {key: value for key, value in self._data_id.items() if not re.search(rf"\b{re.escape(key)}\b", where)}
        return own | given

    def _source(
        self, target: object, collections: Names, part: parts.Part, data_id: dict[str, int | str]
    ) -> parts.Source:
        def name_dataset(dataset_type: str) -> data.Dataset:
            return data.Dataset(
                repo=self.name,
                dataset_type=dataset_type,
                data_id=self._constrain(data_id),
                collections=self._search_in(collections),
            )

        return sources.source_of(target, part, name_dataset, narrowed=bool(data_id) or collections is not None)

    def _pages(self, timeout_secs: float | None = None, on_progress: OnProgress | None = None, **fields: Any) -> Fetch:
        connection = self.connection
        query = self._query(**fields)

        def fetch(cursor: str) -> Rows:
            page = msgspec.structs.replace(query, cursor=cursor) if cursor else query
            reply = connection.request(page, timeout_secs=timeout_secs, on_progress=on_progress)
            rows = reply.steps[0].rows if isinstance(reply, Outcome) else reply
            assert isinstance(rows, Rows)
            return rows

        return fetch

    def _query(self, **fields: Any) -> steps.Query:
        most = self.connection.limits.where_chars
        if len(fields.get("where", "")) > most:
            raise bad_value("where", f"the expression is longer than {most} characters")
        return steps.Query(repo=self.name, **fields)

    def _records(
        self, timeout_secs: float | None = None, on_progress: OnProgress | None = None, **fields: Any
    ) -> Records:
        return Records(self._pages(timeout_secs, on_progress, **fields))


def _name(name: str | os.PathLike[str] | None) -> str:
    if name is None:
        return ""
    text = os.fspath(name)
    return str(Path(text).expanduser().absolute()) if os.sep in text and "://" not in text else text
