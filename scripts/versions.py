"""Runs the live tests of the window on every DS9 that can be had here, one after the other, and prints a table.

The machine's own DS9 comes first, then those of `ds9_roots.RELEASES`. Each has a network of its own, so that nothing
of this machine's is met, and a time after which all of it is ended; another DS9 of the same version, as it was
installed, is open meanwhile. Where the machine does not let us (that needs root), its own DS9 is tested without such
walls, and the others are named as not had.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import ds9_roots

PROJECT = Path(__file__).resolve().parents[1]
LIVE = PROJECT / "tests" / "live"
LOGS = PROJECT / "build" / "versions"
VERSION_SECS = 1_500
"""At most for one version; 4 to 10 minutes have been seen."""
START_SECS = 240
ALONE = "test_beside_others.py"
"""Starts other DS9 itself, and so comes before the one that is open during all others."""
WINDOW_MARK = 'live("ds9"'
NOT_HERE = {"test_chaos.py", "test_crowd.py", "test_soak.py", "test_image_first.py"}
"""Drills, and what is about repositories."""
BESIDES = {"test_survival.py"}
"""About the window, though it needs a repository too."""
_TOLD = re.compile(r"^tests/live/(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED)\b", re.MULTILINE)
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


@dataclass(kw_only=True)
class Row:
    """What became of one version."""

    name: str
    version: str = ""
    passed: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)
    secs: float = 0.0
    why: str = ""
    """Why it was not tested, or not to the end."""

    @property
    def good(self) -> bool:
        """True where tests ran, and none of them failed."""
        return bool(self.passed) and not self.failed and not self.why

    def line(self) -> str:
        """Return the row of the table."""
        if not self.passed and not self.failed:
            return f"{self.name:<18}{self.version or '-':<9}not tested: {self.why}"
        told = f"{self.passed:>4} passed {len(self.failed):>3} failed {self.skipped:>3} skipped {self.secs:>6.0f} s"
        return f"{self.name:<18}{self.version or '-':<9}{told}" + (f"  ({self.why})" if self.why else "")


def main() -> int:
    """Test what can be had; return 0 where all that was tested is good."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="suites, with commas: host,trixie,noble,sid")
    parser.add_argument("--secs", type=int, default=VERSION_SECS, help="at most for one version")
    parser.add_argument("--tests", default="", help="only these files of tests/live, with commas")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.inside:
        return inside(wanted.inside, wanted.tests)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what runs behind walls is ended too
    chosen = set(filter(None, wanted.only.split(",")))
    rows = []
    for suite, name, release in plan():
        if chosen and suite not in chosen:
            continue
        print(f"\n--- {name} ---", flush=True)
        rows.append(examine(suite, name, release, wanted.secs, wanted.tests))
        print(rows[-1].line(), flush=True)
    print("\nDS9 of              version  live tests of the window")
    for row in rows:
        print(row.line())
        for test in row.failed:
            print(f"{'':<27}failed: {test}")
    print(f"logs: {LOGS}; roots: {ds9_roots.cache()}")
    tested = [row for row in rows if row.passed or row.failed]
    return 0 if tested and all(row.good for row in tested) else 1


def plan() -> Iterator[tuple[str, str, ds9_roots.Release | None]]:
    """Yield suite, name and release of all that is tried; None is the machine itself."""
    yield "host", "this machine", None
    for release in ds9_roots.RELEASES:
        if not ds9_roots.is_this_host(release):
            yield release.suite, release.name, release


def examine(suite: str, name: str, release: ds9_roots.Release | None, at_most_secs: int, tests: str = "") -> Row:
    """Test one version, by all files of tests or by those that are named."""
    try:
        path = [] if release is None else [str(ds9_roots.command(release))]
    except ds9_roots.NotHad as error:
        return Row(name=name, why=str(error))
    place = LOGS / suite
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    environment = os.environ | {
        "PATH": os.pathsep.join([*path, os.environ.get("PATH", os.defpath)]),
        "REQUIRE_LIVE": "1",
    }
    begun = time.monotonic()
    why = "" if bounded(place, environment, at_most_secs, tests) else f"ended after {at_most_secs} s"
    row = Row(name=name, secs=time.monotonic() - begun, why=why)
    with contextlib.suppress(OSError):
        row.version = (place / "version").read_text(encoding="utf-8").strip()
    count((place / "log").read_text(encoding="utf-8", errors="replace"), row)
    if not row.why and not (place / "done").exists():
        row.why = f"it did not come to the end: {place / 'log'}"
    return row


