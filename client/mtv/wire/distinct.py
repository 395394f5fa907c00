"""Colours of mask planes that can be told apart, for those who ask for them: afw gives several planes one colour."""

from __future__ import annotations

import functools
from typing import Final

from mtv.wire import colours

_PALETTE: Final = (
    "red", "green", "blue", "yellow", "magenta", "cyan", "orange", "#009090", "#ffc0ff", "#9030c0", "#9090ff",
    "#906000", "#60c060", "#c06090", "#3060c0", "#009000", "#00c0ff", "#ff0090", "#ff9090", "#c00030",
    "#909030", "#c00090", "#c000ff", "#c0ffc0", "#6030ff", "#c0c000", "#ff90ff", "#0090ff", "#9060ff",
    "#60ff90", "#ff60c0", "#0060ff",
)  # fmt: skip
"""Colours that are far from each other and from grey, in Oklab; those that everybody has come first."""


@functools.lru_cache(maxsize=256)
def colours_of(planes: tuple[str, ...], given: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
    """Return a colour for each plane of a mask, no two alike while the palette has enough of them.

    A plane keeps the colour that everybody gives it where no plane before it, by bit, has the same or nearly the same;
    the others get what is left that is furthest from all colours in use. The same planes always get the same colours.

    Parameters
    ----------
    planes : `tuple` [`str`, ...]
        Names, by bit number.
    given : `tuple` [(`str`, `str`), ...], optional
        Planes that the user has coloured, and their colours: they keep them.

    Returns
    -------
    colours : `dict` [`str`, `str`]
        Plane to colour name, those given included.
    """
    chosen = dict(given)
    used = [_parts(colour) for plane, colour in given if colour != colours.IGNORE and plane in planes]
    later = []
    for plane in planes:
        if plane in chosen:
            continue
        usual = colours.MASK_COLOURS.get(plane)
        if usual is None or _nearest(_parts(usual), used) < _APART:
            later.append(plane)
            continue
        chosen[plane] = usual
        used.append(_parts(usual))
    for number, plane in enumerate(later):
        if number < len(_PALETTE):
            chosen[plane] = max(_PALETTE, key=lambda colour: _nearest(_parts(colour), used))
            used.append(_parts(chosen[plane]))
        else:
            chosen[plane] = chosen[later[number - len(_PALETTE)]]
    return chosen


_APART: Final = 0.15
"""Least distance of two colours that can be told apart in small patches on a grey image, in units of Oklab."""


def _nearest(colour: tuple[float, float, float], others: list[tuple[float, float, float]]) -> float:
    return min((sum((a - b) ** 2 for a, b in zip(colour, other, strict=True)) ** 0.5 for other in others), default=9.0)


@functools.cache
def _parts(colour: str) -> tuple[float, float, float]:
    """Return lightness and the two opponent colours of Oklab (B. Ottosson, 2020), in which distances are as seen."""
    digits = colours.hex_of(colour)
    red, green, blue = (_linear(int(digits[at : at + 2], 16) / 255) for at in (1, 3, 5))
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
