"""A WCS or header goes to the daemon as it is; objects say what they are in FITS, or a note says that they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.wcsapi import HighLevelWCSWrapper, SlicedLowLevelWCS
from tests.support.odd_headers import HEADERS, tan

import mtv
from mtv.shared.sky.cards import read
from mtv.shared.sky.celestial import celestial_of
from mtv.shared.wcs_cards import MOST_CARDS, wcs_cards

TAN = tan(CDELT1=-0.001, CDELT2=0.001, RADESYS="ICRS")
HEADER = fits.Header.fromstring(TAN)


def place(cards: str, x: float = 10, y: float = 20) -> tuple[float, float]:
    found: tuple[float, float] = mtv.Exposure(np.zeros((150, 200)), wcs=cards).pixel_to_sky(x, y)
    return found


def test_all_ways_to_give_a_wcs_mean_the_same() -> None:
    lines = HEADER.tostring(sep="\n")
    ways: list[Any] = [
        TAN,
        lines,
        HEADER,
        dict(HEADER),
        WCS(HEADER),
        HEADER.tostring(),
        HighLevelWCSWrapper(WCS(HEADER)),
    ]
    ways.append(SlicedLowLevelWCS(WCS(HEADER), np.s_[:, :]))
    for way in ways:
        given = wcs_cards(way)
        assert given.notes == ()
        assert place(given.cards) == pytest.approx(place(TAN), abs=1e-9)
    assert wcs_cards(None) == ("", ())


@pytest.mark.parametrize("wrap", [lambda wcs: wcs, HighLevelWCSWrapper])
def test_a_sliced_wcs_is_that_of_the_slice(wrap: Any) -> None:
    part = wcs_cards(wrap(SlicedLowLevelWCS(WCS(HEADER), np.s_[5:, 10:])))
    assert place(part.cards, 0, 0) == pytest.approx(place(TAN, 10, 5), abs=1e-9)
    cube = WCS(fits.Header.fromstring(HEADERS["three axes"].cards))
    plane = wcs_cards(wrap(SlicedLowLevelWCS(cube, np.s_[0, 5:, 10:])))
    assert place(plane.cards, 0, 0) == pytest.approx(place(TAN, 10, 5), abs=1e-9)


class OwnWcs:
    """As gWCS: pixels to the sky, and perhaps an approximation in FITS."""

    def __init__(self, header: fits.Header | None) -> None:
        self._header = header

    def pixel_to_world_values(self, x: float, y: float) -> tuple[float, float]:
        return x, y

    def to_fits_sip(self) -> fits.Header:
        if self._header is None:
            raise ValueError("a bounding_box is needed")
        return self._header


def test_a_wcs_of_another_kind_says_itself_in_fits_or_a_note_says_that_it_cannot() -> None:
    assert place(wcs_cards(OwnWcs(HEADER)).cards) == place(TAN)
    cannot = wcs_cards(OwnWcs(None))
    assert cannot.cards == ""
    assert "OwnWcs" in cannot.notes[0]
    assert "a bounding_box is needed" in cannot.notes[0]
    without = wcs_cards(type("Bare", (), {"pixel_to_world_values": lambda *_: None})())
    assert without.cards == ""
    assert "Bare" in without.notes[0]


@pytest.mark.parametrize("wrong", ["hello", 7, object(), [1.0]])
def test_what_is_no_wcs_at_all_is_refused(wrong: Any) -> None:
    with pytest.raises(mtv.RequestError) as caught:
        wcs_cards(wrong)
    assert caught.value.error.where == "wcs"


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
def test_no_card_of_a_header_is_refused_changed_or_lost(name: str, tmp_path: Path) -> None:
    raw = HEADERS[name].cards
    frame = fits.PrimaryHDU(np.zeros((150, 200), "f4")).header.tostring(endcard=False, padding=False)
    path = tmp_path / "odd.fits"
    head = (frame + raw + "END".ljust(80)).encode()
    path.write_bytes(head.ljust(-(-len(head) // 2880) * 2880) + bytes(2880 * 42))
    with fits.open(path) as hdus:
        given = wcs_cards(hdus[0].header)
    assert celestial_of(given.cards) == celestial_of(raw)


def test_numbers_that_fits_does_not_have_are_told_and_not_refused() -> None:
    given = wcs_cards(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CD1_1": np.float32(1), "CD2_2": 1, "LONPOLE": np.nan, "X": None}
    )
    assert [read(given.cards).words(key) for key in ("LONPOLE", "X")] == ["nan", "undefined"]
    assert "LONPOLE has no number: left out" in celestial_of(given.cards).notes


def test_a_header_is_sent_up_to_its_limit() -> None:
    given = wcs_cards({f"K{number}": 1.0 for number in range(MOST_CARDS + 5)})
    assert len(given.cards) == 80 * MOST_CARDS
    assert "4005 cards" in given.notes[0]


def test_comments_and_structure_are_not_sent() -> None:
    header = fits.PrimaryHDU(np.zeros((2, 2))).header
    header.add_history("x")
    header["EXPTIME"] = 3.0
    assert wcs_cards(header).cards[:8].strip() == "EXPTIME"
    assert len(wcs_cards(header).cards) == 80
