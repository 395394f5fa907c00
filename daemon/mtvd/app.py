"""The app: one daemon with DS9 and Butler, from its locks and sockets to an orderly end."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import anyio.abc
import zmq

from mtv.shared import paths
from mtv.wire.messages import Event
from mtv.wire.reports import WindowState
from mtvd.drawing.journal import JournalError
from mtvd.front.health import Health
from mtvd.front.zsocket import CannotListen
from mtvd.host import notify
from mtvd.host.locks import DirectoryLock, Taken, lock_file
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.pool import ButlerRepositories
from mtvd.rooms import build
from mtvd.settings import config, listing
from mtvd.settings.config import ConfigError, Settings
from mtvd.settings.listing import NOWHERE_ELSE, Sources
from mtvd.stage.ds9 import Ds9Stage

_LOG = logging.getLogger(__name__)
_DESCRIPTORS = 1 << 16
"""Enough for every client; some programs that we start close all that there may be, one by one."""


class App:
    """One daemon: DS9, Butler repositories and the rooms between them.

    Parameters
    ----------
    settings : `Settings`
        With every path filled in: `config.resolve`.
    pixel_lock : `~mtvd.host.locks.DirectoryLock`
        Lock on the pixel directory; renewed where the directory was removed and is made again.
    """

    def __init__(self, settings: Settings, context: zmq.Context[zmq.Socket[bytes]], pixel_lock: DirectoryLock) -> None:
        runtime = Path(settings.runtime_directory)
        self.stopping = anyio.Event()
        self.pixels = PixelStore(Path(settings.pixel_directory), settings.pixel_bytes, on_made_again=pixel_lock.renew)
        self._keep_window = settings.stage.keep_window
        self._repositories = ButlerRepositories(settings.repositories, self.pixels, runtime)
        self._stage = Ds9Stage(
            settings.stage, self.pixels, runtime / "window", on_change=self._stage_changed, on_event=self._publish
        )
        self._rooms = build(
            settings,
            context,
            pixels=self.pixels,
            stage=self._stage,
            repositories=self._repositories,
            shut_down=self.shut_down,
        )

    @property
    def listens_at(self) -> str:
        """Where clients on other hosts are heard; empty where they are not."""
        return self._rooms.handlers.listen

    def _stage_changed(self, _state: WindowState) -> None:
        self._rooms.engine.stage_changed()

    def _publish(self, event: Event) -> None:
        self._rooms.publish(event)

    def shut_down(self, keep_window: bool | None) -> None:
        """Ask for an orderly stop."""
        if keep_window is not None:
            self._keep_window = keep_window
        self.stopping.set()

    async def serve(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run until `shut_down`; leave nothing behind but, where wished, the window."""
        try:
            async with anyio.create_task_group() as group:
                await group.start(self._stage.serve)
                await group.start(self._stage.listening.serve)
                await group.start(self._repositories.serve)
                await group.start(self._rooms.serve)
                group.start_soon(self._repositories.warm)
                task_status.started()
                await self.stopping.wait()
                group.cancel_scope.cancel()
        finally:
            # a daemon that breaks leaves window and pixels to the next one, as one that is killed does
            keep = self._keep_window or not self.stopping.is_set()
            with anyio.CancelScope(shield=True), anyio.move_on_after(10):
                await self._close(keep_window=keep)

    async def _close(self, *, keep_window: bool) -> None:
        self._rooms.close()
        await self._end("the repositories", self._repositories.close)
        await self._end("the window", functools.partial(self._stage.close, keep_window=keep_window))
        if not keep_window:
            self._rooms.committer.end()
            self.pixels.remove_all()
        self._rooms.journal.close()

    async def _end(self, what: str, close: Callable[[], Awaitable[None]]) -> None:
        """Close a room; one that cannot be closed in order keeps no other from it."""
        try:
            await close()
        except Exception:  # noqa: BLE001 - the edge: the daemon ends, and what it is for must be put away
            _LOG.exception("%s could not be closed in order", what)


