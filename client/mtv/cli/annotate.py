"""Annotations: what the picture of a display says of itself."""

from __future__ import annotations

import click

from mtv.arguments import checks
from mtv.cli import output
from mtv.cli.common import Call, Command, display_option
from mtv.cli.draw import report_done
from mtv.wire.reports import DisplayReport
from mtv.wire.requests import Describe


@click.command("annotate", cls=Command)
@click.option("--label/--no-label", default=None, help="Dataset, visit, detector and filter, or the image's label.")
@click.option("--limits/--no-limits", default=None, help="Stretch and limits in words.")
@click.option("--legend/--no-legend", default=None, help="Mask planes that are there, and their colours.")
@click.option("--scale-bar/--no-scale-bar", default=None, help="A bar of a round number of arc seconds, or of pixels.")
@click.option("--compass/--no-compass", default=None, help="North and east.")
@click.option("--grid/--no-grid", default=None, help="Lines of right ascension and declination.")
@click.option("--all/--none", "everything", default=None, help="All of these but the grid, or nothing at all.")
@display_option
@click.pass_obj
def annotate(
    call: Call,
    label: bool | None,
    limits: bool | None,
    legend: bool | None,
    scale_bar: bool | None,
    compass: bool | None,
    grid: bool | None,
    everything: bool | None,
    frame: int | str,
) -> None:
    """Choose what the picture says of itself, or list it; it outlasts the image. A label is shown by default.

    \b
    mtv annotate                       list what is shown
    mtv annotate --legend --scale-bar  and the label, as before
    mtv annotate --all --no-label      all but label and grid
    mtv annotate --none                nothing

    Planes of one colour share a row of the legend; 'mtv mask --distinct' gives each its own.
    """  # noqa: D301 - \b is click's own mark
    frame = checks.display_name(frame)
    wanted = {
        "label": label,
        "limits": limits,
        "legend": legend,
        "scale_bar": scale_bar,
        "compass": compass,
        "grid": grid,
    }
    if everything is not None:
        usual = {name: everything if name != "grid" or not everything else None for name in wanted}
        wanted = {name: usual[name] if value is None else value for name, value in wanted.items()}
    if any(value is not None for value in wanted.values()):
        report_done(call, call.draw(checks.annotation(frame, wanted)))
        return
    report = call.request(Describe(display=frame), DisplayReport)
    if call.json:
        output.print_json({name: name in report.annotations for name in wanted})
    else:
        output.print_table(
            ("part", "shown"), [(name, "yes" if name in report.annotations else "no") for name in wanted]
        )
