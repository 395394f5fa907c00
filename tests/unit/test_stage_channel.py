"""The channel held against an agent that lies, lags, dies and answers by halves; no DS9 is needed for that."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.support import agent as agents
from tests.support.agent import Agent, beside, opened, told

from mtvd.stage.talk import channel as channels
from mtvd.stage.talk.channel import ANSWERS, REQUESTS, NoAnswer, ScriptFailed
from mtvd.stage.talk.wording import INLINE_BYTES_MAX

pytestmark = pytest.mark.anyio
SOON, LONG = 0.3, 60


directory = agents.window_directory
agent = agents.living_agent


async def test_a_script_goes_and_its_result_comes_back(directory: Path, agent: Agent) -> None:
    async with opened(directory) as channel, beside(agent.obeys):
        assert await channel.run(b"one", deadline_secs=LONG) == "ONE"
        assert await channel.run("zwei {}\n\u00e9".encode(), deadline_secs=LONG) == "ZWEI {}\n\u00c9"


async def test_scripts_of_several_tasks_take_turns_and_each_gets_its_own_answer(directory: Path, agent: Agent) -> None:
    found: dict[int, str] = {}
    async with opened(directory) as channel, beside(agent.obeys):

        async def ask(number: int) -> None:
            found[number] = await channel.run(b"n%d" % number, deadline_secs=LONG)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(ask, number)
    assert found == {number: f"N{number}" for number in range(20)}


async def test_an_error_of_the_script_is_told_in_its_own_words(directory: Path, agent: Agent) -> None:
    async def fails() -> None:
        _, identity, *_ = await agent.heard()
        agent.says(told(identity, "no \u2603 today", 1))

    async with opened(directory) as channel, beside(fails):
        with pytest.raises(ScriptFailed, match=r"^no \u2603 today$"):
            await channel.run(b"x", deadline_secs=LONG)


async def test_silence_ends_with_the_deadline_and_is_told_of_meanwhile(directory: Path, agent: Agent) -> None:
    silences: list[int] = []
    async with opened(directory, lambda: silences.append(1)) as channel:
        with pytest.raises(NoAnswer, match=r"^DS9 gave no answer within 0\.6 s$"):
            await channel.run(b"x", deadline_secs=0.6)
    assert silences


async def test_half_an_answer_is_none(directory: Path, agent: Agent) -> None:
    async def halves() -> None:
        _, identity, *_ = await agent.heard()
        agent.says(told(identity, "whole")[:-4])

    async with opened(directory) as channel, beside(halves):
        with pytest.raises(NoAnswer, match="gave no answer"):
            await channel.run(b"x", deadline_secs=SOON)


async def test_an_answer_in_pieces_is_put_together(directory: Path, agent: Agent) -> None:
    async def crumbles() -> None:
        _, identity, *_ = await agent.heard()
        for byte in told(identity, "whole"):
            agent.says(bytes([byte]))
            await anyio.sleep(0)

    async with opened(directory) as channel, beside(crumbles):
        assert await channel.run(b"x", deadline_secs=LONG) == "whole"


async def test_answers_to_others_and_to_earlier_numbers_are_passed_over(directory: Path, agent: Agent) -> None:
    async def talks() -> None:
        agent.says(told("0123456789abcdef.1", "of another daemon"))
        _, first, *_ = await agent.heard()
        agent.says(told(first, "first"))
        _, second, *_ = await agent.heard()
        agent.says(told(first, "first again") + told(f"{first}0", "a number to come") + told(second, "second"))

    async with opened(directory) as channel, beside(talks):
        assert await channel.run(b"x", deadline_secs=LONG) == "first"
        assert await channel.run(b"x", deadline_secs=LONG) == "second"


async def test_the_answer_to_a_request_that_was_given_up_is_not_taken_for_the_next_one_s(
    directory: Path, agent: Agent
) -> None:
    async with opened(directory) as channel:
        with anyio.move_on_after(0.1):
            await channel.run(b"given up", deadline_secs=LONG)
        async with beside(agent.obeys):
            assert await channel.run(b"next", deadline_secs=LONG) == "NEXT"


GARBAGE = [
    b"no answer\n",
    b"\x00\xff\xfe\n" * 100,
    b"told\ntold \ntold a b c d\n",
    b"told X 0 5 aGVsbG8=\n",
    "told \u00e9.1 0 0 \n".encode(),
    b"begun and never ended",
    b"\n" * 5000,
    b"told " + b"9" * 5000 + b" 0 " + b"9" * 5000 + b" \n",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_before_an_answer_is_passed_over(directory: Path, agent: Agent, garbage: bytes) -> None:
    async with opened(directory) as channel, beside(agent.obeys):
        agent.says(garbage)
        assert await channel.run(b"x", deadline_secs=LONG) == "X"


@pytest.mark.parametrize("change", [b" 0 5 ", b" 0 3 ", b" 2 4 ", b" 0 4 AAAA", b" 0 -4 "])
async def test_an_answer_that_does_not_fit_its_own_words_is_none(directory: Path, agent: Agent, change: bytes) -> None:
    async def lies() -> None:
        _, identity, *_ = await agent.heard()
        agent.says(told(identity, "four").replace(b" 0 4 ", change))

    async with opened(directory) as channel, beside(lies):
        with pytest.raises(NoAnswer):
            await channel.run(b"x", deadline_secs=SOON)


async def test_garbage_without_end_neither_grows_nor_costs_what_follows(
    directory: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtvd.stage.talk.wording.ANSWER_BYTES_MAX", 100_000)
    biggest = 0

    async def floods() -> None:
        nonlocal biggest
        _, identity, *_ = await agent.heard()
        for _ in range(40):
            agent.says(b"x" * 30_000)
            await anyio.sleep(0.005)
            biggest = max(biggest, len(channel._decoder._rest))
        agent.says(told(identity, "after all"))

    async with opened(directory) as channel, beside(floods):
        assert await channel.run(b"x", deadline_secs=LONG) == "after all"
    assert 0 < biggest < 200_000


async def test_a_full_pipe_is_waited_for_and_the_loop_goes_on_meanwhile(directory: Path, agent: Agent) -> None:
    turns = 0

    async def counts() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.sleep(0.01)

    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(agent.requests, b"\n" * 4096)
    async with opened(directory) as channel, beside(counts) as group:
        with pytest.raises(NoAnswer, match=r"^DS9 reads nothing$"):
            await channel.run(b"x", deadline_secs=SOON)
        assert turns > 2
        group.start_soon(agent.obeys)
        assert await channel.run(b"y", deadline_secs=LONG) == "Y"


async def test_a_request_that_stuck_halfway_is_not_run_and_the_next_one_is(directory: Path, agent: Agent) -> None:
    heard: list[list[str]] = []

    async def listens() -> None:
        while True:
            heard.append(await agent.heard())
            agent.says(told(heard[-1][1], "yes"))

    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(agent.requests, b"\n" * 4096)
    os.read(agent.requests, 8192)
    async with opened(directory) as channel:
        with pytest.raises(NoAnswer, match="reads nothing"):
            await channel.run(b"a" * 20_000, deadline_secs=SOON)
        async with beside(listens):
            assert await channel.run(b"b", deadline_secs=LONG) == "yes"
    cut, whole = heard
    assert int(cut[2]) == 20_000
    assert len(cut[3]) < 20_000
    assert whole[2:] == ["1", "Yg=="]


async def test_however_quick_the_answers_are_others_have_their_turn(directory: Path, agent: Agent) -> None:
    turns = 0

    async def counts() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.sleep(0)

    def echo() -> None:
        """Answer from another thread, before the daemon's own loop comes round."""
        for _ in range(100):
            while True:
                with contextlib.suppress(BlockingIOError):
                    data = os.read(agent.requests, 1 << 16)
                    break
            agent.says(told(data.split()[1].decode(), "yes"))

    async with opened(directory) as channel, beside(counts), anyio.create_task_group() as group:
        group.start_soon(anyio.to_thread.run_sync, echo)
        await channel.run(b"x", deadline_secs=LONG)
        before = turns
        for _ in range(99):
            assert await channel.run(b"x", deadline_secs=LONG) == "yes"
        assert turns - before >= 10


