"""Movies with a clock that the test drives: an engine that takes as long as it is told, and no window."""

from __future__ import annotations

import collections
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import msgspec
import pytest
import trio
from trio.testing import MockClock

from mtv.wire.data import Dataset
from mtv.wire.errors import DaemonError, Error, MtvError, RequestError, Unavailable
from mtv.wire.limits import Limits
from mtv.wire.messages import Follow, Movie, Outcome, Play, Steer, StepOutcome
from mtvd.resolving.resolved import MovieFrame
from mtvd.scene.actions import ImageLayer
from mtvd.scene.apply import EMPTY, Display, Scene
from mtvd.streams import movies

COUNT = 12


class SlowEngine:
    """Draws each frame in so many seconds, and tells when it was on the screen."""

    def __init__(self) -> None:
        self.scene: Scene = EMPTY
        self.secs = 0.0
        self.drawn: list[tuple[float, int]] = []
        """Time and index of each frame."""
        self.overtaken = False
        """Somebody else's image comes in the same group."""
        self.failures: dict[int, MtvError] = {}
        self.submitted: list[tuple[str, MovieFrame]] = []
        self._waiting: dict[str, anyio.CancelScope] = {}

    async def submit(
        self, transaction: Any, _buffers: Any, session: Any, sequence: int, *, redraws: bool, frame: MovieFrame
    ) -> Outcome:
        assert redraws
        (step,) = transaction.steps
        index = step.target.data_id["visit"]
        key = f"{session.id.hex()}-{sequence}"
        self.submitted.append((key, frame))
        with anyio.CancelScope() as self._waiting[key]:
            await anyio.sleep(self.secs)
        if self._waiting.pop(key).cancelled_caught:
            raise RequestError(Error(code="cancelled", message="cancelled"))
        if index in self.failures:
            raise self.failures[index]
        self.put(step.display, frame.movie, f"visit {index} ({frame.place})")
        if self.overtaken:
            self.put(step.display)
        self.drawn.append((anyio.current_time(), index))
        return Outcome(steps=(StepOutcome(display=step.display),))

    def put(self, number: int, movie: str = "", label: str = "") -> None:
        """Let a display show an image."""
        image = ImageLayer(file="", shape_yx=(1, 1), dtype=">f4", header_bytes=0, xy0=(0, 0), label=label, unit="")
        display = Display(number=number, image=image, movie=movie)
        self.scene = msgspec.structs.replace(self.scene, displays={**self.scene.displays, number: display})

    def cancel(self, key: str) -> int:
        scope = self._waiting.get(key)
        if scope is not None:
            scope.cancel()
        return scope is not None

    @property
    def indices(self) -> list[int]:
        return [index for _, index in self.drawn]

    @property
    def times(self) -> list[float]:
        return [round(time - self.drawn[0][0], 6) for time, _ in self.drawn]


class Told:
    """Repositories that only hear what comes next."""

    def __init__(self) -> None:
        self.ahead: collections.defaultdict[str, list[list[int]]] = collections.defaultdict(list)

    def read_ahead(self, targets: Sequence[Any], owner: str = "") -> None:
        self.ahead[owner].append([target.data_id["visit"] for target in targets])


class Rig:
    """Movies over a slow engine."""

    def __init__(self) -> None:
        self.engine = SlowEngine()
        self.told = Told()
        self.forgotten: list[bytes] = []
        self.movies = movies.Movies(
            engine=self.engine,  # type: ignore[arg-type]
            repositories=self.told,  # type: ignore[arg-type]
            forget=self.forgotten.append,
            limits=Limits(movie_frames=100),
            clock=anyio.current_time,
        )

    def play(self, movie: str = "m", *, count: int = COUNT, **fields: Any) -> Movie:
        targets = tuple(Dataset(dataset_type="calexp", data_id={"visit": number}) for number in range(count))
        return self.movies.play(Play(**{"targets": targets, "fps": 2.0, **fields}), movie)

    async def steer(self, action: Any, value: float = 1.0, movie: str = "m", **fields: Any) -> Movie:
        return await self.movies.steer(Steer(action=action, value=value, movie=movie, **fields))

    async def now(self, movie: str = "m") -> Movie:
        return await self.movies.follow(Follow(movie=movie))

    async def end(self, movie: str = "m") -> Movie:
        state = await self.now(movie)
        with anyio.fail_after(10_000):
            while state.state != "ended":
                state = await self.movies.follow(Follow(movie=movie, seen=state.number, within_secs=60))
        await anyio.sleep(0)
        return state


def run(scenario: Callable[[Rig], Awaitable[None]]) -> None:
    """Run a scenario in no time: the clock jumps whenever all wait."""

    async def main() -> None:
        rig = Rig()
        async with anyio.create_task_group() as group:
            await group.start(rig.movies.serve)
            await scenario(rig)
            group.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


def refused(**problem: Any) -> RequestError:
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
        rig.engine.failures = {1: refused(code="cancelled")}
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
        rig.engine.failures = {0: refused(), 2: refused(message="truncated")}
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
        rig.engine.failures = dict.fromkeys(range(3), refused())
        rig.play(count=3, loop=loop)
        state = await rig.end()
        assert (state.reason, state.failed, state.error) == ("failed", 3, refused().error)

    run(scenario)


def test_where_all_that_were_left_fail_it_ends_with_the_error() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.failures = dict.fromkeys(range(3), refused())
        rig.play(count=3, start=-2)
        state = await rig.end()
        assert (state.reason, state.failed) == ("failed", 2)

    run(scenario)


def test_a_loop_in_which_some_are_shown_goes_on() -> None:
    async def scenario(rig: Rig) -> None:
        rig.engine.failures = dict.fromkeys((0, 1), refused())
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
