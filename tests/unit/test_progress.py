"""What the parts of a request report is added up."""

from __future__ import annotations

from mtvd.resolving.progress import Together

Told = list[tuple[int, int, str]]


def test_parts_are_added_up_from_their_first_report() -> None:
    told: Told = []
    together = Together(lambda *step: told.append(step))
    first, second = together.part(), together.part()
    assert first is not None
    assert second is not None
    first(10, 100, "bytes")
    second(1, 300, "bytes")
    first(100, 100, "bytes")
    assert told == [(10, 100, "bytes"), (11, 400, "bytes"), (101, 400, "bytes")]


def test_a_total_is_unknown_while_one_part_does_not_know_its_own_and_units_do_not_mix() -> None:
    told: Told = []
    together = Together(lambda *step: told.append(step))
    first, second, rows = (together.part() for _ in range(3))
    assert first is not None
    assert second is not None
    assert rows is not None
    first(10, 100, "bytes")
    rows(7, 0, "rows")
    second(5, 0, "bytes")
    assert told == [(10, 100, "bytes"), (7, 0, "rows"), (15, 0, "bytes")]


def test_where_nobody_asks_nothing_is_reported() -> None:
    assert Together(None).part() is None
