"""A query while a feed runs at full speed and 50,000 markers come again and again in another tile."""

from __future__ import annotations

import getpass

import mtv
from benchmarks.bench import REPO_ALIAS, Bench
from benchmarks.measures import Amount, Measured, Target
from benchmarks.row import Row
from benchmarks.rows import under_feed


def measure(bench: Bench) -> Measured:
    """Ask a daemon with a repository and a window for one visit."""
    if not bench.with_ours:
        return Measured()
    daemon = bench.daemon_with_repo
    repository = mtv.Repository(REPO_ALIAS, connection=daemon.connection)
    collections = f"u/{getpass.getuser()}/single_frame"

    def ask(_number: int) -> None:
        if not list(repository.query("calexp", collections=collections, instrument="HSC")):
            raise RuntimeError("the query found nothing")

    return under_feed.measure(bench, daemon, ask)


ROW = Row(
    "query_under_feed",
    "a query, under a feed and 50,000 markers again and again, p99 of 500",
    Target(most=Amount(100, "ms")),
    measure,
)
