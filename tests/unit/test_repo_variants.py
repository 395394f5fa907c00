"""Every variant of FITS images that astropy, CFITSIO and lsst.images write: read right, whole and in cut-outs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.support import fits_variants as variants
from tests.support.readers import pixels

from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.output import Output

pytest.importorskip("astropy.io.fits")
pytest.importorskip("fitsio")
MOST = 10**9
BOX = (3, 2, 9, 7)
FEWEST = {"integers": 350, "floats": 200, "by_fitsio": 400, "odd_tables": 14}
"""So many variants are written with the packages that the tests are run with; fewer would be a test of nothing."""


@pytest.mark.parametrize("made", [variants.integers, variants.floats, variants.by_fitsio, variants.odd_tables])
def test_all_variants_have_the_pixels_that_their_writer_reads(
    tmp_path: Path, out: Output, store: PixelStore, made: Callable[[], Iterator[variants.Variant]]
) -> None:
    wrong, written = [], 0
    for variant in made():
        path = tmp_path / "image.fits"
        path.unlink(missing_ok=True)
        try:
            right = variant.write(path)
        except variants.NotWritten:
            continue
        written += 1
        shown = pixels(store.directory, read_display(path, out, most=MOST).image)
        if not np.array_equal(shown.astype("f8"), right.astype("f8"), equal_nan=True):
            wrong.append(f"{variant.name}: shown")
        got = read_all(path, out, bbox=BOX, most=MOST).data
        assert got is not None
        part = pixels(store.directory, got.image)
        cut = right[BOX[1] : BOX[1] + BOX[3], BOX[0] : BOX[0] + BOX[2]]
        if part.dtype != cut.dtype.newbyteorder("="):
            wrong.append(f"{variant.name}: {part.dtype}, not {cut.dtype}")
        elif not np.array_equal(part, cut, equal_nan=part.dtype.kind == "f"):
            wrong.append(f"{variant.name}: cut out")
        out.discard()
    assert wrong == []
    assert written >= FEWEST[made.__name__]
