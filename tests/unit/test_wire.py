"""The wire: frames, codec, colours and markers."""

from __future__ import annotations

import msgpack
import pytest

from mtv.wire import codec, colours, frames, markers, requests, steps, version
from mtv.wire.data import Array, Exposure
from mtv.wire.errors import (
    CODES,
    DaemonError,
    DeadlineExceeded,
    Error,
    MtvError,
    RequestError,
    Unavailable,
    exception_for,
    within,
)
from mtv.wire.limits import Limits

SESSION = bytes(range(16))


def packed(body: bytes = b"body", buffers: tuple[bytes, ...] = (b"12", b"345")) -> list[frames.Buffer]:
    return frames.pack(frames.Kind.REQUEST, SESSION, 7, body, buffers)


def test_a_header_tells_version_kind_session_sequence_and_sizes() -> None:
    header = frames.read_header(packed()[0])
    assert header == frames.Header(version.MAJOR, version.MINOR, frames.Kind.REQUEST, SESSION, 7, 4, (2, 3))
    assert header.request_id == f"{SESSION.hex()}-7"


def test_a_whole_message_passes_its_check() -> None:
    message = packed()
    frames.check(frames.read_header(message[0]), message, Limits())


@pytest.mark.parametrize("junk", [b"", b"x", b"GET / HTTP/1.1\r\n\r\n", b"MTV\n" + b"\xff" * 40])
def test_bytes_that_are_no_header_are_refused_as_a_bad_message(junk: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        frames.read_header(junk)
    assert caught.value.code == "bad_message"


def test_another_major_version_is_readable_and_refused_intelligibly() -> None:
    message = packed()
    head = bytearray(message[0])
    head[4:6] = version.MAJOR + 1, 0
    header = frames.read_header(bytes(head))
    with pytest.raises(RequestError, match=rf"protocol {version.MAJOR + 1}\.0 is not spoken here") as caught:
        frames.check(header, [bytes(head), *message[1:]], Limits())
    assert caught.value.code == "unsupported_version"


def test_a_truncated_buffer_is_noticed_before_decoding() -> None:
    message = packed()
    message[-1] = b"34"
    with pytest.raises(RequestError, match="sizes") as caught:
        frames.check(frames.read_header(message[0]), message, Limits())
    assert caught.value.code == "bad_message"


@pytest.mark.parametrize(
    ("limits", "where"),
    [(Limits(body_bytes=3), "body"), (Limits(buffers=1), "buffers"), (Limits(buffer_bytes=4), "buffers")],
)
def test_what_is_over_a_limit_is_refused_with_its_name(limits: Limits, where: str) -> None:
    message = packed()
    with pytest.raises(RequestError) as caught:
        frames.check(frames.read_header(message[0]), message, limits)
    assert (caught.value.code, caught.value.error.where) == ("too_large", where)


def test_a_transaction_survives_its_way_over_the_wire() -> None:
    image = Exposure(image=Array(dtype=">f4", shape=(4, 5), file="mtv-1-00.fits"), planes={"SAT": 1}, xy0=(100, 100))
    sent = requests.Transaction(
        steps=(
            steps.Mtv(display="guider", target=image),
            steps.Mtv(target=0),
            steps.Overlay(x=(1.0,), y=(2.0,), symbol="o"),
            steps.Scale(stretch="asinh", mode=99.5),
        )
    )
    assert codec.decode_request(codec.encode(sent)) == sent


def test_unknown_fields_are_ignored() -> None:
    body = msgpack.packb({"type": "pan", "x": 1, "y": 2, "a_field_of_next_year": 3})
    assert codec.decode_request(body) == steps.Pan(x=1, y=2)


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        (b"\xc1", "bad_message", "body"),
        (msgpack.packb([1]), "bad_message", "type"),
        (msgpack.packb({"type": 3}), "bad_message", "type"),
        (msgpack.packb({"type": "pun"}), "unknown_type", "type"),
        (msgpack.packb({"type": "scale", "low": "a"}), "bad_value", "low"),
        (msgpack.packb({"type": "transaction", "steps": [{"type": "pan", "x": 1}]}), "bad_value", "steps[0]"),
        (msgpack.packb({"type": "transaction", "steps": [{"type": "pun"}]}), "unknown_type", "steps[0].type"),
    ],
)
def test_a_body_is_refused_with_the_path_of_the_field_at_fault(body: bytes, code: str, where: str) -> None:
    with pytest.raises(RequestError) as caught:
        codec.decode_request(body)
    assert (caught.value.code, caught.value.error.where) == (code, where)


def test_every_code_has_one_exception_class() -> None:
    classes = {code: type(exception_for(Error(code=code, message=""))) for code in CODES}  # type: ignore[arg-type]
    assert set(classes.values()) == {RequestError, DaemonError, Unavailable, DeadlineExceeded}
    assert classes["no_window"] is Unavailable
    assert classes["deadline"] is DeadlineExceeded
    assert classes["internal"] is DaemonError


def test_an_error_names_its_field_and_its_hint() -> None:
    error = RequestError(Error(code="bad_value", message="no", where="size", hint="positive"))
    assert str(error) == "size: no (positive)"


