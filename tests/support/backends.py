"""Both backends of anyio, for modules whose part of the daemon must hold on either: ``anyio_backend = backends.both``.

Trio starts tasks in an order that it draws by lot. What says in which order requests that come together are taken holds
on asyncio alone, which starts tasks as they were made: ``test_listener_queues``, ``test_fairness``, ``test_movies`` and
``test_previews`` are not run on trio. The daemon itself runs on asyncio.
"""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def both(request: pytest.FixtureRequest) -> str:
    return str(request.param)
