"""Whether this process shares the pixel directory with the daemon."""

from __future__ import annotations

from pathlib import Path

from mtv.wire.messages import Welcome


def shared_directory(welcome: Welcome) -> Path | None:
    """Return the pixel directory where this process shares it with the daemon: it can read the nonce there."""
    if not welcome.pixel_directory or not welcome.nonce or Path(welcome.nonce_name).name != welcome.nonce_name:
        return None
    directory = Path(welcome.pixel_directory)
    try:
        found = (directory / welcome.nonce_name).read_text()
    except (OSError, ValueError):
        return None
    return directory if found.strip() == welcome.nonce else None
