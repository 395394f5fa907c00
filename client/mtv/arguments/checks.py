"""Checks of a display's arguments that need no daemon; each error names the argument at fault."""

from __future__ import annotations

import functools
import math
import numbers as abstract
from collections.abc import Iterable, Mapping
from math import isfinite, isnan
from pathlib import Path
from typing import Any, Final, Literal, get_args

from mtv.arguments.transaction import Place, System
from mtv.wire import markers, steps
from mtv.wire.colours import IGNORE, hex_of
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.hints import near
from mtv.wire.limits import Limits

LAST_NUMBER: Final = 1000
"""The highest number that a caller may give a display; higher ones belong to names."""

_STRETCHES: Final[tuple[str, ...]] = get_args(steps.Stretch)
_MODES: Final = ("minmax", "zscale")

known_colour = functools.lru_cache(maxsize=1024)(hex_of)
known_symbol = functools.lru_cache(maxsize=1024)(markers.check_symbol)


def backend(name: str) -> None:
    """Refuse backends that there are not."""
    if name != "ds9":
        raise RequestError(
            Error(
                code="unsupported",
                message=f"there is no backend {name!r} here",
                where="backend",
                hint="mtvd draws in SAOImage DS9 only: leave backend out, or say 'ds9'",
            )
        )


def display_name(value: Any) -> steps.DisplayName:
    """Return a display's number or name."""
    if isinstance(value, str):
        return text("frame", value)
    if isinstance(value, abstract.Integral) and not isinstance(value, bool) and 0 <= int(value) <= LAST_NUMBER:
        return int(value)
    raise bad_value("frame", f"{value!r} is no display", f"a number from 0 to {LAST_NUMBER}, or a name")


def text(where: str, value: Any) -> str:
    """Return a name."""
    if not isinstance(value, str):
        raise bad_value(where, f"{value!r} is no text")
    return markers.check_text(value, where)


def title(label: Any, title: Any, text_chars: int) -> str:
    """Return the name that a picture is to bear, be it given as its label or, as in ``lsst.afw``, as its title.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``label`` or ``title``: no text, two different ones, too long, or with a newline.
    """
    given = {where: value for where, value in (("label", label), ("title", title)) if value is not None and value != ""}
    if not given:
        return ""
    where, value = next(iter(given.items()))
    if len(given) > 1 and label != title:
        raise bad_value("title", "label and title are one thing, and two are given", "leave one of them out")
    if not isinstance(value, str):
        raise bad_value(where, f"{value!r} is no text")
    return markers.check_text(value, where, text_chars=text_chars, hint="a picture's name is one line")


def overlay(name: str, where: str = "overlay") -> str:
    """Return the name of an overlay."""
    return text(where, name)


def system(name: str) -> System:
    """Return the name of a coordinate system."""
    return one_of("system", name, get_args(System))  # type: ignore[return-value]


def one_of(where: str, value: Any, known: Iterable[str]) -> str:
    """Return one of a few words."""
    words = tuple(known)
    if isinstance(value, str) and value in words:
        return value
    hint = near(value, words, otherwise=f"one of {', '.join(words)}", count=1)
    raise bad_value(where, f"unknown {where} {value!r}", hint)


