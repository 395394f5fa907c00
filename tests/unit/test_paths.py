"""Where pixels go: in memory where there is room, whatever the system tells of its mounts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mtv.shared import paths


def mountinfo(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have the system tell other mounts than it does."""

    def tell(text: str | OSError) -> None:
        real = Path.read_bytes

        def read(path: Path) -> bytes:
            if path not in {Path("/proc/self/mountinfo"), Path("/proc/mounts")}:
                return real(path)
            if isinstance(text, OSError):
                raise text
            return os.fsencode(text)

        monkeypatch.setattr(Path, "read_bytes", read)
        monkeypatch.setattr(Path, "read_text", lambda path, *_: os.fsdecode(read(path)))

    return tell


def device(path: Path) -> str:
    status = path.stat()
    return f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"


def test_a_tmpfs_is_known_by_its_device_whatever_its_mount_point_is_called(told: Any, tmp_path: Path) -> None:
    told(
        mountinfo(
            f"36 35 {device(tmp_path)} / /a\\040path\\134with rw,noatime shared:1 master:2 - tmpfs tmpfs rw",
            "37 35 0:1 / / rw - ext4 /dev/root rw",
        )
    )
    assert paths._in_memory(tmp_path)
    told(mountinfo(f"36 35 {device(tmp_path)} / / rw - ext4 /dev/root rw"))
    assert not paths._in_memory(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "37 35 0:99999 / /elsewhere rw - tmpfs tmpfs rw\n",
        "nonsense\n\n1 2 3\n",
        "36 35 0:1 / /\xff rw - \n",
        FileNotFoundError(2, "no /proc"),
        PermissionError(13, "hidden"),
    ],
)
def test_where_the_system_tells_nothing_of_a_mount_pixels_go_to_the_runtime_directory(
    told: Any, tmp_path: Path, text: Any
) -> None:
    told(text)
    assert paths.pixel_directory(tmp_path / "mtv") == tmp_path / "mtv" / "pixels"


def test_a_directory_that_cannot_be_asked_is_not_chosen(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(mountinfo(f"36 35 {device(tmp_path)} / / rw - tmpfs tmpfs rw"))

    def refused(_path: object) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("shutil.disk_usage", refused)
    assert paths.pixel_directory(tmp_path / "mtv") == tmp_path / "mtv" / "pixels"
