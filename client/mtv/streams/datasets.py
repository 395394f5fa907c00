"""New datasets of a repository, for `mtv.streams.watching`: the daemon is asked what has come since a mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from mtv.data.datasets import DatasetRef, ref_of
from mtv.display import Display
from mtv.session.connection import Connection
from mtv.wire import data, steps
from mtv.wire.errors import Error, MtvError, RequestError
from mtv.wire.messages import Outcome, Rows

_NOT_THERE: Final = frozenset({"unknown_repository", "unknown_dataset_type", "unknown_collection"})
_GLOB: Final = frozenset("*?[")


class Datasets:
    """Datasets of one type. Implements `mtv.streams.watching.Arrivals`.

    Parameters
    ----------
    connection : `Connection`
    query : `~mtv.wire.steps.Query`
        Which datasets.
    display : `Display`
    component : `str`
        What is shown of each; all where empty.
    catalog : `str`
        Dataset type of the catalog that goes with each; none where empty.
    look : mapping
        What `Display.overlay` is told of its markers.
    """

    def __init__(
        self,
        connection: Connection,
        query: steps.Query,
        display: Display,
        *,
        component: str = "",
        catalog: str = "",
        look: Mapping[str, Any],
    ) -> None:
        self._connection, self._query, self._display = connection, query, display
        self._component, self._catalog, self._look = component, catalog, look
        self._mark = steps.NOW
        self._before: frozenset[str] = frozenset()
        self._tried = ""
        """Mark at which the catalog was last looked for."""

    def look(self) -> Sequence[DatasetRef]:
        """Return the new datasets."""
        begins = self._mark == steps.NOW
        try:
            rows = self._ask()
        except RequestError as error:
            if begins and error.code in _NOT_THERE:
                self._mark = steps.START  # whatever it has once it is there has come since
            raise
        found = [index for index, name in enumerate(rows.ids) if name not in self._before]
        self._before, self._mark = frozenset(rows.ids), rows.mark
        return [] if begins else [ref_of(self._query.repo, self._query.dataset_type, rows, index) for index in found]

    def show(self, item: DatasetRef) -> None:
        """Show a dataset."""
        self._tried = ""
        self._display.mtv(item.component(self._component) if self._component else item)

    def follow(self, item: DatasetRef) -> bool:
        """Draw the catalog of a dataset; looked for again only where something has come to the repository."""
        if self._tried == self._mark:
            return False
        self._tried = self._mark
        try:
            self._display.overlay(self._catalog, self._table(item), **self._look)
        except MtvError as error:
            if error.code not in {"not_found", *_NOT_THERE}:
                self._tried = ""
            raise
        return True

    def _ask(self) -> Rows:
        reply = self._connection.request(msgspec.structs.replace(self._query, since=self._mark))
        rows = reply.steps[0].rows if isinstance(reply, Outcome) else reply
        assert isinstance(rows, Rows)
        if not rows.mark:
            raise RequestError(
                Error(
                    code="unsupported",
                    message="the daemon is of an older version, which does not tell what is new",
                    hint="restart it: 'mtv down', 'mtv up'",
                )
            )
        return rows

    def _table(self, item: DatasetRef) -> data.Dataset:
        named = [name for name in self._query.collections if not _GLOB & set(name)]
        plain = {name: value for name, value in item.data_id.items() if isinstance(value, int | str)}
        return data.Dataset(
            repo=item.repo,
            dataset_type=self._catalog,
            data_id=plain,
            collections=tuple(dict.fromkeys((item.run, *named))),
        )
