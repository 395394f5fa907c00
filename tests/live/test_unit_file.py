"""The unit file in systemd's own eyes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mtvd.host import service

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.live("systemd-analyze")


def verify(unit: Path, runtime: Path) -> tuple[int, str]:
    """Return status and words of ``systemd-analyze``, which needs a runtime directory but no running systemd."""
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)],
        env=dict(os.environ) | {"XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_shipped_unit_is_correct(tmp_path: Path) -> None:
    assert verify(PROJECT / "systemd" / "mtvd.service", tmp_path) == (0, "")


def test_the_rendered_unit_is_correct(tmp_path: Path) -> None:
    unit = tmp_path / "mtvd.service"
    path = service.search_path(python=Path(sys.executable), home=tmp_path, found=["/opt/a b/100%/ds9"])
    unit.write_text(service.render(service.unit_text(), python=Path(sys.executable), path=path))
    assert verify(unit, tmp_path) == (0, "")


def test_a_broken_unit_would_be_noticed(tmp_path: Path) -> None:
    unit = tmp_path / "mtvd.service"
    unit.write_text(service.unit_text().replace("WatchdogSec=30", "WatchdogSec=often\nNoSuchKey=1"))
    _, words = verify(unit, tmp_path)
    assert "mtvd.service:17: Failed to parse" in words
    assert "NoSuchKey" in words
