"""What is kept of a file is found again by what was asked of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support import repo_sample as sample

from mtv.wire.data import File
from mtvd.repo.files.places import FilePlace, key_of, place_of_file
from mtvd.repo.readers.opening import Schemas

PLACE = FilePlace(path=Path("/data/table.parq"), identity="1:2:3:4", options={})
TARGET = File(path="/data/table.parq")


def test_one_question_has_one_key() -> None:
    assert key_of("get", PLACE, TARGET, {"select": "x > 1"}) == key_of("get", PLACE, TARGET, {"select": "x > 1"})


@pytest.mark.parametrize("other", [{}, {"select": "x > 2"}, {"select": "x > 1", "columns": ["x"]}])
def test_other_rows_or_columns_of_a_table_have_another_key(other: dict[str, object]) -> None:
    assert key_of("get", PLACE, TARGET, other) != key_of("get", PLACE, TARGET, {"select": "x > 1"})


def exchange(path: Path) -> None:
    """Put a copy with the same size and time in a file's place."""
    copy = shutil.copy2(path, path.with_name("copy"))
    Path(copy).replace(path)


def lengthen(path: Path) -> None:
    """Write more into a file, and set its time back."""
    before = path.stat()
    with path.open("ab") as file:
        file.write(bytes(2880))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def touch(path: Path) -> None:
    """Make a file younger, by the least that there is."""
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


CHANGES: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "nothing": (lambda _: None, set()),
    "its inode": (exchange, {"st_ino"}),
    "its size": (lengthen, {"st_size"}),
    "its time": (touch, {"st_mtime_ns"}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_file_is_another_one_where_its_inode_or_size_or_time_alone_has_changed(tmp_path: Path, what: str) -> None:
    change, changed = CHANGES[what]
    path = tmp_path / "src.fits"
    sample.write_catalog(path)
    schemas, target = Schemas(), File(path=str(path))
    before, place, schema = path.stat(), place_of_file(target), schemas.open(path)
    change(path)
    after = path.stat()
    words = ("st_dev", "st_ino", "st_size", "st_mtime_ns")
    assert {word for word in words if getattr(before, word) != getattr(after, word)} == changed
    again = place_of_file(target)
    assert (key_of("get", again, target, {}) != key_of("get", place, target, {})) == bool(changed)
    assert (schemas.open(path) is not schema) == bool(changed)
