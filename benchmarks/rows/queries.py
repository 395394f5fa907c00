"""What the rows of queries share: a registry of some size, a daemon that has it, one question for everybody."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import mtv
from benchmarks import registry
from benchmarks.bench import Bench
from benchmarks.contest import Way, alternate
from benchmarks.daemon import PATIENCE_SECS, Daemon
from benchmarks.measures import Measured, Timing
from benchmarks.ours import NAME
from benchmarks.peers.butler_calls import ButlerCalls

ALIAS: Final = "large"
_ALLOWED_SECS: Final = 2e-3
_ALLOWED_SECS_A_ROW: Final = 10e-6

Question = tuple[str, str, str, dict[str, Any]]
"""Dataset type, collection, ``where``, bind."""


def visits(first: int, count: int, *, collection: str = registry.CHAIN) -> Question:
    """Return the question for some visits, one hundred detectors each."""
    where = "instrument = 'HSC' AND visit >= :first AND visit < :beyond"
    if count == 1:
        return registry.DATASET_TYPE, collection, "instrument = 'HSC' AND visit = :first", {"first": first}
    return registry.DATASET_TYPE, collection, where, {"first": first, "beyond": first + count}


def ask(repository: mtv.Repository, question: Question) -> list[str]:
    """Return the UUIDs that our client is told."""
    dataset_type, collection, where, bind = question
    return [ref.id for ref in repository.query(dataset_type, collections=collection, where=where, bind=bind)]


def asker(endpoint: str, questions: list[Question]) -> Callable[[], None]:
    """Return what one client of ours does: ask all its questions, one after the other. For `benchmarks.crowd`."""
    repository = mtv.Repository(ALIAS, connection=mtv.connect(endpoint, timeout_secs=PATIENCE_SECS))

    def work() -> None:
        for question in questions:
            ask(repository, question)

    work()
    return work


def million(bench: Bench) -> tuple[Path, registry.Size]:
    """Return a registry of 1,000,000 datasets, made once a run. Of its indexes SQLite likes that of visits least."""
    root, size = bench.directory / "million", registry.size_of(bench.amount(1_000_000, 2_000))
    return (root if root.exists() else registry.by_sql(root, size)), size


@contextlib.contextmanager
def serving(root: Path) -> Iterator[Daemon]:
    """Give a daemon of its own that has a registry, and is warm."""
    with Daemon({ALIAS: root}) as daemon:
        yield daemon


def warm(bench: Bench, name: str, *, rows: int, runs: int) -> Measured:
    """Measure one question through our client, against Butler in process and what we may take on top of it."""
    visit_count = max(1, rows // registry.DETECTORS)
    root = registry.by_sql(bench.directory / name, registry.size_of(max(20_000, rows * 10)))
    question = visits(0, visit_count * len(registry.RUNS) // registry.COPIES, collection=registry.RUNS[0])
    with ButlerCalls(root) as butler, contextlib.ExitStack() as stack:
        ways = [Way(name=butler.name, draw=lambda: butler.query(*question))]
        wanted = {str(ref.id) for ref in butler.query(*question)}
        if bench.with_ours:
            daemon = stack.enter_context(serving(root))
            repository = mtv.Repository(ALIAS, connection=daemon.connection)
            same(ask(repository, question), wanted)
            ways.append(Way(name=NAME, draw=lambda: ask(repository, question)))
        timings = alternate(ways, runs)
    allowed = _ALLOWED_SECS + _ALLOWED_SECS_A_ROW * len(wanted)
    bare = timings[butler.name]
    extra: dict[str, Any] = {"rows": len(wanted), "butler_secs": bare.median, "allowed_above_secs": allowed}
    ours = timings.get(NAME)
    if ours:
        extra["above_secs"] = ours.median - bare.median
    return Measured(ours=ours, floor=Timing(tuple(secs + allowed for secs in bare.secs)), extra=extra)


def same(found: list[str], wanted: set[str]) -> None:
    """Hold two answers to be the same datasets.

    Raises
    ------
    RuntimeError
        They are not, or there are none.
    """
    if not wanted or set(found) != wanted or len(found) != len(wanted):
        raise RuntimeError(f"mtv names {len(found)} datasets, Butler {len(wanted)}, and they are not the same")
