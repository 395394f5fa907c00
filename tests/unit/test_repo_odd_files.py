"""FITS files with odd cards, odd names, packed or cut short: read, or refused by their own name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.readers import pixels
from tests.support.refusals import refused

from mtv.wire.errors import MtvError, RequestError
from mtv.wire.limits import Limits
from mtv.wire.messages import Got
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9
IMAGE = np.arange(20, dtype="i2").reshape(4, 5)
FRAME = ("SIMPLE  =                    T", "BITPIX  =                   16", "NAXIS   =                    2")
AXES = ("NAXIS1  =                    5", "NAXIS2  =                    4")


def hdu_bytes(*cards: str, first: str = FRAME[0]) -> bytes:
    """Return an HDU with `IMAGE` and any cards, to the letter."""
    lines = [first, *FRAME[1:], *AXES, *cards, "END"]
    head = b"".join(line.encode("latin-1").ljust(80) for line in lines)
    data = IMAGE.astype(">i2").tobytes()
    return head + b" " * (-len(head) % 2880) + data + bytes(-len(data) % 2880)


def read_both(path: Path, out: Output, store: PixelStore, **part: Any) -> tuple[np.ndarray[Any, Any], Got]:
    """Return the pixels that are shown, and the answer of get, whose pixels are the same."""
    shown = pixels(store.directory, read_display(path, out, most=MOST, **part).image)
    got = read_all(path, out, most=MOST, **part)
    assert got.data is not None
    assert np.array_equal(pixels(store.directory, got.data.image), shown, equal_nan=shown.dtype.kind == "f")
    return shown, got


def refused_by_all(path: Path, out: Output) -> list[MtvError]:
    return [refused(read, path, out, most=MOST) for read in (read_display, read_all)]


@pytest.mark.parametrize(
    "card",
    [
        "BACKMAG =                 -NAN",
        "BZERO   =                 -NAN",
        "BSCALE  = 'one     '",
        "BSCALE  =                  NaN",
        "BZERO   =",
        "BLANK   =                 -NAN",
        "BLANK   = 'x       '",
        "EXTEND  =                 -NAN",
        "EXTNAME =                 -NAN",
        "EXTTYPE =                 -NAN",
        "EXTVER  =                 -NAN",
        "PCOUNT  =                 -NAN",
        "GROUPS  =                 -NAN",
        "INHERIT =                 -NAN",
        "BITPIX  =                 -NAN",
        "NAXIS1  =                 -NAN",
        "MP_BAD  =                 -NAN",
        "BUNIT   =   \x00\xff",
        "FOO\x00BAR =  1",
        "lower   =  1",
        "HIERARCH ESO FOO = -NAN",
        "CONTINUE  'abc'",
        "CONTINUE  'abc",
        "======",
        "LONGSTR = 'abc&'",
        "'",
        "DATE-OBS= '99/99/99'",
    ],
)
def test_one_card_that_makes_no_sense_costs_itself_alone(
    tmp_path: Path, out: Output, store: PixelStore, card: str
) -> None:
    (tmp_path / "odd.fits").write_bytes(hdu_bytes(card))
    assert read_both(tmp_path / "odd.fits", out, store)[0].tolist() == IMAGE.tolist()
    behind = hdu_bytes(card, first="XTENSION= 'IMAGE   '") + hdu_bytes(first="XTENSION= 'IMAGE   '")
    (tmp_path / "odd.fits").write_bytes(fits.PrimaryHDU().header.tostring().encode() + behind)
    for hdu in (1, 2):
        assert read_both(tmp_path / "odd.fits", out, store, hdu=hdu)[0].tolist() == IMAGE.tolist()
    (tmp_path / "odd.fits.gz").write_bytes(gzip.compress(hdu_bytes(card)))
    assert read_both(tmp_path / "odd.fits.gz", out, store)[0].tolist() == IMAGE.tolist()


@pytest.mark.parametrize("first", ["RICE_1", "none"])
def test_an_image_behind_a_compressed_one_is_found_though_its_header_is_odd(
    tmp_path: Path, out: Output, store: PixelStore, first: str
) -> None:
    behind = hdu_bytes("BZERO   =                 -NAN", first="XTENSION= 'IMAGE   '")
    (tmp_path / "odd.fits").write_bytes(content_of(first) + behind)
    assert read_both(tmp_path / "odd.fits", out, store, hdu=2)[0].tolist() == IMAGE.tolist()
    assert read_both(tmp_path / "odd.fits", out, store, hdu=1)[0].shape == (40, 50)


def test_get_says_the_value_of_a_card_that_cannot_be_parsed_as_it_stands(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    odd = ["BACKMAG =                 -NAN", "HUGE    = 123456789012345678901234567890", "CPLX    = (1.0, 2.0)"]
    plain = ["LARGEST = 18446744073709551615", "SMALL   = -9223372036854775808", "NONE    =", "INF     = 1E400"]
    (tmp_path / "odd.fits").write_bytes(hdu_bytes(*odd, *plain, "LONG    = 'a&'", "CONTINUE  'b'"))
    _, got = read_both(tmp_path / "odd.fits", out, store)
    assert got.data is not None
    found = got.data.metadata
    assert (found["BACKMAG"], found["HUGE"], found["CPLX"]) == ("-NAN", "123456789012345678901234567890", "(1+2j)")
    assert (found["LARGEST"], found["SMALL"], found["NONE"]) == ((1 << 64) - 1, -(1 << 63), None)
    assert (found["INF"], found["LONG"]) == (math.inf, "ab")
    assert msgspec.convert(msgpack.unpackb(msgpack.packb(msgspec.to_builtins(got))), Got) == got


CARDS = st.binary(max_size=80) | st.builds(
    lambda key, value: b"%-8b= %b" % (key, value),
    st.sampled_from(
        [b"BZERO", b"BLANK", b"EXTNAME", b"EXTTYPE", b"BUNIT", b"OBJECT", b"MP_BAD", b"MSKN0000", b"BITPIX"]
    )
    | st.binary(max_size=8),
    st.binary(max_size=70) | st.integers().map(lambda number: str(number).encode()[:70]),
)
KEYS_THAT_CHANGE_PIXELS = (b"BZERO", b"BSCALE", b"BLANK", b"BITPIX", b"NAXIS", b"END", b"GROUPS", b"GCOUNT", b"PCOUNT")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(cards=st.lists(CARDS, max_size=3))
@example([b"CONTINUE", b"HIERARCH", b"= = ="])
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_in_a_header_leave_the_pixels_alone_and_travel_on_the_wire(
    tmp_path: Path, cards: list[bytes]
) -> None:
    cards = [card for card in cards if not card.lstrip().startswith(KEYS_THAT_CHANGE_PIXELS)]
    cards = [card for card in cards if not card.startswith((b"CTYPE", b"LTV", b"XTENSION"))]
    store = PixelStore(tmp_path / "any", 1 << 28)
    out = Output(store, Limits().header_bytes)
    (tmp_path / "any.fits").write_bytes(hdu_bytes(*(card.decode("latin-1") for card in cards)))
    shown, got = read_both(tmp_path / "any.fits", out, store)
    assert shown.tolist() == IMAGE.tolist()
    assert msgspec.convert(msgpack.unpackb(msgpack.packb(msgspec.to_builtins(got))), Got) == got
    out.discard()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        *("x[1].fits", "x.fits[1][1:2,1:2]", "$HOME.fits", "a b'.fits", "x(2).fits", "!x.fits", "x.fits+1", "-x"),
        *('q"x.fits', "x*.fits", "a\nb.fits", "üñ.fits", "mem:", "x.fits.gz", "{x}.fits", "x;y.fits"),
    ],
)
def test_a_file_may_have_any_name(
    tmp_path: Path, out: Output, store: PixelStore, name: str, *, compressed: bool
) -> None:
    hdu = fits.CompImageHDU(IMAGE, compression_type="RICE_1") if compressed else fits.ImageHDU(IMAGE)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "plain")
    (tmp_path / "plain").rename(tmp_path / name)
    assert read_both(tmp_path / name, out, store)[0].tolist() == IMAGE.tolist()


def zipped(*contents: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.fits", content)
    return packed.getvalue()


PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
}


def content_of(kind: str) -> bytes:
    noise = np.random.default_rng(1).integers(0, 30_000, (40, 50)).astype("i2")
    hdu = fits.ImageHDU(noise) if kind == "none" else fits.CompImageHDU(noise, compression_type=kind)
    made = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(made)
    return made.getvalue()


@pytest.mark.parametrize("compression", ["none", "RICE_1", "GZIP_2", "NOCOMPRESS"])
@pytest.mark.parametrize("packing", PACKERS)
def test_an_image_in_a_packed_file_is_read_whole_and_in_part_compressed_or_not(
    tmp_path: Path, out: Output, store: PixelStore, packing: str, compression: str
) -> None:
    path = tmp_path / f"image.{packing}"
    path.write_bytes(PACKERS[packing](content_of(compression)))
    whole, _ = read_both(path, out, store)
    part, _ = read_both(path, out, store, bbox=(7, 5, 20, 30))
    assert np.array_equal(part, whole[5:35, 7:27])
    assert whole.shape == (40, 50)


@pytest.mark.parametrize("compression", ["none", "RICE_1", "GZIP_2"])
@pytest.mark.parametrize("packing", ["plain", *PACKERS])
def test_a_file_that_was_cut_short_is_damaged_or_truncated_and_nothing_worse(
    tmp_path: Path, out: Output, packing: str, compression: str
) -> None:
    content = content_of(compression)
    packed = PACKERS[packing](content) if packing in PACKERS else content
    for tenths in range(1, 10):
        (tmp_path / "cut").write_bytes(packed[: len(packed) * tenths // 10])
        for error in refused_or_read(tmp_path / "cut", out):
            assert error.code == "unreadable_file", (tenths, str(error))
            words = ("damaged", "truncated", "cut short", "unpacked")
            assert any(word in str(error) for word in words), (tenths, str(error))


def refused_or_read(path: Path, out: Output) -> list[RequestError]:
    """Return the errors of both ways to read; a file whose end is missing may still have all its pixels."""
    errors = []
    for read in (read_display, read_all):
        try:
            read(path, out, most=MOST)
        except RequestError as error:
            errors.append(error)
    return errors


def random_groups() -> bytes:
    content: bytes = Path(fits.__file__).parent.joinpath("tests/data/random_groups.fits").read_bytes()
    return content


def empty_image() -> bytes:
    return b"".join(
        line.ljust(80).encode() for line in (*FRAME, "NAXIS1  =                    0", AXES[1], "END")
    ).ljust(2880)


def compressed_by(kind: str) -> bytes:
    return content_of("RICE_1").replace(b"ZCMPTYPE= 'RICE_1  '", b"ZCMPTYPE= '%-8s'" % kind.encode())


def compressed_with(keyword: str, value: object, *, column: str = "ZSCALE") -> bytes:
    """Return quantized floats with one keyword more; a column may be renamed for it."""
    noise = np.random.default_rng(1).normal(100, 5, (40, 50)).astype("f4")
    first, made = io.BytesIO(), io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(noise, compression_type="RICE_1")]).writeto(first)
    with fits.open(io.BytesIO(first.getvalue()), disable_image_compression=True) as hdus:
        hdus[1].columns.change_name("ZSCALE", column)
        hdus[1].header[keyword] = value
        hdus.writeto(made)
    return made.getvalue()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (random_groups, "random groups"),
        (empty_image, "no pixels"),
        (lambda: compressed_by("BZIP_9"), "BZIP_9"),
        (lambda: compressed_with("ZMASKCMP", "RICE_1"), "ZMASKCMP"),
        (lambda: compressed_with("ZQUANTIZ", "NONE"), "quantized by NONE"),
        (lambda: compressed_with("ZSCALE", 1.0, column="NO_SCALE"), "a keyword (ZSCALE)"),
        (lambda: zipped(content_of("none"), b"another"), "2 files"),
    ],
    ids=["random groups", "no pixels", "unknown compression", "null mask", "no quantization", "scale", "zip of two"],
)
def test_a_sound_file_of_a_kind_that_is_not_read_is_refused_by_its_own_name(
    tmp_path: Path, out: Output, made: Callable[[], bytes], words: str
) -> None:
    (tmp_path / "sound").write_bytes(made())
    for error in refused_by_all(tmp_path / "sound", out):
        assert (error.code, words in str(error)) == ("unsupported", True), str(error)
        assert "damaged" not in str(error)


@pytest.mark.parametrize("packing", PACKERS)
def test_a_packed_file_of_another_kind_is_called_no_fits_file_and_not_damaged(
    tmp_path: Path, out: Output, packing: str
) -> None:
    (tmp_path / "notes").write_bytes(PACKERS[packing](b"some notes\n" * 100))
    for error in refused_by_all(tmp_path / "notes", out):
        assert error.code == "unreadable_file"
        assert "no FITS file" in str(error)
        assert "damaged" not in str(error)


def test_an_image_of_one_dimension_is_passed_over_where_another_has_two(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    hdus = [fits.PrimaryHDU(np.zeros(5, "f4")), fits.ImageHDU(IMAGE)]
    fits.HDUList(hdus).writeto(tmp_path / "spectrum.fits")
    assert read_both(tmp_path / "spectrum.fits", out, store)[0].tolist() == IMAGE.tolist()


@pytest.mark.parametrize("tail", [b"junk", b"junk" * 2000, bytes(5000), b"XTENSION" * 400])
def test_bytes_behind_the_last_hdu_do_not_count(tmp_path: Path, out: Output, store: PixelStore, tail: bytes) -> None:
    (tmp_path / "more.fits").write_bytes(hdu_bytes() + tail)
    assert read_both(tmp_path / "more.fits", out, store)[0].tolist() == IMAGE.tolist()


def test_a_file_that_ends_with_its_last_pixel_is_whole_and_one_byte_earlier_it_is_truncated(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    (tmp_path / "bare.fits").write_bytes(hdu_bytes()[: 2880 + IMAGE.nbytes])
    assert read_both(tmp_path / "bare.fits", out, store)[0].tolist() == IMAGE.tolist()
    (tmp_path / "bare.fits").write_bytes(hdu_bytes()[: 2880 + IMAGE.nbytes - 1])
    for error in refused_by_all(tmp_path / "bare.fits", out):
        assert "truncated" in str(error)


@pytest.mark.parametrize("names", [("SCI", "ERR", "DQ"), ("", "", "")])
@pytest.mark.parametrize("ones", [(), (1,), (1, 1)])
def test_the_first_image_of_an_instrument_s_layout_is_its_science(
    tmp_path: Path, out: Output, store: PixelStore, names: tuple[str, ...], ones: tuple[int, ...]
) -> None:
    planes = (IMAGE.astype("f4"), IMAGE.astype("f4") * 0, IMAGE.astype("u4"))
    hdus = [fits.ImageHDU(plane.reshape(*ones, 4, 5), name=name) for plane, name in zip(planes, names, strict=True)]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "layout.fits")
    assert read_both(tmp_path / "layout.fits", out, store)[0].tolist() == IMAGE.tolist()
