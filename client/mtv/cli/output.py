"""Output of commands: tables for people, one JSON document for programs, a bar while something takes long."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

if TYPE_CHECKING:
    from mtv.wire.messages import Progress

_GAP: Final = "  "
_WORK: Final = {"bytes": "fetching"}
"""Verbs for units that do not say what is done."""
_NARROW: Final = 8
"""A column that must give way keeps at least so many characters."""


def print_json(value: Any) -> None:
    """Print one JSON document: indented on a terminal, on one line elsewhere."""
    encoded = msgspec.json.encode(value)
    click.echo(msgspec.json.format(encoded, indent=2) if sys.stdout.isatty() else encoded)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: what was there before stays until the new one is complete.

    A link stays one, an existing file keeps its mode. What is no regular file (a device, a pipe) is written into, and
    so is a file in whose directory no other can be made.

    Raises
    ------
    OSError
        It cannot be written; nothing of it is left.
    """
    target = path.resolve()
    if target.exists() and not (target.is_file() and os.access(target.parent, os.W_OK)):
        target.write_bytes(data)
        return
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    partial = target.with_name(f".{target.name[:200]}.{os.getpid()}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(data)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: numbers to the right, no wider than the terminal; in a pipe nothing is cut."""
    table = [list(row) for row in rows]
    for number, line in enumerate(lines_of(columns, table, _terminal_width())):
        click.secho(line, bold=number == 0)


def columns_that_fit(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    """Return how many columns of a table the terminal has room for, uncut, one at least; all in a pipe."""
    width = _terminal_width()
    if width is None:
        return len(columns)
    room = width + len(_GAP)
    for index, name in enumerate(columns):
        room -= max(len(name), *(len(cell(row[index])) for row in rows), 0) + len(_GAP)
        if room < 0:
            return max(index, 1)
    return len(columns)


def _terminal_width() -> int | None:
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def lines_of(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int | None) -> list[str]:
    """Return the lines of a table, the head first."""
    numeric = [
        any(row[index] is not None for row in rows) and all(_is_number(row[index]) for row in rows)
        for index in range(len(columns))
    ]
    texts = [list(columns), *([cell(value) for value in row] for row in rows)]
    widths = [max(len(row[index]) for row in texts) for index in range(len(columns))]
    if width is not None:
        widths = fit_widths(widths, width - len(_GAP) * (len(widths) - 1))
    return [
        _GAP.join(
            _cut(text, size).rjust(size) if number else _cut(text, size).ljust(size)
            for text, size, number in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in texts
    ]


def fit_widths(widths: Sequence[int], most: int) -> list[int]:
    """Return widths that fit into the space: the widest columns give way first, none below a few characters."""
    fit = list(widths)
    while sum(fit) > most and max(fit, default=0) > _NARROW:
        fit[fit.index(max(fit))] -= 1
    return fit


def cell(value: object) -> str:
    """Return a value as it stands in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    return "".join(character if character.isprintable() else " " for character in str(value))


def size(count: int) -> str:
    """Return a number of bytes as people say it."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def amount_text(progress: Progress) -> str:
    """Return how far something has come: ``12/40``, ``1.2 MB of 33.6 MB``."""
    if progress.unit == "bytes":
        return size(progress.done) + (f" of {size(progress.total)}" if progress.total else "")
    return f"{progress.done}/{progress.total or '?'}"


def duration(secs: float) -> str:
    """Return a time as people say it: its two largest units."""
    whole = int(secs)
    parts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    said = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(said[:2]) or "0 s"


def plural(count: int, word: str) -> str:
    """Return a count with its word: ``1 row``, ``2 rows``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


class Bar:
    """A progress bar on stderr, drawn with the first `Progress`; called with each. Each unit has a line."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Show how far it has come."""
        if not self._wanted:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            shown = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"))
            self._bar = Progress(*shown, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
            self._bar.start()
        total = progress.total or None
        if progress.unit not in self._tasks:
            description = _WORK.get(progress.unit, progress.unit or "working")
            self._tasks[progress.unit] = self._bar.add_task(description, total=total, count="")
        task = self._tasks[progress.unit]
        self._bar.update(task, completed=progress.done, total=total, count=amount_text(progress))
