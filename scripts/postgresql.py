"""Installs Debian's PostgreSQL server for the tests, and nothing besides: no cluster of its own, nothing that runs.

The package makes a cluster and starts it, unless a setting of the machine says otherwise. The setting is there while
the package is installed, and only where PostgreSQL was never installed before: who has one keeps it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PACKAGE = "postgresql"
SETTINGS = Path("/etc/postgresql-common")
DROP_IN = SETTINGS / "createcluster.d" / "mtv-no-cluster.conf"

Run = Callable[[Sequence[str]], bool]
"""Runs a command, and tells whether it succeeded."""


@contextmanager
def without_cluster(packages: Sequence[str], run: Run, prefix: Sequence[str]) -> Iterator[None]:
    """Keep the package from making a cluster, while inside.

    Parameters
    ----------
    packages : sequence of `str`
        What is installed: where PostgreSQL is not among them, nothing is done.
    run : callable
    prefix : sequence of `str`
        What to put before a command to run it as root.
    """
    if PACKAGE not in packages or (SETTINGS / "createcluster.conf").exists():
        yield
        return
    run([*prefix, "mkdir", "-p", str(DROP_IN.parent)])
    run([*prefix, "sh", "-c", f"echo 'create_main_cluster = off' >{DROP_IN}"])
    try:
        yield
    finally:
        run([*prefix, "rm", "-f", str(DROP_IN)])
