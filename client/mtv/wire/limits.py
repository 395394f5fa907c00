"""Limits of what the daemon accepts.

The daemon announces its own values in Welcome; clients check against those before they send, and the daemon checks
again before it allocates. The defaults here are the documented ones.
"""

from __future__ import annotations

from typing import Final

import msgspec

HEADER_CARDS: Final = 24
"""Cards that the daemon itself puts into a header, END included."""

_WCS_CARDS: Final = 24
"""Cards that the celestial WCS of an image needs without polynomials."""

_POLYNOMIAL_CARDS: Final = 78
"""Cards of a TPV polynomial, which those of other conventions become."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one daemon, sent in Welcome."""

    body_bytes: int = 16 << 20
    """The MessagePack body of one message."""
    buffer_bytes: int = 4 << 30
    """All raw buffers of one message together."""
    buffers: int = 256
    """Raw buffers of one message."""
    steps: int = 10_000
    """Steps of one transaction."""
    markers: int = 500_000
    """Markers of one transaction."""
    text_chars: int = 1_000
    """Characters of one marker text, name or label."""
    where_chars: int = 20_000
    """Characters of a ``where`` expression."""
    select_chars: int = 2_000
    """Characters of an expression that chooses rows of a table."""
    rows: int = 20_000
    """Rows of one page of a query."""
    image_pixels: int = 400_000_000
    """Pixels of one image; a full 2048x4176 detector has 8.6 million."""
    header_bytes: int = 28_800
    """Bytes that may be kept free for the FITS header in front of the pixels of a shared file: ten blocks of 2880."""
    movie_frames: int = 10_000
    """Datasets of one movie."""
    in_flight: int = 256
    """Requests that a client may have unanswered."""
    pixel_bytes: int = 8 << 30
    """All files of the pixel directory together."""

    def header_room(self, wcs: str, words: int = 0) -> int:
        """Return the bytes to keep free in front of the pixels of an image with these header cards.

        No more than its WCS may need: DS9 takes 2.4 ms longer to load an image with ten blocks of header than with one.

        Parameters
        ----------
        wcs : `str`
            The image's header cards.
        words : `int`, optional
            Number of cards of other keywords.
        """
        cards = HEADER_CARDS + words + (_WCS_CARDS if wcs else 0)
        cards += sum(map(wcs.count, ("A_", "B_", "PV"))) + _POLYNOMIAL_CARDS * ("AMDX1" in wcs or "WAT" in wcs)
        return min(self.header_bytes, -(-cards * 80 // 2880) * 2880)
