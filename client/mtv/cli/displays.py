"""Displays as a whole: delete one, choose its colour map."""

from __future__ import annotations

import click

from mtv.arguments import checks
from mtv.cli.common import Call, Command, display_option, frame
from mtv.cli.draw import report_done
from mtv.wire import steps


@click.command("delete", cls=Command)
@click.argument("displays", nargs=-1, required=True, type=frame, metavar="DISPLAY...")
@click.pass_obj
def delete(call: Call, displays: tuple[int | str, ...]) -> None:
    """Remove displays, by number or name, with everything on them: all of those named, or none.

    'mtv erase' removes the markers alone.
    """
    names = dict.fromkeys(map(checks.display_name, displays))
    report_done(call, call.draw(*(steps.Delete(display=name) for name in names)))


@click.command("colormap", cls=Command)
@click.argument("name")
@click.option("--invert/--upright", default=False, help="From the other end; upright by default.")
@display_option
@click.pass_obj
def colormap(call: Call, name: str, invert: bool, frame: int | str) -> None:
    """Choose one of DS9's colour maps: grey, heat, viridis. A name that DS9 does not have is refused with near ones."""
    step = steps.Colormap(display=checks.display_name(frame), name=checks.text("name", name), invert=invert)
    report_done(call, call.draw(step))
