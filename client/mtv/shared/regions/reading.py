"""Region files read: the region language of DS9 to checked regions, and notes on what is left out. Pure.

Shapes, systems and looks that `mtv.wire.regions` knows are read. Everything else is left out and told with the numbers
of its lines: what would run a command, too, is but a word that nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from mtv.shared.regions.coordinates import OTHER_SYSTEMS, SYSTEMS, Fault, angle, position, sizes, split_unit
from mtv.shared.regions.splitting import Statement, properties, statements
from mtv.wire.colours import hex_of
from mtv.wire.errors import Error, RequestError
from mtv.wire.limits import Limits
from mtv.wire.regions import POINTS, Region, RegionSystem, Shape, check_region, vertices_max, weight_of

_SHORT_HEX: Final = re.compile(r"#[0-9a-fA-F]{3}")
FILE_BYTES_MAX: Final = 256 << 20
"""Largest region file that is read."""

_SHAPE: Final = re.compile(r"([+\-!]?)\s*([A-Za-z]+)\s*(?:\(([^()]*)\)?|(\s[^()]*))\s*(.*)", re.DOTALL)
_OLD_POINT: Final = re.compile(rf"([+\-!]?)\s*({'|'.join(POINTS)})\s+(?=point\b)", re.IGNORECASE)
"""Head of a point as old versions write it: ``cross point(1,2)``."""
_SPLIT: Final = re.compile(r"[,\s]+")
_UNKNOWN: Final = frozenset(
    {"panda", "cpanda", "epanda", "bpanda", "ruler", "compass", "projection", "composite", "pie", "sector", "field"}
)
_SILENT: Final = frozenset(
    {
        "select", "highlite", "hightlite", "fixed", "edit", "move", "rotate", "delete", "source", "background",
        "dashlist", "vector",
    }
)  # fmt: skip
"""Properties that change nothing of the look, or that are read elsewhere."""
_ALIASES: Final[dict[str, Shape]] = {"rotbox": "box", "rectangle": "box", "rotrectangle": "box"}
_LINES_TOLD: Final = 4
_LOOKS_KEPT: Final = 100


class Parsed(NamedTuple):
    """Regions of a text, and what was left out."""

    regions: tuple[Region, ...]
    left_out: Mapping[str, Sequence[int]] = {}
    """Parts that were left out, and the numbers of their lines, from 1."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Parts that were left out, with the numbers of lines, in words for the user."""
        return tuple(f"{what} ({_lines(numbers)})" for what, numbers in self.left_out.items())


def parse(text: str, limits: Limits | None = None, *, tags_are_overlays: bool = False) -> Parsed:
    """Read a region file, or any text in the region language.

    Parameters
    ----------
    text : `str`
        Its content.
    limits : `Limits`, optional
        The daemon's; no more regions and vertices are read than it draws.
    tags_are_overlays : `bool`, optional
        True for what the window lists: tags go into `Region.overlay`, separated by blanks, and are no note; it may have
        any number of vertices.

    Returns
    -------
    parsed : `Parsed`

    Raises
    ------
    RequestError
        ``too_large`` where there are too many regions.
    """
    reader = _Reader(limits or Limits(), tags_are_overlays=tags_are_overlays)
    for statement in statements(text):
        reader.take(statement)
    return Parsed(tuple(reader.regions), reader.left_out)


