"""Regions: those of a file drawn, those of the window listed and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mtv.arguments import checks
from mtv.arguments.naming import REGIONS
from mtv.arguments.regions import LISTED, Found, regions_of, saved_text
from mtv.cli import common, output
from mtv.cli.common import Call, Command, display_option
from mtv.wire import steps
from mtv.wire.errors import bad_value
from mtv.wire.messages import RegionList, StepOutcome
from mtv.wire.regions import Region
from mtv.wire.requests import ListRegions

_MARKS = {"pixel": "", "image": "", "arcsec": '"'}


@click.command("regions", cls=Command)
@click.option("--all", "ours", is_flag=True, help="Those that programs have drawn, too.")
@click.option(
    "--system",
    metavar="|".join(LISTED),
    help="0-based parent pixels, 0-based pixels of the image that is shown, or the sky (ICRS).  [default: pixel; image "
    "with --save]",
)
@click.option(
    "--save", "file", metavar="FILE.reg", type=click.Path(dir_okay=False), help="Write them to a region file."
)
@display_option
@click.pass_obj
def regions(call: Call, /, ours: bool, system: str | None, file: str | None, frame: int | str) -> None:
    """List the regions that people drew by hand in the window, or save them; nothing of them is changed.

    \b
    mtv regions                            a table
    mtv regions --save mine.reg            a file for DS9, astropy regions and 'mtv overlay mine.reg'
    mtv regions --all --system sky --json  markers of programs too, in degrees
    """  # noqa: D301 - \b is click's own mark
    system = checks.one_of("system", system or ("image" if file else "pixel"), LISTED)
    request: Any = ListRegions(display=checks.display_name(frame), system=system, ours=ours)  # type: ignore[arg-type]
    found = call.request(request, RegionList)
    for note in found.notes:
        click.echo(f"mtv: {note}", err=True)
    if file:
        _save(call, file, found)
    elif call.json:
        output.print_json(found.regions)
    elif found.regions:
        output.print_table(("overlay", "shape", "x", "y", "sizes", "angle", "colour", "text"), map(_row, found.regions))
    else:
        click.echo(
            f"mtv: there are no regions{'' if ours else ' drawn by hand; --all lists those of programs too'}", err=True
        )


def _save(call: Call, file: str, found: RegionList) -> None:
    if not found.regions:
        raise bad_value("save", "there are no regions to save", "--all saves those of programs too")
    try:
        output.write_whole(Path(file), saved_text(found.regions).encode())
    except OSError as error:
        error.filename = file
        raise common.Refused(f"save: {common.in_words_of_the_system(error)}") from None
    if call.json:
        output.print_json({"file": file, "regions": len(found.regions)})
    else:
        click.echo(f"{file}: {output.plural(len(found.regions), 'region')}")


def _row(region: Region) -> tuple[object, ...]:
    decimals = 2 if region.system in {"pixel", "image"} else 7
    several = len(region.points) // 2
    sizes = " ".join(f"{size:.6g}{_MARKS[region.unit]}" for size in region.sizes)
    return (
        region.overlay,
        region.shape,
        f"{region.x:.{decimals}f}",
        f"{region.y:.{decimals}f}",
        sizes or (f"{several} vertices" if several > 1 else ""),
        f"{region.angle_deg:.6g}" if region.angle_deg else "",
        region.colour,
        region.text,
    )


def names_regions(word: str) -> bool:
    """Tell whether a word of the command line names a region file, by its name or by what it begins with."""
    if word.lower().endswith(".reg"):
        return True
    try:
        with Path(word).open("rb") as opened:
            return opened.read(64).lstrip(b"\xef\xbb\xbf \r\n").startswith(b"# Region file format")
    except (OSError, ValueError):
        return False


def draw_file(call: Call, frame: int | str, file: str, *, name: str | None, replace: bool, lasting: bool) -> None:
    """Draw the regions of a file, all that can be drawn of it; tell what was left out."""
    limits = call.connection.limits
    found: Found = regions_of(Path(file), limits)
    step = steps.Regions(
        display=checks.display_name(frame),
        name=checks.overlay(name or REGIONS, "name"),
        regions=found.regions,
        replace=replace,
        lasting=lasting,
    )
    drawn: StepOutcome = call.draw(step).steps[0]
    for note in (*(f"left out: {note}" for note in found.notes), *filter(None, [drawn.note])):
        click.echo(f"mtv: {note}", err=True)
    if call.json:
        output.print_json({"overlay": step.name, "markers": drawn.markers, "left_out": found.notes})
    else:
        click.echo(f"{output.plural(drawn.markers, 'region')} in overlay {step.name!r}")
