"""``python -m benchmarks``: run rows, print the table, write ``bench.json``.

Ends with 0 also where a target is missed, and with 1 where a row could not be run.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos import launcher
from rich.console import Console

from benchmarks import rows, table
from benchmarks.bench import Bench
from benchmarks.contest import OtherPicture
from benchmarks.measures import Measured
from benchmarks.picture import encode
from benchmarks.row import Row, as_json

_WIDTH = 132


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    options = _options(arguments)
    launcher.end_in_order_when_terminated()
    # Where nobody looks on, rich would squeeze the table into 80 columns.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    errors = Console(stderr=True)
    results = []
    with Bench(small=options.small, with_ours=not options.no_ours) as bench:
        for row in options.rows:
            errors.print(f"[dim]{row.name}: {row.what}[/dim]")
            results.append(_result(row, bench, options.pictures))
            table.write(options.json, results)
    console.print(table.as_table(results))
    for result in results:
        if "error" in result:
            errors.print(f"[red]{result['name']}[/red]: {result['error']}", markup=True)
    return int(any("error" in result for result in results))


def _result(row: Row, bench: Bench, pictures: Path | None) -> dict[str, Any]:
    try:
        return as_json(row, row.measure(bench))
    except Exception as error:  # noqa: BLE001 - one row that fails must not cost the others
        traceback.print_exc()
        if isinstance(error, OtherPicture) and pictures:
            _keep(pictures, row.name, error)
        return as_json(row, Measured(), f"{type(error).__name__}: {error}")


def _keep(directory: Path, row: str, error: OtherPicture) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, picture in error.pictures.items():
        (directory / f"{row}-{name}.png").write_bytes(encode(picture))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=_rows, default=rows.load(), help="names, with commas between; all without it")
    parser.add_argument("--small", action="store_true", help="little of everything: it runs, its times mean nothing")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where the results go")
    parser.add_argument("--no-ours", action="store_true", help="peers and floor alone")
    parser.add_argument("--pictures", type=Path, help="directory for pictures that should be alike and are not")
    return parser.parse_args(arguments)


def _rows(text: str) -> list[Row]:
    try:
        return rows.load([name.strip() for name in text.split(",") if name.strip()] or rows.NAMES)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