def bounded(place: Path, environment: dict[str, str], at_most_secs: int, tests: str = "") -> bool:
    """Run `inside`, walled off where we may; False where it had to be ended."""
    walls = ["unshare", "--net", "--ipc", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child=KILL"]
    command = ["nice", sys.executable, str(Path(__file__).resolve()), "--inside", str(place), "--tests", tests]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [*(walls if os.geteuid() == 0 else []), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=PROJECT,
            start_new_session=True,
        )
        try:
            process.wait(at_most_secs)
        except subprocess.TimeoutExpired:
            return False
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return True


def count(log: str, row: Row) -> None:
    """Add what pytest told of each test to a row; a run that was ended has told of those before."""
    for test, outcome in _TOLD.findall(log):
        if outcome in {"FAILED", "ERROR"}:
            row.failed.append(test)
        elif outcome == "PASSED":
            row.passed += 1
        else:
            row.skipped += 1


def window_tests() -> list[str]:
    """Return the files of tests that are about the window, without those that run alone."""
    return sorted(
        file.name
        for file in LIVE.glob("test_*.py")
        if file.name in BESIDES
        or (WINDOW_MARK in file.read_text(encoding="utf-8") and file.name not in {*NOT_HERE, ALONE})
    )


# Within the walls ---------------------------------------------------------------------------------------------------


def inside(place: Path, tests: str) -> int:
    """Run the tests, first those that start other DS9 themselves, then all others beside one that is open."""
    if os.getpid() == 1 and (child := os.fork()):
        return wait_as_first_process(child)
    if os.geteuid() == 0:
        raise_loopback()
        name_this_host(place)
    chosen = list(filter(None, tests.split(","))) or [ALONE, *window_tests()]
    if ALONE in chosen:
        pytest([ALONE])
    with another_ds9(place):
        pytest([name for name in chosen if name != ALONE])
    (place / "done").touch()
    return 0


def pytest(files: Sequence[str]) -> None:
    """Run some files of live tests; what became of each is in the log."""
    paths = [str(LIVE / name) for name in files]
    if paths:
        subprocess.run([sys.executable, "-m", "pytest", "-v", *paths], cwd=PROJECT)


def wait_as_first_process(child: int) -> int:
    """Wait for a child and return its status; reap whatever else ends: orphans come to the first process."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def raise_loopback() -> None:
    """Bring up ``lo``, which is down in a new network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sH22x", b"lo", 0)
        (flags,) = struct.unpack("16xH22x", fcntl.ioctl(probe, _SIOCGIFFLAGS, request))
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))


def name_this_host(place: Path) -> None:
    """Give the machine's name an address in this network: without one DS9 never registers where XPA goes by TCP."""
    hosts = place / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {socket.gethostname()}\n", encoding="utf-8")
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)


@contextlib.contextmanager
def another_ds9(place: Path) -> Iterator[None]:
    """Have a DS9 open as it was installed, in a HOME of its own, on a screen of its own; note its version."""
    with (
        tempfile.TemporaryDirectory(prefix="mtv-", ignore_cleanup_errors=True) as home,
        contextlib.ExitStack() as stack,
    ):
        reader, writer = os.pipe()
        screen = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1100x950x24", "-nolisten", "tcp"]
        stack.callback(end, subprocess.Popen(screen, pass_fds=[writer], stderr=subprocess.DEVNULL))
        os.close(writer)
        with os.fdopen(reader) as told:
            display = f":{told.readline().strip()}"
        environment = os.environ | {"DISPLAY": display, "HOME": home, "XPA_METHOD": "local", "XPA_TMPDIR": home}
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(["ds9", "-title", "stranger"], env=environment, cwd=home, stdout=quiet, stderr=quiet)
        stack.callback(end, process)
        target = f"{home}/DS9_stranger.{process.pid}"
        limit = time.monotonic() + START_SECS
        version = ""
        while not version:
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("the other DS9 does not start")
            time.sleep(0.2)
            asked = subprocess.run(["xpaget", target, "version"], env=environment, capture_output=True, text=True)
            version = asked.stdout.strip()
        (place / "version").write_text(version.split()[-1] + "\n", encoding="utf-8")
        yield
        if process.poll() is not None:
            raise RuntimeError("the other DS9 did not live to the end")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and wait for it."""
    process.kill()
    process.wait()


if __name__ == "__main__":
    sys.exit(main())
