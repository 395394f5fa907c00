"""Region files taken apart: statements of lines, and words of properties, each text in its quotes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_QUOTED: Final = re.compile(r"""\{[^}]*\}|"[^"]*"|'[^']*'""")
_PROPERTY: Final = re.compile(r"""([A-Za-z]+)\s*(=)?\s*(\{[^}]*\}|"[^"]*"|'[^']*')?""")
_WORD: Final = re.compile(r"[^\s=]+")
_NUMBERS: Final = re.compile(r"(?:\s+[\d.+-]+(?=\s|$))*")
_HIDDEN: Final = re.compile(
    r"#\s*[+-]?(?:text|vector|segment|ruler|compass|projection|composite|c?panda|[eb]panda)\s*\(", re.IGNORECASE
)
"""Shapes that DS9 hides from other programs."""


class Statement(NamedTuple):
    """One statement of a region file."""

    line: int
    """Number of its line, from 1."""
    body: str
    """Shape, system or ``global``, without its properties."""
    properties: str
    """Text behind its ``#``, or behind a shape that stands behind one itself."""


def statements(text: str) -> Iterator[Statement]:
    """Yield the statements of a text: a line has several with ``;`` between."""
    for number, line in enumerate(text.splitlines(), 1):
        if ";" not in line and "#" not in line:
            if body := line.strip():
                yield Statement(number, body, "")
            continue
        for piece in _pieces(line):
            if _HIDDEN.match(piece := piece.strip()):
                shape, _, properties = piece.lstrip("# ").partition(")")
                yield Statement(number, f"{shape})", properties)
            elif piece.startswith("#"):  # a comment, whatever else the line has
                break
            elif body := (parts := piece.partition("#"))[0].strip():
                yield Statement(number, body, parts[2].strip())


def _pieces(line: str) -> Iterator[str]:
    """Yield the parts of a line between ``;`` that stand in no quotes; a mark of inches or minutes opens none."""
    if ";" not in line:
        yield line
        return
    begin = at = 0
    marked = False
    while at < len(line):
        character = line[at]
        if character == ";":
            yield line[begin:at]
            begin, marked = at + 1, False
        elif character == "#":
            marked = True
        elif marked and character in "{\"'" and (match := _QUOTED.match(line, at)):
            at = match.end()
            continue
        at += 1
    yield line[begin:]


def properties(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and what follows it up to the next name, of each property: ``point``, ``cross``, ``15``."""
    at = 0
    while match := _PROPERTY.search(text, at):
        name, equals, quoted = match.groups()
        at = match.end()
        value = ""
        if equals and quoted is None:
            if word := _WORD.match(text, at):
                value, at = word[0], word.end()
        elif equals:
            value = quoted[1:-1]
        following = _rest(text, at)
        at += len(following)
        yield name.lower(), value, following.strip()


def _rest(text: str, at: int) -> str:
    """Return the bare numbers behind a value, such as the size behind a symbol."""
    match = _NUMBERS.match(text, at)
    return match[0] if match else ""
