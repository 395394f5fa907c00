"""A batch as one Tcl script. Pure: text out.

The script holds data only: each action is a Tcl list, its first word a procedure of ``::mtv::do``, and every value is
quoted by `quote`, whatever it is made of. The last line stores the batch's token.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from mtv.wire.errors import RequestError
from mtvd.scene import actions
from mtvd.scene.annotations import legend_of
from mtvd.stage.paint.regions import radii, region_text, tag_of
from mtvd.stage.port import Batch, Section

_BARE: Final = re.compile(r"[A-Za-z0-9_./:=@%+,-]+", re.ASCII)
_ESCAPES: Final = str.maketrans({**{c: f"\\{c}" for c in '\\{}[]$";# '}, "\n": "\\n", "\r": "\\r", "\t": "\\t"})

STRETCHES: Final[Mapping[str, str]] = {"histogram": "histequ"}
"""Our names of stretches that DS9 calls otherwise, and its names."""


class LayerFile(NamedTuple):
    """One colour of a mask, written to the pixel directory."""

    path: str
    colour: str


class PatchFile(NamedTuple):
    """New pixels for a layer that is loaded."""

    path: str
    source: str
    """Path of the file with the pixels; empty for zeros."""
    size_bytes: int


class Prepared(NamedTuple):
    """Files of an action, written before the script runs, or a reason not to run the action."""

    layers: tuple[LayerFile, ...] = ()
    """Layers of a mask to be loaded; of an image that is written over, those of its mask that stay; of a zoom, those
    that take the place of the others."""
    patches: tuple[PatchFile, ...] = ()
    """Layers of a mask to be written over."""
    keeps_layers: bool = False
    """True: the other layers of the frame stay as they are."""
    image: str = ""
    """Path of the file to load in place of the image's own."""
    renews: bool = False
    """True: that file is loaded already, and was written over."""
    regions: str = ""
    """Path of the region file of many markers."""
    present: tuple[str, ...] = ()
    """Colours of a mask that have a pixel."""
    refusal: str = ""


Preparations = Mapping[tuple[int, int], Prepared]
"""By index of the section and of the action in it; what is missing needed none."""

Word = str | int | float | list["Word"]


def quote(text: str) -> str:
    """Return a text as exactly one word of Tcl, nothing in it substituted.

    The word may also stand within braces: its own are balanced or escaped.
    """
    if _BARE.fullmatch(text):
        return text
    if "{" not in text and "}" not in text and "\\" not in text:
        return f"{{{text}}}"
    return text.translate(_ESCAPES)


def word(value: Word) -> str:
    """Return a value as one word of Tcl; a list becomes a Tcl list.

    Raises
    ------
    ValueError
        For numbers that are not finite: DS9 draws them as something.
    """
    if isinstance(value, list):
        return f"{{{' '.join(map(word, value))}}}"
    if isinstance(value, str):
        return quote(value)
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number for DS9")
    return repr(value)


def script(batch: Batch, pixel_directory: str, prepared: Preparations) -> str:
    """Return the script of a batch; an action that cannot be written fails its section when the script runs.

    Parameters
    ----------
    pixel_directory : `str`
        Where the files of image layers lie.
    prepared
        Files of mask layers and regions, and actions that must not run.
    """
    lines = ["::mtv::begin", *(["if {[::mtv::hand::untouched]} {"] if batch.heeds else [])]
    for index, section in enumerate(batch.sections):
        steps = _steps(section, index, pixel_directory, prepared)
        lines.append(f"::mtv::section {quote(section.key)} {{\n{chr(10).join(steps)}\n}}")
    lines.append("::mtv::end")
    lines.append(f"set ::mtv_commit [list {quote(batch.epoch)} {batch.number}]")
    lines += ["::mtv::redraw"] if batch.redraws else []
    lines += ["} else {::mtv::end}"] if batch.heeds else []
    return "\n".join(lines) + "\n"


