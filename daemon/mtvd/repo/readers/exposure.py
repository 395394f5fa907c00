"""Exposures and plain images: what of a file goes to the stage, and what to a client."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import msgspec

from mtv.wire.data import Array, Exposure
from mtv.wire.errors import Error, RequestError
from mtv.wire.messages import Got
from mtvd.repo.readers import cards, headers
from mtvd.repo.readers.components import VALUES, value
from mtvd.repo.readers.derived import AnyPlane, Derived
from mtvd.repo.readers.exposurefile import ExposureFile, mask_planes
from mtvd.repo.readers.failures import unsupported
from mtvd.repo.readers.hdus import Box
from mtvd.repo.readers.output import Output
from mtvd.repo.readers.parts import Part

PLANES: Final = ("image", "mask", "variance")
IMAGE_FIRST_PIXELS: Final = 3_000_000
"""Fewest pixels of an image that is drawn before its mask is decoded: for less two drawings take longer than one."""
WHOLE: Final = ("", "maskedImage", "masked_image")


def display(
    file: ExposureFile,
    out: Output,
    part: Part,
    *,
    label: str = "",
    caption: str = "",
    most: int,
    on_image: Callable[[Exposure], None] | None = None,
) -> Exposure:
    """Write an image for the stage: big-endian pixels with space for a header, and the mask in a file of its own.

    Parameters
    ----------
    part : `Part`
        Its component ``image`` leaves the mask away; ``mask`` and ``variance`` are shown as images.
    most : `int`
        Pixels at most.
    on_image : callable, optional
        Called with the image alone as soon as it is there, where the mask must be decoded and is worth it. Its file is
        the caller's from then on.
    """
    shown, box = _choose_shown(file, part), file.box(part)
    _check_size(shown, box, most)
    mask = file.mask if part.component in WHOLE else None
    notes = (*file.notes, *(file.mask_notes if part.component in WHOLE else ()))
    image = _describe(file, shown, box, (label, caption), image=out.image(shown, box), mask=None, notes=notes)
    if mask is None:
        out.fill()
        return image
    planes = mask_planes(mask)
    first = out.planned
    mask_array = out.mask(mask, box, 1 + max(planes.values(), default=63))
    if on_image is not None and mask.raw_dtype is None and math.prod(image.image.shape) >= IMAGE_FIRST_PIXELS:
        out.fill(first, lambda: _lent(image, out, on_image))
    else:
        out.fill()
    return msgspec.structs.replace(image, mask=mask_array, planes=planes)


def _lent(image: Exposure, out: Output, on_image: Callable[[Exposure], None]) -> None:
    out.lend(image.image)
    on_image(image)


def get(file: ExposureFile, out: Output, part: Part, *, label: str = "", caption: str = "", most: int) -> Got:
    """Read an exposure, or a component of one, for a client: arrays in native byte order.

    Raises
    ------
    RequestError
        ``unsupported`` for components that need the C++ stack.
    """
    if part.component in VALUES:
        return Got(value=value(file, part, file.box(part)), notes=(*file.notes, *file.celestial.notes))
    shown, box = _choose_shown(file, part), file.box(part)
    _check_size(shown, box, most)
    whole = part.component in WHOLE
    exposure = _describe(
        file,
        shown,
        box,
        (label, caption),
        image=out.native(shown, box),
        mask=out.native(file.mask, box) if whole and file.mask else None,
        variance=out.native(file.variance, box) if whole and file.variance else None,
        notes=(*file.notes, *((*file.mask_notes, *file.variance_notes) if whole else ())),
    )
    out.fill()
    metadata = headers.metadata_of(headers.of(file.image))
    exact, why = file.exact_wcs
    notes = tuple(dict.fromkeys((*exposure.notes, *why)))
    return Got(data=msgspec.structs.replace(exposure, metadata=metadata, sky_wcs=exact, notes=notes))


def _describe(
    file: ExposureFile,
    shown: AnyPlane,
    box: Box | None,
    names: tuple[str, str],
    *,
    image: Array,
    mask: Array | None,
    variance: Array | None = None,
    notes: tuple[str, ...],
) -> Exposure:
    shift = (box[0], box[1]) if box else (0, 0)
    named = file.mask if mask is not None else shown
    return Exposure(
        image=image,
        mask=mask,
        variance=variance,
        planes=mask_planes(named) if named is not None else {},
        xy0=(file.xy0[0] + shift[0], file.xy0[1] + shift[1]),
        wcs=file.wcs_cards(shift),
        unit=cards.text(shown.header, "BUNIT"),
        label=names[0],
        caption=names[1],
        notes=(*notes, *file.celestial.notes),
    )


def _choose_shown(file: ExposureFile, part: Part) -> AnyPlane:
    if part.component in WHOLE:
        return file.image
    plane: AnyPlane | None = getattr(file, part.component) if part.component in PLANES else None
    if plane is not None:
        return plane.plane if part.component == "mask" and isinstance(plane, Derived) else plane
    if part.component in PLANES:
        hint = "; ".join(getattr(file, f"{part.component}_notes", ()))
        raise unsupported(f"the file has no {part.component}", part.component_field, hint)
    what = "is no image" if part.component in VALUES else "cannot be read"
    hint = f"images are {', '.join(PLANES)}; values are {', '.join(VALUES)}"
    raise unsupported(f"the component {part.component!r} {what}", part.component_field, hint)


def _check_size(plane: AnyPlane, box: Box | None, most: int) -> None:
    rows, columns = plane.shape if box is None else (box[3] - box[1], box[2] - box[0])
    if rows * columns > most:
        raise RequestError(
            Error(
                code="too_large",
                message=f"{rows * columns} pixels are over the limit of {most}",
                where="target",
                hint="ask for a cut-out (bbox)",
            )
        )
