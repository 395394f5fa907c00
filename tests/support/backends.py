"""Both backends of anyio, for modules whose part of the daemon must hold on either: ``anyio_backend = backends.both``.

The daemon runs on asyncio. Trio runs the tasks of one turn in either order, by lot; so what holds on both does not hang
on an order of tasks, which anyio promises nowhere. All tests of ``tests/fault`` run on both.
"""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def both(request: pytest.FixtureRequest) -> str:
    return str(request.param)
