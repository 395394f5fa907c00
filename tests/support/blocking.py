"""The daemon's loop must not wait for the system: `blockbuster` fails a test in which it does.

Armed for the asynchronous tests of ``tests/fault``, which run the daemon's rooms on one loop in the test's own process.
What may block there is listed, by module, with the reason.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import blockbuster.blockbuster as detector
import pytest
from blockbuster import BlockBuster, BlockingError

import mtvd

ROOT: Final = Path(mtvd.__file__).parent
MAY_BLOCK: Final = {
    "host/allocating.py": "the pixel directory is in memory: a call takes microseconds",
    "host/pixel_directory.py": "the same",
    "host/pixelstore.py": "the same",
    "host/sweeping.py": "the same",
    "resolving/images.py": "a header of some kilobytes goes into a pixel file, in memory",
    "front/handlers.py": "the nonce goes into a pixel file, in memory",
    "drawing/journal.py": "an intent must be written before anything is drawn, and nothing else may happen meanwhile",
    "app.py": "at the start, before anybody is heard",
    "rooms.py": "the same: keys are looked for when the rooms are made",
    "host/children.py": "the last words of a child that has died: some kilobytes that were written just now",
    "host/locks.py": "at the start and at the end, of a socket's own file",
    "front/door.py": "keys of a few bytes, looked at when somebody knocks",
    "front/health.py": "the kernel's own account of the process, from memory",
}
DOUBLE: Final = Path(__file__).with_name("fake_repositories.py")
"""It stands for workers, which are processes of their own."""
LOGGING: Final = ("logging/__init__.py", "handle")
"""Where records go is up to who configures the log; the daemon's goes to standard error, which nobody leaves unread."""
NOT_WATCHED: Final = ("threading.Lock.acquire", "threading.Lock.acquire_lock")
"""Queues of anyio's worker threads hold a lock for an instant."""


@pytest.fixture(autouse=True)
def loop_that_never_blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test where code of the daemon's blocks the loop, also where something catches what is raised there."""
    if request.path.parent.name != "fault" or request.node.get_closest_marker("anyio") is None:
        yield
        return
    found: list[str] = []

    class Noted(BlockingError):
        def __init__(self, func: str) -> None:
            super().__init__(func)
            found.append(func)

    armed = BlockBuster("mtvd")
    for name in NOT_WATCHED:
        del armed.functions[name]
    for function in armed.functions.values():
        function.can_block_in(*LOGGING)
        for module in MAY_BLOCK:
            function.can_block_in(f"mtvd/{module}", functions_of(ROOT / module))
        function.can_block_in("support/fake_repositories.py", functions_of(DOUBLE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detector, "BlockingError", Noted)
        armed.activate()
        try:
            yield
        finally:
            armed.deactivate()
    assert found == [], "the daemon's loop has waited for the system"


@functools.cache
def functions_of(path: Path) -> frozenset[str]:
    """Return the names of all functions of a module."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