def relayering(frame: int, layers: Sequence[LayerFile]) -> str:
    """Return the script that loads the layers of a frame's mask in place of those that it has."""
    return f"::mtv::zooms::relayer {frame} {word(_files(layers))}\n"


def _steps(section: Section, index: int, pixel_directory: str, prepared: Preparations) -> Iterable[str]:
    for at, action in enumerate(section.actions):
        ready = prepared.get((index, at), Prepared())
        try:
            yield word(["fail", ready.refusal] if ready.refusal else _words(action, pixel_directory, ready))
        except (ValueError, RequestError) as error:
            yield word(["fail", str(error)])


def _words(action: actions.AnyAction, pixel_directory: str, ready: Prepared) -> list[Word]:
    if isinstance(action, actions.Arrange):
        return _arrangement(action)
    frame = action.frame
    match action:
        case actions.CreateFrame():
            return ["create", frame]
        case actions.DeleteFrame():
            return ["delete", frame]
        case actions.ResetFrame():
            return ["reset", frame]
        case actions.LoadImage():
            path = ready.image or f"{pixel_directory}/{action.image.file}"
            if ready.renews:
                return ["renew", frame, path, action.image.label, _layers(ready)]
            return ["next" if action.alike else "image", frame, path]
        case actions.LoadMask():
            files = _layers(ready)
            patches: list[Word] = [[patch.path, patch.source, patch.size_bytes] for patch in ready.patches]
            legend: list[Word] = [[colour, names] for colour, names in legend_of(action.colours, ready.present)]
            if ready.keeps_layers:
                return ["remask", frame, action.transparency_percent, patches, files, legend]
            return ["mask", frame, action.transparency_percent, files, legend]
        case actions.SetMaskTransparency():
            return ["transparency", frame, action.percent]
        case actions.AddMarkers():
            kind = "shapes" if action.markers.regions else int(action.markers.lines)
            how: list[Word] = [kind, *radii(action.markers)]
            if ready.regions:
                return ["markers_of", frame, ready.regions, *how]
            return ["markers", frame, region_text(action.markers, action.overlay).text, *how]
        case actions.DrawUserRegions():
            return ["user", frame, action.text]
        case actions.DeleteMarkers():
            return ["unmark", frame, "" if action.overlay is None else tag_of(action.overlay)]
        case actions.SetScale():
            return ["scale", frame, STRETCHES.get(action.stretch, action.stretch), *_limits(action)]
        case actions.SetColormap():
            return ["colormap", frame, action.name, int(action.invert)]
        case actions.SetZoom():
            to: list[Word] = ["fit", frame] if action.factor is None else ["zoom", frame, action.factor]
            return [*to, _layers(ready)] if ready.layers else to
        case actions.FitAgain():
            return ["refit", frame]
        case actions.SetPan():
            return ["pan", frame, action.x + 1, action.y + 1]
        case actions.SetRotation():
            return ["rotate", frame, action.angle_deg]
        case actions.SetFlip():
            return ["flip", frame, action.axes]
        case actions.RaiseFrame():
            return ["raise", frame]
        case actions.Annotate():
            return ["annotate", frame, [*action.names], action.caption, action.unit]


def _layers(ready: Prepared) -> list[Word]:
    return _files(ready.layers)


def _files(layers: Sequence[LayerFile]) -> list[Word]:
    return [[layer.path, layer.colour] for layer in layers]


def _arrangement(action: actions.Arrange) -> list[Word]:
    leader = "" if action.leader is None else action.leader
    locks: list[Word] = [action.lock_frame, int(action.lock_scale), int(action.lock_colormap)]
    mode = "tile" if action.tile else "blink" if action.blink_secs else "single"
    order: list[Word] = [[*action.frames], int(action.chosen), round(action.blink_secs * 1e3), action.lock_crosshair]
    return ["arrange", mode, *locks, leader, [*(action.size or ())], action.columns, *order]


def _limits(action: actions.SetScale) -> list[Word]:
    if action.low is not None and action.high is not None:
        return ["user", action.low, action.high]
    return [action.mode]
