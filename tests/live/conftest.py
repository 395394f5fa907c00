"""What live tests share: programs that must be there, and a private short directory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def need(*programs: str) -> None:
    """Skip where a program is missing; fail where REQUIRE_LIVE=1."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("REQUIRE_LIVE") == "1":
        pytest.fail(f"REQUIRE_LIVE=1, but there is no {', '.join(missing)}")
    if missing:
        pytest.skip(f"there is no {', '.join(missing)}")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A directory of mode 0700 whose path is short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="mtv-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)
