"""Raws of several amplifiers: HDUs put together by what their keywords say of their place on the detector.

Of each HDU the pixels in DATASEC (or TRIMSEC) are taken and laid where DETSEC (or CCDSEC) says, turned over where one
of the two runs backwards, in pixels binned by CCDSUM. Bias regions are left out; overscan is not subtracted, nothing is
scaled. Where keywords contradict each other nothing is put together, and a note says why.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtvd.repo.readers import cards
from mtvd.repo.readers.hdus import Box, Pixels, Plane

MOST_PIXELS: Final = 200_000_000
"""Pixels of an assembled image at most: a whole camera is shown HDU by HDU."""
_MOST_AMPLIFIERS: Final = 256
_MOST_GAPS: Final = 4
"""The assembled image is at most so many times larger than the pixels that it is made of."""
_STRIP_BYTES: Final = 4 << 20
_PLACES: Final = ("DETSEC", "CCDSEC")
_DATA: Final = ("DATASEC", "TRIMSEC")
_SECTION: Final = re.compile(r"\s*\[\s*(\d{1,7})\s*:\s*(\d{1,7})\s*,\s*(\d{1,7})\s*:\s*(\d{1,7})\s*\]\s*")
_OF_ONE_AMPLIFIER: Final = re.compile(
    r"(CRPIX|CRVAL|CTYPE|CUNIT|CDELT|CD|PC)\d+(_\d+)?[A-Z]|WCSNAME[A-Z]|LT[VM]\d+(_\d+)?|[AD]T[VM]\d+(_\d+)?"
    r"|(DET|CCD|AMP|DATA|TRIM|BIAS)SEC[A-Z]?"
)
_SIP: Final = re.compile(r"[AB]P?_ORDER")


class MisfitError(ValueError):
    """Keywords of amplifiers that do not fit together, in words for the user."""


@dataclasses.dataclass(frozen=True)
class Amplifier:
    """The pixels of one HDU, and where they go."""

    plane: Plane
    data: Box
    """Local pixels that are the sky's."""
    place: Box
    """Pixels of the assembled image."""
    flip_x: bool
    flip_y: bool

    def lay(self, target: Pixels, box: Box) -> None:
        """Copy the pixels that lie in a box of the assembled image into an array of that box."""
        x0, y0, x1, y1 = (
            max(self.place[0], box[0]),
            max(self.place[1], box[1]),
            min(self.place[2], box[2]),
            min(self.place[3], box[3]),
        )
        if x0 >= x1 or y0 >= y1:
            return
        left, right = _local(self.data[0], self.data[2], x0 - self.place[0], x1 - self.place[0], flip=self.flip_x)
        low, high = _local(self.data[1], self.data[3], y0 - self.place[1], y1 - self.place[1], flip=self.flip_y)
        pixels = self.plane.read((left, low, right, high))
        pixels = pixels[:, ::-1] if self.flip_x else pixels
        pixels = pixels[::-1] if self.flip_y else pixels
        target[y0 - box[1] : y1 - box[1], x0 - box[0] : x1 - box[0]] = pixels


