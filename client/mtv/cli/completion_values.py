"""Values that complete a word, by command and parameter: static lists, files, and what a daemon tells."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Protocol, get_args

import click

from mtv.cli import completion_columns, completion_words
from mtv.cli.completion_shells import FILES, Answer
from mtv.wire import steps
from mtv.wire.data import Dataset, File, Handle
from mtv.wire.messages import Rows
from mtv.wire.reports import DisplayReport, Report

MOST: Final = 500
"""Answers at most; a shell asks before it shows a hundred."""
_MOST_ROWS: Final = 1000
_NUMERALS: Final = "0123456789"
_DIGITS: Final = 18
"""Digits of the longest number that a registry holds."""

_DIMENSIONS: Final = (
    "instrument", "visit", "detector", "exposure", "physical_filter", "band", "day_obs", "group", "skymap", "tract",
    "patch", "htm7", "healpix9", "visit_system",
)  # fmt: skip
_GOVERNORS: Final = {"instrument", "skymap"}
"""Dimensions of few values, for which it does not pay to look which of them have datasets."""
_COMPONENTS: Final = (
    "image", "mask", "variance", "wcs", "bbox", "xy0", "dimensions", "metadata", "filter", "photoCalib",
)  # fmt: skip
_COLORMAPS: Final = (
    "grey", "heat", "cool", "rainbow", "viridis", "magma", "inferno", "plasma", "a", "b", "bb", "he", "i8", "aips0",
    "sls", "hsv", "standard", "staircase", "color", "red", "green", "blue",
)  # fmt: skip
_LIMITS: Final = ("zscale", "minmax", "99.5", "99", "95")


class Daemon(Protocol):
    """Answers of a daemon, or their absence: see `mtv.cli.completion.Asking`."""

    def report(self) -> Report | None:
        """Return its state; None where it does not say in time."""

    def rows(self, query: steps.Query) -> Rows | None:
        """Return the first page of a query; None where there is none in time."""

    def columns(self, target: Dataset | File | Handle) -> list[str]:
        """Return the names of a table's columns; none where they are not told in time."""


class Asked:
    """A word to complete: where it stands, what stands before it, and whom to ask.

    Parameters
    ----------
    ctx : `click.Context`
        Command with the parameters that were given so far.
    incomplete : `str`
        Begin of the word.
    daemon : `Daemon`
    before : sequence of `str`
        Words before it, behind ``mtv``.
    """

    def __init__(self, ctx: click.Context, incomplete: str, daemon: Daemon, before: Sequence[str] = ()) -> None:
        self.ctx, self.incomplete, self.daemon, self.before = ctx, incomplete, daemon, before

    def parameter(self, name: str) -> Any:
        """Return a parameter as far as it was given."""
        return self.ctx.params.get(name)

    def words(self, name: str = "words") -> tuple[str, ...]:
        """Return the words of an argument that were given so far."""
        return tuple(str(word) for word in self.parameter(name) or ())

    @property
    def repo(self) -> str:
        """Repository that is named, or empty."""
        return self.parameter("repo") or ""

    @property
    def collections(self) -> tuple[str, ...]:
        """Collections that are named."""
        from mtv.cli.common import split_items

        return split_items(self.parameter("collections") or ())

    def rows(self, **fields: Any) -> Iterator[dict[str, Any]]:
        """Ask the repository, and yield rows as dictionaries."""
        found = self.daemon.rows(steps.Query(repo=self.repo, limit=_MOST_ROWS, **fields))
        for row in found.rows if found else ():
            yield dict(zip(found.columns if found else (), row, strict=True))

    def display(self) -> DisplayReport | None:
        """Return the state of the display that is named, 0 where none is."""
        report, wanted = self.daemon.report(), self.parameter("frame") or 0
        displays = report.displays if report else ()
        return next((display for display in displays if wanted in (display.number, display.name or None)), None)


Complete = Callable[[Asked], Iterable[Answer]]


