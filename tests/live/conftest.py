"""What live tests share: a short private directory, and a stage with a real window that can be asked and looked at."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtv.wire.messages import Event
from mtvd.host.pixelstore import PixelStore
from mtvd.scene import actions
from mtvd.stage.ds9 import Ds9Stage
from mtvd.stage.paint import fits_bytes
from mtvd.stage.port import Batch, Section, SectionResult
from mtvd.stage.settings import StageSettings

HEADER_BYTES = 28_800
COLOURBAR_PX = 60
STAGE_SETTINGS = StageSettings(window="headless", start_deadline_secs=500, command_deadline_secs=60)
"""Deadlines for a machine that does much else; nothing here waits for them to pass unless it says so."""

Floats = float | Sequence[float]


class StageRig:
    """A stage, its files, and a view of the window that does not pass through the stage's own scripts."""

    def __init__(self, directory: Path, settings: StageSettings = STAGE_SETTINGS) -> None:
        self.directory = directory
        self.settings = settings
        self.pixels = PixelStore(directory / "pixels", 4 << 30)
        self.states: list[str] = []
        self.events: list[Event] = []
        self.stage = self.new_stage()
        self._numbers = itertools.count(1)

    def new_stage(self) -> Ds9Stage:
        return Ds9Stage(
            self.settings,
            self.pixels,
            self.directory / "w",
            on_change=lambda state: self.states.append(state.state),
            on_event=self.events.append,
        )

    async def run(self, *sections: Sequence[actions.AnyAction], heeds: bool = False) -> tuple[SectionResult, ...]:
        made = tuple(Section(key=f"s{index}", actions=tuple(section)) for index, section in enumerate(sections))
        return await self.stage.run(Batch(epoch="test", number=next(self._numbers), sections=made, heeds=heeds))

    async def draw(self, *steps: actions.AnyAction) -> None:
        (result,) = await self.run(steps)
        assert result.failed_action is None, f"action {result.failed_action}: {result.message}"

    async def tcl(self, expression: str) -> str:
        """Ask DS9 for the value of one Tcl word."""
        held = self.stage.supervisor.held
        assert held is not None
        return await held.run(f"set ::mtv_value {expression}".encode(), deadline_secs=60)

    async def picture(self, keep: str = "") -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return the window's image area, ``(y, x, rgb)``; ``keep`` names a file for people to look at."""
        data = await self.stage.snapshot(None, "png")
        if keep and (place := os.environ.get("MTV_KEEP_PICTURES")):
            Path(place, keep).write_bytes(data)
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    async def where(self, colour: str, frame: int = 0) -> tuple[float, float, float, float]:
        """Return the 0-based parent pixels ``(x_min, y_min, x_max, y_max)`` that the pixels of a colour lie in."""
        found = rows_and_columns((await self.picture())[:-COLOURBAR_PX], colour)
        assert found is not None, f"nothing is {colour}"
        y0, y1, x0, x1 = found
        corners = [await self.parent(x0, y1, frame), await self.parent(x1, y0, frame)]
        return (*corners[0], *corners[1])

    async def parent(self, x: float, y: float, frame: int) -> tuple[float, float]:
        """Turn a canvas pixel into a parent pixel."""
        told = (await self.tcl(f"[Frame{frame} get coordinates {x} {y} physical fk5 degrees]")).split()
        return float(told[0]) - 1, float(told[1]) - 1

    def image(
        self, pixels: np.ndarray[Any, Any], xy0: tuple[int, int] = (0, 0), wcs: str = "", label: str = "test"
    ) -> actions.ImageLayer:
        stored = pixels.astype(pixels.dtype.newbyteorder(">"))
        name, descriptor = self.pixels.create("mtv", HEADER_BYTES + fits_bytes.whole_blocks(stored.nbytes))
        header = fits_bytes.header(
            shape_yx=stored.shape, dtype=stored.dtype.str, xy0=xy0, wcs=wcs, header_bytes=HEADER_BYTES, label=label
        )
        os.pwrite(descriptor, header + stored.tobytes(), 0)
        os.close(descriptor)
        return actions.ImageLayer(
            file=name,
            shape_yx=stored.shape,
            dtype=stored.dtype.str,
            header_bytes=HEADER_BYTES,
            xy0=xy0,
            label=label,
            unit="",
        )

    def mask(
        self, pixels: np.ndarray[Any, Any], planes: dict[str, int], xy0: tuple[int, int] = (0, 0)
    ) -> actions.MaskLayer:
        name, descriptor = self.pixels.create("mask", pixels.nbytes, "raw")
        os.pwrite(descriptor, pixels.tobytes(), 0)
        os.close(descriptor)
        return actions.MaskLayer(
            file=name,
            shape_yx=pixels.shape,
            dtype=pixels.dtype.str,
            offset=0,
            xy0=xy0,
            planes=tuple(planes.items()),
        )


def markers(
    x: Floats,
    y: Floats,
    *,
    size: Floats = 2.0,
    symbol: str | Sequence[str] = "o",
    colour: str | Sequence[str] = "#00ff00",
    system: Any = "pixel",
    lines: bool = False,
    exact: bool = False,
) -> actions.Markers:
    columns = [np.atleast_1d(np.asarray(value, "<f8")) for value in (x, y, size)]
    return actions.Markers(
        key="test",
        count=len(columns[0]),
        x=columns[0].tobytes(),
        y=columns[1].tobytes(),
        size=columns[2].tobytes(),
        symbols=(symbol,) if isinstance(symbol, str) else tuple(symbol),
        colours=(colour,) if isinstance(colour, str) else tuple(colour),
        system=system,
        lines=lines,
        exact=exact,
    )


def rows_and_columns(picture: np.ndarray[Any, Any], colour: str) -> tuple[int, int, int, int] | None:
    """Return first and last row, first and last column of the pixels of exactly a colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    rows, columns = np.nonzero((picture == wanted).all(axis=-1))
    return (rows.min(), rows.max(), columns.min(), columns.max()) if rows.size else None


@pytest.fixture(scope="session")
def make_markers() -> Any:
    return markers


@pytest.fixture(scope="session")
def find_colour() -> Any:
    return rows_and_columns


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A directory of mode 0700 whose path is short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="mtv-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
async def stage_rig() -> AsyncIterator[StageRig]:
    """A window that the tests of a module share."""
    with short_directory() as directory:
        rig = StageRig(directory)
        await rig.stage.ensure()
        yield rig
        await rig.stage.close(keep_window=False)


@pytest.fixture
async def fresh_rig() -> AsyncIterator[StageRig]:
    """A stage of the test's own, its window not open yet."""
    with short_directory() as directory:
        rig = StageRig(directory)
        yield rig
        await rig.stage.close(keep_window=False)
