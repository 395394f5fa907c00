"""A daemon whose images are shown before their masks, on a window that is watched batch by batch."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from tests.support import fake_repositories as fake
from tests.support.fake_repositories import FakeRepositories
from tests.support.fake_stage import FakeStage

from mtv.wire.data import Dataset
from mtv.wire.errors import MtvError
from mtv.wire.limits import Limits
from mtv.wire.messages import Outcome
from mtv.wire.requests import Transaction
from mtv.wire.steps import AnyStep, Mtv
from mtvd.drawing.committer import Committer
from mtvd.drawing.engine import Engine
from mtvd.drawing.journal import Journal
from mtvd.drawing.sessions import Sessions
from mtvd.host.pixelstore import PixelStore
from mtvd.resolving.handles import Handles
from mtvd.resolving.holding import Holding
from mtvd.resolving.images import Images
from mtvd.resolving.resolver import Resolver
from mtvd.scene import actions as ac
from mtvd.scene import model
from mtvd.stage.port import Batch, SectionResult, WindowLost

WAIT_SECS: Final = 20
A, B = b"a" * 16, b"b" * 16
OLD: Final[dict[str, int | str]] = {"instrument": "HSC", "visit": 1214, "detector": 41}
NEW: Final[dict[str, int | str]] = {"instrument": "HSC", "visit": 23718, "detector": 42}


class WatchedStage(FakeStage):
    """A window that tells when it has drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.ran = anyio.Event()
        self.kills: Callable[[ac.AnyAction], bool] = lambda _: False
        self.there: Callable[[str], bool] = lambda _: True
        """Tells whether a pixel file is."""
        self.missing: list[str] = []
        """What was removed while it was shown."""

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        shown = [frame.image.file for frame in self.frames.values() if frame.image]
        self.missing += [name for name in shown if not self.there(name)]
        if any(self.kills(action) for section in batch.sections for action in section.actions):
            self.crash()
            raise WindowLost("the window died")
        results = await super().run(batch)
        self.ran.set()
        self.ran = anyio.Event()
        return results

    async def until(self, seen: Callable[[], bool]) -> None:
        with anyio.fail_after(WAIT_SECS):
            while not seen():
                await self.ran.wait()

    def label(self, frame: int = 0) -> str:
        shown = self.frames.get(frame)
        return shown.image.label if shown and shown.image else ""

    def picture(self) -> list[object]:
        """What all frames show."""
        return [
            (number, frame.image, frame.mask, frame.zoom, [(name, markers.key) for name, markers in frame.markers])
            for number, frame in self.frames.items()
        ]

    def actions(self, kind: type[ac.Action]) -> list[ac.AnyAction]:
        return [
            a for batch in self.batches for section in batch.sections for a in section.actions if isinstance(a, kind)
        ]


class House:
    """An engine on a directory and a window that outlive it, with compressed exposures to show."""

    def __init__(self, directory: Path, stage: FakeStage | None = None, epoch: str = "e1") -> None:
        self.directory = directory
        self.stage = WatchedStage()
        if stage is not None:
            vars(self.stage).update({name: value for name, value in vars(stage).items() if name != "ran"})
        self.now = 0.0
        self.sessions = Sessions(lambda: self.now)
        self.journal = Journal(directory / "journal")
        self.pixels = PixelStore(directory / "pixels", 1 << 26)
        self.stage.there = lambda name: name in self.pixels.names()
        self.repositories = FakeRepositories(self.pixels)
        self.repositories.compressed = True
        holding = Holding(self.pixels)
        handles = Handles(lambda: self.now, holding)
        self.committer = Committer(
            stage=self.stage,
            journal=self.journal,
            sessions=self.sessions,
            holding=holding,
            pixels=self.pixels,
            epoch=epoch,
        )
        resolver = Resolver(
            images=Images(self.pixels, Limits()),
            pixels=self.pixels,
            repositories=self.repositories,
            handles=handles,
            limits=Limits(),
        )
        self.engine = Engine(
            stage=self.stage,
            resolver=resolver,
            committer=self.committer,
            holding=holding,
            on_drawn=lambda: None,
            clock=lambda: self.now,
        )
        self.results: list[Outcome | MtvError] = []

    async def draw(self, *steps: AnyStep, session: bytes = A, sequence: int = 1, **options: Any) -> None:
        """Send a transaction and keep what becomes of it."""
        asked = Transaction(steps=steps, **options)
        try:
            with anyio.fail_after(WAIT_SECS):
                self.results.append(await self.engine.submit(asked, (), self.sessions.of(session), sequence))
        except MtvError as error:
            self.results.append(error)

    @property
    def display(self) -> model.Display:
        return self.committer.scene.displays[0]

    async def settled(self) -> None:
        """Return when all that was sent by nobody in particular has been drawn or taken back."""
        with anyio.fail_after(WAIT_SECS):
            await self.engine.sync(b"z" * 16)

    def check_files(self) -> None:
        """Nothing has leaked, and nothing is gone, or was, that is shown."""
        assert self.stage.missing == []
        assert set(self.pixels.names()) == self.committer.scene.files()


def calexp(data_id: dict[str, int | str]) -> Dataset:
    return Dataset(dataset_type="calexp", collections=(fake.COLLECTION,), data_id=data_id)


def exposure(data_id: dict[str, int | str], display: int = 0) -> Mtv:
    return Mtv(display=display, target=calexp(data_id))


@contextlib.asynccontextmanager
async def living(house: House) -> AsyncIterator[House]:
    await house.committer.recover()
    async with anyio.create_task_group() as group:
        group.start_soon(house.engine.serve)
        yield house
        group.cancel_scope.cancel()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with living(House(tmp_path)) as made:
        yield made


@contextlib.asynccontextmanager
async def image_alone(
    house: House, then: Callable[[Any], fake.Hold] | None = None, **options: Any
) -> AsyncIterator[fake.Hold]:
    """Have the new image on the screen and its mask still being read; at the end all is settled."""
    hold = (then or house.repositories.hold_at)("mask")
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: house.draw(exposure(NEW), sequence=10, **options))
        await house.stage.until(lambda: house.stage.label() == "calexp HSC 23718 42")
        yield hold
        hold.release()
    await house.settled()
