"""Mask planes: their colours, and the transparency of all."""

from __future__ import annotations

import click

from mtv.arguments import checks
from mtv.cli import output
from mtv.cli.common import Call, Command, display_option, number
from mtv.cli.draw import report_done
from mtv.wire import steps
from mtv.wire.colours import IGNORE, MASK_COLOURS, default_mask_colour
from mtv.wire.errors import bad_value
from mtv.wire.reports import DisplayReport
from mtv.wire.requests import Describe


@click.command("mask", cls=Command)
@click.argument("words", nargs=-1, metavar="[PLANE COLOUR]...")
@click.option("--transparency", type=number, metavar="PERCENT", help="0 is opaque, 100 is hidden.")
@click.option("--hide", multiple=True, metavar="PLANE", help="Hide a plane; may be repeated.")
@click.option("--show", "shown", multiple=True, metavar="PLANE", help="Show a plane again, in its usual colour.")
@click.option(
    "--distinct/--usual", default=None, help="Colours that can be told apart, or those of lsst.afw that several share."
)
@display_option
@click.pass_obj
def mask(
    call: Call,
    words: tuple[str, ...],
    transparency: float | None,
    hide: tuple[str, ...],
    shown: tuple[str, ...],
    distinct: bool | None,
    frame: int | str,
) -> None:
    """List mask planes and their colours, or set them; settings outlast the image.

    \b
    mtv mask                              list
    mtv mask DETECTED fuchsia SAT green   any X11 or CSS colour, or #rrggbb; 'ignore' hides
    mtv mask --transparency 50
    mtv mask --hide DETECTED
    mtv mask --distinct                   a colour of its own for each plane
    """  # noqa: D301 - \b is click's own mark
    frame = checks.display_name(frame)
    if len(words) % 2:
        raise bad_value("colour", f"no colour is given for {words[-1]!r}", "mtv mask DETECTED fuchsia")
    colours = dict(zip(words[::2], words[1::2], strict=True)) | dict.fromkeys(hide, IGNORE)
    if shown:
        colours |= {plane: default_mask_colour(plane) for plane in shown}
    wanted: list[steps.AnyStep] = []
    if colours or distinct is not None:
        named = checks.mask_colours(colours, None) if colours else {}
        wanted.append(steps.MaskColour(display=frame, colours=named, distinct=distinct))
    if transparency is not None:
        checks.transparency(transparency, None)
        wanted.append(steps.MaskTransparency(display=frame, percent=transparency))
    if wanted:
        report_done(call, call.draw(*wanted))
    else:
        _list(call, call.request(Describe(display=frame), DisplayReport))


def _list(call: Call, report: DisplayReport) -> None:
    """List the planes of the image, by bit; before there is one, the colours that are set or that everybody has."""
    planes = sorted(report.mask.planes.items(), key=lambda item: item[1])
    if call.json:
        output.print_json(report.mask)
        return
    colours = report.mask.colours
    if planes:
        rows = [(bit, name, _colour(colours.get(name) or default_mask_colour(name))) for name, bit in planes]
        output.print_table(("bit", "plane", "colour"), rows)
    else:
        click.echo("mtv: no image with a mask is shown; these colours wait for one", err=True)
        output.print_table(("plane", "colour"), sorted({**MASK_COLOURS, **colours}.items()))
    click.echo(f"transparency {report.mask.transparency_percent:g} %")


def _colour(name: str) -> str:
    return "hidden" if name == IGNORE else name
