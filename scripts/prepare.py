"""Brings what the project needs onto a Debian or Ubuntu machine; does nothing, and quickly, where all is there.

Called by ``make`` through ``scripts/setup.sh``. Standard library only. Never asks a question: where it lacks the
rights to install a package, it prints the command to run and stops.

``prepare.py demo``   what the demo needs
``prepare.py bench``  what the benchmarks need: besides, the tools they compare with
``prepare.py chaos``  what the drill needs
``prepare.py soak``   what the long run of feeds needs
``prepare.py crowd``  what the drill of many clients needs
``prepare.py test``   what the tests need, also on Python 3.11 beside a newer one
``prepare.py versions`` what the tests on other versions of DS9 need
``prepare.py lint``   what ruff and mypy need
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import interpreters
import postgresql
from interpreters import Interpreter

PROJECT = Path(__file__).resolve().parents[1]
LOG = PROJECT / "build" / "setup.log"
STAMP = "mtv-ready.json"
DONE = "mtv-done.json"
PIP_TRIES = 3
RETRY_PAUSE_SECS = 5
TRUSTED = (3, 14)
"""Newest Python known to have every package; where a newer one lacks some, the next is taken."""

RUNNING = {"ds9": "saods9", "Xvfb": "xvfb"}
"""A command that must be there, and the package that brings it."""
BUILDING = {"cc": "gcc", "make": "make", "/usr/include/stdio.h": "libc6-dev"}
"""What pyds9 needs: it builds its XPA library from source. Only looked for where it must be built."""
PEERS = {"xpaset": "xpa-tools"}
"""What the benchmarks compare with, and the drill looks with."""
ROOTS = {"debootstrap": "debootstrap", "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring"}
"""What brings the systems that other versions of DS9 are in."""
CHECKING = {"systemd-analyze": "systemd", "/usr/lib/postgresql/*/bin/initdb": postgresql.PACKAGE}
"""What the tests of the systemd unit and of repositories on other hosts need."""


class SetupError(Exception):
    """Cannot go on; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What one ``make`` target needs."""

    commands: Mapping[str, str]
    extras: frozenset[str]
    floor_too: bool = False
    """Also an environment on the oldest supported Python."""
    newest_only: frozenset[str] = frozenset()
    """Extras that this one does without."""


GOALS = {
    "demo": Goal(commands=RUNNING, extras=frozenset({"daemon"})),
    "bench": Goal(commands=RUNNING | PEERS, extras=frozenset({"daemon", "dev"})),
    "chaos": Goal(commands=RUNNING | PEERS, extras=frozenset({"daemon", "dev"})),
    "soak": Goal(commands=RUNNING | PEERS, extras=frozenset({"daemon", "dev"})),
    "crowd": Goal(commands=RUNNING | PEERS, extras=frozenset({"daemon", "dev"})),
    "test": Goal(
        commands=RUNNING | PEERS | CHECKING,
        extras=frozenset({"daemon", "dev", "peers"}),
        floor_too=True,
        newest_only=frozenset({"peers"}),
    ),
    "versions": Goal(commands=RUNNING | PEERS | ROOTS, extras=frozenset({"daemon", "dev"})),
    "lint": Goal(commands={}, extras=frozenset({"daemon", "dev"})),
}


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("goal", choices=GOALS)
    goal = GOALS[parser.parse_args().goal]
    try:
        prepare(goal)
    except SetupError as error:
        print(f"\nset-up stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0


def prepare(goal: Goal) -> None:
    """Install packages and make environments, where they are missing."""
    ensure_commands(goal.commands)
    asked = fingerprint(goal)
    if is_done(asked):
        return
    found = interpreters.find(os.environ, project=PROJECT)
    if not found:
        wanted = os.environ.get("PYTHON", "python3.11 or newer")
        raise SetupError(f"{wanted} does not run, is too old, or lacks ssl, sqlite3 or ctypes.")
    newest = ensure_any_environment(PROJECT / ".venv", found, goal.extras)
    floor = found[-1]
    places = [PROJECT / ".venv"]
    if goal.floor_too and floor.minor == interpreters.FLOOR != newest.minor:
        places.append(PROJECT / ".venv-3.11-quick")
        ensure_environment(places[-1], floor, goal.extras - goal.newest_only)
    note_done(asked, places)


def fingerprint(goal: Goal) -> str:
    """Return all that decides what a goal needs, without running an interpreter: that takes seconds in all."""
    declared = (PROJECT / "pyproject.toml").read_bytes()
    known = [os.environ.get("PYTHON"), *interpreters.candidates(os.environ)]
    text = json.dumps([known, sorted(goal.extras), goal.floor_too])
    return hashlib.sha256(declared + text.encode()).hexdigest()


def is_done(asked: str) -> bool:
    """Tell whether this was made before, and nothing was made differently or removed since."""
    try:
        done = json.loads((PROJECT / ".venv" / DONE).read_text(encoding="utf-8")).get(asked, [])
    except (OSError, ValueError):
        return False
    return bool(done) and all(read_stamp(PROJECT / name) for name in done)


def note_done(asked: str, places: Sequence[Path]) -> None:
    """Note it in the environment itself: what changes that, removes the note."""
    file = PROJECT / ".venv" / DONE
    done = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps(done | {asked: [place.name for place in places]}), encoding="utf-8")


# Packages of the distribution ---------------------------------------------------------------------------------------


def ensure_commands(commands: Mapping[str, str]) -> None:
    """Install the packages whose command is missing."""
    missing = sorted({package for command, package in commands.items() if not is_there(command)})
    if missing:
        install_packages(missing)


def is_there(command: str) -> bool:
    """Tell whether a command is on PATH, or a file of that absolute name, in which ``*`` stands for any version."""
    if command.startswith("/"):
        return any(Path("/").glob(command.removeprefix("/")))
    return shutil.which(command) is not None


def install_packages(packages: Sequence[str]) -> None:
    """Install packages with apt-get, as root or by sudo without a password."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    by_hand = f"sudo apt-get update && sudo {' '.join(command)}"
    if shutil.which("apt-get") is None:
        raise SetupError(f"this machine lacks apt-get; install these by other means, then run again: {packages}")
    prefix = privilege()
    if prefix is None:
        raise SetupError(
            f"these packages are missing, and installing them needs root. Run this, then again:\n  {by_hand}"
        )
    say(f"Installing {', '.join(packages)} from the distribution's packages ...")
    quiet = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"]
    options = ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", "-o", "Dpkg::Use-Pty=0"]
    started = time.monotonic()
    logged([*quiet, "apt-get", *options, "update"])  # one broken source of many is no reason to stop
    with postgresql.without_cluster(packages, logged, prefix):
        installed = logged([*quiet, "apt-get", *options, *command[1:]])
    if not installed:
        raise SetupError(f"apt-get failed ({LOG} has all of it):\n{log_tail()}\nTo try by hand:\n  {by_hand}")
    say(f"  done in {time.monotonic() - started:.0f} s")


