"""A picture of a display: the file's bytes, which show themselves in a notebook and save themselves."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, Literal

from mtv.wire.errors import bad_value

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_ENDINGS = {"png": (".png",), "jpeg": (".jpg", ".jpeg")}


class Picture(bytes):
    """Content of a PNG or JPEG file, as `mtv.Display.snapshot` returns it.

    It is `bytes` in all that is done with it. In a notebook it shows itself, as wide as it is or as the cell is; ``at``
    gives it another width there.
    """

    cell_width: int | None = None
    """Width in a notebook, in CSS pixels; its own where None."""

    @property
    def format(self) -> Literal["png", "jpeg"]:
        """Format of the file."""
        return "jpeg" if self.startswith(_JPEG) else "png"

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels; None where the content does not say."""
        if self.startswith(_PNG) and len(self) >= 24:
            width, height = struct.unpack(">II", self[16:24])
            return width, height
        return _jpeg_size(self) if self.startswith(_JPEG) else None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file.

        Parameters
        ----------
        path : `str` or path
            File, with the ending of its format: ``.png``, or ``.jpg`` and ``.jpeg``; without one it gets it.

        Returns
        -------
        path : `~pathlib.Path`
            File that was written.

        Raises
        ------
        RequestError
            ``bad_value``, ``path``: the ending of another format.
        OSError
            The file cannot be written.
        """
        file = Path(path).expanduser()
        if not file.suffix:
            file = file.with_name(file.name + _ENDINGS[self.format][0])
        if file.suffix.lower() not in _ENDINGS[self.format]:
            hint = "take it in that format: snapshot(format=...)"
            raise bad_value("path", f"this is a {self.format} picture, not a {file.suffix[1:]} one", hint)
        file.write_bytes(self)
        return file

    def at(self, width: int) -> Picture:
        """Return the same picture for a notebook, in another width; its pixels stay.

        Parameters
        ----------
        width : `int`
            CSS pixels; the height follows.

        Returns
        -------
        picture : `Picture`

        Raises
        ------
        RequestError
            ``bad_value``, ``width``.
        """
        if not 0 < width <= 100_000:
            raise bad_value("width", f"{width} is no width of a picture", "CSS pixels, for example 800")
        other = Picture(self)
        other.cell_width = int(width)
        return other

    def __repr__(self) -> str:
        size = f" {self.size[0]} x {self.size[1]}," if self.size else ""
        return f"<mtv.Picture {self.format}:{size} {len(self)} bytes>"

    __str__ = __repr__

    def _repr_png_(self) -> Any:
        return self._with_width() if self.format == "png" else None

    def _repr_jpeg_(self) -> Any:
        return self._with_width() if self.format == "jpeg" else None

    def _with_width(self) -> Any:
        return bytes(self) if self.cell_width is None else (bytes(self), {"width": self.cell_width})


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height by the frame header, which stands behind other segments."""
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        place += 2 + length
    return None
