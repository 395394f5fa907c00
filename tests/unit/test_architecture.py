"""The walls of the house: who may import what. Read from the source, without running it."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
CLIENT: Final = ROOT / "client" / "mtv"
DAEMON: Final = ROOT / "daemon" / "mtvd"
SOURCES: Final = sorted([*CLIENT.rglob("*.py"), *DAEMON.rglob("*.py")])

LAYERS: Final = {
    "mtvd": [
        {"__main__"}, {"app"}, {"rooms"}, {"front"}, {"streams"}, {"drawing", "settings"}, {"resolving"},
        {"stage", "repo"}, {"demo"}, {"scene"}, {"host"}, {"__init__"},
    ],
    "mtv": [
        {"testing"}, {"cli"}, {"repository", "afw"}, {"streams"}, {"display"}, {"registry", "verbs"},
        {"session"}, {"arguments"},
        {"data"}, {"pixels"}, {"shared"}, {"wire"}, {"__init__"},
    ],
}  # fmt: skip
"""Rooms of each package, upper ones first: a room imports from itself and from rooms below. ``__init__`` of the client
names the homes of its public names and imports them when they are asked for; all may ask it for the version."""

EXCEPTIONS: Final = frozenset[tuple[str, str]]()
"""Imports that go up, or from a room to one of its own layer, and are meant."""


def name_of(path: Path) -> str:
    """Return a file's place within its package's parent: ``mtvd/scene/apply.py``."""
    return str(path.relative_to(CLIENT.parent if path.is_relative_to(CLIENT) else DAEMON.parent))


def module_of(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES: Final = {module_of(path): path for path in SOURCES}


def room_of(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def layer_of(module: str) -> int:
    (layer,) = [n for n, rooms in enumerate(LAYERS[module.split(".")[0]]) if room_of(module) in rooms]
    return layer


def house_imports(path: Path) -> set[str]:
    """Return the modules of both packages that a file imports, when it is imported or later."""
    return {name for name in imports(path) if name in MODULES and not _is_folder_of_another(name, imports(path))}


def _is_folder_of_another(name: str, names: frozenset[str]) -> bool:
    return MODULES[name].name == "__init__.py" and any(other.startswith(f"{name}.") for other in names)


@functools.cache
def imports(path: Path, *, lazy: bool = True) -> frozenset[str]:
    """Return the modules that a file imports; without ``lazy`` only those that it imports when it is imported."""
    return frozenset(_imports(ast.parse(path.read_text()), lazy))


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


def test_every_room_has_its_layer() -> None:
    for package, layers in LAYERS.items():
        named = [room for layer in layers for room in layer]
        assert sorted(named) == sorted({room_of(module) for module in MODULES if module.split(".")[0] == package})


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_go_down(path: Path) -> None:
    module = module_of(path)
    for name in house_imports(path) - {"mtv", "mtvd"}:
        if name.split(".")[0] == module.split(".")[0] and room_of(name) != room_of(module):
            assert layer_of(name) > layer_of(module) or (module, name) in EXCEPTIONS, name


@pytest.mark.parametrize("path", sorted(DAEMON.rglob("*.py")), ids=name_of)
def test_the_daemon_takes_of_the_client_the_wire_the_shared_rules_and_the_version(path: Path) -> None:
    taken = {name for name in house_imports(path) if name.split(".")[0] == "mtv"}
    assert {room_of(name) for name in taken} <= {"wire", "shared", "__init__"}


@pytest.mark.parametrize("package", [CLIENT, DAEMON], ids=lambda path: path.name)
def test_a_newcomer_sees_a_handful_of_rooms_and_no_deep_ones(package: Path) -> None:
    shown = [entry for entry in package.iterdir() if entry.name != "__pycache__"]
    assert len(shown) <= {"mtv": 16, "mtvd": 14}[package.name]
    assert max(len(path.relative_to(package).parts) for path in package.rglob("*.py")) <= 3


@pytest.mark.parametrize("folder", sorted({path.parent for path in SOURCES}), ids=name_of)
def test_every_folder_says_what_it_owns(folder: Path) -> None:
    assert docstring_of(folder / "__init__.py")


@pytest.mark.parametrize("path", sorted(CLIENT.rglob("*.py")), ids=lambda path: str(path.relative_to(CLIENT)))
def test_the_client_never_imports_the_daemon_nor_anything_heavy_by_itself(path: Path) -> None:
    assert not roots(path, lazy=False) & {"astropy", "anyio", "lsst", "pyds9", "fitsio", "psutil"}
    if path.relative_to(CLIENT).parts[0] != "cli":
        assert "mtvd" not in roots(path)


@pytest.mark.parametrize("path", sorted((CLIENT / "wire").glob("*.py")), ids=lambda path: path.name)
def test_the_wire_knows_no_socket_no_clock_and_no_thread(path: Path) -> None:
    assert not roots(path) & {"zmq", "socket", "time", "datetime", "threading", "asyncio", "anyio", "numpy", "os"}
    assert not {name for name in imports(path) if name.startswith("mtv.") and not name.startswith("mtv.wire")}


def docstring_of(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


PURE: Final = [path for path in SOURCES if re.search(r"(^|\s)Pure\b(?! but)", docstring_of(path))]


def test_dozens_of_rooms_say_that_they_are_pure() -> None:
    assert len(PURE) > 40


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_rooms_that_say_pure_know_no_socket_no_clock_no_task_and_no_process(path: Path) -> None:
    """Docstrings of files and of folders count: what a folder says holds for all that is in it."""
    files = path.parent.rglob("*.py") if path.name == "__init__.py" else [path]
    for file in files:
        assert not roots(file) & {"zmq", "socket", "time", "threading", "asyncio", "anyio", "subprocess", "selectors"}


def test_pyds9_has_one_importer() -> None:
    assert importers("pyds9", DAEMON) == {"stage/window/lane.py"}


def test_pyav_has_one_importer() -> None:
    assert importers("av", CLIENT) == {"streams/moviefile.py"}
    assert not importers("av", DAEMON)


def test_pyast_has_one_importer() -> None:
    assert importers("starlink", CLIENT) == {"shared/skywcs.py"}
    assert not importers("starlink", DAEMON)


def test_only_the_repositories_and_the_demo_import_lsst() -> None:
    rooms = {name.split("/")[0] for name in importers("lsst", DAEMON)}
    assert rooms == {"repo", "demo"}


def test_only_readers_and_the_demo_import_astropy() -> None:
    rooms = {name.split("/")[0] for name in importers("astropy", DAEMON)}
    assert rooms == {"repo", "demo"}


def test_only_app_joins_ds9_and_butler() -> None:
    joiners = {
        str(path.relative_to(DAEMON))
        for path in DAEMON.rglob("*.py")
        if {"mtvd.stage.ds9", "mtvd.repo.pool"} <= imports(path)
    }
    assert joiners == {"app.py"}


def made_in(path: Path) -> set[str]:
    """Return the names of what a file calls by a plain name: classes that it makes, among others."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}


