"""Lines of the agent become events; whatever else comes down the FIFO becomes a gap and no error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from mtv.wire import codec
from mtv.wire.messages import Event
from mtvd.stage.talk.events import ZOOMED, Decoder, parent_pixel


def line(number: int, kind: str, *words: str, epoch: str = "1.1") -> bytes:
    return " ".join([epoch, str(number), kind, *(word.encode().hex() or "-" for word in words)]).encode() + b"\n"


def feed(*lines: bytes) -> list[Event]:
    return Decoder().feed(b"".join(lines))


def test_a_key_has_the_parent_pixel_under_the_pointer_and_its_value() -> None:
    (event,) = feed(line(1, "key", "3", "plus", "101.5", "51", "-2.5e-3"))
    assert (event.kind, event.display, event.key) == ("key", 3, "plus")
    assert (event.x, event.y, event.value) == (100.5, 50.0, -0.0025)


def test_a_key_outside_of_an_image_has_no_pixel_and_a_value_that_is_no_number_is_none() -> None:
    outside, blank = feed(line(1, "key", "0", "a", "", "", ""), line(2, "key", "0", "a", "1", "1", "nan"))
    assert (outside.x, outside.y, outside.value) == (None, None, None)
    assert (blank.x, blank.y, blank.value) == (0.0, 0.0, None)


def test_a_region_has_centre_sizes_and_angle_in_pixels_and_degrees() -> None:
    (event,) = feed(line(1, "region", "0", "drawn", "7", "ellipse", "11", "21", "5 2.5", "30", "mtv.ab other"))
    assert (event.action, event.marker, event.shape, event.x, event.y) == ("drawn", 7, "ellipse", 10.0, 20.0)
    assert (event.sizes, event.angle_deg, event.overlay) == ((5.0, 2.5), 30.0, "mtv.ab other")


def test_regions_that_nobody_could_describe_are_told_all_the_same() -> None:
    deleted, many = feed(line(1, "region", "0", "deleted", "7"), line(2, "region", "0", "changed"))
    assert (deleted.marker, deleted.shape, deleted.x) == (7, "", None)
    assert (many.action, many.marker) == ("changed", None)


def test_frames_and_the_end_of_the_window_are_events() -> None:
    frame, closed = feed(line(1, "frame", "2", "raised"), line(2, "closed"))
    assert (frame.kind, frame.display, frame.action) == ("frame", 2, "raised")
    assert (closed.kind, closed.action) == ("window", "closed")


def test_a_zoom_by_hand_wakes_the_stage_and_is_no_event_of_the_users() -> None:
    assert Decoder().feed(b"7.1 1 zoom\n") == [ZOOMED]


def test_numbers_that_are_missing_are_a_gap_before_the_event_that_shows_it() -> None:
    events = feed(line(4, "closed"), line(9, "frame", "1", "made"))
    assert [(event.kind, event.count) for event in events] == [("window", 0), ("gap", 4), ("frame", 0)]


def test_a_line_that_only_carries_its_number_shows_the_gap_at_once() -> None:
    events = feed(line(1, "closed"), line(5, "gap", "3"))
    assert [(event.kind, event.count) for event in events] == [("window", 0), ("gap", 3)]


def test_a_gap_that_is_the_first_that_is_heard_of_a_window_has_its_count() -> None:
    assert [(event.kind, event.count) for event in feed(line(9, "gap", "3"))] == [("gap", 3)]


def test_another_epoch_begins_a_new_count() -> None:
    assert [event.kind for event in feed(line(90, "closed"), line(1, "closed", epoch="2.2"))] == ["window", "window"]


def test_the_torn_line_that_an_earlier_reader_left_is_a_gap() -> None:
    assert [event.kind for event in feed(b"61 31\n", line(8, "closed"))] == ["gap", "window"]


@given(some.lists(some.binary(max_size=200), max_size=5))
def test_arbitrary_bytes_never_raise_and_every_event_can_be_sent(pieces: list[bytes]) -> None:
    decoder = Decoder()
    for piece in pieces:
        for event in decoder.feed(piece):
            codec.encode(event)


WORDS = some.one_of(some.text(max_size=8), some.integers().map(str), some.floats().map(str))


@given(
    some.lists(
        some.tuples(
            some.integers(), some.sampled_from(["key", "frame", "region", "closed", "x"]), some.lists(WORDS, max_size=9)
        )
    )
)
def test_well_made_lines_of_any_words_never_raise_either(lines: list[tuple[int, str, list[str]]]) -> None:
    encoded = [line(number, kind, *words) for number, kind, words in lines]
    for event in feed(*encoded):
        codec.decode_reply(codec.encode(event))


@given(some.lists(some.integers(0, 3), min_size=1, max_size=30), some.integers(1, 50))
def test_how_the_bytes_are_cut_makes_no_difference(steps: list[int], size: int) -> None:
    number, lines = 0, []
    for step in steps:
        number += 1 + step
        lines.append(line(number, "frame", str(step), "raised"))
    data = b"".join(lines)
    decoder = Decoder()
    cut = [event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size])]
    assert cut == feed(data)
    assert sum(event.count for event in cut) == sum(steps[1:])


@given(some.floats(-1e6, 1e6))
def test_parent_pixels_come_back_from_what_the_script_sends(x: float) -> None:
    assert abs(parent_pixel(x + 1) - x) < 1e-9
