"""``mtv up`` beside a daemon that runs: what it does not take is said, and has an exit code of its own."""

from __future__ import annotations

import fcntl
import json
import subprocess
from pathlib import Path
from typing import Any

import click.testing
import pytest

from mtv.cli import cli, starting
from mtv.cli.common import Refused
from mtv.testing import ScriptedDaemon
from mtv.wire import reports, requests


@pytest.fixture(autouse=True)
def answers(daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    report = reports.Report(
        release="x",
        pid=7,
        uptime_secs=1,
        endpoint=daemon.endpoint,
        listen="tcp://0.0.0.0:5678",
        window=reports.WindowState(state="ready", headless=True, x_display=":9"),
        repositories=(reports.RepositoryInfo(alias="demo", location="/data/demo"),),
    )
    daemon.script(requests.Status, report)
    monkeypatch.setenv("MTV_ENDPOINT", daemon.endpoint)


def up(*arguments: str, code: int = 0) -> click.testing.Result:
    result = click.testing.CliRunner().invoke(cli, ["up", *arguments], prog_name="mtv")
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize(
    "arguments",
    [
        ("--repo", "X=/data/other"),
        ("--repo", "demo=/data/other"),
        ("--listen", "tcp://*:1234"),
        ("--window", ":1"),
        ("--attach", "mine"),
        ("--keep-window",),
        ("--log-level", "DEBUG"),
    ],
)
def test_what_the_daemon_that_runs_does_not_take_is_said_and_is_exit_code_1(
    daemon: ScriptedDaemon, arguments: tuple[str, ...]
) -> None:
    told = up(*arguments, code=1)
    assert told.stdout.startswith("mtvd x runs already, pid 7")
    assert " ".join(arguments) in told.stderr
    assert "not taken" in told.stderr
    assert f"mtv down && mtv up {' '.join(arguments)}" in told.stderr.replace("'", "")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--repo", "demo=/data/demo"),
        ("--repo", "/data/demo"),
        ("--listen", "tcp://*:5678"),
        ("--window", "headless"),
        ("--window", ":9"),
    ],
)
def test_what_the_daemon_that_runs_has_already_is_no_error(daemon: ScriptedDaemon, arguments: tuple[str, ...]) -> None:
    assert "not taken" not in up(*arguments).stderr


def test_of_a_repository_that_is_not_taken_the_way_to_use_it_all_the_same_is_told(daemon: ScriptedDaemon) -> None:
    assert "--repo /data/other" in up("--repo", "X=/data/other", code=1).stderr


def test_programs_read_what_was_not_taken(daemon: ScriptedDaemon) -> None:
    told = json.loads(up("--repo", "X=/data/other", "--json", code=1).stdout)
    assert (told["already"], told["not_taken"]) == (True, ["--repo X=/data/other"])


def test_the_service_is_installed_beside_a_daemon_that_runs_which_is_left_alone(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    told = up("--service")
    assert asked == [["-m", "mtvd", "install-service", "--no-start"]]
    assert "mtv down && systemctl --user start mtvd" in told.stderr


def test_why_the_service_was_not_installed_is_said_with_exit_code_5(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1))
    assert "the user service was not installed" in up("--service", code=5).stderr


def test_a_service_takes_its_settings_from_its_file_so_options_beside_it_are_refused(daemon: ScriptedDaemon) -> None:
    told = up("--service", "--repo", "X=/data/other", code=2).stderr
    assert "mtvd.toml" in told


@pytest.mark.parametrize(
    ("listen", "told"),
    [
        ("5678", "--listen tcp://*:5678"),
        (":5678", "--listen tcp://*:5678"),
        ("astro.example.org:5678", "--listen tcp://astro.example.org:5678"),
        ("ipc:///tmp/x", "tcp://ADDRESS:PORT"),
        ("tcp://host", "tcp://ADDRESS:PORT"),
        ("tcp://*:99999", "port"),
    ],
)
def test_a_place_to_listen_that_is_none_is_refused_with_what_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listen: str, told: str
) -> None:
    monkeypatch.setenv("MTV_ENDPOINT", f"ipc://{tmp_path}/nobody")
    refused = up("--listen", listen, code=1).stderr
    assert refused.startswith("mtv: --listen: ")
    assert told in refused


def test_a_daemon_that_another_way_has_started_at_the_same_time_is_waited_for_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the service or by hand: it holds the lock, so that ours ends at once, and answers a little later."""
    monkeypatch.setenv("MTV_ENDPOINT", f"ipc://{tmp_path}/mtvd.sock")
    report = reports.Report(release="x", pid=7, uptime_secs=1, endpoint="ipc:///x", window=reports.WindowState())
    answers = iter([None, None, None, None, report])

    def end_at_once(*_: object) -> None:
        raise Refused("mtvd ended with status 1", 5)

    monkeypatch.setattr(starting, "probe", lambda _endpoint: next(answers))
    monkeypatch.setattr(starting, "start", end_at_once)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert up().stdout.startswith("mtvd x runs already, pid 7")
    answers = iter([None] * 9)
    assert "ended with status 1" in up(code=5).stderr
