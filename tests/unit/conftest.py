"""What unit tests of readers share: a pixel directory, and where readers write."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtv.wire.limits import Limits
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.output import Output


@pytest.fixture
def store(tmp_path: Path) -> PixelStore:
    return PixelStore(tmp_path / "pixels", 1 << 28)


@pytest.fixture
def out(store: PixelStore) -> Output:
    return Output(store, Limits().header_bytes)