def finite(where: str, value: Any) -> float:
    """Return a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise bad_value(where, f"{value!r} is no number") from None
    if not math.isfinite(number):
        raise bad_value(where, f"{where} is {number}")
    return number


def dot(symbol: str, x: Any, y: Any, size: Any, colour: str) -> tuple[float, float, float] | None:
    """Return x, y and size of a marker; the quick way for those that are in order, which nearly all are.

    None for one without a position: catalogs have NaN for a source whose position could not be measured.
    """
    try:
        known_symbol(symbol)
        known_colour(colour)
    except (TypeError, AttributeError):
        raise bad_value("symbol", f"{symbol!r} and {colour!r} must be texts") from None
    try:
        numbers = float(x), float(y), float(size)
        if isfinite(sum(numbers)) and numbers[2] > 0:
            return numbers
        if any(map(isnan, numbers[:2])) and numbers[2] > 0:
            return None
    except (TypeError, ValueError, OverflowError):
        pass
    numbers = finite("x", x), finite("y", y), finite("size", size)
    if numbers[2] <= 0:
        raise bad_value("size", f"a size of {size} draws nothing")
    return numbers


@functools.lru_cache(maxsize=1024)
def place(display: steps.DisplayName, overlay_name: str, system_name: str, *, lasting: bool, exact: bool) -> Place:
    """Return where a marker goes."""
    return Place(display, overlay(overlay_name), system(system_name), lasting, exact)


def scale(display: steps.DisplayName, stretch: str | None, limits: tuple[Any, ...]) -> steps.Scale:
    """Return the step for a stretch and what follows it."""
    known: Any = None if stretch is None else one_of("stretch", stretch, _STRETCHES)
    if len(limits) > 2:
        raise bad_value(
            "limits", f"there are {len(limits)} limits", "scale('asinh', 'zscale') or scale('asinh', -1, 30)"
        )
    if len(limits) == 2:
        low, high = finite("low", limits[0]), finite("high", limits[1])
        if low >= high:
            raise bad_value("high", f"high ({high:g}) must be above low ({low:g})")
        return steps.Scale(display=display, stretch=known, low=low, high=high)
    mode = limits[0] if limits else None
    if mode is None and known is None:
        raise bad_value("stretch", "neither stretch nor limits are given")
    return steps.Scale(display=display, stretch=known, mode=_mode(mode))


def arrangement(
    tile: bool | None,
    lock_frame: str | None,
    lock_scale: bool | None,
    lock_colormap: bool | None,
    size: Any = None,
    columns: Any = None,
    displays: Any = None,
    blink_secs: Any = None,
    lock_crosshair: str | None = None,
) -> steps.Arrange:
    """Return the step that arranges the window."""
    given = (tile, lock_frame, lock_scale, lock_colormap, size, columns, displays, blink_secs, lock_crosshair)
    if all(value is None for value in given):
        hint = "give tile, lock_frame, lock_scale, lock_colormap, lock_crosshair, size, columns, displays or blink_secs"
        raise bad_value("tile", "nothing is to be arranged", hint)
    if tile and blink_secs:
        raise bad_value("blink_secs", "displays that are side by side do not blink", "leave tile out")
    if tile is False and displays and not blink_secs:
        raise bad_value("displays", "displays are chosen to be side by side, or to blink", "give tile or blink_secs")
    frames: Any = None if lock_frame is None else one_of("lock_frame", lock_frame, get_args(steps.LockedFrames))
    cross: Any = None
    if lock_crosshair is not None:
        cross = one_of("lock_crosshair", lock_crosshair, get_args(steps.LockedFrames))
    return steps.Arrange(
        tile=tile,
        lock_frame=frames,
        lock_scale=lock_scale,
        lock_colormap=lock_colormap,
        size=_size(size),
        columns=_columns(columns),
        displays=_displays(displays),
        blink_secs=_blink_secs(blink_secs),
        lock_crosshair=cross,
    )


def flipped_axes(axes: Any) -> Any:
    """Return the axes along which a view is turned round."""
    return one_of("axes", axes, get_args(steps.FlippedAxes))


def annotation(display: steps.DisplayName, wanted: Mapping[str, Any]) -> steps.Annotate:
    """Return the step that chooses what a picture says of itself, by the names of its fields."""
    if all(value is None for value in wanted.values()):
        raise bad_value("label", "nothing is to be annotated", f"give one of {', '.join(wanted)}")
    chosen = {name: None if value is None else truth(name, value) for name, value in wanted.items()}
    return steps.Annotate(display=display, **chosen)


def truth(where: str, value: Any) -> bool:
    """Return True or False, numpy's own included."""
    if type(value).__name__ in {"bool", "bool_"}:
        return bool(value)
    raise bad_value(where, f"{value!r} is neither True nor False")


def _columns(columns: Any) -> int | None:
    if columns is None:
        return None
    if isinstance(columns, bool) or not hasattr(columns, "__index__") or not 0 <= columns <= steps.MOST_COLUMNS:
        hint = f"1 to {steps.MOST_COLUMNS}, or 0 for DS9's own choice"
        raise bad_value("columns", f"{columns!r} is no number of columns", hint)
    return int(columns)


def _displays(displays: Any) -> tuple[steps.DisplayName, ...] | None:
    if displays is None:
        return None
    if isinstance(displays, str | bytes) or not isinstance(displays, Iterable):
        raise bad_value("displays", f"{displays!r} is no sequence of displays", "displays=['guider', 1]")
    chosen = tuple(display_name(getattr(each, "frame", each)) for each in displays)
    if len(chosen) > steps.MOST_TILES:
        raise bad_value("displays", f"{len(chosen)} displays are chosen", f"{steps.MOST_TILES} at most")
    return chosen


