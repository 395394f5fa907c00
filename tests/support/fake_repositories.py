"""Repositories that exist only in tests: a few datasets made up on the spot, and faults at named points.

No process, no Butler, no astropy. What it refuses, it refuses with the same code and field as the real one; the
contract tests hold the two together.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Literal

import anyio
import anyio.lowlevel
import msgspec
import numpy as np

from mtv.shared.tables.positions import Positions, Wanted, positions
from mtv.shared.tables.tables import ColumnTable, Field, catalog, check_no_table
from mtv.wire.data import Array, Dataset, Exposure, File
from mtv.wire.errors import DaemonError, DeadlineExceeded, Error, RequestError, bad_value
from mtv.wire.hints import near
from mtv.wire.messages import Got, Rows
from mtv.wire.reports import RepositoryInfo
from mtv.wire.steps import NOW, START, Query
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.butler.errors import refusal
from mtvd.repo.port import OnImage, OnProgress

ALIAS: Final = "demo"
COLLECTION: Final = "u/somebody/single_frame"
RUN: Final = f"{COLLECTION}/20261122T000000Z"
PLANES: Final = {"BAD": 0, "SAT": 1, "INTRP": 2, "CR": 3, "EDGE": 4, "DETECTED": 5, "DETECTED_NEGATIVE": 6}
XY0: Final = (100, 200)
_VISITS: Final = {1214: "HSC-R", 23694: "HSC-I", 23718: "HSC-R"}
_DETECTORS: Final = (41, 42)
_TYPES: Final = ("calexp", "src")
_REQUIRED: Final = ("instrument", "visit", "detector")
_COLUMNS: Final = (*_REQUIRED, "band", "day_obs", "physical_filter", "run")
_NAMESPACE: Final = uuid.UUID("5f7a7f0e-6f5e-4f2b-9d3c-000000000001")
Point = Literal["query", "read", "mask", "positions", "get"]
_Fault = Callable[[OnProgress], Awaitable[None]]


class Hold:
    """A call that stands still until the test lets it go."""

    def __init__(self) -> None:
        self.reached = anyio.Event()
        """Set when the call has come to the point."""
        self._released = anyio.Event()

    def release(self) -> None:
        """Let the call go on."""
        self._released.set()

    async def __call__(self) -> None:
        self.reached.set()
        await self._released.wait()


class FakeRepositories:
    """One repository ``demo`` with ``calexp`` and ``src`` of three visits and two detectors.

    Parameters
    ----------
    store : `PixelStore`
        Where pixels are put, as the real one does.
    shape_yx : `tuple` [`int`, `int`]
    header_bytes : `int`
    """

    def __init__(self, store: PixelStore, *, shape_yx: tuple[int, int] = (50, 60), header_bytes: int = 28_800) -> None:
        self._store = store
        self._shape = shape_yx
        self._header_bytes = header_bytes
        self._faults: dict[Point, list[_Fault]] = {"query": [], "read": [], "mask": [], "positions": [], "get": []}
        self.calls: list[Query | Dataset | File] = []
        """Everything that was asked."""
        self.compressed = False
        """True: the image is told before its mask has been read."""
        self.ahead: tuple[Dataset | File, ...] = ()
        """Targets that were last said to come next."""
        self.ahead_of: dict[str, tuple[Dataset | File, ...]] = {}
        """The same, by who said it."""
        self.closed = False
        self.lacks_sky = False
        """True: no place on the sky can be worked out."""

    def die_at(self, point: Point) -> None:
        """Let the next call fail as if its worker had died."""
        self._faults[point].append(_die)

    def hang_at(self, point: Point) -> Hold:
        """Let the next call run into its deadline once released, as if its worker had hung."""
        return self._hold(point, _late)

    def hold_at(self, point: Point) -> Hold:
        """Let the next call wait until released, then go on as if nothing had been."""
        return self._hold(point, anyio.lowlevel.checkpoint)

    def fetch_at(self, point: Point, size_bytes: int) -> Hold:
        """Let the next call fetch a file from afar: it tells one half, waits until released, and tells all."""
        hold = Hold()

        async def fetch(told: OnProgress) -> None:
            told(size_bytes // 2, size_bytes, "bytes")
            await hold()
            told(size_bytes, size_bytes, "bytes")

        self._faults[point].append(fetch)
        return hold

    def list_known(self) -> tuple[RepositoryInfo, ...]:
        return (RepositoryInfo(alias=ALIAS, location="/nowhere/demo", state="open", default=True),)

    @property
    def workers(self) -> int:
        return 0 if self.closed else 1

    async def query(self, query: Query, on_progress: OnProgress | None = None) -> Rows:
        await self._reach("query", query, on_progress)
        _check_repo(query.repo)
        if on_progress:
            on_progress(1, 1, "page")
        if query.what == "collections":
            chain = (COLLECTION, "CHAINED", RUN)
            return Rows(columns=("name", "type", "children"), rows=(chain, (RUN, "RUN", "")), repo=ALIAS)
        if query.what == "dataset_types":
            rows = tuple((name, ", ".join(_REQUIRED), "") for name in _TYPES)
            return Rows(columns=("name", "dimensions", "storage_class"), rows=rows, repo=ALIAS)
        found = self._datasets(query)
        if query.since:
            return _arrivals_since(found, query.since)
        return _with_provenance(found) if query.what == "provenance" else found

    async def read_for_display(
        self, target: Dataset | File, on_progress: OnProgress | None = None, on_image: OnImage | None = None
    ) -> Exposure:
        await self._reach("read", target, on_progress)
        name, visit, detector = _find(target)
        if name == "src":
            raise refusal("unsupported", "a SourceCatalog is no image", "target")
        image = Exposure(
            image=self._put(self._image(visit, detector).astype(">f4"), "img", "fits", self._header_bytes),
            xy0=XY0,
            label=f"calexp HSC {visit} {detector}",
            caption=f"calexp HSC, visit {visit}, detector {detector}, HSC-R",
        )
        if self.compressed and on_image is not None:
            on_image(image)
        await self._pass("mask", on_progress)
        return msgspec.structs.replace(image, mask=self._put(self._mask(), "mask", "raw", 0), planes=PLANES)

    async def positions(
        self, target: Dataset | File, wanted: Wanted, on_progress: OnProgress | None = None
    ) -> Positions:
        await self._reach("positions", target, on_progress)
        name, _, _ = _find(target)
        if name != "src":
            raise refusal("unsupported", "an ExposureF is no table", "target")
        return positions(_table(), self._together, wanted, most_markers=500_000)

    async def sky(self, cards: str, xy0: tuple[int, int], x: float, y: float) -> tuple[float, float] | None:
        """Return a place that is told by the pixel, where the header has a WCS."""
        if self.lacks_sky:
            raise DaemonError(Error(code="internal", message="the repository worker failed"))
        return (x - xy0[0], y - xy0[1]) if "RADESYS =" in cards else None

    async def pixel(
        self, cards: str, xy0: tuple[int, int], ra_deg: float, dec_deg: float
    ) -> tuple[float, float] | None:
        """Return the pixel whose place `sky` tells."""
        if self.lacks_sky:
            raise DaemonError(Error(code="internal", message="the repository worker failed"))
        return (ra_deg + xy0[0], dec_deg + xy0[1]) if "RADESYS =" in cards else None

    async def get(
        self,
        target: Dataset | File,
        columns: tuple[str, ...] = (),
        select: str = "",
        on_progress: OnProgress | None = None,
    ) -> Got:
        await self._reach("get", target, on_progress)
        name, visit, detector = _find(target)
        if name == "src":
            label = f"src HSC {visit} {detector}"
            return Got(catalog=catalog(_table(), self._together, columns=columns, selection=select, label=label))
        check_no_table(columns, select)
        image = self._image(visit, detector)
        exposure = Exposure(
            image=self._put(image, "get", "raw", 0),
            mask=self._put(self._mask(), "get", "raw", 0),
            variance=self._put(image * 2, "get", "raw", 0),
            planes=PLANES,
            xy0=XY0,
            label=f"calexp HSC {visit} {detector}",
            caption=f"calexp HSC, visit {visit}, detector {detector}, HSC-R",
        )
        return Got(data=exposure)

    def read_ahead(self, targets: Sequence[Dataset | File], owner: str = "") -> None:
        self.ahead = tuple(targets)
        self.ahead_of[owner] = self.ahead

    async def close(self) -> None:
        self.closed = True

    async def _reach(self, point: Point, asked: Query | Dataset | File, on_progress: OnProgress | None) -> None:
        self.calls.append(asked)
        await self._pass(point, on_progress)

    async def _pass(self, point: Point, on_progress: OnProgress | None) -> None:
        await anyio.lowlevel.checkpoint()
        if self._faults[point]:
            await self._faults[point].pop(0)(on_progress or _nobody)

    def _hold(self, point: Point, then: Callable[[], Awaitable[None]]) -> Hold:
        hold = Hold()

        async def fault(_told: OnProgress) -> None:
            await hold()
            await then()

        self._faults[point].append(fault)
        return hold

    def _datasets(self, query: Query) -> Rows:
        _check_names(query.dataset_type, query.collections)
        _check_data_id(query.data_id)
        records = [record for record in _records() if _fits(record, query.data_id)]
        start = int(query.cursor or 0)
        rows = records[start : None if query.limit is None else query.limit]
        return Rows(
            columns=_COLUMNS,
            rows=tuple(tuple(record[column] for column in _COLUMNS) for record in rows),
            ids=tuple(str(_id(query.dataset_type, record["visit"], record["detector"])) for record in rows),
            repo=ALIAS,
            dataset_type=query.dataset_type,
        )

    def _image(self, visit: int, detector: int) -> np.ndarray[Any, Any]:
        y, x = np.indices(self._shape)
        return np.asarray(visit % 1000 + detector + 0.5 * y + 0.25 * x, np.float32)

    def _mask(self) -> np.ndarray[Any, Any]:
        return np.asarray(1 << (np.indices(self._shape)[1] % len(PLANES)), np.int32)

    def _together(self, arrays: Sequence[np.ndarray[Any, Any]], kind: str) -> list[Array]:
        return [self._put(array, kind, "raw", 0) for array in arrays]

    def _put(self, pixels: np.ndarray[Any, Any], kind: str, suffix: str, offset: int) -> Array:
        name, descriptor = self._store.create(kind, offset + pixels.nbytes, suffix)
        try:
            os.pwrite(descriptor, pixels.tobytes(), offset)
        finally:
            os.close(descriptor)
        return Array(dtype=pixels.dtype.str, shape=pixels.shape, file=name, offset=offset)


def _table() -> ColumnTable:
    index = np.arange(20)
    columns: dict[str, tuple[np.ndarray[Any, Any], str, str]] = {
        "id": (index + 1, "L", ""),
        "coord_ra": (2.6 + index * 1e-6, "Angle", "rad"),
        "coord_dec": (index * 1e-6, "Angle", "rad"),
        "base_SdssCentroid_x": (XY0[0] + 2.0 * index, "D", "pixel"),
        "base_SdssCentroid_y": (XY0[1] + 1.0 * index, "D", "pixel"),
        "calib_psf_candidate": (index % 2 == 0, "Flag", ""),
        "calib_psf_used": (index % 4 == 0, "Flag", ""),
    }
    return ColumnTable(
        columns={name: values for name, (values, _, _) in columns.items()},
        rows=len(index),
        fields={name: Field(unit, f"what {name} means", kind) for name, (_, kind, unit) in columns.items()},
        aliases={"slot_Centroid": "base_SdssCentroid"},
    )


def _nobody(_done: int, _total: int, _unit: str) -> None:
    """Hears of progress where nobody asks."""


async def _die(_told: OnProgress) -> None:
    raise DaemonError(Error(code="repository_failed", message="the worker died", retryable=True))


async def _late() -> None:
    raise DeadlineExceeded(Error(code="deadline", message="the repository did not answer in time", retryable=True))


def _records() -> list[dict[str, Any]]:
    return [
        {
            "instrument": "HSC",
            "visit": visit,
            "detector": detector,
            "band": name[-1].lower(),
            "day_obs": 20140328,
            "physical_filter": name,
            "run": RUN,
        }
        for visit, name in _VISITS.items()
        for detector in _DETECTORS
    ]


def _with_provenance(rows: Rows) -> Rows:
    known = (COLLECTION, "2026-11-22T00:00:00.000", "ExposureF", "lsst.obs.base.FitsExposureFormatter", 4096)
    columns = (*rows.columns, "chains", "ingest_date", "storage_class", "formatter", "file_bytes")
    return msgspec.structs.replace(rows, columns=columns, rows=tuple((*row, *known) for row in rows.rows))


def _arrivals_since(rows: Rows, since: str) -> Rows:
    mark = str(len(rows.rows))
    if since == START:
        return msgspec.structs.replace(rows, mark=mark)
    if since not in {NOW, mark}:
        raise bad_value("since", "this is no mark of this repository")
    return msgspec.structs.replace(rows, rows=(), ids=(), mark=mark)


def _id(dataset_type: str, visit: int, detector: int) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, f"{dataset_type} {visit} {detector}")


def _fits(record: Mapping[str, Any], data_id: Mapping[str, Any]) -> bool:
    return all(str(record[key]) == str(value) for key, value in data_id.items())


def _check_repo(name: str) -> None:
    if name not in {"", ALIAS}:
        raise refusal("unknown_repository", f"there is no repository {name!r}", "repo", f"known: {ALIAS}")


def _check_names(dataset_type: str, collections: tuple[str, ...]) -> None:
    if dataset_type.partition(".")[0] not in _TYPES:
        hint = near(dataset_type, _TYPES)
        raise refusal("unknown_dataset_type", f"Dataset type {dataset_type!r} does not exist.", "dataset_type", hint)
    if not collections:
        raise refusal("bad_query", "no collections are named", "collections", f"for example {COLLECTION!r}")
    for name in collections:
        if name not in {COLLECTION, RUN}:
            raise refusal("unknown_collection", f"No collection with name {name!r} found.", "collections")


def _check_data_id(data_id: Mapping[str, Any]) -> None:
    for key in data_id:
        if key not in _COLUMNS[:-1]:
            hint = near(key, _COLUMNS)
            raise refusal("bad_query", f"there is no dimension {key!r}", f"data_id.{key}", hint)
    if data_id.get("instrument", "HSC") != "HSC":
        message = f"the repository has no instrument {data_id['instrument']!r}"
        raise refusal("not_found", message, "data_id.instrument", near(data_id["instrument"], ["HSC"]))


def _find(target: Dataset | File) -> tuple[str, int, int]:
    if isinstance(target, File):
        return _in_file(target)
    _check_repo(target.repo)
    if target.id:
        return _by_id(target.id)
    _check_names(target.dataset_type, target.collections)
    _check_data_id(target.data_id)
    records = [record for record in _records() if _fits(record, target.data_id)]
    if not records:
        raise refusal("not_found", "there is no such dataset", "data_id")
    if len(records) > 1:
        values = {key: sorted({record[key] for record in records}) for key in _REQUIRED if key not in target.data_id}
        missing = "; ".join(f"{key}: {', '.join(map(str, found))}" for key, found in values.items() if found[1:])
        raise refusal("ambiguous", "more than one dataset fits this data ID", "data_id", f"add {missing}")
    return target.dataset_type, records[0]["visit"], records[0]["detector"]


def _by_id(text: str) -> tuple[str, int, int]:
    try:
        wanted = uuid.UUID(text)
    except ValueError:
        raise bad_value("id", "a dataset's id has 32 hexadecimal digits") from None
    for name in _TYPES:
        for record in _records():
            if _id(name, record["visit"], record["detector"]) == wanted:
                return name, record["visit"], record["detector"]
    raise refusal("not_found", "the repository has no dataset of this id", "id")


def _in_file(target: File) -> tuple[str, int, int]:
    if not target.path.startswith("/"):
        raise bad_value("path", "the path is not absolute", "give the absolute path")
    if not target.path.endswith(".fits"):
        raise RequestError(Error(code="unreadable_file", message="this is no FITS file", where="path"))
    return "calexp", 23718, 41
