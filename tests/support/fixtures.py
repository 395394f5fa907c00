"""Fixtures of live tests: a demo repository, a daemon that a module shares, short private directories."""

from __future__ import annotations

import getpass
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.support import scale_out
from tests.support.live_daemon import LiveDaemon, Probe
from tests.support.scale_out import FarSite

import mtv


@pytest.fixture(scope="session")
def chain() -> str:
    """The collection of the demo repository's own processing."""
    return f"u/{getpass.getuser()}/single_frame"


@pytest.fixture(scope="session")
def demo_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo repository, made once."""
    from mtvd.demo.build import build

    directory = tmp_path_factory.mktemp("demo") / "repo"
    build(directory, size="small")
    return directory


@pytest.fixture(scope="session")
def far_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSite]:
    """A repository on other hosts: PostgreSQL, and a store that speaks S3."""
    with scale_out.far_site(tmp_path_factory.mktemp("far")) as site:
        yield site


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory of mode 0700 whose path is short enough for sockets."""
    yield from _short()


@pytest.fixture(scope="module")
def served() -> Mapping[str, Path]:
    """Repositories of the daemons below, by alias; a module that has some has a fixture of its own."""
    return {}


@pytest.fixture
def own_daemon(short_path: Path, served: Mapping[str, Path]) -> Iterator[LiveDaemon]:
    """A daemon of the test's own, with a window of its own, to be killed at will."""
    daemon = LiveDaemon(short_path, served)
    daemon.start()
    yield daemon
    daemon.stop()
    daemon.end_window()


@pytest.fixture(scope="module")
def shared_daemon(served: Mapping[str, Path]) -> Iterator[LiveDaemon]:
    """A daemon with a window of its own, shared by the tests of a module."""
    yield from _shared(served)


@pytest.fixture(scope="module")
def window_of_display(daemon: LiveDaemon, display: mtv.Display) -> Iterator[Probe]:
    """The window itself, once a module's display is there."""
    with daemon.probe() as probe:
        yield probe


@pytest.fixture(scope="module")
def demo_daemon(demo_repository: Path) -> Iterator[LiveDaemon]:
    """A daemon with the demo repository and a window of its own, shared by the tests of a module."""
    yield from _shared({"demo": demo_repository})


@pytest.fixture(scope="module")
def demo_connection(demo_daemon: LiveDaemon) -> mtv.Connection:
    return demo_daemon.connect()


@pytest.fixture(scope="module")
def demo_client(demo_daemon: LiveDaemon) -> mtv.Repository:
    """The demo repository as a client sees it."""
    return mtv.Repository(connection=demo_daemon.connect())


@pytest.fixture(scope="module")
def demo_ref(repository: mtv.Repository, chain: str) -> mtv.DatasetRef:
    """A ``src`` of the demo repository; the module's fixture ``repository`` is where it is asked for."""
    (found,) = repository.query("src", collections=chain, instrument="HSC", visit=23718, detector=41)
    return found


@pytest.fixture(scope="module")
def demo_src(repository: mtv.Repository, ref: mtv.DatasetRef) -> mtv.Catalog:
    """The whole table of the module's fixture ``ref``, for the tests to compare with."""
    catalog: mtv.Catalog = repository.get(ref)
    return catalog


@pytest.fixture
def demo_window(demo_daemon: LiveDaemon, display: mtv.Display) -> Iterator[Probe]:
    """A look into the window, once the module's fixture ``display`` is in it."""
    display.sync()
    with demo_daemon.probe() as probe:
        yield probe


@pytest.fixture(scope="module")
def sample_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample repository that the tests of a module share."""
    from tests.support import repo_sample

    return repo_sample.build(tmp_path_factory.mktemp("repository") / "demo")


@pytest.fixture
def own_sample(sample_repository: Path, tmp_path: Path) -> Path:
    """A copy of the sample repository, the test's own, to put things into."""
    return shutil.copytree(sample_repository, tmp_path / "demo")


def _shared(served: Mapping[str, Path]) -> Iterator[LiveDaemon]:
    for directory in _short():
        daemon = LiveDaemon(directory, served)
        daemon.start()
        yield daemon
        status = daemon.stop()
        daemon.end_window()
        assert status == 0, daemon.log.read_text()[-2000:]


def _short() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="mtv-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
