"""Movies that are steered and followed, with a clock that the test drives."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from tests.support.movies import Rig, run

from mtv.wire.errors import RequestError
from mtv.wire.requests import Follow
from mtvd.streams import movies


def test_pause_returns_when_the_frame_on_its_way_is_on_the_screen() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play()
        await anyio.sleep(1.9)
        rig.engine.secs = 0.3
        await anyio.sleep(0.2)
        before = anyio.current_time()
        state = await rig.steer("pause")
        assert (state.state, state.position) == ("paused", 4)
        assert anyio.current_time() - before == pytest.approx(0.2)
        await anyio.sleep(100)
        assert rig.engine.indices == [0, 1, 2, 3, 4]
        rig.engine.secs = 0
        await rig.steer("play")
        await anyio.sleep(0.6)
        assert rig.engine.indices == [0, 1, 2, 3, 4, 5, 6]

    run(scenario)


def test_step_and_seek_return_when_their_frame_is_on_the_screen() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.secs = 0.1
        rig.play(paused=True)
        assert (await rig.steer("step")).position == 1
        assert (await rig.steer("step", 3)).position == 4
        assert (await rig.steer("step", -2)).position == 2
        state = await rig.steer("seek", -1)
        assert (state.position, state.state) == (11, "paused")
        assert rig.engine.indices == [1, 4, 2, 11]

    run(scenario)


def test_a_seek_is_answered_though_the_movie_is_never_idle() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.secs = 0.1
        rig.play(fps=100.0, every=True, loop=True)
        await anyio.sleep(1.05)
        before = anyio.current_time()
        state = await rig.steer("seek", 7)
        assert state.state == "playing"
        assert anyio.current_time() - before == pytest.approx(0.16)
        assert rig.engine.indices[-1] == 7

    run(scenario)


def test_speed_and_loop_change_while_it_plays() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play(count=4)
        await anyio.sleep(0.7)
        assert (await rig.steer("speed", 10)).fps == 10
        assert (await rig.steer("loop", 1)).loop
        await anyio.sleep(0.55)
        assert rig.engine.indices == [0, 1, 2, 3, 0, 1, 2, 3]
        assert rig.engine.times == pytest.approx([0, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2])
        await rig.steer("loop", 0)
        assert (await rig.end()).reason == "end"

    run(scenario)


def test_stop_takes_back_the_frame_that_waits() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.secs = 5
        rig.play()
        await anyio.sleep(1)
        state = await rig.steer("stop")
        assert (state.state, state.reason, state.failed) == ("ended", "stopped", 0)
        assert anyio.current_time() < 2
        assert rig.engine.drawn == []
        assert (await rig.steer("stop")).reason == "stopped", "twice is no error"

    run(scenario)


def test_sent_again_it_is_told_again() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play(count=2)
        await anyio.sleep(0.1)
        assert rig.play(count=2).shown == 1
        await rig.end()
        assert rig.play(count=2).reason == "end"
        await anyio.sleep(10)
        assert rig.engine.indices == [0, 1]

    run(scenario)


def test_follow_waits_for_a_change_and_no_longer_than_wished() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play(fps=0.1)
        await anyio.sleep(1)
        state = await rig.now()
        before = anyio.current_time()
        same = await rig.movies.follow(Follow(movie="m", seen=state.number, within_secs=3))
        assert same == state
        assert anyio.current_time() - before == pytest.approx(3)
        other = await rig.movies.follow(Follow(movie="m", seen=state.number, within_secs=60))
        assert other.position == 1
        assert anyio.current_time() - before == pytest.approx(9)

    run(scenario)


@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        ({"count": 0}, "bad_value", "targets"),
        ({"count": 101}, "too_large", "targets"),
        ({"fps": 0.0}, "bad_value", "fps"),
        ({"fps": float("nan")}, "bad_value", "fps"),
        ({"fps": 1e9}, "bad_value", "fps"),
        ({"start": 12}, "bad_value", "start"),
        ({"display": -1}, "bad_value", "display"),
    ],
)
def test_what_cannot_be_played_is_refused_and_harms_no_other(fields: dict[str, Any], code: str, where: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.play("before")
        with pytest.raises(RequestError) as caught:
            rig.play(**fields)
        assert (caught.value.code, caught.value.error.where) == (code, where)
        assert [state.movie for state in rig.movies.infos()] == ["before"]

    run(scenario)


@pytest.mark.parametrize(
    ("action", "value"),
    [("speed", 0.0), ("speed", float("inf")), ("seek", 12.0), ("seek", 1.5), ("step", float("nan")), ("step", 0.5)],
)
def test_what_cannot_be_steered_is_refused(action: str, value: float) -> None:
    async def scenario(rig: Rig) -> None:
        rig.play()
        with pytest.raises(RequestError) as caught:
            await rig.steer(action, value)
        assert (caught.value.code, caught.value.error.where) == ("bad_value", "value")

    run(scenario)


def test_a_movie_that_never_was_is_not_found() -> None:
    async def scenario(rig: Rig) -> None:
        for call in (rig.steer("pause", movie="x"), rig.steer("stop", movie=""), rig.now("x"), rig.now("")):
            with pytest.raises(RequestError) as caught:
                await call
            assert caught.value.code == "not_found"

    run(scenario)


def test_there_are_only_so_many_at_once_and_so_many_that_are_remembered() -> None:
    async def scenario(rig: Rig) -> None:
        for number in range(movies.MOST):
            rig.play(f"m{number}", display=number)
        with pytest.raises(RequestError) as caught:
            rig.play("more", display=99)
        assert caught.value.error.where == "display"
        rig.play("instead", display=0)
        for number in range(100):
            rig.play(f"n{number}", display=0, count=1)
            await rig.end(f"n{number}")
        await rig.now("n99")
        with pytest.raises(RequestError):
            await rig.now("n0")

    run(scenario)


def test_a_movie_that_has_ended_is_none_of_those_that_play_though_its_last_frame_is_still_on_its_way() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.secs = 10
        rig.engine.has_begun = True
        rig.play(movie="old")
        await anyio.sleep(1)
        rig.play(movie="new", paused=True)
        assert [state.movie for state in rig.movies.infos()] == ["new"]
        assert (await rig.now("")).movie == "new"
        assert (await rig.steer("speed", 4.0, movie="")).movie == "new"
        with pytest.raises(RequestError, match="the movie has ended: replaced") as caught:
            await rig.steer("speed", 4.0, movie="old")
        assert caught.value.code == "not_found"
        state = await rig.steer("stop", movie="old")
        assert (state.reason, rig.engine.indices) == ("replaced", [0]), "stop is answered when the frame has come"

    run(scenario)


def test_a_movie_that_has_ended_takes_no_place_of_those_that_play() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.secs = 10
        rig.engine.has_begun = True
        for number in range(movies.MOST):
            rig.play(movie=str(number), display=number)
        await anyio.sleep(1)
        with pytest.raises(RequestError, match="16 movies play"):
            rig.play(movie="one more", display=movies.MOST)
        rig.movies.window_closed()
        assert rig.play(movie="one more", display=movies.MOST).state == "playing"

    run(scenario)
