"""Published dots: gathered while others of them are under way, in their order, each drawn once."""

from __future__ import annotations

import numpy as np
import pytest

import mtv
from mtv.session import gathering
from mtv.testing import ScriptedDaemon
from mtv.wire import messages, requests
from mtv.wire.data import Array
from mtv.wire.errors import Error
from mtv.wire.steps import Overlay, Show


def rows(daemon: ScriptedDaemon) -> list[int]:
    """Return how many dots each overlay step has."""
    columns = [step.x for step in daemon.steps if isinstance(step, Overlay)]
    return [column.shape[0] if isinstance(column, Array) else len(column) for column in columns]


def test_dots_that_follow_while_the_first_is_under_way_are_one_request(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    daemon.hold(requests.Transaction)
    display.dot("o", 0, 0, wait=False)
    daemon.wait_for(requests.Transaction, 1)
    for index in range(1, 101):
        display.dot("o", index, 2 * index, wait=False)
    daemon.release()
    display.sync()
    assert rows(daemon) == [1, 100]
    buffer = daemon.of(requests.Transaction)[1].buffers[0]
    assert np.frombuffer(buffer, "<f8", 100).tolist() == list(range(1, 101))


def test_any_other_request_comes_between_the_dots_before_and_after_it(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    daemon.hold(requests.Transaction)
    for _ in range(2):
        display.dot("o", 1, 1, wait=False)
    display.show(wait=False)
    display.dot("x", 2, 2, wait=False)
    daemon.release()
    display.sync()
    assert [type(step) for step in daemon.steps if not isinstance(step, Overlay)] == [Show]
    kinds = [step.symbol if isinstance(step, Overlay) else "show" for step in daemon.steps]
    assert kinds[-2:] == ["show", "x"]
    assert sum(rows(daemon)) == 3


def test_thousands_are_several_requests_and_none_is_lost(
    daemon: ScriptedDaemon, display: mtv.Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_DOTS", 10)
    for index in range(95):
        display.dot("o", index, index, wait=False)
    display.sync()
    assert sum(rows(daemon)) == 95
    assert max(rows(daemon)) <= 10


def test_a_refused_gathering_is_raised_by_sync(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    daemon.script(requests.Transaction, messages.Failed(error=Error(code="draw_failed", message="no")))
    display.dot("o", 1, 1, wait=False)
    with pytest.raises(mtv.DaemonError, match="no"):
        display.sync()


def test_a_bad_dot_is_refused_at_once_and_those_gathered_go_on(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    display.dot("o", 1, 1, wait=False)
    with pytest.raises(mtv.RequestError, match="colour"):
        display.dot("o", 1, 1, colour="nosuch", wait=False)
    display.dot("o", 2, 2, wait=False)
    display.sync()
    assert sum(rows(daemon)) == 2
