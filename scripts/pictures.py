"""Draws the pictures of the documentation anew, in a window of a daemon of its own, from the demo repository.

    .venv/bin/mtv demo --directory demo
    .venv/bin/python scripts/pictures.py demo

What is drawn here is what the pages say; look at the pictures before they are committed.
"""

from __future__ import annotations

import argparse
import getpass
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image

import mtv

PROJECT: Final = Path(__file__).resolve().parents[1]
VISIT: Final = 23718
DETECTORS: Final = (41, 42, 47, 49, 50, 58)
SIZE: Final = (720, 540)
SHAPES: Final = """physical
circle(300,330,60) # color=orange text={circle}
ellipse(520,330,80,40,30) # color=cyan text={ellipse}
box(740,330,140,80,20) # color=yellow text={box}
annulus(300,150,35,70) # color=magenta text={annulus}
polygon(450,90,590,90,550,200,480,180) # color=lime text={polygon}
# vector(660,120,150,30) vector=1 color=red text={vector}
line(850,100,950,220) # line=1 1 color=white text={line}
point(880,340) # point=diamond 20 color=pink text={point}
"""


@contextmanager
def own_daemon(repository: Path) -> Iterator[mtv.Connection]:
    """Give a daemon of its own, on a virtual screen."""
    with tempfile.TemporaryDirectory(prefix="mtv-", dir="/tmp") as runtime:
        endpoint = f"ipc://{runtime}/mtvd.sock"
        environment = {**os.environ, "MTV_ENDPOINT": endpoint, "XDG_RUNTIME_DIR": runtime}
        command = [sys.executable, "-m", "mtv.cli", "up", "--window", "headless", "--repo", f"demo={repository}"]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        connection = mtv.connect(endpoint, timeout_secs=120)
        try:
            yield connection
        finally:
            connection.shutdown(keep_window=False)
            connection.close()


class Pictures:
    """The pictures, one a method."""

    def __init__(self, connection: mtv.Connection, directory: Path) -> None:
        self._connection = connection
        self._directory = directory
        collections = f"u/{getpass.getuser()}/single_frame"
        self._repository = mtv.Repository("demo", collections=collections, instrument="HSC", connection=connection)

    def annotations(self) -> None:
        """All that a picture says of itself, around a saturated star."""
        display = self._show(0, 41)
        display.set_distinct_mask_colours()
        display.zoom(1.0, 1480, 2620)
        display.annotate(legend=True, limits=True, scale_bar=True, compass=True, grid=True)
        self._write("annotations.png")

    def masks(self) -> None:
        """A whole detector, fitted: bad columns of one pixel are seen, and stars behind the footprints."""
        display = self._show(0, 41)
        mtv.arrange(size=(420, 860), connection=self._connection)
        display.zoom()
        display.annotate(legend=True)
        self._write("masks.png")

    def regions(self) -> None:
        """Regions of a file, one of each shape."""
        display = self._show(0, 41, mask=False)
        display.zoom(0.9, 620, 230)
        display.regions(SHAPES)
        self._write("regions.png")

    def tiles(self) -> None:
        """Six detectors of a visit: one scale, one direction, each in the middle of its tile."""
        for number, detector in enumerate(DETECTORS):
            self._show(number, detector, mask=False).annotate(compass=True)
        mtv.Display(0, connection=self._connection).zoom()
        mtv.arrange(tile=True, columns=2, lock_frame="wcs", size=(900, 720), connection=self._connection)
        self._write("tiles.png")

    def _show(self, number: int, detector: int, *, mask: bool = True) -> mtv.Display:
        display = mtv.Display(number, connection=self._connection)
        mtv.arrange(tile=False, lock_frame="none", size=SIZE, connection=self._connection)
        dataset_type = "calexp" if mask else "calexp.image"
        display.mtv(self._repository.dataset(dataset_type, visit=VISIT, detector=detector))
        display.scale("asinh", -1, 30)
        return display

    def _write(self, name: str) -> None:
        path = self._directory / name
        mtv.Display(0, connection=self._connection).snapshot(path)
        with Image.open(path) as image:
            image.convert("RGB").save(path, optimize=True)
        for display in self._connection.status().displays:
            mtv.Display(display.number, connection=self._connection).delete()


def main() -> None:
    """Draw those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path, help="directory of the demo repository")
    parser.add_argument("names", nargs="*", default=["annotations", "masks", "regions", "tiles"])
    parser.add_argument("--directory", type=Path, default=PROJECT / "docs" / "pictures")
    arguments = parser.parse_args()
    arguments.directory.mkdir(exist_ok=True)
    with own_daemon(arguments.repository.absolute()) as connection:
        pictures = Pictures(connection, arguments.directory)
        for name in arguments.names:
            draw: Callable[[], None] = getattr(pictures, name)
            draw()


if __name__ == "__main__":
    main()
