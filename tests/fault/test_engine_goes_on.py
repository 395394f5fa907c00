"""A fault of the daemon's own, anywhere on the road to the window, costs one request at most; the next one is drawn."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fault.conftest import TestDaemon as Daemon

from mtv.wire import messages, requests, steps

pytestmark = pytest.mark.anyio


def fail_once(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a method raise when it is called next; return where its name is put then."""
    whole = getattr(owner, name)
    failed: list[str] = []

    def fail(*arguments: Any, **options: Any) -> Any:
        if not failed:
            failed.append(name)
            raise OSError(5, "input/output error")
        return whole(*arguments, **options)

    monkeypatch.setattr(owner, name, fail)
    return failed


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("committer", "put_back"),
        ("committer", "commit"),
        ("committer", "open_window"),
        ("committer", "renew_journal"),
        ("handles", "expire"),
        ("movies", "look"),
        ("window", "run"),
        ("window", "ensure"),
        ("pixels", "recycle"),
    ],
)
async def test_whatever_fails_once_the_next_request_is_drawn(
    daemon: Daemon, owner: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = fail_once(getattr(daemon, owner), name, monkeypatch)
    client = daemon.client()
    await client.ask(steps.Overlay(display="a", x=(1.0,), y=(1.0,)))
    assert failed == [name]
    assert isinstance(await client.ask(steps.Overlay(display="b", x=(1.0,), y=(1.0,))), messages.Outcome)
    assert isinstance(await daemon.client().ask(requests.Sync()), messages.Done)


@pytest.mark.parametrize("name", ["sync", "snapshot"])
async def test_a_look_at_the_window_that_fails_is_answered(
    daemon: Daemon, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = daemon.client()
    await client.ask(steps.Overlay(display="a", x=(1.0,), y=(1.0,)))
    fail_once(daemon.window, name, monkeypatch)
    request: requests.Request = requests.Sync() if name == "sync" else requests.Snapshot()
    reply = await client.ask(request)
    assert isinstance(reply, messages.Failed)
    assert reply.error.code == "internal"
    assert not isinstance(await client.ask(request), messages.Failed)
