"""The only module that joins the rooms: it makes each part, gives it its collaborators, and runs them in one group."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import resource
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import anyio.abc
import zmq

from mtv.shared import keys, paths
from mtv.wire.messages import Event
from mtv.wire.reports import WindowState
from mtvd.drawing.committer import Committer
from mtvd.drawing.engine import Engine
from mtvd.drawing.journal import Journal, JournalError
from mtvd.drawing.sessions import Session, Sessions
from mtvd.front.budget import Budget
from mtvd.front.door import ZAP_ENDPOINT, Door
from mtvd.front.events import Events, named
from mtvd.front.handlers import Handlers
from mtvd.front.health import Health
from mtvd.front.listener import Listener
from mtvd.front.zsocket import CannotListen, RouterSocket
from mtvd.host import notify
from mtvd.host.housekeeping import Housekeeping
from mtvd.host.locks import DirectoryLock, Taken, lock_file
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.pool import ButlerRepositories
from mtvd.resolving.handles import Handles
from mtvd.resolving.images import Images
from mtvd.resolving.resolver import Resolver
from mtvd.settings import config
from mtvd.settings.config import ConfigError, Settings
from mtvd.stage.ds9 import Ds9Stage
from mtvd.streams.feeds import Feeds
from mtvd.streams.movies import Movies

_LOG = logging.getLogger(__name__)
_ZAP_BYTES = 1 << 12
_DESCRIPTORS = 1 << 16
"""Enough for every client; some programs that we start close all that there may be, one by one."""


class App:
    """One daemon, made of its rooms.

    Parameters
    ----------
    settings : `Settings`
        With every path filled in: `config.resolve`.
    """

    def __init__(self, settings: Settings, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        runtime = Path(settings.runtime_directory)
        epoch = secrets.token_hex(6)
        clock = time.monotonic
        limits = settings.limits
        self.settings = settings
        self.stopping = anyio.Event()
        self.keep_window = settings.stage.keep_window
        self.pixels = PixelStore(Path(settings.pixel_directory), settings.pixel_bytes)
        self.sessions = Sessions(clock)
        self.handles = Handles(clock)
        self.journal = Journal(runtime / "journal")
        self.repositories = ButlerRepositories(settings.repositories, self.pixels, runtime)
        self.events = Events(self.sessions)
        self.stage = Ds9Stage(
            settings.stage, self.pixels, runtime / "window", on_change=self._stage_changed, on_event=self._heard
        )
        self.committer = Committer(
            stage=self.stage,
            journal=self.journal,
            sessions=self.sessions,
            handles=self.handles,
            pixels=self.pixels,
            epoch=epoch,
        )
        self.engine = Engine(
            stage=self.stage,
            resolver=Resolver(
                images=Images(self.pixels, limits),
                pixels=self.pixels,
                repositories=self.repositories,
                handles=self.handles,
                limits=limits,
            ),
            committer=self.committer,
            clock=clock,
        )
        self.feeds = Feeds(self.pixels, limits, lambda: self.committer.needed(), clock)
        self.movies = Movies(
            engine=self.engine,
            repositories=self.repositories,
            forget=self.sessions.forget,
            limits=limits,
            clock=clock,
        )
        self.engine.on_drawn = self.movies.look
        self.handlers = Handlers(
            engine=self.engine,
            committer=self.committer,
            events=self.events,
            feeds=self.feeds,
            movies=self.movies,
            stage=self.stage,
            repositories=self.repositories,
            handles=self.handles,
            sessions=self.sessions,
            pixels=self.pixels,
            journal=self.journal,
            limits=limits,
            epoch=epoch,
            endpoint=settings.endpoint,
            pid=os.getpid(),
            clock=clock,
            shut_down=self.shut_down,
        )
        self.budget = Budget(requests=settings.requests, size_bytes=settings.request_bytes)
        self.listener = Listener(
            socket=RouterSocket(context, settings.endpoint, limits.buffer_bytes),
            handlers=self.handlers,
            sessions=self.sessions,
            budget=self.budget,
            limits=limits,
        )
        self.door: Door | None = None
        self.remote: Listener | None = None
        if settings.remote.listen:
            self.door, self.remote = self._remote(context)
        self.events.tell = self._tell

    def _remote(self, context: zmq.Context[zmq.Socket[bytes]]) -> tuple[Door, Listener]:
        """Return the listener for other hosts, and the door in front of it, which is there first."""
        limits = self.settings.remote_limits
        door = Door(RouterSocket(context, ZAP_ENDPOINT, _ZAP_BYTES), keys.directory())
        if not keys.read_authorised():
            _LOG.warning("nobody on another host is let in yet: mtv keys authorise NAME client.key")
        socket = RouterSocket(context, self.settings.remote.listen, limits.buffer_bytes, keys=keys.pair(keys.DAEMON))
        self.handlers.listen = socket.endpoint
        return door, Listener(
            socket=socket,
            handlers=self.handlers,
            sessions=self.sessions,
            budget=self.budget,
            limits=limits,
            door=door,
        )

    def _tell(self, session: Session, event: Event) -> bool:
        listener = self.remote if session.is_remote else self.listener
        return listener is not None and listener.tell(session, event)

    def _stage_changed(self, _state: WindowState) -> None:
        self.engine.stage_changed()

    def _heard(self, event: Event) -> None:
        if (event.kind, event.action) == ("window", "closed"):
            self.movies.window_closed()
        self.events.publish(named(event, self.engine.scene))

    def shut_down(self, keep_window: bool | None) -> None:
        """Ask for an orderly stop."""
        if keep_window is not None:
            self.keep_window = keep_window
        self.stopping.set()

    async def serve(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run until `shut_down`; leave nothing behind but, where wished, the window."""
        try:
            async with anyio.create_task_group() as group:
                await group.start(self.stage.serve)
                await group.start(self.stage.listening.serve)
                await group.start(self.repositories.serve)
                await group.start(self.movies.serve)
                await self.committer.recover()
                self.pixels.sweep(self.engine.scene.files())
                self.handlers.share_host(secrets.token_hex(16))
                keep_house = Housekeeping(self._parts_of_house()).serve
                for task in (self.engine.serve, keep_house, self.listener.serve, self.repositories.warm):
                    group.start_soon(task)
                if self.door is not None and self.remote is not None:
                    group.start_soon(self.door.serve)
                    group.start_soon(self.remote.serve)
                task_status.started()
                await self.stopping.wait()
                group.cancel_scope.cancel()
        finally:
            # a daemon that breaks leaves window and pixels to the next one, as one that is killed does
            keep = self.keep_window or not self.stopping.is_set()
            with anyio.CancelScope(shield=True), anyio.move_on_after(10):
                await self._close(keep_window=keep)

    async def _close(self, *, keep_window: bool) -> None:
        for part in (self.listener, self.remote, self.door):
            if part is not None:
                part.close()
        await self._end("the repositories", self.repositories.close)
        await self._end("the window", functools.partial(self.stage.close, keep_window=keep_window))
        if not keep_window:
            self.committer.end()
            self.pixels.remove_all()
        self.journal.close()

    async def _end(self, what: str, close: Callable[[], Awaitable[None]]) -> None:
        """Close a room; one that cannot be closed in order keeps no other from it."""
        try:
            await close()
        except Exception:  # noqa: BLE001 - the edge: the daemon ends, and what it is for must be put away
            _LOG.exception("%s could not be closed in order", what)

    def _parts_of_house(self) -> dict[str, Callable[[], object]]:
        return {
            "forgetting sessions": self.sessions.expire,
            "ending feeds": self.feeds.tidy,
            "trimming free pixel files": self.pixels.trim,
            "sweeping pixel files": lambda: self.pixels.sweep_orphans(self.engine.scene.files()),
            "tidying handles and journal": self.engine.housekeeping,
        }


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


