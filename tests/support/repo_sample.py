"""A tiny Butler repository with files in the layout of ``lsst.afw``: HSC, two visits, two detectors, 60 x 50 pixels."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

SHAPE_YX = (50, 60)
LARGE = "postISRCCD"
"""Dataset type of one large exposure, of visit 23718 and detector 41, where the files are on another host."""
LARGE_SHAPE_YX = (700, 800)
XY0 = (100, 200)
PLANES = {"BAD": 0, "SAT": 1, "INTRP": 2, "CR": 3, "EDGE": 4, "DETECTED": 5, "DETECTED_NEGATIVE": 6}
VISITS = {23718: ("HSC-R", "r"), 1214: ("HSC-R", "r"), 23694: ("HSC-I", "i")}
DETECTORS = (41, 42)
RUN = "u/somebody/single_frame/20261122T000000Z"
CHAIN = "u/somebody/single_frame"
ROWS = 20


def image_of(visit: int, detector: int, shape_yx: tuple[int, int] = SHAPE_YX) -> np.ndarray[Any, Any]:
    """Pixels that tell where they come from: ``(y, x)`` float32."""
    y, x = np.indices(shape_yx)
    return (visit % 1000 + detector + 0.5 * y + 0.25 * x).astype(np.float32)


def mask_of(visit: int, detector: int, shape_yx: tuple[int, int] = SHAPE_YX) -> np.ndarray[Any, Any]:
    """One bit after the other along x."""
    _, x = np.indices(shape_yx)
    return (1 << (x % 7)).astype(np.int32)


def write_exposure(
    path: Path,
    visit: int,
    detector: int,
    *,
    compression: str | None = None,
    shape_yx: tuple[int, int] = SHAPE_YX,
) -> None:
    """Write a file as afw lays it out; ``compression`` is astropy's name, such as ``GZIP_2``."""
    from astropy.io import fits

    primary = fits.PrimaryHDU()
    primary.header[_long("EXPINFO_V")] = 2
    primary.header["EXPTIME"] = 30.0
    image = image_of(visit, detector, shape_yx)
    planes = (
        ("IMAGE", image, "nJy"),
        ("MASK", mask_of(visit, detector, shape_yx), ""),
        ("VARIANCE", image * 2, "nJy**2"),
    )
    hdus: list[Any] = [primary]
    for name, pixels, unit in planes:
        header = _header(name, unit)
        if compression:
            hdus.append(fits.CompImageHDU(pixels, header=header, compression_type=compression, quantize_level=0.0))
        else:
            hdus.append(fits.ImageHDU(pixels, header=header))
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path)


