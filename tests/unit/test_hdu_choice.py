"""A file and the HDUList that astropy makes of it are the same exposure: one rule for the daemon and for the client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from tests.support.readers import pixels

from mtv.arguments.objects import image_of
from mtv.arguments.targets import check_image
from mtv.wire.limits import Limits
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_display
from mtvd.repo.readers.output import Output

IMAGE = np.arange(20, dtype="f4").reshape(4, 5)
BITS = (IMAGE % 4).astype("i4")
NAMED = fits.Header({"MP_BAD": 0, "MP_CR": 1})
BY_NUMBER = fits.Header({"MSKN0000": "BAD", "MSKM0000": 1, "MSKN0001": "CR", "MSKM0001": 2})


def hdu(name: str = "", data: Any = IMAGE, header: fits.Header | None = None) -> Any:
    return fits.ImageHDU(data, header, name=name)


def others(names: str) -> list[Any]:
    """Return images of no known role, each with pixels of its own."""
    return [hdu(name, IMAGE * number) for number, name in enumerate(names, start=2)]


def ccd() -> Any:
    return CCDData(IMAGE, unit="adu", mask=BITS > 1, uncertainty=StdDevUncertainty(IMAGE * 2)).to_hdu()


LAYOUTS: dict[str, Callable[[], list[Any]]] = {
    "afw": lambda: [hdu("IMAGE"), hdu("MASK", BITS, NAMED), hdu("VARIANCE", IMAGE * 3)],
    "afw, in another order": lambda: [hdu("VARIANCE", IMAGE * 3), hdu("MASK", BITS, NAMED), hdu("IMAGE")],
    "afw, without names": lambda: [hdu(), hdu("", BITS, NAMED), hdu("", IMAGE * 3)],
    "of HST": lambda: [hdu("SCI"), hdu("ERR", IMAGE * 3), hdu("DQ", BITS)],
    "a mask without names": lambda: [hdu("SCI"), hdu("MASK", BITS)],
    "a mask of floats": lambda: [hdu("SCI"), hdu("MASK", BITS.astype("f4"), NAMED)],
    "a mask in front": lambda: [hdu("MASK", BITS, NAMED), hdu("SCI")],
    "a mask of another shape": lambda: [hdu("SCI"), hdu("MASK", BITS[1:], NAMED)],
    "a mask with a plane beyond it": lambda: [hdu("SCI"), hdu("MASK", BITS, fits.Header({"MP_BAD": 0, "MP_CR": 40}))],
    "a mask with an odd plane": lambda: [hdu("SCI"), hdu("MASK", BITS, fits.Header({"MP_BAD": 0, "MP_CR": "x"}))],
    "a mask behind two others": lambda: [hdu("A"), hdu("B", IMAGE * 2), hdu("MASK", BITS, NAMED)],
    "a mask behind three others": lambda: [*others("ABC"), hdu("MASK", BITS, NAMED)],
    "a mask behind an image and three others": lambda: [hdu("IMAGE"), *others("ABC"), hdu("MASK", BITS, NAMED)],
    "an image between others": lambda: [*others("AB"), hdu("IMAGE"), hdu("C"), hdu("MASK", BITS, NAMED)],
    "an image behind three others": lambda: [*others("ABC"), hdu("IMAGE")],
    "a mask behind a whole exposure": lambda: [
        hdu("IMAGE"),
        hdu("MASK", BITS, BY_NUMBER),
        hdu("VARIANCE"),
        hdu("MASK", BITS * 2, BY_NUMBER),
    ],
    "CCDData": ccd,
    "compressed": lambda: [fits.CompImageHDU(IMAGE.astype("i4"), name="SCI"), fits.CompImageHDU(BITS, name="MASK")],
    "a line in front": lambda: [hdu("WAVE", np.arange(5.0)), hdu("SCI")],
    "a table in front": lambda: [fits.BinTableHDU(np.zeros(3, [("x", "f8")]), name="IMAGE"), hdu("SCI")],
    "nothing but a mask": lambda: [hdu("MASK", BITS, NAMED)],
    "nothing but an uncertainty": lambda: [hdu("UNCERT")],
    "axes of length one": lambda: [hdu("SCI", IMAGE[None, None]), hdu("MASK", BITS[None], NAMED)],
    "blanks": lambda: [hdu("SCI", BITS, fits.Header({"BLANK": 3}))],
    "a blank that is written as a float": lambda: [hdu("SCI", BITS, fits.Header({"BLANK": 3.0}))],
    "a blank that is no number": lambda: [hdu("SCI", BITS, fits.Header({"BLANK": "three"}))],
    "a blank of a mask": lambda: [hdu("SCI"), hdu("MASK", BITS, fits.Header({"BLANK": 3, "MP_BAD": 0, "MP_CR": 1}))],
    "unsigned blanks": lambda: [hdu("SCI", BITS.astype("u2"), fits.Header({"BLANK": 3 - 32768}))],
}


@pytest.mark.filterwarnings("ignore:Invalid value for 'BLANK'")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_and_its_list_are_the_same_exposure(tmp_path: Path, out: Output, store: PixelStore, layout: str) -> None:
    hdus = LAYOUTS[layout]()
    first = [] if isinstance(hdus[0], fits.PrimaryHDU) else [fits.PrimaryHDU()]
    path = tmp_path / "a.fits"
    fits.HDUList([*first, *hdus]).writeto(path)
    of_file = read_display(path, out, most=10**6)
    with fits.open(path) as opened:
        of_list = check_image(image_of(opened), Limits())
        assert np.array_equal(of_list.pixels, pixels(store.directory, of_file.image), equal_nan=True)
        assert dict(of_list.planes) == (of_file.planes if of_file.mask is not None else {})
        assert (of_list.mask is None) == (of_file.mask is None)
        if of_file.mask is not None:
            used = sum(1 << bit for bit in of_file.planes.values())
            assert np.array_equal(of_list.mask & used, pixels(store.directory, of_file.mask) & used)
        assert (of_list.unit, of_list.xy0) == (of_file.unit, of_file.xy0)
        assert len(of_list.notes) == len(of_file.notes)
