"""A registry without files in which many datasets hide others: two instruments, five runs, chains within chains."""

from __future__ import annotations

import random
from pathlib import Path

RUNS = tuple(f"run/{number}" for number in range(5))
CHAIN = "chain"
TAGGED = "tagged"
VISITS = (3, 10, 11, 200)
DETECTORS = (0, 1, 2)
FILTERS = {3: "F-R", 10: "F-I", 11: "F-R", 200: "F-I"}


def build(root: Path) -> Path:
    """Make the registry and return its root; the same each time."""
    from lsst.daf.butler import Butler, CollectionType, DatasetType

    chosen = random.Random(7)
    Butler.makeRepo(str(root))
    with Butler.from_config(str(root), writeable=True) as butler:
        for instrument in ("CAM1", "CAM2"):
            _insert_dimensions(butler.registry.insertDimensionData, instrument)
        for run in RUNS:
            butler.collections.register(run)
        for chain, members in (("inner", RUNS[3:]), (CHAIN, (RUNS[2], RUNS[0], "inner", RUNS[1], RUNS[0]))):
            butler.collections.register(chain, CollectionType.CHAINED)
            butler.collections.redefine_chain(chain, list(dict.fromkeys(members)))
        butler.collections.register(TAGGED, CollectionType.TAGGED)
        keys = ("instrument", "visit", "detector")
        kind = DatasetType("calexp", keys, "ExposureF", universe=butler.dimensions)
        butler.registry.registerDatasetType(kind)
        ids = [
            {"instrument": instrument, "visit": visit, "detector": detector}
            for instrument in ("CAM1", "CAM2")
            for visit in VISITS
            for detector in DETECTORS
        ]
        for run in RUNS:
            mine = chosen.sample(ids, 14)
            refs = butler.registry.insertDatasets(kind, mine, run=run)
            if run == RUNS[4]:
                butler.registry.associate(TAGGED, refs[:5])
    return root


def _insert_dimensions(insert: object, instrument: str) -> None:
    assert callable(insert)
    own = {"instrument": instrument}
    insert("instrument", {"name": instrument, "detector_max": 10, "visit_max": 10**6, "exposure_max": 10**6})
    insert("physical_filter", *({**own, "name": name, "band": name[-1].lower()} for name in ("F-R", "F-I")))
    insert("day_obs", {**own, "id": 20260101})
    insert("detector", *({**own, "id": number, "full_name": f"det{number}"} for number in DETECTORS))
    for visit in VISITS:
        times = {"exposure_time": 10.0 if visit < 11 else 5.0, "day_obs": 20260101}
        insert("visit", {**own, **times, "id": visit, "name": f"v{visit}", "physical_filter": FILTERS[visit]})
