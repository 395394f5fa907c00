"""``python -m mtvd.demo DIR``: build the demo repository from the shell."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mtvd.demo.build import DemoRefusedError, build
from mtvd.demo.plan import SIZES, SizeName


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--size", type=click.Choice(list(SIZES)), default="small", show_default=True, help="Size of a detector.")
@click.option("--user", help="Whose collections; you by default.")
def main(directory: Path, size: SizeName, user: str | None) -> None:
    """Build a Butler repository with images to play with in DIRECTORY."""
    make(directory, size, user)


def make(directory: Path, size: SizeName, user: str | None = None) -> None:
    """Build the repository, tell how far it has come, and say what it holds."""
    try:
        found = build(directory, size=size, user=user, on_progress=_show)
    except DemoRefusedError as refusal:
        raise click.ClickException(str(refusal)) from None
    if found.already_there:
        click.echo(f"{found.directory} is complete already ({found.size}); nothing to do.")
    click.echo(f"{found.datasets} datasets, {found.sources} sources; outputs in {found.chain}")


def _show(done: int, total: int, unit: str) -> None:
    """Count in one line of a terminal; elsewhere only the end is told."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        click.echo(f"\r{done} of {total} {unit}{end}", nl=False, file=sys.stderr)
    elif done == total:
        click.echo(f"{total} {unit}", file=sys.stderr)


if __name__ == "__main__":
    main()
