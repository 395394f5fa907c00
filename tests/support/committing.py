"""A committer with its journal and a window that does as a test says."""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.support.grey_pieces import grey_piece, one_piece

from mtv.wire.reports import WindowState
from mtvd.drawing.committer import Committer
from mtvd.drawing.journal import Journal
from mtvd.drawing.sessions import Sessions
from mtvd.drawing.waiting import Waiting
from mtvd.host.pixelstore import PixelStore
from mtvd.resolving.holding import Holding
from mtvd.resolving.resolved import Resolved
from mtvd.scene import actions as ac
from mtvd.scene import changes as ch
from mtvd.stage.port import (
    Batch,
    Difference,
    PieceBox,
    PiecePlan,
    Pieces,
    SectionResult,
    UserMoved,
    WindowLost,
    WindowUnavailable,
)

SESSION = b"s" * 16


class ScriptedWindow:
    """A window that does what its script says: by default everything, each batch once."""

    def __init__(self) -> None:
        self.state = WindowState(state="ready")
        self.colormaps: tuple[str, ...] = ()
        self.generation = 1
        self.batches: list[Batch] = []
        self.refuses: Callable[[ac.AnyAction], bool] = lambda _: False
        self.dies_of: Callable[[ac.AnyAction], bool] = lambda _: False
        self.unavailable = ""
        self.moved: tuple[Difference, ...] = ()
        self.token: tuple[str, int] | None = None

    def offer_display(self, x_display: str, xauthority: str) -> None:
        pass

    async def ensure(self) -> int:
        if self.unavailable:
            raise WindowUnavailable(self.unavailable)
        return self.generation

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        self.batches.append(batch)
        if batch.heeds and self.moved:
            moved, self.moved = self.moved, ()
            raise UserMoved(moved)
        if any(self.dies_of(action) for section in batch.sections for action in section.actions):
            self.generation += 1
            raise WindowLost("it died")
        self.token = (batch.epoch, batch.number)
        return tuple(
            SectionResult(
                key=section.key,
                failed_action=next((i for i, action in enumerate(section.actions) if self.refuses(action)), None),
                message="no",
            )
            for section in batch.sections
        )

    async def adopt(self) -> tuple[str, int] | None:
        return self.token

    async def sync(self) -> None:
        pass

    async def await_redraw(self) -> None:
        pass

    async def snapshot(self, frame: int | None, image_format: str) -> bytes:
        return b""

    async def list_regions(self, frame: int | None, system: str, *, ours: bool) -> str:
        return ""

    async def survey(self, frame: int, size: tuple[int, int]) -> PiecePlan:
        return one_piece(size)

    async def pieces(self, frame: int, size: tuple[int, int], boxes: Sequence[PieceBox], most_ms: int) -> Pieces:
        return grey_piece(size)

    async def close(self, *, keep_window: bool) -> None:
        pass

    def drawn(self, kind: type[ac.Action]) -> list[ac.AnyAction]:
        return [
            a for batch in self.batches for section in batch.sections for a in section.actions if isinstance(a, kind)
        ]


class House:
    """A committer with everything around it, on a directory that survives it."""

    def __init__(self, directory: Path, window: ScriptedWindow, epoch: str = "e1") -> None:
        self.window = window
        self.sessions = Sessions(lambda: 0.0)
        self.journal = Journal(directory / "journal")
        self.pixels = PixelStore(directory / "pixels", 1 << 20)
        self.committer = Committer(
            stage=window,
            journal=self.journal,
            sessions=self.sessions,
            holding=Holding(self.pixels),
            pixels=self.pixels,
            epoch=epoch,
        )


@pytest.fixture
async def house(tmp_path: Path) -> House:
    made = House(tmp_path, ScriptedWindow())
    await made.committer.recover()
    return made


_numbers = itertools.count(1)


def waiting(*changes: ch.AnyChange, files: tuple[str, ...] = ()) -> Waiting:
    entry = Waiting(session=SESSION, sequence=next(_numbers), displays=frozenset(), steps=len(changes), ready=True)
    entry.resolved = Resolved(changes=changes, places=tuple(range(len(changes))), files=set(files))
    return entry


def dot(display: int | str = 0, overlay: str = "markers", key: str = "") -> ch.AddMarkers:
    one = struct.pack("<d", 1.0)
    batch = ac.Markers(
        key=key or f"k{next(_numbers)}",
        count=1,
        x=one,
        y=one,
        size=one,
        symbols=("+",),
        colours=("#00ff00",),
        system="pixel",
        lines=False,
    )
    return ch.AddMarkers(display=display, overlay=overlay, markers=batch, replace=False, lasting=False)


def image(display: int, file: str) -> ch.ShowImage:
    layer = ac.ImageLayer(file=file, shape_yx=(1, 1), dtype=">f4", header_bytes=2880, xy0=(0, 0), label="", unit="")
    return ch.ShowImage(display=display, image=layer, mask=None, to_front=False)


def pixel_file(house: House) -> str:
    name, descriptor = house.pixels.create("mtv", 2880)
    os.close(descriptor)
    return name


def on_frame(number: int) -> Callable[[ac.AnyAction], bool]:
    return lambda action: getattr(action, "frame", None) == number and isinstance(action, ac.AddMarkers)


def zoomed(display: int, factor: float) -> ch.SetZoom:
    return ch.SetZoom(display=display, factor=factor, key=f"z{factor}")
