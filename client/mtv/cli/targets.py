"""Targets of a command: a FITS file, a handle, a dataset by UUID, or one by type and data ID."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mtv.arguments import parts
from mtv.cli import common
from mtv.wire.data import Dataset, File, Handle
from mtv.wire.errors import bad_value

_UUID: Final = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_FILE: Final = re.compile(
    r".*(/|\.fits?(\.(gz|fz|bz2|xz|zip))?$|\.fz$|\.(parq|parquet|ecsv|vot|votable|xml|cat|ldac|csv|tsv|txt|dat)(\.(gz|bz2|xz|zip))?$)",
    re.IGNORECASE,
)
_HANDLE: Final = "handle:"

F = TypeVar("F", bound=Callable[..., Any])


def target_options(function: F) -> F:
    """Give a command the words and options of a target."""
    for option in (
        common.collections_option,
        common.repo_option,
        click.option("--hdu", metavar="N|NAME", help="HDU, from 0 or by name: SCI, SCI,2; else the first image."),
        click.argument("words", nargs=-1, required=True, metavar="TARGET [KEY=VALUE]..."),
    ):
        function = option(function)
    return function


def parse(
    words: Sequence[str],
    *,
    repo: str = "",
    collections: Sequence[str] = (),
    hdu: str | None = None,
    component: str = "",
    cube_index: tuple[int, ...] | None = None,
    bbox: tuple[int, int, int, int] | None = None,
    sky: tuple[float, float, float, float] | None = None,
) -> Dataset | File | Handle:
    """Return what the words name, or the part of it that options name.

    Raises
    ------
    RequestError
        A file that is not there, words that are not ``key=value``, options that do not go with the target.
    """
    first, *rest = words
    if "=" in first and not _FILE.match(first):
        raise bad_value("target", f"{first!r} comes before any target", "for example: calexp visit=23718 detector=41")
    part = parts.keep_given(
        hdu=hdu if hdu is None else common.frame(hdu),
        component=component,
        cube_index=cube_index,
        bbox=bbox,
        centre_deg=sky and sky[:2],
        size_arcsec=sky and sky[2:],
    )
    return parts.of(_whole(first, rest, repo=repo, collections=collections), part)


def _whole(first: str, rest: Sequence[str], *, repo: str, collections: Sequence[str]) -> Dataset | File | Handle:
    if not rest and first.startswith(_HANDLE):
        return Handle(handle=first.removeprefix(_HANDLE))
    if not rest and (_FILE.match(first) or Path(first).is_file()):
        return File(path=common.absolute(first))
    if not rest and _UUID.fullmatch(first):
        return Dataset(repo=repo, id=first)
    return Dataset(
        repo=repo,
        dataset_type=first,
        data_id=common.data_id(rest),
        collections=common.split_items(collections),
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


def index(text: str) -> tuple[int, ...]:
    """Return a slice of a cube: ``3``, or ``0,3``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text.strip()!r} is not whole numbers with commas between") from None


def sky_box(text: str) -> tuple[float, float, float, float]:
    """Return a cut-out on the sky: ``RA,DEC,SIZE`` or ``RA,DEC,WIDTH,HEIGHT``, degrees and arc seconds."""
    try:
        ra, dec, width, *rest = (float(part) for part in text.split(","))
        (height,) = rest or (width,)
    except ValueError:
        raise click.BadParameter(f"{text.strip()!r} is not RA,DEC,SIZE or RA,DEC,WIDTH,HEIGHT") from None
    return ra, dec, width, height


def part_options(function: F) -> F:
    """Give a command the options that choose a part of what is read."""
    for option in (
        click.option("--sky", type=sky_box, metavar="RA,DEC,SIZE[,HEIGHT]", help="Cut out: degrees, arc seconds."),
        click.option("--bbox", type=box, metavar="X,Y,WIDTH,HEIGHT", help="Cut out, from 0-based parent pixel X, Y."),
        click.option("--slice", "cube_index", type=index, metavar="N[,N]", help="Slice of a cube, from 0."),
        click.option("--component", default="", help="A part of an exposure, as in calexp.mask."),
    ):
        function = option(function)
    return function
