"""Events: what the stage hears from the window, handed to every session that subscribed. Never waits for any of them.

Each subscriber is sent so many events as may be under way; the others wait in a queue that drops its oldest. Numbers
run on, so a client sees by them what it has missed. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from mtv.wire.messages import Event
from mtvd.drawing.sessions import Session, Sessions, Subscriber
from mtvd.scene.model import USER, Scene
from mtvd.stage.paint.regions import TAG_PREFIX, tag_of

UNDER_WAY: Final = 256
"""Events sent to a client that it has not said to have taken; far below what a ROUTER keeps for a peer, because what
fills that would cost the client its replies too."""
QUEUED: Final = 1000
"""Events that wait for a client."""


class Events:
    """Numbers events and sends them to the sessions.

    Parameters
    ----------
    sessions : `Sessions`
        A session that subscribed has a `~mtvd.drawing.sessions.Subscriber`.
    tell : callable
        Sends an event to a session; returns False where it takes none now.

    Attributes
    ----------
    number : `int`
        Of the last event.
    """

    def __init__(self, sessions: Sessions, tell: Callable[[Session, Event], bool]) -> None:
        self._sessions = sessions
        self._tell = tell
        self.number = 0

    def publish(self, event: Event) -> None:
        """Give an event its number and send it."""
        self.number += 1
        numbered = msgspec.structs.replace(event, number=self.number)
        for session in self._sessions:
            if session.subscriber is not None:
                session.subscriber.waiting.append(numbered)
                self._send(session, session.subscriber)

    def subscribe(self, session: Session, seen: int) -> int:
        """Begin to send events to a session, or go on where it has taken some; return the last number before them."""
        subscriber = session.subscriber
        if subscriber is None:
            subscriber = session.subscriber = Subscriber(self.number)
        subscriber.seen = min(max(seen, subscriber.seen), subscriber.sent)
        before = subscriber.sent
        self._send(session, subscriber)
        return before

    def unsubscribe(self, session: Session) -> None:
        """Send no more."""
        session.subscriber = None

    def _send(self, session: Session, subscriber: Subscriber) -> None:
        while subscriber.waiting and subscriber.sent - subscriber.seen < UNDER_WAY:
            if not self._tell(session, subscriber.waiting[0]):
                break
            subscriber.sent = subscriber.waiting.popleft().number
        while len(subscriber.waiting) > QUEUED:
            subscriber.waiting.popleft()
            subscriber.dropped += 1


def add_names(event: Event, scene: Scene) -> Event:
    """Return an event with the names of its display and overlay, for which DS9 has numbers and tags."""
    display = scene.displays.get(event.display) if event.display is not None else None
    overlay = event.overlay
    if event.kind == "region" and event.shape:
        tags = set(overlay.split())
        ours = [known.name for known in (display.overlays if display else ()) if tag_of(known.name) in tags]
        overlay = ours[0] if ours else USER if TAG_PREFIX not in event.overlay else ""
    return msgspec.structs.replace(event, name=display.name if display else "", overlay=overlay)
