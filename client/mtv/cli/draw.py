"""Images and the view of them: show, load, erase, scale, zoom, pan, snap. Every command is one transaction."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mtv.arguments import checks
from mtv.cli import common, notes, output, targets
from mtv.cli.common import Call, Command, display_option, number
from mtv.wire import steps
from mtv.wire.data import Dataset, File
from mtv.wire.errors import bad_value
from mtv.wire.limits import Limits
from mtv.wire.messages import Loaded, Outcome, Picture
from mtv.wire.pictures import checked_size
from mtv.wire.requests import Snapshot


@click.command("show", cls=Command)
@targets.target_options
@targets.part_options
@display_option
@click.option("--scale", "stretch", metavar="'STRETCH LIMITS'", help="As 'mtv scale' has it: 'asinh zscale'.")
@click.option("--zoom", metavar="FACTOR|fit", help="As 'mtv zoom'.")
@click.option("--title", default="", metavar="TEXT", help="Name that the picture bears, in place of its own.")
@click.option(
    "--front/--behind", default=True, help="Bring the display to the front (default), or leave the front alone."
)
@click.pass_obj
def show(
    call: Call,
    /,
    frame: int | str,
    stretch: str | None,
    zoom: str | None,
    title: str,
    front: bool,
    **target: Any,
) -> None:
    """Show an image; its markers go, except lasting ones.

    \b
    TARGET is one of
      image.fits                                      a file (--hdu chooses)
      calexp instrument=HSC visit=23718 detector=41   a dataset, with --collections
      6f3b2c1e-....                                   a dataset by its UUID
      handle:4c2a...                                  what 'mtv load' gave
    """  # noqa: D301 - \b is click's own mark
    frame = checks.display_name(frame)
    wanted: list[steps.AnyStep] = [steps.Mtv(display=frame, target=targets.parse(**target), label=_title(title))]
    if stretch is not None:
        wanted.append(scale_step(frame, stretch.split()))
    if zoom is not None:
        wanted.append(zoom_step(frame, zoom))
    if front:
        wanted.append(steps.Show(display=frame))
    outcome = call.draw(*wanted)
    if call.json:
        output.print_json(outcome)
        return
    shown = outcome.steps[0]
    number = frame if shown.display is None else shown.display
    name = f"display {number}" + (f" {frame!r}" if frame != number else "")
    planes = ", ".join(f"{plane} {colour}" for plane, colour in shown.planes.items())
    click.echo(f"{name}: " + (f"mask {planes}" if planes else "no mask"))
    for note in filter(None, (shown.note, outcome.note if outcome.note and notes.is_news(outcome.note) else "")):
        click.echo(f"mtv: {note}", err=True)


def _title(given: str) -> str:
    return checks.title("", given, Limits().text_chars)


@click.command("load", cls=Command)
@targets.target_options
@targets.part_options
@click.option("--lease", "lease_secs", type=click.FloatRange(min=1), default=600.0, show_default=True, metavar="SECS")
@click.pass_obj
def load(call: Call, /, lease_secs: float, **target: Any) -> None:
    """Read an image or a table into the daemon's cache and print its handle.

    'mtv show handle:...' is quick then, and so is 'mtv overlay handle:...' of a table.

    The handle lives for --lease seconds after its last use. TARGET is a file or a dataset, as in 'mtv show'.
    """
    source = targets.parse(**target)
    if not isinstance(source, Dataset | File):
        raise bad_value("target", "a handle is loaded already")
    loaded = call.draw(steps.Load(target=source, lease_secs=lease_secs)).steps[0].loaded
    assert loaded is not None
    if call.json:
        output.print_json(loaded)
        return
    click.echo(f"handle:{loaded.handle}")
    size, kept = output.size(loaded.bytes), output.duration(loaded.expires_secs)
    click.echo(f"{loaded.label or 'data'}: {_form(loaded)}, {size}; kept {kept} after its last use", err=True)
    for note in loaded.notes:
        click.echo(f"mtv: {note}", err=True)


def _form(loaded: Loaded) -> str:
    """Return what an image or a table is like."""
    if len(loaded.shape) == 1:
        return output.plural(loaded.shape[0], "row")
    shape = " x ".join(str(length) for length in reversed(loaded.shape))
    planes = f", mask planes {' '.join(loaded.planes)}" if loaded.planes else ""
    return f"{shape} {loaded.dtype}, xy0 {loaded.xy0[0]} {loaded.xy0[1]}{planes}"


@click.command("erase", cls=Command)
@click.argument("name", required=False)
@display_option
@click.pass_obj
def erase(call: Call, name: str | None, frame: int | str) -> None:
    """Remove the overlay NAME, or all markers of a display, those drawn by hand too."""
    report_done(call, call.draw(steps.Erase(display=checks.display_name(frame), name=name)))


@click.command("scale", cls=Command)
@click.argument("words", nargs=-1, required=True, metavar="[STRETCH] [zscale|minmax|PERCENT|LOW HIGH]")
@display_option
@click.pass_obj
def scale(call: Call, words: tuple[str, ...], frame: int | str) -> None:
    """Set the stretch and the limits of an image.

    \b
    mtv scale asinh zscale      automatic limits
    mtv scale asinh -1 30       black and white at these values
    mtv scale 99.5              per cent of the pixels between the limits
    mtv scale log               limits stay

    Stretches: linear, log, pow, sqrt, squared, asinh, sinh, histogram.
    """  # noqa: D301 - \b is click's own mark
    report_done(call, call.draw(scale_step(checks.display_name(frame), words)))


def scale_step(frame: int | str, words: Sequence[str]) -> steps.Scale:
    """Return the step for what stands on the command line: the stretch may be left out before limits."""
    limits: list[float | str] = [_number_or_word(word) for word in words]
    first = limits[0] if limits else ""
    stretch = None if isinstance(first, float) or first in {"zscale", "minmax"} else str(first)
    return checks.scale(frame, stretch, tuple(limits if stretch is None else limits[1:]))


def _number_or_word(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word.strip()


@click.command("zoom", cls=Command)
@click.argument("factor", metavar="FACTOR|fit", default="fit")
@click.option("--at", metavar="X,Y", help="Centre the view on this 0-based parent pixel, too.")
@display_option
@click.pass_obj
def zoom(call: Call, factor: str, at: str | None, frame: int | str) -> None:
    """Set screen pixels per image pixel; 'fit' fits the image into the window.

    \b
    mtv zoom 8 --at 1024,2048
    """  # noqa: D301 - \b is click's own mark
    frame = checks.display_name(frame)
    wanted: list[steps.AnyStep] = [zoom_step(frame, factor)]
    if at is not None:
        x, y = common.point(at, "at")
        wanted.append(steps.Pan(display=frame, x=checks.finite("x", x), y=checks.finite("y", y)))
    report_done(call, call.draw(*wanted))


def zoom_step(frame: int | str, factor: str) -> steps.Zoom:
    """Return the step for what stands on the command line."""
    return steps.Zoom(display=frame, factor=checks.zoom(factor.strip()))


@click.command("pan", cls=Command)
@click.argument("x", type=number)
@click.argument("y", type=number)
@display_option
@click.pass_obj
def pan(call: Call, x: float, y: float, frame: int | str) -> None:
    """Centre the view on a 0-based parent pixel X Y."""
    step = steps.Pan(display=checks.display_name(frame), x=checks.finite("x", x), y=checks.finite("y", y))
    report_done(call, call.draw(step))


@click.command("rotate", cls=Command)
@click.argument("angle_deg", type=number, metavar="DEGREES")
@display_option
@click.pass_obj
def rotate(call: Call, angle_deg: float, frame: int | str) -> None:
    """Turn the view counter-clockwise by DEGREES from the upright."""
    step = steps.Rotate(display=checks.display_name(frame), angle_deg=checks.finite("angle_deg", angle_deg))
    report_done(call, call.draw(step))


@click.command("flip", cls=Command)
@click.argument("axes", metavar="x|y|xy|none")
@display_option
@click.pass_obj
def flip(call: Call, axes: str, frame: int | str) -> None:
    """Turn the image round along its x axis, its y axis, both (xy), or neither (none).

    A rotation comes on top of it, that of --lock wcs too: there x may be up and down. Locked displays turn along.
    """
    step = steps.Flip(display=checks.display_name(frame), axes=checks.flipped_axes(axes))
    report_done(call, call.draw(step))


@click.command("arrange", cls=Command)
@click.option("--tile/--single", "tile", default=None, help="Displays side by side, or one at a time.")
@click.option("--lock", "lock_frame", metavar="none|image|physical|wcs", help="Share zoom, pan and rotation.")
@click.option("--lock-scale/--free-scale", "lock_scale", default=None, help="Share stretch and limits.")
@click.option("--lock-colormap/--free-colormap", "lock_colormap", default=None, help="Share the colour map.")
@click.option("--lock-crosshair", metavar="none|image|physical|wcs", help="One crosshair at the same place of all.")
@click.option("--columns", type=int, metavar="N", help="Columns of tiles; 0 leaves them to DS9.")
@click.option(
    "-d",
    "--display",
    "displays",
    type=common.frame,
    multiple=True,
    metavar="N|NAME",
    help="These alone, in this order; repeated.",
)
@click.option("--all", "every", is_flag=True, help="All displays again, after some were chosen.")
@click.option("--blink", "blink_secs", type=float, metavar="SECS", help="One at a time, each for so long; 0 ends it.")
@click.option("--size", metavar="WIDTHxHEIGHT", help="Image area in pixels; small ones are redrawn sooner.")
@click.pass_obj
def arrange(
    call: Call,
    tile: bool | None,
    lock_frame: str | None,
    lock_scale: bool | None,
    lock_colormap: bool | None,
    lock_crosshair: str | None,
    columns: int | None,
    displays: tuple[int | str, ...],
    every: bool,
    blink_secs: float | None,
    size: str | None,
) -> None:
    """Arrange the displays in the window, and lock what they share; what is not given stays.

    \b
    mtv arrange --tile --columns 3 --lock wcs
    mtv arrange -d guider -d 2          these two side by side, and no others
    mtv arrange --blink 0.5 -d 1 -d 2   one after the other
    mtv arrange --single                one at a time, of all
    """  # noqa: D301 - \b is click's own mark
    if every and displays:
        raise click.UsageError("--all and --display exclude each other")
    chosen = displays if displays or every else None
    sides = None if size is None else _sides(size)
    step = checks.arrangement(
        tile, lock_frame, lock_scale, lock_colormap, sides, columns, chosen, blink_secs, lock_crosshair
    )
    report_done(call, call.draw(step))


def _sides(size: str) -> tuple[int, int]:
    width, _, height = size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise click.BadParameter(f"{size!r} is no WIDTHxHEIGHT, as in 600x400", param_hint="'--size'")
    return int(width), int(height)


@click.command("snap", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "-d",
    "--display",
    "frame",
    type=common.frame,
    metavar="N|NAME",
    help="Brought to the front first; else the window as it is.",
)
@click.option(
    "--size", metavar="WIDTHxHEIGHT", help="One display alone, drawn at this size, larger than the window too."
)
@click.pass_obj
def snap(call: Call, file: str, frame: int | str | None, size: str | None) -> None:
    """Write a picture of the window's image area to FILE.png or FILE.jpg; '-' is the standard output.

    With --size it shows what a display shows (the one in front where none is named), without colour bar and crosshair.
    """
    sides = None if size is None else checked_size(_sides(size))
    suffix = Path(file).suffix.lower()
    if file != "-" and suffix not in {".png", ".jpg", ".jpeg"}:
        raise bad_value("file", f"{file!r} is no name of a picture", "end it in .png or .jpg")
    jpeg = suffix in {".jpg", ".jpeg"}
    answer = call.ask(
        Snapshot(
            display=None if frame is None else checks.display_name(frame),
            format="jpeg" if jpeg else "png",
            size=sides,
        )
    )
    picture = bytes(answer.buffers[0])
    if file == "-":
        sys.stdout.buffer.write(picture)
        return
    try:
        output.write_whole(Path(file), picture)
    except OSError as error:
        error.filename = file
        raise common.Refused(f"file: {common.in_words_of_the_system(error)}") from None
    assert isinstance(answer.reply, Picture)
    if call.json:
        output.print_json({"file": file, "format": answer.reply.format, "bytes": len(picture)})
    else:
        click.echo(f"{file}: {output.size(len(picture))}")


def report_done(call: Call, outcome: Outcome) -> None:
    """Say nothing where all went well, except to programs."""
    if call.json:
        output.print_json(outcome)
