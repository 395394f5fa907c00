"""The walls of the house: who may import what. Read from the source, without running it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "client" / "mtv"
DAEMON = ROOT / "daemon" / "mtvd"


def imports(path: Path, *, lazy: bool = True) -> set[str]:
    """Return the modules that a file imports; without ``lazy`` only those that it imports when it is imported."""
    return set(_imports(ast.parse(path.read_text()), lazy))


def _imports(node: ast.AST, lazy: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield str(child.module)
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        elif lazy or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imports(child, lazy)


def roots(path: Path, *, lazy: bool = True) -> set[str]:
    return {name.split(".")[0] for name in imports(path, lazy=lazy)}


def importers(package: str, place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*.py") if package in roots(path)}


@pytest.mark.parametrize("path", sorted(CLIENT.rglob("*.py")), ids=lambda path: str(path.relative_to(CLIENT)))
def test_the_client_never_imports_the_daemon_nor_anything_heavy_by_itself(path: Path) -> None:
    assert not roots(path, lazy=False) & {"astropy", "anyio", "lsst", "pyds9", "fitsio", "psutil"}
    if path.relative_to(CLIENT).parts[0] != "cli":
        assert "mtvd" not in roots(path)


@pytest.mark.parametrize("path", sorted((CLIENT / "wire").glob("*.py")), ids=lambda path: path.name)
def test_the_wire_knows_no_socket_no_clock_and_no_thread(path: Path) -> None:
    assert not roots(path) & {"zmq", "socket", "time", "datetime", "threading", "asyncio", "anyio", "numpy", "os"}
    assert not {name for name in imports(path) if name.startswith("mtv.") and not name.startswith("mtv.wire")}


@pytest.mark.parametrize(
    "name",
    ["scene", "planner", "blame", "changes", "actions", "columns", "view_steps", "reports", "stage/regions",
     "stage/masks", "stage/fits_bytes", "stage/script", "stage/events", "events", "hand", "timeline", "strictness"],
)  # fmt: skip
def test_the_pure_rooms_know_no_socket_no_clock_and_no_task(name: str) -> None:
    assert not roots(DAEMON / f"{name}.py") & {"zmq", "socket", "time", "threading", "asyncio", "anyio", "subprocess"}


def test_pyds9_has_one_importer() -> None:
    assert importers("pyds9", DAEMON) == {"stage/lane.py"}


def test_pyav_has_one_importer() -> None:
    assert importers("av", CLIENT) == {"moviefile.py"}
    assert not importers("av", DAEMON)


def test_only_the_repositories_and_the_demo_import_lsst() -> None:
    rooms = {name.split("/")[0] for name in importers("lsst", DAEMON)}
    assert rooms == {"repo", "demo"}


def test_only_readers_and_the_demo_import_astropy() -> None:
    rooms = {name.split("/")[0] for name in importers("astropy", DAEMON)}
    assert rooms == {"repo", "demo"}


def test_only_app_joins_the_rooms() -> None:
    joiners = {
        str(path.relative_to(DAEMON))
        for path in DAEMON.rglob("*.py")
        if {"mtvd.stage.ds9", "mtvd.repo.pool"} <= imports(path)
    }
    assert joiners == {"app.py"}


def test_zeromq_has_few_doors() -> None:
    assert importers("zmq", DAEMON) == {"app.py", "health.py", "zsocket.py"}


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())
    return set(done.stdout.split())


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_importing_the_client_loads_neither_astropy_nor_anyio_nor_numpy() -> None:
    assert not loaded_by("import mtv") & {"astropy", "anyio", "numpy", "rich", "lsst"}


def test_importing_the_daemons_rooms_loads_neither_butler_nor_astropy_nor_pyds9() -> None:
    assert not loaded_by("import mtvd.app") & {"lsst.daf.butler", "astropy", "pyds9", "fitsio"}
