"""The table for people, and ``bench.json`` for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table


def as_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return rows of ``bench.json`` as a table."""
    table = Table(title="mtv, the ways of today, and the floor")
    table.add_column("row")
    for heading in ("mtv", "peer", "floor", "peer/mtv", "mtv/floor"):
        table.add_column(heading, justify="right")
    table.add_column("target")
    table.add_column("")
    for row in rows:
        table.add_row(*cells(row))
    return table


def cells(row: dict[str, Any]) -> list[str]:
    """Return what one row shows."""
    peer = "\n".join(f"{name} {seconds(times['secs'])}" for name, times in row["peers"].items())
    return [
        f"{row['name']}\n[dim]{row['what']}[/dim]",
        _spread(row["ours"]) if row["amount"] is None else "{value:.3g} {unit}".format(**row["amount"]),
        peer or "-",
        _spread(row["floor"]),
        _times(row["ratio_peer"]),
        _times(row["ratio_floor"]),
        row["target"],
        _verdict(row),
    ]


def seconds(value: float) -> str:
    """Return a time with its unit: ``1.23 s``, ``45.6 ms``."""
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write ``bench.json``."""
    path.write_text(json.dumps(list(rows), indent=2) + "\n")


def _spread(times: dict[str, Any] | None) -> str:
    if times is None:
        return "-"
    return f"{seconds(times['secs'])}\n[dim]{seconds(times['min'])} to {seconds(times['max'])}[/dim]"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.3g}x"


def _verdict(row: dict[str, Any]) -> str:
    if "error" in row:
        return "[red]failed[/red]"
    return {True: "[green]ok[/green]", False: "[yellow]missed[/yellow]", None: "-"}[row["ok"]]
