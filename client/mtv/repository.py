"""A repository, as the daemon sees it: query, get, load. The registry itself never comes here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, overload

import msgspec

from mtv import checks, parts
from mtv.connection import Connection
from mtv.datasets import DataId, DatasetRef, Handle
from mtv.process import default_connection
from mtv.results import Fetch, Records, Refs
from mtv.ticket import Answer, OnProgress
from mtv.wire import data, steps
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.messages import Get, Got, Loaded, Outcome, Release, RepositoryInfo, Rows

Names = str | Sequence[str] | None
Target = str | os.PathLike[str] | DatasetRef | Handle

RUN: Final = "run"
_AHEAD: Final = 2
"""How many of a list the daemon is told of before they are asked for."""


class Repository:
    """A Butler repository that the daemon has open; read-only, as Butler's own is by default.

    Parameters
    ----------
    name : `str` or path, optional
        Alias or directory; the daemon's first repository where not given.
    connection : `Connection`, optional
        The process's own where not given.

    Raises
    ------
    RequestError
        ``read_only`` where ``writeable`` is asked for.
    """

    def __init__(
        self,
        name: str | os.PathLike[str] | None = None,
        *,
        writeable: bool = False,
        connection: Connection | None = None,
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
        self._butler: Any = None

    def __repr__(self) -> str:
        return f"<mtv.Repository {self.name or 'by default'}>"

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
        on_progress : callable, optional
            Called with each `~mtv.wire.messages.Progress` of a long query: the rows read so far.
        **data_id
            Constraints: ``instrument="HSC", physical_filter="HSC-R"``.

        Raises
        ------
        RequestError
            ``unknown_dataset_type``, ``unknown_collection``, ``bad_query``, ``ambiguous``, naming the field.
        """
        fetch = self._pages(
            timeout_secs,
            on_progress,
            what="datasets",
            dataset_type=dataset_type,
            where=where,
            bind=_bound(bind),
            collections=_names("collections", collections),
            find_first=find_first,
            order_by=_names("order_by", order_by),
            limit=limit,
            data_id=_checked_id(data_id),
        )
        return Refs(fetch, lambda page, index: _ref(self.name, dataset_type, page, index))

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

        Returns
        -------
        records : `Records`
            After the data ID: ``run``; ``chains`` that the run is directly in; ``ingest_date`` (TAI);
            ``storage_class``; ``formatter`` and ``file_bytes``, None where the repository does not tell.
        """
        if isinstance(target, DatasetRef):
            if data_id or collections is not None:
                raise bad_value("data_id", "a reference has its own data ID and collections")
            source = target._mtv_source_()
            target, collections, data_id = source.dataset_type.partition(".")[0], source.collections, source.data_id
        return self._records(
            timeout_secs,
            on_progress,
            what="provenance",
            dataset_type=target,
            where=where,
            bind=_bound(bind),
            collections=_names("collections", collections),
            find_first=find_first,
            order_by=_names("order_by", order_by),
            limit=limit,
            data_id=_checked_id(data_id),
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
        """
        return self._records(
            timeout_secs,
            on_progress,
            what="data_ids",
            dimensions=_names("dimensions", dimensions),
            dataset_type=datasets,
            where=where,
            bind=_bound(bind),
            collections=_names("collections", collections),
            order_by=_names("order_by", order_by),
            limit=limit,
            data_id=_checked_id(data_id),
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
        """Return what the registry knows of a dimension's members: ``query_dimension_records("visit")``."""
        return self._records(
            timeout_secs,
            on_progress,
            what="dimension_records",
            dimensions=_names("element", element),
            dataset_type=datasets,
            where=where,
            bind=_bound(bind),
            collections=_names("collections", collections),
            order_by=_names("order_by", order_by),
            limit=limit,
            data_id=_checked_id(data_id),
        )

    def collections(self, glob: Names = None, *, limit: int | None = None) -> Records:
        """Return collections: ``name``, ``type`` and ``children`` of each."""
        return self._records(what="collections", collections=_names("glob", glob), limit=limit)

    def dataset_types(self, glob: str = "", *, collections: Names = None, limit: int | None = None) -> Records:
        """Return dataset types: ``name``, ``dimensions`` and ``storage_class`` of each."""
        named = _names("collections", collections)
        return self._records(what="dataset_types", dataset_type=glob, collections=named, limit=limit)

    # Data

    def dataset(self, dataset_type: str, *, collections: Names = None, **data_id: int | str) -> data.Dataset:
        """Name a dataset without asking for it: `Display.mtv` and `Display.overlay` have the daemon read it.

        ``display.overlay("psf", repository.dataset("src", visit=23718, detector=41, instrument="HSC"), select=...)``
        """
        if os.sep in dataset_type:
            raise bad_value("dataset_type", f"{dataset_type!r} is no dataset type", "a path is shown as it is")
        source = self._source(dataset_type, collections, parts.Part(), data_id)
        assert isinstance(source, data.Dataset)
        return source

    def get(
        self,
        target: Target,
        *,
        collections: Names = None,
        columns: Names = (),
        select: str = "",
        hdu: int | str | None = None,
        component: str = "",
        cube_index: int | Sequence[int] | None = None,
        bbox: parts.Box | None = None,
        centre_deg: tuple[float, float] | None = None,
        size_arcsec: parts.Size | None = None,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
        **data_id: int | str,
    ) -> Any:
        """Bring a dataset to this process.

        Parameters
        ----------
        target : `DatasetRef`, `Handle`, path or `str`
            A reference, a handle, a path (with a separator in it), or a dataset type; ``calexp.mask`` is a part.
        columns : `str` or sequence, optional
            Of a catalog, only these.
        select : `str`, optional
            Of a catalog, only the rows that an expression over its columns, flags and slots chooses:
            ``"calib_psf_used & (slot_Centroid_x > 100)"``.
        hdu : `int` or `str`, optional
            HDU of a file: its number from 0, or its name (``"SCI"``, ``"SCI,2"``).
        component : `str`, optional
            Only a part: ``image``, ``mask``, ``variance``, ``wcs``, ``bbox``, ``xy0``, ``dimensions``, ``metadata``,
            ``unit``, ``filter``, ``photoCalib``; as ``calexp.mask`` in a dataset type.
        cube_index : `int` or sequence, optional
            Slice of a cube: an index from 0 for each axis before ``(y, x)``.
        bbox : `tuple` [`int`, `int`, `int`, `int`], optional
            Cut-out ``(x_min, y_min, width, height)`` in 0-based parent pixels; it must lie within the image.
        centre_deg, size_arcsec : `tuple` [`float`, `float`], optional
            Cut-out around ``(ra, dec)`` (ICRS) of ``(width, height)``, or of one number for both; clipped to the image.
        on_progress : callable, optional
            Called in this thread with each `~mtv.wire.messages.Progress` while a file is fetched from another host.
        **data_id
            ``visit=23718, detector=41, instrument="HSC"``, with a dataset type.

        Returns
        -------
        data : `Exposure`, `Catalog`, or a value
            As the dataset is; arrays are mapped, not copied.
        """
        part = parts.given(
            hdu=hdu,
            component=component,
            cube_index=cube_index,
            bbox=bbox,
            centre_deg=centre_deg,
            size_arcsec=size_arcsec,
        )
        source = self._source(target, collections, part, data_id)
        connection = self.connection
        chosen = checks.expression(select, connection.limits)
        message = Get(target=source, columns=_names("columns", columns), select=chosen)
        answer = connection.ask(message, timeout_secs=timeout_secs, on_progress=on_progress)
        return _value(answer, connection)

    @overload
    def load(self, target: Target, **options: Any) -> Handle: ...

    @overload
    def load(self, target: Iterable[DatasetRef | os.PathLike[str]], **options: Any) -> Iterator[Handle]: ...

    def load(
        self,
        target: Target | Iterable[DatasetRef | os.PathLike[str]],
        *,
        collections: Names = None,
        hdu: int | str | None = None,
        component: str = "",
        cube_index: int | Sequence[int] | None = None,
        bbox: parts.Box | None = None,
        centre_deg: tuple[float, float] | None = None,
        size_arcsec: parts.Size | None = None,
        lease_secs: float = 600.0,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
        **data_id: int | str,
    ) -> Handle | Iterator[Handle]:
        """Have the daemon read a dataset or a file, and return a handle on it; its pixels never come here.

        A list (references of a query, paths) gives an iterator of handles: each is loaded when it is asked for, while
        the daemon decodes the next ones already. ``for handle in repository.load(refs):``

        Parameters
        ----------
        lease_secs : `float`, optional
            How long the handle lives after its last use; ``with repo.load(...) as handle:`` gives it back.
        target, collections, hdu, component, cube_index, bbox, centre_deg, size_arcsec, on_progress, **data_id
            As in `get`.
        """
        part = parts.given(
            hdu=hdu,
            component=component,
            cube_index=cube_index,
            bbox=bbox,
            centre_deg=centre_deg,
            size_arcsec=size_arcsec,
        )
        if isinstance(target, str) or not isinstance(target, Iterable):
            found = self._readable(target, collections, part, data_id)
            return self._load(found, (), lease_secs, timeout_secs, on_progress)
        sources = [self._readable(one, collections, part, data_id) for one in target]
        return (
            self._load(source, tuple(sources[number : number + _AHEAD]), lease_secs, timeout_secs, on_progress)
            for number, source in enumerate(sources, 1)
        )

    def _load(
        self,
        source: data.Dataset | data.File,
        ahead: tuple[data.Dataset | data.File, ...],
        lease_secs: float,
        timeout_secs: float | None,
        on_progress: OnProgress | None,
    ) -> Handle:
        step = steps.Load(target=source, lease_secs=lease_secs, ahead=ahead)
        connection = self.connection
        reply = connection.request(step, timeout_secs=timeout_secs, on_progress=on_progress)
        loaded = reply.steps[0].loaded if isinstance(reply, Outcome) else reply
        assert isinstance(loaded, Loaded)
        return Handle(loaded, lambda handle: connection.request(Release(handle=handle)))

    def butler_get(
        self,
        target: str | DatasetRef,
        *,
        collections: Names = None,
        parameters: Mapping[str, Any] | None = None,
        **data_id: int | str,
    ) -> Any:
        """Get a dataset in this process with Butler itself, as the Python object that its storage class names.

        For data that the daemon does not read (a PSF, a summary, a configuration), where their type is installed
        here. Opens the repository with ``lsst.daf.butler`` the first time, which takes seconds; its exceptions pass.

        Parameters
        ----------
        target : `DatasetRef` or `str`
            A reference, or a dataset type (with a component where wanted) and a data ID.
        parameters : `dict`, optional
            Butler's own: ``{"bbox": ...}``, ``{"columns": [...]}``.

        Raises
        ------
        RequestError
            ``unsupported`` where a package is missing.
        """
        from mtv import inprocess

        if self._butler is None:
            location = inprocess.location_of(self.name, self.connection.repositories())
            self._butler = inprocess.open_butler(location)
        names = _names("collections", collections)
        return inprocess.get(self._butler, target, collections=names, parameters=parameters, data_id=data_id)

    # Inside

    def _pages(self, timeout_secs: float | None = None, on_progress: OnProgress | None = None, **fields: Any) -> Fetch:
        connection = self.connection
        if len(fields.get("where", "")) > connection.limits.where_chars:
            raise bad_value("where", f"the expression is longer than {connection.limits.where_chars} characters")
        query = steps.Query(repo=self.name, **fields)

        def fetch(cursor: str) -> Rows:
            page = msgspec.structs.replace(query, cursor=cursor) if cursor else query
            reply = connection.request(page, timeout_secs=timeout_secs, on_progress=on_progress)
            rows = reply.steps[0].rows if isinstance(reply, Outcome) else reply
            assert isinstance(rows, Rows)
            return rows

        return fetch

    def _records(
        self, timeout_secs: float | None = None, on_progress: OnProgress | None = None, **fields: Any
    ) -> Records:
        return Records(self._pages(timeout_secs, on_progress, **fields))

    def _readable(
        self, target: object, collections: Names, part: parts.Part, data_id: dict[str, int | str]
    ) -> data.Dataset | data.File:
        source = self._source(target, collections, part, data_id)
        if isinstance(source, data.Handle):
            raise bad_value("target", "a handle is loaded already")
        return source

    def _source(
        self, target: object, collections: Names, part: parts.Part, data_id: dict[str, int | str]
    ) -> parts.Source:
        if isinstance(target, Handle):
            return parts.of(data.Handle(handle=target.id), part)
        if isinstance(target, DatasetRef):
            if data_id or collections is not None:
                raise bad_value("data_id", "a reference has its own data ID and collections")
            return parts.of(target._mtv_source_(), part)
        if isinstance(target, os.PathLike) or (isinstance(target, str) and os.sep in target):
            return parts.of(data.File(path=str(Path(target).expanduser().absolute())), part)
        if not isinstance(target, str) or not target:
            raise bad_value("target", f"{target!r} is no dataset", "a dataset type, a reference, a handle or a path")
        named = data.Dataset(
            repo=self.name,
            dataset_type=target,
            data_id=_checked_id(data_id),
            collections=_names("collections", collections),
        )
        return parts.of(named, part)


def repositories(connection: Connection | None = None) -> tuple[RepositoryInfo, ...]:
    """Return the repositories that can be named, the default first."""
    return (connection or default_connection()).repositories()


def _name(name: str | os.PathLike[str] | None) -> str:
    if name is None:
        return ""
    text = os.fspath(name)
    return str(Path(text).expanduser().absolute()) if os.sep in text and "://" not in text else text


def _names(where: str, names: Names) -> tuple[str, ...]:
    found = (names,) if isinstance(names, str) else tuple(names or ())
    for name in found:
        if not isinstance(name, str) or not name:
            raise bad_value(where, f"{name!r} is no name")
    return found


def _bound(bind: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _plain(f"bind.{name}", value, several=True) for name, value in (bind or {}).items()}


def _checked_id(data_id: Mapping[str, Any]) -> dict[str, int | str]:
    return {name: _plain(name, value) for name, value in data_id.items()}


def _plain(where: str, value: Any, *, several: bool = False) -> Any:
    """Return a value that can travel: numpy's scalars as Python's own."""
    if several and isinstance(value, list | tuple | set | frozenset):
        return [_plain(where, item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    allowed = (int, str, float, type(None)) if several else (int, str)
    if not isinstance(value, allowed) or (isinstance(value, bool) and not several):
        raise bad_value(where, f"{value!r} cannot be looked for", "a whole number or a text")
    return value


def _ref(repo: str, dataset_type: str, page: Rows, index: int) -> DatasetRef:
    data_id = DataId(zip(page.columns, page.rows[index], strict=True))
    run = str(data_id.pop(RUN, ""))
    return DatasetRef(page.repo or repo, page.dataset_type or dataset_type, page.ids[index], run, data_id)


def _value(answer: Answer, connection: Connection) -> Any:
    reply = answer.reply
    assert isinstance(reply, Got)
    if reply.data is not None:
        from mtv.exposure import Exposure

        return Exposure.from_wire(reply.data, answer.buffers, connection.pixel_directory)
    if reply.catalog is not None:
        from mtv.catalog import Catalog

        return Catalog.from_wire(reply.catalog, answer.buffers, connection.pixel_directory)
    return reply.value
