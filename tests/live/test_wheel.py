"""A built wheel brings everything and runs in an empty environment."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = (PROJECT / "client" / "mtv", PROJECT / "daemon" / "mtvd")
pytestmark = [pytest.mark.live("git"), pytest.mark.slow("a wheel is built and installed", secs=40)]


def run(*command: str | Path, cwd: Path, tries: int = 1) -> str:
    """Run a command; an index may hiccup, so some are tried again."""
    for attempt in range(1, tries + 1):
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        if attempt == tries:
            pytest.fail(f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    raise AssertionError


def pip(python: Path, *arguments: str) -> str:
    """Run our pip for another environment: an empty one needs none of its own."""
    ours = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    return run(*ours, *arguments, cwd=python.parent, tries=3)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target, cwd=PROJECT)
    (built,) = target.glob("mtv-*-py3-none-any.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has nothing but the wheel and what the light client needs."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, symlinks=True)
    pip(place / "bin" / "python", "install", "-q", str(wheel))
    return place / "bin" / "python"


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    known = run("git", "ls-files", *PACKAGES, cwd=PROJECT).split()
    wanted = {str(Path(*Path(name).parts[1:])) for name in known}
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert wanted - packed == set()
    assert "mtv/py.typed" in packed


def test_the_wheel_brings_the_unit_file_and_neither_tests_nor_fakes(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        unit = archive.read("mtvd/data/mtvd.service")
        tops = {name.split("/")[0] for name in archive.namelist()}
        assert [name for name in archive.namelist() if "fake" in name] == []
    assert unit == (PROJECT / "systemd" / "mtvd.service").read_bytes()
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"mtv", "mtvd"}


def test_the_wheel_brings_a_manual_page_for_each_command(wheel: Path, python: Path) -> None:
    run(python.with_name("mtv"), "--version", cwd=python.parent)
    script = "from mtv.cli import COMMANDS; print(*(name for name, entry in COMMANDS.items() if entry.summary))"
    commands = run(python, "-I", "-c", script, cwd=python.parent).split()
    folder = python.parent.parent / "share" / "man" / "man1"
    assert {"mtv.1", *(f"mtv-{name}.1" for name in commands)} <= {page.name for page in folder.iterdir()}
    assert ".SH OPTIONS" in (folder / "mtv-show.1").read_text()


def test_the_light_client_runs_without_the_daemon_s_packages(python: Path) -> None:
    run(python, "-I", "-c", "import mtv, mtv.wire.messages", cwd=python.parent)
    assert "Usage" in run(python.with_name("mtv"), "--help", cwd=python.parent)
    packages = pip(python, "list").lower()
    assert "pyzmq" in packages
    for heavy in ("astropy", "anyio", "lsst", "pyds9"):
        assert heavy not in packages


def test_the_unit_is_rendered_from_the_installed_wheel(python: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from mtvd.host import service; "
        "print(service.render(service.unit_text(), python=Path(sys.executable), path=['/bin']))"
    )
    assert f'ExecStart="{python}" -P -m mtvd serve' in run(python, "-I", "-c", script, cwd=python.parent)


def test_the_wheel_with_the_daemon_installs_and_runs(wheel: Path, python: Path) -> None:
    pip(python, "install", "-q", f"{wheel}[daemon]")
    run(python, "-I", "-c", "import mtvd.app, lsst.daf.butler, fitsio", cwd=python.parent)
    assert "Usage" in run(python.with_name("mtvd"), "--help", cwd=python.parent)
