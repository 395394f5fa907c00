"""Lines of ``mtv events`` for people."""

from __future__ import annotations

import pytest

from mtv.cli.events import line_of
from mtv.wire.messages import Event


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            Event(kind="key", display=0, key="a", x=1.0, y=2.5, value=3.25),
            "key  display 0  a  at 1.00, 2.50  value 3.25",
        ),
        (Event(kind="key", display=1001, name="guider", key="a"), "key  display guider  a"),
        (
            Event(kind="region", display=0, action="drawn", overlay="user", shape="circle", x=1, y=2, sizes=(5.0,)),
            "region  display 0  drawn  overlay user  circle  at 1.00, 2.00  size 5.00",
        ),
        (Event(kind="gap", count=3, reason="why"), "gap  3 lost  (why)"),
        (Event(kind="window", action="closed"), "window  closed"),
    ],
)
def test_an_event_is_one_line_of_what_is_known_of_it(event: Event, line: str) -> None:
    assert line_of(event) == line
