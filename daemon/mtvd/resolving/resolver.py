"""Resolve: from the steps of a request to changes that need nothing more.

Pixels are found or read, FITS headers are written in front of them, markers are packed, values are checked. What is
refused is refused here, before anything moves. No window and no socket.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Awaitable, Callable, Sequence

import anyio
import msgspec
from anyio.abc import TaskGroup

from mtv.wire import markers, steps
from mtv.wire.data import Array, Dataset, Exposure, File, Handle
from mtv.wire.errors import Error, RequestError, bad_value, within
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits
from mtv.wire.messages import Loaded, StepOutcome
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.port import OnProgress, Repositories
from mtvd.repo.tables.positions import Found, find_positions
from mtvd.repo.tables.tables import Table
from mtvd.resolving import table_files
from mtvd.resolving.handles import Handles
from mtvd.resolving.images import Images, Layers, files_of
from mtvd.resolving.marker_columns import pack_markers, pack_positions, wanted_of
from mtvd.resolving.progress import Together
from mtvd.resolving.view_steps import VIEW_STEPS, check_display
from mtvd.scene import changes as ch
from mtvd.scene.actions import ImageLayer


class Resolved(msgspec.Struct, kw_only=True):
    """A transaction that needs nothing more."""

    changes: tuple[ch.AnyChange, ...] = ()
    places: tuple[int, ...] = ()
    """Index of each change's step."""
    outcomes: dict[int, StepOutcome] = {}
    """Of the steps that change no display: `Query` and `Load`."""
    files: set[str] = set()
    """Pixel files that the changes brought along; nobody else's until the scene has them."""


