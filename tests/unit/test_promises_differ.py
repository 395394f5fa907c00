"""Where `docs/formats.md` says that programs differ: each row of its tables is tried in the programs that it names."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_skycoord
from tests.support import fits_variants as variants
from tests.support.ast_sky import Floats, apart_arcsec, sky_of
from tests.support.odd_headers import HEADERS, NX, NY, tan
from tests.support.readers import pixels

import mtv
from mtv.shared.sky.cards import card
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_display
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
fitsio = pytest.importorskip("fitsio")
PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
STORED = np.array([[0, 1, 7, 2], [3, 5, 100, 9], [4, 4, 4, 4], [11, 12, 13, 14]])


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the rows of the table below a heading."""
    table = PAGE.split(heading)[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:2] == "| "]
    return cells[1:]


# Pixels


def raw(kind: str, **cards: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(variants.raw_file(STORED.astype(kind), fits.Header(cards)))

    return write


def with_card(card: str) -> Callable[[Path], None]:
    """Return a writer of integers with one card to the letter."""

    def write(path: Path) -> None:
        content = variants.raw_file(STORED.astype("i2"), fits.Header({"PLACE": 1}))
        at = content.index(b"PLACE   ")
        path.write_bytes(content[:at] + card.ljust(80).encode() + content[at + 80 :])

    return write


def tiled(kind: str, compression: str, **options: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        hdu = fits.CompImageHDU(STORED.astype(kind), compression_type=compression, **options)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)

    return write


def blank_tiles(path: Path) -> None:
    (variant,) = (one for one in variants.integers() if one.name == "i4, a blank, GZIP_1, four rows")
    variant.write(path)


def by_plio(path: Path) -> None:
    fitsio.write(str(path), STORED.astype("u2"), compress="PLIO_1")


def packed(path: Path) -> None:
    import lzma

    tiled("i2", "RICE_1")(path)
    path.write_bytes(lzma.compress(path.read_bytes()))


def read_by_astropy(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fits.open(path, memmap=False) as hdus:
                return np.array(hdus[1].data)
        except Exception:  # noqa: BLE001 - whatever it raises, it does not read it
            return None


def read_by_fitsio(path: Path) -> Any:
    try:
        with fitsio.FITS(str(path)) as file:
            return np.array(file[1].read())
    except Exception:  # noqa: BLE001 - whatever it raises, it does not read it
        return None


VALUES: dict[str, Callable[[Any], bool]] = {
    "a value": lambda found: bool(np.isfinite(found).all()),
    "NaN": lambda found: 0 < np.isnan(found.astype("f8")).sum() < found.size / 2,
    "floats": lambda found: found.dtype.kind == "f",
    "integers": lambda found: found.dtype.kind in "iu",
    "wider integers": lambda found: found.dtype.kind in "iu" and found.dtype.itemsize > 2,
    "32768 too high": lambda found: np.array_equal(found.astype("i8"), STORED + 32768),
    "right": lambda found: np.array_equal(found, STORED),
    "whole numbers": lambda found: np.array_equal(found, np.round(found)) and found.max() == STORED.max(),
    "their bits as floats": lambda found: not np.array_equal(found, STORED),
    "refused": lambda found: found is None,
    "passed over": lambda found: np.array_equal(found, STORED),
    "astropy's": lambda found: np.array_equal(found, STORED),
    "fitsio's": lambda found: np.array_equal(found, STORED),
}
FILES: dict[str, tuple[Callable[[Path], None], ...]] = {
    "integers, `BLANK = 0`": (raw("i2", BLANK=0), raw("i4", BLANK=0)),
    "unsigned integers with `BLANK`": (raw("i2", BLANK=7, BZERO=32768),),
    "other integers with `BLANK`, compressed or not": (raw("i2", BLANK=7), blank_tiles),
    "integers, `BLANK = 7.0` (by hand)": (raw("i2", BLANK=7.0),),
    "integers, `BLANK` beyond their type": (raw("i2", BLANK=100000),),
    "integers, `BZERO = 100`": (raw("i2", BZERO=100),),
    "`uint16` by PLIO_1, which fitsio writes": (by_plio,),
    "floats by RICE_1, HCOMPRESS_1 or PLIO_1": tuple(
        tiled("f4", kind, quantize_level=0) for kind in ("RICE_1", "HCOMPRESS_1", "PLIO_1")
    ),
    "64-bit integers by GZIP, integers and quantized floats by NOCOMPRESS": (
        tiled("i8", "GZIP_1"),
        tiled("i8", "GZIP_2"),
        tiled("i2", "NOCOMPRESS"),
    ),
    "`BZERO = -NAN`": (with_card("BZERO   =                 -NAN"),),
    "`BSCALE = 'one'`, `BZERO =` (by hand)": (with_card("BSCALE  = 'one'"), with_card("BZERO   =")),
    "compressed images in `.xz` and `.zip`": (packed,),
    "names with brackets, `$`, `+1`": (tiled("i2", "RICE_1"),),
}


def row_of(name: str) -> list[str]:
    (found,) = (row for row in rows("## Where programs differ") if row[0].startswith(name))
    return found


def test_every_row_of_the_table_of_pixels_has_its_files() -> None:
    assert len(FILES) == len(rows("## Where programs differ"))
    assert all(row_of(name) for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_programs_read_pixels_as_the_table_says(tmp_path: Path, out: Output, store: PixelStore, name: str) -> None:
    _, by_astropy, by_fitsio, here = row_of(name)
    for number, write in enumerate(FILES[name]):
        path = tmp_path / f"{number}"
        write(path)
        if name.startswith("names"):
            path = path.rename(tmp_path / "$x[1]+1.fits")
            by_fitsio = by_fitsio.partition(",")[0]
        found = {"astropy": read_by_astropy(path), "fitsio": read_by_fitsio(path), "here": read_here(path, out, store)}
        for who, said in (("astropy", by_astropy), ("fitsio", by_fitsio), ("here", here)):
            words = re.split(r"[:,]", said)[0]
            words = "right" if words == "the file of that name" else words
            assert VALUES[words](found[who]), (who, said, number, found[who])


def read_here(path: Path, out: Output, store: PixelStore) -> Any:
    try:
        found = pixels(store.directory, read_display(path, out, most=10**9).image)
    except RequestError:
        return None
    return found.astype(found.dtype.newbyteorder("="))


# The sky

SKY_TABLE = "### Where DS9 and astropy differ"
FRAME = "".join(
    card(*pair) for pair in (("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", NX), ("NAXIS2", NY))
)
SKIES = {
    "CROTA2 without RADESYS and EQUINOX": ("no system, CROTA2 0", "no system, CROTA2 30"),
    "EQUINOX or LONPOLE undefined": ("EQUINOX undefined", "LONPOLE undefined"),
    "CRPIX or CRVAL missing": ("CRPIX missing", "CRVAL missing"),
    "CUNIT other than degrees": ("CUNIT arcsec",),
    "SIP coefficients, CTYPE without `-SIP`": ("SIP without its name",),
    "SIP and PV together, `RA---TAN-SIP`": ("SIP and PV",),
    "GLS away from the equator": ("GLS",),
    "FK4": ("FK4 of a date",),
    "ecliptic": ("ecliptic",),
    "supergalactic": ("supergalactic",),
    "D exponents, `CDELT1  =-0.001`": ("D exponents", "no blank after ="),
    "DEC before RA": ("DEC first",),
    "`RA--CAR`, CUNIT `m`": ("three letters", "CUNIT of no angle"),
    "SCAMP's PV with TAN": ("SCAMP",),
    "PV1_1 and PV1_2, no TPV": ("a reference point of its own", "a reference point of its own, CAR"),
    "TPV with CDELT": ("TPV, CDELT",),
    "TNX and ZPX": ("TNX", "TNX, Chebyshev", "ZPX, well formed", "ZPX without surfaces"),
    "TNX with Legendre series, all or no cross terms, other orders along x than along y, or order 8": (
        "TNX, all cross terms",
    ),
    "distortion in tables (CPDIS)": ("distortion in tables",),
    "SIP terms on one axis alone": ("SIP of one axis",),
    "SIP of an order above 15": ("SIP of order 20",),
}
"""Rows to the headers that `test_sky_celestial` reads in both programs; the others are below."""
FINE: dict[str, dict[str, str | float]] = {
    "FK5 with the date of an observation": {"RADESYS": "FK5", "DATE-OBS": "2030-01-01"},
    "galactic with CROTA2": {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN", "CROTA2": 30.0},
}
"""Rows of some milliarcseconds, in which astropy is followed."""

OTHERS = ("CSC (COBE cube)", "FK5 of another equinox than 2000")


def test_every_row_of_the_table_of_skies_has_its_headers() -> None:
    assert [row[0] for row in rows(SKY_TABLE) if row[0] not in {*SKIES, *FINE, *OTHERS}] == []


@pytest.mark.parametrize("name", SKIES)
def test_who_is_followed_is_who_the_table_says(name: str) -> None:
    (here,) = (row[3] for row in rows(SKY_TABLE) if row[0] == name)
    follows = {"astropy": "astropy", "DS9": "DS9", "read": "astropy"}.get(here, "neither")
    assert {HEADERS[header].follows for header in SKIES[name]} == {follows}


def skies(cards: str) -> dict[str, tuple[Floats, Floats]]:
    """Return where DS9, astropy and we have some pixels."""
    x, y = np.array([10.0, 100.0, 190.0]), np.array([20.0, 75.0, 140.0])
    header = fits.Header.fromstring(cards)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pixel_to_skycoord(x, y, WCS(header), 0, "all").icrs
    ds9 = sky_of(FRAME + cards, x, y)
    assert ds9 is not None
    ours = mtv.Exposure(np.zeros((NY, NX)), wcs=cards).pixel_to_sky(x, y)
    return {"DS9": ds9, "astropy": (np.asarray(theirs.ra.deg), np.asarray(theirs.dec.deg)), "here": ours}


@pytest.mark.parametrize("name", FINE)
def test_differences_of_milliarcseconds_are_those_of_the_table(name: str) -> None:
    found = skies(tan(CDELT1=-1e-4, CDELT2=1e-4, **FINE[name]))
    assert next(row[3] for row in rows(SKY_TABLE) if row[0] == name) == "astropy"
    assert apart_arcsec(found["here"], found["astropy"]) < 0.002
    assert 0.01 < apart_arcsec(found["here"], found["DS9"]) < 0.02


@pytest.mark.parametrize("years", [25, 50])
def test_fk5_of_another_equinox_turns_in_ds9_and_nowhere_else(years: int) -> None:
    found = skies(tan(CDELT1=-1e-4, CDELT2=1e-4, RADESYS="FK5", EQUINOX=2000.0 - years))
    assert 0.0003 < apart_arcsec(found["here"], found["DS9"]) / years < 0.001
    assert 0.01 < apart_arcsec(found["here"], found["astropy"]) < 0.015


@pytest.mark.parametrize(("date", "off"), [("1955-06-01", 0.04), ("1995-06-01", 0.18)])
def test_fk4_of_astropy_is_off_by_what_the_table_says(date: str, off: float) -> None:
    found = skies(tan(CDELT1=-1e-4, CDELT2=1e-4, RADESYS="FK4", EQUINOX=1950.0, **{"DATE-OBS": date}))
    assert apart_arcsec(found["here"], found["DS9"]) < 0.002
    assert apart_arcsec(found["here"], found["astropy"]) == pytest.approx(off, abs=0.005)
    assert f"{off} for" in PAGE or f"{off} arc seconds off for" in PAGE


def test_the_cube_of_cobe_is_inverted_to_some_hundredths_of_a_pixel() -> None:
    cards = tan(CTYPE1="RA---CSC", CTYPE2="DEC--CSC", CRVAL2=0.0, CDELT1=-0.4, CDELT2=0.4, RADESYS="ICRS")
    found = skies(cards)
    assert apart_arcsec(found["here"], found["DS9"]) < 0.01
    exposure = mtv.Exposure(np.zeros((NY, NX)), wcs=cards)
    x, y = np.array([60.0, 100.0, 140.0]), np.array([45.0, 75.0, 110.0])
    back_x, back_y = exposure.sky_to_pixel(*exposure.pixel_to_sky(x, y))
    assert 1e-4 < np.hypot(back_x - x, back_y - y).max() < 0.1
