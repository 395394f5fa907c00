"""The waiting list: order is kept per client and display, and nobody else waits."""

from __future__ import annotations

from mtv.wire.steps import Display
from mtvd.queueing import EVERYTHING, Waiting, WaitingList

A, B = b"a" * 16, b"b" * 16


def waiting(session: bytes, *displays: Display, ready: bool = True, superseding: bool = False) -> Waiting:
    return Waiting(session=session, sequence=1, displays=frozenset(displays), ready=ready, superseding=superseding)


def listed(*entries: Waiting) -> WaitingList:
    result = WaitingList()
    for entry in entries:
        result.add(entry)
    return result


def test_everything_that_is_ready_is_taken_in_its_order() -> None:
    first, second = waiting(A, 0), waiting(B, 0)
    assert listed(first, second).take() == [first, second]


def test_a_slow_request_holds_back_the_same_client_on_the_same_display() -> None:
    slow, later = waiting(A, 0, ready=False), waiting(A, 0)
    waiting_list = listed(slow, later)
    assert waiting_list.take() == []
    slow.ready = True
    assert waiting_list.take() == [slow, later]


def test_a_slow_request_holds_back_nobody_else() -> None:
    slow, other_display, other_client = waiting(A, 0, ready=False), waiting(A, 1), waiting(B, 0)
    assert listed(slow, other_display, other_client).take() == [other_display, other_client]


def test_order_holds_through_a_chain_of_displays() -> None:
    slow, both, last = waiting(A, 0, ready=False), waiting(A, 0, 1), waiting(A, 1)
    assert listed(slow, both, last).take() == []


def test_a_sync_waits_for_all_that_its_client_sent_before() -> None:
    slow, sync = waiting(A, 7, ready=False), waiting(A, EVERYTHING)
    assert listed(slow, sync).take() == []


def test_a_newer_frame_takes_the_place_of_an_older_one_that_still_waits() -> None:
    old, new = waiting(A, 0, superseding=True), waiting(A, 0, superseding=True)
    waiting_list = listed(old)
    assert waiting_list.add(new) == [old]
    assert waiting_list.take() == [new]


def test_what_is_awaited_never_gives_way() -> None:
    awaited, new = waiting(A, 0), waiting(A, 0, superseding=True)
    waiting_list = listed(awaited)
    assert waiting_list.add(new) == []


def with_preview(entry: Waiting) -> Waiting:
    entry.preview = waiting(entry.session, *entry.displays)
    return entry


def test_an_image_goes_ahead_of_its_mask_once_and_holds_back_what_its_client_sends_later() -> None:
    first, later = with_preview(waiting(A, 0, ready=False)), waiting(A, 0)
    waiting_list = listed(first, later)
    assert waiting_list.take() == [first.preview]
    assert waiting_list.take() == []
    first.ready = True
    assert waiting_list.take() == [first, later]


def test_an_image_waits_for_what_its_client_sent_before() -> None:
    slow, first = waiting(A, 0, ready=False), with_preview(waiting(A, 0, ready=False))
    waiting_list = listed(slow, first)
    assert waiting_list.take() == []
    slow.ready = True
    assert waiting_list.take() == [slow, first.preview]


def test_an_image_whose_mask_is_there_is_not_drawn_apart() -> None:
    first = with_preview(waiting(A, 0))
    waiting_list = listed(first)
    assert waiting_list.take() == [first]
    assert len(waiting_list) == 0
