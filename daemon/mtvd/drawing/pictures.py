"""Pictures of the window that were asked for, and large ones that are put together of pieces.

Between the pieces other clients' work is drawn. Where that changes overlays, the pieces that show it are taken again;
where it changes more, or the user moves the view, the picture is begun anew. From the second try on feeds and movies
of the display pause for it. The last tries take all pieces in one go, as far as others can wait for that; then the
picture is given up.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import anyio.to_thread
import msgspec
import numpy as np
from PIL import Image

from mtv.wire.errors import DaemonError, Error
from mtv.wire.steps import DisplayName
from mtvd.drawing.waiting import Waiting
from mtvd.scene import model
from mtvd.stage.paint.covering import SmallPicture, find_touched
from mtvd.stage.port import PieceBox, PiecePlan, Pieces, Stage

_GO_MS: Final = 40
"""Time that pieces are taken for before others have their turn; the last piece may end later."""
_SURVEY_MS: Final = 20
"""Part of it that a look at the picture in small takes away."""
_TRIES: Final = 8
_UNHURRIED_TRIES: Final = 3
_HURRIED_MS: Final = 140
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
        self._plan: PiecePlan | None = None
        self._done: dict[PieceBox, np.ndarray[Any, np.dtype[np.uint8]]] = {}
        self._shown: tuple[int, model.Display | None] | None = None
        self._tries = 0
        self._goes = 0

    @property
    def missing(self) -> tuple[PieceBox, ...]:
        """Pieces that are still to be taken."""
        return tuple(box for box in self._plan.boxes if box not in self._done) if self._plan else ()

    @property
    def whole(self) -> bool:
        """True where all of it is there."""
        return self._plan is not None and not self.missing

    @property
    def most_ms(self) -> int:
        """Time after which others have their turn."""
        return _GO_MS if self._tries <= _UNHURRIED_TRIES else _HURRIED_MS

    @property
    def begun_anew(self) -> bool:
        """True where what was taken first is of no use."""
        return self._tries > 1

    async def go_on(self, stage: Stage, number: int | None, scene: model.Scene) -> None:
        """Take the next pieces of a display's frame, or of the front one's, as many as others can wait for.

        Raises
        ------
        DaemonError
            ``busy``: the display changes all the time.
        """
        if number is None:
            number = min(scene.displays) if scene.front is None else scene.front
        shown = (number, scene.displays.get(number))
        surveyed_ms = 0
        if self._plan is None or shown != self._shown:
            surveyed_ms = _SURVEY_MS
            begins = self.follow(await stage.survey(number, self.size), shown)
            if begins and self._tries <= _UNHURRIED_TRIES:
                return  # masks may have been drawn anew for it, which others have waited for
        if self.missing:
            self.take(self.missing, await stage.pieces(number, self.size, self.missing, self.most_ms - surveyed_ms))

    def follow(self, plan: PiecePlan, shown: tuple[int, model.Display | None]) -> bool:
        """Keep those pieces that are as they would be now, and begin anew where nothing is.

        Parameters
        ----------
        plan : `~mtvd.stage.port.PiecePlan`
            Of now.
        shown : `tuple`
            Number and state of the display that it is of.

        Returns
        -------
        begins : `bool`
            True where the picture begins anew.

        Raises
        ------
        DaemonError
            ``busy``: the display changes all the time.
        """
        kept = self._keep(plan, shown)
        if kept is None or 2 * len(kept) < len(self._done):
            self._tries += 1
        self._goes += 1
        if self._tries > _TRIES or self._goes > 4 * (_TRIES + len(plan.boxes)):
            raise DaemonError(
                Error(
                    code="busy",
                    message=f"the display changes faster than a picture of {self.size[0]}x{self.size[1]} can be taken",
                    where="size",
                    retryable=True,
                    hint="take a smaller one, or when nothing draws on the display",
                )
            )
        self._plan, self._shown = plan, shown
        self._done = {box: self._done[box] for box in kept or ()}
        return kept is None

    def _keep(self, plan: PiecePlan, shown: tuple[int, model.Display | None]) -> set[PieceBox] | None:
        """Return the pieces in which nothing has changed; None where other things than overlays may have.

        Overlays are seen also in small; of an image or mask most pixels are not.
        """
        before = self._plan
        if before is None or self._shown is None or shown[0] != self._shown[0]:
            return None
        if before.small is None or plan.small is None or plan.boxes != before.boxes or plan.view != before.view:
            return None
        old, new = self._shown[1], shown[1]
        if old is None or new is None:
            return None
        if msgspec.structs.replace(old, overlays=new.overlays, erased_key=new.erased_key) != new:
            return None
        changed = SmallPicture((before.small != plan.small).any(axis=2), plan.scale)
        return set(self._done).difference(find_touched(plan.boxes, changed, self.size))

    def take(self, boxes: Sequence[PieceBox], pieces: Pieces) -> None:
        """Keep pieces, unless the user has moved the view.

        Parameters
        ----------
        boxes : sequence of `~mtvd.stage.port.PieceBox`
            Their places, and perhaps those of more.
        pieces : `~mtvd.stage.port.Pieces`
            As many as there was time for.
        """
        if self._plan is None or pieces.view != self._plan.view:
            self._plan = None
            return
        for box, piece in zip(boxes, pieces.pixels, strict=False):
            self._done[box] = piece

    async def encode(self, image_format: str) -> bytes:
        """Return the bytes of a PNG or JPEG file."""
        return await anyio.to_thread.run_sync(self._encode, image_format)

    def put_together(self) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.uint8]]]:
        """Return the picture, once it is whole.

        Returns
        -------
        rows : `numpy.ndarray`
            Rows as a PNG file has them: each begins with 0, which says that it is not filtered.
        pixels : `numpy.ndarray`
            ``(y, x, rgb)``: a view of them.
        """
        assert self._plan is not None
        width, height = self.size
        rows = np.empty((height, 1 + 3 * width), "u1")
        rows[:, 0] = 0
        rows[:, 1:] = np.tile(np.array(self._plan.background, "u1"), width)
        pixels = rows[:, 1:].reshape(height, width, 3)
        for box, piece in self._done.items():
            pixels[box.top : box.top + box.height, box.left : box.left + box.width] = piece
        return rows, pixels

    def _encode(self, image_format: str) -> bytes:
        rows, pixels = self.put_together()
        if image_format == "png":
            return _png(rows)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "jpeg", quality=_JPEG_QUALITY)
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
