"""What is wrong with the window: the reference model's candidates against what DS9 says. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from crowd.model import Overlay, Shown, State

_TOO_MUCH: Final = "it is there, though it was deleted, or nothing on it was acknowledged"


@dataclass(kw_only=True)
class Frame:
    """What DS9 says of one frame."""

    has_image: bool = False
    serial: float | None = None
    size: tuple[int, int] = (0, 0)
    label: str = ""
    masks: int = 0
    """Colour layers; a hidden one may stay, empty, so these may be more than are seen."""
    zoom: float = 0.0
    limits: tuple[float, float] = (0.0, 0.0)
    stretch: str = ""
    colormap: str = ""
    transparency: float = 0.0
    marks: dict[str, Counter[int]] = field(default_factory=dict)
    """By tag: how often each marker is there, by its number; those of nobody's place under -1."""


@dataclass(kw_only=True)
class Difference:
    """How a frame differs from one candidate."""

    lost: int = 0
    """Acknowledged markers and settings that the window does not show."""
    surplus: int = 0
    """Markers shown more often than they should be, never included."""
    words: list[str] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """What the least of several is chosen by."""
        return len(self.words), self.lost + self.surplus


def nearest(wanted: Sequence[State], seen: Frame | None) -> Difference:
    """Return how a frame differs from the candidate that is nearest to it."""
    return min((_difference(state, seen) for state in wanted), key=lambda one: one.size)


def _difference(wanted: State, seen: Frame | None) -> Difference:
    if wanted is None:
        return Difference() if seen is None else Difference(surplus=1, words=[_TOO_MUCH])
    if seen is None:
        return Difference(lost=1, words=["it has no frame"])
    # on a frame without an image nothing is drawn: a step that came after the deletion waits for the first image
    found = _markers({} if wanted.size is None and not seen.has_image else wanted.overlays, wanted.user_drew, seen)
    for what, is_right, told in _settings(wanted, seen):
        if not is_right:
            found.lost += 1
            found.words.append(f"{what}, DS9 says {told}")
    return found


def _settings(wanted: Shown, seen: Frame) -> list[tuple[str, bool, object]]:
    visible = len(wanted.visible()) if wanted.serial is not None else 0
    found: list[tuple[str, bool, object]] = [(f"{visible} colours of the mask", visible <= seen.masks, seen.masks)]
    if wanted.serial is not None:
        at = seen.serial is not None and math.isclose(wanted.serial, seen.serial, rel_tol=1e-5)
        found.append((f"image {wanted.serial}", at, seen.serial))
    if wanted.size is not None:
        found.append((f"size {wanted.size}", wanted.size == seen.size, seen.size))
    elif seen.has_image:
        found.append(("no image", False, "that it has one"))
    if wanted.label is not None:
        found.append((f"label {wanted.label!r}", wanted.label == seen.label, repr(seen.label)))
    if wanted.zoom is not None:
        found.append((f"zoom {wanted.zoom}", math.isclose(wanted.zoom, seen.zoom, rel_tol=1e-6), seen.zoom))
    if wanted.limits is not None:
        at = all(math.isclose(one, two) for one, two in zip(wanted.limits, seen.limits, strict=True))
        found.append((f"limits {wanted.limits}", at, seen.limits))
    for what, want, told in (
        ("stretch", wanted.stretch, seen.stretch),
        ("colour map", wanted.colormap, seen.colormap),
        ("transparency", wanted.transparency, seen.transparency),
    ):
        if want is not None:
            found.append((f"{what} {want}", want == told, told))
    return found


def _markers(wanted: Mapping[str, Overlay], user_drew: bool, seen: Frame) -> Difference:
    """Compare the markers of each overlay with those of the tag that has most of them."""
    left = {tag: Counter(marks) for tag, marks in seen.marks.items()}
    found = Difference()
    for name, overlay in wanted.items():
        if not overlay.markers:
            continue
        some = next(iter(overlay.markers))
        tag = next((tag for tag, marks in left.items() if some in marks), None)
        shown = left.pop(tag) if tag is not None else Counter()
        missing, surplus = overlay.markers - shown, shown - overlay.markers
        found.lost += missing.total()
        found.surplus += surplus.total()
        if missing:
            words = f"overlay {name}: {missing.total()} of {overlay.markers.total()} markers are missing"
            found.words.append(f"{words}, as {_some(missing)}")
        if surplus:
            found.words.append(f"overlay {name}: {surplus.total()} markers too many, as {_some(surplus)}")
    for tag, marks in left.items():
        if marks and not (tag == "" and user_drew):
            found.surplus += marks.total()
            found.words.append(f"{marks.total()} markers with the tag {tag!r} are nobody's, as {_some(marks)}")
    return found


def _some(markers: Counter[int]) -> list[int]:
    return sorted(markers)[:3]