class _Reader:
    """State of a file that is read: its system, its defaults, and what was left out."""

    def __init__(self, limits: Limits, *, tags_are_overlays: bool) -> None:
        self._limits = limits
        self._tags_are_overlays = tags_are_overlays
        self._system: RegionSystem | str = "pixel"
        self._global: dict[str, Any] = {}
        self._in_composite = False
        self._known_looks: dict[str, dict[str, Any]] = {"": {}}
        self._vertices = 0
        self.regions: list[Region] = []
        self.left_out: dict[str, list[int]] = {}

    def take(self, statement: Statement) -> None:
        """Take the next statement."""
        word = statement.body.lower()
        if word in SYSTEMS:
            self._system = SYSTEMS[word]
        elif word in OTHER_SYSTEMS:
            self._system = f"system {word}"
        elif word == "global" or word.startswith("global "):
            joint = "#" if statement.body.endswith("=") else " "  # a colour in hexadecimal looks like a comment
            whole = f"{statement.body[6:]}{joint}{statement.properties}"
            self._global |= self._look(whole, statement.line, tags=False)
        else:
            self._shape(statement)

    def _leave_out(self, what: str, line: int) -> None:
        numbers = self.left_out.setdefault(what, [])
        if not numbers or numbers[-1] != line:
            numbers.append(line)

    def _shape(self, statement: Statement) -> None:
        old = _OLD_POINT.match(statement.body)
        match = _SHAPE.fullmatch(f"{old[1]}{statement.body[old.end() :]}" if old else statement.body)
        if match is None:
            self._leave_out("not understood", statement.line)
            return
        sign, name, inside, bare, behind = match.groups()
        name = name.lower()
        was_in_composite = self._in_composite
        self._in_composite = "||" in behind or (name == "composite" and "||" in statement.properties)
        if was_in_composite or self._in_composite:
            self._leave_out("composite", statement.line)
            return
        try:
            if name in _UNKNOWN:
                raise Fault(name)
            if self._system not in SYSTEMS.values():
                raise Fault(self._system)
            if behind or (inside is not None and not statement.body.endswith(")")):
                raise Fault("not understood")
            words = [word for word in _SPLIT.split((inside if inside is not None else bare).strip()) if word]
            shape = self._region(sign, _ALIASES.get(name, name), words, statement)
            if old:
                shape["symbol"] = old[2].lower()
            region = Region(**shape)
            check_region(region, "", text_chars=self._limits.text_chars)
        except Fault as fault:
            self._leave_out(str(fault), statement.line)
        except RequestError as refusal:
            self._leave_out(refusal.error.message, statement.line)
        else:
            self._keep(region, statement.line)

    def _keep(self, region: Region, line: int) -> None:
        weight = weight_of(region)
        self._vertices += weight if weight > 1 else 0
        is_heavy = self._vertices > vertices_max(self._limits) and not self._tags_are_overlays
        if len(self.regions) >= self._limits.markers or is_heavy:
            most = f"{self._limits.markers} regions, {vertices_max(self._limits)} vertices"
            message = f"there are more regions, or vertices of them, than the daemon draws: {most}"
            hint = "take a part of the file"
            raise RequestError(Error(code="too_large", message=message, where=f"line {line}", hint=hint))
        self.regions.append(region)

    def _region(self, sign: str, name: str, words: Sequence[str], statement: Statement) -> dict[str, Any]:
        system: Any = self._system
        read = _SHAPES.get(name)
        if read is None:
            raise Fault(f"no shape {name[:40]!r}")
        if len(words) < 2:
            raise Fault("not understood")
        found = read(words, system)
        look = {**self._global, **self._look_of(statement)}
        arrows, symbol = look.pop("arrows", None), (look.pop("symbol", ""), look.pop("symbol_size", 0))
        if name == "line" and arrows:
            found["arrows"] = arrows
        if name == "point":
            found |= {"symbol": symbol[0], "symbol_size": symbol[1]}
        turned = look.pop("textangle", 0.0)
        if name == "text":
            found["angle_deg"] = turned
        if sign in {"-", "!"}:
            look["exclude"] = True
        return {"shape": name, **found, **look}

    def _look_of(self, statement: Statement) -> dict[str, Any]:
        """Return the looks of a shape; those that many lines share are read once, unless something of them is told."""
        text = statement.properties
        if text in self._known_looks:
            return self._known_looks[text]
        told = len(self.left_out), sum(map(len, self.left_out.values()))
        look = self._look(text, statement.line, tags=True)
        if len(self._known_looks) < _LOOKS_KEPT and told == (len(self.left_out), sum(map(len, self.left_out.values()))):
            self._known_looks[text] = look
        return look

    def _look(self, text: str, line: int, *, tags: bool) -> dict[str, Any]:
        look: dict[str, Any] = {}
        tagged: list[str] = []
        for name, value, following in properties(text) if text else ():
            if name == "tag":
                tagged.append(value)
            elif name == "font":
                self._font(value, look, line)
            elif name in _LOOKS:
                try:
                    look |= _LOOKS[name](value, following)
                except (ValueError, RequestError):
                    self._leave_out(f"{name} {value[:40]!r}", line)
            elif name not in _SILENT and (value or following):
                self._leave_out(name[:40], line)
        if tagged and self._tags_are_overlays:
            look["overlay"] = " ".join(tagged)
        elif tagged and tags:
            self._leave_out("tag", line)
        return look

    def _font(self, value: str, look: dict[str, Any], line: int) -> None:
        """Take the size of a font alone."""
        family, size, *style = (*value.split(), "", "")[:4] if value else ("", "", "", "")
        if size.isdecimal() and len(size) < 4 and 4 <= int(size) <= 200:
            if size != "10":
                look["font_size"] = int(size)
        else:
            self._leave_out("font", line)
            return
        if family != "helvetica" or style not in (["normal", "roman"], ["", ""]):
            self._leave_out("font", line)


