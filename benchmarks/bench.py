"""What rows share: the picture, the peers' DS9, our daemon, a repository. Each is made when a row first asks for it."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import exposure, fits
from benchmarks.channel import Channel
from benchmarks.contest import Way
from benchmarks.daemon import Daemon
from benchmarks.ds9 import Ds9
from benchmarks.exposure import Exposure
from benchmarks.ours import Ours

REPO_ALIAS: Final = "demo"


class Bench:
    """One run of the benchmarks; a context manager that ends all it started.

    Parameters
    ----------
    small : `bool`
        True: little of everything, to see that it runs; the times mean nothing.
    with_ours : `bool`
        False: peers and floor alone.
    """

    def __init__(self, *, small: bool = False, with_ours: bool = True) -> None:
        self.small = small
        self.with_ours = with_ours
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def amount(self, full: int, small: int) -> int:
        """Return how many, by size of the run."""
        return small if self.small else full

    @functools.cached_property
    def directory(self) -> Path:
        """A directory of this run."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mtvbench-")))

    @functools.cached_property
    def exposure(self) -> Exposure:
        """The picture that everybody draws."""
        return exposure.make(exposure.SMALL_YX if self.small else exposure.FULL_YX)

    @functools.cached_property
    def ds9(self) -> Ds9:
        """The DS9 of peers and floor; its image area has the size of ours."""
        ds9 = self._stack.enter_context(Ds9())
        if self.with_ours:
            ds9.resize(*self.ours.image_area())
        return ds9

    @functools.cached_property
    def channel(self) -> Channel:
        """The floor's way to that DS9."""
        channel = Channel(self.ds9)
        self._stack.callback(channel.close)
        return channel

    @functools.cached_property
    def daemon(self) -> Daemon:
        """Our daemon, with the repository where one was made before it."""
        return self._stack.enter_context(Daemon())

    @functools.cached_property
    def daemon_with_repo(self) -> Daemon:
        """A second daemon, with a repository: a window is no part of what is asked of it."""
        return self._stack.enter_context(Daemon({REPO_ALIAS: self.repo}))

    @functools.cached_property
    def ours(self) -> Ours:
        """Our client."""
        return Ours(self.daemon)

    @functools.cached_property
    def repo(self) -> Path:
        """Root of a small demo repository."""
        root = self.directory / "repo"
        subprocess.run(
            [sys.executable, "-m", "mtvd", "demo-repo", str(root), "--size", "small"], check=True, capture_output=True
        )
        return root

    @functools.cached_property
    def image_file(self) -> Path:
        """The image alone, as FITS."""
        path = self.directory / "image.fits"
        path.write_bytes(fits.image_bytes(self.exposure.image))
        return path

    def frames(self, *numbers: int) -> None:
        """Give the peers' DS9 new, empty frames."""
        self.ds9.set("frame", "delete", "all")
        for number in numbers:
            self.ds9.set("frame", str(number))

    def way(self, name: str, frame: int, draw: Callable[[], object]) -> Way:
        """Return a way that draws an image in a frame of the peers' DS9."""

        def prepare() -> None:
            self.ds9.select(frame, limits=exposure.LIMITS)

        return Way(name=name, draw=draw, prepare=prepare, look=self.ds9.picture)

    def dots_way(self, name: str, draw: Callable[[], object]) -> Way:
        """Return a way that draws markers over the image in frame 1 of the peers' DS9; see `dots_frame`."""

        def prepare() -> None:
            self.ds9.set("regions", "delete", "all")
            self.ds9.redraw()

        return Way(name=name, draw=draw, prepare=prepare, look=self.ds9.picture)

    def dots_frame(self) -> None:
        """Show the image in frame 1 of the peers' DS9, fitted, for markers to be drawn over it."""
        self.frames(1)
        self.ds9.select(1, limits=exposure.LIMITS)
        self.ds9.set("fits", str(self.image_file))
        self.ds9.set("zoom", "to", "fit")
