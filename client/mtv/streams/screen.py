"""The daemon as a feed sees it: where frames go, and how one comes on the screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from mtv.arguments.transaction import shift_buffers
from mtv.pixels.sharing import shared_directory
from mtv.session.begun import Begun
from mtv.session.connection import Connection
from mtv.session.conversation import Timing
from mtv.shared import paths
from mtv.streams.handover import Destination, FeedFrame
from mtv.wire import messages, requests
from mtv.wire.errors import MtvError
from mtv.wire.steps import DisplayName, Overlay

_SHOW_SECS: Final = 60.0
_PROBE_SECS: Final = 5.0
_PATIENCE: Final = Timing(hello_secs=5.0, lost_secs=2.0)
"""Shorter than a script's: what waits for a daemon that has gone is stale when it comes back."""


class Screen:
    """A display that one feed draws on, over a connection of its own.

    Parameters
    ----------
    feed : `str`
        Name of the feed.
    display : `int` or `str`
    endpoint : `str` or `None`
        As in `mtv.connect`.
    smooth_secs : `float`
        Above 0: the limits follow the pixels, averaged over about so many seconds.
    """

    def __init__(self, feed: str, display: DisplayName, endpoint: str | None, smooth_secs: float) -> None:
        self.connection = Connection(endpoint, timing=_PATIENCE)
        self._feed = feed
        self._display = display
        self._smooth_secs = smooth_secs

    def find(self) -> Destination:
        """Ask the daemon whether it is there, and return where frames go.

        Raises
        ------
        MtvError
            It does not answer, or refuses.
        """
        self.connection.request(requests.Status(), timeout_secs=_PROBE_SECS)
        return self.destination()

    def destination(self) -> Destination:
        """Return where frames go, as the newest greeting says."""
        welcome = self.connection.welcome
        far = paths.is_tcp(self.connection.endpoint)
        return Destination(shared_directory(welcome), welcome.limits, welcome.epoch, packs=far)

    def is_at(self, destination: Destination) -> bool:
        """Tell whether the daemon is still the one of a destination; False also where there is none any more."""
        try:
            return self.connection.welcome.epoch == destination.epoch
        except MtvError:
            return False

    def draw(self, frame: FeedFrame, published: int, dropped: int, on_settled: Callable[[], object]) -> Begun:
        """Give a frame to the window; return when that has its pixels, or has drawn it.

        Parameters
        ----------
        frame : `~mtv.streams.handover.FeedFrame`
            Handed over already.
        published, dropped : `int`
            Frames of the feed so far, for the daemon's report.
        on_settled : callable
            Called once it is known whether it is on the screen; must not block.

        Returns
        -------
        begun : `~mtv.session.begun.Begun`
            For `finish`.

        Raises
        ------
        MtvError
            It is not shown.
        """
        assert frame.exposure is not None
        markers = None
        if frame.markers is not None:
            markers = Overlay(display=self._display, name=self._feed, replace=True, **frame.markers.fields)
            markers = shift_buffers(markers, len(frame.buffers))
        message = requests.Frame(
            feed=self._feed,
            display=self._display,
            target=frame.exposure,
            markers=markers,
            slots=() if frame.slots is None else frame.slots.names,
            smooth_secs=self._smooth_secs,
            published=published,
            dropped=dropped,
            age_secs=time.monotonic() - frame.published_at,
        )
        buffers = frame.buffers if frame.markers is None else (*frame.buffers, *frame.markers.buffers)
        return self.connection.begin(message, buffers=buffers, timeout_secs=_SHOW_SECS, on_settled=on_settled)

    def finish(self, begun: Begun) -> None:
        """Wait until a frame is on the screen.

        Parameters
        ----------
        begun : `~mtv.session.begun.Begun`
            From `draw`.

        Raises
        ------
        MtvError
            It is not shown.
        """
        answer = begun.wait()
        if isinstance(answer.reply, messages.Outcome):
            for step in answer.reply.steps:
                self.connection.tell(step.note)
