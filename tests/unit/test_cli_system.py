"""What the system does to the ``mtv`` command: full disks, odd files, closed streams. Never a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pytest

from mtv.cli import COMMANDS, cli
from mtv.testing import ScriptedDaemon
from mtv.wire import messages, reports, requests
from mtv.wire import steps as st
from mtv.wire.data import Array, Catalog, Column

PICTURE = b"\x89PNG" + bytes(100_000)
CODES = {0, 1, 2, 3, 4, 5, 130, 141}

USES: dict[str, tuple[str, ...]] = {
    "up": (),
    "down": (),
    "status": (),
    "cancel": (),
    "keys": ("show",),
    "doctor": (),
    "demo": ("--size", "small"),
    "version": (),
    "config": ("--changed",),
    "help": ("show",),
    "repos": (),
    "query": ("calexp",),
    "get": ("calexp.bbox", "visit=1"),
    "watch": ("calexp",),
    "load": ("calexp", "visit=1"),
    "catalog": ("src", "visit=1"),
    "show": ("calexp", "visit=1"),
    "mtv": ("calexp", "visit=1"),
    "movie": ("calexp",),
    "overlay": ("--at", "1,2"),
    "erase": (),
    "delete": ("1",),
    "colormap": ("heat",),
    "scale": ("log",),
    "zoom": ("2",),
    "pan": ("1", "2"),
    "rotate": ("3",),
    "flip": ("x",),
    "arrange": ("--tile",),
    "mask": (),
    "annotate": ("--legend",),
    "regions": (),
    "value": ("1", "2"),
    "events": ("--count", "1"),
    "snap": ("x.png",),
    "batch": ("x.jsonl",),
}
"""A use of every command."""


@pytest.fixture(autouse=True)
def answers(daemon: ScriptedDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.script(requests.Snapshot, (messages.Picture(format="png"), (PICTURE,)))
    daemon.script(requests.Repositories, reports.RepositoryList(repositories=()))
    window = reports.WindowState()
    daemon.script(
        requests.Status, reports.Report(release="x", pid=1, uptime_secs=1, endpoint=daemon.endpoint, window=window)
    )
    found = messages.Rows(columns=("visit", "run"), rows=((1, "u/run"),), ids=("id-1",), dataset_type="calexp")
    daemon.script(st.Query, found)
    x = np.arange(50_000.0)  # more than a pipe holds
    column = Column(name="x", array=Array(dtype="<f8", shape=x.shape, buffer=0))
    daemon.script(
        requests.Get, (messages.Got(catalog=Catalog(rows=len(x), columns=(column,), label="src")), (x.tobytes(),))
    )
    monkeypatch.setenv("MTV_ENDPOINT", daemon.endpoint)
    monkeypatch.chdir(tmp_path)


def invoke(*arguments: str, **options: Any) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, arguments, prog_name="mtv", **options)


def told(result: click.testing.Result, code: int) -> str:
    """Return the one line that a command has told, and no traceback."""
    assert result.exit_code == code, (result.output, result.exception)
    assert result.stderr.startswith("mtv: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


# Whatever the system says


def test_every_command_is_in_the_sweep() -> None:
    assert set(USES) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(USES))
@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.EISDIR, errno.ENOENT, errno.EMFILE])
def test_an_error_of_the_system_is_one_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number), "/some/where")

    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    while isinstance(command, click.Group):
        command = command.commands[USES[name][0] if USES[name][0] in command.commands else "datasets"]
    monkeypatch.setattr(command, "callback", fail)
    said = told(invoke(name, *USES[name]), 1)
    assert said == f"mtv: /some/where: {os.strerror(number).lower()}\n"


@pytest.mark.parametrize("name", sorted(USES))
def test_ctrl_c_is_exit_code_130_in_every_command(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    command = cli.get_command(click.Context(cli), name)
    while isinstance(command, click.Group):
        command = command.commands[USES[name][0] if USES[name][0] in command.commands else "datasets"]
    monkeypatch.setattr(command, "callback", interrupt)
    assert told(invoke(name, *USES[name]), 130) == "mtv: interrupted\n"


# Odd files, wherever a file is named


def odd_files(place: Path) -> dict[str, Path]:
    """Make files that are none, or none that anybody wants."""
    (place / "file").touch()
    (place / "directory").mkdir()
    (place / "loop").symlink_to("loop")
    (place / "nothing").symlink_to("is not there")
    (place / "bytes").write_bytes(os.urandom(5000))
    return {
        "missing": place / "missing",
        "below a file": place / "file" / "below",
        "directory": place / "directory",
        "loop": place / "loop",
        "nothing": place / "nothing",
        "bytes": place / "bytes",
        "empty": place / "file",
        "long": place / ("x" * 300),
        "no UTF-8": place / os.fsdecode(b"\xff\xfe"),
        "device": Path("/dev/null"),
        "full": Path("/dev/full"),
    }


@pytest.mark.parametrize(
    "use",
    [
        ("snap", "{}"),
        ("snap", "{}.png"),
        ("batch", "{}"),
        ("overlay", "{}.csv"),
        ("overlay", "{}/x.csv"),
        ("show", "{}"),
        ("show", "{}.fits"),
        ("show", "{}/x.fits"),
        ("load", "{}.fits"),
        ("catalog", "{}.parq"),
        ("get", "{}.fits", "--component", "wcs"),
        ("movie", "calexp", "--save", "{}"),
        ("movie", "calexp", "--save", "{}/x.gif"),
        ("watch", "--dir", "{}", "--for", "0"),
        ("keys", "authorise", "me", "{}"),
        ("keys", "trust", "me", "{}"),
        ("up", "--config", "{}"),
        ("status", "--endpoint", "ipc://{}", "--timeout", "0.5"),
        ("up", "--endpoint", "ipc://{}", "--timeout", "0.5"),
        ("up", "--endpoint", "ipc://{}/x", "--timeout", "0.5"),
        ("down", "--endpoint", "ipc://{}", "--timeout", "0.5"),
        ("doctor", "--endpoint", "ipc://{}/x", "--timeout", "0.5"),
        ("demo", "--directory", "{}", "--size", "small"),
    ],
    ids=" ".join,
)
def test_odd_files_are_told_of_in_a_line(
    daemon: ScriptedDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: tuple[str, ...]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("mtv.cli.starting.subprocess.Popen", _starts_nothing)
    monkeypatch.setattr("mtv.cli.starting.subprocess.run", _starts_nothing)
    monkeypatch.setattr("mtv.cli.demo.subprocess.run", _starts_nothing)
    for what, path in odd_files(tmp_path).items():
        if what == "full" and use[0] != "snap":  # it is read without an end
            continue
        result = invoke(*(word.replace("{}", str(path)) for word in use))
        assert result.exit_code in CODES, (what, result.output)
        assert result.exception is None or isinstance(result.exception, SystemExit), (what, result.exception)
        assert "Traceback" not in result.output, what


def _starts_nothing(*_: Any, **__: Any) -> None:
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


# A picture, whole or not at all


def fail_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the disk be full after a thousand bytes."""

    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, data: bytes) -> int:
            self.file.write(data[:1000])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda *given, **more: Full(real(*given, **more)))


