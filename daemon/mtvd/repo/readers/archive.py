"""The archive of an afw file: objects as rows of tables behind the images. Only plain records are read here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mtvd.repo.readers import cards
from mtvd.repo.readers.failures import parsing
from mtvd.repo.readers.hdus import open_hdus


def record(path: Path, name: str) -> dict[str, Any] | None:
    """Return the fields of an object of the archive; None where the file has no such object.

    Parameters
    ----------
    name : `str`
        As the primary header has it, in capitals: ``SKYWCS``, ``PHOTOCALIB``, ``FILTER``.

    Raises
    ------
    RequestError
        ``unreadable_file`` for a damaged archive.
    """
    with open_hdus(path) as hdus:
        header = hdus[0].header
        wanted = cards.number(header, f"ARCHIVE_ID_{name}", cards.number(header, f"{name}_ID", 0))
        first = int(cards.number(header, "AR_HDU", 0)) - 1
        if not wanted or first < 0:
            return None
        with parsing("the file's archive is damaged or truncated"):
            for row in hdus[first].data:
                if row["id"] == wanted and row["cat.persistable"] == 0:
                    return _fields(hdus[first + int(row["cat.archive"])], int(row["row0"]))
    return None


def header_before(path: Path, version: int) -> Any | None:
    """Return the file's first header where it was written by an `lsst.afw` before a version of its layout, else None.

    Parameters
    ----------
    version : `int`
        Number of the layout. 0, which also goes without a number, has the filter and the calibration in the header, 1
        the filter, 2 neither.
    """
    with open_hdus(path) as hdus:
        header = hdus[0].header
        is_ours = cards.number(header, "AR_HDU", 0) > 0
        return header if is_ours and cards.number(header, "EXPINFO_V", 0) < version else None


def _fields(hdu: Any, row: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in hdu.columns.names:
        value = hdu.data[name][row]
        if name == "flags":
            for bit, is_set in enumerate(np.atleast_1d(value)):
                found[str(hdu.header.get(f"TFLAG{bit + 1}", f"flag{bit}"))] = bool(is_set)
        else:
            found[name] = value.item() if isinstance(value, np.generic) else value
    return found
