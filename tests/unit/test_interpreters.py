"""Which Python the environments are made with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import interpreters
from interpreters import Interpreter

PROJECT = Path(__file__).resolve().parents[2]


def python(version: tuple[int, int, int], executable: str = "/python", *, makes: bool = True) -> Interpreter:
    return Interpreter(executable=executable, version=version, can_make_environments=makes)


def script(file: Path, text: str) -> Path:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def answering(file: Path, **changes: object) -> Path:
    answer = {
        "executable": str(file),
        "version": [3, 12, 4],
        "final": True,
        "can_make_environments": True,
        "prefix": "/usr",
    }
    return script(file, f"echo '{json.dumps(answer | changes)}'")


def test_the_newest_comes_first_and_each_feature_version_once() -> None:
    found = [python((3, 11, 2)), python((3, 13, 0)), python((3, 12, 1)), python((3, 13, 5))]
    assert [one.version for one in interpreters.newest_first(found)] == [(3, 13, 5), (3, 12, 1), (3, 11, 2)]


def test_one_that_makes_environments_is_better_than_a_later_one_that_does_not() -> None:
    found = [python((3, 11, 9), "/usr/bin/python3", makes=False), python((3, 11, 7), "/pyenv")]
    assert [one.executable for one in interpreters.newest_first(found)] == ["/pyenv"]


def test_too_old_and_too_new_ones_are_left_alone() -> None:
    assert interpreters.newest_first([python((3, 10, 9)), python((3, 15, 0)), python((2, 7, 18))]) == []


def test_a_debian_package_brings_what_makes_environments() -> None:
    assert python((3, 11, 2)).venv_package == "python3.11-venv"


def test_the_python_that_runs_here_is_usable() -> None:
    found = interpreters.probe(sys.executable, Path("/nowhere"))
    assert found is not None
    assert found.version == sys.version_info[:3]


def test_a_shim_that_fails_is_no_interpreter(tmp_path: Path) -> None:
    shim = script(tmp_path / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    assert interpreters.probe(str(shim), tmp_path) is None


@pytest.mark.parametrize("changes", [{"final": False}, {"prefix": str(PROJECT / ".venv")}])
def test_unfinished_versions_and_our_own_environments_are_no_base_for_one(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    assert interpreters.probe(str(answering(tmp_path / "python", **changes)), PROJECT) is None


def test_pyenv_is_looked_into_without_its_shims(tmp_path: Path) -> None:
    home = tmp_path / "versions" / "3.12.4" / "bin"
    home.mkdir(parents=True)
    answering(home / "python")
    found = interpreters.find({"PYENV_ROOT": str(tmp_path), "PATH": str(tmp_path)}, project=PROJECT)
    assert (3, 12) in [one.minor for one in found]


def test_a_chosen_interpreter_is_the_only_one(tmp_path: Path) -> None:
    chosen = answering(tmp_path / "mine")
    assert [one.executable for one in interpreters.find({"PYTHON": str(chosen)}, project=PROJECT)] == [str(chosen)]


def test_a_chosen_interpreter_that_does_not_run_leaves_none(tmp_path: Path) -> None:
    assert interpreters.find({"PYTHON": str(tmp_path / "none")}, project=PROJECT) == []


def test_the_first_step_passes_over_a_python_that_does_not_run(tmp_path: Path) -> None:
    script(tmp_path / "python3", "exit 127")
    environ = {"PATH": f"{tmp_path}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}/usr/bin:/bin"}
    done = subprocess.run(
        [PROJECT / "scripts" / "setup.sh", "--help"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "what the tests need" in done.stdout


def test_without_any_python_the_first_step_says_what_to_do(tmp_path: Path) -> None:
    for tool in ("sh", "dirname"):
        (tmp_path / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
    copy = tmp_path / "setup.sh"
    copy.write_text((PROJECT / "scripts" / "setup.sh").read_text().replace("/usr/bin/python3", "/no/python3"))
    done = subprocess.run(
        ["/bin/sh", copy, "demo"],
        env={"PATH": str(tmp_path), "PYENV_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "apt-get install python3" in done.stderr
