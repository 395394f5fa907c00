"""Positions as hours or degrees, minutes and seconds: ``05:35:17.3``, ``-05 23 28``, ``5h35m17.3s``. Pure."""

from __future__ import annotations

import re
from typing import Final

_MOST_CHARS: Final = 40
_PATTERN: Final = re.compile(
    r"(?P<sign>[+\-\u2212]?)\s*(?P<whole>\d{1,3})\s*(?P<mark>[:hHdD°\s])\s*(?P<minutes>\d{1,2}(?:\.\d*)?)"
    r"(?:\s*[:mM'\u2032\s]\s*(?P<seconds>\d{1,2}(?:\.\d*)?)?\s*[sS\"\u2033]?)?",
    re.ASCII,
)


def is_sexagesimal(text: str) -> bool:
    """Tell whether a text is a position in hours or degrees, minutes and seconds."""
    return sexagesimal(text, hours=False) is not None


def sexagesimal(text: str, *, hours: bool) -> float | None:
    """Return a position in degrees; None for a text that is none.

    Parameters
    ----------
    text : `str`
        As people write them: colons, blanks, or ``h d ° m ' s "`` between; seconds may be left out.
    hours : `bool`
        True: hours, where the text does not say degrees (``83d``) itself; ``h`` always means hours.
    """
    match = _PATTERN.fullmatch(text.strip()) if len(text) <= _MOST_CHARS else None
    if match is None or ("." in match["minutes"] and match["seconds"]):
        return None
    minutes, seconds = float(match["minutes"]), float(match["seconds"] or 0)
    if minutes >= 60 or seconds > 60:
        return None
    value = int(match["whole"]) + minutes / 60 + seconds / 3600
    mark = match["mark"].lower()
    by = 15.0 if mark == "h" or (hours and mark not in "d°") else 1.0
    return -value * by if match["sign"] in {"-", "\u2212"} else value * by


def are_hours(unit: str, where: str) -> bool:
    """Tell whether positions that say neither are hours: right ascensions are, unless their unit says degrees.

    Parameters
    ----------
    unit : `str`
        Unit of the column as it is written: ``deg``, or VizieR's ``"h:m:s"``.
    where : `str`
        ``x`` or ``y``.
    """
    return where == "x" and not unit.strip('"').lower().startswith(("d", "°"))
