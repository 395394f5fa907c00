"""The files that DS9 maps or reads: images are checked, colour layers of masks, copies of a stream's images and the
text of many regions are written, before a script names them.

A layer lives from its batch until another image or mask takes its place on the frame, so that the pixel directory tells
what DS9 holds. DS9's own mapping outlives the file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

from mtv.wire.errors import DaemonError, RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.host.system import error_of
from mtvd.scene import actions
from mtvd.stage.paint.maskfiles import Change, Layer, MaskFiles, change, overgrown
from mtvd.stage.paint.regions import region_text
from mtvd.stage.paint.renewing import Stream, can_renew, carry_out, file_bytes, renew_mask
from mtvd.stage.paint.script import LayerFile, PatchFile, Prepared
from mtvd.stage.paint.sparelayers import SpareLayers
from mtvd.stage.paint.zooms import Zooms
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
        self._streams: dict[int, Stream] = {}
        self.zooms = Zooms()
        self._cells: dict[int, int] = {}
        """Cells in which the batch that is prepared draws masks, by frame."""
        self._loaded: dict[int, actions.LoadMask] = {}
        """Masks that frames show."""
        self._spares = SpareLayers(pixels)
        self._masks: dict[tuple[int, int], Change] = {}
        self._begun: dict[tuple[int, int], Stream] = {}
        self._renewed: dict[tuple[int, int], bool] = {}
        """Images that are written over, and True where the layers of the mask stay."""
        self._writes: dict[tuple[int, int], Callable[[], None]] = {}
        self._texts: list[str] = []
        pixels.on_loans_ended = self._forget

    @property
    def writes(self) -> bool:
        """True where the batch that was prepared writes over what DS9 has mapped; see `carry_out`."""
        return bool(self._writes)

    def prepare(self, batch: Batch) -> dict[tuple[int, int], Prepared]:
        """Check the files of a batch and write its mask layers; blocks on memory and disk, for a worker thread."""
        self._discard_made()
        self._cells = self.zooms.expect(batch)
        prepared: dict[tuple[int, int], Prepared] = {}
        there = _There(dict(self._shown), dict(self._streams))
        for index, section in enumerate(batch.sections):
            for at, action in enumerate(section.actions):
                if isinstance(action, actions.LoadImage):
                    after = section.actions[at + 1] if at + 1 < len(section.actions) else None
                    prepared[index, at] = self._image(action, after, (index, at), there)
                elif isinstance(action, actions.SetZoom):
                    prepared[index, at] = self._prepare_zoom(action, (index, at), there)
                elif needs_file(action):
                    prepared[index, at] = self._prepare(action, (index, at), there)
                elif isinstance(action, _CLEARING):
                    there.clear(action.frame)
        return prepared

    def carry_out(self) -> dict[tuple[int, int], Prepared]:
        """Write over what DS9 has mapped; return the refusals of actions for which that failed. DS9 must be held."""
        refused: dict[tuple[int, int], Prepared] = {}
        for key, write in self._writes.items():
            try:
                write()
            except (RequestError, DaemonError) as error:
                refused[key] = Prepared(refusal=str(error))
            except OSError as error:
                refused[key] = Prepared(refusal=str(error_of(error, "a file for the window cannot be written")))
        self._writes.clear()
        return refused

    def settle(self, batch: Batch, results: Sequence[SectionResult]) -> None:
        """Remove the layers that the batch has replaced, and those that it has not come to."""
        for index, (section, result) in enumerate(zip(batch.sections, results, strict=True)):
            for at, action in enumerate(section.actions[: result.failed_action]):
                if isinstance(action, _CLEARING):
                    if (index, at) not in self._renewed:
                        self._drop(action.frame)
                    elif not self._renewed[index, at]:
                        self._drop_layers(action.frame)
                    if stream := self._begun.pop((index, at), None):
                        self._streams[action.frame] = stream
                elif isinstance(action, actions.LoadMask):
                    self._keep(action.frame, self._masks.pop((index, at)))
                    self._loaded[action.frame] = action
                elif isinstance(action, actions.SetZoom) and (index, at) in self._masks:
                    self._exchange(action.frame, self._masks.pop((index, at)))
        self._discard_made()

    def clear(self) -> None:
        """Remove all layers: their window is gone."""
        self._discard_made()
        for frame in {*self._shown, *self._streams}:
            self._drop(frame)
        self.zooms.clear()

    @property
    def masked(self) -> bool:
        """True where a frame has a mask."""
        return bool(self._loaded)

    def misfits(self) -> list[int]:
        """Return the frames whose masks are drawn in other cells than their zooms want."""
        return [frame for frame, shown in self._shown.items() if shown.layers and shown.cell != self.zooms.cell(frame)]

    def refine(self, frame: int) -> tuple[Change, tuple[LayerFile, ...]]:
        """Write the layers of a frame's mask in the cells that its zoom wants; blocks on memory, for a worker thread.

        Raises
        ------
        RequestError, DaemonError, OSError
            The mask's file is gone; there is no space.
        """
        made = self._in_cells(frame, self.zooms.cell(frame))
        return made, self._files_of(made.added)

    def settle_refined(self, frame: int, made: Change, *, loaded: bool) -> None:
        """Remove the layers that were replaced, or those that were made for nothing."""
        if loaded:
            self._exchange(frame, made)
        else:
            self._pixels.remove(made.names)

    def _prepare(self, action: actions.AnyAction, key: tuple[int, int], there: _There) -> Prepared:
        try:
            if isinstance(action, actions.AddMarkers):
                return self._regions(action)
            if isinstance(action, actions.LoadMask):
                return self._mask(action, key, there)
        except (RequestError, DaemonError, ValueError) as error:
            return Prepared(refusal=str(error))
        except OSError as error:
            return Prepared(refusal=str(error_of(error, "a file for the window cannot be written")))
        return Prepared()

    def _image(
        self, action: actions.LoadImage, after: actions.AnyAction | None, key: tuple[int, int], there: _There
    ) -> Prepared:
        frame, image = action.frame, action.image
        try:
            _check_image(self._pixels, image)
            stream = there.streams.get(frame) if action.alike else None
            if stream is not None and stream.takes(image):
                return self._renewed_image(action, stream, after, key, there)
            there.clear(frame)
            if action.alike:
                return self._begin_stream(action, key, there)
        except (RequestError, DaemonError, ValueError) as error:
            return Prepared(refusal=str(error))
        except OSError as error:
            return Prepared(refusal=str(error_of(error, "a file for the window cannot be read")))
        return Prepared()

    def _renewed_image(
        self,
        action: actions.LoadImage,
        stream: Stream,
        after: actions.AnyAction | None,
        key: tuple[int, int],
        there: _There,
    ) -> Prepared:
        frame = action.frame
        layers = there.masks.get(frame)
        if not (
            layers
            and isinstance(after, actions.LoadMask)
            and after.colours
            and can_renew(layers, after.mask, self._cells[frame])
        ):
            there.masks[frame] = layers = None
        self._renewed[key] = layers is not None
        self._writes[key] = functools.partial(stream.copy, action.image)
        there.streams.pop(frame)  # once a batch: another image of it is loaded
        there.renewed.add(frame)
        return Prepared(
            image=f"{self._pixels.directory}/{stream.file}",
            renews=True,
            layers=self._files_of(layers.layers) if layers else (),
        )

    def _begin_stream(self, action: actions.LoadImage, key: tuple[int, int], there: _There) -> Prepared:
        try:
            stream = self._begun[key] = Stream(self._pixels, action.image)
        except DaemonError:  # no room for a copy: then each image is loaded
            return Prepared()
        there.renewed.add(action.frame)
        return Prepared(image=f"{self._pixels.directory}/{stream.file}")

    def _mask(self, action: actions.LoadMask, key: tuple[int, int], there: _There) -> Prepared:
        before, cell = there.masks.get(action.frame), self._cells[action.frame]
        if action.frame in there.renewed and action.colours:
            made, writes = renew_mask(self._pixels, action.mask, action.colours, before, cell)
            if writes:
                self._writes[key] = functools.partial(carry_out, self._pixels, writes)
        else:
            if before is not None and not (action.colours and _can_patch(before, action.mask, cell)):
                before = None
            made = change(self._pixels, action.mask, action.colours, before, cell)
        self._masks[key] = made
        there.masks[action.frame] = made.after
        there.renewed.discard(action.frame)
        directory = self._pixels.directory
        return Prepared(
            layers=self._files_of(made.added),
            patches=tuple(
                PatchFile(f"{directory}/{layer.name}", f"{directory}/{scratch}" if scratch else "", layer.size_bytes)
                for layer, scratch in made.patches
            ),
            keeps_layers=before is not None,
            present=tuple(made.after.contents),
        )

    def _prepare_zoom(self, action: actions.SetZoom, key: tuple[int, int], there: _There) -> Prepared:
        """Write the layers that a zoom wants, so that DS9 draws once; where it fails, `refine` tries again."""
        frame, cell = action.frame, self._cells[action.frame]
        shown = there.masks.get(frame)
        if shown is None or shown is not self._shown.get(frame) or not shown.layers or shown.cell == cell:
            return Prepared()
        try:
            made = self._in_cells(frame, cell)
        except (RequestError, DaemonError, OSError):
            return Prepared()
        self._masks[key] = made
        there.masks[frame] = made.after
        return Prepared(layers=self._files_of(made.added))

    def _in_cells(self, frame: int, cell: int) -> Change:
        """Return the layers of a frame's mask in cells: those of an earlier zoom, or new ones."""
        action = self._loaded[frame]
        mask, colours = action.mask, action.colours
        return self._spares.take(frame, mask.file, colours, cell) or change(self._pixels, mask, colours, cell=cell)

    def _exchange(self, frame: int, made: Change) -> None:
        """Take note that a frame shows its mask in other cells, and spare those of before."""
        before, self._shown[frame] = self._shown[frame], made.after
        if frame in self._streams:  # its next image has other ones
            self._pixels.recycle(layer.name for layer in before.layers)
        else:
            self._spares.put(frame, self._loaded[frame].colours, before)

    def _files_of(self, layers: Sequence[Layer]) -> tuple[LayerFile, ...]:
        return tuple(LayerFile(f"{self._pixels.directory}/{layer.name}", layer.colour) for layer in layers)

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
        self._spares.drop(frame)
        kept = set(made.after.layers)
        if before is not None:
            self._pixels.recycle(layer.name for layer in before.layers if layer not in kept)
        self._pixels.remove(patch.scratch for patch in made.patches if patch.scratch)
        self._shown[frame] = made.after

    def _drop(self, frame: int) -> None:
        self._drop_layers(frame)
        if stream := self._streams.pop(frame, None):
            stream.end()

    def _drop_layers(self, frame: int) -> None:
        self._loaded.pop(frame, None)
        self._spares.drop(frame)
        if frame in self._shown:
            self._pixels.recycle(layer.name for layer in self._shown.pop(frame).layers)

    def _forget(self, names: set[str]) -> None:
        for stream in [*self._streams.values(), *self._begun.values()]:
            stream.forget(names)

    def _discard_made(self) -> None:
        for made in self._masks.values():
            self._pixels.remove(made.names)
        for stream in self._begun.values():
            stream.end()
        self._pixels.remove(self._texts)
        for noted in (self._masks, self._begun, self._renewed, self._writes, self._texts):
            noted.clear()


class _There:
    """Masks and streams of all frames as they will be when an action comes."""

    def __init__(self, shown: dict[int, MaskFiles], streams: dict[int, Stream]) -> None:
        self.masks: dict[int, MaskFiles | None] = {**shown}
        self.streams = streams
        self.renewed: set[int] = set()
        """Frames whose last action was the next image of a stream."""

    def clear(self, frame: int) -> None:
        """Take note that a frame is emptied."""
        self.masks[frame] = None
        self.streams.pop(frame, None)
        self.renewed.discard(frame)


def needs_file(action: actions.AnyAction) -> bool:
    """Tell whether an action has files to be checked or written: images, masks, and markers by the thousand.

    10,000 regions cost DS9 75 to 115 ms from a file, and 120 to 140 within a script.
    """
    if isinstance(action, actions.AddMarkers):
        return action.markers.count >= _MANY_MARKERS
    return isinstance(action, actions.LoadImage | actions.LoadMask)


def _can_patch(before: MaskFiles, mask: actions.MaskLayer, cell: int) -> bool:
    return (before.mask, before.cell) == (mask.file, cell) and not overgrown(before)


def _check_image(pixels: PixelStore, image: actions.ImageLayer) -> None:
    pixels.check(image.file, file_bytes(image), "image")
