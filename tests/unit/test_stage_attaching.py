"""Which DS9 has a title: that very one, whatever else begins like it or fits it as a pattern."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mtvd.stage.port import WindowUnavailable
from mtvd.stage.window import attaching, lane

pytestmark = pytest.mark.anyio


class Server:
    """Stands for a lane that asks XPA's name server."""

    def __init__(self, known: list[str]) -> None:
        self.known = known

    async def start(self, _environ: Mapping[str, str]) -> Any:
        return self

    async def call(self, method: str, given: dict[str, Any], *, deadline_secs: float) -> list[str]:
        assert (method, deadline_secs) == ("find", 1)
        assert given
        return self.known

    async def kill(self) -> None:
        pass


@pytest.fixture
def xpa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """XPA's directory, with the sockets of several DS9."""
    monkeypatch.setenv("XPA_TMPDIR", str(tmp_path))
    opened = []
    for number, title in enumerate(("mine", "mine.2", "mine.2.3", "mine[1]", "mine1", "mine*", "my window", "MINE")):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / f"DS9_{title}.{os.getpid() + number}"))
        listener.listen()
        opened.append(listener)
    yield tmp_path
    for listener in opened:
        listener.close()


@pytest.mark.parametrize(
    ("title", "number"),
    [("mine", 0), ("mine.2", 1), ("mine.2.3", 2), ("mine[1]", 3), ("mine1", 4), ("mine*", 5), ("my window", 6)],
)
async def test_a_title_finds_the_window_that_has_it_and_no_other(xpa: Path, title: str, number: int) -> None:
    found = await attaching.addresses(title, Server([]).start, 1)
    assert found == [str(xpa / f"DS9_{title}.{os.getpid() + number}")]


@pytest.mark.parametrize("title", ["min?", "m*", "*", "mine.", "[m]ine", "mine.3"])
async def test_a_pattern_is_no_title(xpa: Path, title: str) -> None:
    assert await attaching.addresses(title, Server([]).start, 1) == []


async def test_the_name_server_s_windows_are_found_beside_those_of_the_directory(xpa: Path) -> None:
    found = await attaching.addresses("mine", Server(["7f000001:39955"]).start, 1)
    assert found == [str(xpa / f"DS9_mine.{os.getpid()}"), "7f000001:39955"]
    with pytest.raises(WindowUnavailable, match="2 DS9 have the title 'mine'"):
        attaching.only("mine", found)


def test_of_what_the_name_server_finds_for_a_pattern_only_the_very_title_counts() -> None:
    """As it answers ``DS9:mine*``, seen on XPA 2.1.20: brackets, stars and question marks are patterns to it."""
    found = ["DS9:mine 7f000001:43231", "DS9:mine[1] 7f000001:41789", "DS9:mine* 7f000001:33019"]
    assert lane.exact("mine*", found) == ["7f000001:33019"]
    assert lane.exact("mine", found) == ["7f000001:43231"]
    assert lane.exact("mine", []) == []
