"""Settings that the daemon gives a worker process when it starts it."""

from __future__ import annotations

import msgspec


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one worker, passed as JSON on its command line."""

    pixel_directory: str
    pixel_bytes: int
    """Budget of the pixel directory."""
    header_bytes: int
    """Bytes left free in front of the pixels of images to be displayed."""
    image_pixels: int
    """Pixels of one image at most."""
    markers: int
    """Markers of one overlay at most."""
    select_chars: int
    """Characters of an expression that chooses rows at most."""
    page_rows: int
    """Rows of one page of a query at most."""
    busy_timeout_secs: float
    """How long a locked SQLite registry is waited for."""
    peer_silence_secs: float
    """How long another host may be silent: a registry while it is connected to, a file store, a server."""
    server_silence_secs: float
    """How long a Butler server may be silent while it answers a query."""
    file_cache_directory: str
    """Where files of other hosts are kept."""
    file_cache_bytes: int
    """Bytes of those files together."""