def test_the_rooms_are_made_in_one_place_for_the_daemon_and_for_the_tests_that_have_all_of_them() -> None:
    files = [*DAEMON.rglob("*.py"), ROOT / "tests" / "fault" / "conftest.py"]
    rooms = {"Committer", "Engine", "Feeds", "Movies", "Handlers", "Listener"}
    assert [path.name for path in files if made_in(path) & rooms] == ["rooms.py"]
    assert made_in(DAEMON / "rooms.py") >= rooms


def test_zeromq_has_few_doors() -> None:
    assert importers("zmq", DAEMON) == {"app.py", "front/health.py", "front/zsocket.py"}


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


def test_the_map_in_architecture_is_the_folders_and_their_own_words() -> None:
    """One entry a folder, in the words of its ``__init__``; line breaks do not count."""
    text = " ".join((ROOT / "ARCHITECTURE.md").read_text().split("```")[1].split())
    folders = [path.parent for path in SOURCES if path.name == "__init__.py" and path.parent not in {CLIENT, DAEMON}]
    for folder in folders:
        assert f"{folder.name}/ {' '.join(docstring_of(folder / '__init__.py').split(chr(10) * 2)[0].split())}" in text
    assert text.count("/ ") == len(folders) + 2


def test_every_file_that_architecture_names_exists() -> None:
    named = set(re.findall(r"`([\w./]+\.(?:py|tcl|md))`", (ROOT / "ARCHITECTURE.md").read_text()))
    known = [str(path) for path in ROOT.glob("[cdt]*/**/*") if path.is_file()]
    assert [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in known)] == []


PROGRAMS: Final = ("benchmarks", "chaos", "crowd", "soak")


def test_no_module_of_the_programs_leads_back_to_itself() -> None:
    """Imports for type checkers count: what a module speaks of, it knows."""
    files = {_program_module(path): path for name in PROGRAMS for path in (ROOT / name).rglob("*.py")}
    graph = {module: _named(path) & files.keys() - {module} for module, path in files.items()}
    assert sum(map(len, graph.values())) > 100
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, with the circle


def _program_module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _named(path: Path) -> set[str]:
    """Return all modules, and names in modules, that a file imports anywhere."""
    froms = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return {str(node.module) for node in froms} | {f"{node.module}.{a.name}" for node in froms for a in node.names}


def test_no_procedure_of_the_agent_takes_the_place_of_another() -> None:
    files = sorted((DAEMON / "stage" / "talk").glob("*.tcl"))
    names = [name for file in files for name in re.findall(r"^proc (\S+)", file.read_text(), re.MULTILINE)]
    assert len(names) > 100
    assert [name for name, count in Counter(names).items() if count > 1] == []
