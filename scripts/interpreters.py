"""Which Pythons are on this machine, and which of them the project can use.

Standard library only, Python 3.11 or newer: it runs before anything is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FLOOR = (3, 11)
NEWEST = (3, 14)
_PROBE_SECS = 30
_PROBE = """
import importlib.util, json, sys, sysconfig
import ctypes, sqlite3, ssl, zlib
print(json.dumps({
    "executable": sys.executable,
    "version": list(sys.version_info[:3]),
    "final": sys.version_info.releaselevel == "final" and not sysconfig.get_config_var("Py_GIL_DISABLED"),
    "can_make_environments": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
    "prefix": sys.prefix,
}))
"""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python that runs and has what the project needs of the standard library."""

    executable: str
    version: tuple[int, int, int]
    can_make_environments: bool
    """False on Debian where ``python3-venv`` is not installed."""

    @property
    def minor(self) -> tuple[int, int]:
        """Feature version: ``(3, 13)``."""
        return self.version[:2]

    @property
    def name(self) -> str:
        """Version as people write it: ``3.13.0``."""
        return ".".join(map(str, self.version))

    @property
    def venv_package(self) -> str:
        """Distribution package that lets it make virtual environments."""
        return "python{}.{}-venv".format(*self.minor)


def find(environ: Mapping[str, str], *, project: Path) -> list[Interpreter]:
    """Return the usable interpreters, newest first, one for each feature version.

    Where ``PYTHON`` names one, it is the only one.
    """
    chosen = environ.get("PYTHON")
    found = [probe(candidate, project) for candidate in ([chosen] if chosen else candidates(environ))]
    return newest_first(interpreter for interpreter in found if interpreter)


def newest_first(found: Iterable[Interpreter]) -> list[Interpreter]:
    """Keep the best of each feature version: one that makes environments without more packages, then the latest."""
    best: dict[tuple[int, int], Interpreter] = {}
    for interpreter in found:
        if FLOOR <= interpreter.minor <= NEWEST:
            best[interpreter.minor] = max(best.get(interpreter.minor, interpreter), interpreter, key=_merit)
    return sorted(best.values(), key=lambda interpreter: interpreter.minor, reverse=True)


def _merit(interpreter: Interpreter) -> tuple[bool, tuple[int, int, int]]:
    return interpreter.can_make_environments, interpreter.version


def candidates(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield paths worth trying, without running any: on PATH, the system's, pyenv's versions instead of its shims."""
    root = Path(environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    minors = range(FLOOR[1], NEWEST[1] + 1)
    names = ["python3", *(f"python3.{minor}" for minor in minors)]
    path = os.pathsep.join([environ.get("PATH", ""), "/usr/local/bin", "/usr/bin"])
    on_path = [found for name in names if (found := shutil.which(name, path=path))]
    ours = [found for found in on_path if not Path(found).is_relative_to(root / "shims")]
    pyenv = [str(found) for minor in minors for found in sorted(root.glob(f"versions/3.{minor}.*/bin/python"))]
    yield from dict.fromkeys([*ours, *pyenv])


def probe(executable: str, project: Path) -> Interpreter | None:
    """Run an interpreter to learn about it; None where it fails or is an environment inside the project."""
    try:
        done = subprocess.run(
            [executable, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_SECS, check=True
        )
        answer = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if not answer["final"] or Path(answer["prefix"]).is_relative_to(project):
        return None
    return Interpreter(
        executable=answer["executable"],
        version=tuple(answer["version"]),
        can_make_environments=answer["can_make_environments"],
    )
