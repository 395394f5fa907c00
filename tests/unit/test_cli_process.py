"""The ``mtv`` command as a process: what it loads, its exit codes, and daemons that it starts and stops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mtv.testing import ScriptedDaemon
from mtv.wire import messages, reports, requests

pytestmark = pytest.mark.slow("some tests start five processes, one after the other", secs=40)

_MTVD = '''
"""Stands for the daemon: listens, answers Status, leaves once it was told to and its answer has been read."""
import os, sys, threading
from pathlib import Path
from mtv.testing import ScriptedDaemon
from mtv.wire import messages, reports, requests

arguments = sys.argv[1:]
if arguments[0] == "demo-repo":
    Path(arguments[1]).mkdir()
    Path(arguments[1], "mtv-demo.json").write_text("{}")
    sys.exit()
print("starting with", *arguments, flush=True)
if "--log-level" in arguments:
    sys.exit("the configuration is wrong")
endpoint = arguments[arguments.index("--endpoint") + 1]
leaving = threading.Event()
daemon = ScriptedDaemon(Path(endpoint.removeprefix("ipc://")))
window = reports.WindowState()
report = reports.Report(release="scripted", pid=os.getpid(), uptime_secs=1, endpoint=endpoint, window=window)
daemon.script(requests.Status, report)
daemon.script(requests.Bye, lambda seen: (leaving.set() if daemon.of(requests.Shutdown) else None) or messages.Done())
with daemon:
    leaving.wait()
'''

_TUTORIAL = """
import os, sys
from pathlib import Path
import mtv
mtv.Display().erase()
Path(sys.argv[sys.argv.index("--picture") + 1]).write_text(os.environ["MTV_ENDPOINT"])
sys.exit(int(os.environ.get("TUTORIAL_STATUS", "0")))
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment of its own, in which ``mtvd`` is the stand-in above."""
    (tmp_path / "mtvd").mkdir()
    (tmp_path / "mtvd" / "__init__.py").touch()
    (tmp_path / "mtvd" / "__main__.py").write_text(_MTVD)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    search = [str(tmp_path), *(path for path in sys.path if path)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MTV_", "DISPLAY"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(search), "XDG_RUNTIME_DIR": str(runtime), "COLUMNS": "80"}


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/run/own/mtvd.sock"


def mtv(environ: dict[str, str], *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mtv.cli", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture
def started(environ: dict[str, str], endpoint: str) -> Iterator[int]:
    """A daemon that ``mtv up`` has started, by its process."""
    up = mtv(environ, "up", "--endpoint", endpoint, "--json", "--repo", "demo=tests/unit")
    pid = int(json.loads(up.stdout)["pid"])
    try:
        assert up.stderr == ""
        yield pid
    finally:
        if psutil.pid_exists(pid):
            psutil.Process(pid).kill()


@pytest.fixture
def answering(daemon: ScriptedDaemon) -> ScriptedDaemon:
    """A daemon that tells its status."""
    window = reports.WindowState()
    daemon.script(
        requests.Status, reports.Report(release="x", pid=1, uptime_secs=1, endpoint=daemon.endpoint, window=window)
    )
    return daemon


def loaded_by(environ: dict[str, str], *arguments: str) -> set[str]:
    code = (
        "import atexit, json, sys; from mtv.cli import main; "
        "atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules)))); "
        f"main({list(arguments)!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=100, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


LIBRARIES = {"numpy", "astropy", "anyio", "asyncio", "mtvd"}
HEAVY = LIBRARIES | {"rich", "platformdirs", "subprocess", "shutil", "tempfile", "logging", "secrets"}


def test_status_loads_nothing_heavy(environ: dict[str, str], answering: ScriptedDaemon) -> None:
    loaded = loaded_by(environ, "status", "--endpoint", answering.endpoint)
    assert "zmq" in loaded
    assert not loaded & HEAVY


def test_help_loads_no_command_and_no_socket(environ: dict[str, str]) -> None:
    loaded = loaded_by(environ, "--help")
    assert not loaded & {*HEAVY - {"shutil"}, "zmq", "mtv.cli.daemon", "mtv.cli.draw"}


def test_a_query_loads_nothing_heavy(environ: dict[str, str], daemon: ScriptedDaemon) -> None:
    from mtv.wire.steps import Query

    daemon.script(Query, messages.Rows(columns=("visit",), rows=((1,),)))
    assert not loaded_by(environ, "query", "calexp", "--endpoint", daemon.endpoint) & HEAVY


def test_exit_codes_and_messages_reach_the_shell(environ: dict[str, str], tmp_path: Path) -> None:
    nobody = mtv(environ, "erase", "--endpoint", f"ipc://{tmp_path}/nobody", code=3)
    assert nobody.stdout == ""
    assert nobody.stderr.startswith("mtv: mtvd does not listen")
    assert len(nobody.stderr.splitlines()) == 1
    assert "Usage" in mtv(environ, "erase", "--colour", "red", code=2).stderr
    assert "no endpoint" in mtv(environ, "erase", "--endpoint", "somewhere", code=1).stderr


def test_interrupted_is_exit_code_130_and_the_request_is_cancelled(
    environ: dict[str, str], daemon: ScriptedDaemon
) -> None:
    daemon.hold(requests.Transaction)
    # a shell that runs the tests in the background has its children ignore interrupts
    command = ["env", "--default-signal=INT", sys.executable, "-m", "mtv.cli", "erase", "--endpoint", daemon.endpoint]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        daemon.wait_for(requests.Transaction)
        process.send_signal(2)
        _, told = process.communicate(timeout=100)
    assert (process.returncode, told) == (130, "mtv: interrupted\n")
    assert daemon.of(requests.Cancel)


def test_up_starts_a_daemon_that_outlives_it_and_down_waits_until_it_has_gone(
    environ: dict[str, str], endpoint: str, started: int
) -> None:
    assert f"runs already, pid {started}" in mtv(environ, "up", "--endpoint", endpoint).stdout
    assert f"pid {started}" in mtv(environ, "status", "--endpoint", endpoint).stdout
    assert mtv(environ, "down", "--endpoint", endpoint).stdout == f"mtvd has stopped, pid {started}\n"
    assert not psutil.pid_exists(started) or psutil.Process(started).status() == psutil.STATUS_ZOMBIE


def test_two_that_start_a_daemon_at_once_start_one_and_both_say_so(environ: dict[str, str], endpoint: str) -> None:
    command = [sys.executable, "-m", "mtv.cli", "up", "--json", "--endpoint", endpoint]
    both = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [json.loads(process.communicate(timeout=100)[0]) for process in both]
    try:
        assert [process.returncode for process in both] == [0, 0, 0]
        assert sorted(up["already"] for up in told) == [False, True, True]
        assert len({up["pid"] for up in told}) == 1
    finally:
        for pid in {up["pid"] for up in told}:
            psutil.Process(pid).kill()


def test_up_refuses_a_repository_that_is_not_there_and_starts_nothing(environ: dict[str, str], endpoint: str) -> None:
    up = mtv(environ, "up", "--endpoint", endpoint, "--repo", "demo=relative/path", code=1)
    missing = f"{Path.cwd()}/relative/path"
    assert up.stderr == f"mtv: repo: there is no directory {missing} (--repo takes [ALIAS=]PATH or [ALIAS=]URI)\n"
    assert "does not listen" in mtv(environ, "status", "--endpoint", endpoint, code=3).stderr


def test_up_hands_its_options_on_with_absolute_paths(endpoint: str, started: int) -> None:
    log = Path(endpoint.removeprefix("ipc://")).with_name("mtvd.log").read_text()
    assert f"--repo demo={Path.cwd()}/tests/unit" in log
    assert f"--endpoint {endpoint} --runtime-dir {Path(endpoint.removeprefix('ipc://')).parent}" in log
    assert started > 0


def test_up_shows_the_log_s_last_lines_where_the_start_fails(environ: dict[str, str], endpoint: str) -> None:
    failed = mtv(environ, "up", "--endpoint", endpoint, "--log-level", "DEBUG", code=5)
    assert "the configuration is wrong" in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith("mtv: mtvd ended with status 1 (its log: ")


def test_up_on_another_host_is_refused(environ: dict[str, str]) -> None:
    assert (
        "cannot be started at tcp://"
        in mtv(environ, "up", "--endpoint", "tcp://127.0.0.1:9", "--timeout", "1", code=1).stderr
    )


# Demo


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the client with a tutorial beside it, as in a checkout."""
    import mtv as library

    place = tmp_path / "checkout"
    (place / "client").mkdir(parents=True)
    (place / "examples").mkdir()
    (place / "examples" / "tutorial.py").write_text(_TUTORIAL)
    source = Path(library.__file__).parent
    subprocess.run(["cp", "-r", str(source), str(place / "client" / "mtv")], check=True)
    return place


