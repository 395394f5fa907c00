"""The ``mtv`` command: a table of subcommands, each imported when it runs. Never talks to a socket itself.

Exit codes and the options that every command has are in `mtv.cli.common`.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import click

import mtv
from mtv.cli import common

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Entry(NamedTuple):
    """Place of a command, and its line in the list of commands."""

    module: str
    attribute: str
    summary: str


_SECTIONS: Final[dict[str, dict[str, Entry]]] = {
    "The daemon": {
        "up": Entry("daemon", "up", "Start the daemon in the background."),
        "down": Entry("daemon", "down", "Stop the daemon in order."),
        "status": Entry("daemon", "status", "What the daemon has and does."),
        "cancel": Entry("daemon", "cancel", "Cancel requests that wait."),
        "config": Entry("config", "config", "Settings in force, and where each is from."),
        "help": Entry("help", "help_", "Explain a command, a setting, an error, a word of afw or DS9."),
        "keys": Entry("keys", "keys", "Keys for a daemon that is reached over TCP: make, show, authorise."),
        "doctor": Entry("doctor", "doctor", "Say what is missing, and the command that brings it."),
        "demo": Entry("demo", "demo", "See it work: a demo repository, a window, a picture."),
        "version": Entry("daemon", "version", "Versions of this program and of its protocol."),
    },
    "Repositories": {
        "repos": Entry("query", "repos", "List the repositories that can be named."),
        "query": Entry("query", "query", "Ask a repository: datasets, data IDs, collections, types, records."),
        "get": Entry("get", "get", "Print what an exposure says of itself: WCS, bounding box, metadata."),
        "watch": Entry("watch", "watch", "Show new datasets, or files, as a pipeline makes them."),
        "load": Entry("draw", "load", "Read an image into the daemon's cache, for 'mtv show handle:...'."),
        "catalog": Entry("catalog", "catalog", "Schema or rows of a catalog; CSV."),
    },
    "The window": {
        "show": Entry("draw", "show", "Show an image ('mtv mtv' is the same)."),
        "movie": Entry("movie", "movie", "Play what a query finds; steer it, or save it as GIF or MP4."),
        "overlay": Entry("overlay", "overlay", "Draw markers from a catalog, a CSV file, a region file, or points."),
        "value": Entry("value", "value", "Tell a pixel: its value, mask planes, place on the sky."),
        "regions": Entry("regions", "regions", "List or save the regions that people drew by hand."),
        "erase": Entry("draw", "erase", "Remove one overlay, or all markers."),
        "delete": Entry("displays", "delete", "Remove displays with everything on them."),
        "scale": Entry("draw", "scale", "Set stretch and limits."),
        "colormap": Entry("displays", "colormap", "Choose a colour map."),
        "zoom": Entry("draw", "zoom", "Set the zoom, or fit the image."),
        "pan": Entry("draw", "pan", "Centre the view on a pixel."),
        "rotate": Entry("draw", "rotate", "Turn the view."),
        "flip": Entry("draw", "flip", "Turn the view round along an axis."),
        "arrange": Entry("draw", "arrange", "Tile displays; lock zoom, scale or colours of all."),
        "mask": Entry("mask", "mask", "List or set the colours of mask planes, and the transparency."),
        "annotate": Entry("annotate", "annotate", "Label, legend, scale bar, compass, grid in the picture."),
        "events": Entry("events", "events", "Tell what the user does in the window, as it happens."),
        "snap": Entry("draw", "snap", "Write a picture of the window."),
        "batch": Entry("batch", "batch", "Carry out steps from JSON lines as one transaction."),
    },
}

COMMANDS: Final[dict[str, Entry]] = {
    **{name: entry for section in _SECTIONS.values() for name, entry in section.items()},
    "mtv": Entry("draw", "show", ""),
}
"""Every command by the name that is typed; ``mtv mtv`` is ``mtv show``."""


class LazyGroup(common.Group):
    """A group that imports the module of a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [name for section in _SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"mtv.cli.{entry.module}")
        command: click.Command = getattr(module, entry.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from mtv.wire.hints import near

            hint = near(name, COMMANDS, count=1)
            ctx.fail(f"there is no command {name!r}" + (f"; {hint}" if hint else ""))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        entries = [(name, entry.summary) for name, entry in COMMANDS.items() if entry.summary]
        return [CompletionItem(name, help=summary) for name, summary in entries if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, entries in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.summary) for name, entry in entries.items()], col_max=12)


@click.group("mtv", cls=LazyGroup, context_settings=common.CONTEXT)
@click.version_option(mtv.__version__, prog_name="mtv", message="%(prog)s %(version)s")
def cli() -> None:
    """One DS9 window and the Butler repositories of one daemon, from any shell.

    \b
    mtv up --repo /path/to/repository
    mtv query calexp instrument=HSC visit=23718 --collections u/me/single_frame
    mtv show calexp instrument=HSC visit=23718 detector=41 --collections u/me/single_frame
    mtv scale asinh zscale
    mtv overlay src instrument=HSC visit=23718 detector=41 --symbol o --colour orange

    $MTV_ENDPOINT, $MTV_REPO and $MTV_COLLECTIONS stand in for --endpoint, --repo and --collections, $MTV_INSTRUMENT for
    instrument=; a repository's only instrument need not be named. Completion: eval "$(_MTV_COMPLETE=bash_source mtv)",
    with zsh_source or fish_source for those shells.

    \b
    Exit codes:
      0    done
      1    the request was refused, or a file could not be read or written; the message says why
      2    the command line cannot be understood
      3    no daemon, or it has no window
      4    no answer in time; see --timeout
      5    the daemon, or something that it depends on, failed
      130  interrupted
      141  whoever read the output has gone: mtv query ... | head
    """  # noqa: D301 - \b is click's own mark


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and leave the interpreter with its exit code."""
    settings: dict[str, Any] = {"prog_name": "mtv"}
    _open_streams()
    if instruction := os.environ.get("_MTV_COMPLETE"):
        from mtv.cli import completion

        completion.run(cli, instruction)
    try:
        cli.main(arguments, **settings)
    except OSError as error:  # before or after a command: of the help text, of an error message
        common.Refused(common.in_words_of_the_system(error)).show()
        sys.exit(common.REFUSED)
    finally:
        _let_go_of_output()
    raise AssertionError("click leaves the interpreter")


def _open_streams() -> None:
    """Have all three streams, also where the shell has closed one; what cannot be encoded is written as an escape."""
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _let_go_of_output() -> None:
    """Drop what is left of an output that cannot be written: it was told of, and the interpreter would tell again."""
    try:
        sys.stdout.flush()
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.close(nothing)


__all__ = ["COMMANDS", "cli", "main"]
