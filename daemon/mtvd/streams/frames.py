"""Frames of feeds on their way to the screen: the next one may come while the window draws the one before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from mtv.wire.frames import Buffer
from mtv.wire.messages import Outcome
from mtv.wire.requests import Frame, Transaction
from mtvd.drawing.engine import Engine
from mtvd.drawing.sessions import Session
from mtvd.stage.port import Stage, StageError
from mtvd.streams.feeds import Feeds


@dataclasses.dataclass(frozen=True)
class Frames:
    """Way of a feed's frames: to the window, and from there to the screen."""

    feeds: Feeds
    engine: Engine
    stage: Stage
    clock: Callable[[], float]

    async def show(
        self,
        frame: Frame,
        buffers: Sequence[Buffer],
        session: Session,
        sequence: int,
        on_taken: Callable[[], None],
    ) -> Outcome:
        """Have a frame on the screen.

        Parameters
        ----------
        frame : `~mtv.wire.requests.Frame`
        buffers : sequence of buffers
            That came with it.
        session : `~mtvd.drawing.sessions.Session`
        sequence : `int`
            Of the request.
        on_taken : callable
            Called once the window has its pixels and the scene has the frame: of the frame before no file is needed,
            and the next one may come while this one is drawn.

        Raises
        ------
        MtvError
            It is not shown, or nobody knows that it is.
        """
        began = self.clock()
        shows = Transaction(steps=self.feeds.steps(session.id, frame, buffers))
        outcome = await self.engine.submit(shows, buffers, session, sequence, paced=True)
        on_taken()
        try:
            await self.stage.await_redraw()
        except StageError:  # its scene is drawn anew in another window
            await self.engine.sync(session.id)
        self.feeds.note_shown(session.id, frame, self.clock() - began)
        return outcome
