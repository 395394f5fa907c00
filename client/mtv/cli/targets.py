"""What a command shows or reads: a FITS file, a handle, a dataset by UUID, or one by type and data ID."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

from mtv.cli import common
from mtv.wire.data import Dataset, File, Handle
from mtv.wire.errors import bad_value

_UUID: Final = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_FILE: Final = re.compile(r".*(/|\.fits?(\.gz|\.fz)?$|\.fz$|\.(parq|parquet|ecsv|vot|votable|xml)$)", re.IGNORECASE)
_HANDLE: Final = "handle:"

F = TypeVar("F", bound=Callable[..., Any])


def target_options(function: F) -> F:
    """Give a command the words and options of a target."""
    for option in (
        common.collections_option,
        common.repo_option,
        click.option("--hdu", type=click.IntRange(min=0), help="HDU of a file, from 0; else the first image."),
        click.argument("words", nargs=-1, required=True, metavar="TARGET [KEY=VALUE]..."),
    ):
        function = option(function)
    return function


def parse(
    words: Sequence[str],
    *,
    repo: str = "",
    collections: Sequence[str] = (),
    hdu: int | None = None,
    bbox: tuple[int, int, int, int] | None = None,
) -> Dataset | File | Handle:
    """Return what the words name.

    Raises
    ------
    RequestError
        A file that is not there, words that are not ``key=value``, options that do not go with the target.
    """
    first, *rest = words
    if "=" in first and not _FILE.match(first):
        raise bad_value("target", f"{first!r} comes before any target", "for example: calexp visit=23718 detector=41")
    named = not rest and (first.startswith(_HANDLE) or _FILE.match(first) is not None)
    if named and bbox is not None:
        raise bad_value("bbox", "only a dataset can be cut out")
    if hdu is not None and not (named and not first.startswith(_HANDLE)):
        raise bad_value("hdu", "only a file has HDUs to choose from")
    if named and first.startswith(_HANDLE):
        return Handle(handle=first.removeprefix(_HANDLE))
    if named:
        return File(path=common.absolute(first), hdu=hdu)
    if not rest and _UUID.fullmatch(first):
        return Dataset(repo=repo, id=first, bbox=bbox)
    return Dataset(
        repo=repo,
        dataset_type=first,
        data_id=common.keywords(rest),
        collections=common.listed(collections),
        bbox=bbox,
    )


def box(text: str) -> tuple[int, int, int, int]:
    """Return a cut-out: ``X,Y,WIDTH,HEIGHT``."""
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text.strip()!r} is not four whole numbers X,Y,WIDTH,HEIGHT") from None
    if width <= 0 or height <= 0:
        raise click.BadParameter("width and height must be positive")
    return x, y, width, height


bbox_option = click.option(
    "--bbox", type=box, metavar="X,Y,WIDTH,HEIGHT", help="Cut out of a dataset, from 0-based parent pixel X, Y."
)
