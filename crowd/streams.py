"""Members that feed, play, watch, ask and poll."""

from __future__ import annotations

import getpass
import itertools
import time
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import mtv
from crowd.canvas import image_of, image_op
from crowd.seat import PATIENCE_SECS, Seat

_SIZE: Final = (96, 96)
_BLOCK: Final = 2880
VISIT: Final = 23718
DETECTORS: Final = (41, 42, 47, 49, 50, 58)


class Feeding:
    """Publishes frames; the last of them it publishes when all before are settled, and waits until it is shown."""

    pause_secs = (0.15, 0.4)

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._canvas = seat.canvas(f"feed {seat.index}")
        self._serials = itertools.count(20_000 * (seat.number + 1))
        self._feed = mtv.Feed(f"feed {seat.index}", endpoint=seat.endpoint)
        self._error: Exception | None = None

    def begin(self) -> None:
        """Nothing before the first frame."""

    def act(self) -> None:
        """Publish a frame."""
        began = time.monotonic()
        serial = next(self._serials)
        self._feed.publish(image_of(serial, *_SIZE), label=f"no {serial}")
        error = self._feed.error
        if error is not None and error is not self._error:
            self._seat.book.saw(error, "feed", began - 1)
        self._error = error

    def finish(self) -> None:
        """Publish the last frame; note what became of it as of any drawing."""
        self._await_all()
        before = self._feed.counts
        serial = next(self._serials)
        op = image_op(serial, _SIZE, f"no {serial}", masked=False)
        self._seat.book.sent(1, [{"display": self._canvas.key, **op}])
        began = time.monotonic()
        self._feed.publish(image_of(serial, *_SIZE), label=f"no {serial}")
        self._feed.close(PATIENCE_SECS)
        after = self._feed.counts
        shown = after.shown == before.shown + 1
        self._seat.book.settled(1, "done" if shown else "dropped")
        if not shown or after.published != after.shown + after.dropped:
            words = f"the last frame of a feed: {before}, then {after}, {self._feed.error}"
            self._seat.book.saw(RuntimeError(words), "feed", began)

    def _await_all(self) -> None:
        until = time.monotonic() + PATIENCE_SECS
        while time.monotonic() < until:
            counts = self._feed.counts
            if counts.published == counts.shown + counts.dropped:
                return
            time.sleep(0.02)


class Movie:
    """Plays files, steers the movie, and stops it on a frame that it knows."""

    pause_secs = (1.0, 3.0)
    _FRAMES = 12

    def __init__(self, seat: Seat) -> None:
        self._seat, self._random = seat, seat.random
        self._canvas = seat.canvas(f"movie {seat.index}")
        first = 20_000 * (seat.number + 1)
        self._serials = range(first, first + self._FRAMES)
        self._directory = seat.books / f"movie-{seat.index}"
        self._movie: mtv.Movie | None = None
        self._repository = mtv.Repository(connection=seat.connection)

    def begin(self) -> None:
        """Write the files, and play them."""
        self._directory.mkdir()
        for serial in self._serials:
            write_fits(self._directory / f"{serial}.fits", serial)
        with self._seat.minding("play"):
            self._play()

    def act(self) -> None:
        """Steer."""
        with self._seat.minding("steer"):
            if self._movie is None or self._movie.state.state == "ended":
                self._play()
                return
            what = self._random.choice(("pause", "step", "seek", "play", "speed"))
            if what == "seek":
                self._movie.seek(self._random.randrange(self._FRAMES))
            elif what == "speed":
                self._movie.speed(self._random.uniform(1, 5))
            else:
                getattr(self._movie, what)()

    def finish(self) -> None:
        """Stop on a frame, and tell which one it is."""
        with self._seat.minding("stop"):
            if self._movie is None or self._movie.state.state == "ended":
                self._play()
            assert self._movie is not None
            self._movie.pause()
            position = self._movie.seek(self._random.randrange(self._FRAMES)).position
            self._movie.stop()
            op = image_op(self._serials[position], _SIZE, None, masked=False)
            self._seat.book.sent(10**6, [{"display": self._canvas.key, **op}])
            self._seat.book.settled(10**6, "done")

    def _play(self) -> None:
        files = [self._directory / f"{serial}.fits" for serial in self._serials]
        self._movie = self._repository.movie(files, display=self._canvas.key, fps=3, loop=True)


