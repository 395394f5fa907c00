"""Tell what the user does in the window: a line for each event, for people or for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mtv.cli.common import Call, Command, frame

if TYPE_CHECKING:
    from mtv.wire.messages import Event


@click.command("events", cls=Command)
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="key, frame, region or window; may be repeated.")
@click.option("-d", "--display", "display", type=frame, metavar="N|NAME", help="Only of this display.  [default: all]")
@click.option("--for", "for_secs", type=click.FloatRange(min=0), metavar="SECS", help="End after so long a silence.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@click.pass_obj
def events(
    call: Call, kinds: tuple[str, ...], display: int | str | None, for_secs: float | None, count: int | None
) -> None:
    """Tell what the user does in the window, as it happens, until interrupted.

    Keys with the pixel under the pointer, frames brought to the front, made or deleted, regions drawn, moved, edited
    or deleted, and the window opened, closed or lost. With --json each line is a document of its own. Positions are
    0-based parent pixels.

    \b
    mtv events --kind key --count 1
    mtv events --kind region --json | jq .x
    """  # noqa: D301 - \b is click's own mark
    import msgspec

    with call.connection.events(kinds, display=display, timeout_secs=for_secs) as found:
        for number, event in enumerate(found, 1):
            click.echo(msgspec.json.encode(event) if call.json else line_of(event))
            if number == count:
                return


def line_of(event: Event) -> str:
    """Return an event as people read it."""
    where = "" if event.display is None else f"display {event.name or event.display}"
    words = [event.kind, where, event.key or event.action, event.overlay and f"overlay {event.overlay}", event.shape]
    if event.x is not None and event.y is not None:
        words.append(f"at {event.x:.2f}, {event.y:.2f}")
    words += [f"size {', '.join(f'{size:.2f}' for size in event.sizes)}"] if event.sizes else []
    words += [f"value {event.value:g}"] if event.value is not None else []
    words += [f"planes {' '.join(event.planes)}"] if event.planes else []
    words += [f"{event.count} lost"] if event.count else []
    words += [f"({event.reason})"] if event.reason else []
    return "  ".join(word for word in words if word)
