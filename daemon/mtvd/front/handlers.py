"""Handlers: what each message does. The table at the end has one for every request; an assertion sees to it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar, get_args

import anyio.to_thread
import msgspec

import mtv
from mtv.wire import markers, messages, requests, version
from mtv.wire import reports as states
from mtv.wire import steps as st
from mtv.wire.errors import Error, MtvError, RequestError, Unavailable
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits
from mtv.wire.pictures import checked_size
from mtvd.drawing.committer import Committer
from mtvd.drawing.engine import Engine
from mtvd.drawing.journal import Journal
from mtvd.drawing.sessions import Session, Sessions
from mtvd.front import remote, reports, values
from mtvd.front.copies import Copies
from mtvd.front.events import Events
from mtvd.front.health import resident_bytes
from mtvd.front.stopping import Stoppable
from mtvd.front.usage import SharedUsage
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.port import OnProgress, Repositories
from mtvd.resolving.handles import Handles
from mtvd.resolving.limits import check_query
from mtvd.scene.naming import unknown_display
from mtvd.stage.paint.listed import read_list
from mtvd.stage.port import Stage
from mtvd.streams.feeds import Feeds
from mtvd.streams.frames import Frames
from mtvd.streams.movies import Movies

_LOG = logging.getLogger(__name__)
Info = TypeVar("Info", states.SessionInfo, states.FeedInfo)
Answered = tuple[messages.Reply, Sequence[Buffer]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One request being answered."""

    session: Session
    sequence: int
    buffers: Sequence[Buffer]
    limits: Limits
    """Limits of the socket that it came by."""
    on_progress: OnProgress
    send_receipt: Callable[[], None]

    @property
    def key(self) -> str:
        """Request id."""
        return f"{self.session.id.hex()}-{self.sequence}"


