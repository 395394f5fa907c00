from __future__ import annotations

from pathlib import Path

import pytest

from mtvd.demo.build import BUILDING, MARKER, RECIPE, DemoRefusedError, build


def complete(directory: Path, *, size: str = "small", recipe: int = RECIPE) -> None:
    facts = f'"size": "{size}", "user": "ada", "chain": "c", "run": "c/r", "datasets": 72, "sources": 9'
    (directory / MARKER).write_text(f'{{{facts}, "recipe": {recipe}}}')


def test_a_folder_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(DemoRefusedError, match="not empty"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_butler_repository_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "butler.yaml").write_text("registry: {}")
    with pytest.raises(DemoRefusedError, match="not a demo repository"):
        build(tmp_path)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DemoRefusedError, match="not a folder"):
        build(tmp_path / "file")


def test_a_complete_repository_of_the_size_is_taken_as_it_is(tmp_path: Path) -> None:
    complete(tmp_path)
    found = build(tmp_path, size="small", user="somebody")
    assert found.already_there
    assert (found.user, found.datasets, found.directory) == ("ada", 72, tmp_path)


def test_a_complete_repository_of_another_size_or_version_is_refused(tmp_path: Path) -> None:
    complete(tmp_path)
    with pytest.raises(DemoRefusedError, match="size small"):
        build(tmp_path, size="full")
    complete(tmp_path, recipe=RECIPE + 1)
    with pytest.raises(DemoRefusedError, match="another version"):
        build(tmp_path)


def test_clearing_a_half_built_one_touches_only_what_a_build_makes(tmp_path: Path) -> None:
    from mtvd.demo.build import _clear

    (tmp_path / BUILDING).touch()
    (tmp_path / "u" / "ada").mkdir(parents=True)
    (tmp_path / "gen3.sqlite3").touch()
    (tmp_path / "notes.txt").touch()
    _clear(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([BUILDING, "notes.txt"])
