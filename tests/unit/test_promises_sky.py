"""What `docs/formats.md` promises of the sky and no other test holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.odd_headers import tan
from tests.support.readers import pixels
from tests.support.small_files import IMAGE, points, written

from mtv.shared.sky.celestial import celestial_of
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9
DAYS = {"CDELT1": -0.001, "CDELT2": 0.001}


@pytest.mark.parametrize(
    ("radesys", "same_as"),
    [
        ("J2000", {"RADESYS": "FK5", "EQUINOX": 2000.0}),
        ("B1950", {"RADESYS": "FK4", "EQUINOX": 1950.0}),
        ("J1975", {"RADESYS": "FK5", "EQUINOX": 1975.0}),
        ("SOMETHING", {}),
    ],
)
def test_a_year_as_radesys_is_the_system_of_that_year_and_a_note_says_so(
    radesys: str, same_as: dict[str, str | float]
) -> None:
    found = celestial_of(tan(**DAYS, RADESYS=radesys))
    assert found.cards == celestial_of(tan(**DAYS, **same_as)).cards
    assert radesys in found.notes[0]


@pytest.mark.parametrize(("equinox", "same_as"), [(1983.9, "FK4"), (1984.0, "FK5")])
def test_without_radesys_an_equinox_before_1984_is_of_fk4(equinox: float, same_as: str) -> None:
    found = celestial_of(tan(**DAYS, EQUINOX=equinox))
    assert found == celestial_of(tan(**DAYS, EQUINOX=equinox, RADESYS=same_as))
    assert found != celestial_of(tan(**DAYS))


@pytest.mark.parametrize(("order", "counts"), [(15, True), (16, False)])
def test_sip_counts_up_to_order_15_and_goes_without_its_inverse(order: int, *, counts: bool) -> None:
    sip = {"A_ORDER": order, "B_ORDER": order, f"A_{order}_0": 1e-30, "B_0_2": 1e-5, "AP_ORDER": 2, "AP_2_0": 1e-4}
    found = celestial_of(tan(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", **DAYS, **sip))
    assert (f"A_{order}_0" in found.cards) == counts
    assert bool(found.notes) != counts
    assert "AP_" not in found.cards


_CD = {"CD1_1": -0.001, "CD2_2": 0.001}
_SIP = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-4, "B_0_2": 1e-4}
_PV = {"PV1_1": 1.0, "PV1_4": 0.05, "PV2_1": 1.0, "PV2_4": 0.03}


@pytest.mark.parametrize(
    ("ctype", "counts", "left_out"), [("TPV", _PV, _SIP), ("TAN", _SIP, _PV)], ids=["TPV counts", "SIP counts"]
)
def test_of_sip_and_tpv_in_one_header_ctype_says_which_counts(
    ctype: str, counts: dict[str, float], left_out: dict[str, float]
) -> None:
    both = celestial_of(tan(CTYPE1=f"RA---{ctype}", CTYPE2=f"DEC--{ctype}", **_CD, **counts, **left_out))
    one = celestial_of(tan(CTYPE1=f"RA---{ctype}", CTYPE2=f"DEC--{ctype}", **_CD, **counts))
    assert (both.cards, one.notes) == (one.cards, ())
    assert "counts" in both.notes[0]


def test_of_cd_pc_and_crota_in_one_header_the_first_counts() -> None:
    turned = {"PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8}
    assert celestial_of(tan(**_CD, **DAYS, **turned, CROTA2=30.0)) == celestial_of(tan(**_CD))
    assert celestial_of(tan(**DAYS, **turned, CROTA2=30.0)) == celestial_of(tan(**DAYS, **turned))
    assert celestial_of(tan(**DAYS, CROTA2=30.0)) != celestial_of(tan(**DAYS))
    assert celestial_of(tan(CD001001=-0.001, CD002002=0.001)) == celestial_of(tan(**_CD))


@pytest.mark.parametrize(
    ("cards", "note"),
    [
        (("AR_HDU  = -NAN", "SKYWCS_ID=                   5"), ""),
        (("AR_HDU  = 'x'", "HIERARCH SKYWCS_ID = 5"), ""),
        (("AR_HDU  =                    2", "HIERARCH SKYWCS_ID = -NAN"), ""),
        (("AR_HDU  =                   99", "HIERARCH SKYWCS_ID = 5"), "archive is damaged"),
        (("AR_HDU  =                    2", "HIERARCH ARCHIVE_ID_SKYWCS = 5"), "archive is damaged"),
        (("AR_HDU  =                    3", "HIERARCH SKYWCS_ID = 5"), "archive is damaged"),
    ],
)
@pytest.mark.parametrize("has_sky", [False, True])
def test_an_archive_that_cannot_be_read_costs_the_exact_wcs_and_no_pixel(
    tmp_path: Path, out: Output, store: PixelStore, cards: tuple[str, str], note: str, *, has_sky: bool
) -> None:
    primary = fits.PrimaryHDU().header.tostring(endcard=False, padding=False)
    head = (primary + "".join(card.ljust(80) for card in (*cards, "END"))).encode()
    sky = fits.Header.fromstring(tan(**DAYS)) if has_sky else None
    written(tmp_path / "plain", fits.ImageHDU(IMAGE, sky, name="IMAGE"), points())
    (tmp_path / "odd").write_bytes(head + b" " * (-len(head) % 2880) + (tmp_path / "plain").read_bytes()[2880:])
    shown = read_display(tmp_path / "odd", out, most=MOST)
    got = read_all(tmp_path / "odd", out, most=MOST).data
    assert got is not None
    assert np.array_equal(pixels(store.directory, shown.image), IMAGE)
    assert np.array_equal(pixels(store.directory, got.image), IMAGE)
    assert bool(shown.wcs) == bool(got.wcs) == has_sky
    assert (got.sky_wcs, len(got.notes)) == ("", 1 if note else 0)
    assert note in "".join(got.notes)
    assert shown.notes == (() if has_sky else got.notes), "a picture that has its sky does not look into the archive"


def test_an_exact_wcs_that_makes_no_sense_costs_the_sky_and_no_pixel(
    tmp_path: Path, out: Output, store: PixelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("starlink.Ast")
    monkeypatch.setattr("mtvd.repo.readers.sky.ast_text", lambda path: "Begin nonsense")
    shown = read_display(written(tmp_path / "odd", fits.ImageHDU(IMAGE)), out, most=MOST)
    assert np.array_equal(pixels(store.directory, shown.image), IMAGE)
    assert (shown.wcs, "exact WCS is left out" in "".join(shown.notes)) == ("", True)


@pytest.mark.parametrize(
    "values",
    [
        {"CRVAL1": 1e308, "CUNIT1": "hour"},
        {"CDELT1": 1e308, "CUNIT1": "hour"},
        {"CDELT1": 1e300, "PC1_1": 1e300},
        {"CRVAL2": 1e300},
    ],
    ids=str,
)
def test_numbers_that_no_float_holds_cost_the_sky_with_a_note(values: dict[str, float | str]) -> None:
    found = celestial_of(tan(**{**DAYS, **values}))
    assert (found.has_sky, len(found.notes)) == (False, 1)
    assert "shown without its sky" in found.notes[0]


@pytest.mark.parametrize("word", ["CPDIS1", "CPDIS2", "D2IMDIS1", "D2IMDIS2"])
def test_a_distortion_in_tables_is_left_out_with_a_note(word: str) -> None:
    found = celestial_of(tan(**DAYS, **{word: "LOOKUP"}))
    assert found.cards == celestial_of(tan(**DAYS)).cards
    assert "CPDIS, D2IM" in found.notes[0]


OFFSET = {"CTYPE1A": "LINEAR", "CTYPE2A": "LINEAR", "CRVAL1A": 10, "CRVAL2A": 20, "CRPIX1A": 1, "CRPIX2A": 1}


@pytest.mark.parametrize(
    ("cards", "note"),
    [
        (OFFSET, ""),
        (OFFSET | {"CDELT1A": 2}, "the letter A is left out"),
        ({"CTYPE1P": "LINEAR", "CTYPE2P": "LINEAR"}, "the letter P is left out"),
        (
            OFFSET | {"CTYPE1O": "RA---TAN", "CTYPE2O": "DEC--TAN", "CTYPE3B": "WAVE"},
            "the letters B and O are left out",
        ),
        ({"CTYPE1C": "X", "CTYPE1B": "X", "CTYPE1D": "X"}, "the letters B, C and D are left out"),
    ],
    ids=str,
)
@pytest.mark.parametrize("has_sky", [True, False])
def test_a_wcs_of_another_letter_is_left_out_with_a_note_but_for_the_offset_of_afw(
    tmp_path: Path, out: Output, cards: dict[str, Any], note: str, *, has_sky: bool
) -> None:
    own = dict(fits.Header.fromstring(tan(**DAYS))) if has_sky else {}
    path = written(tmp_path / "letters", fits.ImageHDU(IMAGE, fits.Header(own | cards), name="SCI"))
    shown = read_display(path, out, most=MOST)
    assert note in "; ".join(shown.notes)
    assert len(shown.notes) == bool(note)
    assert shown.wcs == celestial_of(tan(**DAYS)).cards * has_sky
    assert shown.xy0 == ((10, 20) if cards.items() >= OFFSET.items() and "CDELT1A" not in cards else (0, 0))
