"""Movies with a clock that the test drives: an engine that takes as long as it is told, and no window."""

from __future__ import annotations

import collections
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import msgspec
import trio
from trio.testing import MockClock

from mtv.wire.data import Dataset
from mtv.wire.errors import Error, MtvError, RequestError
from mtv.wire.limits import Limits
from mtv.wire.messages import Outcome, StepOutcome
from mtv.wire.reports import Movie
from mtv.wire.requests import Follow, Play, Steer
from mtvd.resolving.resolved import MovieFrame
from mtvd.scene.actions import ImageLayer
from mtvd.scene.model import EMPTY, Display, Scene
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
        self.has_begun = False
        """The window has each frame at once: it can no longer be cancelled."""
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
        scope = None if self.has_begun else self._waiting.get(key)
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
