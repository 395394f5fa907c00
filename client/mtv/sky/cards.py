"""Header cards of 80 characters: read leniently, written strictly. Pure.

Reading refuses nothing: old programs leave the blank after ``=`` away, write exponents with D, repeat keywords (the
last counts, as in DS9 and wcslib), put numbers in quotes, or NaN where a number is missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

CARD: Final = 80

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[EeDd][+-]?[0-9]{1,4})?")
_TEXT: Final = re.compile(r"'((?:[^']|'')*)'?")
_NO_VALUE: Final = ("COMMENT", "HISTORY", "CONTINUE", "HIERARCH", "END", "")


class Header(NamedTuple):
    """Values of the cards of a header."""

    values: Mapping[str, str | float]
    """By keyword: numbers as `float`, all else as text. The last of a keyword's cards counts."""
    unusable: Mapping[str, str]
    """Keywords whose last card has no value, and what it has instead; they are not among ``values``."""

    def number(self, keyword: str) -> float | None:
        """Return the number of a keyword, also where it stands in quotes; None where there is none."""
        value = self.values.get(keyword)
        return value if isinstance(value, float) else number_of(value or "")

    def text(self, keyword: str) -> str:
        """Return the text of a keyword without blanks around it; empty where there is none."""
        value = self.values.get(keyword, "")
        return value.strip() if isinstance(value, str) else ""


def split(cards: str) -> Iterator[str]:
    """Yield the cards of a text: 80 characters each, or a line each."""
    if "\n" in cards:
        yield from cards.splitlines()
        return
    for start in range(0, len(cards), CARD):
        yield cards[start : start + CARD]


def read(cards: str) -> Header:
    """Return the values of cards.

    Parameters
    ----------
    cards : `str`
        80 characters each, concatenated, or a line each. Comments and whatever is no card are passed over.
    """
    values: dict[str, str | float] = {}
    unusable: dict[str, str] = {}
    for card in split(cards):
        keyword = card[:8].rstrip().upper()
        if card[8:9] != "=" or keyword in _NO_VALUE:
            continue
        value = _value(card[9:CARD].strip())
        if isinstance(value, float) and not math.isfinite(value):
            values.pop(keyword, None)
            unusable[keyword] = card[9:CARD].partition("/")[0].strip() or "undefined"
        else:
            unusable.pop(keyword, None)
            values[keyword] = value
    return Header(values, unusable)


def number_of(text: str) -> float | None:
    """Return a text's number as old and new programs write it; None where it is none, or too large."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text.upper().replace("D", "E"))
    return number if math.isfinite(number) else None


def card(keyword: str, value: str | float | bool) -> str:
    """Return one card in fixed format.

    Parameters
    ----------
    keyword : `str`
        At most 8 characters.
    value : `str`, `float`, `int` or `bool`
        A finite number, or printable ASCII; a longer text is cut at 68 characters.
    """
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''")[:68].ljust(8) + "'"
    else:
        text = f"{value!r:>20}".replace("e", "E")
    return f"{keyword:<8}= {text}"[:CARD].ljust(CARD)


def _value(text: str) -> str | float:
    """Return the value that follows ``=``: NaN where there is none that FITS knows."""
    if text.startswith("'"):
        found = _TEXT.match(text)
        return found[1].replace("''", "'") if found else ""
    word = text.partition("/")[0].strip()
    if word in {"T", "F"}:
        return word
    number = number_of(word)
    return math.nan if number is None else number
