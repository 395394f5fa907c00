"""What all tests share: the rule for live tests, real files, and a look at what each module leaves behind."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

# no deadline for laws: a busy machine is no counter-example
settings.register_profile("mtv", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mtv")

pytest_plugins = ["tests.support.fixtures", "tests.support.blocking"]
PROJECT = Path(__file__).resolve().parents[1]
LIVE_COMMANDS = ("ds9", "Xvfb")
WINDOW_AND_BUTLER = (*LIVE_COMMANDS, "pyds9", "lsst.daf.butler")
LIVE_MODULES = ("pyds9", "lsst.daf.butler", "psycopg", "boto3", "moto", "uvicorn", "safir")
LIVE_PLACES = {"postgresql": "lib/postgresql/*/bin/initdb"}
LEAVING_SECS = 5
TEST_SECS = 20
FACTOR = float(os.environ.get("MTV_TEST_FACTOR", "15"))
"""How much slower than a quiet machine this one may be. One that is shared has shown ten times; 1 shows at home what
takes long."""
LASTING: set[psutil.Process] = set()
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def require(missing: list[str]) -> None:
    """Skip for want of these; fail where ``REQUIRE_LIVE=1`` promises that everything is there."""
    if missing:
        reason = f"missing here: {', '.join(missing)}"
        if os.environ.get("REQUIRE_LIVE") == "1":
            pytest.fail(f"REQUIRE_LIVE=1, but {reason}", pytrace=False)
        pytest.skip(reason)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a test 20 s times the factor; more where it is ``slow("why", secs=40)``, fixtures included."""
    if item.get_closest_marker("timeout") is None:
        slow = item.get_closest_marker("slow")
        secs = TEST_SECS if slow is None else slow_secs(*slow.args, **slow.kwargs)
        item.add_marker(pytest.mark.timeout(secs * FACTOR))


def slow_secs(why: str, *, secs: float) -> float:
    """Return the seconds on a quiet machine of a test that says why it needs more than others."""
    if not why or secs <= TEST_SECS:
        raise pytest.UsageError(f"slow({why!r}, secs={secs}): say why, and more than {TEST_SECS} s")
    return secs


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold live tests to what they need: all of DS9, X and Butler, or only what ``live("name", ...)`` names."""
    marker = item.get_closest_marker("live")
    if marker is None:
        return
    names = marker.args or WINDOW_AND_BUTLER
    require([name for name in names if not is_here(name)])


def is_here(name: str) -> bool:
    """Tell whether a command is on PATH, a server installed, or one of the live modules can be imported."""
    if name in LIVE_PLACES:
        return any(Path("/usr").glob(LIVE_PLACES[name]))
    if name not in LIVE_MODULES:
        return shutil.which(name) is not None
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False


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


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Remember the processes of session fixtures: they may outlive a module."""
    if fixturedef.scope != "session":
        return (yield)
    before = children()
    result = yield
    LASTING.update(children() - before)
    return result


@pytest.fixture(scope="module", autouse=True)
def leaves_no_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a module that leaves a child process, and end it, so that the next module starts clean."""
    before = children()
    yield
    _, left = psutil.wait_procs([one for one in children() - before if not is_lasting(one)], timeout=LEAVING_SECS)
    names = [describe(process) for process in left]
    for process in left:
        end(process)
    assert not names, f"{request.node.name} left processes behind: {names}"


def children() -> set[psutil.Process]:
    """Return all descendants of this process but Python's own helpers."""
    return {
        one for one in psutil.Process().children(recursive=True) if not any(word in describe(one) for word in HELPERS)
    }


def is_lasting(process: psutil.Process) -> bool:
    """Tell whether a process is a session fixture's own, or was started by one."""
    try:
        return bool(LASTING.intersection([process, *process.parents()]))
    except psutil.Error:
        return False


def describe(process: psutil.Process) -> str:
    """Return number and command line."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:300]}"
    except psutil.Error:
        return f"{process.pid}"


def end(process: psutil.Process) -> None:
    """End a process that should have ended by itself."""
    try:
        process.terminate()
        process.wait(2)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.Error:
        pass
