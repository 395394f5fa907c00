"""Targets of `mtv.Display.mtv` made wire sources: arrays, exposures, astropy's classes, files and references."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mtv.arguments.foreign import has, in_its_own_words
from mtv.arguments.objects import Image, image_of, without_axes_of_one
from mtv.pixels.outgoing import stored_dtype
from mtv.shared.exposure_hdus import MASK_PLANE
from mtv.shared.header_words import cards_of, plain_words
from mtv.shared.wcs_cards import wcs_cards
from mtv.wire import data
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.limits import Limits

if TYPE_CHECKING:
    import numpy as np

    from mtv.pixels.outgoing import Sink


def reference(target: object) -> data.Dataset | data.File | data.Handle | None:
    """Return the source for a target whose pixels are not in this process; None for others."""
    if isinstance(target, data.Dataset | data.File | data.Handle):
        return target
    if isinstance(target, str | os.PathLike):
        return data.File(path=str(Path(target).expanduser().absolute()))
    if isinstance(target, type) or not has("_mtv_source_")(target):  # a catalog of afw raises where it has no such name
        return None
    made: data.Dataset | data.Handle = getattr(target, "_mtv_source_")()  # noqa: B009 - of any class
    return made


def image_with(
    target: object, *, mask: Any, planes: Any, xy0: Any, wcs: Any, label: str, metadata: Any = None
) -> Image:
    """Return the image that a target holds, with what is given beside it in place of the target's own.

    Raises
    ------
    RequestError
        As `image_of`, and for a WCS that is none, or metadata that are no mapping.
    """
    image = image_of(target)
    changes: dict[str, Any] = {}
    if mask is not None or planes is not None:
        changes.update(mask=image.mask if mask is None else mask, planes=planes or {})
        changes["mask_is_own"] = image.mask_is_own and mask is None
    if xy0 is not None:
        changes["xy0"] = xy0
    if wcs is not None:
        given = wcs_cards(wcs)
        changes.update(wcs=given.cards, wcs_notes=given.notes)
    if label:
        changes.update(label=label, caption="")
    if metadata is not None:
        if not hasattr(metadata, "keys"):
            hint = "keywords and their values, or an astropy header"
            raise bad_value("metadata", f"a {type(metadata).__name__} has no keywords", hint)
        changes.update(metadata=metadata)
    return image._replace(**changes)


def source_of(image: Image, sink: Sink, limits: Limits) -> data.Exposure:
    """Check an image as `check_image` does, send its pixels, and return what the message says of it.

    Its metadata go with it, where a header can hold them.

    Raises
    ------
    RequestError
        As `check_image`; ``target`` for metadata that cannot be read.
    """
    try:
        words = plain_words(image.metadata)
    except Exception as error:
        raise bad_value("target", f"its metadata cannot be read: {in_its_own_words(error)}") from error
    cards = sum(map(len, cards_of(words)))
    return msgspec.structs.replace(send(check_image(image, limits), sink, cards), metadata=words)


def send(image: Image, sink: Sink, cards: int = 0) -> data.Exposure:
    """Send the pixels of a checked image where they go, and return what the message says of it, without its metadata.

    Parameters
    ----------
    image : `Image`
        From `check_image`.
    sink : `Sink`
        Destination of its pixels.
    cards : `int`, optional
        Number of header cards for which space is left.
    """
    return data.Exposure(
        image=sink.image(image.pixels, image.wcs, cards),
        mask=None if image.mask is None else sink.mask(image.mask, 1 + max(image.planes.values(), default=63)),
        planes=dict(image.planes),
        xy0=image.xy0,
        wcs=image.wcs,
        unit=image.unit,
        label=image.label,
        notes=(*image.notes, *image.wcs_notes),
        caption=image.caption,
    )


def check_image(image: Image, limits: Limits) -> Image:
    """Return an image that can be shown, its pixels and mask as arrays; a mask of its own that does not fit is noted.

    Raises
    ------
    RequestError
        Naming the field: ``image``, ``mask``, ``planes``, ``xy0``, ``label``.
    """
    pixels = check_pixels(image.pixels, limits)
    notes = image.notes
    try:
        mask, planes = check_mask(image.mask, image.planes, pixels.shape, own=image.mask_is_own)
    except RequestError as error:
        if not (image.mask_is_own and error.error.where == "mask"):
            raise
        mask, planes, notes = None, {}, (*notes, f"the mask is left out: {error.error.message}")
    if len(image.label) > limits.text_chars:
        raise bad_value("label", f"the label has {len(image.label)} characters, at most {limits.text_chars} are kept")
    return image._replace(pixels=pixels, mask=mask, planes=planes, xy0=check_xy0(image.xy0), notes=notes)


def check_pixels(pixels: Any, limits: Limits) -> np.ndarray[Any, Any]:
    """Return pixels that can be shown, or raise, naming ``image``."""
    import numpy as np

    try:
        array = without_axes_of_one(np.asarray(pixels) if pixels is not None else np.empty(0))
    except Exception as error:
        message = f"a {type(pixels).__name__} cannot be made an array: {in_its_own_words(error)}"
        raise bad_value("image", message) from error
    if array.ndim != 2:
        raise bad_value("image", f"an array with {array.ndim} dimensions is no image", _hint_for(array.shape))
    if array.size == 0:
        raise bad_value("image", f"an array of shape {array.shape} has no pixels")
    if array.size > limits.image_pixels:
        raise RequestError(
            Error(
                code="too_large",
                message=f"{array.size} pixels are over the daemon's limit of {limits.image_pixels}",
                where="image",
                hint="show a part of it, or a binned copy",
            )
        )
    stored_dtype(array.dtype)
    return array


def _hint_for(shape: tuple[int, ...]) -> str:
    if len(shape) < 2:
        return "an image has the shape (y, x)"
    if len(shape) == 3 and shape[2] in {3, 4} and shape[0] not in {3, 4}:
        return "choose one colour: array[:, :, 0]"
    return f"choose one plane of a cube: cube[{', '.join('0' * (len(shape) - 2))}]"


def check_mask(
    mask: Any, planes: Mapping[str, int] | None, shape: tuple[int, ...], *, own: bool = False
) -> tuple[np.ndarray[Any, Any] | None, dict[str, int]]:
    """Return a mask of the image's shape and its planes.

    Parameters
    ----------
    mask : array, `bool` or None
        Integers, or booleans; broadcast to the image, as numpy does it: True masks all pixels, False none.
    planes : mapping from `str` to `int`
        Mask plane name to bit number; not needed for booleans.
    shape : `tuple` [`int`, `int`]
        Of the image, ``(y, x)``.
    own : `bool`, optional
        True for the mask of an object: one without planes marks the pixels that are not 0, of whatever type it is.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``mask`` or ``planes``.
    """
    import numpy as np

    if mask is None or _is_false(mask):
        if planes:
            raise bad_value("planes", "there are mask planes without a mask")
        return None, {}
    array = _broadcast(mask, shape)
    if own and not planes:
        array = array != 0
    if array.dtype.kind not in "biu":
        raise bad_value("mask", f"a mask of type {array.dtype} has no bits", "use integers, or booleans")
    if array.dtype.kind == "b":
        array, planes = array.view("u1"), planes or {MASK_PLANE: 0}
    if not planes:
        raise bad_value("planes", "nobody knows what the bits of the mask mean", "planes={'BAD': 0, 'SAT': 1}")
    for name, bit in planes.items():
        if not isinstance(name, str) or not name.strip():
            raise bad_value("planes", f"{name!r} is no name of a mask plane")
        if isinstance(bit, bool) or not isinstance(bit, int | np.integer) or not 0 <= bit < 8 * array.dtype.itemsize:
            raise bad_value("planes", f"bit {bit!r} of plane {name!r} is not in a mask of type {array.dtype}")
    return array, {name: int(bit) for name, bit in planes.items()}


def _is_false(mask: Any) -> bool:
    import numpy as np

    return isinstance(mask, bool | int | np.bool_ | np.integer) and not mask


def _broadcast(mask: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    import numpy as np

    try:
        array: np.ndarray[Any, Any] = without_axes_of_one(np.asarray(mask))
        return array if array.shape == shape else np.broadcast_to(array, shape)
    except Exception as error:  # of numpy, or of any package
        found = getattr(mask, "shape", None)
        message = f"its shape is {found}, that of the image {shape}" if found is not None else str(error)
        raise bad_value("mask", message) from error


def check_xy0(xy0: Any) -> tuple[int, int]:
    """Return an offset as two integers, or raise, naming ``xy0``."""
    try:
        x, y = xy0
        if int(x) == x and int(y) == y:
            return int(x), int(y)
    except (TypeError, ValueError, OverflowError):
        pass
    raise bad_value("xy0", f"{xy0!r} are not two whole numbers (x, y)", "the 0-based parent pixel of the first pixel")