def complete(path: tuple[str, ...], name: str, asked: Asked) -> list[Answer]:
    """Return the answers for a parameter of a command, at most `MOST`; none where nothing is known of it.

    Parameters
    ----------
    path : `tuple` [`str`, ...]
        Words of the command: ``("query", "types")``.
    name : `str`
        Parameter's name.
    asked : `Asked`
    """
    known = _find(path, name)
    return [] if known is None else fitting(known(asked), asked.incomplete)


def is_known(path: tuple[str, ...], name: str) -> bool:
    """Tell whether there are values for a parameter of a command."""
    return _find(path, name) is not None


def _find(path: tuple[str, ...], name: str) -> Complete | None:
    return OF_COMMANDS.get((*path, name)) or completion_columns.OF_COMMANDS.get((*path, name)) or OF_ALL.get(name)


def fitting(answers: Iterable[Answer], incomplete: str) -> list[Answer]:
    """Return what begins as typed, each once, at most `MOST`."""
    found: dict[str, Answer] = {}
    for answer in answers:
        if answer is FILES or (answer.value.startswith(incomplete) and answer.value.isprintable()):
            found.setdefault(answer.value, answer)
        if len(found) >= MOST:
            break
    return list(found.values())


def _list_of(*values: str) -> Complete:
    return lambda _asked: map(Answer, values)


# The window


def _displays(asked: Asked) -> Iterator[Answer]:
    report = asked.daemon.report()
    for display in report.displays if report else ():
        label = display.label or "empty"
        yield Answer(str(display.number), " ".join(filter(None, (display.name, label))))
        if display.name:
            yield Answer(display.name, label)


def _overlays(asked: Asked) -> Iterator[Answer]:
    display = asked.display()
    for name, count in (display.overlays if display else {}).items():
        yield Answer(name, f"{count} markers")


def _planes(asked: Asked) -> Iterator[Answer]:
    from mtv.wire.colours import MASK_COLOURS, default_mask_colour

    display = asked.display()
    names = [*display.mask.planes, *display.mask.colours] if display else []
    colours = display.mask.colours if display else {}
    for name in names or MASK_COLOURS:
        yield Answer(name, colours.get(name) or default_mask_colour(name))


def _colours(asked: Asked) -> Iterable[Answer]:
    """Yield the names that people use; those with numbers only where a digit or most of the name is typed."""
    from mtv.wire.colours import names

    whole = asked.incomplete.rstrip(_NUMERALS)
    return (Answer(name) for name in names() if name[-1] not in _NUMERALS or name.rstrip(_NUMERALS) == whole)


def _planes_and_colours(asked: Asked) -> Iterable[Answer]:
    if len(asked.words()) % 2 == 0:
        return _planes(asked)
    return (Answer("ignore", "hide the plane"), *_colours(asked))


def _scale(asked: Asked) -> Iterable[Answer]:
    return map(Answer, _LIMITS if asked.words() else (*get_args(steps.Stretch), *_LIMITS))


def _stretch_and_limits(asked: Asked) -> Iterable[Answer]:
    """Yield a stretch, or one with limits: both are one word of the shell."""
    stretches = get_args(steps.Stretch)
    if " " not in asked.incomplete:
        return map(Answer, (*stretches, *_LIMITS))
    return (Answer(f"{stretch} {limits}") for stretch in stretches for limits in _LIMITS)


# Repositories


def _repositories(asked: Asked) -> Iterator[Answer]:
    report = asked.daemon.report()
    for repository in report.repositories if report else ():
        yield Answer(repository.alias, repository.location)
    if "/" in asked.incomplete or asked.incomplete.startswith((".", "~")):
        yield from _directories(asked)


def _new_repositories(asked: Asked) -> Iterator[Answer]:
    alias, found, place = asked.incomplete.partition("=")
    before = f"{alias}=" if found else ""
    yield from (Answer(before + name) for name in paths(place if found else alias, directories=True))