@contextlib.contextmanager
def only_one(settings: Settings) -> Iterator[DirectoryLock]:
    """Hold the locks of what one daemon has at a time; return that of the pixel directory.

    Parameters
    ----------
    settings : `Settings`
        With every path filled in; directories are made where they are missing.

    Raises
    ------
    ConfigError
        Another daemon has one of them, or the system refuses it.
    """
    endpoint = paths.socket_path(settings.endpoint)
    assert endpoint is not None, "config.resolve lets no other pass"
    runtime = config.private_directory(Path(settings.runtime_directory))
    pixels = config.private_directory(Path(settings.pixel_directory))
    end = "mtv status, or mtv down"
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock_file(runtime / "lock", "runs here", f"{end}, or another --runtime-dir"))
            what = f"listens at {settings.endpoint}"
            held.enter_context(lock_file(Path(f"{endpoint}.lock"), what, f"{end}, or another --endpoint"))
            lock = DirectoryLock(pixels, f"has its pixels in {pixels}", f"{end}, or another --pixel-dir")
            held.callback(lock.close)
        except Taken as taken:
            raise ConfigError(str(taken)) from None
        except OSError as error:
            raise ConfigError(f"cannot lock {error.filename}: {error.strerror}") from None
        yield lock


async def run(settings: Settings, sources: Sources = NOWHERE_ELSE) -> None:
    """Run a daemon until it is told to stop, by a message, SIGTERM or SIGINT; parameters as of `application`.

    Raises
    ------
    ConfigError
        It cannot start here; the message says why.
    """
    _raise_descriptor_limit()
    async with application(settings, sources) as app:
        await app.stopping.wait()


def _raise_descriptor_limit() -> None:
    """Let the daemon open as many files as it may: a ZeroMQ that cannot accept a client ends the process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.asynccontextmanager
async def application(settings: Settings, sources: Sources = NOWHERE_ELSE) -> AsyncIterator[App]:
    """Have a daemon running, in this process; it has been stopped in order when this returns.

    Parameters
    ----------
    settings : `Settings`
    sources : `~mtvd.settings.listing.Sources`, optional
        Places that they are from, which ``mtv config`` tells.
    """
    settings = config.resolve(settings)
    with (
        _refusals(),
        only_one(settings) as pixel_lock,
        zmq.Context[zmq.Socket[bytes]](io_threads=2) as context,
    ):
        _tell_settings(settings, sources)
        try:
            app = App(settings, context, pixel_lock)
        except (CannotListen, OSError, ValueError, zmq.ZMQError) as error:
            raise ConfigError(str(error)) from None
        async with anyio.create_task_group() as group:
            await group.start(app.serve)
            group.start_soon(_obey_signals, app)
            group.start_soon(notify.serve_watchdog, Health(context, settings.endpoint).answers)
            notify.ready(f"serving {settings.endpoint}")
            _LOG.info("serving %s, pixels in %s", settings.endpoint, settings.pixel_directory)
            if app.listens_at:
                _LOG.info("serving other hosts at %s", app.listens_at)
            try:
                yield app
            finally:
                notify.stopping()
                app.stopping.set()
                group.cancel_scope.cancel()


def _tell_settings(settings: Settings, sources: Sources) -> None:
    try:
        listing.write(Path(settings.runtime_directory), os.getpid(), listing.in_force(settings, sources))
    except OSError as error:
        _LOG.warning("mtv config will not know the settings of this daemon: %s", error.strerror)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Turn a journal that keeps a daemon from starting into words."""
    try:
        yield
    except BaseExceptionGroup as group:
        found: BaseException | None = group.subgroup(JournalError)
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        if found is None:
            raise
        raise ConfigError(str(found)) from found


async def _obey_signals(app: App) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for received in signals:
            _LOG.info("stopping: %s", signal.Signals(received).name)
            app.shut_down(None)
