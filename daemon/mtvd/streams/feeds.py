"""Feeds: what each producer has published and what became of it, its files, and limits that follow its pixels.

A frame becomes an ordinary transaction of one image; only its files are other: they stay its writer's, who writes the
next frames over them, and none of them is removed while the feed goes on. A feed ends with its session, or when its
process has ended.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import numpy as np

from mtv.wire import markers
from mtv.wire.data import Array
from mtv.wire.errors import bad_value
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits
from mtv.wire.reports import FeedInfo
from mtv.wire.requests import Frame
from mtv.wire.steps import AnyStep, DisplayName, Mtv, Scale
from mtvd.host.pixel_names import is_held
from mtvd.host.pixelstore import PixelStore
from mtvd.host.system import translate_refusals
from mtvd.resolving.marker_columns import array_of, number_dtype
from mtvd.stage.paint import fits_bytes

_LATEST: Final = 1_000
"""Frames that latencies and rate are told of."""
_SLOTS: Final = 8
"""Three images and their masks, and what a frame of another shape needs meanwhile."""
_FEEDS: Final = 64
"""A session."""
_IDLE_SECS: Final = 600.0
_SAMPLES: Final = 10_000
_PERCENTILES: Final = (0.5, 99.5)
_MOST: Final = 1e300
"""Pixels beyond it count as this: the difference of two limits is a number then."""


@dataclasses.dataclass(kw_only=True)
class _Feed:
    """One feed that goes on."""

    display: DisplayName
    seen_at: float = 0.0
    slots: frozenset[str] = frozenset()
    published: int = 0
    dropped: int = 0
    shown: int = 0
    size_bytes: int = 0
    latencies: collections.deque[float] = dataclasses.field(default_factory=lambda: collections.deque(maxlen=_LATEST))
    times: collections.deque[float] = dataclasses.field(default_factory=lambda: collections.deque(maxlen=_LATEST))
    limits: tuple[float, float] | None = None
    limits_at: float = 0.0

    def info(self, name: str, session: bytes) -> FeedInfo:
        """Return what status tells."""
        latencies = sorted(self.latencies) or [0.0]
        period = (self.times[-1] - self.times[0]) / (len(self.times) - 1) if len(self.times) > 1 else 0.0
        return FeedInfo(
            feed=name,
            display=self.display,
            session=session.hex(),
            published=self.published,
            shown=self.shown,
            dropped=self.dropped,
            bytes=self.size_bytes,
            fps=1 / period if period else 0.0,
            latency_p50_secs=latencies[len(latencies) // 2],
            latency_p99_secs=latencies[len(latencies) * 99 // 100],
        )


class Feeds:
    """All feeds, by session and name.

    Parameters
    ----------
    pixels : `PixelStore`
        Where their files lie.
    needed : callable
        Names of the files that the scene shows.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(
        self, pixels: PixelStore, limits: Limits, needed: Callable[[], Collection[str]], clock: Callable[[], float]
    ) -> None:
        self._pixels = pixels
        self._limits = limits
        self._needed = needed
        self._clock = clock
        self._feeds: dict[tuple[bytes, str], _Feed] = {}

    def steps(self, session: bytes, frame: Frame, buffers: Sequence[Buffer]) -> tuple[AnyStep, ...]:
        """Take note of a frame that comes, and of its files; return the steps that show it.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``feed``, ``slots``, ``smooth_secs`` or ``target.image``.
        """
        feed = self._of(session, frame)
        feed.display, feed.seen_at = frame.display, self._clock()
        feed.published, feed.dropped = frame.published, frame.dropped
        found: list[AnyStep] = [Mtv(display=frame.display, target=frame.target)]
        if frame.smooth_secs > 0:
            low, high = self._smooth(feed, frame, buffers)
            found.append(Scale(display=frame.display, low=low, high=high))
        if frame.markers is not None:
            found.append(frame.markers)
        return tuple(found)

    def note_shown(self, session: bytes, frame: Frame, secs: float) -> None:
        """Take note that a frame is on the screen, so long after it came."""
        feed = self._feeds.get((session, frame.feed))
        if feed is not None:
            feed.shown += 1
            feed.size_bytes += _size_of(frame.target.image) + _size_of(frame.target.mask)
            feed.latencies.append(max(0.0, frame.age_secs) + secs)
            feed.times.append(self._clock())

    def end(self, session: bytes) -> None:
        """End the feeds of a session that said goodbye."""
        for key in [key for key in self._feeds if key[0] == session]:
            self._end(key)

    def tidy(self) -> None:
        """End the feeds whose writer is no more: a process that was killed says nothing.

        One on another host, which has no files here, ends when it has been silent for long; it may go on after that.
        """
        for key, feed in list(self._feeds.items()):
            idle_secs = self._clock() - feed.seen_at
            if not any(map(is_held, feed.slots)) if feed.slots else idle_secs > _IDLE_SECS:
                self._end(key)

    def infos(self) -> tuple[FeedInfo, ...]:
        """Return what status tells."""
        return tuple(feed.info(name, session) for (session, name), feed in self._feeds.items())

    def _of(self, session: bytes, frame: Frame) -> _Feed:
        name = markers.check_text(frame.feed, "feed", text_chars=self._limits.text_chars)
        if len(frame.slots) > _SLOTS:
            raise bad_value("slots", f"a feed has {len(frame.slots)} files, at most {_SLOTS} are kept")
        if not math.isfinite(frame.smooth_secs):
            raise bad_value("smooth_secs", f"{frame.smooth_secs} is no time")
        feed = self._feeds.get((session, name))
        if feed is None:
            if sum(key[0] == session for key in self._feeds) >= _FEEDS:
                raise bad_value("feed", f"the session has {_FEEDS} feeds", "close some")
            feed = _Feed(display=frame.display)
        slots = frozenset(frame.slots)
        if slots != feed.slots:
            self._pixels.lend(slots)
            self._pixels.take_back(feed.slots - slots, self._needed())
            feed.slots = slots
        self._feeds[session, name] = feed
        return feed

    def _end(self, key: tuple[bytes, str]) -> None:
        feed = self._feeds.pop(key, None)
        if feed is not None:
            self._pixels.take_back(feed.slots, self._needed())

    def _smooth(self, feed: _Feed, frame: Frame, buffers: Sequence[Buffer]) -> tuple[float, float]:
        """Return limits that move towards those of the frame: exponentially, with its time constant."""
        found = _limits_of(_sample(self._pixels, frame.target.image, buffers))
        if found is None:
            return feed.limits or (0.0, 1.0)
        now = self._clock()
        if feed.limits is not None:
            weight = -math.expm1(-(now - feed.limits_at) / frame.smooth_secs)
            low, high = (old + weight * (new - old) for old, new in zip(feed.limits, found, strict=True))
            found = _apart(low, high)
        feed.limits, feed.limits_at = found, now
        return found


