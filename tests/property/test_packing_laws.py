"""Packed masks: what comes out is what went in; whatever the bytes are, no more comes out than was announced."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtv.shared.packing import BLOCK_BYTES, NotPacked, pack, unpack

SIZES = st.one_of(
    st.integers(0, 300),
    st.sampled_from([edge // item + off for edge in (BLOCK_BYTES,) for item in (1, 2, 4, 8) for off in (-1, 0, 1)]),
)
DTYPES = st.sampled_from(["|u1", "|b1", "|i1", "<u2", ">i2", "<i4", ">u4", "<i8", "<u8"])


@given(size=SIZES, dtype=DTYPES, seed=st.integers(0, 99), most=st.sampled_from([1, 2, 255]))
def test_unpacking_gives_back_what_was_packed(size: int, dtype: str, seed: int, most: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, most, size).astype(dtype)
    blocks = list(unpack(pack(pixels), pixels.nbytes, pixels.dtype.itemsize))
    assert all(block.nbytes <= BLOCK_BYTES for block in blocks)
    assert b"".join(blocks) == pixels.tobytes()


@given(size=st.integers(0, 300), chunk=st.sampled_from([1, 2, 7]))
def test_the_size_of_the_pieces_that_are_read_does_not_matter(size: int, chunk: int) -> None:
    pixels = np.arange(size, dtype="<i4")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtv.shared.packing._CHUNK_BYTES", chunk)
        assert b"".join(unpack(pack(pixels), pixels.nbytes, 4)) == pixels.tobytes()


@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.tuples(st.integers(0, 99_999), st.binary(max_size=30)).map(lambda it: pack(np.zeros(it[0], "u1")) + it[1]),
        st.tuples(st.integers(1, 9_999), st.integers(0, 30)).map(lambda it: pack(np.arange(it[0]))[: -it[1] or None]),
    ),
    announced=st.integers(0, 5_000),
    item_bytes=st.sampled_from([1, 2, 4, 8]),
)
def test_no_more_is_unpacked_than_was_announced_whatever_the_bytes_are(
    data: bytes, announced: int, item_bytes: int
) -> None:
    size = announced * item_bytes
    got = 0
    with contextlib.suppress(NotPacked):
        for block in unpack(data, size, item_bytes):
            got += block.nbytes
        assert got == size
    assert got <= size


@given(size=st.integers(1, 5_000), more=st.integers(1, 5_000))
def test_more_or_less_than_was_announced_is_noticed(size: int, more: int) -> None:
    for made, announced in ((size + more, size), (size, size + more)):
        data = pack(np.zeros(made, "u1"))
        try:
            list(unpack(data, announced, 1))
        except NotPacked:
            continue
        raise AssertionError((made, announced))
