"""Header cards of 80 characters: read leniently, written strictly. Pure.

Reading refuses nothing: old programs leave the blank after ``=`` away, write exponents with D, repeat keywords (the
last counts, as in DS9 and wcslib), put numbers in quotes, or NaN where a number is missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

CARD: Final = 80

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[EeDd][+-]?[0-9]{1,4})?")
_TEXT: Final = re.compile(r"'((?:[^']|'')*)'?")
_NO_VALUE: Final = frozenset(("COMMENT", "HISTORY", "CONTINUE", "HIERARCH", "END", ""))


class Header:
    """Cards of a header by their keywords. The last of a keyword's cards counts; values are read when asked for.

    Parameters
    ----------
    raw : mapping of `str` to `str`
        Keyword to what follows ``=``.
    """

    def __init__(self, raw: Mapping[str, str]) -> None:
        self._raw = raw

    def __contains__(self, keyword: str) -> bool:
        return keyword in self._raw

    @property
    def keywords(self) -> Iterable[str]:
        """Keywords of all cards, each once."""
        return self._raw.keys()

    @property
    def values(self) -> dict[str, str | float]:
        """All values: numbers as `float`, all else as text."""
        return {key: value for key in self._raw if (value := self.value(key)) is not None}

    def value(self, keyword: str) -> str | float | None:
        """Return the value of a keyword; None where it has none that FITS knows, or there is no such card."""
        if keyword not in self._raw:
            return None
        value = _value(self._raw[keyword].strip())
        return None if isinstance(value, float) and math.isnan(value) else value

    def number(self, keyword: str) -> float | None:
        """Return the number of a keyword, also where it stands in quotes; None where there is none."""
        value = self.value(keyword)
        return number_of(value) if isinstance(value, str) else value

    def text(self, keyword: str) -> str:
        """Return the text of a keyword without blanks around it; empty where there is none."""
        value = self.value(keyword)
        return value.strip() if isinstance(value, str) else ""

    def is_no_number(self, keyword: str) -> bool:
        """Tell whether there is a card of this keyword, and no number in it."""
        return keyword in self._raw and self.number(keyword) is None

    def words(self, keyword: str) -> str:
        """Return what a card has in place of a value, ``undefined`` for nothing; empty where it has one, or is not."""
        if keyword not in self._raw or self.value(keyword) is not None:
            return ""
        return self._raw[keyword].partition("/")[0].strip() or "undefined"


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
    raw: dict[str, str] = {}
    for card in split(cards):
        keyword = card[:8].rstrip().upper()
        if card[8:9] == "=" and keyword not in _NO_VALUE:
            raw[keyword] = card[9:CARD]
    return Header(raw)


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
