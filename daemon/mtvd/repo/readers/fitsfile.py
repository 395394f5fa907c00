"""FITS files as astropy opens them, quietly; and what to say of those that have nothing to show."""

from __future__ import annotations

import lzma
import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mtv.wire.errors import RequestError
from mtvd.repo.readers import cards
from mtvd.repo.readers.failures import check_file, unreadable, unsupported
from mtvd.repo.readers.mending import Damaged, check_ends, mend
from mtvd.repo.readers.unpacking import BROKEN, is_packed, is_plain, refusal, spread

_OF_COLUMNS: Final = re.compile(r"(TFORM|TBCOL|TZERO|TSCAL|TNULL|TDIM)\d+")
"""Words without which numbers of a table would be others."""


class Hdus:
    """HDUs of a file, read when needed. Behind one that astropy cannot parse there may be more: see `mending`.

    Parameters
    ----------
    path : `~pathlib.Path`
    **options : `bool`
        Of `astropy.io.fits.open`.
    """

    def __init__(self, path: Path, **options: bool) -> None:
        self._path = path
        self._options = options
        self._sound: set[int] = set()
        """HDUs that were looked at."""
        self._mended: Any = None
        self._spread = spread(path)
        try:
            self._hdus = self._open(self._spread or path)
        except BROKEN as error:
            if self._spread is not None:
                self._spread.close()
            if not self._mend():
                raise refusal(path) from error

    def __getitem__(self, index: int) -> Any:
        try:
            hdu = self._hdus[index]
        except IndexError:
            if self._mended is None and self._goes_on() and self._mend():
                return self._hdus[index]
            raise
        except (zlib.error, lzma.LZMAError) as error:
            raise unreadable("the file is damaged or truncated: it cannot be unpacked") from error
        if index in self._sound or _is_sound(hdu):
            self._sound.add(index)
            return hdu
        if self._mended is None and self._mend():
            return self[index]
        raise unreadable(f"the header of HDU {index} is damaged")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Any]:
        index = 0
        while True:
            try:
                hdu = self[index]
            except IndexError:
                return
            yield hdu
            index += 1

    def close(self) -> None:
        """Let go of the file."""
        self._hdus.close()
        for file in (self._spread, self._mended):
            if file is not None:
                file.close()

    def _open(self, source: Any) -> Any:
        from astropy.io import fits

        return fits.open(source, memmap=False, lazy_load_hdus=True, **self._options)

    def _mend(self) -> bool:
        try:
            file = mend(self._path)
            if file is None:
                return False
            self._hdus, self._mended = self._open(file), file
        except (*BROKEN, RequestError):
            return False
        return True

    def _goes_on(self) -> bool:
        """Tell whether there is an HDU behind the last one that astropy has read."""
        if not is_plain(self._path):
            return False
        info = self._hdus[-1].fileinfo()
        with self._path.open("rb") as file:
            file.seek(int(info["datLoc"]) + int(info["datSpan"]))
            return file.read(8) == b"XTENSION"


@contextmanager
def open_hdus(path: Path, **options: bool) -> Iterator[Hdus]:
    """Open a FITS file with astropy, quietly, its HDUs read when needed; options are those of `astropy.io.fits.open`.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``unsupported`` for a sound file that was packed in a way that is not read.
    """
    check_file(path)
    with warnings.catch_warnings():
        # A file of others has oddities; those that matter become errors here, the rest is nobody's business.
        warnings.simplefilter("ignore")
        hdus = Hdus(path, **options)
        try:
            yield hdus
        finally:
            hdus.close()


def without_pixels(path: Path, index: int | None = None) -> RequestError | None:
    """Return the error for what has neither pixels nor a table, by its reason; None where there is no special one.

    Parameters
    ----------
    path : `~pathlib.Path`
    index : `int`, optional
        Of the HDU that was asked for; None for the whole file.
    """
    if not (is_plain(path) or is_packed(path)):
        return None
    if index is not None:
        with open_hdus(path) as hdus:
            return _reason([(index, hdus[index])], "hdu")
    try:
        check_ends(path)
    except Damaged as error:
        return unreadable(f"the file is truncated: {error}")
    except RequestError as error:
        return error
    with open_hdus(path) as hdus:
        return _reason(list(enumerate(hdus)), "path")


def _reason(hdus: Sequence[tuple[int, Any]], where: str) -> RequestError | None:
    kinds = [type(hdu).__name__ for _, hdu in hdus]
    if "GroupsHDU" in kinds:
        return unsupported("random groups are not read", where, "convert them to an image or a table")
    empty = [index for index, hdu in hdus if _is_empty(hdu.header)]
    if empty and not any("Table" in kind for kind in kinds):
        return unsupported(f"the image in HDU {empty[0]} has no pixels: one of its axes has the length 0", where)
    return None


def _is_sound(hdu: Any) -> bool:
    from astropy.io.fits import VerifyError

    if type(hdu).__name__ == "_CorruptedHDU":
        return False
    try:
        axes = hdu.header.get("NAXIS", 0)
        columns = filter(_OF_COLUMNS.fullmatch, hdu.header) if "TFIELDS" in hdu.header else ()
        _ = [hdu.header.get(key) for key in ("BITPIX", *(f"NAXIS{axis}" for axis in range(1, axes + 1)), *columns)]
    except (VerifyError, ValueError, TypeError):
        return False
    return True


def _is_empty(header: Any) -> bool:
    axes = int(cards.number(header, "NAXIS", 0))
    return any(cards.number(header, f"NAXIS{axis}", 1) == 0 for axis in range(1, axes + 1))
