"""The system of coordinates that a header means: which, of what equinox, and when it was observed. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from mtv.shared.sky.cards import Header, number_of
from mtv.shared.sky.frames import besselian

Note = Callable[[str], None]

KNOWN: Final = ("ICRS", "FK5", "FK4", "FK4-NO-E")
OTHER: Final = {"GLON": "GALACTIC", "ELON": "ECLIPTIC", "SLON": "SUPERGALACTIC"}
"""Systems by the type of their longitude."""

_FK5_SINCE: Final = 1984.0
_YEAR: Final = re.compile(r"([BJ]?)([12][0-9]{3}(?:\.[0-9]*)?)")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):?([0-9.]*))?")
_OLD_DATE: Final = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{2})")
_MJD_0: Final = dt.datetime(1858, 11, 17)


class System(NamedTuple):
    """A system of coordinates."""

    name: str
    """One of those of `mtv.shared.sky.frames.to_icrs`."""
    equinox: float = 2000.0
    epoch: float = 1950.0
    """Besselian year of the observation; counts for FK4 alone."""


def system_of(header: Header, longitude: str, note: Note) -> System | None:
    """Return the system of a header; None where it cannot be said in ICRS.

    Parameters
    ----------
    header : `Header`
        Its values.
    longitude : `str`
        Type of its longitude: ``RA``, ``GLON``, ...
    note : callable
        Called with what is guessed or refused, in words.
    """
    equinox = _equinox(header, note)
    if longitude == "ELON":
        return System("ECLIPTIC", 2000.0 if equinox is None else equinox)
    if longitude in OTHER:
        return System(OTHER[longitude])
    name, year = _read_name(header, note)
    if name is None:
        return None
    equinox = year if equinox is None else equinox
    if not name:
        name = "ICRS" if equinox is None else "FK4" if equinox < _FK5_SINCE else "FK5"
    if name == "ICRS":
        return System("ICRS")
    if name == "FK5":
        return System("FK5", 2000.0 if equinox is None else equinox)
    equinox = 1950.0 if equinox is None else equinox
    return System(name, equinox, _epoch(header) or equinox)


def _equinox(header: Header, note: Note) -> float | None:
    for keyword in ("EQUINOX", "EPOCH"):
        if header.words(keyword) and header.text("RADESYS").upper() != "ICRS":
            note(f"{keyword} has no number: left out")
        value = header.number(keyword)
        if value is None:
            found = _YEAR.fullmatch(header.text(keyword).upper())
            value = number_of(found[2]) if found else None
            if value is None and keyword == "EQUINOX" and header.text(keyword):
                note(f"{keyword} is {header.text(keyword)!r}, no year: left out")
        elif not 1000 <= value <= 3000:
            if keyword == "EQUINOX" or value:
                note(f"{keyword} is {value:g}, no year: left out")
            value = None
        if value is not None:
            return value
    return None


def _read_name(header: Header, note: Note) -> tuple[str | None, float | None]:
    """Return the name in a header, empty where it has none, None where its system is out of reach; and a year in it."""
    text = (header.text("RADESYS") or header.text("RADECSYS")).upper()
    if not text or text in KNOWN:
        return text, None
    if text == "GAPPT":
        note("RADESYS is GAPPT, apparent places of a date: the image is shown without its sky")
        return None, None
    spaced = text.replace(" ", "")
    for name in ("ICRS", "FK5", "FK4"):
        if spaced.startswith(name):
            return name, None
    found = _YEAR.fullmatch(spaced)
    name = "" if not found else "FK4" if found[1] == "B" else "FK5" if found[1] == "J" else ""
    note(f"RADESYS is {text[:20]!r}, no name of a system: {name or 'that of EQUINOX, else ICRS,'} is taken")
    return name, number_of(found[2]) if found else None


def _epoch(header: Header) -> float | None:
    mjd = header.number("MJD-OBS")
    if mjd is None:
        mjd = _mjd(header.text("DATE-OBS"))
    return None if mjd is None else besselian(mjd)


def _mjd(date: str) -> float | None:
    try:
        if found := _DATE.match(date):
            year, month, day, hour, minute = (int(part or 0) for part in found.groups()[:5])
            at = dt.datetime(year, month, day, hour, minute)
            seconds = float(found[6] or 0)
        elif found := _OLD_DATE.fullmatch(date):
            at, seconds = dt.datetime(1900 + int(found[3]), int(found[2]), int(found[1])), 0.0
        else:
            return None
    except ValueError:
        return None
    return ((at - _MJD_0).total_seconds() + seconds) / 86400
