"""Whatever the bytes, decoding raises the documented errors only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from mtv.wire import codec, frames
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
TYPES = st.sampled_from(["transaction", "mtv", "overlay", "scale", "query", "load", "hello", "get", "snapshot", "no"])


def decoded(body: bytes) -> None:
    refused = refusal(lambda: codec.decode_request(body))
    assert refused in {None, "bad_message", "unknown_type", "bad_value"}


def refusal(call: Callable[[], object]) -> str | None:
    """Return the code of the documented error that a call raises; None where it raises none."""
    try:
        call()
    except RequestError as error:
        return error.code
    return None


@given(st.binary(max_size=300))
def test_any_bytes_as_a_body_raise_only_documented_errors(body: bytes) -> None:
    decoded(body)


@given(TYPES, st.dictionaries(st.sampled_from(["steps", "target", "display", "x", "y", "where", "low"]), TREES))
def test_any_fields_of_any_type_raise_only_documented_errors(kind: str, fields: dict[str, Any]) -> None:
    decoded(msgpack.packb({**fields, "type": kind}))


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=5))
def test_any_frames_raise_only_documented_errors(message: list[bytes]) -> None:
    refused = refusal(lambda: frames.check(frames.read_header(message[0]), message, Limits()))
    assert refused in {None, "bad_message", "unsupported_version", "too_large"}


@given(st.binary(max_size=50), st.lists(st.binary(max_size=20), max_size=4), st.integers(0, 2**64 - 1))
def test_what_was_packed_is_read_back(body: bytes, buffers: list[bytes], sequence: int) -> None:
    packed = frames.pack(frames.Kind.REQUEST, b"s" * 16, sequence, body, buffers)
    header = frames.read_header(packed[0])
    frames.check(header, packed, Limits())
    assert (header.sequence, header.body_bytes, header.buffer_bytes) == (sequence, len(body), tuple(map(len, buffers)))
