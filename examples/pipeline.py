"""A pipeline that can be watched: worker processes calibrate exposures, and each shows what it has in hand.

Start a daemon (``mtv up``) and run

    python examples/pipeline.py --workers 3 --exposures 30

Every worker has a feed of its own, and a tile of the window. Leave the daemon out, stop it in between, or close the
window: the pipeline takes the same time and gives the same result. Only `show` knows of mtv; the rest could be yours.
"""

from __future__ import annotations

import argparse
import multiprocessing
import queue
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import mtv

SHAPE_YX = (1024, 512)
PLANES = {"BAD": 0, "CR": 1, "DETECTED": 2}
_BAD_COLUMNS = slice(300, 303)
_STARS, _COSMICS = 60, 25


class Calibrated(NamedTuple):
    """An exposure after its calibration."""

    image: NDArray[np.float32]
    """``(y, x)``, sky subtracted."""
    mask: NDArray[np.uint8]
    """``(y, x)``, bits as in `PLANES`."""
    stars: NDArray[np.float64]
    """``(n, 2)``: 0-based ``(x, y)``."""


# The pipeline ------------------------------------------------------------------------------------------------------


def raw_exposure(number: int) -> NDArray[np.float32]:
    """Make what a camera would have read out."""
    rng = np.random.default_rng(number)
    image = rng.normal(1000 + 5 * number, 12, SHAPE_YX)
    yy, xx = np.mgrid[-8:9, -8:9]
    star = np.exp(-(xx**2 + yy**2) / (2 * 2.2**2))
    for y, x in rng.integers(10, np.array(SHAPE_YX) - 10, (_STARS, 2)):
        image[y - 8 : y + 9, x - 8 : x + 9] += rng.pareto(2.0) * 300 * star
    for y, x in rng.integers(0, SHAPE_YX, (_COSMICS, 2)):
        image[y, x : x + 6] += 4000
    image[:, _BAD_COLUMNS] = 0
    return image.astype(np.float32)


def calibrate(raw: NDArray[np.float32]) -> Calibrated:
    """Subtract the sky, mask what is bad, and find stars."""
    image = raw - np.median(raw)
    mask = np.zeros(SHAPE_YX, np.uint8)
    mask[:, _BAD_COLUMNS] |= 1 << PLANES["BAD"]
    neighbours = np.maximum(np.roll(image, 1, axis=0), np.roll(image, -1, axis=0))
    mask[(image > 2000) & (neighbours < 0.3 * image)] |= 1 << PLANES["CR"]
    detected = (image > 100) & (mask == 0)
    mask[detected] |= 1 << PLANES["DETECTED"]
    peaks = detected.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            peaks &= image >= np.roll(image, step, axis=axis)
    return Calibrated(image, mask, np.argwhere(peaks)[:, ::-1].astype(float))


# What is shown -----------------------------------------------------------------------------------------------------


def show(feed: mtv.Feed, number: int, raw: NDArray[np.float32], done: Calibrated | None = None) -> None:
    """Show an exposure as it came, or as it is now. Neither a missing daemon nor a slow window costs the pipeline."""
    if done is None:
        feed.publish(raw, label=f"exposure {number}: raw")
        return
    markers = {"x": done.stars[:, 0], "y": done.stars[:, 1], "symbol": "o", "size": 8, "colour": "green"}
    feed.publish(done.image, mask=done.mask, planes=PLANES, markers=markers, label=f"exposure {number}: calibrated")


# The processes -----------------------------------------------------------------------------------------------------


def work(worker: int, numbers: Queue[int], found: Queue[tuple[int, int]]) -> None:
    """Calibrate exposures until there are no more; ``with`` shows the last frame before the process ends."""
    with mtv.Feed(f"worker {worker}") as feed:
        while True:
            try:
                number = numbers.get(timeout=1.0)
            except queue.Empty:
                break
            raw = raw_exposure(number)
            show(feed, number, raw)
            done = calibrate(raw)
            show(feed, number, raw, done)
            found.put((number, len(done.stars)))
        print(feed, flush=True)


def run(workers: int, exposures: int) -> dict[int, int]:
    """Calibrate so many exposures; return the number of stars by exposure."""
    context = multiprocessing.get_context("spawn")
    numbers: Queue[int] = context.Queue()
    found: Queue[tuple[int, int]] = context.Queue()
    for number in range(exposures):
        numbers.put(number)
    processes = [context.Process(target=work, args=(worker, numbers, found)) for worker in range(1, workers + 1)]
    for process in processes:
        process.start()
    stars: dict[int, int] = {}
    while len(stars) < exposures:
        ended = not any(process.is_alive() for process in processes)  # before looking: what they found is there by then
        try:
            number, count = found.get(timeout=1.0)
        except queue.Empty:
            if ended:
                raise SystemExit(f"the workers ended with {exposures - len(stars)} exposures left undone") from None
        else:
            stars[number] = count
    for process in processes:
        process.join(60)
    return stars


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number from the command line, and refuses one that is too small."""

    def whole_number(text: str) -> int:
        number = int(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"{number} is too few, at least {least}")
        return number

    return whole_number


def main() -> None:
    """Run the pipeline."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=at_least(1), default=3)
    parser.add_argument("--exposures", type=at_least(0), default=30)
    options = parser.parse_args()
    try:
        mtv.arrange(tile=True)
    except mtv.Unavailable as error:
        print(f"nothing will be seen: {error}")
    start = time.monotonic()
    stars = run(options.workers, options.exposures)
    print(f"{sum(stars.values())} stars in {len(stars)} exposures, {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