def _limits_of(sample: np.ndarray[Any, Any]) -> tuple[float, float] | None:
    """Return the percentiles between which nearly all pixels lie; None where no pixel is finite."""
    values = sample[np.isfinite(sample)]
    if not values.size:
        return None
    low, high = (float(value) for value in np.percentile(values.clip(-_MOST, _MOST), _PERCENTILES))
    return _apart(low, high)


def _apart(low: float, high: float) -> tuple[float, float]:
    """Return limits that are not equal: DS9 takes no others."""
    return low, high if high > low else max(low + 1.0, math.nextafter(low, math.inf))


def _sample(pixels: PixelStore, array: Array, buffers: Sequence[Buffer]) -> np.ndarray[Any, Any]:
    """Return some 10,000 pixels of an image, evenly spread, as ``float64``: their values, not how they are stored."""
    dtype = number_dtype(array.dtype, "target.image")
    if len(array.shape) != 2 or min(array.shape) < 1:
        raise bad_value("target.image", f"shape {array.shape} is no image")
    if array.file is None:
        whole = array_of(array, buffers, "target.image", ndim=2)
    else:
        size = math.prod(array.shape) * dtype.itemsize
        start = max(array.offset, 0)
        with (
            pixels.open_file(array.file, start + size, "target.image") as file,
            translate_refusals("a pixel file cannot be mapped"),
        ):
            whole = np.memmap(file, dtype, "r", start, array.shape)
    step = max(1, math.isqrt(whole.size // _SAMPLES))
    some = whole[::step, ::step]
    _, bzero = fits_bytes.BITPIX.get(array.dtype, (0, 0))
    return np.asarray(some ^ dtype.type(bzero) if bzero else some, "f8")


def _size_of(array: Array | None) -> int:
    return 0 if array is None else math.prod(array.shape) * np.dtype(array.dtype).itemsize