async def run(settings: Settings) -> None:
    """Run a daemon until it is told to stop, by a message, SIGTERM or SIGINT.

    Raises
    ------
    ConfigError
        It cannot start here; the message says why.
    """
    _raise_descriptor_limit()
    async with application(settings) as app:
        await app.stopping.wait()


def _raise_descriptor_limit() -> None:
    """Let the daemon open as many files as it may: a ZeroMQ that cannot accept a client ends the process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.asynccontextmanager
async def application(settings: Settings) -> AsyncIterator[App]:
    """Have a daemon running, in this process; it has been stopped in order when this returns."""
    settings = config.resolve(settings)
    with (
        _refusals(),
        only_one(settings) as pixel_lock,
        zmq.Context[zmq.Socket[bytes]](io_threads=2) as context,
    ):
        try:
            app = App(settings, context)
        except (CannotListen, OSError, ValueError, zmq.ZMQError) as error:
            raise ConfigError(str(error)) from None
        app.pixels.on_made_again = pixel_lock.renew
        async with anyio.create_task_group() as group:
            await group.start(app.serve)
            group.start_soon(_obey_signals, app)
            group.start_soon(notify.serve_watchdog, Health(context, settings.endpoint).answers)
            notify.ready(f"serving {settings.endpoint}")
            _LOG.info("serving %s, pixels in %s", settings.endpoint, settings.pixel_directory)
            if app.handlers.listen:
                _LOG.info("serving other hosts at %s", app.handlers.listen)
            try:
                yield app
            finally:
                notify.stopping()
                app.stopping.set()
                group.cancel_scope.cancel()


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
