"""What set-up installs, and what it leaves alone: every command is recorded, none is run."""

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import interpreters
import postgresql
import prepare
from interpreters import Interpreter

DAEMON = frozenset({"daemon"})
DEV = frozenset({"daemon", "dev"})


def python(minor: int, *, makes: bool = True) -> Interpreter:
    return Interpreter(executable=f"/opt/python3.{minor}", version=(3, minor, 1), can_make_environments=makes)


class Machine:
    """A project directory and the commands that were run for it."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.place = project / ".venv"
        self.ran: list[str] = []
        self.failing: list[str] = []
        self.has_pyds9 = True

    def logged(self, command: Sequence[str]) -> bool:
        words = " ".join(command)
        if "import pyds9" in words:
            return self.has_pyds9
        self.ran.append(words)
        if any(text in words for text in self.failing):
            return False
        if "-m venv" in words:
            self._make(Path(command[-1]))
        return True

    def _make(self, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)
        (place / "bin").mkdir(parents=True, exist_ok=True)
        (place / "bin" / "mtv").write_text(f"#!{place}/bin/python\n")

    def kinds(self) -> list[str]:
        """Return what was run, in one word each."""
        words = {"-m venv": "venv", "pip install": "pip", "update": "update", "apt-get": "apt"}
        return [next(kind for text, kind in words.items() if text in command) for command in self.ran]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "setup.log").write_text("the last words of a command\n")
    monkeypatch.setattr(prepare, "PROJECT", tmp_path)
    monkeypatch.setattr(prepare, "LOG", tmp_path / "setup.log")
    monkeypatch.setattr(prepare, "RETRY_PAUSE_SECS", 0)
    monkeypatch.setattr(prepare, "logged", machine.logged)
    monkeypatch.setattr(prepare, "privilege", list)
    monkeypatch.setattr(prepare, "is_there", lambda _: True)
    return machine


def test_nothing_is_installed_where_every_command_is_there(machine: Machine) -> None:
    prepare.ensure_commands(prepare.GOALS["test"].commands)
    assert machine.ran == []


def test_only_the_packages_of_missing_commands_are_installed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "is_there", lambda command: command != "Xvfb")
    prepare.ensure_commands(prepare.GOALS["demo"].commands)
    assert machine.kinds() == ["update", "apt"]
    assert machine.ran[-1].endswith("install -y --no-install-recommends xvfb")
    assert "DEBIAN_FRONTEND=noninteractive" in machine.ran[-1]


def test_package_lists_that_cannot_be_renewed_do_not_stop_it(machine: Machine) -> None:
    machine.failing = ["update"]
    prepare.install_packages(["xvfb"])
    assert machine.kinds() == ["update", "apt"]


def test_a_failed_package_shows_the_log_and_the_command(machine: Machine) -> None:
    machine.failing = ["xvfb"]
    with pytest.raises(prepare.SetupError, match=r"(?s)the last words.*sudo apt-get install .* xvfb"):
        prepare.install_packages(["xvfb"])


def test_without_root_the_exact_command_is_given(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "privilege", lambda: None)
    wanted = "sudo apt-get update && sudo apt-get install -y --no-install-recommends saods9 xvfb"
    with pytest.raises(prepare.SetupError, match=wanted):
        prepare.install_packages(["saods9", "xvfb"])
    assert machine.ran == []


def test_sudo_never_asks_for_a_password(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "privilege", lambda: ["sudo", "-n"])
    prepare.install_packages(["xvfb"])
    assert all(command.startswith("sudo -n env ") for command in machine.ran)


def test_a_machine_without_apt_is_told_what_is_missing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(prepare.SetupError, match=r"apt-get.*xvfb"):
        prepare.install_packages(["xvfb"])


def test_the_second_run_does_nothing(machine: Machine) -> None:
    prepare.ensure_environment(machine.place, python(13), DAEMON)
    prepare.ensure_environment(machine.place, python(13), DAEMON)
    assert machine.kinds() == ["venv", "pip"]


def test_more_extras_are_added_and_never_taken_away(machine: Machine) -> None:
    for extras in (DAEMON, DEV, DAEMON):
        prepare.ensure_environment(machine.place, python(13), extras)
    assert machine.kinds() == ["venv", "pip", "pip"]
    assert machine.ran[-1].endswith("[daemon,dev]")


def test_a_change_of_the_declared_needs_runs_pip_in_the_same_environment(machine: Machine) -> None:
    prepare.ensure_environment(machine.place, python(13), DEV)
    (machine.project / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    prepare.ensure_environment(machine.place, python(13), DAEMON)
    assert machine.kinds() == ["venv", "pip", "pip"]
    assert machine.ran[-1].endswith("[daemon,dev]")


def test_another_interpreter_makes_a_new_environment(machine: Machine) -> None:
    prepare.ensure_environment(machine.place, python(12), DEV)
    prepare.ensure_environment(machine.place, python(13), DAEMON)
    assert machine.kinds() == ["venv", "pip", "venv", "pip"]
    assert machine.ran[-1].endswith("[daemon]")


def test_a_checkout_that_was_moved_gets_a_new_environment(machine: Machine) -> None:
    prepare.ensure_environment(machine.place, python(13), DAEMON)
    moved = machine.place.rename(machine.project / "moved")
    prepare.ensure_environment(moved, python(13), DAEMON)
    assert machine.kinds() == ["venv", "pip", "venv", "pip"]


def test_an_install_that_was_interrupted_is_done_again(machine: Machine) -> None:
    prepare.ensure_environment(machine.place, python(13), DAEMON)
    machine.failing = ["pip install"]
    with pytest.raises(prepare.SetupError):
        prepare.ensure_environment(machine.place, python(13), DEV)
    assert prepare.read_stamp(machine.place) == {}


def test_pip_is_tried_three_times_and_then_quoted(machine: Machine) -> None:
    machine.failing = ["pip install"]
    with pytest.raises(prepare.SetupError, match=r"(?s)failed 3 times.*the last words"):
        prepare.ensure_environment(machine.place, python(13), DAEMON)
    assert machine.kinds() == ["venv", "pip", "pip", "pip"]


def test_a_compiler_is_looked_for_only_where_pyds9_is_missing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "is_there", lambda _: False)
    prepare.ensure_environment(machine.place, python(13), DAEMON)
    assert machine.kinds() == ["venv", "pip"]
    machine.has_pyds9 = False
    prepare.ensure_environment(machine.place, python(13), DEV)
    assert machine.kinds()[2:] == ["update", "apt", "pip"]
    assert machine.ran[-2].endswith("gcc libc6-dev make")


def test_debian_s_python_gets_the_package_that_makes_environments(machine: Machine) -> None:
    prepare.ensure_environment(machine.place, python(11, makes=False), DAEMON)
    assert machine.kinds() == ["update", "apt", "venv", "pip"]
    assert machine.ran[1].endswith("python3.11-venv")


def test_a_new_python_without_packages_gives_way_to_the_next_and_is_not_tried_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [python(15), python(14)]  # the second is one that is known to have every package
    machine.failing = ["pip install"]
    real = machine.logged

    def without_wheels(command: Sequence[str]) -> bool:
        if "/opt/python3.14" in command:
            machine.failing = []
        return real(command)

    monkeypatch.setattr(prepare, "logged", without_wheels)
    assert prepare.ensure_any_environment(machine.place, found, DAEMON).minor == (3, 14)
    machine.ran.clear()
    assert prepare.ensure_any_environment(machine.place, found, DAEMON).minor == (3, 14)
    assert machine.ran == []


def test_a_trusted_python_that_fails_is_the_end(machine: Machine) -> None:
    machine.failing = ["pip install"]
    with pytest.raises(prepare.SetupError, match="pip failed"):
        prepare.ensure_any_environment(machine.place, [python(13), python(12)], DAEMON)
    assert machine.kinds().count("venv") == 1


def test_the_oldest_python_does_without_what_only_live_tests_need(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "find", lambda _, project: [python(13), python(11)])
    prepare.prepare(prepare.GOALS["test"])
    wanted = [command.rpartition("[")[2] for command in machine.ran if "pip install" in command]
    assert wanted == ["daemon,dev,peers]", "daemon,dev]"]


@pytest.mark.parametrize("fails", [False, True])
def test_postgresql_is_installed_without_a_cluster_of_its_own(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr(postgresql, "SETTINGS", machine.project / "none")
    machine.failing = ["install"] if fails else []
    with pytest.raises(prepare.SetupError) if fails else contextlib.nullcontext():
        prepare.install_packages(["postgresql", "xvfb"])
    place = str(postgresql.DROP_IN)
    *_, setting, install, removal = machine.ran
    assert f"create_main_cluster = off' >{place}" in setting
    assert install.endswith("postgresql xvfb")
    assert removal == f"rm -f {place}"


def test_a_machine_that_has_postgresql_keeps_its_settings(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine.project / "createcluster.conf").touch()
    monkeypatch.setattr(postgresql, "SETTINGS", machine.project)
    prepare.install_packages(["postgresql"])
    assert machine.kinds() == ["update", "apt"]


def test_a_file_of_any_version_counts_as_there(tmp_path: Path) -> None:
    wanted = f"{tmp_path}/*/bin/initdb"
    assert not prepare.is_there(wanted)
    (tmp_path / "15" / "bin").mkdir(parents=True)
    (tmp_path / "15" / "bin" / "initdb").touch()
    assert prepare.is_there(wanted)


@pytest.mark.parametrize(
    ("minors", "goal", "places"),
    [
        ([13, 11], "test", [".venv", ".venv-3.11-quick"]),
        ([13, 12, 11], "demo", [".venv"]),
        ([13, 12], "test", [".venv"]),
        ([11], "test", [".venv"]),
    ],
)
def test_tests_have_the_oldest_python_too_where_it_is_not_the_newest(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, minors: list[int], goal: str, places: list[str]
) -> None:
    monkeypatch.setattr(interpreters, "find", lambda _, project: [python(minor) for minor in minors])
    prepare.prepare(prepare.GOALS[goal])
    assert [Path(command.split()[-1]).name for command in machine.ran if "-m venv" in command] == places


def test_the_second_run_runs_not_even_an_interpreter(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def find(_: object, project: Path) -> list[Interpreter]:
        asked.append(project)
        return [python(13), python(11)]

    monkeypatch.setattr(interpreters, "find", find)
    for goal in ("test", "demo", "test", "demo"):
        prepare.prepare(prepare.GOALS[goal])
    assert len(asked) == 2
    assert machine.kinds() == ["venv", "pip"] * 2


@pytest.mark.parametrize("gone", [".venv", ".venv-3.11-quick"])
def test_an_environment_that_was_removed_is_made_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    monkeypatch.setattr(interpreters, "find", lambda _, project: [python(13), python(11)])
    prepare.prepare(prepare.GOALS["test"])
    shutil.rmtree(machine.project / gone)
    machine.ran.clear()
    prepare.prepare(prepare.GOALS["test"])
    assert [Path(command.split()[-1]).name for command in machine.ran if "-m venv" in command] == [gone]


def test_another_choice_of_interpreter_in_between_is_noticed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for minor in (13, 11, 13):
        monkeypatch.setenv("PYTHON", f"/opt/python3.{minor}")
        monkeypatch.setattr(interpreters, "find", lambda _, project, minor=minor: [python(minor)])
        prepare.prepare(prepare.GOALS["demo"])
    assert machine.kinds() == ["venv", "pip"] * 3


def test_a_machine_without_a_usable_python_is_told_so(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON", "/my/python")
    monkeypatch.setattr(interpreters, "find", lambda _, project: [])
    with pytest.raises(prepare.SetupError, match="/my/python"):
        prepare.prepare(prepare.GOALS["demo"])


def test_commands_run_without_the_caller_s_python_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "LOG", tmp_path / "build" / "setup.log")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert prepare.logged(["sh", "-c", "echo path=$PYTHONPATH"])
    assert not prepare.logged(["/no/such/program"])
    assert "path=\n" in prepare.LOG.read_text()
    assert "no/such/program" in prepare.log_tail()
