"""The files that DS9 maps or reads: images are checked, colour layers of masks and the text of many regions are
written, before a script names them.

A layer lives from its batch until another image or mask takes its place on the frame, so that the pixel directory tells
what DS9 holds. DS9's own mapping outlives the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mtv.wire.errors import DaemonError, RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.host.system import error_of
from mtvd.scene import actions
from mtvd.stage.paint import fits_bytes
from mtvd.stage.paint.maskfiles import Change, MaskFiles, change, overgrown
from mtvd.stage.paint.regions import region_text
from mtvd.stage.paint.script import LayerFile, PatchFile, Prepared
from mtvd.stage.port import Batch, SectionResult

_MANY_MARKERS: Final = 1_000
_CLEARING: Final = (actions.LoadImage, actions.ResetFrame, actions.DeleteFrame)
"""Actions that take the masks of a frame away."""


class LayerFiles:
    """Layers of all frames of one window.

    Parameters
    ----------
    pixels : `~mtvd.host.pixelstore.PixelStore`
        Where the files of images, masks and layers lie.
    """

    def __init__(self, pixels: PixelStore) -> None:
        self._pixels = pixels
        self._shown: dict[int, MaskFiles] = {}
        self._masks: dict[tuple[int, int], Change] = {}
        self._texts: list[str] = []

    def prepare(self, batch: Batch) -> dict[tuple[int, int], Prepared]:
        """Check the files of a batch and write its mask layers; blocks on memory and disk, for a worker thread."""
        self._discard_made()
        prepared: dict[tuple[int, int], Prepared] = {}
        there: dict[int, MaskFiles | None] = dict(self._shown)
        for index, section in enumerate(batch.sections):
            for at, action in enumerate(section.actions):
                if isinstance(action, _CLEARING):
                    there[action.frame] = None
                if needs_file(action):
                    prepared[index, at] = self._prepare(action, (index, at), there)
        return prepared

    def settle(self, batch: Batch, results: Sequence[SectionResult]) -> None:
        """Remove the layers that the batch has replaced, and those that it has not come to."""
        for index, (section, result) in enumerate(zip(batch.sections, results, strict=True)):
            for at, action in enumerate(section.actions[: result.failed_action]):
                if isinstance(action, _CLEARING):
                    self._drop(action.frame)
                elif isinstance(action, actions.LoadMask):
                    self._keep(action.frame, self._masks.pop((index, at)))
        self._discard_made()

    def clear(self) -> None:
        """Remove all layers: their window is gone."""
        self._discard_made()
        for frame in list(self._shown):
            self._drop(frame)

    def _prepare(self, action: actions.AnyAction, key: tuple[int, int], there: dict[int, MaskFiles | None]) -> Prepared:
        try:
            if isinstance(action, actions.LoadImage):
                _check_image(self._pixels, action.image)
            elif isinstance(action, actions.AddMarkers):
                return self._regions(action)
            elif isinstance(action, actions.LoadMask):
                return self._mask(action, key, there)
        except (RequestError, DaemonError, ValueError) as error:
            return Prepared(refusal=str(error))
        except OSError as error:
            return Prepared(refusal=str(error_of(error, "a file for the window cannot be written")))
        return Prepared()

    def _mask(self, action: actions.LoadMask, key: tuple[int, int], there: dict[int, MaskFiles | None]) -> Prepared:
        before = there.get(action.frame)
        if before is not None and (before.mask != action.mask.file or overgrown(before) or not action.colours):
            before = None
        made = self._masks[key] = change(self._pixels, action.mask, action.colours, before)
        there[action.frame] = made.after
        directory = self._pixels.directory
        return Prepared(
            layers=tuple(LayerFile(f"{directory}/{layer.name}", layer.colour) for layer in made.added),
            patches=tuple(
                PatchFile(f"{directory}/{layer.name}", f"{directory}/{scratch}" if scratch else "", layer.size_bytes)
                for layer, scratch in made.patches
            ),
            keeps_layers=before is not None,
        )

    def _regions(self, action: actions.AddMarkers) -> Prepared:
        text = region_text(action.markers, action.overlay).text
        if not text.isascii():  # Tcl 8.6 would read characters beyond 16 bits as something else
            return Prepared()
        try:
            name, descriptor = self._pixels.create("regions", len(text), "raw")
        except DaemonError:  # no space for it: then it goes within the script
            return Prepared()
        self._texts.append(name)
        with self._pixels.filling(name, descriptor) as file:
            file.write(text.encode())
        return Prepared(regions=f"{self._pixels.directory}/{name}")

    def _keep(self, frame: int, made: Change) -> None:
        before = self._shown.get(frame)
        kept = set(made.after.layers)
        if before is not None:
            self._pixels.recycle(layer.name for layer in before.layers if layer not in kept)
        self._pixels.remove(patch.scratch for patch in made.patches if patch.scratch)
        self._shown[frame] = made.after

    def _drop(self, frame: int) -> None:
        if frame in self._shown:
            self._pixels.recycle(layer.name for layer in self._shown.pop(frame).layers)

    def _discard_made(self) -> None:
        for made in self._masks.values():
            self._pixels.remove(made.names)
        self._masks.clear()
        self._pixels.remove(self._texts)
        self._texts.clear()


def needs_file(action: actions.AnyAction) -> bool:
    """Tell whether an action has files to be checked or written: images, masks, and markers by the thousand.

    10,000 regions cost DS9 75 to 115 ms from a file, and 120 to 140 within a script.
    """
    if isinstance(action, actions.AddMarkers):
        return action.markers.count >= _MANY_MARKERS
    return isinstance(action, actions.LoadImage | actions.LoadMask)


def _check_image(pixels: PixelStore, image: actions.ImageLayer) -> None:
    size = int(np.prod(image.shape_yx)) * np.dtype(image.dtype).itemsize
    pixels.check(image.file, image.header_bytes + fits_bytes.whole_blocks(size), "image")
