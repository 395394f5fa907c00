"""What headers mean: what DS9 and astropy agree on, else what `docs/formats.md` says; and what is told."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_skycoord
from tests.support import corpus
from tests.support.ast_sky import Floats, apart_arcsec, sky_of
from tests.support.odd_headers import HEADERS, NX, NY, tan

import mtv
from mtv.shared.sky.cards import CARD, card
from mtv.shared.sky.celestial import MOST_CHARS, celestial_of, move_reference
from mtv.shared.wcs_cards import header_cards

X, Y = (np.array(v, float) for v in zip(*[(x, y) for x in (0, 100, NX - 1) for y in (0, 75, NY - 1)], strict=True))
FRAME = "".join(
    card(*pair) for pair in (("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", NX), ("NAXIS2", NY))
)
UNTIL_PX = 0.01


def astropys(cards: str) -> tuple[Floats, Floats] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wcs = WCS(fits.Header.fromstring(cards)).celestial
            sky = pixel_to_skycoord(X, Y, wcs, 0, "all").icrs if wcs.naxis == 2 else None
        except Exception:  # noqa: BLE001 - whatever it raises, it has no sky
            return None
    return None if sky is None else (np.asarray(sky.ra.deg), np.asarray(sky.dec.deg))


def ours(cards: str) -> tuple[Floats, Floats] | None:
    """Return what we say of the pixels; DS9 reads the same of our cards, or the test fails."""
    found = celestial_of(cards)
    if not found.has_sky:
        return None
    said: tuple[Floats, Floats] = mtv.Exposure(np.zeros((NY, NX)), wcs=cards).pixel_to_sky(X, Y)
    picture = sky_of(FRAME + found.cards, X, Y)
    assert picture is not None
    assert apart_arcsec(said, picture) < UNTIL_PX * pixel_arcsec(said)
    return said


def pixel_arcsec(said: tuple[Floats, Floats]) -> float:
    if not np.isfinite(said).all():
        return 1.0
    ra, dec = np.radians(said)
    along = np.hypot((ra[1] - ra[0]) * np.cos(dec[0]), dec[1] - dec[0])
    return float(np.degrees(along) * 3600 / (Y[1] - Y[0]))


@pytest.mark.parametrize("name", HEADERS)
def test_an_odd_header_means_what_the_one_who_is_right_says(name: str) -> None:
    odd = HEADERS[name]
    said = ours(odd.cards)
    others = {"DS9": sky_of(FRAME + odd.cards, X, Y), "astropy": astropys(FRAME + odd.cards)}
    if odd.follows == "none":
        assert said is None
        return
    assert said is not None
    limit = UNTIL_PX * pixel_arcsec(said)
    agree = {who for who, other in others.items() if other is not None and apart_arcsec(said, other) < limit}
    assert agree == {"both": {"DS9", "astropy"}, "neither": set()}.get(odd.follows, {odd.follows})


@pytest.mark.parametrize("name", HEADERS)
def test_what_is_left_out_or_guessed_is_told(name: str) -> None:
    odd = HEADERS[name]
    notes = celestial_of(odd.cards).notes
    assert odd.note in "; ".join(notes)
    assert bool(notes) == bool(odd.note)


@pytest.mark.parametrize("path", corpus.headers(), ids=lambda path: path.name)
def test_headers_of_astropys_tests_mean_what_ds9_and_astropy_agree_on(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = path.read_bytes().decode("latin-1")
        header: Any = fits.Header.fromstring(text, sep="\n" if "\n" in text[:200] else "")
        cards = header_cards(header)
    said, ds9, astropy_ = ours(cards), sky_of(FRAME + cards, X, Y), astropys(FRAME + cards)
    if ds9 is None or astropy_ is None or not np.isfinite(ds9).all():
        return
    assert said is not None
    limit = UNTIL_PX * pixel_arcsec(said)
    if apart_arcsec(ds9, astropy_) < limit:
        assert apart_arcsec(said, ds9) < 2 * limit


def test_lines_are_cards_too() -> None:
    raw = tan(CDELT1=-0.001, CDELT2=0.001)
    lines = "\n".join(raw[start : start + CARD].rstrip() for start in range(0, len(raw), CARD))
    assert celestial_of(lines) == celestial_of(raw)


def test_a_header_is_read_up_to_its_limit() -> None:
    found = celestial_of(tan(CDELT1=-0.001, CDELT2=0.001) + card("X", 1.0) * (MOST_CHARS // CARD))
    assert found.has_sky
    assert "only the first 5000 cards" in found.notes[0]


def test_a_cut_out_moves_the_reference_pixel_alone() -> None:
    found = celestial_of(HEADERS["SIP"].cards).cards
    cut = fits.Header.fromstring(move_reference(found, (10, 20)))
    whole = fits.Header.fromstring(found)
    assert (cut["CRPIX1"], cut["CRPIX2"]) == (whole["CRPIX1"] - 10, whole["CRPIX2"] - 20)
    del cut["CRPIX*"], whole["CRPIX*"]
    assert cut.tostring() == whole.tostring()
    assert move_reference(found, (0, 0)) is found
    assert move_reference("", (1, 1)) == ""


def test_icrs_and_fk5_of_2000_stay_as_they_are() -> None:
    for system in ("ICRS", "FK5"):
        header = fits.Header.fromstring(celestial_of(tan(CDELT1=-0.001, CDELT2=0.001, RADESYS=system)).cards)
        assert (header["RADESYS"], header["CRVAL1"], header["CRVAL2"]) == (system, 150.0, 30.0)
        assert "LONPOLE" not in header
        assert header.get("EQUINOX") == (2000.0 if system == "FK5" else None)


@pytest.mark.parametrize(
    ("unit", "degrees"),
    [
        ("deg", 1),
        ("Degrees", 1),
        ("arcmin", 1 / 60),
        ("ARCSEC", 1 / 3600),
        ("mas", 1 / 3.6e6),
        ("rad", 57.29577951308232),
    ],
)
def test_any_unit_of_an_angle_means_degrees(unit: str, degrees: float) -> None:
    values = {"CRVAL1": 150.0, "CRVAL2": 30.0, "CDELT1": -0.001, "CDELT2": 0.001}
    scaled = {key: value / degrees for key, value in values.items()}
    header = fits.Header.fromstring(celestial_of(tan(**scaled, CUNIT1=unit, CUNIT2=unit)).cards)
    assert [header[key] for key in ("CRVAL1", "CRVAL2", "CD1_1", "CD2_2")] == pytest.approx(list(values.values()))


def test_hours_are_degrees_of_right_ascension() -> None:
    header = fits.Header.fromstring(celestial_of(tan(CRVAL1=10.0, CDELT1=-1e-4, CDELT2=1e-3, CUNIT1="hour")).cards)
    assert (header["CRVAL1"], header["CD1_1"]) == (150.0, pytest.approx(-0.0015))