def _blink_secs(secs: Any) -> float | None:
    if secs is None:
        return None
    number = finite("blink_secs", secs)
    if number and not steps.LEAST_BLINK_SECS <= number <= steps.MOST_BLINK_SECS:
        hint = f"from {steps.LEAST_BLINK_SECS:g} to {steps.MOST_BLINK_SECS:g} s, or 0 to end it"
        raise bad_value("blink_secs", f"{number:g} s is no period", hint)
    return number


def _size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    try:
        width, height = (int(side) for side in size)
        if (width, height) != tuple(size):
            raise ValueError("not whole pixels")
    except (TypeError, ValueError, OverflowError):
        raise bad_value("size", f"{size!r} is no size", "(width, height) of the image area in pixels") from None
    return width, height


def _mode(mode: Any) -> Any:
    if mode is None:
        return None
    if isinstance(mode, str):
        return one_of("mode", mode, _MODES)
    percent = finite("mode", mode)
    if not 0 < percent <= 100:
        raise bad_value("mode", f"{percent:g} per cent of the pixels cannot be kept", "more than 0, at most 100")
    return percent


def zoom(factor: Any) -> float | None:
    """Return a zoom factor, None to fit."""
    if factor is None or factor == "fit":
        return None
    number = finite("factor", factor)
    if number <= 0:
        raise bad_value("factor", f"a zoom of {number:g} shows nothing", "screen pixels per image pixel, or 'fit'")
    return number


def mask_colours(name: str | Mapping[str, str], colour: str | None) -> dict[str, str]:
    """Return the colours of mask planes, as names that are known."""
    if isinstance(name, str):
        if colour is None:
            raise bad_value("colour", f"no colour is given for {name!r}")
        colours = {name: colour}
    else:
        colours = dict(name)
    for plane, wanted in colours.items():
        text("name", plane)
        if wanted != IGNORE:
            hex_of(wanted)
    return colours


def transparency(percent: Any, plane: str | None) -> None:
    """Check a transparency in per cent."""
    number = finite("percent", percent)
    if not 0 <= number <= 100:
        raise bad_value("percent", f"{number:g} is not from 0 (opaque) to 100 (hidden)")
    if plane is not None and number != 100:
        raise RequestError(
            Error(
                code="unsupported",
                message="DS9 has one transparency for all mask planes",
                where="plane",
                hint=f"leave plane out; set_mask_plane_color({plane!r}, 'ignore') hides one",
            )
        )


def supersede(wanted: bool, *, wait: bool, buffered: bool) -> None:  # noqa: FBT001, RUF100
    """Refuse to replace what somebody waits for."""
    if wanted and (wait or buffered):
        raise bad_value("supersede", "only a lone image that nobody waits for may be superseded", "say wait=False")


def only_with_pixels(**given: object) -> None:
    """Refuse what goes with an array only."""
    for name, value in given.items():
        if value is not None:
            raise bad_value(name, f"{name} cannot be given for pixels that the daemon reads", "get the exposure first")


def only_of_tables(**given: object) -> None:
    """Refuse what goes with a table only."""
    for name, value in given.items():
        if value:
            hint = "leave it out" if name == "hdu" else "for arrays, choose rows yourself"
            raise bad_value(name, f"{name} goes with a {'file' if name == 'hdu' else 'table'}", hint)


def expression(text: Any, limits: Limits, where: str = "select") -> str:
    """Return an expression over the columns of a table; its grammar is the daemon's to check."""
    if not isinstance(text, str):
        raise bad_value(where, f"{type(text).__name__} is no expression", 'for example "calib_psf_used"')
    if len(text) > limits.select_chars:
        raise bad_value(where, f"the expression is longer than {limits.select_chars} characters")
    return text


def image_format(name: str) -> None:
    """Refuse formats that there are not."""
    one_of("format", name, ("png", "jpeg"))


def format_of(path: Any) -> Literal["png", "jpeg"]:
    """Return the format that a path's ending stands for; PNG where it stands for none."""
    return "jpeg" if path is not None and Path(path).suffix.lower() in {".jpg", ".jpeg"} else "png"


def image_path(path: Any, name: str) -> None:
    """Refuse a path whose ending names another kind of picture than is written."""
    suffixes = {"png": (".png", ""), "jpeg": (".jpg", ".jpeg", "")}[name]
    if path is not None and Path(path).suffix.lower() not in suffixes:
        raise bad_value("path", f"{str(path)!r} would hold a {name.upper()}", f"end it in {suffixes[0]}")
