"""``mtv keys``: two hosts get to know each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mtv.cli import cli
from mtv.shared import keys


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command on one of two hosts; return what it did."""

    def run(host: str, *words: str, code: int = 0) -> Result:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / host))
        done = CliRunner().invoke(cli, ["keys", *words])
        assert done.exit_code == code, done.output
        return done

    return run


def test_two_hosts_exchange_public_keys(hosts: Any, tmp_path: Path) -> None:
    assert "made" in hosts("desk", "make", "daemon").output
    desk = keys.directory()
    assert "made" in hosts("node", "make", "client").output
    node = keys.directory()
    hosts("node", "trust", "desk", str(desk / "daemon.key"))
    assert keys.for_client("tcp://desk:5678").server == keys.public_key(desk / "daemon.key")
    hosts("desk", "authorise", "cluster", str(node / "client.key"))
    shown = json.loads(hosts("desk", "show", "--json").output)
    assert shown["authorised"] == {"cluster": keys.public_key(node / "client.key").decode()}
    assert shown["daemon"] == keys.public_key(desk / "daemon.key").decode()
    assert "client" not in shown
    assert "cluster" in hosts("desk", "show").output
    assert "no more" in hosts("desk", "revoke", "cluster").output
    assert "nobody" in hosts("desk", "revoke", "cluster", code=1).output


def test_no_secret_is_ever_printed(hosts: Any) -> None:
    said = hosts("desk", "make", "daemon", "client").output + hosts("desk", "make", "daemon", "--json").output
    said += hosts("desk", "authorise", "me").output + hosts("desk", "show").output
    said += hosts("desk", "show", "--json").output
    for name in (keys.DAEMON, keys.CLIENT):
        assert keys.pair(name).public.decode() in said
        assert keys.pair(name).secret.decode() not in said


def test_a_file_that_is_no_key_is_refused_in_one_line(hosts: Any, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    said = hosts("desk", "authorise", "me", str(tmp_path / "text"), code=1).output
    assert said.startswith("mtv: file: ")
    assert said.count("\n") == 1


def test_what_is_there_is_kept(hosts: Any) -> None:
    hosts("desk", "make", "daemon")
    before = keys.pair(keys.DAEMON)
    assert json.loads(hosts("desk", "make", "daemon", "client", "--json").output)["made"] == ["client"]
    assert keys.pair(keys.DAEMON) == before


@pytest.mark.parametrize("command", [("authorise", "me"), ("trust", "desk")])
def test_a_file_with_a_secret_is_refused_and_the_public_one_is_named(hosts: Any, command: tuple[str, ...]) -> None:
    hosts("desk", "make", "daemon", "client")
    name = "client" if command[0] == "authorise" else "daemon"
    said = hosts("desk", *command, str(keys.directory() / f"{name}.key_secret"), code=1).output
    assert said.startswith("mtv: file: ")
    assert "secret" in said
    assert f"{name}.key" in said.replace(f"{name}.key_secret", "")


@pytest.mark.parametrize("renamed", [False, True])
def test_a_client_s_key_is_not_taken_for_a_daemon_s_nor_the_other_way_round(
    hosts: Any, tmp_path: Path, renamed: bool
) -> None:
    hosts("desk", "make", "daemon", "client")
    for command, wrong in ((("trust", "desk"), "client"), (("authorise", "me"), "daemon")):
        file = keys.directory() / f"{wrong}.key"
        if renamed:
            (tmp_path / "copied.key").write_text(file.read_text())
            file = tmp_path / "copied.key"
        said = hosts("desk", *command, str(file), code=1).output
        assert said.startswith("mtv: file: ")
        assert f"the key of a {wrong}" in said


def test_a_key_that_does_not_say_whose_it_is_is_known_by_its_name(hosts: Any, tmp_path: Path) -> None:
    hosts("desk", "make", "daemon")
    plain = (keys.directory() / "daemon.key").read_text().replace("role", "any")
    for name, code in (("client.key", 1), ("daemon.key", 0), ("other.key", 0)):
        (tmp_path / name).write_text(plain)
        hosts("node", "trust", "desk", str(tmp_path / name), code=code)
