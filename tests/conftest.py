"""What all tests share: the rule for live tests, real files, and a look at what each module leaves behind."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

PROJECT = Path(__file__).resolve().parents[1]
LIVE_PARTS = {
    "ds9": lambda: shutil.which("ds9"),
    "Xvfb": lambda: shutil.which("Xvfb"),
    "pyds9": lambda: importlib.util.find_spec("pyds9"),
    "lsst.daf.butler": lambda: importlib.util.find_spec("lsst") and importlib.util.find_spec("lsst.daf.butler"),
}
LEAVING_SECS = 5
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def require(missing: list[str]) -> None:
    """Skip for want of these; fail where ``REQUIRE_LIVE=1`` promises that everything is there."""
    if missing:
        reason = f"missing here: {', '.join(missing)}"
        if os.environ.get("REQUIRE_LIVE") == "1":
            pytest.fail(f"REQUIRE_LIVE=1, but {reason}", pytrace=False)
        pytest.skip(reason)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold live tests to what they need: all live parts, or only the commands that ``live("name", ...)`` names."""
    marker = item.get_closest_marker("live")
    if marker is None:
        return
    names = marker.args or tuple(LIVE_PARTS)
    require([name for name in names if not LIVE_PARTS.get(name, lambda name=name: shutil.which(name))()])


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run ``@pytest.mark.anyio`` tests on asyncio; a module that must hold on trio too has its own fixture."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Directory of real files written by ``lsst.afw``; skips where there is none."""
    named = os.environ.get("MTV_SHARED_DATA")
    places = [Path(named)] if named else [PROJECT.parent / "shared" / "data"]
    for place in places:
        if place.is_dir():
            return place
    pytest.skip(f"no real files here: {places[0]} is not a directory (MTV_SHARED_DATA names another)")


@pytest.fixture(scope="module", autouse=True)
def leaves_no_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a module that leaves a child process, and end it, so that the next module starts clean."""
    before = children()
    yield
    _, left = psutil.wait_procs(children() - before, timeout=LEAVING_SECS)
    names = [describe(process) for process in left]
    for process in left:
        with_mercy(process)
    assert not names, f"{request.node.name} left processes behind: {names}"


def children() -> set[psutil.Process]:
    """Return all descendants of this process but Python's own helpers."""
    return {process for process in psutil.Process().children(recursive=True) if not describe(process).endswith("*")}


def describe(process: psutil.Process) -> str:
    """Return number and command line; a helper of Python's own ends in a star."""
    try:
        words = " ".join(process.cmdline())
    except psutil.Error:
        words = "ended"
    star = "*" if any(helper in words for helper in HELPERS) else ""
    return f"{process.pid} {words[:200]}{star}"


def with_mercy(process: psutil.Process) -> None:
    """End a process that should have ended by itself."""
    try:
        process.terminate()
        process.wait(2)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.Error:
        pass
