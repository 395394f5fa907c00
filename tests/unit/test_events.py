"""Events are handed to every subscriber, and a subscriber that takes none costs a bounded queue and nobody else."""

from __future__ import annotations

import pytest

from mtv.wire.messages import Event
from mtvd.drawing.sessions import Session, Sessions
from mtvd.front.events import QUEUED, UNDER_WAY, Events, add_names
from mtvd.scene.actions import Markers
from mtvd.scene.apply import apply
from mtvd.scene.changes import AddMarkers
from mtvd.scene.model import EMPTY
from mtvd.stage.paint.regions import tag_of


class Post:
    """Takes what is sent, unless it is closed."""

    def __init__(self) -> None:
        self.sent: dict[bytes, list[int]] = {}
        self.closed: set[bytes] = set()

    def __call__(self, session: Session, event: Event) -> bool:
        if session.id in self.closed:
            return False
        self.sent.setdefault(session.id, []).append(event.number)
        return True


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(lambda: 0.0)


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def events(sessions: Sessions, post: Post) -> Events:
    return Events(sessions, post)


def key(display: int = 0) -> Event:
    return Event(kind="key", key="a", display=display)


def test_every_subscriber_is_sent_every_event_once_and_others_none(
    events: Events, sessions: Sessions, post: Post
) -> None:
    events.publish(key())
    for name in (b"a", b"b"):
        assert events.subscribe(sessions.of(name), 0) == 1
    sessions.of(b"c")
    events.publish(key())
    events.publish(key())
    assert post.sent == {b"a": [2, 3], b"b": [2, 3]}
    events.unsubscribe(sessions.of(b"a"))
    events.publish(key())
    assert post.sent == {b"a": [2, 3], b"b": [2, 3, 4]}


def test_a_subscriber_that_acknowledges_none_is_sent_a_window_and_then_waits(
    events: Events, sessions: Sessions, post: Post
) -> None:
    slow, quick = sessions.of(b"slow"), sessions.of(b"quick")
    events.subscribe(slow, 0)
    events.subscribe(quick, 0)
    for number in range(1, UNDER_WAY + 11):
        events.publish(key())
        events.subscribe(quick, number)
    assert len(post.sent[b"slow"]) == UNDER_WAY
    assert len(post.sent[b"quick"]) == UNDER_WAY + 10
    assert events.subscribe(slow, UNDER_WAY) == UNDER_WAY
    assert post.sent[b"slow"] == list(range(1, UNDER_WAY + 11))


def test_the_queue_of_a_subscriber_is_bounded_drops_its_oldest_and_counts(
    events: Events, sessions: Sessions, post: Post
) -> None:
    session = sessions.of(b"s")
    events.subscribe(session, 0)
    total = UNDER_WAY + QUEUED + 30
    for _ in range(total):
        events.publish(key())
    assert session.subscriber is not None
    assert len(session.subscriber.waiting) == QUEUED
    assert session.info().events_dropped == 30
    events.subscribe(session, UNDER_WAY)
    assert post.sent[b"s"][UNDER_WAY] == UNDER_WAY + 31


def test_a_client_that_has_gone_keeps_its_place_until_it_is_there_again(
    events: Events, sessions: Sessions, post: Post
) -> None:
    events.subscribe(sessions.of(b"s"), 0)
    post.closed.add(b"s")
    events.publish(key())
    post.closed.clear()
    events.publish(key())
    assert post.sent == {b"s": [1, 2]}


def test_numbers_that_were_never_sent_are_no_acknowledgement(events: Events, sessions: Sessions) -> None:
    session = sessions.of(b"s")
    events.subscribe(session, 10**9)
    assert session.subscriber is not None
    assert session.subscriber.seen == 0


def test_regions_are_told_by_the_names_of_their_display_and_overlay() -> None:
    markers = Markers(
        key="k", count=1, x=b"", y=b"", size=b"", symbols=("o",), colours=("#00ff00",), system="pixel", lines=False
    )
    change = AddMarkers(display="guider", overlay="stars", markers=markers, replace=False, lasting=False)
    scene, (number,) = apply(EMPTY, [change])

    def overlay_of(tags: str) -> tuple[str, str]:
        event = add_names(Event(kind="region", display=number, shape="circle", overlay=tags), scene)
        return event.name, event.overlay

    assert overlay_of(f"mine {tag_of('stars')}") == ("guider", "stars")
    assert overlay_of("mine") == ("guider", "user")
    assert overlay_of("") == ("guider", "user")
    assert overlay_of(tag_of("erased long ago")) == ("guider", "")
    assert add_names(key(display=5), scene).name == ""