def privilege() -> list[str] | None:
    """Return what to put before a command to run it as root; None where that would need a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode:
        return ["sudo", "-n"]
    return None


# Virtual environments -----------------------------------------------------------------------------------------------


def ensure_any_environment(place: Path, found: Iterable[Interpreter], extras: frozenset[str]) -> Interpreter:
    """Make the environment with the newest interpreter for which every package can be had."""
    refused = list(read_stamp(place).get("refused", ()))
    for interpreter in found:
        if key_of(interpreter) in refused:
            continue
        try:
            ensure_environment(place, interpreter, extras, refused=refused)
        except SetupError:
            if interpreter.minor <= TRUSTED:
                raise
            say(f"  Python {interpreter.name} lacks some packages; trying an older one")
            refused.append(key_of(interpreter))
        else:
            return interpreter
    raise SetupError("the only Python found is newer than the packages that the project needs")


def ensure_environment(
    place: Path, interpreter: Interpreter, extras: frozenset[str], *, refused: Sequence[str] = ()
) -> None:
    """Make a virtual environment that has the project in it, editable, with these extras."""
    stamp = read_stamp(place)
    same_python = stamp.get("python") == f"{interpreter.name} {interpreter.executable}"
    have = frozenset(stamp.get("extras", ())) if same_python else frozenset()
    if same_python and stamp.get("key") == key_of(interpreter) and extras <= have:
        return
    (place / DONE).unlink(missing_ok=True)
    if not same_python:
        make_environment(place, interpreter)
    extras |= have
    stamp_file = place / STAMP
    stamp_file.unlink(missing_ok=True)
    install_project(place, extras)
    stamp = {
        "key": key_of(interpreter),
        "python": f"{interpreter.name} {interpreter.executable}",
        "extras": sorted(extras),
        "refused": list(refused),
    }
    stamp_file.write_text(json.dumps(stamp), encoding="utf-8")


def key_of(interpreter: Interpreter) -> str:
    """Return what an environment depends on: the project's declared needs and the interpreter."""
    declared = (PROJECT / "pyproject.toml").read_bytes()
    return hashlib.sha256(declared + interpreter.name.encode() + interpreter.executable.encode()).hexdigest()


