"""``butler query-datasets``, the shell's way to ask a repository, whole process: what ``mtv query`` is held against."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class ButlerCli:
    """The ``butler`` command beside this interpreter.

    Parameters
    ----------
    repo : `~pathlib.Path`
        Root of the repository.
    """

    name = "butler"

    def __init__(self, repo: Path) -> None:
        self._repo = repo
        self._command = Path(sys.executable).with_name("butler")

    def query(self, dataset_type: str, collection: str, where: str) -> str:
        """Return what it prints."""
        command = [str(self._command), "query-datasets", str(self._repo), dataset_type, "--collections", collection]
        return subprocess.run([*command, "--where", where], capture_output=True, text=True, check=True).stdout
