"""The version of the protocol, held against ``PROTOCOL.md`` by a test."""

from typing import Final

MAJOR: Final = 1
"""A peer with another major is refused: ``unsupported_version``."""

MINOR: Final = 4
"""Grows with additions; unknown fields are ignored, so minors mix freely."""