def damage_mask(path: Path) -> None:
    """Make the end of the mask of a compressed file unreadable; the image before it stays whole."""
    from astropy.io import fits

    with fits.open(path, disable_image_compression=True) as hdus:
        info, header = hdus[2].fileinfo(), hdus[2].header
    heap = info["datLoc"] + header["NAXIS1"] * header["NAXIS2"]
    with path.open("r+b") as file:
        file.seek(heap + header["PCOUNT"] // 2)
        file.write(b"\xff" * (header["PCOUNT"] - header["PCOUNT"] // 2))


def _header(name: str, unit: str) -> Any:
    from astropy.io import fits

    header = fits.Header()
    header["INHERIT"] = True
    header["EXTTYPE"] = name
    header["EXTNAME"] = name
    wcs: dict[str, Any] = {
        "CTYPE1": "RA---TAN-SIP",
        "CTYPE2": "DEC--TAN-SIP",
        "CRVAL1": 150.1,
        "CRVAL2": 2.2,
        "CRPIX1": 30.0,
        "CRPIX2": 25.0,
    }
    wcs |= {"CD1_1": -4.6e-05, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 4.6e-05, "CUNIT1": "deg", "CUNIT2": "deg"}
    wcs |= {"A_ORDER": 2, "A_2_0": 1e-07, "B_ORDER": 2, "B_0_2": 2e-07, "RADESYS": "ICRS", "EQUINOX": 2000.0}
    local: dict[str, Any] = {
        "LTV1": -XY0[0],
        "LTV2": -XY0[1],
        "CRVAL1A": XY0[0],
        "CRVAL2A": XY0[1],
        "CRPIX1A": 1.0,
        "CRPIX2A": 1.0,
    }
    local |= {"CTYPE1A": "LINEAR", "CTYPE2A": "LINEAR", "CUNIT1A": "pixel", "CUNIT2A": "pixel"}
    header.update(wcs | local)
    if unit:
        header["BUNIT"] = unit
    if name == "MASK":
        header.update({_long(f"MP_{plane}"): bit for plane, bit in PLANES.items()})
    return header


def _long(keyword: str) -> str:
    # Without the prefix astropy warns of each keyword over eight characters.
    return keyword if len(keyword) <= 8 else f"HIERARCH {keyword}"


def write_catalog(path: Path, rows: int = ROWS) -> None:
    """Write a source catalog: packed flags, slots, units, docs, an array column."""
    from astropy.io import fits

    flags = np.zeros((rows, 11), dtype=bool)
    flags[::2, 0] = True
    flags[::4, 10] = True
    index = np.arange(rows)
    columns = [
        fits.Column("flags", "11X", array=flags),
        fits.Column("id", "1K", array=index + 1),
        fits.Column("coord_ra", "1D", unit="rad", array=2.6 + index * 1e-6),
        fits.Column("coord_dec", "1D", unit="rad", array=index * 1e-6),
        fits.Column("base_SdssCentroid_x", "1D", unit="pixel", array=XY0[0] + 2.0 * index),
        fits.Column("base_SdssCentroid_y", "1D", unit="pixel", array=XY0[1] + 1.0 * index),
        fits.Column("aperture", "3E", array=np.arange(3 * rows, dtype=np.float32).reshape(rows, 3)),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    names = ["calib_psf_candidate", *(f"flag_{number}" for number in range(1, 10)), "calib_psf_used"]
    for number, name in enumerate(names, 1):
        table.header[f"TFLAG{number}"] = name
        table.header[f"TFDOC{number}"] = f"what {name} means"
    table.header["FLAGCOL"] = 1
    kinds = ("Scalar", "Angle", "Angle", "Scalar", "Scalar", "Array")
    docs = ("unique ID", "position", "position", "x", "y", "fluxes")
    for number, (kind, doc) in enumerate(zip(kinds, docs, strict=True), 2):
        table.header[f"TCCLS{number}"] = kind
        table.header[f"TDOC{number}"] = doc
    for alias in ("slot_Centroid:base_SdssCentroid", "slot_Shape:base_SdssShape"):
        table.header.append(("ALIAS", alias), end=True)
    table.header["AFW_TYPE"] = "SOURCE"
    table.header[_long("AFW_TABLE_VERSION")] = 3
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


def build(root: Path, *, large_yx: tuple[int, int] | None = None) -> Path:
    """Make the repository and return its path; with ``large_yx`` a compressed calexp of 23718, 41 has this shape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _build(str(root), root, transfer="direct", large_yx=large_yx)
    return root


def build_elsewhere(root: str, database: str, scratch: Path) -> None:
    """Make the repository at a path or URI, with a registry database; files are copied there from a scratch folder."""
    from lsst.daf.butler import Config

    config = Config()
    config["registry", "db"] = database
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _build(root, scratch, transfer="copy", config=config)
        _ingest_large(root, scratch)


def _build(
    root: str, files: Path, *, transfer: str, config: Any = None, large_yx: tuple[int, int] | None = None
) -> None:
    from lsst.daf.butler import Butler, CollectionType

    Butler.makeRepo(root, config=config)
    butler = Butler.from_config(root, writeable=True)
    _insert_dimensions(butler)
    butler.collections.register(RUN)
    butler.collections.register("HSC/raw/all")
    butler.collections.register(CHAIN, CollectionType.CHAINED)
    butler.collections.redefine_chain(CHAIN, [RUN])
    butler.collections.register("HSC/RC2/defaults", CollectionType.CHAINED)
    butler.collections.redefine_chain("HSC/RC2/defaults", ["HSC/raw/all"])
    _register_types(butler)
    _ingest(butler, files, transfer, large_yx)
    butler.close()


def _insert_dimensions(butler: Any) -> None:
    insert = butler.registry.insertDimensionData
    with butler.registry.transaction():
        insert(
            "instrument",
            {
                "name": "HSC",
                "visit_max": 10**6,
                "exposure_max": 10**6,
                "detector_max": 200,
                "visit_system": 0,
                "class_name": "lsst.obs.subaru.HyperSuprimeCam",
            },
        )
        for name, band in (("HSC-R", "r"), ("HSC-I", "i")):
            insert("physical_filter", {"instrument": "HSC", "name": name, "band": band})
        for detector in DETECTORS:
            insert(
                "detector", {"instrument": "HSC", "id": detector, "full_name": f"1_{detector}", "purpose": "SCIENCE"}
            )
        insert("day_obs", {"instrument": "HSC", "id": 20140328})
        insert("visit_system", {"instrument": "HSC", "id": 0, "name": "one-to-one"})
        for visit, (filter_name, _) in VISITS.items():
            insert_visit(butler, visit, filter_name)


def insert_visit(butler: Any, visit: int, filter_name: str) -> None:
    """Add a visit, its exposure, and the regions of its detectors."""
    import datetime as dt

    import lsst.sphgeom
    from astropy.time import Time
    from lsst.daf.butler import Timespan

    insert = butler.registry.insertDimensionData
    region = lsst.sphgeom.ConvexPolygon(
        [
            lsst.sphgeom.UnitVector3d(lsst.sphgeom.LonLat.fromDegrees(lon, lat))
            for lon, lat in ((150.0, 2.0), (150.2, 2.0), (150.2, 2.2))
        ]
    )
    begin = Time("2014-03-28T00:00:00", scale="tai")
    shared = {
        "instrument": "HSC",
        "physical_filter": filter_name,
        "day_obs": 20140328,
        "timespan": Timespan(begin, begin + dt.timedelta(seconds=30)),
        "exposure_time": 30.0,
        "target_name": "SSP-Wide",
        "observation_reason": "science",
        "science_program": "o13015",
        "azimuth": 10.0,
        "zenith_angle": 20.0,
    }
    insert("group", {"instrument": "HSC", "name": str(visit)})
    insert(
        "exposure",
        {
            **shared,
            "id": visit,
            "obs_id": f"HSCA{visit:08d}",
            "group": str(visit),
            "dark_time": 30.0,
            "observation_type": "science",
            "seq_num": visit,
            "seq_start": visit,
            "seq_end": visit,
            "sky_angle": 0.0,
            "tracking_ra": 150.0,
            "tracking_dec": 2.0,
        },
    )
    insert("visit", {**shared, "id": visit, "name": f"HSCA{visit:08d}", "seq_num": visit, "region": region})
    insert("visit_definition", {"instrument": "HSC", "visit": visit, "exposure": visit})
    insert("visit_system_membership", {"instrument": "HSC", "visit_system": 0, "visit": visit})
    for detector in DETECTORS:
        insert(
            "visit_detector_region",
            {"instrument": "HSC", "visit": visit, "detector": detector, "region": region},
        )


def _register_types(butler: Any) -> None:
    from lsst.daf.butler import DatasetType

    for name, keys, storage in (
        ("raw", ("instrument", "exposure", "detector"), "Exposure"),
        ("calexp", ("instrument", "visit", "detector"), "ExposureF"),
        ("src", ("instrument", "visit", "detector"), "SourceCatalog"),
        ("sourceTable", ("instrument", "visit", "detector"), "ArrowAstropy"),
    ):
        butler.registry.registerDatasetType(DatasetType(name, keys, storage, universe=butler.dimensions))


def _ingest(butler: Any, files: Path, transfer: str, large_yx: tuple[int, int] | None) -> None:
    from astropy.table import Table
    from lsst.daf.butler import DatasetRef, FileDataset

    from mtvd.demo.registry import StandInFormatter

    types = {name: butler.get_dataset_type(name) for name in ("raw", "calexp", "src", "sourceTable")}
    for visit in VISITS:
        for detector in DETECTORS:
            ids = {"instrument": "HSC", "visit": visit, "detector": detector}
            raw_ids = {"instrument": "HSC", "exposure": visit, "detector": detector}
            for name, run, data_id in (("raw", "HSC/raw/all", raw_ids), ("calexp", RUN, ids), ("src", RUN, ids)):
                path = files / run / name / f"{name}_{visit}_{detector}.fits"
                if name == "src":
                    write_catalog(path)
                elif large_yx and (name, visit, detector) == ("calexp", 23718, 41):
                    write_exposure(path, visit, detector, compression="GZIP_2", shape_yx=large_yx)
                else:
                    write_exposure(path, visit, detector)
                ref = DatasetRef(types[name], butler.registry.expandDataId(data_id), run=run)
                butler.ingest(FileDataset(str(path), ref, formatter=StandInFormatter), transfer=transfer)
            table = Table({"x": np.arange(3.0), "name": ["a", "bb", "ccc"], "good": [True, False, True]})
            table["x"].unit = "pixel"
            table["x"].description = "a position"
            butler.put(table, "sourceTable", ids, run=RUN)


def _ingest_large(root: str, files: Path) -> None:
    from lsst.daf.butler import Butler, DatasetRef, DatasetType, FileDataset

    from mtvd.demo.registry import StandInFormatter

    butler = Butler.from_config(root, writeable=True)
    keys = ("instrument", "visit", "detector")
    kind = DatasetType(LARGE, keys, "ExposureF", universe=butler.dimensions)
    butler.registry.registerDatasetType(kind)
    path = files / RUN / LARGE / f"{LARGE}.fits"
    write_exposure(path, 23718, 41, shape_yx=LARGE_SHAPE_YX)
    data_id = butler.registry.expandDataId({"instrument": "HSC", "visit": 23718, "detector": 41})
    ref = DatasetRef(kind, data_id, run=RUN)
    butler.ingest(FileDataset(str(path), ref, formatter=StandInFormatter), transfer="copy")
    butler.close()


if __name__ == "__main__":
    build_elsewhere(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