def test_a_picture_for_which_there_is_no_room_leaves_the_one_before(
    daemon: ScriptedDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_write(monkeypatch)
    assert told(invoke("snap", "new.png"), 1) == "mtv: file: new.png: no space left on device\n"
    (tmp_path / "old.png").write_bytes(b"old")
    told(invoke("snap", "old.png"), 1)
    assert (tmp_path / "old.png").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "mtvd.sock") == ["old.png"]


def test_a_picture_takes_the_place_of_a_file_with_its_mode_and_through_its_link(
    daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "real.png").chmod(0o640)
    (tmp_path / "link.png").symlink_to("real.png")
    assert invoke("snap", "link.png").exit_code == 0
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").read_bytes() == PICTURE
    assert (tmp_path / "real.png").stat().st_mode & 0o777 == 0o640
    before = os.umask(0o022)
    try:
        assert invoke("snap", "new.png").exit_code == 0
    finally:
        os.umask(before)
    assert (tmp_path / "new.png").stat().st_mode & 0o777 == 0o644


# Streams


def run(*arguments: str, code: int, shell: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    command: Any = [sys.executable, "-m", "mtv.cli", *arguments]
    if shell:
        command = ["bash", "-c", shell, "mtv", *command]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=100, check=False, **options)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize(
    "words",
    [("catalog", "src", "visit=1", "--csv"), ("catalog", "src", "visit=1"), ("catalog", "src", "visit=1", "--json"),
     ("snap", "-"), ("version",), ("--help",), ("repos", "--json")],
    ids=" ".join,
)  # fmt: skip
def test_a_full_disk_behind_the_standard_output_is_an_error(daemon: ScriptedDaemon, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        assert "no space left on device" in run(*words, code=1, stdout=full).stderr


def test_a_reader_that_has_had_enough_is_no_error_of_ours(daemon: ScriptedDaemon) -> None:
    shell = '"$@" | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}'
    assert run("catalog", "src", "visit=1", "--csv", code=141, shell=shell).stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", [("repos",), ("batch", "-"), ("snap", "-"), ("overlay", "-"), ("version", "--json")])
def test_closed_streams_are_no_traceback(daemon: ScriptedDaemon, closed: str, words: tuple[str, ...]) -> None:
    run(*words, code=0, shell=f'"$@" {closed}', stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def test_names_that_the_terminal_cannot_show_are_shown_as_far_as_they_can(daemon: ScriptedDaemon) -> None:
    known = reports.RepositoryInfo(alias="für…", location="/data/demo")
    daemon.script(requests.Repositories, reports.RepositoryList(repositories=(known,)))
    environ = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = run("repos", code=0, stdout=subprocess.PIPE, env=environ, encoding="latin-1")
    assert "für\\u2026" in done.stdout


# The client installed alone


@pytest.fixture
def client_alone(tmp_path: Path) -> dict[str, str]:
    """An environment in which the daemon's own modules are there, and nothing that they import."""
    names = "anyio", "astropy", "pyds9", "lsst", "fitsio", "psutil"
    blocker = f"import sys\nsys.modules.update(dict.fromkeys({names!r}))\n"
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "sitecustomize.py").write_text(blocker)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MTV_")}
    search = [str(tmp_path / "blocked"), *(path for path in sys.path if path)]
    return {**kept, "PYTHONPATH": os.pathsep.join(search), "XDG_RUNTIME_DIR": str(runtime)}


@pytest.mark.parametrize("words", [("up",), ("up", "--service"), ("demo",)])
def test_of_the_client_installed_alone_the_extra_is_named(client_alone: dict[str, str], words: tuple[str, ...]) -> None:
    said = run(*words, code=3, env=client_alone, stdout=subprocess.DEVNULL).stderr
    assert "lacks anyio, astropy" in said
    assert "-m pip install 'mtv[daemon]'" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", [("serve",), ("demo-repo", "x")])
def test_the_daemon_itself_names_the_extra_that_is_missing(
    client_alone: dict[str, str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", "mtvd", *words]
    done = subprocess.run(
        command, env=client_alone, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert "pip install 'mtv[daemon]'" in done.stderr
    assert "Traceback" not in done.stderr