def test_within_puts_the_step_in_front_of_the_field() -> None:
    def fail() -> None:
        with within("steps[3]"):
            raise RequestError(Error(code="bad_value", message="no", where="size"))

    with pytest.raises(MtvError) as caught:
        fail()
    assert caught.value.error.where == "steps[3].size"


@pytest.mark.parametrize(
    ("name", "hexadecimal"),
    [
        ("red", "#ff0000"),
        ("green", "#00ff00"),
        ("Navy Blue", "#000080"),
        ("fuchsia", "#ff00ff"),
        ("#12AbEf", "#12abef"),
        ("gray50", "#7f7f7f"),
        ("grey100", "#ffffff"),
    ],
)
def test_a_colour_becomes_hex(name: str, hexadecimal: str) -> None:
    assert colours.hex_of(name) == hexadecimal


@pytest.mark.parametrize("name", ["", "gren", "#12345", "#gggggg", "gray101", "red; exec ls", "ignore"])
def test_an_unknown_colour_is_refused(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        colours.hex_of(name, "steps[0].colour")
    assert caught.value.error.where == "steps[0].colour"


def test_a_misspelt_colour_gets_a_near_name_as_hint() -> None:
    with pytest.raises(RequestError) as caught:
        colours.hex_of("magneta")
    assert "magenta" in caught.value.error.hint


def test_planes_have_the_colours_of_the_field_and_others_a_colour_of_their_own() -> None:
    assert colours.default_mask_colour("DETECTED") == "blue"
    assert colours.default_mask_colour("MY_PLANE") in colours.MASK_CYCLE
    for name in (*colours.MASK_COLOURS.values(), *colours.MASK_CYCLE):
        colours.hex_of(name)


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "tab\t", "nul\0", "\u2028", "x" * 1001])
def test_a_text_that_cannot_be_drawn_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        markers.check_symbol(text)


@pytest.mark.parametrize("text", ["{", "}", '"', "; exec ls", "[exec ls]", "$env(HOME)", "\\", "⭐ M31", "@home"])
def test_a_text_of_odd_characters_is_fine(text: str) -> None:
    assert markers.check_symbol(text) == text


def test_moments_are_read() -> None:
    assert markers.moments_of("@:4,1,3") == (4.0, 1.0, 3.0)


@pytest.mark.parametrize("symbol", ["@:", "@:1,2", "@:a,b,c", "@:1,0,-1", "@:1,5,1", "@:nan,0,1", "@:inf,0,1"])
def test_moments_of_no_ellipse_are_refused(symbol: str) -> None:
    with pytest.raises(RequestError):
        markers.check_symbol(symbol)


@pytest.mark.parametrize("symbol", markers.SHAPES)
def test_the_name_of_a_shape_is_the_shape_and_no_text(symbol: str) -> None:
    assert markers.check_symbol(symbol) == symbol
    assert not markers.is_text(symbol)
    shape = markers.shape_of(symbol)
    assert shape is not None
    assert (shape.name, shape.angle_deg) == (symbol, 0.0)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("cirlce", "'circle'"),
        ("Circle", "'circle'"),
        ("elipse", "'ellipse'"),
        ("annullus", "'annulus'"),
        ("boxes", "'box'"),
        ("rectangle", "'box'"),
        ("star", "'*'"),
        ("cross", "'+' or 'x'"),
        ("hexagon", "polygon()"),
        ("arrow", "'vector'"),
    ],
)
def test_a_word_that_is_nearly_a_shape_is_refused_with_the_one_that_is_meant(word: str, meant: str) -> None:
    with pytest.raises(RequestError) as refused:
        markers.check_symbol(word)
    assert meant in refused.value.error.hint
    assert "text()" in refused.value.error.hint
    assert markers.check_symbol(f"@text:{word}") == f"@text:{word}"
    assert markers.is_text(f"@text:{word}")
    assert markers.words_of(f"@text:{word}") == word


@pytest.mark.parametrize(
    "text", ["X", "12", "sector", "mine", "M 31", "galaxy", "saddle point", "text", "l", "circle 7"]
)
def test_a_text_that_means_no_shape_stays_a_text_as_afw_has_it(text: str) -> None:
    assert markers.check_symbol(text) == text
    assert markers.is_text(text)


def test_a_shape_has_a_ratio_and_an_angle() -> None:
    assert markers.shape_of("@box:0.5,30") == ("box", 0.5, 30.0)
    assert markers.shape_of("@ellipse:2") == ("ellipse", 2.0, 0.0)
    for name, ratio, angle in (("box", 0.1, 0.0), ("vector", None, -45.5), ("ellipse", 3.0, 1e-7)):
        shape = markers.shape_of(markers.shape_symbol(name, ratio, angle))
        assert shape == (name, 1.0 if ratio is None else ratio, angle)


@pytest.mark.parametrize("symbol", ["@box:", "@box:a", "@box:0", "@box:-1", "@box:nan", "@box:1,inf", "@line:1,1e300"])
def test_a_shape_with_numbers_that_are_none_is_refused(symbol: str) -> None:
    with pytest.raises(RequestError):
        markers.check_symbol(symbol)
