"""The suite's own order: what several modules need stands once, in ``tests/support`` or a folder's ``conftest.py``."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).resolve().parents[1]
HOMES: Final = {
    "daemon": {"support/scripted.py", "fault/conftest.py"},
    "repository": {
        "support/scripted.py",
        "live/test_apart_and_dying.py",
        "live/test_demo_repository.py",
        "live/test_image_first.py",
        "live/test_movie.py",
        "live/test_repo_kinds.py",
        "live/test_row_keys.py",
        "live/test_scale_out_postgres.py",
        "live/test_watch.py",
    },
    "refused": {"support/refusals.py", "unit/test_stage_system.py"},
    "until": {"support/waiting.py", "fault/test_movies.py"},
}
"""Where names are defined that dozens of tests use. More than one place stands for more than one thing: a scripted
daemon and the rooms of a real one; repositories of different kinds; a call that the system refuses; a movie that is
followed."""
Definition = ast.FunctionDef | ast.AsyncFunctionDef


def definitions() -> list[tuple[str, Definition]]:
    """Return the functions of each module's top level, with the module's place in the suite."""
    return [
        (str(path.relative_to(TESTS)), node)
        for path in sorted(TESTS.rglob("*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, Definition)
    ]


def is_fixture(node: Definition) -> bool:
    return any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)


def words(node: Definition) -> str:
    """Return what a function does, without its name and what is said of it."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return "\n".join([ast.unparse(node.args), *map(ast.unparse, body)])


@pytest.mark.parametrize("name", HOMES)
def test_what_dozens_of_tests_use_has_one_home(name: str) -> None:
    assert {place for place, node in definitions() if node.name == name} == HOMES[name]


def test_no_fixture_of_several_statements_is_written_twice() -> None:
    found = defaultdict(list)
    for place, node in definitions():
        if is_fixture(node) and "\n" in words(node).partition("\n")[2]:
            found[words(node)].append(f"{place}: {node.name}")
    assert [places for places in found.values() if len(places) > 1] == []


def test_no_test_file_is_too_long_to_be_read() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in TESTS.rglob("*.py")}
    assert {str(path.relative_to(TESTS)) for path, lines in lengths.items() if lines > 460} == set()
