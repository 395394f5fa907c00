"""Eight clients that ask at once: our daemon with its two workers, and two bare Butler processes."""

from __future__ import annotations

import contextlib

from benchmarks import registry
from benchmarks.bench import Bench
from benchmarks.contest import Way, alternate
from benchmarks.crowd import Crowd
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.peers import bare_butler
from benchmarks.row import Row
from benchmarks.rows import queries

_CLIENTS = 8
_SHARE = 0.85
"""Of the bare Butlers' throughput."""


def measure(bench: Bench) -> Measured:
    """Measure both, in turn; each client's questions are its own."""
    root = registry.by_sql(bench.directory / "parallel", registry.size_of(20_000))
    each = bench.amount(25, 1)
    questions = [
        [queries.visits((client * each + number) % 50, 1) for number in range(each)] for client in range(_CLIENTS)
    ]
    with contextlib.ExitStack() as stack:
        bare = stack.enter_context(bare_butler.BareButlers(root, bench.directory, 2))
        addresses = [bare.addresses[client % 2] for client in range(_CLIENTS)]
        crowd = stack.enter_context(Crowd(bare_butler.asker, list(zip(addresses, questions, strict=True))))
        ways = [Way(name=bare.name, draw=crowd.run)]
        if bench.with_ours:
            daemon = stack.enter_context(queries.serving(root))
            ours = stack.enter_context(Crowd(queries.asker, [(daemon.endpoint, own) for own in questions]))
            ways.append(Way(name=NAME, draw=ours.run))
        for way in ways:
            way.draw()  # the first run also waits until all are ready
        timings = alternate(ways, bench.amount(5, 1))
    count = _CLIENTS * each
    extra = {f"queries_a_sec_{name.replace(' ', '_')}": count / timing.median for name, timing in timings.items()}
    return Measured(ours=timings.get(NAME), floor=timings[bare.name], extra={"queries": count, **extra})


ROW = Row(
    "query_parallel",
    "200 queries by 8 clients at once; floor: two bare Butler processes",
    Target(floor=round(1 / _SHARE, 3)),
    measure,
)
