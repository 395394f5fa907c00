"""Whose the runtime directory is: what another user could have made is not spoken to, and not written into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click.testing
import pytest

import mtv
from mtv.cli import cli
from mtv.shared import ownership, paths
from mtv.testing import ScriptedDaemon
from mtv.wire.errors import RequestError

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default runtime directory, on a host that has no XDG_RUNTIME_DIR: in a folder that all users share."""
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    base = shared / "runtime"
    base.mkdir(mode=0o700)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("MTV_ENDPOINT", raising=False)
    monkeypatch.setattr(paths, "runtime_directory", lambda: base / "mtv")
    return base / "mtv"


def foreign(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)


def linked(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (runtime.parent / "elsewhere").mkdir(mode=0o700)
    runtime.symlink_to("elsewhere")


def open_to_all(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime.mkdir()
    runtime.chmod(0o777)


def open_to_a_group(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime.mkdir()
    runtime.chmod(0o770)


def base_open_to_all(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime.mkdir(mode=0o700)
    runtime.parent.chmod(0o777)


BAD = [foreign, linked, open_to_all, open_to_a_group, base_open_to_all]


@pytest.mark.parametrize("spoil", BAD)
def test_nothing_is_sent_to_a_daemon_where_another_user_may_have_made_the_directory(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    spoil(runtime, monkeypatch)
    with ScriptedDaemon(runtime / paths.SOCKET_NAME) as daemon:
        monkeypatch.setattr(paths, "default_endpoint", lambda: daemon.endpoint)
        with pytest.raises(RequestError) as refused:
            mtv.connect()
        assert daemon.seen == []
    assert (refused.value.code, refused.value.error.where) == ("forbidden", "endpoint")
    assert str(runtime.parent) in refused.value.error.message
    assert refused.value.error.hint


@pytest.mark.parametrize("spoil", BAD)
def test_no_daemon_is_started_there_either(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    spoil(runtime, monkeypatch)
    before = sorted(runtime.parent.rglob("*"))
    result = click.testing.CliRunner().invoke(cli, ["up"])
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("mtv: --endpoint: ")
    assert sorted(runtime.parent.rglob("*")) == before


def test_what_is_not_there_yet_and_what_is_one_s_own_are_no_errors(runtime: Path) -> None:
    ownership.require_own(f"ipc://{runtime}/{paths.SOCKET_NAME}")
    runtime.mkdir(mode=0o700)
    ownership.require_own(f"ipc://{runtime}/{paths.SOCKET_NAME}")


def test_a_place_that_the_user_has_named_is_the_user_s_own_affair(runtime: Path) -> None:
    place = runtime.parent.parent / "named"
    place.mkdir()
    place.chmod(0o777)
    ownership.require_own(f"ipc://{place}/{paths.SOCKET_NAME}")
    ownership.require_own("tcp://somewhere:5678")


@AS_ROOT
@pytest.mark.parametrize(
    ("variable", "words"),
    [
        *(("XDG_RUNTIME_DIR", words) for words in (("up",), ("status",), ("down",), ("demo",), ("erase",))),
        *(("MTV_ENDPOINT", words) for words in (("up",), ("status",), ("down",), ("erase",))),
    ],
)
def test_another_user_s_runtime_directory_is_told_of_in_one_line(
    tmp_path: Path, variable: str, words: tuple[str, ...]
) -> None:
    """After ``su`` or ``sudo``: root without its powers over files is like any other user."""
    tmp_path.chmod(0o755)
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, 65534, 65534)
    value = str(theirs) if variable == "XDG_RUNTIME_DIR" else f"ipc://{theirs}/mtv/mtvd.sock"
    kept = {name: text for name, text in os.environ.items() if name not in {"MTV_ENDPOINT", "XDG_RUNTIME_DIR"}}
    powers = "--bounding-set=-dac_override,-dac_read_search"
    done = subprocess.run(
        ["setpriv", powers, sys.executable, "-m", "mtv.cli", *words],
        env={**kept, variable: value},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("mtv: --endpoint: ")
    assert f"{theirs} belongs to nobody" in done.stderr
    if variable == "XDG_RUNTIME_DIR":
        assert "unset XDG_RUNTIME_DIR" in done.stderr
