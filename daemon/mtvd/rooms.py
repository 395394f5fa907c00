"""The rooms of a daemon, each made and given its collaborators: the one place that joins them, for daemon and tests.

What is outside comes from the caller: the window, the repositories, the pixel directory and the sockets' context.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.abc
import msgspec

from mtv.shared import keys
from mtv.wire.limits import Limits
from mtv.wire.messages import Event
from mtvd.drawing.committer import Committer
from mtvd.drawing.engine import Engine
from mtvd.drawing.journal import Journal
from mtvd.drawing.sessions import Session, Sessions
from mtvd.front.budget import Budget
from mtvd.front.door import ZAP_ENDPOINT, Door
from mtvd.front.events import Events, add_names
from mtvd.front.handlers import Handlers
from mtvd.front.listener import Listener
from mtvd.front.values import add_planes
from mtvd.front.zsocket import RouterSocket
from mtvd.host.housekeeping import Housekeeping
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.port import Repositories
from mtvd.resolving.handles import Handles
from mtvd.resolving.holding import Holding
from mtvd.resolving.images import Images
from mtvd.resolving.resolver import Resolver
from mtvd.settings.config import Settings
from mtvd.stage.port import Stage
from mtvd.streams.feeds import Feeds
from mtvd.streams.movies import Movies

if TYPE_CHECKING:
    import zmq

_LOG = logging.getLogger(__name__)
_ZAP_BYTES: Final = 1 << 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rooms:
    """All rooms of one daemon but for window and repositories, which whoever made them serves."""

    pixels: PixelStore
    sessions: Sessions
    holding: Holding
    handles: Handles
    journal: Journal
    committer: Committer
    engine: Engine
    feeds: Feeds
    movies: Movies
    events: Events
    handlers: Handlers
    budget: Budget
    listener: Listener
    door: Door | None
    remote: Listener | None
    """Hears clients on other hosts, as the door lets them in; None where they are not heard."""
    housekeeping: Housekeeping

    async def serve(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Take over what an earlier daemon has left, then serve until cancelled; the window is there before."""
        async with anyio.create_task_group() as group:
            await group.start(self.movies.serve)
            await self.committer.recover()
            self.pixels.sweep(self.holding.needed_files())
            self.handlers.share_host(secrets.token_hex(16))
            for task in (self.engine.serve, self.housekeeping.serve, self.listener.serve):
                group.start_soon(task)
            if self.door is not None and self.remote is not None:
                group.start_soon(self.door.serve)
                group.start_soon(self.remote.serve)
            task_status.started()

    def publish(self, event: Event) -> None:
        """Publish an event of the window. That the user closed it ends the movies."""
        if (event.kind, event.action) == ("window", "closed"):
            self.movies.window_closed()
        scene = self.engine.scene
        self.events.publish(add_planes(add_names(event, scene), scene, self.pixels))

    def close(self) -> None:
        """Close the sockets: nobody is heard any more."""
        for part in (self.listener, self.remote, self.door):
            if part is not None:
                part.close()