def read_stamp(place: Path) -> dict[str, Any]:
    """Return what was noted when the environment was made; empty where it was not, or moved since."""
    try:
        stamp: dict[str, Any] = json.loads((place / STAMP).read_text(encoding="utf-8"))
        entry = (place / "bin" / "mtv").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    # Scripts carry the absolute path of their interpreter: a checkout that was moved needs a new environment.
    return stamp if str(place / "bin") in entry else {}


def make_environment(place: Path, interpreter: Interpreter) -> None:
    """Make an empty virtual environment, in place of what stood there."""
    if not interpreter.can_make_environments:
        install_packages([interpreter.venv_package])
    say(f"Making the virtual environment {place.name} with Python {interpreter.name} ...")
    if not logged([interpreter.executable, "-m", "venv", "--clear", str(place)]):
        raise SetupError(f"could not make {place} ({LOG} has all of it):\n{log_tail()}")


def install_project(place: Path, extras: Iterable[str]) -> None:
    """Install the project and what it needs, from the Python package index that pip is set up for."""
    python = place / "bin" / "python"
    if not logged([str(python), "-I", "-c", "import pyds9"]):
        ensure_commands(BUILDING)
    wanted = f"{PROJECT}[{','.join(sorted(extras))}]"
    say(f"Installing the project's Python packages into {place.name} (some minutes the first time) ...")
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
    ]
    started = time.monotonic()
    for attempt in range(1, PIP_TRIES + 1):
        if logged([*command, "--editable", wanted]):
            say(f"  done in {time.monotonic() - started:.0f} s")
            return
        if attempt < PIP_TRIES:
            say("  pip failed; trying again ...")
            time.sleep(RETRY_PAUSE_SECS)
    raise SetupError(f"pip failed {PIP_TRIES} times ({LOG} has all of it):\n{log_tail()}")


# Words --------------------------------------------------------------------------------------------------------------


def logged(command: Sequence[str]) -> bool:
    """Run a command without input, its output into the log; tell whether it succeeded."""
    LOG.parent.mkdir(exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    with LOG.open("ab") as log:
        log.write(f"\n$ {' '.join(command)}\n".encode())
        log.flush()
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ)
        except OSError as error:
            log.write(f"{error}\n".encode())
            return False
    return done.returncode == 0


def log_tail(lines: int = 15) -> str:
    """Return the last lines of the log."""
    return "\n".join("  " + line for line in LOG.read_text(errors="replace").splitlines()[-lines:])


def say(words: str) -> None:
    """Tell the user what goes on, at once."""
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
