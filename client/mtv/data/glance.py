"""A glance at an exposure for a notebook: its words, and a small picture. Reads a sample of the pixels, no more."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any, Final

from mtv.data.datasets import html_pairs

if TYPE_CHECKING:
    import numpy as np

    from mtv.data.exposure import Exposure

_MOST_PIXELS: Final = 256
"""Longer side of the picture."""
_WHITE: Final = 99.9
"""Percentile that is white."""
_SKY: Final = 1.5
"""Place of the sky above black, as the inverse hyperbolic sine of its noise."""
_SHOWN_PLANES: Final = 40


def html_of(exposure: Exposure) -> str:
    """Return words and picture of an exposure as HTML.

    Parameters
    ----------
    exposure : `~mtv.data.exposure.Exposure`

    Returns
    -------
    text : `str`
        A figure; the picture stands as the sky does in the window, first row below.
    """
    height, width = exposure.shape_yx
    sample = _sample(exposure.image)
    rows = {
        "size": f"{width} x {height} pixels from {exposure.xy0}",
        "pixels": " ".join(filter(None, (str(exposure.image.dtype), exposure.unit))),
        "has": ", ".join(name for name in ("mask", "variance") if getattr(exposure, name) is not None),
        "sky": "WCS" if exposure.wcs or exposure.sky_wcs else "",
        "planes": _planes(exposure),
        "left out": "; ".join(exposure.notes),
    }
    table = html_pairs(exposure.label or "mtv.Exposure", {name: text for name, text in rows.items() if text})
    image = ""
    if sample.size and sample.dtype.kind in "biuf":
        picture = base64.b64encode(png_of(_stretch(sample)[::-1])).decode()
        image = f'<img alt="" style="image-rendering:pixelated" src="data:image/png;base64,{picture}">'
    return f"<figure>{image}{table}</figure>"


def _planes(exposure: Exposure) -> str:
    """Return the planes of the mask, with the share of the sampled pixels that has them."""
    named = sorted(exposure.planes.items(), key=lambda item: item[1])
    if exposure.mask is None:
        return ""
    sample = _sample(exposure.mask)
    told = []
    for name, bit in named[:_SHOWN_PLANES]:
        share = float((sample >> bit & 1).mean()) if sample.size else 0.0
        told.append(f"{name} {100 * share:.2g} %" if share else name)
    return ", ".join(told) + (f", and {len(named) - _SHOWN_PLANES} more" if len(named) > _SHOWN_PLANES else "")


def _sample(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    step = max(1, -(-max(array.shape) // _MOST_PIXELS))
    return array[step // 2 :: step, step // 2 :: step] if min(array.shape) > step // 2 else array[::step, ::step]


def _stretch(sample: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return grey values of 8 bits; what is no number is black."""
    import numpy as np

    values = np.asarray(sample, np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint8)
    level = float(np.median(values[finite]))
    noise = 1.4826 * float(np.median(np.abs(values[finite] - level))) or float(values[finite].std()) or 1.0
    with np.errstate(all="ignore"):
        # The sky is dark grey, its noise is just seen, and bright stars do not hide faint ones.
        bright = np.arcsinh((values - level) / noise)
        low, high = -_SKY, max(np.arcsinh((np.percentile(values[finite], _WHITE) - level) / noise), _SKY)
        grey = np.clip((bright - low) / (high - low), 0, 1)
    return np.where(finite, 255 * np.nan_to_num(grey), 0).astype(np.uint8)


def png_of(grey: np.ndarray[Any, Any]) -> bytes:
    """Return the PNG file of a grey picture.

    Parameters
    ----------
    grey : `numpy.ndarray`
        ``(y, x)`` of `numpy.uint8`, the first row above.

    Returns
    -------
    content : `bytes`
    """
    height, width = grey.shape
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, *zip(*(*chunks, (b"IEND", b"")), strict=True)))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
