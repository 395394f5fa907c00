"""The rows of the table: one module each, with a `Row` named ``ROW``. A new one is a file and a name here."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Final

from benchmarks.row import Row

NAMES: Final = (
    "exposure_mtv",
    "exposure_image",
    "dots_buffered",
    "afw_dots",
    "dots_single",
    "dots_waiting",
    "load_compressed",
    "load_again",
    "redraw",
    "object_mtv",
    "mask_recolour",
    "zoom_masked",
    "overlay_erase",
    "snap_large",
    "display_among_tiles",
    "query_cli",
    "query_warm",
    "query_rows",
    "query_parallel",
    "find_first_1m",
    "first_page_1m",
    "watch_look",
    "status_cli",
    "show_cli",
    "complete",
    "status_crowded",
    "feed_2k4k",
    "feed_1k",
    "feed_masked",
    "legend_cost",
    "feed_latency",
    "publish_cost",
    "publish_absent",
    "view_under_feed",
    "query_under_feed",
    "crowd_scale",
    "idle_memory",
)
"""In the table's order."""


def load(names: Sequence[str] = NAMES) -> list[Row]:
    """Return rows by name.

    Raises
    ------
    ValueError
        For a name that there is not.
    """
    if unknown := [name for name in names if name not in NAMES]:
        raise ValueError(f"no row is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return [importlib.import_module(f"benchmarks.rows.{name}").ROW for name in names]
