"""Exposures and plain images: which HDUs belong together, and what of them is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from mtv.wire.data import Array, Exposure
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.messages import Got
from mtvd.repo.readers import headers
from mtvd.repo.readers.failures import unreadable, unsupported
from mtvd.repo.readers.hdus import Box, Plane, opened, planes
from mtvd.repo.readers.output import Output

PLANE_COMPONENTS: Final = ("image", "mask", "variance")
COMPONENTS: Final = (*PLANE_COMPONENTS, "maskedImage", "wcs", "bbox", "xy0", "dimensions", "metadata")
_ROLES: Final = ("IMAGE", "MASK", "VARIANCE")
Wanted = tuple[int, int, int, int]
"""``(x_min, y_min, width, height)`` in 0-based parent pixels."""


@dataclass(frozen=True, kw_only=True)
class ExposureFile:
    """The planes of one file."""

    image: Plane
    mask: Plane | None = None
    variance: Plane | None = None

    @property
    def xy0(self) -> tuple[int, int]:
        """0-based parent pixel ``(x, y)`` of the first pixel."""
        return headers.xy0_of(self.image.header)

    def box(self, wanted: Wanted | None) -> Box | None:
        """Return the local pixels of a cut-out.

        Raises
        ------
        RequestError
            ``bad_value`` where it is empty or not wholly inside the image.
        """
        if wanted is None:
            return None
        (x_min, y_min, width, height), (x0, y0) = wanted, self.xy0
        rows, columns = self.image.shape
        local = (x_min - x0, y_min - y0, x_min - x0 + width, y_min - y0 + height)
        if width <= 0 or height <= 0:
            raise bad_value("bbox", "the cut-out is empty", "give (x_min, y_min, width, height)")
        if local[0] < 0 or local[1] < 0 or local[2] > columns or local[3] > rows:
            raise bad_value("bbox", f"the cut-out leaves the image, which is ({x0}, {y0}, {columns}, {rows})")
        return local


def find_exposure(path: Path, hdu: int | None = None) -> ExposureFile:
    """Find the image of a file, with the mask and variance that belong to it.

    Planes are told by EXTTYPE, then EXTNAME, then by their position and the mask planes that they name; in a file that
    says nothing of all this, the first image counts. An HDU that is asked for stands alone.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``bad_value`` for an HDU that is no image; ``unsupported`` for an image that is not
        two-dimensional; ``bad_value`` with ``where`` ``mask`` for a mask of another shape.
    """
    if hdu is not None:
        return _checked(ExposureFile(image=_only(path, hdu)))
    by_role: dict[str, Plane] = {}
    unnamed: list[Plane] = []
    for plane in planes(path):
        if plane.role in _ROLES:
            by_role.setdefault(plane.role, plane)
        else:
            unnamed.append(plane)
        if len(by_role) == len(_ROLES) or len(unnamed) == len(_ROLES):
            break
    if "IMAGE" in by_role:
        return _checked(
            ExposureFile(image=by_role["IMAGE"], mask=by_role.get("MASK"), variance=by_role.get("VARIANCE"))
        )
    return _checked(_by_position(unnamed, by_role))


def display(
    file: ExposureFile, out: Output, *, component: str = "", bbox: Wanted | None = None, label: str = "", most: int
) -> Exposure:
    """Write an image for the stage: big-endian pixels with room for a header, and the mask in a file of its own.

    Parameters
    ----------
    component : `str`
        ``image`` leaves the mask away; ``mask`` and ``variance`` are shown as images.
    most : `int`
        Pixels at most.
    """
    shown = _component_plane(file, component)
    box = file.box(bbox)
    _check_size(shown, box, most)
    mask = file.mask if component in {"", "maskedImage"} else None
    return _described(
        file,
        shown,
        box,
        label,
        image=out.image(shown, box),
        mask=None if mask is None else out.raw(mask, box),
    )


def get(
    file: ExposureFile, out: Output, *, component: str = "", bbox: Wanted | None = None, label: str = "", most: int
) -> Got:
    """Read an exposure, or a component of one, for a client: arrays in native byte order.

    Raises
    ------
    RequestError
        ``unsupported`` for components that need the C++ stack.
    """
    if component and component not in COMPONENTS:
        hint = f"readable here: {', '.join(COMPONENTS)}"
        raise unsupported(f"the component {component!r} cannot be read", "dataset_type", hint)
    box = file.box(bbox)
    if component not in {"", "maskedImage", *PLANE_COMPONENTS}:
        return Got(value=_value(file, component, box))
    shown = _component_plane(file, component)
    _check_size(shown, box, most)
    whole = component in {"", "maskedImage"}
    exposure = _described(
        file,
        shown,
        box,
        label,
        image=out.native(shown.read(box)),
        mask=out.native(file.mask.read(box)) if whole and file.mask else None,
        variance=out.native(file.variance.read(box)) if whole and file.variance else None,
    )
    return Got(data=msgspec.structs.replace(exposure, metadata=headers.metadata_of(_headers(file))))


def _described(
    file: ExposureFile,
    shown: Plane,
    box: Box | None,
    label: str,
    *,
    image: Array,
    mask: Array | None,
    variance: Array | None = None,
) -> Exposure:
    shift = (box[0], box[1]) if box else (0, 0)
    named = file.mask if mask is not None else shown
    return Exposure(
        image=image,
        mask=mask,
        variance=variance,
        planes=headers.planes_of(named.header) if named is not None else {},
        xy0=(file.xy0[0] + shift[0], file.xy0[1] + shift[1]),
        wcs=headers.wcs_cards(file.image.header, shift),
        unit=str(shown.header.get("BUNIT", "")).strip(),
        label=label,
    )


def _only(path: Path, hdu: int) -> Plane:
    for plane in planes(path):
        if plane.index == hdu:
            return plane
        if plane.index > hdu:
            break
    raise bad_value("hdu", f"HDU {hdu} has no image")


def _by_position(unnamed: list[Plane], by_role: dict[str, Plane]) -> ExposureFile:
    if not unnamed:
        if by_role:
            return ExposureFile(image=next(iter(by_role.values())))
        raise unreadable("the file has no image")
    mask = unnamed[1] if len(unnamed) > 1 and unnamed[1].is_mask else by_role.get("MASK")
    variance = unnamed[2] if mask is not None and len(unnamed) > 2 else by_role.get("VARIANCE")
    return ExposureFile(image=unnamed[0], mask=mask, variance=variance)


def _checked(file: ExposureFile) -> ExposureFile:
    if len(file.image.shape) != 2:
        raise unsupported(
            f"the image has {len(file.image.shape)} dimensions, not two", hint="name an HDU with a two-dimensional one"
        )
    for name in ("mask", "variance"):
        plane: Plane | None = getattr(file, name)
        if plane is not None and plane.shape != file.image.shape:
            raise bad_value(name, f"the {name} is {_by(plane.shape)} pixels (y, x), the image {_by(file.image.shape)}")
    return file


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _component_plane(file: ExposureFile, component: str) -> Plane:
    if component in {"", "maskedImage"}:
        return file.image
    plane: Plane | None = getattr(file, component, None) if component in PLANE_COMPONENTS else None
    if plane is None:
        raise unsupported(
            f"the component {component!r} is no image of this file",
            "dataset_type",
            f"images are {', '.join(PLANE_COMPONENTS)}",
        )
    return plane


def _check_size(plane: Plane, box: Box | None, most: int) -> None:
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


def _value(file: ExposureFile, component: str, box: Box | None) -> Any:
    rows, columns = file.image.shape
    local = box or (0, 0, columns, rows)
    x0, y0 = file.xy0[0] + local[0], file.xy0[1] + local[1]
    if component == "wcs":
        return headers.wcs_cards(file.image.header, (local[0], local[1]))
    if component == "xy0":
        return [x0, y0]
    if component == "dimensions":
        return [local[2] - local[0], local[3] - local[1]]
    if component == "bbox":
        return {"x_min": x0, "y_min": y0, "width": local[2] - local[0], "height": local[3] - local[1]}
    return headers.metadata_of(_headers(file))


def _headers(file: ExposureFile) -> Iterable[Any]:
    with opened(file.image.path) as hdus:
        first = hdus[0].header.copy()
    return (first, file.image.header) if file.image.index else (file.image.header,)
