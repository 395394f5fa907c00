"""Words of an exposure about itself, on the command line: its WCS, bounding box, metadata, filter, calibration."""

from __future__ import annotations

from typing import Any, Final

import click

from mtv.cli import output, targets
from mtv.cli.common import Call, Command
from mtv.wire.errors import bad_value
from mtv.wire.messages import Got
from mtv.wire.requests import Get

_CARD: Final = 80


@click.command("get", cls=Command)
@targets.target_options
@targets.part_options
@click.pass_obj
def get(call: Call, /, **target: Any) -> None:
    """Print a component of an exposure that is a value.

    \b
    mtv get calexp.bbox instrument=HSC visit=23718 detector=41
    mtv get calexp.metadata instrument=HSC visit=23718 detector=41 --json
    mtv get image.fits --component wcs
    """  # noqa: D301 - \b is click's own mark
    source = targets.parse(**target)
    _check(source)
    reply = call.request(Get(target=source), Got)
    for note in reply.notes:
        click.echo(f"mtv: {note}", err=True)
    if call.json:
        output.print_json(reply.value)
    elif isinstance(reply.value, dict):
        output.print_table(("name", "value"), sorted(reply.value.items()))
    elif isinstance(reply.value, list):
        click.echo(" ".join(map(str, reply.value)))
    else:
        click.echo("\n".join(_lines(str(reply.value))))


def _check(source: object) -> None:
    # What comes as pixels would lie in files that nobody reads.
    component = getattr(source, "component", "") or getattr(source, "dataset_type", "").partition(".")[2]
    if component in {"", "image", "mask", "variance", "maskedImage", "masked_image"}:
        hint = "wcs, bbox, xy0, dimensions, metadata, unit, filter or photoCalib; 'mtv show' shows images"
        raise bad_value("component", "only a component that is a value can be printed", hint)


def _lines(text: str) -> list[str]:
    """Return FITS cards a line each, and other texts as they are."""
    if len(text) % _CARD or "\n" in text:
        return [text]
    return [text[start : start + _CARD].rstrip() for start in range(0, len(text), _CARD)] or [text]
