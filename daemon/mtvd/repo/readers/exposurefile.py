"""HDUs of a file that are one exposure: image, mask and variance, by what they say of themselves, or by position."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mtv.shared.exposure_hdus import (
    MASK_PLANE,
    MOST_BITS,
    ROLES,
    UNCERTAINTY,
    Chosen,
    are_enough,
    card,
    choose_hdus,
    mask_notes,
)
from mtv.shared.exposure_hdus import mask_planes as planes_of_headers
from mtv.shared.sky.asttext import fault_of
from mtv.shared.sky.cards import read
from mtv.shared.sky.celestial import Celestial, celestial_of, move_reference
from mtv.shared.sky.physical import offset_of
from mtv.shared.wcs_cards import header_cards
from mtv.wire.errors import RequestError, bad_value
from mtvd.repo.readers import sky
from mtvd.repo.readers.amplifiers import Mosaic, assemble, is_amplifier
from mtvd.repo.readers.derived import VARIANCE_OF, AnyPlane, Derived, JoinedMask, mark, of_bits
from mtvd.repo.readers.failures import unreadable
from mtvd.repo.readers.fitsfile import without_pixels
from mtvd.repo.readers.hdus import Box, Plane, plane_at, planes
from mtvd.repo.readers.parts import Part, box_of_pixels, box_on_sky
from mtvd.repo.readers.wcsfit import fit_wcs

_FIT_PX: Final = 0.01
"""Error of a fitted WCS that needs no note."""
_NO_READER: Final = (
    "the file's exact WCS is not read, no sky is shown: that needs starlink-pyast (pip install 'mtv[daemon,exact-wcs]')"
)


@dataclass(frozen=True, kw_only=True)
class ExposureFile:
    """The planes of one file."""

    image: Plane | JoinedMask | Mosaic
    """A mask where the file has nothing else."""
    mask: AnyPlane | None = None
    variance: AnyPlane | None = None
    notes: tuple[str, ...] = ()
    """Parts of the image that are left out, and why, in words for the user."""
    mask_notes: tuple[str, ...] = ()
    """Parts of the mask that are left out, and why."""
    variance_notes: tuple[str, ...] = ()
    """Parts of the variance that are left out, and why."""

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
        if found.has_sky:
            return found
        text, notes = self.exact_wcs
        try:
            exact = sky.exact_sky(text, self.xy0)
            fit = None if exact is None else fit_wcs(exact, self.image.shape)
        except Exception:  # noqa: BLE001 - AST and numpy raise what they like over odd numbers, and no sky is no loss of pixels
            return Celestial(found.cards, (*found.notes, "the file's exact WCS cannot be read: no sky is shown"))
        if fit is None:
            return Celestial(found.cards, (*found.notes, *notes, *((_NO_READER,) if text else ())))
        far = (f"the WCS is the file's exact one to {fit.worst_px:.2g} pixels",) if fit.worst_px > _FIT_PX else ()
        return Celestial(celestial_of(fit.cards).cards, (*found.notes, *far))

    @functools.cached_property
    def exact_wcs(self) -> tuple[str, tuple[str, ...]]:
        """The exact WCS of an afw file as text in the words of AST, and a note where it cannot be read."""
        try:
            text = sky.ast_text(self.image.path)
            why = fault_of(text) if text else ""
        except RequestError as error:
            text, why = "", error.error.message
        return ("", (f"the file's exact WCS is left out: {why}",)) if why else (text, ())

    @functools.cached_property
    def sky(self) -> sky.Sky | None:
        """Sky of the picture's pixels; None where it has none."""
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
        return move_reference(self.celestial.cards, shift)


def find_exposure(path: Path, part: Part | None = None) -> ExposureFile:
    """Find the image of a file, with the mask and variance that belong to it.

    Amplifiers of a raw are put together (`mtvd.repo.readers.amplifiers`). Else planes are told by EXTTYPE, then
    EXTNAME, then by their position and the mask planes that they name; in a file that says nothing of all this, the
    first image counts. An HDU that is asked for stands alone. A mask or a variance that does not fit the image is left
    out, and a note says so.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``bad_value`` for an HDU that is no image; ``unsupported`` for an image that is not
        two-dimensional.
    """
    part = part or Part()
    if part.hdu is not None:
        return ExposureFile(image=plane_at(path, part.hdu).slice(part.cube_index))
    by_role: dict[str, list[Plane]] = {}
    others: list[Plane] = []
    flat: Plane | None = None
    for plane in planes(path):
        role = plane.role
        if role in ROLES or role == UNCERTAINTY:
            by_role.setdefault(role, []).append(plane)
        elif len(plane.shape) < 2:
            flat = flat or plane
        else:
            others.append(plane)
        if are_enough(by_role, others) and (by_role or not is_amplifier(others[0])):
            break
    if flat is not None and not (by_role or others):
        flat.slice(part.cube_index)  # which refuses it
    amplifiers = [] if by_role or part.cube_index else [plane for plane in others if is_amplifier(plane)]
    mosaic, note = assemble(amplifiers) if len(amplifiers) > 1 else (None, "")
    if mosaic is not None:
        return ExposureFile(image=mosaic, notes=(note,))
    if note:
        return ExposureFile(image=amplifiers[0], notes=(note,))
    found = choose_hdus(by_role, others, lambda plane: plane.header)
    if found.image is None:
        alone = _alone(found)
        if alone is None:
            raise without_pixels(path) or unreadable("the file has no image")
        return ExposureFile(image=alone.slice(part.cube_index))
    return _together(found.image, found, part.cube_index)


