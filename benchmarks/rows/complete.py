"""A value completed as a shell does it at TAB, against ``mtv status``: whole processes, of one daemon."""

from __future__ import annotations

import getpass

from benchmarks.bench import REPO_ALIAS, Bench
from benchmarks.contest import Way, contest
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.programs import mtv_command, run
from benchmarks.row import Row

_WARM_UPS = 20


def measure(bench: Bench) -> Measured:
    """Measure both, once the repository is open and the visits that are offered are those that begin so."""
    if not bench.with_ours:
        return Measured()
    environment = bench.daemon_with_repo.environment
    collection = f"u/{getpass.getuser()}/single_frame"
    line = f"mtv show calexp --repo {REPO_ALIAS} --collections {collection} instrument=HSC visit=237"
    asking = {**environment, "_MTV_COMPLETE": "zsh_complete", "COMP_LINE": line}

    def complete() -> str:
        return run(mtv_command(), asking)

    for _ in range(_WARM_UPS):  # the first ones find a repository that is being opened, and say nothing
        told = complete()
        if told:
            break
    if told.split() != ["visit=23718"]:
        raise RuntimeError(f"visit=237 is completed to {told!r}")
    ours = Way(name=NAME, draw=complete)
    floor = Way(name="mtv status", draw=lambda: run([*mtv_command(), "status"], environment))
    return contest(ours=ours, floor=floor, runs=bench.amount(15, 1))


ROW = Row("complete", "a visit completed at TAB, whole process; the floor is mtv status", Target(floor=1.6), measure)