class WatchingFiles:
    """Watches a directory into which it writes a file now and then."""

    pause_secs = (1.0, 3.0)

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._canvas = seat.canvas(f"watch {seat.index}")
        self._serials = itertools.count(20_000 * (seat.number + 1))
        self._directory = seat.books / f"watch-{seat.index}"
        self._directory.mkdir()
        self._watch = mtv.watch_directory(
            self._directory,
            display=self._canvas.key,
            settle_secs=0.1,
            every_secs=0.2,
            timeout_secs=PATIENCE_SECS,
            connection=seat.connection,
        )

    def begin(self) -> None:
        """Look once: what is there before does not count."""
        self._watch._look()  # noqa: SLF001 - it looks only while somebody waits, and then waits for a file

    def act(self) -> None:
        """Write a file and wait until it is shown."""
        serial = next(self._serials)
        self._canvas.tell(image_op(serial, _SIZE, None, masked=False))
        with self._seat.minding("watch"):
            write_fits(self._directory / f"{serial}.fits", serial)
            if next(self._watch, None) is None:
                self._seat.book.saw(RuntimeError(f"a file was not shown: {self._watch.counts}"), "watch", 0.0)
            else:
                self._seat.book.did("file watched")

    def finish(self) -> None:
        """End the watch."""
        self._watch.close()


class WatchingRepository:
    """Waits for datasets; nobody writes any, so it only asks."""

    pause_secs = (0.1, 0.5)

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._repository = mtv.Repository(connection=seat.connection, instrument="HSC")

    def begin(self) -> None:
        """Nothing."""

    def act(self) -> None:
        """Watch for some seconds."""
        with self._seat.minding("watch repository"):
            watch = self._repository.watch(
                "calexp", collections=chain(), display="never", every_secs=0.3, timeout_secs=2.0
            )
            for ref in watch:
                self._seat.book.saw(RuntimeError(f"nobody wrote {ref}"), "watch repository", time.monotonic())
            self._seat.book.did("repository watched")

    def finish(self) -> None:
        """Nothing."""


class Asking:
    """Asks a repository, and brings catalogues and exposures here."""

    pause_secs = (1.0, 3.0)

    def __init__(self, seat: Seat) -> None:
        self._seat, self._random = seat, seat.random
        self._repository = mtv.Repository(connection=seat.connection, collections=chain(), instrument="HSC")
        self._found: dict[str, int] = {}

    def begin(self) -> None:
        """Nothing."""

    def act(self) -> None:
        """Ask something; the same question always has the same answer."""
        detector = self._random.choice(DETECTORS)
        with self._seat.minding("query"):
            match self._random.randrange(4):
                case 0:
                    self._same("calexps", len(list(self._repository.query("calexp"))))
                case 1:
                    self._same("types", len(list(self._repository.dataset_types())))
                case 2:
                    self._same(f"src {detector}", len(self._repository.get("src", visit=VISIT, detector=detector)))
                case _:
                    found = self._repository.get("calexp", visit=VISIT, detector=detector)
                    self._same(f"calexp {detector}", int(np.asarray(found.image).size))
            self._seat.book.did("question")

    def finish(self) -> None:
        """Nothing."""

    def _same(self, question: str, answer: int) -> None:
        if self._found.setdefault(question, answer) != answer:
            words = f"{question}: {answer}, and {self._found[question]} before"
            self._seat.book.saw(RuntimeError(words), "query", time.monotonic())


class Polling:
    """Asks for the daemon's state again and again, half of them as fast as it answers."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self.pause_secs = (0.0, 0.0) if seat.index % 2 else (0.05, 0.2)

    def begin(self) -> None:
        """Nothing."""

    def act(self) -> None:
        """Ask."""
        with self._seat.minding("status"):
            for _ in range(5):
                self._seat.connection.status()
            self._seat.book.did("polls")

    def finish(self) -> None:
        """Nothing."""


def chain() -> str:
    """Return the collection of the demo repository's own processing."""
    return f"u/{getpass.getuser()}/single_frame"


def write_fits(path: Path, serial: int) -> None:
    """Write a FITS file whose first pixel is its number; it is there as a whole or not at all."""
    pixels = image_of(serial, *_SIZE)
    cards = ["SIMPLE  =                    T", "BITPIX  =                  -32", "NAXIS   =                    2"]
    cards += [f"NAXIS{axis}  = {size:20}" for axis, size in enumerate(_SIZE, 1)]
    header = "".join(card.ljust(80) for card in [*cards, "END"]).ljust(_BLOCK)
    hidden = path.with_name(f".{path.name}")
    hidden.write_bytes(header.encode() + padded(pixels))
    hidden.rename(path)


def padded(pixels: NDArray[np.float32]) -> bytes:
    """Return pixels as FITS stores them."""
    data = pixels.astype(">f4").tobytes()
    return data + bytes(-len(data) % _BLOCK)
