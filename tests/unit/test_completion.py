"""Completion without a shell: words and quotes, what is asked of the daemon, silence where it has no answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mtv.cli import cli, completion, completion_shells, completion_values
from mtv.cli.completion_shells import FILES, Answer, split
from mtv.cli.completion_values import MOST, number_begins
from mtv.testing import ScriptedDaemon, Seen
from mtv.wire import messages, reports, requests
from mtv.wire import steps as st
from mtv.wire.data import Catalog, Dataset
from mtv.wire.errors import Error, RequestError

BREAKS = completion_shells.BREAKS


@pytest.fixture
def report(daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch) -> reports.Report:
    monkeypatch.setenv("MTV_ENDPOINT", daemon.endpoint)
    monkeypatch.setenv("MTV_COMPLETE_SECS", "20")
    for name in ("MTV_REPO", "MTV_COLLECTIONS"):
        monkeypatch.delenv(name, raising=False)
    mask = reports.MaskState(planes={"SAT": 1, "DETECTED": 5}, colours={"DETECTED": "fuchsia"})
    display = reports.DisplayReport(
        number=3, name="guider", label="calexp 5", overlays={"psf": 4, "user": 1}, mask=mask
    )
    told = reports.Report(
        release="x",
        pid=1,
        uptime_secs=1,
        endpoint=daemon.endpoint,
        window=reports.WindowState(),
        displays=(reports.DisplayReport(number=0), display),
        repositories=(reports.RepositoryInfo(alias="SMALL_HSC", location="/data/hsc"),),
    )
    daemon.script(requests.Status, told)
    return told


def words(line: str) -> list[str]:
    """Words that a shell would be given, whole; FILES is an empty one."""
    asking = completion.Asking()
    try:
        return [answer.value for answer in completion.answers_to(cli, split(line), asking)]
    finally:
        asking.leave()


def rows(columns: tuple[str, ...], *found: tuple[str | int, ...]) -> messages.Rows:
    return messages.Rows(columns=columns, rows=found)


def asked(daemon: ScriptedDaemon) -> list[st.Query]:
    return [seen.message for seen in daemon.seen if isinstance(seen.message, st.Query)]


@pytest.mark.parametrize(
    ("line", "before", "incomplete", "quote", "kept"),
    [
        ("mtv show ca", ("mtv", "show"), "ca", "", ""),
        ("mtv show ", ("mtv", "show"), "", "", ""),
        ("mtv  a\\ b 'c d' \"e'f\" g", ("mtv", "a b", "c d", "e'f"), "g", "", ""),
        ("mtv visit=23", ("mtv",), "visit=23", "", "visit="),
        ("mtv visit='2", ("mtv",), "visit=2", "'", "visit="),
        ("mtv 'asinh z", ("mtv",), "asinh z", "'", ""),
        ("mtv ipc:///a", ("mtv",), "ipc:///a", "", "ipc:"),
        ("mtv ''", ("mtv",), "", "", ""),
        ("mtv a\\", ("mtv",), "a", "", ""),
        ("", (), "", "", ""),
    ],
)
def test_a_line_is_split_as_a_shell_does(
    line: str, before: tuple[str, ...], incomplete: str, quote: str, kept: str
) -> None:
    assert split(line, BREAKS) == (before, incomplete, quote, kept)


def test_bash_gets_what_it_inserts_itself() -> None:
    answers = [Answer("visit=5"), Answer("visit=a b"), Answer("visit=dir/")]
    assert completion_shells.for_bash(split("mtv visit=", BREAKS), answers) == ["5 ", "a\\ b ", "dir/"]
    assert completion_shells.for_bash(split("mtv 'a", BREAKS), [Answer("a b")]) == ["a b"]


def test_commands_and_options_complete_without_a_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MTV_ENDPOINT", f"ipc://{tmp_path}/nobody")
    assert words("mtv sn") == ["snap"]
    assert "--transparency" in words("mtv mask --tr")
    assert words("mtv show -d ") == []
    assert words("mtv show calexp visit=") == []
    assert "asinh" in words("mtv scale ")
    assert words("mtv config stage.wid") == ["stage.width_px"]
    assert words("mtv help setMaskT") == ["setMaskTransparency"]
    assert words("mtv help no_d") == ["no_daemon"]


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("mtv zoom -d ", ["0", "3", "guider"]),
        ("mtv zoom --display=gu", ["--display=guider"]),
        ("mtv erase -d guider ", ["psf", "user"]),
        ("mtv erase ", []),
        ("mtv mask -d 3 ", ["SAT", "DETECTED"]),
        ("mtv mask -d 3 SAT fuch", ["fuchsia"]),
        ("mtv mask SAT ig", ["ignore"]),
        ("mtv mask -d 3 --hide D", ["DETECTED"]),
        ("mtv query calexp --repo ", ["SMALL_HSC"]),
        ("mtv scale asinh ", ["zscale", "minmax", "99.5", "99", "95"]),
        ("mtv arrange --lock w", ["wcs"]),
        ("mtv flip x", ["x", "xy"]),
        ("mtv arrange -d ", ["0", "3", "guider"]),
        ("mtv overlay x.csv --colour orange", ["orange", "orange1", "orange2", "orange3", "orange4", "orangered"]),
        ("mtv overlay x.csv --colour orange1", ["orange1"]),
    ],
)
def test_the_window_is_known_from_the_status(line: str, wanted: list[str]) -> None:
    assert words(line) == wanted


@pytest.mark.usefixtures("report")
def test_dataset_types_are_asked_for_by_their_begin(daemon: ScriptedDaemon) -> None:
    daemon.script(st.Query, rows(("name", "dimensions", "storage_class"), ("calexp", "visit", "ExposureF")))
    assert words("mtv show --repo hsc cal") == ["calexp", ""]
    (query,) = asked(daemon)
    assert (query.repo, query.what, query.dataset_type) == ("hsc", "dataset_types", "cal*")
    assert query.limit is not None


@pytest.mark.usefixtures("report")
def test_keys_are_those_of_the_type_that_are_not_given_yet(daemon: ScriptedDaemon) -> None:
    found = rows(("name", "dimensions", "storage_class"), ("calexp", "instrument, visit, detector", "ExposureF"))
    daemon.script(st.Query, found)
    assert words("mtv show calexp.mask visit=5 ") == ["instrument=", "detector="]
    assert asked(daemon)[0].dataset_type == "calexp"


@pytest.mark.usefixtures("report")
def test_values_are_those_of_data_ids_that_fit_what_is_given(daemon: ScriptedDaemon) -> None:
    daemon.script(st.Query, rows(("instrument", "visit"), ("HSC", 23694), ("HSC", 1214), ("HSC", 23718)))
    line = "mtv show calexp instrument=HSC --collections u/me visit=23"
    assert words(line) == ["visit=23694", "visit=23718"]
    (query,) = asked(daemon)
    assert (query.what, query.dimensions, query.dataset_type) == ("data_ids", ("visit",), "calexp")
    assert (query.data_id, query.collections) == ({"instrument": "HSC"}, ("u/me",))
    assert "visit IN (23..23, 230..239, 2300..2399" in query.where


@pytest.mark.usefixtures("report")
def test_the_last_of_several_collections_is_completed(daemon: ScriptedDaemon) -> None:
    daemon.script(st.Query, rows(("name", "type", "children"), ("u/me/run", "RUN", "")))
    assert words("mtv show calexp --collections HSC/raw,u/m") == ["HSC/raw,u/me/run"]
    assert asked(daemon)[0].collections == ("u/m*",)


@pytest.mark.parametrize(
    ("key", "typed"), [("visit", ""), ("visit", "2x"), ("visit", "0"), ("visit", "²"), ("a b", "2")]
)
def test_only_digits_make_a_condition_of_numbers(key: str, typed: str) -> None:
    assert number_begins(key, typed) == ""


def test_the_condition_holds_for_every_number_that_begins_so_and_for_no_other() -> None:
    inside = number_begins("n", "23").removeprefix("n IN (").removesuffix(")")
    ranges = [tuple(map(int, part.split(".."))) for part in inside.split(", ")]
    for number in [*range(3000), 23 * 10**15, 24 * 10**15]:
        assert any(low <= number <= high for low, high in ranges) == str(number).startswith("23")
    assert max(high for _, high in ranges) < 2**63


@pytest.mark.usefixtures("report")
def test_answers_are_bounded_and_lines_stay_whole(daemon: ScriptedDaemon) -> None:
    many = [(f"type{number}", "", "") for number in range(MOST + 100)]
    daemon.script(st.Query, rows(("name", "dimensions", "storage_class"), ("bad\nname", "", ""), *many))
    found = words("mtv query types ")
    assert len(found) == MOST
    assert all("\n" not in word for word in found)


@pytest.mark.usefixtures("report")
def test_a_refusal_is_no_answer(daemon: ScriptedDaemon) -> None:
    def refuse(_seen: object) -> messages.Rows:
        raise RequestError(Error(code="unknown_repository", message="no"))

    daemon.script(st.Query, refuse)
    assert words("mtv show calexp visit=") == []


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize("secs", ["0.3", "", "x", "-1", "nan", "inf"])
def test_a_daemon_that_hangs_is_not_waited_for_and_its_question_not_cancelled(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch, secs: str
) -> None:
    monkeypatch.setenv("MTV_COMPLETE_SECS", secs)
    daemon.hold(st.Query)
    assert words("mtv show calexp visit=") == []
    assert not daemon.of(requests.Cancel)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    "line", ["mtv nosuch ", "mtv --timeout x ", "mtv show 'a", "mtv show calexp a=1 a=2 ", "", "\\"]
)
def test_a_line_that_cannot_be_understood_says_nothing(tmp_path: Path, shell: str, line: str) -> None:
    told = run(tmp_path, f"{shell}_complete", line)
    assert (told.returncode, told.stderr) == (0, "")


def test_the_process_says_nothing_of_a_daemon_that_hangs(daemon: ScriptedDaemon, tmp_path: Path) -> None:
    daemon.hold(requests.Hello, requests.Status)
    told = run(tmp_path, "bash_complete", "mtv zoom -d ", MTV_ENDPOINT=daemon.endpoint)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_a_shell_that_is_not_known_is_told_of_those_that_are(tmp_path: Path) -> None:
    told = run(tmp_path, "csh_source", "")
    assert told.returncode == 2
    assert "bash, zsh or fish" in told.stderr


def run(tmp_path: Path, instruction: str, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    asked = {"_MTV_COMPLETE": instruction, "COMP_LINE": line, "XDG_RUNTIME_DIR": str(tmp_path)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MTV_")}
    return subprocess.run(
        [sys.executable, "-m", "mtv.cli"],
        env={**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **asked, **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_paths_are_told_as_they_were_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.fits").touch()
    (tmp_path / ".hidden").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert list(completion_values.paths("~/f")) == ["~/file.fits", "~/folder/"]
    assert list(completion_values.paths(f"{tmp_path}/", directories=True)) == [f"{tmp_path}/folder/"]
    assert list(completion_values.paths("~/.h")) == ["~/.hidden"]
    assert list(completion_values.paths("~/nowhere/")) == []
    assert FILES.value == ""


def test_the_tables_name_parameters_that_there_are() -> None:
    there = {(*path, str(parameter.name)) for path, command in commands(cli) for parameter in command.params}
    assert set(completion_values.OF_COMMANDS) <= there
    assert set(completion_values.OF_ALL) <= {place[-1] for place in there}


def commands(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        return [(path, command)]
    found = [
        (name, command.get_command(click.Context(command), name))
        for name in (*command.list_commands(click.Context(command)), *(["mtv"] if not path else []))
    ]
    return [place for name, each in found if each is not None for place in commands(each, (*path, name))]


COLUMNS = ("id", "calib_psf_used", "calib_psf_candidate", "base_PsfFlux_instFlux", "slot_Centroid_x")
SRC = "src visit=1 detector=2"


def tell_columns(daemon: ScriptedDaemon, *names: str) -> None:
    table = Catalog(rows=3, columns=(), aliases={}, metadata={"names": list(names)})
    daemon.script(requests.Get, messages.Got(catalog=table))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"mtv catalog {SRC} --sort i", ["id"]),
        (f"mtv catalog {SRC} --columns id,slot", ["id,slot_Centroid_x"]),
        (f"mtv catalog {SRC} --select cal", ["calib_psf_used", "calib_psf_candidate"]),
        (f"mtv overlay {SRC} --select 'calib_psf_used & ~calib_psf_c", ["calib_psf_used & ~calib_psf_candidate"]),
        (f"mtv overlay {SRC} --size 'log10(base", ["log10(base_PsfFlux_instFlux"]),
        (f"mtv overlay {SRC} --size 2.", []),
        (f"mtv overlay {SRC} --select 3e", []),
        (f"mtv overlay {SRC} --sky --x slot", ["slot_Centroid_x"]),
        ("mtv watch calexp --catalog src --select i", ["id"]),
        ("mtv overlay --select i", []),
        ("mtv overlay /nowhere/a.fits --select i", []),
    ],
)
def test_columns_of_the_table_complete_what_is_made_of_them(
    daemon: ScriptedDaemon, report: reports.Report, line: str, found: list[str]
) -> None:
    tell_columns(daemon, *COLUMNS)
    assert words(line) == found


def test_only_the_names_of_the_columns_are_asked_for(daemon: ScriptedDaemon, report: reports.Report) -> None:
    tell_columns(daemon, *COLUMNS)
    words(f"mtv catalog {SRC} --sort i")
    [asked_for] = [seen.message for seen in daemon.seen if isinstance(seen.message, requests.Get)]
    data_id: dict[str, int | str] = {"visit": 1, "detector": 2}
    assert asked_for == requests.Get(target=Dataset(dataset_type="src", data_id=data_id), columns=("?",))


def test_columns_of_any_like_it_complete_where_the_data_id_is_not_whole(
    daemon: ScriptedDaemon, report: reports.Report
) -> None:
    refused = RequestError(Error(code="ambiguous", message="more than one src fits"))
    table = Catalog(rows=3, columns=(), aliases={}, metadata={"names": ["id"]})

    def answer(seen: Seen) -> messages.Got:
        assert isinstance(seen.message, requests.Get)
        if seen.message.target == Dataset(id="u-1"):
            return messages.Got(catalog=table)
        raise refused

    daemon.script(requests.Get, answer)
    daemon.script(st.Query, rows(("visit", "run", "id"), (1, "u/run", "u-1")))
    assert words("mtv catalog src visit=1 --sort ") == ["id"]
    assert asked(daemon)[-1].data_id == {"visit": 1}
