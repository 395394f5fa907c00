"""Housekeeping: one part that fails stops no other, is tried again, and is told when it begins and when it is over."""

from __future__ import annotations

import logging

import pytest

from mtvd.host.housekeeping import Housekeeping


def test_a_part_that_fails_stops_no_other_and_is_told_once_for_each_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    done: list[str] = []
    failures: list[Exception | None] = [
        OSError(5, "Input/output error", "/a/file"),
        OSError(5, "Input/output error", "/another/file"),
        OSError(28, "No space left on device"),
        KeyError("a fault of ours"),
        None,
        None,
    ]
    left = iter(failures)

    def breaks() -> None:
        failure = next(left)
        if failure is not None:
            raise failure

    house = Housekeeping(
        {"first": lambda: done.append("first"), "second": breaks, "third": lambda: done.append("third")}
    )
    for _ in failures:
        house.once()
    assert done == ["first", "third"] * len(failures)
    told = [(record.levelname, record.getMessage().partition(",")[0]) for record in caplog.records]
    assert told == [("ERROR", "second failed")] * 3 + [("INFO", "second works again")]
    assert [bool(record.exc_info) for record in caplog.records] == [False, False, True, False], (
        "a fault has a traceback"
    )
