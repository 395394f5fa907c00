"""The sample repository with datasets of whole visits: one table of all detectors, one without that column, images."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from tests.support import repo_sample as sample

VISIT: Final = 23718
DETECTORS: Final = np.repeat([40, 41, 42], (3, 5, 7))
"""Of each row of a table of a visit; two of them are detectors of the repository."""


def table() -> Any:
    """Return the table of a visit: positions in pixels and in the sky, detectors, bands, ids."""
    from astropy.table import Table

    count = len(DETECTORS)
    return Table(
        {
            "id": np.arange(2**62, 2**62 + count),
            "x": sample.XY0[0] + np.arange(count) * 2.0,
            "y": np.full(count, sample.XY0[1] + 20.0),
            "detector": DETECTORS.astype(np.int16),
            "band": np.where(DETECTORS == 42, "i", "r"),
        }
    )


def build(root: Path) -> Path:
    """Make the repository and return its path."""
    sample.build(root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _add(root)
    return root


def _add(root: Path) -> None:
    from lsst.daf.butler import Butler, DatasetRef, DatasetType, FileDataset

    from mtvd.demo.registry import StandInFormatter

    ids = {"instrument": "HSC", "visit": VISIT}
    with Butler.from_config(str(root), writeable=True) as butler:
        kinds = {
            name: DatasetType(name, ("instrument", "visit"), storage, universe=butler.dimensions)
            for name, storage in (("source", "ArrowAstropy"), ("visitTable", "ArrowAstropy"), ("mosaic", "ExposureF"))
        }
        for kind in kinds.values():
            butler.registry.registerDatasetType(kind)
        butler.put(table(), "source", ids, run=sample.RUN)
        butler.put(table()["id", "x", "y"], "visitTable", ids, run=sample.RUN)
        path = root / sample.RUN / "mosaic" / "mosaic.fits"
        sample.write_exposure(path, VISIT, 0)
        ref = DatasetRef(kinds["mosaic"], butler.registry.expandDataId(ids), run=sample.RUN)
        butler.ingest(FileDataset(str(path), ref, formatter=StandInFormatter), transfer="direct")
