"""The ``mtv`` command against a scripted daemon: what it asks, what it prints, how it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click.testing
import pytest
from tests.support.commands import error, raising
from tests.support.scripted import Run

from mtv.cli import COMMANDS, cli
from mtv.testing import ScriptedDaemon, Seen
from mtv.wire import messages, reports, requests
from mtv.wire import steps as st
from mtv.wire.data import Dataset, File
from mtv.wire.errors import Code, Error

ROWS = messages.Rows(
    columns=("instrument", "visit", "run"),
    rows=(("HSC", 23718, "u/me/1"), ("HSC", 1214, "u/me/1")),
    ids=("6f3b2c1e00000000000000000000000a", "6f3b2c1e00000000000000000000000b"),
    dataset_type="calexp",
)


def test_every_command_of_the_table_is_there_and_has_a_help_text() -> None:
    for name in COMMANDS:
        result = click.testing.CliRunner().invoke(cli, [name, "--help"])
        assert result.exit_code == 0, name
        assert "Usage: mtv" in result.output or f"Usage: cli {name}" in result.output


def test_an_unknown_command_is_a_usage_error_with_a_near_name(run: Run) -> None:
    assert "did you mean 'show'" in run("shwo", code=2).output


def test_the_card_s_own_word_shows_too(run: Run, daemon: ScriptedDaemon) -> None:
    run("mtv", "calexp", "visit=1")
    assert isinstance(daemon.steps[0], st.Mtv)


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("bad_value", 1),
        ("unknown_collection", 1),
        ("no_daemon", 3),
        ("no_window", 3),
        ("deadline", 4),
        ("internal", 5),
        ("draw_failed", 5),
    ],
)
def test_each_kind_of_error_has_its_exit_code(run: Run, daemon: ScriptedDaemon, code: Code, exit_code: int) -> None:
    daemon.script(requests.Transaction, raising(error(code, "steps[0].stretch", "try another")))
    result = run("scale", "log", code=exit_code)
    assert result.output == "mtv: stretch: it went wrong (try another)\n"


def test_a_step_that_failed_is_an_error_in_the_words_of_the_shell(run: Run, daemon: ScriptedDaemon) -> None:
    problem = Error(code="not_found", message="no such dataset", where="steps[0].target.data_id")
    daemon.script(requests.Transaction, messages.Outcome(steps=(messages.StepOutcome(state="failed", error=problem),)))
    assert run("show", "calexp", "visit=1", code=1).output == "mtv: no such dataset\n"


def test_no_answer_within_the_timeout_is_exit_code_4(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.hold(requests.Status)
    assert "in time" in run("status", "--timeout", "0.05", code=4).output


def test_nobody_listening_is_exit_code_3_with_the_command_that_helps(run: Run, tmp_path: Path) -> None:
    assert "mtv up" in run("status", "--endpoint", f"ipc://{tmp_path}/nobody", code=3).output


def test_a_dataset_type_alone_asks_for_datasets(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(st.Query, ROWS)
    given = ("instrument=HSC", "visit=23718", "--collections", "a,b", "--where", "visit > :v", "--bind", "v=1.5")
    result = run("query", "calexp", *given, "--order-by", "-visit", "--limit", "5", "--repo", "demo")
    (seen,) = daemon.of(st.Query)
    assert seen.message == st.Query(
        repo="demo",
        dataset_type="calexp",
        data_id={"instrument": "HSC", "visit": 23718},
        collections=("a", "b"),
        where="visit > :v",
        bind={"v": 1.5},
        order_by=("-visit",),
        limit=5,
    )
    lines = result.output.splitlines()
    assert lines[0].split() == ["instrument", "visit", "run", "id"]
    assert lines[2] == "HSC          1214  u/me/1  6f3b2c1e00000000000000000000000b"


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("data-ids", "--datasets", "raw"), st.Query(what="data_ids", dataset_type="raw")),
        (("data-ids", "--dimensions", "visit,detector"), st.Query(what="data_ids", dimensions=("visit", "detector"))),
        (("records", "detector"), st.Query(what="dimension_records", dimensions=("detector",))),
        (("collections", "u/*"), st.Query(what="collections", collections=("u/*",))),
        (("types",), st.Query(what="dataset_types")),
        (("provenance", "src", "--all"), st.Query(what="provenance", dataset_type="src", find_first=False)),
        (("datasets", "types", "--all"), st.Query(dataset_type="types", find_first=False)),
        (("calexp", "day='007'"), st.Query(dataset_type="calexp", data_id={"day": "007"})),
        (
            ("calexp", "visit.target_name=M 31"),
            st.Query(dataset_type="calexp", data_id={"visit.target_name": "M 31"}),
        ),
    ],
)
def test_each_kind_of_query_asks_for_what_it_says(
    run: Run, daemon: ScriptedDaemon, arguments: tuple[str, ...], asked: st.Query
) -> None:
    daemon.script(st.Query, messages.Rows(columns=("name",), rows=(("x",),)))
    run("query", *arguments)
    assert [seen.message for seen in daemon.of(st.Query)] == [asked]


@pytest.mark.parametrize(("limit", "said"), [("1", "the first 1 row; there may be more"), ("0", "nothing found")])
def test_a_limit_that_was_reached_is_said(run: Run, daemon: ScriptedDaemon, limit: str, said: str) -> None:
    found = (("x",),) if limit == "1" else ()
    daemon.script(st.Query, messages.Rows(columns=("name",), rows=found))
    assert run("query", "calexp", "--limit", limit).stderr == f"mtv: {said}\n"


def test_a_query_follows_all_pages(run: Run, daemon: ScriptedDaemon) -> None:
    def page(seen: Seen) -> messages.Rows:
        assert isinstance(seen.message, st.Query)
        number = int(seen.message.cursor or 0)
        return messages.Rows(columns=("n",), rows=((number,),), cursor=str(number + 1) if number < 2 else "")

    daemon.script(st.Query, page)
    assert [row["n"] for row in json.loads(run("query", "calexp", "--json").output)["rows"]] == [0, 1, 2]


def test_rows_as_json_are_objects_with_the_uuid_as_id(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(st.Query, ROWS)
    found = json.loads(run("query", "calexp", "--json").output)
    assert found["rows"][0] == {"instrument": "HSC", "visit": 23718, "run": "u/me/1", "id": ROWS.ids[0]}


def test_a_word_that_is_no_key_and_value_is_refused_before_anything_is_sent(run: Run, daemon: ScriptedDaemon) -> None:
    assert "'visit' is not key=value" in run("query", "calexp", "visit", code=1).output
    assert daemon.seen == []


def test_repository_and_collections_come_from_the_environment_too(
    run: Run, daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTV_REPO", "demo")
    monkeypatch.setenv("MTV_COLLECTIONS", "u/me/single_frame")
    run("show", "calexp", "visit=1")
    target = daemon.steps[0].target  # type: ignore[union-attr]
    assert target == Dataset(
        repo="demo", dataset_type="calexp", data_id={"visit": 1}, collections=("u/me/single_frame",)
    )


def test_repositories_are_listed(run: Run, daemon: ScriptedDaemon) -> None:
    known = reports.RepositoryInfo(alias="demo", location="/data/demo", state="open", default=True)
    daemon.script(requests.Repositories, reports.RepositoryList(repositories=(known,)))
    assert "demo   /data/demo  open   default" in run("repos").output


def report(**changes: Any) -> reports.Report:
    display = reports.DisplayReport(
        number=0,
        label="calexp 23718 41",
        shape=(4176, 2048),
        mask=reports.MaskState(planes={"BAD": 0, "CR": 1}),
        overlays={"markers": 345},
        stretch="asinh",
        mode="zscale",
    )
    fields = {
        "release": "0.1.0",
        "pid": 77,
        "uptime_secs": 3725.0,
        "endpoint": "ipc:///x",
        "window": reports.WindowState(state="ready", pid=78, x_display=":9", headless=True),
        "displays": (display, reports.DisplayReport(number=1001, name="guider", limits=(-1.0, 30.5))),
        "front": 0,
        "repositories": (reports.RepositoryInfo(alias="demo", location="/d", state="open", default=True),),
        "pixel_bytes": 123_456_789,
    }
    return reports.Report(**{**fields, **changes})


def test_status_tells_of_window_displays_repositories_and_memory(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Status, report())
    output = run("status").output
    assert "mtvd 0.1.0, pid 77, up 1 h 2 min, ipc:///x" in output
    assert "window        ready, pid 78, on :9, a virtual screen" in output
    assert "0: 2048 x 4176 calexp 23718 41, asinh zscale, 2 mask planes, markers: markers 345, in front" in output
    assert "1001 'guider': empty, linear -1 to 30.5" in output
    assert "demo (default) /d open" in output
    assert "123 MB" in output


def test_status_leaves_out_the_session_that_asks(run: Run, daemon: ScriptedDaemon) -> None:
    def answer(seen: Seen) -> reports.Report:
        own = reports.SessionInfo(session=seen.header.session.hex(), program="mtv", pid=1)
        return report(sessions=(own, reports.SessionInfo(session="00", program="tutorial.py", pid=2)))

    daemon.script(requests.Status, answer)
    output = run("status").output
    assert "sessions      tutorial.py, pid 2" in output
    assert "mtv, pid 1" not in output


def test_status_counts_the_sessions_of_programs_that_have_ended_and_names_those_that_live(
    run: Run, daemon: ScriptedDaemon
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = os.uname().nodename
    told = [("living", os.getpid(), here), ("gone", ended.pid, here), ("elsewhere", ended.pid, "another")]
    sessions = tuple(
        reports.SessionInfo(session=f"{index:02x}", program=program, pid=pid, host=host)
        for index, (program, pid, host) in enumerate(told)
    )
    daemon.script(requests.Status, report(sessions=sessions))
    output = run("status").output
    assert "living" in output
    assert "elsewhere" in output
    assert "gone" not in output
    assert "1 more, of programs that have ended" in output


def test_a_file_that_is_there_is_shown_whatever_its_name(
    run: Run, daemon: ScriptedDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "img.dat").write_bytes(b"")
    run("show", "img.dat", "--behind")
    run("show", "calexp", "--behind")
    file, dataset = File(path=str(tmp_path / "img.dat")), Dataset(dataset_type="calexp")
    assert daemon.steps == [st.Mtv(target=file), st.Mtv(target=dataset)]


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("choose a slice: cube_index=(0, 0); or another HDU", "choose a slice: --slice 0,0; or another HDU"),
        ("choose a slice: cube_index=(0,); or another HDU", "choose a slice: --slice 0; or another HDU"),
        ("for example collections='u/me/run'", "for example --collections 'u/me/run'"),
        ("a longer timeout_secs waits longer", "a longer --timeout waits longer"),
        ("cut it out by pixels: bbox", "cut it out by pixels: --bbox X,Y,WIDTH,HEIGHT"),
        ("wcs, bbox, xy0 or unit", "wcs, bbox, xy0 or unit"),
    ],
)
def test_hints_name_options_as_the_shell_has_them(run: Run, daemon: ScriptedDaemon, hint: str, told: str) -> None:
    daemon.script(requests.Transaction, raising(error("bad_value", hint=hint)))
    assert f"({told})" in run("show", "calexp", code=1).output


def test_status_as_json_is_the_report(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Status, report())
    assert json.loads(run("status", "--json").output)["displays"][0]["overlays"] == {"markers": 345}


def test_options_that_all_commands_have_may_stand_before_the_command(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Status, report())
    assert json.loads(run("--json", "status").output)["pid"] == 77


def test_cancel_tells_how_many_and_refuses_an_id_that_does_not_wait(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(
        requests.Cancel,
        lambda seen: messages.Cancelled(count=2 if seen.message == requests.Cancel(request_id="*") else 0),
    )
    assert run("cancel").output == "cancelled 2\n"
    assert "no request 'ab-3' waits" in run("cancel", "ab-3", code=1).output


def test_down_where_no_daemon_runs_has_nothing_to_do(run: Run, tmp_path: Path) -> None:
    assert run("down", "--endpoint", f"ipc://{tmp_path}/nobody").output == "no daemon runs\n"


def test_up_where_a_daemon_runs_says_so(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Status, report())
    assert "runs already, pid 77" in run("up").output
