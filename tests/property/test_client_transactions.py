"""Laws of the client-side buffer and of the outbox."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtv.arguments.transaction import Bundle, Collector, Place
from mtv.session.outbox import Outbox
from mtv.wire.data import Array
from mtv.wire.steps import Overlay, Show

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no fault of the code."""

_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_DOTS = st.tuples(
    st.builds(Place, st.sampled_from([0, "a"]), st.sampled_from(["m", "n"]), st.just("pixel"), st.booleans()),
    _FINITE,
    _FINITE,
    st.sampled_from("ox+*"),
    _FINITE,
    st.sampled_from(["red", "blue"]),
)
_STEPS = st.lists(st.one_of(_DOTS, st.builds(lambda frame: Show(display=frame), st.integers(0, 3))), max_size=80)


def column(value: object, bundle: Bundle, count: int) -> list[object]:
    if isinstance(value, Array):
        return list(np.frombuffer(bundle.buffers[value.buffer or 0], value.dtype, count, value.offset).tolist())
    return list(value) if isinstance(value, tuple) else [value] * count


def expanded(bundle: Bundle) -> list[object]:
    found: list[object] = []
    for step in bundle.steps:
        if not isinstance(step, Overlay):
            found.append(step)
            continue
        count = step.x.shape[0] if isinstance(step.x, Array) else len(step.x)
        columns = [column(value, bundle, count) for value in (step.x, step.y, step.symbol, step.size, step.colour)]
        place = Place(step.display, step.name, step.system, step.lasting, step.exact)
        found += [(place, *row) for row in zip(*columns, strict=True)]
    return found


@untimed
@given(_STEPS)
def test_joining_dots_keeps_every_marker_and_the_order_of_everything(items: list[tuple[object, ...] | Show]) -> None:
    collector = Collector()
    for item in items:
        if isinstance(item, Show):
            collector.add(item)
        else:
            collector.dot(*item)  # type: ignore[arg-type]
    assert expanded(collector.bundle()) == items


@untimed
@given(_STEPS)
def test_no_two_neighbours_could_have_been_joined(items: list[tuple[object, ...] | Show]) -> None:
    collector = Collector()
    for item in items:
        if isinstance(item, Show):
            collector.add(item)
        else:
            collector.dot(*item)  # type: ignore[arg-type]
    places = [
        Place(step.display, step.name, step.system, step.lasting, step.exact) if isinstance(step, Overlay) else None
        for step in collector.bundle().steps
    ]
    assert all(one is None or one != other for one, other in itertools.pairwise(places))


_MOVES = st.lists(
    st.sampled_from(["add", "send", "rewind", "settle", "settle_last", "settle_any", "put_off", "put_off_last"]),
    max_size=80,
)


@untimed
@given(_MOVES, st.integers(1, 5))
def test_the_outbox_loses_nothing_numbers_once_and_keeps_its_window_and_order(moves: list[str], window: int) -> None:
    outbox: Outbox[str] = Outbox()
    alive: list[int] = []
    on_the_way: list[int] = []
    for move in moves:
        if move == "add":
            alive.append(outbox.add(f"request {len(alive)}"))
        elif move == "send":
            sent = [number for number, _ in outbox.send(window)]
            assert sent == [number for number in alive if number not in on_the_way][: len(sent)], "the oldest first"
            assert len(sent) == min(window - len(on_the_way), len(alive) - len(on_the_way))
            on_the_way = sorted(on_the_way + sent)
        elif move == "rewind":
            outbox.rewind()
            on_the_way = []
        elif move == "settle_any" and alive:
            number = alive.pop(len(alive) // 2)
            assert outbox.settle(number) is not None
            on_the_way = [one for one in on_the_way if one != number]
        elif move.startswith("put_off") and on_the_way:
            number = on_the_way.pop(0 if move == "put_off" else -1)
            assert outbox.put_off(number) is not None
            assert outbox.put_off(number) is None
            assert outbox.find(number) is not None
        elif move.startswith("settle") and on_the_way:
            number = on_the_way.pop(0 if move == "settle" else -1)
            assert outbox.settle(number) is not None
            assert outbox.settle(number) is None
            alive.remove(number)
        assert outbox.in_flight == len(on_the_way) <= window
        assert len(outbox) == len(alive) == len(list(outbox))
        assert alive == sorted(set(alive))
