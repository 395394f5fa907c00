"""Movies with a clock that the test drives: an engine that takes as long as it is told, and no window."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest
from tests.support.movies import Rig, run

from mtv.wire.errors import DaemonError, Error, RequestError, Unavailable
from mtv.wire.requests import Steer


def refusal(**problem: Any) -> RequestError:
    return RequestError(Error(**{"code": "unreadable_file", "message": "it is empty", **problem}))


def test_all_datasets_are_shown_at_the_rate_and_the_movie_ends_with_the_last() -> None:
    async def scenario(rig: Rig) -> None:
        assert rig.play(count=4).state == "playing"
        state = await rig.end()
        assert rig.engine.indices == [0, 1, 2, 3]
        assert rig.engine.times == [0, 0.5, 1, 1.5]
        assert (state.reason, state.shown, state.skipped, state.failed, state.position) == ("end", 4, 0, 0, 3)
        assert state.shown_fps == pytest.approx(2)
        assert state.label == "visit 3 (4 of 4)"
        assert rig.movies.infos() == ()
        assert len(rig.forgotten) == 1, "nothing is left of its session"

    run(scenario)


def test_time_begins_when_the_first_frame_is_on_the_screen() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.secs = 10
        rig.play(count=5)
        await anyio.sleep(9.9)
        rig.engine.secs = 0.1
        state = await rig.end()
        assert rig.engine.times == [0, 0.6, 1.1, 1.6, 2.1]
        assert state.skipped == 0

    run(scenario)


def test_frames_are_skipped_where_the_screen_is_too_slow() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.secs = 1.2
        rig.play()
        state = await rig.end()
        assert rig.engine.indices == [0, 1, 3, 5, 8, 10, 11]
        assert (state.shown, state.skipped) == (7, 5)

    run(scenario)


def test_with_every_none_is_skipped() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.secs = 1.2
        rig.play(every=True, count=5)
        state = await rig.end()
        assert rig.engine.indices == [0, 1, 2, 3, 4]
        assert rig.engine.times == pytest.approx([0, 1.7, 2.9, 4.1, 5.3])
        assert state.skipped == 0

    run(scenario)


def test_the_next_frames_are_wanted_while_one_is_shown_and_none_when_it_ends() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play(count=4)
        await rig.end()
        assert rig.told.ahead["m"] == [[1, 2, 3], [2, 3], [3], [], []]

    run(scenario)


def test_of_skipped_frames_none_is_wanted() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.secs = 1.2
        rig.play()
        await rig.end()
        assert rig.told.ahead["m"][3] == [7, 9, 11]

    run(scenario)


def test_it_begins_where_it_is_told_and_paused() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play(start=-3, paused=True)
        await anyio.sleep(100)
        assert rig.engine.indices == [9]
        assert (await rig.now()).state == "paused"
        await rig.steer("play")
        await rig.end()
        assert rig.engine.indices == [9, 10, 11]

    run(scenario)


def test_another_image_or_a_deleted_display_ends_it_also_while_it_is_paused() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play("a", display=1)
        rig.play("b", display=2, paused=True)
        rig.play("c", display=3)
        await anyio.sleep(1)
        rig.movies.look()
        assert {state.movie for state in rig.movies.infos()} == {"a", "b", "c"}
        rig.engine.put(1)
        rig.engine.scene = msgspec.structs.replace(
            rig.engine.scene, displays={n: d for n, d in rig.engine.scene.displays.items() if n != 2}
        )
        rig.movies.look()
        assert (await rig.end("a")).reason == "replaced"
        assert (await rig.end("b")).reason == "deleted"
        assert (await rig.now("c")).state == "playing"

    run(scenario)


def test_an_image_that_comes_with_its_first_frame_ends_it_though_it_is_paused() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.overtaken = True
        rig.play(paused=True)
        state = await rig.end()
        assert (state.reason, state.shown, state.label) == ("replaced", 1, "")

    run(scenario)


def test_a_frame_that_is_refused_because_of_another_image_is_no_failure() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.secs = 0.1
        rig.play()
        await anyio.sleep(0.15)
        rig.engine.put(0)
        rig.engine.failures = {1: refusal(code="cancelled")}
        state = await rig.end()
        assert (state.reason, state.failed, state.error) == ("replaced", 0, None)

    run(scenario)


def test_a_new_movie_replaces_the_one_on_its_display() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play("a", display=0)
        rig.play("other", display=5)
        await anyio.sleep(0.6)
        rig.play("b", display=0)
        assert (await rig.now("a")).reason == "replaced"
        await anyio.sleep(0.1)
        assert [state.movie for state in rig.movies.infos()] == ["other", "b"]
        assert (await rig.movies.steer(Steer(display=0, action="stop"))).movie == "b"
        begins = [(frame.movie, frame.begins) for _, frame in rig.engine.submitted]
        assert set(begins[:2]) == {("a", True), ("other", True)}
        assert set(begins[2:4]) == {("a", False), ("other", False)}
        assert begins[4:] == [("b", True)]

    run(scenario)


def test_the_user_who_closes_the_window_ends_it() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play()
        await anyio.sleep(1)
        rig.movies.window_closed()
        assert (await rig.end()).reason == "closed"
        count = len(rig.engine.drawn)
        await anyio.sleep(10)
        assert len(rig.engine.drawn) == count

    run(scenario)


def test_a_dataset_that_fails_is_counted_and_the_movie_goes_on() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.failures = {0: refusal(), 2: refusal(message="truncated")}
        rig.play(count=4)
        state = await rig.end()
        assert rig.engine.indices == [1, 3]
        assert (state.reason, state.shown, state.failed) == ("end", 2, 2)
        assert state.error is not None
        assert state.error.message == "truncated"

    run(scenario)


@pytest.mark.parametrize("loop", [False, True])
def test_where_all_fail_it_ends_with_the_error(loop: bool) -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.failures = dict.fromkeys(range(3), refusal())
        rig.play(count=3, loop=loop)
        state = await rig.end()
        assert (state.reason, state.failed, state.error) == ("failed", 3, refusal().error)

    run(scenario)


def test_where_all_that_were_left_fail_it_ends_with_the_error() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.failures = dict.fromkeys(range(3), refusal())
        rig.play(count=3, start=-2)
        state = await rig.end()
        assert (state.reason, state.failed) == ("failed", 2)

    run(scenario)


def test_a_loop_in_which_some_are_shown_goes_on() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.failures = dict.fromkeys((0, 1), refusal())
        rig.play(count=3, loop=True)
        await anyio.sleep(10.2)
        state = await rig.now()
        assert (state.state, state.failed, state.shown) == ("playing", 14, 7)

    run(scenario)


def test_without_a_window_it_ends_at_once() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.failures = {0: Unavailable(Error(code="no_window", message="no X display"))}
        rig.play()
        state = await rig.end()
        assert (state.reason, state.failed) == ("failed", 1)
        with pytest.raises(RequestError, match="no X display"):
            await rig.steer("pause")

    run(scenario)


def test_a_fault_of_ours_ends_the_movie_and_nothing_else() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play("other", display=3)
        rig.engine.failures = {1: KeyError("oops")}  # type: ignore[dict-item]
        rig.play(display=4)
        state = await rig.end()
        assert state.reason == "failed"
        assert state.error is not None
        assert state.error.code == "internal"
        rig.engine.failures = {}
        rig.play("new", display=4)
        await anyio.sleep(1)
        assert (await rig.now("new")).shown > 1

    run(scenario)


def test_a_failed_drawing_is_counted_like_a_failed_reading() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.failures = {1: DaemonError(Error(code="draw_failed", message="no"))}
        rig.play(count=3)
        assert ((await rig.end()).failed, rig.engine.indices) == (1, [0, 2])

    run(scenario)


def test_a_frame_that_is_wished_for_again_while_it_is_the_newest_counts_once() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.failures = {2: refusal()}
        rig.play(count=4, paused=True)
        await anyio.sleep(0.1)
        for index in (0, 1, 2, 2, 3, 3):  # the first one was shown when it began
            await rig.steer("seek", index)
        state = await rig.now()
        assert (state.shown, state.failed) == (3, 1)
        rig.engine.failures = {}
        await rig.steer("step", 0)
        assert (await rig.now()).shown == 3
        rig.engine.failures = {3: refusal()}
        await rig.steer("seek", 3)
        state = await rig.now()
        assert (state.shown, state.failed) == (2, 2), "what became of it last counts"

    run(scenario)


def test_a_frame_that_fails_twice_is_one_of_those_that_fail_in_a_row() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.failures = {0: refusal(), 1: refusal()}
        rig.play(count=3, paused=True)
        await anyio.sleep(0.1)
        for index in (0, 1, 2):
            state = await rig.steer("seek", index)
        assert (state.state, state.position, state.shown, state.failed) == ("paused", 2, 1, 2)

    run(scenario)


def test_each_round_of_a_loop_counts() -> None:
    async def scenario(rig: Rig) -> None:
        rig.play(count=1, loop=True)
        await anyio.sleep(1.6)
        assert (await rig.now()).shown == 4

    run(scenario)
