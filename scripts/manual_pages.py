"""Build hook of hatch: manual pages of all commands, made of the commands, go into the wheel as ``share/man/man1``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualPages(BuildHookInterface[Any]):
    """Makes the pages before a wheel is packed, and removes them when it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Make the pages, and have them packed."""
        sys.path.insert(0, str(Path(self.root, "client")))
        from mtv.cli import help_pages

        self._made = tempfile.TemporaryDirectory(prefix="mtv-man-")
        for page in help_pages.write(Path(self._made.name)):
            build_data["shared_data"][str(page)] = f"share/man/man1/{page.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what was made."""
        self._made.cleanup()
