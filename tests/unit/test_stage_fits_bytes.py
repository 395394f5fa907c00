from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from mtv.shared.sky.celestial import celestial_of
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtvd.stage.paint.fits_bytes import BITPIX, header


def made(**changes: Any) -> fits.Header:
    values: dict[str, Any] = {"shape_yx": (3, 5), "dtype": ">f4", "xy0": (100, 200), "header_bytes": 5760} | changes
    return fits.Header.fromstring(header(**values).decode("ascii"))


def cards(**values: object) -> str:
    return "".join(f"{key:<8}= {value}".ljust(80) for key, value in values.items())


@pytest.mark.parametrize("dtype", BITPIX)
def test_astropy_reads_every_type_of_pixel_back(dtype: str) -> None:
    plain = np.dtype(dtype)
    pixels = np.arange(15).reshape(3, 5).astype(plain)
    if plain.kind == "u" and plain.itemsize > 1:
        stored = (pixels ^ plain.type(1 << (8 * plain.itemsize - 1))).astype(plain)
    else:
        stored = pixels
    head = header(shape_yx=(3, 5), dtype=dtype, xy0=(0, 0), header_bytes=2880)
    read = fits.open(io.BytesIO(head + stored.tobytes().ljust(2880, b"\0")))
    assert (read[0].data == pixels).all()


def test_the_header_is_exactly_as_long_as_asked() -> None:
    for size in (2880, 28_800):
        head = header(shape_yx=(3, 5), dtype=">f4", xy0=(0, 0), header_bytes=size)
        assert len(head) == size
        assert head[-80:] == b"END".ljust(80)


def test_physical_and_wcs_a_follow_the_origin() -> None:
    head = made()
    assert (head["LTV1"], head["LTV2"], head["LTM1_1"], head["LTM2_2"]) == (-100, -200, 1, 1)
    assert (head["CRPIX1A"], head["CRVAL1A"], head["CRVAL2A"], head["CTYPE1A"]) == (1, 100, 200, "LINEAR")


def test_the_cards_of_the_wcs_are_written_as_they_are() -> None:
    wcs = cards(CTYPE1="'RA---TAN-SIP'", CRVAL1=150.0, A_ORDER=2, A_2_0=1.25e-7)
    head = made(wcs=wcs)
    assert (head["CTYPE1"], head["CRVAL1"], head["A_ORDER"], head["A_2_0"]) == ("RA---TAN-SIP", 150.0, 2, 1.25e-7)


@pytest.mark.parametrize("wcs", ["CRVAL1  = 1.0", "CRVAL1  = \x07".ljust(80), "CRVAL1  = \n".ljust(80), "\xe9" * 80])
def test_cards_that_fits_does_not_have_are_refused(wcs: str) -> None:
    with pytest.raises(RequestError) as refusal:
        made(wcs=wcs)
    assert refusal.value.error.where == "wcs"


def test_more_cards_than_the_header_has_room_for_are_refused_naming_the_wcs() -> None:
    many = cards(**{f"A_{i}_{j}": 1.0 for i in range(10) for j in range(10)})
    with pytest.raises(RequestError) as refusal:
        made(wcs=many)
    assert refusal.value.error.where == "wcs"
    assert made(wcs=many, header_bytes=28_800)["A_9_9"] == 1.0


def test_labels_become_printable_ascii() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head = made(label="caf\u00e9 'x'\n" + "y" * 200, unit="nJy")
    assert head["OBJECT"].startswith("caf? ?x??yyy")
    assert head["BUNIT"] == "nJy"


@pytest.mark.parametrize("dtype", ["<f4", ">f2", ">c8", "O", ">u8"])
def test_a_type_that_fits_does_not_have_is_refused(dtype: str) -> None:
    with pytest.raises(RequestError, match="cannot be shown"):
        made(dtype=dtype)


NAMES = ((1, "lngcor"), (2, "latcor"))
HEADERS = {
    "none": "",
    "plain": cards(CTYPE1="'RA---TAN'", CTYPE2="'DEC--TAN'", CD1_1=-1e-5, CD2_2=1e-5, LTV1=0.5, RADESYS="'FK4'"),
    "much else": cards(**{f"KEY{number}": 1.0 for number in range(3000)}),
    "SIP": cards(
        CTYPE1="'RA---TAN'", CTYPE2="'DEC--TAN'", A_ORDER=15, B_ORDER=15,
        **{f"{name}_{i}_{j}": 1e-9 for name in ("A", "B", "AP", "BP") for i in range(16) for j in range(16)},
    ),
    "TPV": cards(
        CTYPE1="'RA---TPV'", CTYPE2="'DEC--TPV'", LTV1=0.5,
        **{f"PV{axis}_{number}": 1e-9 for axis in (1, 2) for number in range(100)},
    ),
    "TNX": cards(
        CTYPE1="'RA---TNX'", CTYPE2="'DEC--TNX'",
        **{f"WAT{axis}_001": f"'{name} = \"1. 4. 4. 1. -.2 .2 -.2 .2{' .1' * 8}'" for axis, name in NAMES},
        **{f"WAT{axis}_002": f"'{' .2' * 8}\"'" for axis, _ in NAMES},
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", list(BITPIX))
@pytest.mark.parametrize("kind", HEADERS)
def test_the_room_that_clients_leave_holds_the_header_of_any_image(dtype: str, kind: str) -> None:
    room = Limits().header_room(HEADERS[kind])
    wcs = celestial_of(HEADERS[kind]).cards
    head = header(shape_yx=(3, 5), dtype=dtype, xy0=(1, 2), header_bytes=room, wcs=wcs, unit="adu", label="a label")
    assert len(head) == room
    assert (kind in {"none", "much else"}) == (wcs == "")


def test_a_header_without_polynomials_leaves_no_more_than_two_blocks() -> None:
    assert (Limits().header_room(""), Limits().header_room(HEADERS["much else"])) == (2880, 5760)
    assert Limits().header_room(HEADERS["plain"]) == 5760


def test_no_more_room_is_left_than_the_limit_allows() -> None:
    assert Limits().header_room(cards(PV1_1=1.0) * 1000) == Limits().header_bytes
