"""A compressed full exposure, for the first time, until its image is on the screen; its mask follows.

The peer shows nothing: it reads all three planes. How long image and mask take together stands beside it.
"""

from __future__ import annotations

import dataclasses

from benchmarks.bench import Bench
from benchmarks.contest import contest
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.row import Row
from benchmarks.rows import compressed


def measure(bench: Bench) -> Measured:
    """Measure ours to the image and to both, and astropy's reading of all planes, which shows nothing yet."""
    return compressed.worst(bench, _measure)


def _measure(bench: Bench, kind: str) -> Measured:
    peer, runs = compressed.astropy(bench, kind), bench.amount(7, 1)
    if not bench.with_ours:
        return contest(ours=None, peers=(peer,), runs=runs)
    whole = compressed.ours(bench, kind, first_time=True)
    beside = dataclasses.replace(whole, name=f"{NAME}, image and mask")
    return contest(ours=compressed.image_first(bench, kind, whole), peers=(peer, beside), runs=runs)


ROW = Row(
    "load_compressed",
    "the image of a compressed exposure (GZIP, RICE) on the screen for the first time, its mask to follow, against "
    "reading it with astropy",
    Target(peer=1 / 0.7),
    measure,
)
