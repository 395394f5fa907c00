"""The real keeper of repositories: names are resolved here, everything else is asked of worker processes."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec
import platformdirs
from anyio.abc import TaskStatus

from mtv.shared.tables.positions import Positions, Wanted
from mtv.wire.data import Dataset, Exposure, File
from mtv.wire.errors import DaemonError, Error, MtvError, exception_for
from mtv.wire.limits import Limits
from mtv.wire.messages import Got, Rows
from mtv.wire.reports import RepositoryInfo
from mtv.wire.steps import Query
from mtvd.host.children import Child, ChildError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.ahead import ReadAhead
from mtvd.repo.aliases import Registry, Repository, RepositorySettings
from mtvd.repo.answers import ReadAnswer, files_of, rename
from mtvd.repo.cache import Cache
from mtvd.repo.port import OnImage, OnProgress
from mtvd.repo.worker_settings import WorkerSettings
from mtvd.repo.workers import WorkerPool

_T = TypeVar("_T")
_DECODED = 256
_OPEN = "open"
_READS = frozenset({"read", "get", "positions"})


class ButlerRepositories:
    """Butler repositories and FITS files, through a pool of workers. Implements `mtvd.repo.port.Repositories`.

    Parameters
    ----------
    settings : `RepositorySettings`
    store : `PixelStore`
        Where workers put pixels.
    log_directory : `~pathlib.Path`
        Workers' standard error goes to ``repo-worker-N.log`` there.
    limits : `Limits`
    environ : mapping, optional
        For Butler's repository index and the workers; the process's own where None.
    """

    def __init__(
        self,
        settings: RepositorySettings,
        store: PixelStore,
        log_directory: Path,
        *,
        limits: Limits | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._settings, self._store, self._log_directory = settings, store, log_directory
        self._limits = limits or Limits()
        self._environ = environ
        self._registry = Registry(settings, environ)
        self._cache = Cache(store, min(settings.cache_bytes, store.budget_bytes // 2))
        self._ahead = ReadAhead(self._decode_ahead)
        self._decoded: OrderedDict[bytes, str] = OrderedDict()
        """Key in the cache of the targets that were read ahead last; empty for those that need none."""
        self._pool = WorkerPool(
            self._start_worker,
            size=settings.workers,
            kept=settings.kept_workers,
            waiting=settings.waiting,
            idle_secs=settings.idle_secs,
            queue_deadline_secs=settings.queue_deadline_secs,
            start_secs=settings.start_secs,
            on_lost=self._remove_leftovers,
        )

    def list_known(self) -> tuple[RepositoryInfo, ...]:
        """List the repositories that can be named, the default first."""
        return self._registry.list_known()

    @property
    def workers(self) -> int:
        """Worker processes alive."""
        return self._pool.alive

    async def query(self, query: Query, on_progress: OnProgress | None = None) -> Rows:
        """Return one page; see `mtvd.repo.butler.query` for columns, order and errors."""
        repository = self._registry.resolve(query.repo)
        rows = await self._ask(
            "query", repository, {"query": msgspec.to_builtins(query)}, Rows, on_progress=on_progress
        )
        return msgspec.structs.replace(rows, repo=repository.name)

    async def read_for_display(
        self, target: Dataset | File, on_progress: OnProgress | None = None, on_image: OnImage | None = None
    ) -> Exposure:
        """Read an image, with its mask and without its variance, for the stage; a compressed one ahead of its mask."""
        first = None if on_image is None else _First(self._store, on_image)
        return msgspec.convert(await self._read("read", target, on_progress, first), Exposure)

    async def positions(
        self, target: Dataset | File, wanted: Wanted, on_progress: OnProgress | None = None
    ) -> Positions:
        """Read the positions of the chosen rows of a table, for an overlay."""
        params = {"target": msgspec.to_builtins(target), "wanted": msgspec.to_builtins(wanted)}
        repository = self._repository_of(target)
        answer = await self._ask("positions", repository, params, ReadAnswer, on_progress=on_progress)
        return msgspec.convert(answer.value, Positions)

    async def get(
        self,
        target: Dataset | File,
        columns: tuple[str, ...] = (),
        select: str = "",
        on_progress: OnProgress | None = None,
    ) -> Got:
        """Read everything for a client."""
        value = await self._read("get", target, on_progress, columns=list(columns), select=select)
        return msgspec.convert(value, Got)

    async def sky(self, cards: str, xy0: tuple[int, int], x: float, y: float) -> tuple[float, float] | None:
        """Return right ascension and declination of a pixel, worked out by a worker: astropy is there."""
        params = {"cards": cards, "xy0": list(xy0), "x": x, "y": y}
        found = await self._ask("sky", None, params, list[float])
        return (found[0], found[1]) if found else None

    async def pixel(
        self, cards: str, xy0: tuple[int, int], ra_deg: float, dec_deg: float
    ) -> tuple[float, float] | None:
        """Return the pixel of a place on the sky, worked out as `sky` is."""
        params = {"cards": cards, "xy0": list(xy0), "ra_deg": ra_deg, "dec_deg": dec_deg}
        found = await self._ask("pixel", None, params, list[float])
        return (found[0], found[1]) if found else None

    def read_ahead(self, targets: Sequence[Dataset | File], owner: str = "") -> None:
        """Decode what will be asked for next while nobody waits for it; the next of two calls of an owner counts."""
        self._ahead.want(targets, owner)

    async def warm(self) -> None:
        """Start one worker and open the default repository ahead of the first request; failures wait for that one."""
        try:
            repository = self._registry.resolve("")
            await self._ask(_OPEN, repository, {}, bool)
        except MtvError:
            return

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep house until cancelled: read ahead, let idle workers leave; at the end all."""
        async with anyio.create_task_group() as group:
            await group.start(self._pool.serve)
            group.start_soon(self._ahead.serve)
            task_status.started()

    async def close(self) -> None:
        """End the workers and give the cache's files back."""
        await self._pool.close()
        self._cache.clear()

    async def _read(
        self,
        method: str,
        target: Dataset | File,
        on_progress: OnProgress | None,
        first: _First | None = None,
        **options: Any,
    ) -> Any:
        repository = self._repository_of(target)
        params = {"target": msgspec.to_builtins(target), **options}
        async with self._ahead.alone(target, on_progress) as told:
            answer = await self._ask_for_pixels(method, repository, params, self._cache.keys(), told, first)
            if answer.value is None:
                value = self._cache.take(answer.key)
                if value is not None:
                    return value
                answer = await self._ask_for_pixels(method, repository, params, (), told)  # it was dropped meanwhile
            if answer.key:
                self._cache.keep(answer.key, answer.value)
            return answer.value

    async def _ask_for_pixels(
        self,
        method: str,
        repository: Repository | None,
        params: dict[str, Any],
        known: tuple[str, ...],
        told: OnProgress,
        first: _First | None = None,
    ) -> ReadAnswer:
        asked = {**params, "known": known}
        try:
            if first is None:
                return await self._ask(method, repository, asked, ReadAnswer, on_progress=told)
            asked["image_first"] = True
            answer = await self._ask(method, repository, asked, ReadAnswer, on_progress=told, on_part=first)
            return first.rename_image(answer)
        except DaemonError as error:
            if error.code != "storage_full" or not self._cache.used_bytes:
                raise
            self._cache.clear()
            return await self._ask(method, repository, {**params, "known": ()}, ReadAnswer, on_progress=told)

    async def _decode_ahead(self, target: Dataset | File, told: OnProgress) -> None:
        name = msgspec.json.encode(target)
        if self._decoded.get(name) in {"", *self._cache.keys()}:
            return  # a worker would only say the same; whether the file is still that one is seen when it is wanted
        params = {"target": msgspec.to_builtins(target), "known": self._cache.keys(), "ahead": True}
        answer = await self._ask("read", self._repository_of(target), params, ReadAnswer, on_progress=told)
        if answer.value is not None:
            if answer.key:
                self._cache.keep(answer.key, answer.value)
            self._store.remove(files_of(answer.value))
        self._decoded[name] = answer.key
        while len(self._decoded) > _DECODED:
            self._decoded.popitem(last=False)

    def _repository_of(self, target: Dataset | File) -> Repository | None:
        return None if isinstance(target, File) else self._registry.resolve(target.repo)

    async def _ask(
        self,
        method: str,
        repository: Repository | None,
        params: Mapping[str, Any],
        kind: type[_T],
        *,
        on_progress: OnProgress | None = None,
        on_part: Callable[[Any], None] | None = None,
    ) -> _T:
        settings = self._settings
        deadline = settings.read_deadline_secs if method in _READS else settings.query_deadline_secs
        try:
            answer = await self._pool.call(
                method,
                {"location": repository.location if repository else "", **params},
                deadline_secs=deadline,
                on_progress=on_progress,
                on_part=on_part,
            )
        except ChildError as failure:
            raise self._note(failure, repository) from None
        if repository:
            self._registry.note(repository, _OPEN)
        return msgspec.convert(answer, kind)

    def _note(self, failure: ChildError, repository: Repository | None) -> MtvError:
        error = msgspec.convert(failure.payload["error"], Error) if "error" in failure.payload else _internal(failure)
        if repository and error.code in {"unknown_repository", "repository_failed"}:
            self._registry.note(repository, error.message)
        return exception_for(error)

    async def _start_worker(self, slot: int) -> Child:
        orders = WorkerSettings(
            pixel_directory=str(self._store.directory),
            pixel_bytes=self._store.budget_bytes,
            header_bytes=self._limits.header_bytes,
            image_pixels=self._limits.image_pixels,
            markers=self._limits.markers,
            select_chars=self._limits.select_chars,
            page_rows=self._limits.rows,
            busy_timeout_secs=self._settings.busy_timeout_secs,
            peer_silence_secs=self._settings.peer_silence_secs,
            server_silence_secs=self._settings.server_silence_secs,
            file_cache_directory=self._settings.file_cache_directory or str(_file_cache()),
            file_cache_bytes=self._settings.file_cache_bytes,
        )
        return await Child.start(
            "mtvd.repo.worker",
            msgspec.json.encode(orders).decode(),
            log=self._log_directory / f"repo-worker-{slot}.log",
            env=self._worker_environ(),
        )

    def _worker_environ(self) -> dict[str, str]:
        # Safe path: a file `lsst.py` in the directory where the daemon was started is not what the worker imports.
        return {**os.environ, **(self._environ or {}), **self._settings.environment, "PYTHONSAFEPATH": "1"}

    def _remove_leftovers(self, pid: int) -> None:
        self._store.remove_written_by(pid)


class _First:
    """Takes an image that comes before its mask, and gives its file a name of ours.

    Until then it bears the worker's, so that nothing is left of it where the worker is killed before we hear of it.
    """

    def __init__(self, store: PixelStore, on_image: OnImage) -> None:
        self._store = store
        self._on_image = on_image
        self._names: dict[str, str] = {}

    def __call__(self, part: Any) -> None:
        self._names = {name: self._store.adopt(name) for name in files_of(part)}
        self._on_image(msgspec.convert(rename(part, self._names), Exposure))

    def rename_image(self, answer: ReadAnswer) -> ReadAnswer:
        """Return the whole answer, with our name for the image."""
        return msgspec.structs.replace(answer, value=rename(answer.value, self._names))


def _file_cache() -> Path:
    return platformdirs.user_cache_path("mtv") / "files"


def _internal(failure: ChildError) -> Error:
    return Error(code="internal", message=f"the repository worker failed ({failure.kind})")
