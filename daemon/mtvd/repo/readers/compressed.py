"""Images compressed by tiles: who decodes which. zlib for lossless rows, CFITSIO for most, astropy for the rest.

CFITSIO is the quickest but for lossless rows, and lets threads run side by side. astropy reads what CFITSIO cannot:
64-bit integers, integers that were not compressed at all, tiles within a file that was packed as a whole.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mtvd.repo.readers import cards
from mtvd.repo.readers.failures import unsupported

Pixels = npt.NDArray[Any]
Where = tuple[Any, ...]
"""Index of a cut-out in the image: numbers for the axes of a cube, slices for ``(y, x)``."""

KNOWN: Final = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1", "NOCOMPRESS")
_QUANTIZATIONS: Final = ("NO_DITHER", "SUBTRACTIVE_DITHER_1", "SUBTRACTIVE_DITHER_2")
_astropy_alone = threading.Lock()
"""astropy changes warnings process-wide: one thread at a time."""


def check_kind(table: Any) -> None:
    """Refuse a compression that is not read, by its name.

    Parameters
    ----------
    table : `astropy.io.fits.Header`
        Of the table that the image is compressed into.

    Raises
    ------
    RequestError
        ``unsupported``.
    """
    kind = cards.text(table, "ZCMPTYPE")
    if kind not in KNOWN:
        raise unsupported(f"pixels compressed by {kind or 'nothing that has a name'} are not read", hint=_HINT)
    if cards.text(table, "ZMASKCMP"):
        raise unsupported("pixels with a compressed null mask (ZMASKCMP) are not read")
    if cards.number(table, "ZBITPIX", 0) > 0:
        return
    scaled, quantization = has_column(table, "ZSCALE"), cards.text(table, "ZQUANTIZ", _QUANTIZATIONS[0])
    if scaled and quantization not in _QUANTIZATIONS:
        raise unsupported(f"pixels quantized by {quantization} are not read", hint=f"{', '.join(_QUANTIZATIONS)} are")
    if "ZSCALE" in table and not scaled:
        raise unsupported("pixels whose one scale for all tiles is a keyword (ZSCALE) are not read")


_HINT: Final = f"compressions are {', '.join(name for name in KNOWN if name != 'RICE_ONE')}"


def for_cfitsio(table: Any) -> bool:
    """Tell whether CFITSIO reads a compressed image right; parameters as in `check_kind`.

    It does not read 64-bit integers, nor pixels that were stored as they are. It looks at blanks in a column for floats
    alone. And it takes integers' bits for floats, without a word, where astropy has cut floats down to integers
    (``quantize_level=0`` for other than GZIP).
    """
    bits, kind = cards.number(table, "ZBITPIX", 0), cards.text(table, "ZCMPTYPE")
    if bits == 64 or kind == "NOCOMPRESS":
        return False
    if bits > 0:
        return not has_column(table, "ZBLANK")
    return has_column(table, "ZSCALE") or kind in {"GZIP_1", "GZIP_2"}


def has_column(table: Any, name: str) -> bool:
    """Tell whether a table has a column."""
    columns = range(1, int(cards.number(table, "TFIELDS", 0)) + 1)
    return any(cards.text(table, f"TTYPE{number}").upper() == name for number in columns)


def by_cfitsio(path: Path, index: int, where: Where) -> Pixels:
    """Return part of a compressed image, scaled as its header says, in native byte order.

    Raises
    ------
    OSError, ValueError
        It cannot be read.
    """
    import fitsio

    # By its descriptor: CFITSIO takes brackets, dollars, plus signs and more in a name for words of its own.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with fitsio.FITS(f"/proc/self/fd/{descriptor}") as file:
            pixels: Pixels = file[index][where]
    finally:
        os.close(descriptor)
    return pixels


def by_astropy(open_file: Callable[[], Any], index: int, where: Where) -> Pixels:
    """Return the stored numbers of part of an image, not scaled; any thread may call.

    Parameters
    ----------
    open_file : callable
        Returns a context manager of astropy's HDUs, whose images are not scaled.
    """
    with _astropy_alone, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with open_file() as hdus:
            return np.asarray(hdus[index].section[where])
