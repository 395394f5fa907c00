"""The Butler side: creates the repository, its dimensions and collections, and records the files.

The only module of the demo that imports ``lsst``. It leaves the repository as a pipeline leaves it: read-only users
find formatters of ``lsst.obs`` recorded, whether or not they can import them.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import astropy.units as u
from astropy.table import Table
from astropy.time import Time
from lsst.daf.butler import (
    Butler,
    ButlerConfig,
    CollectionType,
    DataCoordinate,
    DatasetRef,
    DatasetType,
    DimensionRecord,
    FileDataset,
    FormatterV2,
    Timespan,
)
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

from mtvd.demo.optics import optics_of
from mtvd.demo.plan import BANDS, DETECTOR_POSITIONS, FIELD_NAME, INSTRUMENT, VISITS, Size, Visit

RUN_NAME: Final = "20260115T021407Z"
RAW_RUN: Final = "HSC/raw/all"
DEFAULTS: Final = "HSC/RC2/defaults"

_NAMESPACE: Final = uuid.UUID("6f0c1a0e-7b0c-5c53-9e0e-2f6d3f1f5b11")
_VISIT_DIMENSIONS: Final = ("instrument", "visit", "detector")
_TYPES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "raw": (("instrument", "exposure", "detector"), "Exposure"),
    "calexp": (_VISIT_DIMENSIONS, "ExposureF"),
    "src": (_VISIT_DIMENSIONS, "SourceCatalog"),
    "sourceTable": (_VISIT_DIMENSIONS, "ArrowAstropy"),
}
_FORMATTERS: Final[Mapping[str, str]] = {
    "Exposure": "lsst.obs.subaru.rawFormatter.HyperSuprimeCamRawFormatter",
    "ExposureF": "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter",
    "SourceCatalog": "lsst.obs.base.formatters.fitsGeneric.FitsGenericFormatter",
}


class StandInFormatter(FormatterV2):  # type: ignore[misc]
    """Stands for those of a pipeline while files are recorded: ingest wants one that can be imported."""

    default_extension = ".fits"


def chain_of(user: str) -> str:
    """Return the collection that the tutorial asks."""
    return f"u/{user}/single_frame"


def run_of(user: str) -> str:
    """Return the run that holds the outputs."""
    return f"{chain_of(user)}/{RUN_NAME}"


@dataclass(kw_only=True)
class Registry:
    """A repository under construction. Used from one thread."""

    root: Path
    user: str
    butler: Butler
    types: dict[str, DatasetType]

    @classmethod
    def create(cls, root: Path, user: str, size: Size) -> Registry:
        """Make the repository with its dimensions, types and empty collections."""
        Butler.makeRepo(str(root))
        config = ButlerConfig(str(root))
        for storage_class in _FORMATTERS:
            config["datastore", "formatters", storage_class] = f"{__name__}.{StandInFormatter.__name__}"
        butler = Butler.from_config(config, writeable=True)
        _insert_dimensions(butler, size)
        types = {
            name: DatasetType(name, dimensions, storage, universe=butler.dimensions)
            for name, (dimensions, storage) in _TYPES.items()
        }
        for dataset_type in types.values():
            butler.registry.registerDatasetType(dataset_type)
        for run, chain in ((run_of(user), chain_of(user)), (RAW_RUN, DEFAULTS)):
            butler.collections.register(run)
            butler.collections.register(chain, CollectionType.CHAINED)
            butler.collections.redefine_chain(chain, [run])
        return cls(root=root, user=user, butler=butler, types=types)

    def place(self, type_name: str, visit: int, detector: int) -> tuple[DatasetRef, Path]:
        """Return the reference of a dataset and where its file belongs; its folder is made."""
        time_key = "exposure" if type_name == "raw" else "visit"
        data_id = self.butler.registry.expandDataId(
            DataCoordinate.standardize(
                {"instrument": INSTRUMENT, time_key: visit, "detector": detector}, universe=self.butler.dimensions
            )
        )
        run = RAW_RUN if type_name == "raw" else run_of(self.user)
        identity = uuid.uuid5(_NAMESPACE, f"{run} {type_name} {visit} {detector}")
        ref = DatasetRef(self.types[type_name], data_id, run, id=identity)
        path = Path(self.butler.getURI(ref, predict=True).ospath)
        path.parent.mkdir(parents=True, exist_ok=True)
        return ref, path

    def ingest(self, files: Iterable[tuple[DatasetRef, Path]]) -> None:
        """Record files that are in their place already."""
        datasets = [
            FileDataset(path=str(path.relative_to(self.root)), refs=[ref], formatter=StandInFormatter)
            for ref, path in files
        ]
        self.butler.ingest(*datasets, transfer=None)

    def put_table(self, ref: DatasetRef, table: Table) -> None:
        """Write a parquet table."""
        self.butler.put(table, ref)

    def finish(self) -> None:
        """Close, and record the formatters that a pipeline records."""
        self.butler.close()
        with closing(sqlite3.connect(self.root / "gen3.sqlite3")) as database, database:
            for storage_class, formatter in _FORMATTERS.items():
                database.execute(
                    "UPDATE file_datastore_records SET formatter = ? WHERE storage_class = ?",
                    (formatter, storage_class),
                )


def _insert_dimensions(butler: Butler, size: Size) -> None:
    def insert(element: str, *rows: dict[str, Any]) -> None:
        records: list[DimensionRecord] = [butler.dimensions[element].RecordClass(**row) for row in rows]
        butler.registry.insertDimensionData(element, *records)

    camera = {"instrument": INSTRUMENT}
    with butler.registry.transaction():
        insert("instrument", _instrument())
        insert("physical_filter", *(camera | {"name": name, "band": band} for name, band in BANDS.items()))
        insert("detector", *(camera | _detector(number) for number in DETECTOR_POSITIONS))
        nights = sorted({visit.day_obs for visit in VISITS})
        insert("day_obs", *(camera | {"id": night, "timespan": _night(night)} for night in nights))
        insert("visit_system", camera | {"id": 0, "name": "one-to-one"})
        insert("group", *(camera | {"name": _observation_id(visit)} for visit in VISITS))
        insert("exposure", *(camera | _exposure(visit) for visit in VISITS))
        insert("visit", *(camera | _visit(visit, size) for visit in VISITS))
        insert("visit_definition", *(camera | {"exposure": visit.id, "visit": visit.id} for visit in VISITS))
        insert("visit_system_membership", *(camera | {"visit_system": 0, "visit": visit.id} for visit in VISITS))
        insert(
            "visit_detector_region",
            *(
                camera | {"visit": visit.id, "detector": number, "region": _region(visit, [number], size)}
                for visit in VISITS
                for number in DETECTOR_POSITIONS
            ),
        )


def _instrument() -> dict[str, Any]:
    return {
        "name": INSTRUMENT,
        "visit_max": 21474800,
        "exposure_max": 21474800,
        "detector_max": 200,
        "visit_system": 0,
        "class_name": "lsst.obs.subaru.HyperSuprimeCam",
    }


def _detector(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "full_name": f"1_{number:02d}",
        "name_in_raft": f"{number:02d}",
        "raft": "1",
        "purpose": "SCIENCE",
    }


def _observation_id(visit: Visit) -> str:
    return f"HSCA{visit.id:06d}00"


def timespan_of(visit: Visit) -> Timespan:
    """Return when the shutter was open."""
    begin = Time(visit.begin_tai, scale="tai")
    return Timespan(begin, begin + visit.exposure_secs * u.s)


def _night(day_obs: int) -> Timespan:
    text = str(day_obs)
    begin = Time(f"{text[:4]}-{text[4:6]}-{text[6:]}T00:00:00", scale="tai")
    return Timespan(begin, begin + 1 * u.day)


def _sky_state(visit: Visit) -> dict[str, Any]:
    from numpy import arccos, degrees

    return {
        "day_obs": visit.day_obs,
        "physical_filter": visit.physical_filter,
        "exposure_time": visit.exposure_secs,
        "target_name": FIELD_NAME,
        "observation_reason": "science",
        "science_program": "demo",
        "azimuth": 180.0,
        "zenith_angle": float(degrees(arccos(1 / visit.airmass))),
        "timespan": timespan_of(visit),
        "seq_num": visit.id,
    }


def _exposure(visit: Visit) -> dict[str, Any]:
    optics = optics_of(visit, 49, (2, 2))
    return _sky_state(visit) | {
        "id": visit.id,
        "obs_id": _observation_id(visit),
        "group": _observation_id(visit),
        "dark_time": visit.exposure_secs,
        "observation_type": "science",
        "seq_start": visit.id,
        "seq_end": visit.id,
        "tracking_ra": optics.ra_deg,
        "tracking_dec": optics.dec_deg,
        "sky_angle": visit.rotation_deg % 360,
        "has_simulated": True,
        "can_see_sky": True,
    }


def _visit(visit: Visit, size: Size) -> dict[str, Any]:
    region = _region(visit, list(DETECTOR_POSITIONS), size)
    return _sky_state(visit) | {"id": visit.id, "name": _observation_id(visit), "region": region}


def _region(visit: Visit, detectors: list[int], size: Size) -> ConvexPolygon:
    """Return the convex hull of detectors on the sky."""
    points = []
    for detector in detectors:
        for ra_deg, dec_deg in zip(*optics_of(visit, detector, size.shape_yx).corners(), strict=True):
            points.append(UnitVector3d(LonLat.fromDegrees(float(ra_deg), float(dec_deg))))
    return ConvexPolygon.convexHull(points)
