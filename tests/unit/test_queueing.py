"""The waiting list: order is kept per client and display, and nobody else waits."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mtv.wire.steps import DisplayName
from mtvd.drawing.waiting import BATCH_SECS, EVERYTHING, Waiting, WaitingList

A, B = b"a" * 16, b"b" * 16


def waiting(session: bytes, *displays: DisplayName, ready: bool = True, superseding: bool = False) -> Waiting:
    return Waiting(session=session, sequence=1, displays=frozenset(displays), ready=ready, superseding=superseding)


def listed(*entries: Waiting) -> WaitingList:
    result = WaitingList()
    for entry in entries:
        result.add(entry)
    return result


def paced(session: bytes, *displays: DisplayName) -> Waiting:
    entry = waiting(session, *displays)
    entry.paced = True
    return entry


def test_feeds_pause_on_the_displays_of_a_picture_and_nothing_else_does() -> None:
    feed, dot, elsewhere = paced(A, 0), waiting(B, 0), paced(B, 1)
    waiting_list = listed(feed, dot, elsewhere)
    waiting_list.pausing = frozenset({0})
    assert waiting_list.take() == [dot, elsewhere]
    waiting_list.pausing = frozenset()
    assert waiting_list.take() == [feed]


def test_a_picture_does_not_pause_the_feed_that_it_waits_for_itself() -> None:
    feed, picture = paced(A, 0), waiting(A, EVERYTHING)
    waiting_list = listed(feed, picture)
    waiting_list.pausing, waiting_list.never_pausing = frozenset({0}), A
    assert waiting_list.take() == [feed, picture]


def test_slow_requests_go_on_while_feeds_pause() -> None:
    feed, slow = paced(A, 0), waiting(B, 1)
    slow.secs = 1.0
    waiting_list = listed(feed, slow)
    waiting_list.pausing = frozenset({0})
    assert waiting_list.take() == [slow]


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


def slow(session: bytes, *displays: DisplayName, secs: float = 0.02) -> Waiting:
    made = waiting(session, *displays)
    made.secs = secs
    return made


def test_a_batch_takes_slow_requests_up_to_its_time_and_everything_quick() -> None:
    images = [slow(bytes([n]) * 16, n) for n in range(5)]
    quick = [waiting(B, 7), waiting(b"c" * 16, 8)]
    waiting_list = listed(*images, *quick)
    assert waiting_list.take() == quick
    assert waiting_list.take() == images[:2]
    assert waiting_list.take() == images[2:4]
    assert waiting_list.take() == images[4:]


def test_a_request_that_is_slower_than_a_batch_may_be_goes_alone() -> None:
    first, second, quick = slow(A, 0, secs=1.0), slow(B, 1, secs=1.0), waiting(b"c" * 16, 2)
    waiting_list = listed(first, second, quick)
    assert waiting_list.take() == [quick]
    assert waiting_list.take() == [first]
    assert waiting_list.take() == [second]


def test_what_is_quick_and_comes_without_a_pause_does_not_hold_up_what_is_slow() -> None:
    waiting_list = listed(slow(A, 0), slow(A, 0), slow(A, 0), waiting(B, 1))
    taken = []
    for _ in range(4):
        taken.append([entry.session for entry in waiting_list.take()])
        waiting_list.add(waiting(B, 1))
    assert taken == [[B], [A, A, B], [B], [A, B]]


def test_who_has_sent_much_gives_way_to_who_has_not() -> None:
    flood = [slow(A, n) for n in range(20)]
    waiting_list = listed(*flood)
    assert waiting_list.take() == flood[:2]
    late = slow(B, 77)
    waiting_list.add(late)
    assert waiting_list.take() == [flood[2], late]


def test_nobody_saves_turns_up() -> None:
    flood = [slow(A, n) for n in range(20)]
    waiting_list = listed(*flood)
    for _ in range(4):
        waiting_list.take()
    others = [slow(B, 100 + n) for n in range(8)]
    for other in others:
        waiting_list.add(other)
    taken = [waiting.session for _ in range(4) for waiting in waiting_list.take()]
    assert taken == [A, B, A, B, A, B, A, B]


def test_what_waits_for_its_turn_holds_back_its_client_on_its_display() -> None:
    images = [slow(A, 0), slow(A, 0), slow(A, 0)]
    later, elsewhere = waiting(A, 0), waiting(A, 1)
    waiting_list = listed(*images, later, elsewhere)
    assert waiting_list.take() == [elsewhere]
    assert waiting_list.take() == images[:2]
    assert waiting_list.take() == [images[2], later]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0.0, 0.001, 0.01, 0.04, 0.3])),
        max_size=40,
    ),
    st.lists(st.integers(1, 6), max_size=20),
)
def test_everything_is_taken_once_in_the_order_of_its_client_and_display(
    asked: list[tuple[int, int, float]], pauses: list[int]
) -> None:
    waiting_list, taken = WaitingList(), []
    entries = [slow(bytes([session]) * 16, display, secs=secs) for session, display, secs in asked]
    coming, gaps = iter(entries), iter(pauses)
    while True:
        for entry in itertools.islice(coming, next(gaps, len(entries))):
            waiting_list.add(entry)
        batch = waiting_list.take()
        costs = [entry.secs for entry in batch if entry.secs > 0.005]
        assert sum(costs) - max(costs, default=0) < BATCH_SECS + 1e-9
        taken += batch
        if not batch:
            assert not len(waiting_list)
            break
    taken += waiting_list.take()
    left = list(coming)
    assert len(taken) + len(left) == len(entries)
    for session in range(4):
        for display in range(4):
            own = [e for e in entries if e.session[0] == session and display in e.displays and e not in left]
            assert [e for e in taken if e.session[0] == session and display in e.displays] == own


@given(st.integers(1, 20), st.integers(1, 30))
def test_a_slow_request_waits_for_no_more_than_one_of_each_other_client(clients: int, each: int) -> None:
    waiting_list = listed(*(slow(bytes([n]) * 16, k) for k in range(each) for n in range(clients)))
    waiting_list.take()
    late = slow(b"z" * 16, 0)
    waiting_list.add(late)
    before = 0
    while late not in (batch := waiting_list.take()):
        before += len(batch)
    assert before <= 2 * clients + 2