@dataclasses.dataclass(kw_only=True)
class Handlers:
    """Answers requests; joins the rooms that each of them needs."""

    engine: Engine
    committer: Committer
    events: Events
    feeds: Feeds
    movies: Movies
    stage: Stage
    repositories: Repositories
    handles: Handles
    sessions: Sessions
    pixels: PixelStore
    journal: Journal
    limits: Limits
    epoch: str
    endpoint: str
    listen: str = ""
    """Where clients on other hosts are heard; empty where they are not."""
    pid: int
    clock: Callable[[], float]
    shut_down: Callable[[bool | None], None]
    nonce_name: str = ""
    nonce: str = ""
    started_at: float = 0.0
    stoppable: Stoppable = dataclasses.field(default_factory=Stoppable)
    _usage: SharedUsage = dataclasses.field(init=False)
    _copies: Copies = dataclasses.field(init=False)
    _frames: Frames = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.started_at = self.clock()
        self._usage = SharedUsage(self.pixels, self.clock)
        self._copies = Copies(self.repositories, self.handles, self.pixels, self.limits)
        self._frames = Frames(self.feeds, self.engine, self.stage, self.clock)

    async def answer(self, request: requests.Request, call: Call) -> Answered:
        """Answer a request.

        Raises
        ------
        MtvError
            As each message's table in ``PROTOCOL.md`` tells.
        """
        handler = _TABLE[type(request)]
        with self.stoppable.during(call.key) if type(request) in STOPPABLE else contextlib.nullcontext():
            result = await handler(self, request, call)
        return result if isinstance(result, tuple) else (result, ())

    def answer_now(self, request: requests.Request, call: Call) -> messages.Reply:
        """Answer a request of those in `AT_ONCE`, which wait for nothing.

        Parameters
        ----------
        request : `~mtv.wire.requests.Request`
            Of a type in `AT_ONCE`.
        call : `Call`
            Whose it is.

        Returns
        -------
        reply : `~mtv.wire.messages.Reply`

        Raises
        ------
        MtvError
            As each message's table in ``PROTOCOL.md`` tells.
        """
        return _NOW[type(request)](self, request, call)

    def share_host(self, nonce: str) -> None:
        """Put a nonce into the pixel directory, for clients to prove that they share it.

        Where there is no space for it, or the system refuses it, clients are told of no directory and send buffers.
        """
        self.nonce, self.nonce_name = nonce, ""
        try:
            name, descriptor = self.pixels.create("nonce", len(nonce), "raw")
            with self.pixels.filling(name, descriptor) as file:
                file.write(nonce.encode())
        except MtvError as error:
            _LOG.error("the pixel directory cannot be shared, clients send their pixels in buffers: %s", error)
        else:
            self.nonce_name = name

    def _hello(self, request: requests.Hello, call: Call) -> messages.Welcome:
        told = {name: markers.plain(getattr(request, name), 200) for name in ("program", "host", "user")}
        call.session.hello = msgspec.structs.replace(request, secret="", **told)
        if not self.nonce_name or not self.pixels.present([self.nonce_name]):
            self.share_host(self.nonce)
        self.events.unsubscribe(call.session)  # what was under way on the connection before may be lost
        if request.x_display:
            self.stage.offer_display(request.x_display, request.xauthority)
        far = call.session.is_remote or not self.nonce_name
        return messages.Welcome(
            versions=(version.MAJOR, version.MINOR),
            release=mtv.__version__,
            limits=call.limits,
            window=self.stage.state,
            pixel_directory="" if far else str(self.pixels.directory),
            nonce_name="" if far else self.nonce_name,
            nonce="" if far else self.nonce,
            repositories=tuple(info.alias for info in self.repositories.list_known()),
            epoch=self.epoch,
        )

    def _bye(self, _request: requests.Bye, call: Call) -> messages.Done:
        self.sessions.forget(call.session.id)
        self.feeds.end(call.session.id)
        return messages.Done()

    def _status(self, _request: requests.Status, call: Call) -> states.Report:
        pixels = self._usage.look()
        return states.Report(
            release=mtv.__version__,
            pid=self.pid,
            uptime_secs=self.clock() - self.started_at,
            endpoint=self.endpoint,
            listen=self.listen,
            window=self.stage.state,
            displays=reports.display_reports(self.engine.scene),
            front=self.engine.scene.front,
            arrangement=reports.arrangement(self.engine.scene),
            sessions=_shown_to(call.session, self.sessions.infos()),
            session_count=self.sessions.count(),
            feeds=_shown_to(call.session, self.feeds.infos()),
            movies=self.movies.infos(),
            repositories=self.repositories.list_known(),
            queue=self.engine.waiting,
            batches=self.committer.batches,
            transactions=self.committer.transactions,
            pixel_files=pixels.files,
            pixel_bytes=pixels.bytes,
            pixel_bytes_limit=self.pixels.budget_bytes,
            pixel_room_bytes=pixels.room_bytes,
            memory_bytes=resident_bytes(),
            journal_bytes=self.journal.size_bytes,
            workers=self.repositories.workers,
        )

    def _describe(self, request: requests.Describe, _call: Call) -> states.DisplayReport:
        return reports.describe(self.engine.scene, request.display)

    def _repositories(self, _request: requests.Repositories, _call: Call) -> states.RepositoryList:
        return states.RepositoryList(repositories=self.repositories.list_known())

    def _cancel(self, request: requests.Cancel, call: Call) -> messages.Cancelled:
        session, wanted = call.session, request.request_id
        mine = f"{session.id.hex()}-"
        if session.is_remote and wanted and not wanted.startswith(mine):
            message = "requests of other sessions are not cancelled from another host"
            hint = "leave it empty for all of your own; on the daemon's host: mtv cancel"
            raise RequestError(Error(code="forbidden", message=message, where="request_id", hint=hint))
        if wanted == requests.EVERYBODYS:
            return messages.Cancelled(count=self._cancel_one_or_all(""))
        chosen = [wanted] if wanted else [f"{mine}{sequence}" for sequence in sorted(session.waiting)]
        return messages.Cancelled(count=sum(map(self._cancel_one_or_all, chosen)))

    def _cancel_one_or_all(self, request_id: str) -> int:
        """Cancel one request, or all where empty; return how many."""
        return self.engine.cancel(request_id) + self.stoppable.stop(request_id)

    async def _query(self, request: st.Query, call: Call) -> messages.Rows:
        check_query(request, self.limits)
        return await self.repositories.query(request, call.on_progress)

    async def _load(self, request: st.Load, call: Call) -> messages.Loaded:
        outcome = await self._draw(request, call)
        loaded = outcome.steps[0].loaded
        assert loaded is not None
        return loaded

    async def _get(self, request: requests.Get, call: Call) -> Answered:
        got = await self._copies.get(request, call.on_progress)
        return remote.carry(got, self.pixels, call.limits) if call.session.is_remote else (got, ())

    async def _release(self, request: requests.Release, _call: Call) -> messages.Done:
        self.handles.release(request.handle)
        return messages.Done()

    async def _transaction(self, request: requests.Transaction, call: Call) -> messages.Outcome:
        return await self.engine.submit(request, call.buffers, call.session, call.sequence, call.on_progress)

    async def _frame(self, request: requests.Frame, call: Call) -> messages.Outcome:
        return await self._frames.show(request, call.buffers, call.session, call.sequence, call.send_receipt)

    async def _play(self, request: requests.Play, call: Call) -> states.Movie:
        return self.movies.play(request, _movie_id(call))

    async def _steer(self, request: requests.Steer, _call: Call) -> states.Movie:
        return await self.movies.steer(request)

    async def _follow(self, request: requests.Follow, _call: Call) -> states.Movie:
        return await self.movies.follow(request)

    async def _draw(self, step: st.AnyStep, call: Call) -> messages.Outcome:
        return await self._transaction(requests.Transaction(steps=(step,)), call)

    async def _sync(self, _request: requests.Sync, call: Call) -> messages.Done:
        await self.engine.sync(call.session.id)
        return messages.Done()

    async def _snapshot(self, request: requests.Snapshot, call: Call) -> Answered:
        size = None if request.size is None else checked_size(request.size)
        picture = await self.engine.snapshot(call.session.id, request.display, request.format, size)
        width, height = size or (0, 0)
        return messages.Picture(format=request.format, width=width, height=height), (picture,)

    async def _list_regions(self, request: requests.ListRegions, call: Call) -> messages.RegionList:
        if self.stage.state.state == "absent":
            hint = "mtv show brings it back" if self.engine.scene.displays else "the first mtv opens the window"
            raise Unavailable(Error(code="no_window", message="there is no window", hint=hint))

        async def look(frame: int | None) -> str:
            return await self.stage.list_regions(frame, request.system, ours=request.ours)

        text = await self.engine.look_at(call.session.id, request.display, look)
        number = self.engine.scene.number_of(request.display)
        display = None if number is None else self.engine.scene.displays[number]
        return await anyio.to_thread.run_sync(read_list, text, display, call.limits)

    async def _value(self, request: requests.ReadValue, _call: Call) -> messages.PixelValue:
        number = self.engine.scene.number_of(request.display)
        if number is None:
            raise unknown_display(self.engine.scene, request.display)
        return await values.tell(self.pixels, self.repositories, self.engine.scene.displays[number], request)

    def _subscribe(self, request: requests.Subscribe, call: Call) -> messages.Subscribed:
        return messages.Subscribed(epoch=self.epoch, number=self.events.subscribe(call.session, request.seen))

    def _unsubscribe(self, _request: requests.Unsubscribe, call: Call) -> messages.Done:
        self.events.unsubscribe(call.session)
        return messages.Done()

    def _shutdown(self, request: requests.Shutdown, _call: Call) -> messages.Done:
        self.shut_down(request.keep_window)
        return messages.Done()