def _collections(asked: Asked) -> Iterator[Answer]:
    before, comma, typed = asked.incomplete.rpartition(",")
    glob = "".join(character for character in typed if character not in "*?[]") + "*"
    for row in asked.rows(what="collections", collections=(glob,)):
        yield Answer(f"{before}{comma}{row['name']}", str(row["type"]).lower())


def _types(asked: Asked) -> Iterator[Answer]:
    name, dot, _ = asked.incomplete.partition(".")
    if dot:
        yield from (Answer(f"{name}.{component}") for component in _COMPONENTS)
        return
    glob = "".join(character for character in name if character not in "*?[]")
    for row in asked.rows(what="dataset_types", dataset_type=f"{glob}*"):
        yield Answer(row["name"], f"{row['storage_class']}: {row['dimensions']}")


def _target(asked: Asked) -> Iterator[Answer]:
    words = asked.words()
    if words:
        yield from _data_id(asked, words[0], words[1:])
        return
    if "/" not in asked.incomplete and not asked.incomplete.startswith((".", "~")):
        yield from _types(asked)
    yield FILES


def _dataset(asked: Asked) -> Iterable[Answer]:
    words = asked.words()
    return _data_id(asked, words[0], words[1:]) if words else _types(asked)


def _constraints(asked: Asked) -> Iterable[Answer]:
    return _data_id(asked, asked.parameter("dataset_type") or "", asked.words("constraints"))


def _data_id(asked: Asked, dataset_type: str, words: Sequence[str]) -> Iterator[Answer]:
    """Yield keys that are not given yet, or values of the key that stands before the ``=``."""
    from mtv.cli.common import keywords

    kind = dataset_type.partition(".")[0]
    data_id = keywords([word for word in words if "=" in word])
    key, found, typed = asked.incomplete.partition("=")
    if found:
        yield from (Answer(f"{key}={value}") for value in _values(asked, kind, key, typed, data_id))
        return
    known = [
        name for row in asked.rows(what="dataset_types", dataset_type=kind) for name in row["dimensions"].split(", ")
    ]
    yield from (Answer(f"{name}=") for name in (known if kind else _DIMENSIONS) if name and name not in data_id)


def _values(asked: Asked, kind: str, key: str, typed: str, data_id: dict[str, int | str]) -> Iterator[str]:
    from mtv.arguments.naming import usual_instrument

    others = {name: value for name, value in {**usual_instrument(os.environ), **data_id}.items() if name != key}
    constraints: dict[str, Any] = {
        "dimensions": (key,),
        "data_id": others,
        "where": number_begins(key, typed),
    }
    if kind and key not in _GOVERNORS:
        constraints |= {"dataset_type": kind, "collections": asked.collections or ("*",)}
    for row in asked.rows(what="data_ids", **constraints):
        text = str(row[key])
        yield f"'{text}'" if isinstance(row[key], str) and text.lstrip("+-").isdecimal() else text


def number_begins(key: str, typed: str) -> str:
    """Return a condition for numbers that begin with the digits typed, or nothing where they are no digits.

    ``visit=23`` is 23, 230 to 239, 2300 to 2399 and so on. They are ranges of one IN: Butler multiplies out what stands
    in ORs, and would do that for minutes.
    """
    if not typed.isascii() or not typed.isdecimal() or typed.startswith("0") or not key.isidentifier():
        return ""
    tens = [10**power for power in range(_DIGITS - len(typed) + 1)]
    first = int(typed)
    return f"{key} IN ({', '.join(f'{first * ten}..{(first + 1) * ten - 1}' for ten in tens)})" if tens else ""


def _orders(asked: Asked) -> Iterator[Answer]:
    before, comma, typed = asked.incomplete.rpartition(",")
    sign = "-" if typed.startswith("-") else ""
    yield from (Answer(f"{before}{comma}{sign}{name}") for name in _dimensions_of(asked))