class MovieFrame(msgspec.Struct, frozen=True, kw_only=True):
    """What makes an image a frame of a movie."""

    movie: str
    """Id of the movie."""
    place: str
    """Its place in the movie, for its label."""
    begins: bool
    """True for the first frame that the movie shows."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resolver:
    """Makes changes of steps; the collaborators are given."""

    images: Images
    pixels: PixelStore
    repositories: Repositories
    handles: Handles
    limits: Limits

    async def resolve(
        self,
        wanted: Sequence[steps.AnyStep],
        buffers: Sequence[Buffer],
        *,
        key: str,
        hold: Callable[[set[str]], None],
        first_image: Callable[[steps.Display], bool],
        on_progress: OnProgress | None = None,
        on_image: Callable[[Resolved], None] | None = None,
        frame: MovieFrame | None = None,
    ) -> Resolved:
        """Resolve all steps; those that must read do so side by side.

        Parameters
        ----------
        key : `str`
            Request id.
        hold : callable
            Called with the names of pixel files of a handle: they must stay while the request is under way, also where
            the handle is released.
        first_image : callable
            Tells whether this is the client's first image on a display.
        on_image : callable, optional
            Called where a lone `Mtv` has its image before its mask, with what shows the image alone. Its files are the
            callee's from then on; where all goes well, they are among those that are returned too.
        frame : `MovieFrame`, optional
            Of what movie the images are frames.

        Raises
        ------
        MtvError
            ``where`` begins with ``steps[i]``; files made on the way are removed.
        """
        check_size(wanted, self.limits)
        work = _Work(
            room=self,
            buffers=buffers,
            key=key,
            hold=hold,
            first_image=first_image,
            progress=Together(on_progress),
            frame=frame,
        )
        work.on_image = on_image if len(wanted) == 1 else None
        try:
            work.take_handles(wanted)
            await work.read(wanted)
            for index, step in enumerate(wanted):
                with within(f"steps[{index}]"):
                    await work.change(index, step)
        except BaseException:
            self.images.discard(work.resolved.files - work.given_away)
            raise
        return work.resolved

    def abandon(self, wanted: Sequence[steps.AnyStep]) -> None:
        """Remove the pixel files that steps bring along and nobody has taken over: they will not be drawn."""
        for step in wanted:
            if isinstance(step, steps.Mtv) and isinstance(step.target, Exposure):
                self.images.abandon(step.target)


@dataclasses.dataclass(kw_only=True)
class _Work:
    """The resolving of one transaction."""

    room: Resolver
    buffers: Sequence[Buffer]
    key: str
    hold: Callable[[set[str]], None]
    first_image: Callable[[steps.Display], bool]
    progress: Together
    on_image: Callable[[Resolved], None] | None = None
    image: ImageLayer | None = None
    """Shown before its mask."""
    given_away: set[str] = dataclasses.field(default_factory=set)
    """Files of that image."""
    failures: dict[int, Exception] = dataclasses.field(default_factory=dict)
    """By step."""
    frame: MovieFrame | None = None
    resolved: Resolved = dataclasses.field(default_factory=Resolved)
    exposures: dict[int, Exposure] = dataclasses.field(default_factory=dict)
    positions: dict[int, Found] = dataclasses.field(default_factory=dict)
    layers: dict[int, Layers] = dataclasses.field(default_factory=dict)
    """Of handles, by step."""
    tables: dict[int, Table] = dataclasses.field(default_factory=dict)
    """The same."""
    markers: int = 0

    def take_handles(self, wanted: Sequence[steps.AnyStep]) -> None:
        """Take what is behind all handles that are named, before anything is awaited: they may be released then."""
        for index, step in enumerate(wanted):
            if isinstance(step, steps.Mtv | steps.Overlay) and isinstance(step.target, Handle):
                with within(f"steps[{index}]"):
                    self._take(index, step, step.target.handle)

    def _take(self, index: int, step: steps.Mtv | steps.Overlay, handle: str) -> None:
        handles = self.room.handles
        if isinstance(step, steps.Mtv):
            self.layers[index] = handles.layers(handle)
        else:
            self.tables[index] = table_files.mapped(handles.table(handle), self.room.pixels)
        self.hold(handles.files_of(handle))

    async def read(self, wanted: Sequence[steps.AnyStep]) -> None:
        if not any(map(_must_read, wanted)):
            return
        async with anyio.create_task_group() as group:
            for index, step in enumerate(wanted):
                if _must_read(step):
                    group.start_soon(self._guarded, index, functools.partial(self._read, index, step, group))
        if self.failures:
            raise self.failures[min(self.failures)]

    async def _guarded(self, index: int, work: Callable[[], Awaitable[None]]) -> None:
        try:
            with within(f"steps[{index}]"):
                await work()
        except Exception as error:  # noqa: BLE001 - `read` raises it, lowest step first, without an exception group
            self.failures[index] = error

    async def _read(self, index: int, step: steps.AnyStep, group: TaskGroup) -> None:
        if isinstance(step, steps.Query):
            check_query(step, self.room.limits)
            rows = await self.room.repositories.query(step, self.progress.part())
            self.resolved.outcomes[index] = StepOutcome(rows=rows)
        elif isinstance(step, steps.Load):
            self.resolved.outcomes[index] = StepOutcome(loaded=await self._load(step))
        elif isinstance(step, steps.Mtv) and isinstance(step.target, Dataset | File):
            self.exposures[index] = await self._exposure(index, step, step.target, group)
            self.resolved.files |= files_of(self.exposures[index])
        elif isinstance(step, steps.Overlay) and isinstance(step.target, Dataset | File):
            read = await self.room.repositories.positions(step.target, wanted_of(step), self.progress.part())
            self.resolved.files |= table_files.files_of_positions(read)
            self.positions[index] = await anyio.to_thread.run_sync(table_files.taken, read, self.room.pixels)

    async def _exposure(self, index: int, step: steps.Mtv, target: Dataset | File, group: TaskGroup) -> Exposure:
        progress = self.progress.part()
        if self.on_image is None:
            return await self.room.repositories.read_for_display(target, progress)

        def show(image: Exposure) -> None:
            self.resolved.files |= files_of(image)
            group.start_soon(self._guarded, index, functools.partial(self._show_image, step, image))

        return await self.room.repositories.read_for_display(target, progress, show)

    async def _show_image(self, step: steps.Mtv, image: Exposure) -> None:
        """Hand over what shows an image whose mask is still being read."""
        assert self.on_image is not None
        layers = await self.room.images.layers(image)
        shown = Resolved(changes=(self._shown(step, layers),), places=(0,), files=layers.files())
        self.image, self.given_away = layers.image, layers.files()
        self.on_image(shown)

    async def _load(self, step: steps.Load) -> Loaded:
        if not 0 < step.lease_secs <= 86_400:
            raise bad_value("lease_secs", "a lease is longer than 0 s and at most a day")
        self.room.handles.admit(self._session)
        progress = self.progress.part()
        try:
            exposure = await self.room.repositories.read_for_display(step.target, progress)
        except RequestError as refusal:
            if (refusal.error.code, refusal.error.where) != ("unsupported", "target"):
                raise
            return await self._load_table(step, progress)
        layers = await self.room.images.layers(exposure)
        if step.ahead:
            self.room.repositories.read_ahead(step.ahead)
        return self.room.handles.add(exposure, layers, lease_secs=step.lease_secs, owner=self._session)

    @property
    def _session(self) -> str:
        """Session of the request."""
        return self.key.rpartition("-")[0]

    async def _load_table(self, step: steps.Load, progress: OnProgress | None) -> Loaded:
        got = await self.room.repositories.get(step.target, (), on_progress=progress)
        if got.catalog is None:
            raise bad_value("target", "only images and tables are loaded", "get it")
        return self.room.handles.add_table(got.catalog, lease_secs=step.lease_secs, owner=self._session)

    async def change(self, index: int, step: steps.AnyStep) -> None:
        if isinstance(step, steps.Query | steps.Load):
            return
        if isinstance(step, steps.Mtv):
            change: ch.AnyChange = self._shown(step, await self._layers(index, step))
        elif isinstance(step, steps.Overlay):
            change = await self._markers(index, step)
        else:
            change = VIEW_STEPS[type(step)](step, f"{self.key}.{index}")
        self.resolved.changes += (change,)
        self.resolved.places += (index,)

    async def _layers(self, index: int, step: steps.Mtv) -> Layers:
        if isinstance(step.target, int):
            self._take(index, step, self._loaded_before(index, step.target))
        if isinstance(step.target, int | Handle):
            return self.layers[index]
        if isinstance(step.target, Exposure):
            layers = await self.room.images.layers(step.target, self.buffers)
        else:
            layers = await self.room.images.layers(self._labelled(self.exposures[index]), image=self.image)
        self.resolved.files |= layers.files()
        return layers

    def _labelled(self, exposure: Exposure) -> Exposure:
        if self.frame is None:
            return exposure
        return msgspec.structs.replace(exposure, label=f"{exposure.label} ({self.frame.place})".lstrip())

    def _loaded_before(self, index: int, target: int) -> str:
        outcome = self.resolved.outcomes.get(target) if target < index else None
        if outcome is None or outcome.loaded is None:
            raise bad_value("target", f"step {target} is no load before this step")
        return outcome.loaded.handle

    def _shown(self, step: steps.Mtv, layers: Layers) -> ch.ShowImage:
        display = check_display(step.display)
        return ch.ShowImage(
            display=display,
            image=layers.image,
            mask=layers.mask,
            to_front=self.first_image(display),
            completes=self.image is not None,
            movie=self.frame.movie if self.frame else "",
            begins=self.frame is not None and self.frame.begins,
        )

    async def _markers(self, index: int, step: steps.Overlay) -> ch.AddMarkers:
        found = None if step.target is None else await self._found(index, step)
        limits, key = self.room.limits, f"{self.key}.{index}"
        if found is not None:
            packed, left_out = pack_positions(step, found, key, limits), found.left_out
        else:
            packed, left_out = pack_markers(step, self.buffers, key, limits)
        self.markers += packed.count
        if self.markers > limits.markers:
            raise _too_large(self.markers, limits.markers, "markers", "")
        return ch.AddMarkers(
            display=check_display(step.display),
            overlay=markers.check_text(step.name, "name", text_chars=limits.text_chars),
            markers=packed,
            replace=step.replace,
            lasting=step.lasting,
            note=_left_out(left_out),
        )

    async def _found(self, index: int, step: steps.Overlay) -> Found:
        if index in self.positions:
            return self.positions[index]
        if isinstance(step.target, int):
            self._take(index, step, self._loaded_before(index, step.target))
        limits = self.room.limits
        read = functools.partial(find_positions, most_markers=limits.markers, most_chars=limits.select_chars)
        return await anyio.to_thread.run_sync(read, self.tables[index], wanted_of(step))


def check_size(wanted: Sequence[steps.AnyStep], limits: Limits) -> None:
    """Check the number of steps and of markers.

    Raises
    ------
    RequestError
        ``too_large``, or ``bad_value`` where there are no steps.
    """
    if not wanted:
        raise bad_value("steps", "the transaction has no steps")
    if len(wanted) > limits.steps:
        raise _too_large(len(wanted), limits.steps, "steps")
    count = sum(_rows(step.x) for step in wanted if isinstance(step, steps.Overlay))
    if count > limits.markers:
        raise _too_large(count, limits.markers, "markers")


def check_query(query: steps.Query, limits: Limits) -> None:
    """Check what needs no registry: the length of a query's expression, and what goes with ``since``.

    Raises
    ------
    RequestError
        ``too_large``, naming ``where``; ``bad_value``, naming ``since``.
    """
    if query.since and (query.what != "datasets" or query.order_by or query.cursor or query.limit is not None):
        message = "what has come since is told of datasets, in the order of their coming"
        raise bad_value("since", message, "leave order_by, limit and cursor out")
    if len(query.where) > limits.where_chars:
        message = f"the expression has {len(query.where)} characters, at most {limits.where_chars} are read"
        raise RequestError(Error(code="too_large", message=message, where="where", hint="ask in several queries"))


def _must_read(step: steps.AnyStep) -> bool:
    if isinstance(step, steps.Mtv | steps.Overlay):
        return isinstance(step.target, Dataset | File)
    return isinstance(step, steps.Query | steps.Load)


def _left_out(rows: int) -> str:
    return f"{rows} row{'s' * (rows > 1)} without a position left out" if rows else ""


def _rows(column: Array | tuple[float, ...] | str) -> int:
    if isinstance(column, str):  # of a table, whose rows are counted once it is read
        return 0
    return math.prod(column.shape) if isinstance(column, Array) else len(column)


def _too_large(size: int, limit: int, what: str, where: str = "steps") -> RequestError:
    message = f"{size} {what} are over the limit of {limit}"
    return RequestError(Error(code="too_large", message=message, where=where, hint="send several transactions"))