def _shown_to(session: Session, infos: tuple[Info, ...]) -> tuple[Info, ...]:
    """Return what status tells of sessions or feeds; over TCP nobody learns the id of another's session."""
    if not session.is_remote:
        return infos
    own = session.id.hex()
    return tuple(info if info.session == own else msgspec.structs.replace(info, session="") for info in infos)


def _movie_id(call: Call) -> str:
    """Return a name that is the request's own, and does not tell the session's id to others."""
    request_id = f"{call.session.id.hex()}-{call.sequence}"
    return hashlib.blake2b(request_id.encode(), digest_size=8).hexdigest()


Handler = Callable[[Handlers, Any, Call], Awaitable[Any]]

# ruff: noqa: SLF001 - the table stands outside the class, so that it is a literal
_TABLE: Final[dict[type, Handler]] = {
    requests.Get: Handlers._get,
    requests.Release: Handlers._release,
    requests.Transaction: Handlers._transaction,
    requests.Frame: Handlers._frame,
    requests.Play: Handlers._play,
    requests.Steer: Handlers._steer,
    requests.Follow: Handlers._follow,
    requests.Sync: Handlers._sync,
    requests.Snapshot: Handlers._snapshot,
    requests.ListRegions: Handlers._list_regions,
    requests.ReadValue: Handlers._value,
    st.Query: Handlers._query,
    st.Load: Handlers._load,
    **dict.fromkeys({*st.STEP_TYPES} - {st.Query, st.Load}, Handlers._draw),
}
_NOW: Final[dict[type, Callable[[Handlers, Any, Call], messages.Reply]]] = {
    requests.Hello: Handlers._hello,
    requests.Bye: Handlers._bye,
    requests.Status: Handlers._status,
    requests.Describe: Handlers._describe,
    requests.Repositories: Handlers._repositories,
    requests.Cancel: Handlers._cancel,
    requests.Subscribe: Handlers._subscribe,
    requests.Unsubscribe: Handlers._unsubscribe,
    requests.Shutdown: Handlers._shutdown,
}
assert {*_TABLE, *_NOW} == set(get_args(requests.Request)), "every request has a handler"

AT_ONCE: Final = frozenset(_NOW)
"""Requests that never queue behind work: they are outside the budget and wait for nothing."""

RATE_LIMITED: Final = frozenset({requests.Status, requests.Describe, requests.Repositories})
"""Questions, of these, that a session may ask no faster than `mtvd.drawing.question_rate` allows: loops ask them."""

STOPPABLE: Final = frozenset({st.Query, requests.Get, requests.Steer, requests.Follow})
"""Requests that `cancel` ends while they run; others it takes out of the display queue."""

REMEMBERED: Final = frozenset({requests.Transaction, *st.STEP_TYPES}) - {st.Query, st.Load}
"""Requests that take effect exactly once: their answers are remembered by session and sequence number."""


def not_a_request(kind: int) -> RequestError:
    """Return the error for a message of another kind than a request."""
    return RequestError(Error(code="bad_message", message=f"kind {kind} is no request", where="header.kind"))
