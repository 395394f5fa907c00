"""Who may use a channel: pipes of ours alone, one daemon at a time, and no descriptor is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support import agent as agents
from tests.support.agent import Agent, beside, descriptors, opened

from mtvd.stage.talk.channel import ANSWERS, REQUESTS, Channel, ChannelTaken, NoChannel

pytestmark = pytest.mark.anyio
LONG = 60


directory = agents.window_directory
agent = agents.living_agent


def replaced(directory: Path, name: str, how: str) -> None:
    path = directory / name
    if how == "open to others":
        path.chmod(0o620)
        return
    path.unlink()
    if how == "file":
        path.write_bytes(b"")
        path.chmod(0o600)
    elif how == "link":
        os.mkfifo(directory / "elsewhere", 0o600)
        path.symlink_to(directory / "elsewhere")
    elif how == "nobody":
        os.mkfifo(path, 0o600)
    elif how == "directory":
        path.mkdir()


@pytest.mark.parametrize("name", [REQUESTS, ANSWERS])
@pytest.mark.parametrize("how", ["missing", "file", "link", "open to others", "directory"])
async def test_what_is_no_pipe_of_ours_alone_is_refused(directory: Path, agent: Agent, name: str, how: str) -> None:
    replaced(directory, name, how)
    before = descriptors(directory)
    with pytest.raises(NoChannel):
        Channel(directory, lambda: None)
    assert descriptors(directory) == before


async def test_a_pipe_that_nobody_reads_is_refused_at_once(directory: Path, agent: Agent) -> None:
    replaced(directory, REQUESTS, "nobody")
    with pytest.raises(NoChannel, match="cannot be used"):
        Channel(directory, lambda: None)


async def test_a_pipe_of_another_user_is_refused(
    directory: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(NoChannel, match="open to others"):
        Channel(directory, lambda: None)


@pytest.mark.parametrize("mode", [0o710, 0o701, 0o770])
async def test_a_directory_that_others_may_enter_is_refused(directory: Path, agent: Agent, mode: int) -> None:
    directory.chmod(mode)
    with pytest.raises(NoChannel, match="directory is open to others"):
        Channel(directory, lambda: None)


async def test_a_second_daemon_is_kept_away_until_the_first_has_let_go(directory: Path, agent: Agent) -> None:
    async with opened(directory) as channel, beside(agent.obeys):
        before = descriptors(directory)
        with pytest.raises(ChannelTaken, match="another daemon"):
            Channel(directory, lambda: None)
        assert descriptors(directory) == before
        assert await channel.run(b"x", deadline_secs=LONG) == "X"
        channel.close()
        async with opened(directory) as second:
            assert await second.run(b"y", deadline_secs=LONG) == "Y"


async def test_every_descriptor_is_closed_with_the_channel(directory: Path, agent: Agent) -> None:
    async with opened(directory), beside(agent.obeys):
        pass
    before = descriptors(directory)
    for _ in range(5):
        async with opened(directory) as channel, beside(agent.obeys):
            await channel.run(b"x", deadline_secs=LONG)
            channel.close()
            channel.close()
    assert descriptors(directory) == before
