"""One transaction on its way from steps to changes: handles looked up, data read, markers packed, values checked."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Awaitable, Callable, Sequence

import anyio
import msgspec
from anyio.abc import TaskGroup

from mtv.shared.tables.positions import Found, find_positions
from mtv.shared.tables.tables import Table
from mtv.wire import markers, steps
from mtv.wire.data import Dataset, Exposure, File, Handle
from mtv.wire.errors import RequestError, bad_value, within
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits
from mtv.wire.messages import Loaded, StepOutcome
from mtvd.host.pixelstore import PixelStore
from mtvd.host.system import translate_refusals
from mtvd.repo.port import OnProgress, Repositories
from mtvd.resolving import kept_limits, table_files
from mtvd.resolving.handles import Handles
from mtvd.resolving.images import Images, Layers, files_of
from mtvd.resolving.limits import check_query, too_large
from mtvd.resolving.marker_columns import pack_markers, pack_positions, wanted_of
from mtvd.resolving.progress import Together
from mtvd.resolving.regions import pack_regions
from mtvd.resolving.resolved import MovieFrame, Resolved
from mtvd.resolving.view_steps import VIEW_STEPS, check_display
from mtvd.scene import changes as ch
from mtvd.scene.actions import ImageLayer
from mtvd.scene.model import Scale


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """Sources of the data that steps name, and limits that the data may not exceed."""

    images: Images
    pixels: PixelStore
    repositories: Repositories
    handles: Handles
    limits: Limits


@dataclasses.dataclass(kw_only=True)
class TransactionResolver:
    """Resolves the steps of one transaction: `take_handles` first, then `read`, then each `change` in turn."""

    sources: Sources
    buffers: Sequence[Buffer]
    key: str
    hold: Callable[[set[str]], None]
    first_image: Callable[[steps.DisplayName], bool]
    progress: Together
    on_image: Callable[[Resolved], None] | None = None
    image: ImageLayer | None = None
    """Shown before its mask."""
    given_away: set[str] = dataclasses.field(default_factory=set)
    """Files of that image."""
    failures: dict[int, Exception] = dataclasses.field(default_factory=dict)
    """Exceptions of the steps that failed, by index of the step."""
    frame: MovieFrame | None = None
    kept_scale: Callable[[steps.Mtv], Scale | None] = lambda _step: None
    """Returns the scale with fixed limits that an image's display keeps for it."""
    resolved: Resolved = dataclasses.field(default_factory=Resolved)
    exposures: dict[int, Exposure] = dataclasses.field(default_factory=dict)
    positions: dict[int, Found] = dataclasses.field(default_factory=dict)
    layers: dict[int, Layers] = dataclasses.field(default_factory=dict)
    """Images and masks behind handles, by index of the step."""
    tables: dict[int, Table] = dataclasses.field(default_factory=dict)
    """Catalogs behind handles, by index of the step."""
    markers: int = 0

    def take_handles(self, wanted: Sequence[steps.AnyStep]) -> None:
        """Take what is behind all handles that are named, before anything is awaited: they may be released then."""
        for index, step in enumerate(wanted):
            if isinstance(step, steps.Mtv | steps.Overlay) and isinstance(step.target, Handle):
                with within(f"steps[{index}]"):
                    self._take(index, step, step.target.handle)

    def _take(self, index: int, step: steps.Mtv | steps.Overlay, handle: str) -> None:
        handles = self.sources.handles
        if isinstance(step, steps.Mtv):
            self.layers[index] = handles.layers(handle)
        else:
            self.tables[index] = table_files.map_catalog(handles.table(handle), self.sources.pixels)
        self.hold(handles.files_of(handle))

    async def read(self, wanted: Sequence[steps.AnyStep]) -> None:
        """Read what steps need from repositories, side by side.

        Parameters
        ----------
        wanted : sequence of steps
            All steps of the transaction.

        Raises
        ------
        Exception
            What the lowest step met.
        """
        if not any(map(_must_read, wanted)):
            return
        async with anyio.create_task_group() as group:
            for index, step in enumerate(wanted):
                if _must_read(step):
                    group.start_soon(self._guard, index, functools.partial(self._read, index, step, group))
        if self.failures:
            raise self.failures[min(self.failures)]

    async def _guard(self, index: int, work: Callable[[], Awaitable[None]]) -> None:
        try:
            with within(f"steps[{index}]"):
                await work()
        except Exception as error:  # noqa: BLE001 - `read` raises it, lowest step first, without an exception group
            self.failures[index] = error

    async def _read(self, index: int, step: steps.AnyStep, group: TaskGroup) -> None:
        if isinstance(step, steps.Query):
            check_query(step, self.sources.limits)
            rows = await self.sources.repositories.query(step, self.progress.part())
            self.resolved.outcomes[index] = StepOutcome(rows=rows)
        elif isinstance(step, steps.Load):
            self.resolved.outcomes[index] = StepOutcome(loaded=await self._load(step))
        elif isinstance(step, steps.Mtv) and isinstance(step.target, Dataset | File):
            self.exposures[index] = await self._exposure(index, step, step.target, group)
            self.resolved.files |= files_of(self.exposures[index])
        elif isinstance(step, steps.Overlay) and isinstance(step.target, Dataset | File):
            read = await self.sources.repositories.positions(step.target, wanted_of(step), self.progress.part())
            self.resolved.files |= table_files.files_of_positions(read)
            self.positions[index] = await anyio.to_thread.run_sync(
                table_files.take_positions, read, self.sources.pixels
            )

    async def _exposure(self, index: int, step: steps.Mtv, target: Dataset | File, group: TaskGroup) -> Exposure:
        progress = self.progress.part()
        if self.on_image is None:
            return await self.sources.repositories.read_for_display(target, progress)

        def show(image: Exposure) -> None:
            self.resolved.files |= files_of(image)
            group.start_soon(self._guard, index, functools.partial(self._show_image, step, image))

        return await self.sources.repositories.read_for_display(target, progress, show)

    async def _show_image(self, step: steps.Mtv, image: Exposure) -> None:
        """Give away the change that shows an image whose mask is still being read."""
        assert self.on_image is not None
        layers = await self.sources.images.layers(self._label(step, image))
        shown = Resolved(changes=(self._show(step, layers),), places=(0,), files=layers.files())
        self.image, self.given_away = layers.image, layers.files()
        self.on_image(shown)

    async def _load(self, step: steps.Load) -> Loaded:
        if not 0 < step.lease_secs <= 86_400:
            raise bad_value("lease_secs", "a lease is longer than 0 s and at most a day")
        self.sources.handles.admit(self._session)
        progress = self.progress.part()
        try:
            exposure = await self.sources.repositories.read_for_display(step.target, progress)
        except RequestError as refusal:
            if (refusal.error.code, refusal.error.where) != ("unsupported", "target"):
                raise
            return await self._load_table(step, progress)
        layers = await self.sources.images.layers(exposure)
        if step.ahead:
            self.sources.repositories.read_ahead(step.ahead)
        return self.sources.handles.add(exposure, layers, lease_secs=step.lease_secs, owner=self._session)

    @property
    def _session(self) -> str:
        """Session of the request."""
        return self.key.rpartition("-")[0]

    async def _load_table(self, step: steps.Load, progress: OnProgress | None) -> Loaded:
        got = await self.sources.repositories.get(step.target, (), on_progress=progress)
        if got.catalog is None:
            raise bad_value("target", "only images and tables are loaded", "get it")
        return self.sources.handles.add_table(got.catalog, lease_secs=step.lease_secs, owner=self._session)

    async def change(self, index: int, step: steps.AnyStep) -> None:
        """Make the change of a step, of what was read for it.

        Parameters
        ----------
        index : `int`
            Place of the step in its transaction.
        step : step
            What is asked for.

        Raises
        ------
        MtvError
            ``where`` names a field of the step.
        """
        if isinstance(step, steps.Query | steps.Load):
            return
        if isinstance(step, steps.Mtv):
            layers = await self._layers(index, step)
            change: ch.AnyChange = self._show(step, layers, await self._note(step, layers.image))
        elif isinstance(step, steps.Overlay):
            change = await self._markers(index, step)
        elif isinstance(step, steps.Regions):
            change = self._regions(index, step)
        else:
            change = VIEW_STEPS[type(step)](step, f"{self.key}.{index}")
        self.resolved.changes += (change,)
        self.resolved.places += (index,)

    async def _note(self, step: steps.Mtv, image: ImageLayer) -> str:
        # A feed's frames and a movie's next ones are in a hurry, and nobody reads their notes: they are not looked at.
        hurried = image.stream or (self.frame is not None and not self.frame.begins)
        scale = None if hurried else self.kept_scale(step)
        if scale is None:
            return ""
        with translate_refusals("a pixel file cannot be mapped"):
            return await anyio.to_thread.run_sync(kept_limits.note_of, self.sources.pixels, image, scale)

    async def _layers(self, index: int, step: steps.Mtv) -> Layers:
        if isinstance(step.target, int):
            self._take(index, step, self._loaded_before(index, step.target))
        if isinstance(step.target, int | Handle):
            return self.layers[index]  # the header is another's too: `_show` names the image
        if isinstance(step.target, Exposure):
            layers = await self.sources.images.layers(step.target, self.buffers)
        else:
            layers = await self.sources.images.layers(self._label(step, self.exposures[index]), image=self.image)
        self.resolved.files |= layers.files()
        return layers

    def _label(self, step: steps.Mtv, exposure: Exposure) -> Exposure:
        if step.label:
            exposure = msgspec.structs.replace(exposure, label=self._title(step), caption="")
        if self.frame is None:
            return exposure
        place = f" ({self.frame.place})"
        caption = exposure.caption and exposure.caption + place
        return msgspec.structs.replace(exposure, label=(exposure.label + place).lstrip(), caption=caption)

    def _title(self, step: steps.Mtv) -> str:
        return markers.check_text(step.label, "label", text_chars=self.sources.limits.text_chars)

    def _loaded_before(self, index: int, target: int) -> str:
        outcome = self.resolved.outcomes.get(target) if target < index else None
        if outcome is None or outcome.loaded is None:
            raise bad_value("target", f"step {target} is no load before this step")
        return outcome.loaded.handle

    def _show(self, step: steps.Mtv, layers: Layers, note: str = "") -> ch.ShowImage:
        display, image = check_display(step.display), layers.image
        if step.label and self.frame is None:
            image = msgspec.structs.replace(image, label=self._title(step), caption="")
        return ch.ShowImage(
            display=display,
            image=image,
            mask=layers.mask,
            to_front=self.first_image(display),
            completes=self.image is not None,
            movie=self.frame.movie if self.frame else "",
            begins=self.frame is not None and self.frame.begins,
            note=note,
        )

    async def _markers(self, index: int, step: steps.Overlay) -> ch.AddMarkers:
        found = None if step.target is None else await self._find(index, step)
        limits, key = self.sources.limits, f"{self.key}.{index}"
        if found is not None:
            packed, left_out = pack_positions(step, found, key, limits), found.left_out
        else:
            packed, left_out = pack_markers(step, self.buffers, key, limits)
        self._count(packed.count)
        return ch.AddMarkers(
            display=check_display(step.display),
            overlay=markers.check_text(step.name, "name", text_chars=limits.text_chars),
            markers=packed,
            replace=step.replace,
            lasting=step.lasting,
            note=_left_out(left_out),
        )

    def _regions(self, index: int, step: steps.Regions) -> ch.AddMarkers:
        self._count(len(step.regions))
        return pack_regions(step, f"{self.key}.{index}", self.sources.limits)

    def _count(self, markers: int) -> None:
        self.markers += markers
        if self.markers > self.sources.limits.markers:
            raise too_large(self.markers, self.sources.limits.markers, "markers", "")

    async def _find(self, index: int, step: steps.Overlay) -> Found:
        if index in self.positions:
            return self.positions[index]
        if isinstance(step.target, int):
            self._take(index, step, self._loaded_before(index, step.target))
        limits = self.sources.limits
        read = functools.partial(find_positions, most_markers=limits.markers, most_chars=limits.select_chars)
        return await anyio.to_thread.run_sync(read, self.tables[index], wanted_of(step))


def _must_read(step: steps.AnyStep) -> bool:
    if isinstance(step, steps.Mtv | steps.Overlay):
        return isinstance(step.target, Dataset | File)
    return isinstance(step, steps.Query | steps.Load)


def _left_out(rows: int) -> str:
    return f"{rows} row{'s' * (rows > 1)} without a position left out" if rows else ""