def mask_planes(plane: AnyPlane) -> dict[str, int]:
    """Return mask plane names and bit numbers."""
    if isinstance(plane, Derived) and plane.make is mark:
        return {MASK_PLANE: 0}
    return planes_of_headers(_headers(plane), _bits(plane))


def _headers(plane: AnyPlane) -> tuple[Any, ...]:
    return plane.headers if isinstance(plane, JoinedMask) else (plane.header,)


def _bits(mask: AnyPlane) -> int:
    """Return how many bits the integers of a mask have; those of floats are read as the widest."""
    return 8 * mask.dtype.itemsize if isinstance(mask, Plane) and mask.dtype.kind != "f" else MOST_BITS


def _alone(found: Chosen[Plane]) -> Plane | JoinedMask | None:
    """Return what a file has that has no image: its mask, else its variance."""
    return _join(found.mask) or found.variance or found.uncertainty


def _join(parts: tuple[Plane, ...]) -> Plane | JoinedMask | None:
    return JoinedMask(parts) if len(parts) > 1 else parts[0] if parts else None


def _together(whole: Plane, found: Chosen[Plane], cube_index: tuple[int, ...]) -> ExposureFile:
    image = whole.slice(cube_index)
    mask, mask_notes = _fitting("mask", _join(found.mask), whole, image)
    variance, variance_notes = _fitting("variance", found.variance or found.uncertainty, whole, image)
    file = ExposureFile(image=image, mask=mask, variance=variance, mask_notes=mask_notes, variance_notes=variance_notes)
    if mask is not None:
        read, notes = _readable_mask(mask)
        file = dataclasses.replace(file, mask=read, mask_notes=notes)
    if variance is not None and found.variance is None:
        made, notes = _variance_of(variance)
        file = dataclasses.replace(file, variance=made, variance_notes=notes)
    return file


def _fitting(
    name: str, plane: Plane | JoinedMask | None, whole: Plane, image: Plane
) -> tuple[Plane | JoinedMask | None, tuple[str, ...]]:
    """Return the part of a mask or variance that belongs to an image; None with a note where its shape is another.

    Parameters
    ----------
    name : `str`
        What it is, for the note.
    plane : `Plane` or `JoinedMask` or None
        One image for all slices of a cube, or a cube like the image's.
    whole : `Plane`
        The image as the file has it.
    image : `Plane`
        The slice of it that is wanted.
    """
    if plane is None:
        return None, ()
    axes = plane.shape[:-2]
    if len(plane.shape) > 1 and axes == whole.shape[:-2]:
        fits = plane.slice(image.cube_index)
    elif len(plane.shape) > 1 and math.prod(axes) == 1:
        fits = plane.slice(())
    else:
        fits = plane
    if fits.shape == image.shape:
        return fits, ()
    return None, (f"the {name} is left out: its shape is {_by(plane.shape)}, that of the image {_by(whole.shape)}",)


def _readable_mask(mask: Plane | JoinedMask) -> tuple[AnyPlane, tuple[str, ...]]:
    """Return a mask as integers whose bits have names."""
    headers = _headers(mask)
    bits = _bits(mask)
    named = planes_of_headers(headers, bits)
    return of_bits(mask) if named else Derived(mask, mark), mask_notes(headers, bits)


def _variance_of(uncertainty: Plane | JoinedMask) -> tuple[AnyPlane | None, tuple[str, ...]]:
    """Return the variance of what `astropy.nddata.CCDData.write` has stored: the standard deviation, if not said."""
    kind = str(card(uncertainty.header, "UTYPE", "")).strip() or "StdDevUncertainty"
    if kind.upper() not in VARIANCE_OF:
        return None, (f"the variance is left out: the uncertainty is of the kind {kind!r}",)
    make = VARIANCE_OF[kind.upper()]
    return (uncertainty if make is None else Derived(uncertainty, make)), ()


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
