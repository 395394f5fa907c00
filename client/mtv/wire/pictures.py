"""Sizes of pictures that are asked for, checked by client and daemon alike."""

from __future__ import annotations

from typing import Any, Final

from mtv.wire.errors import bad_value

MOST_SIDE_PX: Final = 16_384
MOST_PIXELS: Final = 1 << 26
"""8192 x 8192: 200 MB while the picture is put together."""


def checked_size(size: Any) -> tuple[int, int]:
    """Return the width and height of a picture in pixels.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``size``: no two whole numbers, or a picture that is too large, with the limit.
    """
    try:
        width, height = (int(side) for side in size)
        if (width, height) != tuple(size) or isinstance(size, str):
            raise ValueError("not whole pixels")
    except (TypeError, ValueError, OverflowError):
        raise bad_value("size", f"{size!r} is no size", "(width, height) of the picture in pixels") from None
    if min(width, height) < 1 or max(width, height) > MOST_SIDE_PX or width * height > MOST_PIXELS:
        raise bad_value(
            "size",
            f"no picture has {width}x{height} pixels",
            f"from 1 to {MOST_SIDE_PX} a side, and {MOST_PIXELS} in all, which 8192x8192 has",
        )
    return width, height
