"""A question to the repository from the shell: whole processes."""

from __future__ import annotations

import getpass
import re

from benchmarks.bench import REPO_ALIAS, Bench
from benchmarks.contest import Way, contest
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.peers.butler_cli import ButlerCli
from benchmarks.programs import mtv_command, run
from benchmarks.row import Row

_WHERE = "instrument = 'HSC' AND visit = 23718"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def measure(bench: Bench) -> Measured:
    """Measure ``mtv query`` and ``butler query-datasets``, after both have named the same datasets."""
    collection = f"u/{getpass.getuser()}/single_frame"
    peer = ButlerCli(bench.repo)

    def ask_butler() -> str:
        return peer.query("calexp", collection, _WHERE)

    ours = None
    if bench.with_ours:
        command = [*mtv_command(), "query", "calexp", "--repo", REPO_ALIAS, "--collections", collection]
        command += ["--where", _WHERE]
        environment = bench.daemon_with_repo.environment
        _same(run([*command, "--json"], environment), ask_butler())
        ours = Way(name=NAME, draw=lambda: run(command, environment))
    return contest(ours=ours, peers=(Way(name=peer.name, draw=ask_butler),), runs=bench.amount(7, 1))


def _same(ours: str, theirs: str) -> None:
    found, wanted = set(_ID.findall(ours)), set(_ID.findall(theirs))
    if not wanted or found != wanted:
        raise RuntimeError(f"mtv query names {len(found)} datasets, butler {len(wanted)}, and they are not the same")


ROW = Row("query_cli", "mtv query from the shell, whole process", Target(peer=8), measure)