def _lines(numbers: Sequence[int]) -> str:
    told = ", ".join(map(str, numbers[:_LINES_TOLD]))
    more = f" and {len(numbers) - _LINES_TOLD} more" if len(numbers) > _LINES_TOLD else ""
    return f"line{'s' * (len(numbers) > 1)} {told}{more}"


# Shapes: words to fields


def _places(words: Sequence[str], system: RegionSystem) -> dict[str, Any]:
    if len(words) % 2:
        raise Fault("a vertex lacks a coordinate")
    places = [position(x, y, system) for x, y in zip(words[::2], words[1::2], strict=True)]
    if len({place.system for place in places}) > 1:
        raise Fault("vertices in several systems")
    return {"points": tuple(n for place in places for n in (place.x, place.y)), "system": places[0].system}


def _point(words: Sequence[str], system: RegionSystem) -> dict[str, Any]:
    return _places(words[:2], system)


def _circle(words: Sequence[str], system: RegionSystem) -> dict[str, Any]:
    found, unit = sizes(words[2:], system)
    return {**_point(words, system), "sizes": found, "unit": unit}


def _annulus(words: Sequence[str], system: RegionSystem) -> dict[str, Any]:
    words, parts = _parts(words)
    found, unit = sizes(words[2:], system)
    return {**_point(words, system), "sizes": _steps(found, parts, 1), "unit": unit}


def _box(words: Sequence[str], system: RegionSystem) -> dict[str, Any]:
    words, parts = _parts(words)
    lengths = words[2:]
    turn = angle(lengths[-1]) if len(lengths) % 2 else 0.0
    found, unit = sizes(lengths[:-1] if len(lengths) % 2 else lengths, system)
    return {**_point(words, system), "sizes": _steps(found, parts, 2), "unit": unit, "angle_deg": turn}


def _vector(words: Sequence[str], system: RegionSystem) -> dict[str, Any]:
    if len(words) != 4:
        raise Fault("not understood")
    found, unit = sizes(words[2:3], system)
    return {**_point(words, system), "sizes": found, "unit": unit, "angle_deg": angle(words[3])}


def _parts(words: Sequence[str]) -> tuple[Sequence[str], int]:
    """Return the words without ``n=3``, and that number: rings between the first radius and the last."""
    counted = [word for word in words if word.lower().startswith("n=")]
    if not counted:
        return words, 0
    number = counted[0][2:]
    if len(counted) > 1 or not number.isdecimal() or len(number) > 3 or not int(number):
        raise Fault("not understood")
    return [word for word in words if word not in counted], int(number)


def _steps(found: tuple[float, ...], parts: int, step: int) -> tuple[float, ...]:
    if not parts:
        return found
    if len(found) != 2 * step:
        raise Fault("not understood")
    first, last = found[:step], found[step:]
    return tuple(a + (b - a) * part / parts for part in range(parts + 1) for a, b in zip(first, last, strict=True))


_SHAPES: Final[dict[str, Callable[[Sequence[str], Any], dict[str, Any]]]] = {
    "circle": _circle,
    "ellipse": _box,
    "box": _box,
    "annulus": _annulus,
    "polygon": _places,
    "line": _places,
    "segment": _places,
    "vector": _vector,
    "point": _places,
    "text": _places,
}


# Properties: value and what follows it, to fields


def _whole(text: str) -> int:
    value, unit = split_unit(text)
    if unit or not 0 <= value <= 1e6:
        raise Fault("no number")
    return round(value)


def _flag(name: str) -> Callable[[str, str], dict[str, Any]]:
    return lambda value, _following: {name: bool(_whole(value))}


def _symbol(value: str, following: str) -> dict[str, Any]:
    if value.lower() not in POINTS:
        raise Fault("no symbol")
    size = following.split()
    return {"symbol": value.lower(), "symbol_size": _whole(size[0]) if size else 0}


def _arrows(value: str, following: str) -> dict[str, Any]:
    return {"arrows": (bool(_whole(value)), bool(_whole(following.split()[0] if following else "0")))}


def _colour(value: str, _following: str) -> dict[str, Any]:
    if _SHORT_HEX.fullmatch(value):  # DS9 draws #800 as #880000
        value = "#" + "".join(2 * digit for digit in value[1:])
    return {"colour": hex_of(value)}


_LOOKS: Final[dict[str, Callable[[str, str], dict[str, Any]]]] = {
    "color": _colour,
    "colour": _colour,
    "width": lambda value, _following: {"width": max(_whole(value), 1)},
    "dash": _flag("dash"),
    "fill": _flag("fill"),
    "include": lambda value, _following: {"exclude": not _whole(value)},
    "text": lambda value, _following: {"text": value},
    "point": _symbol,
    "line": _arrows,
    "textangle": lambda value, _following: {"textangle": angle(value)},
}
