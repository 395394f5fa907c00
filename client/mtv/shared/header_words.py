"""Keywords that travel with an image, as cards of the header that DS9 shows: whatever FITS can hold of them. Pure.

Left out are those that say how a file is built, what its pixels are, or where they lie on the sky or in a camera: the
header has words of its own for that, and DS9 would act on them.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mtv.shared.sky.cards import CARD

Plain = str | int | float | bool | None

MOST_WORDS: Final = 1_000
"""Keywords of one image that are looked at."""

_STRUCTURE: Final = (
    r"SIMPLE|XTENSION|EXTEND|EXTNAME|EXTVER|EXTLEVEL|INHERIT|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|GROUPS|BZERO|BSCALE|BLANK"
    r"|BUNIT|DATAMIN|DATAMAX|CHECKSUM|DATASUM|COMMENT|HISTORY|CONTINUE|END|TFIELDS|THEAP"
    r"|T(TYPE|FORM|UNIT|DIM|DISP|NULL|ZERO|SCAL|CTYP|CRVL|CRPX|CDLT|CUNI)\d+|FZ\w+|ZHECKSUM|ZDATASUM"
    r"|Z(IMAGE|CMPTYPE|BITPIX|NAXIS\d*|TILE\d+|NAME\d+|VAL\d+|QUANTIZ|DITHER0|TENSION|SIMPLE|PCOUNT|GCOUNT|EXTEND)"
    r"|Z(BLANK|SCALE|ZERO|TABLE|FORM\d+|CTYP\d+|TILELEN|THEAP)|MP_.*|MSK[NMD]\d+"
)
_PLACES: Final = (
    r"WCS(AXES|NAME|VERS|DIM)?[A-Z]?|C(TYPE|UNIT|RVAL|RPIX|DELT|ROTA|NAME|SYER|RDER|ROT)\d+[A-Z]?"
    r"|(CD|PC|PV|PS|DQ|DP|LTM|DTM|ATM)-?\d+_\d+[A-Z]?|(CD|PC)\d{6,}|(LTV|DTV|ATV)\d+|[AB]P?_(ORDER|DMAX|\d+_\d+)"
    r"|(CPDIS|CQDIS|CPERR|CQERR|CPRSF|CQRSF|D2IMDIS|D2IMERR)\d+|D2IM\w*|NPOL\w*|LONPOLE[A-Z]?|LATPOLE[A-Z]?"
    r"|EQUINOX[A-Z]?|EPOCH|RADE(SYS|CSYS)[A-Z]?|PROJP\d+|WAT\d+_\d+|AST\w*|BEG\w*_\w*|END\w*_\w*"
    r"|PLT\w+|AMD[XY]\d+|PPO\d+|[XY]PIXELSZ|CNPIX\d|OBJCTRA|OBJCTDEC|DELTAV|VELREF|SPECSYS[A-Z]?"
    r"|DATASEC|DETSEC|DETSIZE|CCDSEC|CCDSUM|AMPSEC|IRAF-\w*|PIXTYPE|ORDERING|NSIDE|FIRSTPIX|LASTPIX|COORDSYS"
)
_LEFT_OUT: Final = re.compile(rf"{_STRUCTURE}|{_PLACES}|")
_KEYWORD: Final = re.compile(r"[A-Z0-9_-]{1,8}")
_LONG_KEYWORD: Final = re.compile(r"[!-<>-~]+(?: [!-<>-~]+)*")
_UNPRINTABLE: Final = re.compile(r"[^ -~]")
_MOST_TEXT: Final = 2_000
_NO_VALUE: Final = object()


def plain_words(metadata: Mapping[Any, Any]) -> dict[str, Plain]:
    """Return the keywords of any mapping that a header can hold: single numbers, truth values and texts.

    Parameters
    ----------
    metadata : mapping
        An astropy header, a dictionary, or another with ``items``. A value that cannot be had is left out.
    """
    found: dict[str, Plain] = {}
    for key in itertools.islice(metadata, MOST_WORDS):
        value = _value_of(metadata, key)
        if isinstance(key, str) and value is not _NO_VALUE:
            found[_UNPRINTABLE.sub("_", key)] = value
    return found


def _value_of(metadata: Mapping[Any, Any], key: Any) -> Any:
    """Return a value as the wire has it; `_NO_VALUE` for others, and for one that cannot be had."""
    try:
        value = metadata[key]
    except Exception:  # noqa: BLE001 - of whatever package: one card that cannot be parsed costs that card
        return _NO_VALUE
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, str):
        return _UNPRINTABLE.sub("?", value[:_MOST_TEXT])
    return value if value is None or isinstance(value, (bool, float)) or _is_whole(value) else _NO_VALUE


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and -(1 << 63) <= value < 1 << 63


def cards_of(metadata: Mapping[str, Plain]) -> list[list[str]]:
    """Return the cards of each keyword: one, or several where a text is long.

    Keywords that are none of eight characters go as HIERARCH; long texts go on in CONTINUE.
    """
    cards: dict[str, list[str]] = {}
    for key, value in list(metadata.items())[:MOST_WORDS]:
        name = " ".join(key.split())
        if name.upper().startswith("HIERARCH "):
            name = name[9:]
        short = name.upper()
        if short in cards or _LEFT_OUT.fullmatch(short):
            continue
        if _KEYWORD.fullmatch(short):
            cards[short] = list(_write(f"{short:<8}= ", value))
        elif _LONG_KEYWORD.fullmatch(name) and len(name) <= CARD // 2:
            cards[short] = list(_write(f"HIERARCH {name} = ", value))
    return list(cards.values())


def _write(head: str, value: Plain) -> Iterator[str]:
    if isinstance(value, str):
        yield from _texts(head, _UNPRINTABLE.sub("?", value).rstrip())
        return
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        text = ""
    elif isinstance(value, bool):
        text = "T" if value else "F"
    else:
        text = repr(value).replace("e", "E")
    text = f"{text:>20}" if not head.startswith("HIERARCH") else text
    yield f"{head}{text}"[:CARD].ljust(CARD)


def _texts(head: str, text: str) -> Iterator[str]:
    """Yield the cards of a text; each but the last ends in ``&``, and no doubled quote is cut in two."""
    quoted = text.replace("'", "''")
    room = CARD - len(head) - 2
    while len(quoted) > room:
        cut = room - 1
        if (len(quoted[:cut]) - len(quoted[:cut].rstrip("'"))) % 2:
            cut -= 1
        yield f"{head}'{quoted[:cut]}&'".ljust(CARD)
        quoted, head, room = quoted[cut:], "CONTINUE  ", CARD - 12
    yield f"{head}'{quoted:<8}'".ljust(CARD)
