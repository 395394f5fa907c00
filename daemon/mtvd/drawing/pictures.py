"""Pictures of the window that were asked for, and large ones that are put together of pieces.

Between the pieces other clients' work is drawn. Where that changes what the picture shows, or the user does, the
picture is begun anew. From the second try on feeds and movies of the display pause for it. The last tries take all
pieces in one go, as far as others can wait for that; then the picture is given up.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import anyio.to_thread
import numpy as np
from PIL import Image

from mtv.wire.errors import DaemonError, Error
from mtv.wire.steps import DisplayName
from mtvd.drawing.waiting import Waiting
from mtvd.scene import model
from mtvd.stage.port import PiecePlan, Pieces, Stage

_GO_MS: Final = 60
"""Time that pieces are taken for before others have their turn; the last piece may end later."""
_TRIES: Final = 8
_UNHURRIED_TRIES: Final = 3
_HURRIED_MS: Final = 130
"""Time that others wait for a picture in one go; with all that belongs to it 200 ms."""
_STRIP_ROWS: Final = 256
_JPEG_QUALITY: Final = 90


class PictureWish:
    """A request that wants the redraw itself: a sync, or a picture, or some pieces of a large one."""

    def __init__(
        self,
        display: DisplayName | None = None,
        image_format: str = "png",
        *,
        picture: bool = False,
    ) -> None:
        self.display = display
        self.image_format = image_format
        self.picture = picture
        self.large: LargePicture | None = None
        self.look: Callable[[int | None], Awaitable[Any]] | None = None
        """Question that is asked in place of a picture."""
        self.result: Any = b""
        self.waiting: Waiting | None = None


class LargePicture:
    """A picture that is put together of pieces.

    Parameters
    ----------
    size : `tuple` [`int`, `int`]
        Width and height in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.rows = np.zeros((size[1], 1 + 3 * size[0]), "u1")
        """Rows as a PNG file has them: each begins with 0, which says that it is not filtered."""
        self.pixels = self.rows[:, 1:].reshape(size[1], size[0], 3)
        """``(y, x, rgb)``: a view of them."""
        self.next_piece = 0
        self.whole = False
        self._plan: PiecePlan | None = None
        self._tries = 1
        self._shown: Any = None

    async def go_on(self, stage: Stage, number: int | None, scene: model.Scene) -> None:
        """Take the next pieces of a display's frame, or of the front one's, as many as others can wait for.

        Raises
        ------
        DaemonError
            ``busy``: the display changes all the time.
        """
        if number is None:
            number = min(scene.displays) if scene.front is None else scene.front
        pieces = await stage.pieces(number, self.size, self._plan, self.next_piece, self.most_ms)
        self.take(pieces, (number, scene.displays.get(number)))
        if self._tries > _TRIES:
            raise DaemonError(
                Error(
                    code="busy",
                    message=f"the display changes faster than a picture of {self.size[0]}x{self.size[1]} can be taken",
                    where="size",
                    retryable=True,
                    hint="take a smaller one, or when nothing draws on the display",
                )
            )

    @property
    def most_ms(self) -> int:
        """Time after which others have their turn; 0 where they have it as soon as it is known what must be drawn."""
        if self._tries > _UNHURRIED_TRIES:
            return _HURRIED_MS
        return 0 if self._plan is None else _GO_MS

    @property
    def begun_anew(self) -> bool:
        """True where what was taken first is of no use."""
        return self._tries > 1

    def take(self, pieces: Pieces, shown: object) -> None:
        """Put pieces in their places; begin anew where they are of something else than those before.

        Parameters
        ----------
        pieces : `~mtvd.stage.port.Pieces`
            From `next_piece` on.
        shown : object
            Anything that is equal as long as the display shows the same.
        """
        state = (shown, pieces.view)
        if self._plan is not None and state != self._shown:
            self._tries += 1
            self.next_piece = 0
            self._plan = None
            return
        if self._plan is None:
            self.rows[:, 1:] = np.tile(np.array(pieces.plan.background, "u1"), self.size[0])
        self._plan, self._shown = pieces.plan, state
        for box, piece in zip(pieces.plan.boxes[self.next_piece :], pieces.pixels, strict=False):
            self.pixels[box.top : box.top + box.height, box.left : box.left + box.width] = piece
        self.next_piece += len(pieces.pixels)
        self.whole = self.next_piece == len(pieces.plan.boxes)

    async def encode(self, image_format: str) -> bytes:
        """Return the bytes of a PNG or JPEG file."""
        return await anyio.to_thread.run_sync(self._encode, image_format)

    def _encode(self, image_format: str) -> bytes:
        if image_format == "png":
            return _png(self.rows)
        file = io.BytesIO()
        Image.fromarray(self.pixels).save(file, "jpeg", quality=_JPEG_QUALITY)
        return file.getvalue()


def _png(rows: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Compress strips side by side, in less than half the time that Pillow needs for all of it."""
    height, width = rows.shape[0], rows.shape[1] // 3
    starts = range(0, height, _STRIP_ROWS)

    def strip(start: int) -> bytes:
        packer = zlib.compressobj(1, zlib.DEFLATED, -15, 9, zlib.Z_RLE)
        last = start == starts[-1]
        return packer.compress(rows[start : start + _STRIP_ROWS].data) + packer.flush(
            zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH
        )

    with ThreadPoolExecutor(2) as threads:
        strips = list(threads.map(strip, starts))
    data = b"".join([b"\x78\x01", *strips, struct.pack(">I", zlib.adler32(rows.data))])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, content) for name, content in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
