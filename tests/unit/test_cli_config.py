"""``mtv config``: of a daemon that runs, of one that would be started, and what cannot be said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click.testing
import pytest
from tests.support.scripted import Run

from mtv.cli import cli
from mtv.testing import ScriptedDaemon
from mtv.wire import reports, requests
from mtvd.settings import config, listing

Shown = Callable[..., click.testing.Result]


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shown:
    """The command where no daemon runs, with a configuration directory of its own."""
    monkeypatch.setenv("MTV_ENDPOINT", f"ipc://{tmp_path}/run/nobody")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "mtv").mkdir(parents=True)

    def invoke(*words: str, code: int = 0) -> click.testing.Result:
        result = click.testing.CliRunner().invoke(cli, ["config", *words], prog_name="mtv")
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.fixture
def told(daemon: ScriptedDaemon, tmp_path: Path) -> None:
    """A daemon that runs and has left its settings beside its socket."""
    window = reports.WindowState()
    report = reports.Report(release="x", pid=4711, uptime_secs=1, endpoint=daemon.endpoint, window=window)
    daemon.script(requests.Status, report)
    settings = listing.in_force(config.Settings(requests=5), listing.Sources(options={"requests": "option --requests"}))
    listing.write(tmp_path, 4711, settings)


def by_name(result: click.testing.Result) -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(result.stdout)["settings"]}


def test_without_a_daemon_the_settings_of_the_next_are_shown(absent: Shown, tmp_path: Path) -> None:
    file = tmp_path / "config" / "mtv" / "mtvd.toml"
    file.write_text("requests = 7\n")
    shown = absent("--json")
    assert json.loads(shown.stdout)["pid"] is None
    assert by_name(shown)["requests"] == {"name": "requests", "value": 7, "source": f"file {file}"}
    assert by_name(shown)["endpoint"]["source"] == "environment MTV_ENDPOINT"
    assert by_name(shown)["stage.window"]["source"] == "default"
    assert "none runs" in absent().output


def test_a_daemon_that_runs_tells_its_own(run: Run, told: None) -> None:
    shown = run("config", "--json")
    assert json.loads(shown.stdout)["pid"] == 4711
    assert by_name(shown)["requests"] == {"name": "requests", "value": 5, "source": "option --requests"}
    assert "of the daemon that runs, pid 4711" in run("config").output


def test_one_setting_a_table_or_what_was_changed_is_shown(run: Run, told: None) -> None:
    assert list(by_name(run("config", "stage.window", "--json"))) == ["stage.window"]
    assert set(by_name(run("config", "remote", "--json"))) == {"remote.listen", "remote.message_bytes"}
    assert list(by_name(run("config", "--changed", "--json"))) == ["requests"]


def test_a_setting_that_there_is_not_is_refused_with_a_near_one(run: Run, told: None) -> None:
    assert "did you mean 'stage.window'" in run("config", "stage.windw", code=1).output


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"pid": 1, "settings": []}', b"\xff", b'{"pid": 4711, "settings": [{}]}']
)
def test_settings_that_are_another_s_or_damaged_are_not_shown(
    run: Run, told: None, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "settings.json").write_bytes(content)
    assert "does not tell its settings" in run("config", code=5).output


def test_a_file_that_is_wrong_is_told(absent: Shown, tmp_path: Path) -> None:
    (tmp_path / "config" / "mtv" / "mtvd.toml").write_text("requsts = 7\n")
    assert "requsts" in absent(code=1).output


def test_a_daemon_on_another_host_is_asked_there(run: Run) -> None:
    assert "on the daemon's own host" in run("config", "--endpoint", "tcp://far:1234", code=1).output
