"""Value of a pixel: what it is, the mask planes that are set there, and its place on the sky."""

from __future__ import annotations

import click

from mtv.arguments import checks
from mtv.cli import output
from mtv.cli.common import Call, Command, display_option, number, point
from mtv.wire.messages import PixelValue
from mtv.wire.requests import ReadValue


@click.command("value", cls=Command)
@click.argument("words", nargs=-1, required=True, metavar="X Y")
@display_option
@click.pass_obj
def value(call: Call, words: tuple[str, ...], frame: int | str) -> None:
    """Tell the pixel X Y (0-based parent pixel) of the image that is shown: value, mask planes, place on the sky.

    \b
    mtv value 1024 2048
    mtv value 1024.3,2047.8 --display 2 --json
    """  # noqa: D301 - \b is click's own mark
    if len(words) > 2 or (len(words) == 1 and "," not in words[0]):
        raise click.UsageError("one pixel, X Y or X,Y")
    x, y = point(words[0], "position") if len(words) == 1 else map(number, words)
    asked = ReadValue(display=checks.display_name(frame), x=checks.finite("x", x), y=checks.finite("y", y))
    told = call.request(asked, PixelValue)
    for note in told.notes:
        click.echo(f"mtv: {note}", err=True)
    if call.json:
        output.print_json(told)
        return
    number_told = "not a finite number" if told.value is None else output.cell(told.value)
    click.echo(f"{told.x} {told.y}: {number_told}{f' {told.unit}' if told.unit else ''}")
    if told.planes:
        click.echo(f"planes {' '.join(told.planes)}")
    if told.ra_deg is not None and told.dec_deg is not None:
        click.echo(f"ra {told.ra_deg:.7f} dec {told.dec_deg:.7f}")
