"""Which HDUs of a file are one exposure: image, mask and variance, by what they say of themselves, or by position."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtv.sky.cards import read
from mtv.sky.celestial import Celestial, celestial_of, moved
from mtv.sky.physical import offset_of
from mtv.wcscards import header_cards
from mtv.wire.errors import bad_value
from mtvd.repo.readers import headers, sky
from mtvd.repo.readers.failures import unreadable
from mtvd.repo.readers.hdus import Box, Pixels, Plane, plane_at, planes
from mtvd.repo.readers.parts import Part, box_of_pixels, box_on_sky
from mtvd.repo.readers.wcsfit import fitted_cards

_ROLES: Final = ("IMAGE", "MASK", "VARIANCE")
_BITS_A_PLANE: Final = 31
"""``lsst.images`` continues a mask of more planes in a second HDU ``MASK``."""


@dataclass(frozen=True)
class JoinedMask:
    """The HDUs of one mask as one plane of 64-bit integers."""

    parts: tuple[Plane, ...]

    @property
    def path(self) -> Path:
        return self.parts[0].path

    @property
    def index(self) -> int:
        return self.parts[0].index

    @property
    def header(self) -> Any:
        return self.parts[0].header

    @property
    def shape(self) -> tuple[int, ...]:
        return self.parts[0].shape

    raw_dtype: str | None = None
    """None: the pixels must be put together."""

    def slice(self, wanted: tuple[int, ...]) -> JoinedMask:
        """See `Plane.slice`."""
        return JoinedMask(tuple(part.slice(wanted) for part in self.parts))

    def strips(self, box: Box | None = None) -> list[Box]:
        """See `Plane.strips`."""
        return self.parts[0].strips(box)

    def read(self, box: Box | None = None) -> Pixels:
        """See `Plane.read`."""
        joined = np.zeros((1, 1), np.int64)
        for number, part in enumerate(self.parts):
            joined = joined | (part.read(box).astype(np.int64) << (_BITS_A_PLANE * number))
        return joined


@dataclass(frozen=True, kw_only=True)
class ExposureFile:
    """The planes of one file."""

    image: Plane | JoinedMask
    """A mask where the file has nothing else."""
    mask: Plane | JoinedMask | None = None
    variance: Plane | None = None
    notes: tuple[str, ...] = ()
    """What of the file is left out, and why, in words for the user."""

    @functools.cached_property
    def _cards(self) -> str:
        """The image's header cards, as they are."""
        return header_cards(self.image.header)

    @functools.cached_property
    def xy0(self) -> tuple[int, int]:
        """0-based parent pixel ``(x, y)`` of the first pixel."""
        return offset_of(read(self._cards))

    @functools.cached_property
    def celestial(self) -> Celestial:
        """The WCS that the picture has: the header's, or where it has none one fitted to the exact one."""
        found = celestial_of(self._cards)
        if found.has_sky or (exact := sky.exact_sky(self.image.path, self.xy0)) is None:
            return found
        return Celestial(celestial_of(fitted_cards(exact, self.image.shape)).cards + found.cards, found.notes)

    @functools.cached_property
    def sky(self) -> sky.Sky | None:
        """Where the picture's pixels are on the sky; None where it has none."""
        return sky.HeaderSky(self.celestial.cards) if self.celestial.has_sky else None

    def box(self, part: Part) -> Box | None:
        """Return the local pixels of a cut-out; None for all.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``bbox`` or ``sky``.
        """
        if part.bbox is not None and part.sky is not None:
            raise bad_value("sky", "a cut-out is given both by pixels and on the sky", "leave bbox or sky away")
        if part.bbox is not None:
            return box_of_pixels(part.bbox, self.xy0, self.image.shape)
        return None if part.sky is None else box_on_sky(part.sky, self.sky, self.image.shape)

    def wcs_cards(self, shift: tuple[int, int] = (0, 0)) -> str:
        """Return the picture's WCS as FITS cards, of a cut-out whose first pixel is ``shift``, ``(x, y)`` from 0."""
        return moved(self.celestial.cards, shift)


def find_exposure(path: Path, part: Part | None = None) -> ExposureFile:
    """Find the image of a file, with the mask and variance that belong to it.

    Planes are told by EXTTYPE, then EXTNAME, then by their position and the mask planes that they name; in a file that
    says nothing of all this, the first image counts. An HDU that is asked for stands alone.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``bad_value`` for an HDU that is no image; ``unsupported`` for an image that is not
        two-dimensional; ``bad_value`` with ``where`` ``mask`` for a mask of another shape.
    """
    part = part or Part()
    if part.hdu is not None:
        return ExposureFile(image=plane_at(path, part.hdu).slice(part.cube_index))
    by_role: dict[str, list[Plane]] = {}
    unnamed: list[Plane] = []
    for plane in planes(path):
        if plane.role in _ROLES:
            by_role.setdefault(plane.role, []).append(plane)
        else:
            unnamed.append(plane)
        if len(by_role) == len(_ROLES) or len(unnamed) == len(_ROLES):
            break
    return _checked(_chosen(by_role, unnamed), part.cube_index)


def mask_planes(plane: Plane | JoinedMask) -> dict[str, int]:
    """Return mask plane names and bit numbers."""
    if isinstance(plane, Plane):
        return headers.planes_of(plane.header)
    return {
        name: bit + _BITS_A_PLANE * number
        for number, part in enumerate(plane.parts)
        for name, bit in headers.planes_of(part.header).items()
    }


def _chosen(by_role: dict[str, list[Plane]], unnamed: list[Plane]) -> ExposureFile:
    image, variance = (next(iter(by_role.get(role, ())), None) for role in ("IMAGE", "VARIANCE"))
    mask = _joined(by_role.get("MASK", ()))
    if image is not None:
        return ExposureFile(image=image, mask=mask, variance=variance)
    if not unnamed:
        if alone := mask or variance:
            return ExposureFile(image=alone)
        raise unreadable("the file has no image")
    if len(unnamed) > 1 and unnamed[1].is_mask:
        mask = unnamed[1]
    if mask is not None and len(unnamed) > 2:
        variance = unnamed[2]
    return ExposureFile(image=unnamed[0], mask=mask, variance=variance)


def _joined(masks: Sequence[Plane]) -> Plane | JoinedMask | None:
    # Masks of lsst.afw have one HDU, whatever else bears the name.
    split = [mask for mask in masks if any(key.startswith("MSKN") for key in mask.header)]
    if len(split) > 1:
        return JoinedMask(tuple(split[:2]))
    return masks[0] if masks else None


def _checked(file: ExposureFile, cube_index: tuple[int, ...]) -> ExposureFile:
    image = file.image.slice(cube_index)
    for name in ("mask", "variance"):
        plane: Plane | None = getattr(file, name)
        if plane is not None and plane.shape != image.shape:
            raise bad_value(name, f"the {name} is {_by(plane.shape)} pixels (y, x), the image {_by(image.shape)}")
    return ExposureFile(image=image, mask=file.mask, variance=file.variance)


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
