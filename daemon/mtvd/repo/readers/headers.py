"""Plain keywords in the headers of an image. `mtv.shared.sky` says what they mean for its sky."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from mtvd.repo.readers import cards
from mtvd.repo.readers.failures import unreadable
from mtvd.repo.readers.hdus import open_hdus

_log = logging.getLogger(__name__)
_STRUCTURE: Final = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|BZERO|BSCALE|INHERIT|COMMENT|HISTORY|CHECKSUM|DATASUM"
    r"|Z(IMAGE|CMPTYPE|BITPIX|NAXIS\d*|TILE\d+|NAME\d+|VAL\d+|QUANTIZ|DITHER0|TENSION|SIMPLE|PCOUNT|GCOUNT|EXTEND)"
    r"|MP_.*|MSK[NMD]\d+|"
)


class HasHeader(Protocol):
    """An HDU of a file, or several that are one."""

    @property
    def path(self) -> Path: ...

    @property
    def index(self) -> int: ...

    @property
    def header(self) -> Any: ...


@contextmanager
def sound() -> Iterator[None]:
    """Turn what damaged headers raise, wherever a keyword is looked at, into the error of an unreadable file."""
    from astropy.io.fits import VerifyError

    try:
        yield
    except (VerifyError, LookupError, ValueError, TypeError, ArithmeticError) as error:
        _log.warning("headers of a file make no sense", exc_info=True)
        raise unreadable("the file's headers are damaged") from error


def of(plane: HasHeader) -> tuple[Any, ...]:
    """Return the headers that speak of an image: the file's first, and its own."""
    if not plane.index:
        return (plane.header,)
    with open_hdus(plane.path) as hdus:
        return (hdus[0].header, plane.header)


def metadata_of(headers: Iterable[Any]) -> dict[str, cards.Plain]:
    """Return the plain keywords of headers, the later ones on top; those of the file's own structure left out."""
    found = (item for header in headers for item in cards.items(header))
    return {keyword: value for keyword, value in found if not _STRUCTURE.fullmatch(keyword)}