async def test_an_agent_that_dies_is_noticed_before_the_deadline(directory: Path, agent: Agent) -> None:
    async def dies() -> None:
        await agent.heard()
        agent.dies()

    async with opened(directory) as channel, beside(dies):
        with pytest.raises(NoAnswer, match="has closed the channel"):
            await channel.run(b"x", deadline_secs=LONG)
        with pytest.raises(NoAnswer, match="does not listen"):
            await channel.run(b"x", deadline_secs=LONG)


async def test_a_channel_that_is_closed_in_the_middle_tells_who_waits_at_once(
    directory: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "_NUDGE_SECS", LONG)
    async with opened(directory) as channel:

        async def closes() -> None:
            await agent.heard()
            channel.close()

        async with beside(closes):
            with pytest.raises(NoAnswer, match="let go of"), anyio.fail_after(LONG / 2):
                await channel.run(b"x", deadline_secs=LONG)
        with pytest.raises(NoAnswer, match="let go of"):
            await channel.run(b"x", deadline_secs=LONG)


async def test_pipes_that_are_removed_while_they_are_open_go_on(directory: Path, agent: Agent) -> None:
    async with opened(directory) as channel, beside(agent.obeys):
        for name in (REQUESTS, ANSWERS):
            (directory / name).unlink()
        assert await channel.run(b"x", deadline_secs=LONG) == "X"


async def test_a_long_script_goes_by_a_file_that_nobody_else_reads_and_that_is_gone_afterwards(
    directory: Path, agent: Agent
) -> None:
    script = b"x" * (INLINE_BYTES_MAX + 1)
    seen: list[Any] = []

    async def takes() -> None:
        kind, identity, length, name = await agent.heard()
        path = directory / name
        seen.extend([kind, int(length), path.read_bytes(), stat.S_IMODE(path.stat().st_mode)])
        agent.says(told(identity, "taken"))

    async with opened(directory) as channel, beside(takes):
        assert await channel.run(script, deadline_secs=LONG) == "taken"
    assert seen == ["file", len(script), script, 0o600]
    assert sorted(path.name for path in directory.iterdir()) == sorted([REQUESTS, ANSWERS])


async def test_a_long_script_whose_file_cannot_be_written_was_not_sent(
    directory: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _script: bytes) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with opened(directory) as channel:
        with monkeypatch.context() as patched:
            patched.setattr(channels, "_write", full)
            with pytest.raises(OSError, match="No space left"):
                await channel.run(b"x" * (INLINE_BYTES_MAX + 1), deadline_secs=LONG)
        assert sorted(path.name for path in directory.iterdir()) == sorted([REQUESTS, ANSWERS])
        async with beside(agent.obeys):
            assert await channel.run(b"x", deadline_secs=LONG) == "X"
