"""A pixel directory without room: a clear error, and everything that was shown stays."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.live_daemon import LiveDaemon

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]

MIB = 1 << 20
SHAPE = (512, 1024)


@pytest.fixture
def tmpfs(short_path: Path) -> Iterator[Path]:
    place = short_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can make a small tmpfs")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "mtv-test", place], check=False)
    if done.returncode:
        pytest.skip("a small tmpfs cannot be made here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture(params=["tmpfs", "budget"])
def full_soon(request: pytest.FixtureRequest, short_path: Path) -> Iterator[LiveDaemon]:
    """A daemon whose pixel directory has room for 16 MiB."""
    daemon = LiveDaemon(short_path)
    small = request.getfixturevalue("tmpfs") if request.param == "tmpfs" else short_path
    limit = "" if request.param == "tmpfs" else f"pixel_bytes = {16 * MIB}\n"
    daemon.config.write_text(f'pixel_directory = "{small}/pixels"\n{limit}' + daemon.config.read_text())
    daemon.start()
    yield daemon
    daemon.stop()
    daemon.end_window()


def mask() -> np.ndarray[Any, Any]:
    bits = np.zeros(SHAPE, "i2")
    bits[::2] |= 1
    bits[1::2] |= 2
    return bits


def fill(connection: mtv.Connection) -> tuple[int, mtv.MtvError]:
    """Show images until there is no more room; return how many are shown, and the refusal."""
    for number in range(20):
        picture = np.full(SHAPE, float(number), "f4")
        try:
            mtv.Display(number, connection=connection).mtv(picture, mask=mask(), planes={"A": 0, "B": 1})
        except mtv.MtvError as refusal:
            return number, refusal
    raise AssertionError("there was room for everything")


def test_a_full_pixel_directory_is_a_clear_error_nothing_is_lost_and_room_returns_with_displays(
    full_soon: LiveDaemon,
) -> None:
    connection = full_soon.connect()
    shown, refusal = fill(connection)
    assert refusal.code in {"storage_full", "draw_failed"}
    assert "no room" in str(refusal)
    assert shown >= 2
    with full_soon.probe() as window:
        for number in range(shown):
            assert float(window.value(10, 10, number)) == number
            assert window.masks(number) == 2
    report = connection.status()
    assert report.pixel_room_bytes < 4 * MIB
    assert len(report.displays) == shown

    # what was refused is not half there, and takes the place of nothing
    with pytest.raises(mtv.DaemonError, match="no room"):
        mtv.Display(0, connection=connection).mtv(np.zeros((2048, 2048), "f4"))
    with full_soon.probe() as window:
        assert float(window.value(10, 10, 0)) == 0.0
        assert window.masks(0) == 2

    # room comes back with a display that goes, and the next daemon has everything too
    mtv.Display(shown - 1, connection=connection).delete()
    mtv.Display(99, connection=connection).mtv(np.full(SHAPE, 99.0, "f4"))
    full_soon.kill()
    full_soon.end_window()
    full_soon.start()
    connection.status()
    mtv.Display(99, connection=connection).dot("+", 3, 3)
    with full_soon.probe() as window:
        assert window.frames() == [*range(shown - 1), 99]
        assert [float(window.value(10, 10, number)) for number in window.frames()] == [*range(shown - 1), 99]
        assert [window.masks(number) for number in window.frames()] == [2] * (shown - 1) + [0]

    # pixels and layers are freed with their displays
    for number in (*range(shown - 1), 99):
        mtv.Display(number, connection=connection).delete()
    directory = Path(connection.welcome.pixel_directory)
    left = [path.name for path in directory.iterdir() if path.suffix in {".fits", ".raw"}]
    assert [name for name in left if not name.startswith(("free-", "nonce-"))] == [], "free ones are kept for a while"
