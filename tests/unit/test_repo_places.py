"""What is kept of a file is found again by what was asked of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtv.wire.data import File
from mtvd.repo.files.places import Place, key_of

PLACE = Place(path=Path("/data/table.parq"), identity="1:2:3:4", options={})
TARGET = File(path="/data/table.parq")


def test_one_question_has_one_key() -> None:
    assert key_of("get", PLACE, TARGET, {"select": "x > 1"}) == key_of("get", PLACE, TARGET, {"select": "x > 1"})


@pytest.mark.parametrize("other", [{}, {"select": "x > 2"}, {"select": "x > 1", "columns": ["x"]}])
def test_other_rows_or_columns_of_a_table_have_another_key(other: dict[str, object]) -> None:
    assert key_of("get", PLACE, TARGET, other) != key_of("get", PLACE, TARGET, {"select": "x > 1"})
