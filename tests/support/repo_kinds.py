"""A Butler repository with datasets of many kinds: compressed exposures, coadds of a sky map, files of lsst.images."""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
import warnings
from pathlib import Path
from typing import Any, Final

from tests.support import lsst_images
from tests.support import repo_sample as sample

RUN: Final = "LSSTCam/kinds"
TRACT: Final[dict[str, int | str]] = {"skymap": "hsc_rings_v1", "tract": 9813, "patch": 42, "band": "r"}
COMPRESSIONS: Final = {"gzip_exposure": "GZIP_2", "rice_exposure": "RICE_1"}
HAS_LSST_IMAGES: Final = importlib.util.find_spec("lsst.images") is not None


def build(root: Path) -> Path:
    """Make the repository and return its path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _build(root)
    return root


def _build(root: Path) -> None:
    from lsst.daf.butler import Butler

    Butler.makeRepo(str(root))
    with Butler.from_config(str(root), writeable=True) as butler:
        butler.collections.register(RUN)
        _insert_dimensions(butler)
        for name, compression in COMPRESSIONS.items():
            path = root / RUN / f"{name}.fits"
            write_compressed(path, compression)
            _ingest(butler, name, "ExposureF", path)
        for name, storage_class in (("deepCoadd_calexp", "ExposureF"), ("deepCoadd_image", "ImageF")):
            path = root / RUN / f"{name}.fits"
            sample.write_exposure(path, 1, 1)
            _ingest(butler, name, storage_class, path)
        if HAS_LSST_IMAGES:
            _put_lsst_images(butler)
    _record_pipeline_formatter(root)


def _record_pipeline_formatter(root: Path) -> None:
    # As in a repository of a pipeline: what reads the files by Butler's own way is not installed here.
    with contextlib.closing(sqlite3.connect(root / "gen3.sqlite3")) as database, database:
        formatter = "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter"
        change = "update file_datastore_records set formatter = ? where storage_class in ('ExposureF', 'ImageF')"
        database.execute(change, (formatter,))


def _insert_dimensions(butler: Any) -> None:
    insert = butler.registry.insertDimensionData
    with butler.registry.transaction():
        insert("instrument", {"name": "HSC", "visit_max": 9, "exposure_max": 9, "detector_max": 9, "class_name": "x"})
        insert("physical_filter", {"instrument": "HSC", "name": "HSC-R", "band": "r"})
        insert(
            "skymap", {"name": TRACT["skymap"], "hash": b"1", "tract_max": 9999, "patch_nx_max": 9, "patch_ny_max": 9}
        )
        insert("tract", {"skymap": TRACT["skymap"], "id": TRACT["tract"]})
        insert("patch", {"skymap": TRACT["skymap"], "tract": TRACT["tract"], "id": 42, "cell_x": 6, "cell_y": 4})


def _ingest(butler: Any, name: str, storage_class: str, path: Path) -> None:
    from lsst.daf.butler import DatasetRef, DatasetType, FileDataset
    from lsst.daf.butler.formatters.yaml import YamlFormatter

    kind = DatasetType(name, ("skymap", "tract", "patch", "band"), storage_class, universe=butler.dimensions)
    butler.registry.registerDatasetType(kind)
    ref = DatasetRef(kind, butler.registry.expandDataId(TRACT), run=RUN)
    butler.ingest(FileDataset(str(path), ref, formatter=YamlFormatter), transfer="direct")


def write_compressed(path: Path, compression: str) -> None:
    """Write the sample exposure with compressed planes; RICE is lossy and dithered, as the pipelines' recipe has it."""
    from astropy.io import fits

    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_name("plain.fits")
    sample.write_exposure(plain, 1, 1)
    with fits.open(plain) as hdus:
        for index in (1, 2, 3):
            lossy = compression == "RICE_1" and index != 2
            options = {"quantize_level": 16, "quantize_method": 2} if lossy else {"quantize_level": 0.0}
            kind = compression if lossy or compression != "RICE_1" else "GZIP_2"
            hdus[index] = fits.CompImageHDU(hdus[index].data, hdus[index].header, compression_type=kind, **options)
        hdus.writeto(path)
    plain.unlink()


def _put_lsst_images(butler: Any) -> None:
    from lsst.daf.butler import DatasetType

    found = lsst_images.masked_image()
    for name, storage_class, value in (
        ("masked_image", "MaskedImageV2", found),
        ("plain_image", "ImageV2", found.image),
        ("plain_mask", "MaskV2", found.mask),
        ("visit_image", "VisitImage", lsst_images.visit_image()),
        ("difference_image", "DifferenceImage", lsst_images.visit_image("DifferenceImage")),
        ("deep_coadd", "CellCoadd", lsst_images.cell_coadd()),
        ("colours", "ColorImage", lsst_images.colour_image()),
    ):
        kind = DatasetType(name, ("skymap", "tract", "patch", "band"), storage_class, universe=butler.dimensions)
        butler.registry.registerDatasetType(kind)
        butler.put(value, name, TRACT, run=RUN)
