"""Laws of pixels and masks: whatever their type, layout and road, they arrive as numpy has them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import hypothesis.strategies as st
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import NDData
from astropy.utils.masked import Masked
from hypothesis import assume, given
from hypothesis.extra import numpy as hnp

import mtv
from mtv.arguments import targets
from mtv.arguments.objects import Image, image_of
from mtv.pixels.outgoing import FileSink, FrameSink, Sink
from mtv.shared.packing import unpack
from mtv.streams.handover import Destination, hand_over, keep
from mtv.wire.data import Array, Exposure
from mtv.wire.limits import Limits
from mtv.wire.requests import Frame as FrameMessage
from mtv.wire.steps import Scale
from mtvd.host.pixelstore import PixelStore
from mtvd.stage.paint.fits_bytes import BITPIX
from mtvd.streams.feeds import Feeds

Pixels = np.ndarray[Any, Any]
LIMITS = Limits()
TYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g")
LAYOUTS = ("C", "Fortran", "swapped", "reversed", "strided", "read-only", "part of a larger one", "transposed")
ROADS = ("file", "message", "network", "slot", "slot, moved", "slot, moved to a message", "kept, then slot")
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 6))


@st.composite
def laid_out(draw: st.DrawFn, types: tuple[str, ...] = TYPES, shapes: st.SearchStrategy[Any] = SHAPES) -> Pixels:
    """An array ``(y, x)`` of any type, with any values, as it may lie in memory."""
    dtype = np.dtype(draw(st.sampled_from(types)))
    array = draw(hnp.arrays(dtype, draw(shapes)))
    layout = draw(st.sampled_from(LAYOUTS))
    if layout == "Fortran":
        return np.asfortranarray(array)
    if layout == "swapped":
        return cast("Pixels", array.astype(dtype.newbyteorder("S")))
    if layout == "reversed":
        return array[::-1, ::-1]
    if layout == "strided":
        return array.repeat(2, axis=0).repeat(3, axis=1)[::2, ::3]
    if layout == "read-only":
        array.flags.writeable = False
    elif layout == "part of a larger one":
        return np.pad(array, 2)[2:-2, 2:-2]
    return array.T if layout == "transposed" else array


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def _sent(image: Image, road: str, directory: Path) -> tuple[Exposure, tuple[Any, ...]]:
    """Return what a message says of an image after one of the roads, and its buffers."""
    image = targets.check_image(image, LIMITS)
    if road in {"file", "message", "network"}:
        sink = FileSink(directory, LIMITS) if road == "file" else FrameSink(packs=road == "network")
        return targets.send(image, cast("Sink", sink)), tuple(sink.buffers)
    destination, next_destination = (
        Destination(directory, LIMITS, "a"),
        Destination(None if "message" in road else directory, LIMITS, "b"),
    )
    if road.startswith("kept"):
        frame = hand_over(cast("Image", keep(image, 0.0, None).image), destination, 0.0, None)
    else:
        frame = hand_over(image, destination, 0.0, None)
        frame = frame.move_to(next_destination) if "moved" in road else frame
    assert frame.exposure is not None
    return frame.exposure, tuple(frame.buffers)


def _bytes(array: Array, buffers: tuple[Any, ...], directory: Path) -> Any:
    if array.file is not None:
        return (directory / array.file).read_bytes()[array.offset :]
    data = buffers[cast("int", array.buffer)]
    if array.packing:
        item_bytes = np.dtype(array.dtype).itemsize
        return b"".join(unpack(data, int(np.prod(array.shape)) * item_bytes, item_bytes))
    return data


def _arrived(array: Array, buffers: tuple[Any, ...], directory: Path) -> Pixels:
    """Return the values of an array as FITS and DS9 understand its bytes."""
    count = int(np.prod(array.shape))
    stored = np.frombuffer(_bytes(array, buffers, directory), array.dtype, count).reshape(array.shape)
    _, bzero = BITPIX.get(array.dtype, (0, 0))
    if not bzero:
        return stored
    signed = stored.view(stored.dtype.str.replace("u", "i"))
    return signed.astype("i8") + bzero


@pytest.mark.parametrize("road", ROADS)
@given(data=st.data())
def test_pixels_arrive_as_numpy_has_them(road: str, data: st.DataObject, directory: Path) -> None:
    array = data.draw(laid_out())
    before = array.copy()
    sent, buffers = _sent(image_of(array), road, directory)
    assert np.array_equal(_arrived(sent.image, buffers, directory), array, equal_nan=array.dtype.kind == "f")
    assert sent.image.dtype in BITPIX
    assert sent.mask is None
    assert np.array_equal(array, before, equal_nan=array.dtype.kind == "f"), "the caller's array is the caller's"


@pytest.mark.parametrize("road", ROADS)
@given(data=st.data())
def test_the_bits_of_the_planes_of_a_mask_arrive(road: str, data: st.DataObject, directory: Path) -> None:
    mask = data.draw(laid_out(("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")))
    bits = 1 if mask.dtype.kind == "b" else 8 * mask.dtype.itemsize
    planes = data.draw(st.dictionaries(st.sampled_from("ABC"), st.integers(0, bits - 1), min_size=1))
    image = Image(np.zeros(mask.shape), mask, planes)
    sent, buffers = _sent(image, road, directory)
    assert sent.mask is not None
    arrived = _arrived(sent.mask, buffers, directory)
    for bit in planes.values():
        assert np.array_equal(arrived.astype("u8") >> np.uint64(bit) & 1, mask.astype("u8") >> np.uint64(bit) & 1)


def _masked(kind: str, pixels: Pixels, mask: Pixels) -> Any:
    """Return an object of astropy or numpy, or of ours, with a mask of its own."""
    if kind == "NDData":
        return NDData(pixels, mask=mask)
    if kind == "HDUList":
        hdu = fits.ImageHDU(mask.astype("u1"), name="MASK")
        return fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(pixels), hdu])
    if kind == "Exposure":
        return mtv.Exposure(pixels, mask)
    whole = np.broadcast_to(mask != 0, pixels.shape)
    return Masked(pixels, mask=whole) if kind == "Masked" else np.ma.masked_array(pixels, whole)


@pytest.mark.parametrize("kind", ["NDData", "HDUList", "Exposure", "Masked", "masked_array"])
@given(data=st.data())
def test_the_mask_of_an_object_is_broadcast_as_numpy_does_it_or_named(
    kind: str, data: st.DataObject, directory: Path
) -> None:
    pixels = data.draw(laid_out(("u1", "i2", "f4", "f8")))
    shapes = st.lists(st.sampled_from([1, *pixels.shape, 7]), min_size=2, max_size=2)
    mask = data.draw(laid_out(("?", "u1"), shapes))
    try:
        wanted = np.broadcast_to(mask != 0, pixels.shape)
    except ValueError:
        assume(kind not in {"Masked", "masked_array"})
        wanted = None
    sent, buffers = _sent(image_of(_masked(kind, pixels, mask)), "message", directory)
    assert np.array_equal(_arrived(sent.image, buffers, directory), pixels, equal_nan=pixels.dtype.kind == "f")
    if wanted is None:
        assert (sent.mask, sent.planes) == (None, {})
        assert len(sent.notes) == 1
        assert "the mask is left out" in sent.notes[0]
    else:
        assert sent.mask is not None
        assert (sent.planes, sent.notes) == ({"MASK": 0}, ())
        assert np.array_equal(_arrived(sent.mask, buffers, directory), wanted)


@pytest.mark.parametrize("road", ["message", "slot"])
@given(data=st.data())
def test_the_first_limits_of_a_smoothed_feed_are_percentiles_of_the_values(
    road: str, data: st.DataObject, directory: Path
) -> None:
    array = data.draw(laid_out())
    sent, buffers = _sent(image_of(array), road, directory)
    pixels = PixelStore(directory, 1 << 28)
    feeds = Feeds(pixels, LIMITS, frozenset, lambda: 0.0)
    message = FrameMessage(feed="f", display=0, target=sent, smooth_secs=1.0)
    scale = feeds.steps(b"session", message, buffers)[1]
    assert isinstance(scale, Scale)
    assert scale.low is not None
    assert scale.high is not None
    values = array.astype("f8").ravel()
    finite = values[np.isfinite(values)].clip(-1e300, 1e300)
    low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 1.0)
    assert scale.low == low
    assert scale.high >= high
    assert scale.high > scale.low
