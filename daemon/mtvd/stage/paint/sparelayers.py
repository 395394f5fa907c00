"""Layers of masks in other cells than those that are shown, kept while the mask is: a zoom back needs no new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from mtv.wire.errors import DaemonError
from mtvd.host.pixelstore import PixelStore
from mtvd.stage.paint.maskfiles import Change, Layer, MaskFiles

_MOST_BYTES: Final = 64 << 20
"""Layers of a full exposure in all cells are 30 to 60 MB; to make them takes 15 to 30 ms of a zoom's 50."""
_BUDGET_PART: Final = 16


class _Spare(NamedTuple):
    frame: int
    colours: tuple[tuple[str, str], ...]
    files: MaskFiles


class SpareLayers:
    """Layers that no frame shows, within a part of the budget; the oldest go first.

    Parameters
    ----------
    pixels : `~mtvd.host.pixelstore.PixelStore`
        Where their files lie.
    """

    def __init__(self, pixels: PixelStore) -> None:
        self._pixels = pixels
        self._spares: list[_Spare] = []

    def put(self, frame: int, colours: Sequence[tuple[str, str]], files: MaskFiles) -> None:
        """Keep the layers that a frame showed in these colours."""
        try:
            self._spares.append(_Spare(frame, tuple(colours), self._rename(files, "spare")))
        except (OSError, DaemonError):
            self._let_go(files)
        most_bytes = min(_MOST_BYTES, self._pixels.budget_bytes // _BUDGET_PART)
        while sum(layer.size_bytes for spare in self._spares for layer in spare.files.layers) > most_bytes:
            self._let_go(self._spares.pop(0).files)

    def take(self, frame: int, mask: str, colours: Sequence[tuple[str, str]], cell: int) -> Change | None:
        """Return the layers of a mask in these colours and cells, to be loaded, or None; they are the caller's then."""
        for at, spare in enumerate(self._spares):
            files = spare.files
            if (spare.frame, spare.colours, files.mask, files.cell) == (frame, tuple(colours), mask, cell):
                del self._spares[at]
                try:
                    files = self._rename(files, "layer")
                except (OSError, DaemonError):
                    self._let_go(files)
                    return None
                return Change(files, (), files.layers)
        return None

    def drop(self, frame: int) -> None:
        """Let go of the layers of a frame, which shows another mask or none."""
        for spare in [spare for spare in self._spares if spare.frame == frame]:
            self._spares.remove(spare)
            self._let_go(spare.files)

    def _rename(self, files: MaskFiles, kind: str) -> MaskFiles:
        """Name files by what they are, so that who looks at the directory can tell; all go where one is gone."""
        layers: list[Layer] = []
        try:
            layers.extend(layer._replace(name=self._pixels.adopt(layer.name, kind)) for layer in files.layers)
        except BaseException:
            self._pixels.remove(layer.name for layer in layers)
            raise
        return files._replace(layers=tuple(layers))

    def _let_go(self, files: MaskFiles) -> None:
        self._pixels.recycle(layer.name for layer in files.layers)