def demo(checkout: Path, environ: dict[str, str], *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    own = {**environ, "PYTHONPATH": f"{checkout / 'client'}{os.pathsep}{environ['PYTHONPATH']}"}
    return mtv(
        own, "demo", "--directory", str(checkout / "repo"), "--picture", str(checkout / "x.png"), *arguments, code=code
    )


def test_the_demo_builds_draws_writes_its_picture_and_leaves_nothing_running(
    checkout: Path, environ: dict[str, str]
) -> None:
    told = demo(checkout, environ).stdout
    endpoint = (checkout / "x.png").read_text()
    assert endpoint.startswith(f"ipc://{environ['XDG_RUNTIME_DIR']}/mtv-demo-")
    assert not Path(endpoint.removeprefix("ipc://")).parent.exists()
    assert "What this did:" in told
    assert "mtv up --repo demo=" in told
    assert "there already" in demo(checkout, environ).stdout


def test_a_kept_demo_says_how_to_reach_and_stop_it_and_is_not_started_twice(
    checkout: Path, environ: dict[str, str]
) -> None:
    told = demo(checkout, environ, "--keep").stdout
    endpoint = (checkout / "x.png").read_text()
    assert f"export MTV_ENDPOINT={endpoint}" in told
    try:
        assert f"mtv down --endpoint {endpoint}" in demo(checkout, environ, "--keep", code=1).stderr
    finally:
        assert "has stopped" in mtv(environ, "down", "--endpoint", endpoint).stdout


def test_a_tutorial_that_fails_is_told_and_its_daemon_is_stopped(checkout: Path, environ: dict[str, str]) -> None:
    failed = demo(checkout, {**environ, "TUTORIAL_STATUS": "7"}, "--keep", code=5)
    assert "mtv: the tutorial ended with status 7" in failed.stderr
    endpoint = (checkout / "x.png").read_text()
    assert mtv(environ, "down", "--endpoint", endpoint).stdout == "no daemon runs\n"
