"""Log of refusals: what a person can read is logged, and the rest is added up."""

from __future__ import annotations

import logging

import pytest

from mtvd.front.refusal_log import LINES, RefusalLog


def test_the_first_of_a_kind_and_peer_is_told_each_second_and_the_others_are_added_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    now = 5.0
    refusal_log = RefusalLog(lambda: now)
    assert [refusal_log.add(b"a", "bad_message") for _ in range(3)] == [True, False, False]
    assert refusal_log.add(b"b", "bad_message")
    assert refusal_log.add(b"a", "forbidden")
    assert not refusal_log.add(b"a", "forbidden")
    refusal_log.sum_up()
    assert not caplog.messages, "the second is not over"
    now = 6.0
    refusal_log.sum_up()
    refusal_log.sum_up()
    assert caplog.messages == ["refused 3 more: bad_message 2, forbidden 1"]
    assert refusal_log.add(b"a", "bad_message")
    assert refusal_log.count == 7


def test_many_peers_write_no_more_lines_than_few() -> None:
    refusal_log = RefusalLog(lambda: 0.0)
    assert sum(refusal_log.add(b"%d" % peer, "bad_message") for peer in range(1000)) == LINES
