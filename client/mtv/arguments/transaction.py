"""The client-side buffer: collects steps, joins single dots into columns, and checks limits before anything is sent.

Pure: no socket, clock or thread. Dots that follow one another on the same overlay become one step of whole columns, so
that ten thousand of them cost one message of four arrays; the order of everything else is kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from mtv.wire.data import Array
from mtv.wire.errors import Error, RequestError
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits
from mtv.wire.steps import AnyStep, DisplayName, Overlay

System = Literal["pixel", "sky"]

INLINE: Final = 16
"""Up to so many markers travel inside the body; longer columns are raw buffers."""


class Bundle(NamedTuple):
    """Steps ready to be sent, and the raw buffers that their arrays name."""

    steps: tuple[AnyStep, ...]
    buffers: tuple[Buffer, ...]


class Columns:
    """One raw buffer that holds many columns of doubles.

    Parameters
    ----------
    index : `int`
        The buffer's number in the message.
    """

    def __init__(self, index: int = 0) -> None:
        self._index = index
        self.data = bytearray()

    def add(self, values: array[float]) -> Array | tuple[float, ...]:
        """Return a column as it goes into a step: inline where short, else as a part of the buffer."""
        if len(values) <= INLINE:
            return tuple(values)
        offset = len(self.data)
        self.data += memoryview(values).cast("B")
        return Array(dtype=_NATIVE, shape=(len(values),), buffer=self._index, offset=offset)


class Place(NamedTuple):
    """Display, overlay and system of a dot: those that share them become one step."""

    display: DisplayName
    overlay: str
    system: System
    lasting: bool
    exact: bool = False


class _Dots:
    """A run of dots in one place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.rows: list[tuple[float, float, str, float, str]] = []

    def step(self, columns: Columns) -> Overlay:
        place = self.place
        xs, ys, symbols, sizes, colours = zip(*self.rows, strict=True)
        return Overlay(
            display=place.display,
            name=place.overlay,
            system=place.system,
            lasting=place.lasting,
            exact=place.exact,
            x=columns.add(array("d", xs)),
            y=columns.add(array("d", ys)),
            symbol=symbols[0] if _same(symbols) else symbols,
            size=sizes[0] if _same(sizes) else columns.add(array("d", sizes)),
            colour=colours[0] if _same(colours) else colours,
        )


class Collector:
    """Collects what takes effect as one.

    Parameters
    ----------
    limits : `Limits`
        The daemon's; checked by `bundle`.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._items: list[AnyStep | _Dots] = []
        self._buffers: list[Buffer] = []
        self._markers = 0
        self._open: _Dots | None = None

    def __len__(self) -> int:
        return len(self._items)

    def dot(self, place: Place, x: float, y: float, symbol: str, size: float, colour: str) -> None:
        """Add one marker; it joins the one before where both are in the same place."""
        dots = self._open
        if dots is None or (dots.place is not place and dots.place != place):
            dots = self._open = _Dots(place)
            self._items.append(dots)
        dots.rows.append((x, y, symbol, size, colour))
        self._markers += 1
        if self._markers > self._limits.markers:
            raise too_many("markers", self._markers, self._limits.markers)

    def add(self, step: AnyStep, buffers: Sequence[Buffer] = (), markers: int = 0) -> None:
        """Add a step whose arrays name ``buffers`` from 0 on; they are numbered anew."""
        self._open = None
        self._items.append(shift_buffers(step, len(self._buffers)) if buffers else step)
        self._buffers += buffers
        self._markers += markers

    def bundle(self) -> Bundle:
        """Return all steps, in order.

        Raises
        ------
        RequestError
            ``too_large`` where they are over the daemon's limits.
        """
        columns = Columns(len(self._buffers))
        steps = tuple(item.step(columns) if isinstance(item, _Dots) else item for item in self._items)
        bundle = Bundle(steps, (*self._buffers, columns.data) if columns.data else tuple(self._buffers))
        check_bundle(bundle, self._markers, self._limits)
        return bundle


S = TypeVar("S", bound=msgspec.Struct)


def shift_buffers(step: S, by: int) -> S:
    """Return a step with the buffer numbers of its arrays moved up."""
    if not by:
        return step
    moved: dict[str, object] = {}
    for field in step.__struct_fields__:
        value = getattr(step, field)
        if isinstance(value, Array) and value.buffer is not None:
            moved[field] = msgspec.structs.replace(value, buffer=value.buffer + by)
        elif field == "target" and isinstance(value, msgspec.Struct):
            moved[field] = shift_buffers(value, by)
    return msgspec.structs.replace(step, **moved) if moved else step


def check_bundle(bundle: Bundle, markers: int, limits: Limits) -> None:
    """Check a transaction against the daemon's limits, before it is sent.

    Raises
    ------
    RequestError
        ``too_large``, naming what is over.
    """
    sizes = (
        ("steps", len(bundle.steps), limits.steps),
        ("markers", markers, limits.markers),
        ("buffers", len(bundle.buffers), limits.buffers),
        ("buffers", total_bytes(bundle.buffers), limits.buffer_bytes),
    )
    for where, size, limit in sizes:
        if size > limit:
            raise too_many(where, size, limit)


def total_bytes(buffers: Iterable[Buffer]) -> int:
    """Bytes of all buffers together."""
    return sum(memoryview(buffer).nbytes for buffer in buffers)


def too_many(where: str, size: int, limit: int) -> RequestError:
    """Return the error for something that is over a limit of the daemon."""
    return RequestError(
        Error(
            code="too_large",
            message=f"{size} is over the daemon's limit of {limit}",
            where=where,
            hint="send it in several transactions",
        )
    )


def _same(values: Sequence[Any]) -> bool:
    return values.count(values[0]) == len(values)


_NATIVE: Final = "<f8" if memoryview(array("H", [1])).cast("B")[0] else ">f8"
