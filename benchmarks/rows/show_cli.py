"""``mtv show`` of an exposure that the daemon has decoded before, against ``mtv status`` and then ``display.mtv``."""

from __future__ import annotations

import getpass

import mtv
from benchmarks.bench import REPO_ALIAS, Bench
from benchmarks.contest import Way, contest
from benchmarks.daemon import PATIENCE_SECS
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.picture import Picture, decode
from benchmarks.programs import mtv_command, run
from benchmarks.row import Row

_DATASET = ("calexp", "instrument=HSC", "visit=23718", "detector=41")


def measure(bench: Bench) -> Measured:
    """Measure both in one window: the whole command, and the two parts that it cannot do without."""
    if not bench.with_ours:
        return Measured()
    daemon = bench.daemon_with_repo
    collections = f"u/{getpass.getuser()}/single_frame"
    connection = mtv.connect(daemon.endpoint, timeout_secs=PATIENCE_SECS)
    repository = mtv.Repository(REPO_ALIAS, collections=collections, connection=connection)
    calexp = repository.get("calexp", instrument="HSC", visit=23718, detector=41)
    display = mtv.Display(0, connection=connection)
    options = ["--repo", REPO_ALIAS, "--collections", collections, "--display", "0"]

    def look() -> Picture:
        return decode(display.snapshot())

    def show() -> None:
        run([*mtv_command(), "show", *_DATASET, *options], daemon.environment)
        display.sync()

    def parts() -> None:
        run([*mtv_command(), "status"], daemon.environment)
        display.mtv(calexp)
        display.sync()

    try:
        return contest(
            ours=Way(name=NAME, draw=show, look=look),
            floor=Way(name="mtv status, display.mtv", draw=parts, look=look),
            runs=bench.amount(9, 1),
        )
    finally:
        connection.close()


ROW = Row("show_cli", "mtv show of a cached exposure, whole process", Target(floor=1.5), measure)
