"""The picture that everybody draws: a sky of stars with seven mask planes, made from a seed."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

PLANES = {"DETECTED": 0, "BAD": 1, "SAT": 2, "INTRP": 3, "CR": 4, "EDGE": 5, "SUSPECT": 6}
"""Plane names and bits. ``DETECTED`` is the lowest bit, so that those who draw planes by bit number and those who put
``DETECTED`` at the bottom give the same picture."""

COLOURS = {
    "DETECTED": "#0000ff",
    "BAD": "#ff0000",
    "SAT": "#00ff00",
    "INTRP": "#00ff00",
    "CR": "#ff00ff",
    "EDGE": "#ffff00",
    "SUSPECT": "#ffff00",
}
"""Colours as in ``lsst.afw.display``, in hex: DS9 has its own idea of "green" (#32cd32)."""

FULL_YX = (4176, 2048)
SMALL_YX = (522, 256)
DOT_SIZE, DOT_COLOUR = 8.0, "#ff0000"

LIMITS = (80.0, 260.0)
"""Fixed limits of the stretch: automatic ones differ between programs."""

_SKY, _NOISE = 100.0, 12.0
_PIXELS_A_STAR = 2_600
_SATURATED = 1_500.0


@dataclasses.dataclass(frozen=True)
class Exposure:
    """An image with its mask."""

    image: NDArray[np.float32]
    """``(y, x)``."""
    mask: NDArray[np.int32]
    """``(y, x)``, bits as in `PLANES`."""

    @property
    def shape_yx(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.image.shape[0], self.image.shape[1]

    def plane(self, name: str) -> NDArray[np.bool_]:
        """Pixels that have the plane set."""
        found: NDArray[np.bool_] = (self.mask & (1 << PLANES[name])) != 0
        return found


def make(shape_yx: tuple[int, int] = FULL_YX, seed: int = 23718) -> Exposure:
    """Return an exposure: a tenth under footprints, edges all around, bad columns, saturated cores with trails."""
    rng = np.random.default_rng(seed)
    image = rng.normal(_SKY, _NOISE, shape_yx).astype(np.float32)
    mask = np.zeros(shape_yx, np.int32)
    _add_stars(image, mask, rng)
    _add_defects(image, mask, rng)
    return Exposure(image, mask)


def _add_stars(image: NDArray[np.float32], mask: NDArray[np.int32], rng: np.random.Generator) -> None:
    height, width = image.shape
    for _ in range(image.size // _PIXELS_A_STAR):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        flux = 10 ** rng.uniform(1.5, 3.6)
        radius = int(5 + 2.5 * np.log10(flux))
        ys, xs = _window(y, radius, height), _window(x, radius, width)
        squared = (np.arange(ys.start, ys.stop)[:, None] - y) ** 2 + (np.arange(xs.start, xs.stop)[None, :] - x) ** 2
        image[ys, xs] += (flux * np.exp(-squared / (2 * 2.2**2))).astype(np.float32)
        mask[ys, xs] |= np.where(squared <= radius**2, _bits("DETECTED"), 0).astype(np.int32)
        if flux > _SATURATED:
            mask[ys, xs] |= np.where(squared <= 16, _bits("SAT", "INTRP"), 0).astype(np.int32)
            mask[_window(y, 12 * radius, height), _window(x, 1, width)] |= _bits("SAT")
            mask[ys, xs] |= np.where((squared > 16) & (squared <= 36), _bits("SUSPECT"), 0).astype(np.int32)


def _add_defects(image: NDArray[np.float32], mask: NDArray[np.int32], rng: np.random.Generator) -> None:
    height, width = image.shape
    for column in rng.integers(0, width, max(3, width // 200)):
        image[:, column] = 0
        mask[:, column] |= _bits("BAD", "INTRP")
    for _ in range(image.size // 40_000):
        y, x, slope = rng.integers(0, height), rng.integers(0, width), rng.uniform(-1, 1)
        steps = np.arange(rng.integers(3, 25))
        rows, columns = np.clip(y + steps, 0, height - 1), np.clip((x + slope * steps).astype(int), 0, width - 1)
        image[rows, columns] += 400
        mask[rows, columns] |= _bits("CR")
    border = max(4, width // 80)
    for edge in (np.s_[:border, :], np.s_[-border:, :], np.s_[:, :border], np.s_[:, -border:]):
        mask[edge] |= _bits("EDGE")


def _bits(*names: str) -> int:
    return sum(1 << PLANES[name] for name in names)


def _window(centre: float, radius: int, length: int) -> slice:
    return slice(max(0, int(centre) - radius), min(length, int(centre) + radius + 1))


def dots(count: int, shape_yx: tuple[int, int] = FULL_YX, seed: int = 1214) -> NDArray[np.float64]:
    """Return ``(count, 2)`` positions ``(x, y)``, 0-based, to a tenth of a pixel: nobody's rounding may show."""
    height, width = shape_yx
    return np.random.default_rng(seed).uniform((20, 20), (width - 20, height - 20), (count, 2)).round(1)
