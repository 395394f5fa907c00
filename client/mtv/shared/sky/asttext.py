"""Guard before AST: a ``SkyWcs`` in the words of AST is looked at before AST itself reads it. Pure.

AST was written for text of its own making, and may end the process over other text. So nothing goes there that is not,
line by line, what `lsst.afw` writes: one FrameSet of two axes whose current frame is the sky, of the classes that are
known, its parts closed as they were opened, and its counts small.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

MOST_CHARS: Final = 4 << 20
"""Longest text; a camera's distortions take some 20,000."""

_MOST_CHARS_A_LINE: Final = 1_000
_MOST_DEPTH: Final = 100
"""Parts within parts; AST calls itself for each."""
_MOST_AXES: Final = 8
_MOST_COUNT: Final = 10_000
_AXES: Final = 2

_FRAMES: Final = frozenset(("Frame", "SkyFrame", "CmpFrame"))
_CLASSES: Final = _FRAMES | {
    "FrameSet", "Axis", "SkyAxis", "ChebyMap", "CmpMap", "LutMap", "MatrixMap", "NormMap", "PcdMap",
    "PermMap", "PolyMap", "RateMap", "ShiftMap", "SlaMap", "SphMap", "TimeMap", "TranMap", "UnitMap", "UnitNormMap",
    "WcsMap", "WinMap", "ZoomMap",
}  # fmt: skip
_BASES: Final = _CLASSES | {"Object", "Mapping"}
_MARK: Final = re.compile(r"(Begin|IsA|End) (\w+)")
_ITEM: Final = re.compile(r"(\w+) =(?: (.*))?")
_COUNT: Final = re.compile(r"N[a-z]+|N[CIP][A-Z]?\d*|MP[FI]\d+")
_NUMBER: Final = re.compile(r"\d{1,9}")


@dataclasses.dataclass
class _Part:
    """An object of the text."""

    kind: str
    items: dict[str, str] = dataclasses.field(default_factory=dict)
    """Values by their names; empty for those that are objects."""
    parts: dict[str, _Part] = dataclasses.field(default_factory=dict)
    """Objects by their names."""


def fault_of(text: str) -> str:
    """Return why a text is not to be given to AST, in words for the user; empty where it may be.

    Parameters
    ----------
    text : `str`
        A ``SkyWcs`` as the archive of an afw file has it, from its first ``Begin`` on.
    """
    try:
        _check_sky(_read(text))
    except ValueError as error:
        return str(error)
    return ""


def _read(text: str) -> _Part:
    if len(text) > MOST_CHARS:
        raise ValueError(f"the text is longer than {MOST_CHARS} characters")
    whole = _Part("")
    opened, name = [whole], "whole"
    for line in text.splitlines():
        words = _words(line)
        if not words:
            continue
        part = opened[-1]
        if mark := _MARK.fullmatch(words):
            _check_mark(mark[1], mark[2], part, name)
            if mark[1] == "Begin":
                part.parts[name] = _Part(mark[2])
                opened.append(part.parts[name])
            elif mark[1] == "End":
                opened.pop()
            if len(opened) > _MOST_DEPTH:
                raise ValueError(f"its parts lie more than {_MOST_DEPTH} deep")
            name = ""
            continue
        item = _ITEM.fullmatch(words)
        if not item or name or part is whole:
            raise ValueError(f"its line {words[:40]!r} is none of AST")
        if item[1] in part.items:
            raise ValueError(f"{item[1]} is said twice")
        part.items[item[1]] = item[2] or ""
        name = "" if item[2] else item[1]
    if len(opened) > 1 or not whole.parts or name:
        raise ValueError("it is cut short")
    return whole.parts["whole"]


def _words(line: str) -> str:
    """Return a line without blanks around it; empty for a comment."""
    if len(line) > _MOST_CHARS_A_LINE or not (line.isascii() and line.replace("\t", "").isprintable()):
        raise ValueError("it has a line that is no text of AST")
    words = line.strip()
    return "" if words.startswith("#") else words


def _check_mark(mark: str, kind: str, part: _Part, name: str) -> None:
    if mark == "Begin" and (not name or kind not in _CLASSES):
        raise ValueError(f"its {kind[:40]!r} is out of place" if kind in _CLASSES else f"it has a {kind[:40]!r}")
    if mark != "Begin" and name:
        raise ValueError("one of its parts has no value")
    if mark == "IsA" and (not part.kind or kind not in _BASES):
        raise ValueError(f"its {kind[:40]!r} is out of place")
    if mark == "End" and kind != part.kind:
        raise ValueError(f"its {part.kind or 'text'!r} ends as {kind[:40]!r}")
    if mark == "End":
        _check_counts(part)


def _check_counts(part: _Part) -> None:
    for name, value in part.items.items():
        if _COUNT.fullmatch(name):
            least, most = (1, _MOST_AXES) if name in {"Naxes", "Nin", "Nout"} else (0, _MOST_COUNT)
            if not _NUMBER.fullmatch(value) or not least <= int(value) <= most:
                raise ValueError(f"its {name} is {value[:40]!r}")


def _check_sky(found: _Part) -> None:
    """Raise where the whole is not a set of frames that leads from two axes to the sky."""
    count = int(found.items.get("Nframe", "0"))
    if found.kind != "FrameSet" or not count:
        raise ValueError("it is no FrameSet")
    frames = [found.parts.get(f"Frm{number}", _Part("")) for number in range(1, count + 1)]
    if any(frame.kind not in _FRAMES for frame in frames):
        raise ValueError(f"it does not have the {count} frames that it says")
    for number in range(2, count + 1):
        _index(found, f"Lnk{number}", 1, count)
        if f"Map{number}" not in found.parts and f"Inv{number}" in found.items:
            raise ValueError(f"it has no Map{number}")
    ends = frames[_index(found, "Base", 1, count) - 1], frames[_index(found, "Currnt", count, count) - 1]
    if ends[1].kind != "SkyFrame" or any(frame.items.get("Naxes") != str(_AXES) for frame in ends):
        raise ValueError("it does not lead from two axes to the sky")


def _index(found: _Part, name: str, otherwise: int, most: int) -> int:
    value = found.items.get(name, str(otherwise))
    if not _NUMBER.fullmatch(value) or not 1 <= int(value) <= most:
        raise ValueError(f"its {name} is {value[:40]!r}")
    return int(value)
