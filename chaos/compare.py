"""What is wrong with a picture: the reference model against what DS9 says. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from chaos import palette
from chaos.model import Display, Place


@dataclass(kw_only=True)
class Frame:
    """What DS9 says of one frame."""

    has_image: bool = False
    masks: int = 0
    """Colour layers; a hidden one may stay, empty, so these may be more than are seen."""
    zoom: float = 0.0
    limits: tuple[float, float] = (0.0, 0.0)
    stretch: str = ""
    serial: float | None = None
    """Value of the image's first pixel."""
    marks: list[tuple[Place, str]] = field(default_factory=list)
    """Place and tag of each region."""
    colours: set[str] | None = None
    """Colours of the mask seen in a picture; None where none was taken."""


@dataclass
class Verdict:
    """What a comparison found."""

    lost: int = 0
    """Acknowledged markers and settings that the window does not show."""
    duplicated: int = 0
    """Markers shown more often than they should be, never included."""
    words: list[str] = field(default_factory=list)
    """Each difference, for people."""

    @property
    def equal(self) -> bool:
        """True where nothing differs."""
        return not self.words


def compare(wanted: Mapping[int, Display], seen: Mapping[int, Frame]) -> Verdict:
    """Return every difference between what must be shown and what is."""
    verdict = Verdict()
    for number in sorted({*wanted, *seen}):
        if number not in seen:
            verdict.lost += 1
            verdict.words.append(f"display {number} has no frame")
        elif number not in wanted:
            verdict.words.append(f"frame {number} is nobody's")
        else:
            _compare(number, wanted[number], seen[number], verdict)
    return verdict


def _compare(number: int, wanted: Display, seen: Frame, verdict: Verdict) -> None:
    _compare_markers(number, wanted, seen, verdict)
    for what, is_right, told in _settings(wanted, seen):
        if not is_right:
            verdict.lost += 1
            verdict.words.append(f"display {number}: {what}, DS9 says {told}")


def _settings(wanted: Display, seen: Frame) -> list[tuple[str, bool, object]]:
    found: list[tuple[str, bool, object]] = [
        (f"image {wanted.serial}", wanted.serial == seen.serial, seen.serial),
        (f"{len(wanted.visible())} colours of the mask", len(wanted.visible()) <= seen.masks, seen.masks),
        (f"zoom {wanted.zoom}", _zoom_is(wanted.zoom, seen.zoom), seen.zoom),
    ]
    if wanted.limits is not None:
        at = all(math.isclose(one, two) for one, two in zip(wanted.limits, seen.limits, strict=True))
        found.append((f"limits {wanted.limits}", at, seen.limits))
        stretch = palette.STRETCHES[wanted.stretch]
        found.append((f"stretch {stretch}", stretch == seen.stretch, seen.stretch))
    if seen.colours is not None:
        visible = wanted.visible()
        found.append((f"mask in {sorted(visible)}", visible == seen.colours, sorted(seen.colours)))
    return found


def _zoom_is(wanted: float | None, seen: float) -> bool:
    if wanted is None:
        return palette.FITTED[0] < seen < palette.FITTED[1]
    return math.isclose(wanted, seen, rel_tol=1e-6)


def _compare_markers(number: int, wanted: Display, seen: Frame, verdict: Verdict) -> None:
    shown = Counter(place for place, _ in seen.marks)
    missing, surplus = wanted.places() - shown, shown - wanted.places()
    verdict.lost += missing.total()
    verdict.duplicated += surplus.total()
    if missing:
        verdict.words.append(f"display {number}: {missing.total()} markers are missing, as {_some(missing)}")
    if surplus:
        verdict.words.append(f"display {number}: {surplus.total()} markers too many, as {_some(surplus)}")
    verdict.words += [f"display {number}: {words}" for words in _mixed_up(wanted, seen)]


def _mixed_up(wanted: Display, seen: Frame) -> list[str]:
    """Return where the tags in DS9 do not part the markers as the overlays do."""
    tag_of = dict(seen.marks)
    tags: defaultdict[str, set[str]] = defaultdict(set)
    for name, overlay in wanted.overlays.items():
        tags[name] = {tag_of[place] for place in overlay.places if place in tag_of}
    split = [f"overlay {name} is {len(found)} in DS9" for name, found in tags.items() if len(found) > 1]
    single = [next(iter(found)) for found in tags.values() if len(found) == 1]
    return split + [f"{count} overlays share a tag" for count in Counter(single).values() if count > 1]


def _some(places: Counter[Place]) -> list[Place]:
    return sorted(places)[:3]