def build(
    settings: Settings,
    context: zmq.Context[zmq.Socket[bytes]],
    *,
    pixels: PixelStore,
    stage: Stage,
    repositories: Repositories,
    shut_down: Callable[[bool | None], None],
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
    epoch: str = "",
) -> Rooms:
    """Make the rooms; sockets are bound at once.

    Parameters
    ----------
    settings : `~mtvd.settings.config.Settings`
        With every path filled in.
    context : `zmq.Context`
        Owned by the caller.
    pixels : `~mtvd.host.pixelstore.PixelStore`
        Where images lie.
    stage : `~mtvd.stage.port.Stage`
        The window. Its changes are told to ``engine.stage_changed``, what it hears of its user to ``heard``.
    repositories : `~mtvd.repo.port.Repositories`
        Where data come from.
    shut_down : callable
        Asks for an orderly stop; is told whether the window is kept, None where the settings say so.
    limits : `~mtv.wire.limits.Limits`, optional
        In place of those of the settings.
    clock : callable
        Seconds, monotonic.
    epoch : `str`, optional
        Name of this run; a random one where none is given.

    Returns
    -------
    rooms : `Rooms`

    Raises
    ------
    CannotListen
        An endpoint cannot be bound.
    OSError, ValueError, zmq.ZMQError
        The system refuses a socket, or there are no keys.
    """
    limits = limits or settings.limits
    far_limits = msgspec.structs.replace(
        limits, buffer_bytes=min(limits.buffer_bytes, settings.remote_limits.buffer_bytes)
    )
    epoch = epoch or secrets.token_hex(6)
    sessions = Sessions(clock)
    holding = Holding(pixels)
    handles = Handles(clock, holding)
    journal = Journal(Path(settings.runtime_directory) / "journal")
    committer = Committer(stage=stage, journal=journal, sessions=sessions, holding=holding, pixels=pixels, epoch=epoch)
    images = Images(pixels, limits)
    engine = Engine(
        stage=stage,
        resolver=Resolver(images=images, pixels=pixels, repositories=repositories, handles=handles, limits=limits),
        committer=committer,
        holding=holding,
        on_drawn=lambda: movies.look(),
        clock=clock,
    )
    feeds = Feeds(pixels, limits, holding.needed_files, clock)
    movies = Movies(engine=engine, repositories=repositories, forget=sessions.forget, limits=limits, clock=clock)

    def tell(session: Session, event: Event) -> bool:
        listens = remote if session.is_remote else listener
        return listens is not None and listens.tell(session, event)

    events = Events(sessions, tell)
    budget = Budget(requests=settings.requests, size_bytes=settings.request_bytes)
    socket = RouterSocket(context, settings.endpoint, limits.buffer_bytes)
    door, far_socket = _door(settings, context, far_limits) if settings.remote.listen else (None, None)
    handlers = Handlers(
        engine=engine,
        committer=committer,
        events=events,
        feeds=feeds,
        movies=movies,
        stage=stage,
        repositories=repositories,
        handles=handles,
        sessions=sessions,
        pixels=pixels,
        journal=journal,
        limits=limits,
        epoch=epoch,
        endpoint=settings.endpoint,
        listen="" if far_socket is None else far_socket.endpoint,
        pid=os.getpid(),
        clock=clock,
        shut_down=shut_down,
    )
    listener = Listener(socket=socket, handlers=handlers, sessions=sessions, budget=budget, limits=limits)
    remote: Listener | None = None
    if far_socket is not None:
        remote = Listener(
            socket=far_socket, handlers=handlers, sessions=sessions, budget=budget, limits=far_limits, door=door
        )
    house: Mapping[str, Callable[[], object]] = {
        "forgetting sessions": sessions.expire,
        "ending feeds": feeds.tidy,
        "trimming free pixel files": pixels.trim,
        "sweeping pixel files": lambda: pixels.sweep_orphans(holding.needed_files()),
        "tidying handles and journal": engine.housekeeping,
    }
    return Rooms(
        pixels=pixels,
        sessions=sessions,
        holding=holding,
        handles=handles,
        journal=journal,
        committer=committer,
        engine=engine,
        feeds=feeds,
        movies=movies,
        events=events,
        handlers=handlers,
        budget=budget,
        listener=listener,
        door=door,
        remote=remote,
        housekeeping=Housekeeping(house),
    )


def _door(settings: Settings, context: zmq.Context[zmq.Socket[bytes]], limits: Limits) -> tuple[Door, RouterSocket]:
    """Return the door for clients on other hosts, which is there first, and the socket behind it."""
    door = Door(RouterSocket(context, ZAP_ENDPOINT, _ZAP_BYTES), keys.directory())
    if not keys.read_authorised():
        _LOG.warning("nobody on another host is let in yet: mtv keys authorise NAME client.key")
    return door, RouterSocket(context, settings.remote.listen, limits.buffer_bytes, keys=keys.pair(keys.DAEMON))
