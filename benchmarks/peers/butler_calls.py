"""Butler itself, in the process that asks: what a warm query is held against."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self


class ButlerCalls:
    """A Butler that is open and warm; a context manager.

    Parameters
    ----------
    root : `~pathlib.Path`
        The repository.
    """

    name = "Butler"

    def __init__(self, root: Path) -> None:
        from lsst.daf.butler import Butler

        logging.getLogger("lsst.daf.butler").setLevel(logging.ERROR)
        self._butler = Butler.from_config(str(root))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._butler.close()

    def query(self, dataset_type: str, collection: str, where: str, bind: dict[str, Any]) -> list[Any]:
        """Return references, as `Butler.query_datasets` finds them."""
        return list(
            self._butler.query_datasets(dataset_type, collection, where=where, bind=bind, explain=False, limit=None)
        )

    def first(self, dataset_type: str, collection: str, *, order_by: Sequence[str], limit: int) -> list[Any]:
        """Return the first references in an order."""
        return list(self._butler.query_datasets(dataset_type, collection, order_by=order_by, limit=limit))