def _dimensions_of(asked: Asked) -> Iterable[str]:
    kind = asked.parameter("dataset_type") or next(iter(asked.words()), "")
    if not kind:
        return _DIMENSIONS
    return [
        name for row in asked.rows(what="dataset_types", dataset_type=kind) for name in row["dimensions"].split(", ")
    ]


def _several_dimensions(asked: Asked) -> Iterator[Answer]:
    before, comma, _ = asked.incomplete.rpartition(",")
    yield from (Answer(f"{before}{comma}{name}") for name in _DIMENSIONS)


# Files


def _files(_asked: Asked) -> tuple[Answer, ...]:
    return (FILES,)


def _directories(asked: Asked) -> Iterator[Answer]:
    yield from (Answer(name) for name in paths(asked.incomplete, directories=True))


def paths(typed: str, *, directories: bool = False) -> Iterator[str]:
    """Yield names of files that begin as typed, directories with a slash behind; hidden ones only where asked for."""
    folder, name = os.path.split(typed)
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:  # noqa: PTH111 - the text is kept as typed
            found = sorted((entry.name, entry.is_dir()) for entry in entries if entry.name.startswith(name))
    except OSError:
        return  # nothing there, or nothing that we may see: nothing to offer
    for entry, is_directory in found:
        if (is_directory or not directories) and (name.startswith(".") or not entry.startswith(".")):
            yield os.path.join(folder, entry) + ("/" if is_directory else "")  # noqa: PTH118 - as typed


OF_ALL: Final[dict[str, Complete]] = {
    "frame": _displays,
    "displays": _displays,
    "display": _displays,
    "repo": _repositories,
    "collections": _collections,
    "colour": _colours,
    "component": _list_of(*_COMPONENTS),
    "constraints": _constraints,
    "dataset_type": _types,
    "dimensions": _several_dimensions,
    "order_by": _orders,
    "symbol": _list_of("o", "+", "x", "*"),
    "zoom": _list_of("fit", "0.25", "0.5", "1", "2", "4"),
    "directory": _directories,
    "file": _files,
    "picture": _files,
    "save": _files,
    "config": _files,
}
"""Parameters that mean the same in every command."""

OF_COMMANDS: Final[dict[tuple[str, ...], Complete]] = {
    ("up", "repos"): _new_repositories,
    ("help", "words"): completion_words.words_of_help,
    ("config", "names"): completion_words.settings,
    ("up", "window"): _list_of("auto", "headless"),
    ("query", "collections", "patterns"): _collections,
    ("query", "types", "pattern"): _types,
    ("query", "records", "element"): _list_of(*_DIMENSIONS),
    ("get", "words"): _target,
    ("load", "words"): _target,
    ("catalog", "words"): _target,
    ("show", "words"): _target,
    ("mtv", "words"): _target,
    ("overlay", "words"): _target,
    ("watch", "words"): _dataset,
    ("movie", "words"): _dataset,
    ("watch", "catalog"): _types,
    ("show", "stretch"): _stretch_and_limits,
    ("mtv", "stretch"): _stretch_and_limits,
    ("overlay", "name"): _overlays,
    ("erase", "name"): _overlays,
    ("scale", "words"): _scale,
    ("zoom", "factor"): _list_of("fit", "0.25", "0.5", "1", "2", "4"),
    ("colormap", "name"): _list_of(*_COLORMAPS),
    ("arrange", "lock_frame"): _list_of(*get_args(steps.LockedFrames)),
    ("arrange", "lock_crosshair"): _list_of(*get_args(steps.LockedFrames)),
    ("flip", "axes"): _list_of(*get_args(steps.FlippedAxes)),
    ("mask", "words"): _planes_and_colours,
    ("mask", "hide"): _planes,
    ("mask", "shown"): _planes,
    ("events", "kinds"): _list_of("key", "frame", "region", "window"),
}
"""Parameters by command."""