@dataclasses.dataclass(frozen=True)
class Mosaic:
    """Amplifiers as one image. Read by strips, as a `Plane` is."""

    parts: tuple[Amplifier, ...]
    shape: tuple[int, int]
    header: Any
    """The first amplifier's, its WCS moved to the assembled image."""
    dtype: np.dtype[Any]
    gaps: bool
    """True where some pixels are no amplifier's; they are NaN."""
    raw_dtype: str | None = None
    """None: the pixels must be put together."""

    @property
    def path(self) -> Path:
        return self.parts[0].plane.path

    @property
    def index(self) -> int:
        return self.parts[0].plane.index

    @property
    def in_threads(self) -> bool:
        """See `Plane.in_threads`."""
        return all(part.plane.in_threads for part in self.parts)

    def strips(self, box: Box | None = None) -> list[Box]:
        """See `Plane.strips`: cut where amplifiers end, and, where tiles are low, into some megabytes."""
        x0, y0, x1, y1 = box or (0, 0, self.shape[1], self.shape[0])
        edges = {y0, y1} | {edge for part in self.parts for edge in (part.place[1], part.place[3]) if y0 < edge < y1}
        if all(part.plane.mapped or (part.plane.in_threads and part.plane.tile_rows == 1) for part in self.parts):
            edges |= set(range(y0, y1, max(1, _STRIP_BYTES // (self.dtype.itemsize * max(1, x1 - x0)))))
        return [(x0, low, x1, high) for low, high in itertools.pairwise(sorted(edges))]

    def read(self, box: Box | None = None) -> Pixels:
        """See `Plane.read`."""
        box = box or (0, 0, self.shape[1], self.shape[0])
        pixels = np.full((box[3] - box[1], box[2] - box[0]), np.nan if self.gaps else 0, self.dtype)
        for part in self.parts:
            part.lay(pixels, box)
        return pixels


def is_amplifier(plane: Plane) -> bool:
    """Tell whether an HDU says where on a detector its pixels lie, and is no exposure's mask or variance."""
    there = plane.header
    return len(plane.shape) == 2 and any(key in there for key in _PLACES) and any(key in there for key in _DATA)


def assemble(planes: Sequence[Plane]) -> tuple[Mosaic | None, str]:
    """Put amplifiers together.

    Parameters
    ----------
    planes : sequence of `Plane`
        Two at least, in the file's order.

    Returns
    -------
    mosaic : `Mosaic` or None
        None where the keywords do not fit together, or the image would be too large.
    note : `str`
        What was done, or why not and how the others are seen, for the user.
    """
    first, last = planes[0].index, planes[-1].index
    each = f"hdu={first} to {last} show each"
    try:
        mosaic = _put_together(planes)
    except MisfitError as error:
        more = len(planes) - 1
        others = f"{more} more amplifier{'s' * (more > 1)} of the file {'are' if more > 1 else 'is'} not shown"
        return None, f"HDU {first} is shown, {others}: {error}; {each}"
    done = f"{len(planes)} amplifiers are put together by {_keyword_of_place(planes)}"
    return mosaic, f"{done}: bias regions are left out, the overscan is not subtracted; {each}"


def _keyword_of_place(planes: Sequence[Plane]) -> str:
    return next(key for key in _PLACES if key in planes[0].header)


def _put_together(planes: Sequence[Plane]) -> Mosaic:
    if len(planes) > _MOST_AMPLIFIERS:
        raise MisfitError(f"at most {_MOST_AMPLIFIERS} are put together")
    keyword = _keyword_of_place(planes)
    binning = _binning(planes)
    sections = [_section(plane, keyword) for plane in planes]
    least = tuple(min(min(section[axis : axis + 2]) for section in sections) for axis in (0, 2))
    parts = tuple(
        _amplifier(plane, section, (least[0], least[1]), binning)
        for plane, section in zip(planes, sections, strict=True)
    )
    width, height = (max(part.place[axis] for part in parts) for axis in (2, 3))
    covered = sum(_area(part.place) for part in parts)
    if width * height > min(MOST_PIXELS, _MOST_GAPS * covered):
        raise MisfitError(f"together they are {width} x {height} pixels")
    _check_apart(parts)
    dtype = np.result_type(*(part.plane.dtype for part in parts))
    gaps = covered < width * height
    if gaps and dtype.kind != "f":
        dtype = np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)
    return Mosaic(parts, (height, width), _header_of(parts), dtype, gaps)


def _amplifier(
    plane: Plane, section: tuple[int, int, int, int], least: tuple[int, int], binning: tuple[int, int]
) -> Amplifier:
    data = _section(plane, next(key for key in _DATA if key in plane.header))
    rows, columns = plane.shape
    local = (min(data[:2]) - 1, min(data[2:]) - 1, max(data[:2]), max(data[2:]))
    if local[0] < 0 or local[1] < 0 or local[2] > columns or local[3] > rows:
        raise MisfitError(f"DATASEC of HDU {plane.index} leaves its image of {columns} x {rows} pixels")
    width, height = local[2] - local[0], local[3] - local[1]
    x0, y0 = ((min(section[2 * axis : 2 * axis + 2]) - least[axis]) // binning[axis] for axis in (0, 1))
    for axis, length in ((0, width), (1, height)):
        low, high = sorted(section[2 * axis : 2 * axis + 2])
        if -(-(high - low + 1) // binning[axis]) != length:
            raise MisfitError(f"of HDU {plane.index} the places are not as many as the pixels in DATASEC")
    return Amplifier(
        plane=plane,
        data=local,
        place=(x0, y0, x0 + width, y0 + height),
        flip_x=(section[0] > section[1]) != (data[0] > data[1]),
        flip_y=(section[2] > section[3]) != (data[2] > data[3]),
    )


def _section(plane: Plane, keyword: str) -> tuple[int, int, int, int]:
    """Return x and y of a section as they stand, from 1, the ends included."""
    text = cards.text(plane.header, keyword)
    match = _SECTION.fullmatch(text)
    if match is None:
        raise MisfitError(f"{keyword} of HDU {plane.index} is {text[:40]!r}")
    first_x, last_x, first_y, last_y = map(int, match.groups())
    return first_x, last_x, first_y, last_y


def _binning(planes: Sequence[Plane]) -> tuple[int, int]:
    texts = {cards.text(plane.header, "CCDSUM", "1 1").strip() for plane in planes}
    try:
        (text,) = texts
        x, y = (int(number) for number in text.split())
    except ValueError:
        raise MisfitError(f"CCDSUM says {', '.join(sorted(texts))[:60]}") from None
    if not (0 < x <= 64 and 0 < y <= 64):
        raise MisfitError(f"CCDSUM says {text}")
    return x, y


def _check_apart(parts: Sequence[Amplifier]) -> None:
    for one, other in itertools.combinations(parts, 2):
        a, b = one.place, other.place
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]:
            raise MisfitError(f"the places of HDU {one.plane.index} and {other.plane.index} overlap")


def _header_of(parts: Sequence[Amplifier]) -> Any:
    part = next((part for part in parts if "CTYPE1" in part.plane.header), parts[0])
    header = part.plane.header.copy()
    for keyword in {key for key in header if _OF_ONE_AMPLIFIER.fullmatch(key)}:
        del header[keyword]
    flips = (part.flip_x, part.flip_y)
    if any(flips) and any(_SIP.fullmatch(key) for key in header):
        for axis in (1, 2):  # its distortion is one of the amplifier's own pixels
            header.remove(f"CTYPE{axis}", ignore_missing=True)
    for axis, flip in enumerate(flips):
        _move_axis(header, axis + 1, part.place[axis], part.data[axis], part.data[axis + 2], flip=flip)
    return header


def _move_axis(header: Any, axis: int, place: int, low: int, high: int, *, flip: bool) -> None:
    keyword = f"CRPIX{axis}"
    if keyword in header:
        pixel = cards.number(header, keyword, 0.0)
        header[keyword] = place + high - pixel + 1 if flip else pixel - low + place
    if not flip:
        return
    kind = next((kind for kind in ("CD", "PC") if any(re.fullmatch(rf"{kind}\d_\d", key) for key in header)), "")
    if kind == "PC" and f"PC{axis}_{axis}" not in header:
        header[f"PC{axis}_{axis}"] = 1.0
    column = [f"{kind}1_{axis}", f"{kind}2_{axis}"] if kind else [f"CDELT{axis}"]
    for key in column:
        if key in header:
            header[key] = -cards.number(header, key, 0.0)


def _local(first: int, end: int, low: int, high: int, *, flip: bool) -> tuple[int, int]:
    return (end - high, end - low) if flip else (first + low, first + high)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
