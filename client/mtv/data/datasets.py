"""Data IDs, references and handles, as queries and loads give them back; and how tables print."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final

from mtv.wire import data
from mtv.wire.messages import Loaded, Rows

_RUN: Final = "run"


class DataId(dict[str, Any]):
    """Dimension to value; printed as Butler prints it."""

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name}: {value!r}" for name, value in self.items()) + "}"

    __str__ = __repr__


class DatasetRef:
    """One dataset of a repository; give it to `Repository.get`, `Repository.load` or `Display.mtv`.

    Parameters
    ----------
    repo : `str`
        Alias or directory of the repository.
    dataset_type : `str`
        With a component where only that is meant: ``calexp.mask``.
    id : `str`
        UUID.
    run : `str`
        Run collection.
    data_id : `DataId`
        Dimension to value.
    """

    def __init__(self, repo: str, dataset_type: str, id: str, run: str, data_id: DataId) -> None:  # noqa: A002
        self.repo = repo
        self.dataset_type = dataset_type
        self.id = id
        self.run = run
        self.data_id = data_id

    def __repr__(self) -> str:
        return f"{self.dataset_type}@{self.data_id}"

    def __str__(self) -> str:
        return str(self.data_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatasetRef) and (self.repo, self.id, self.dataset_type) == (
            other.repo,
            other.id,
            other.dataset_type,
        )

    def __hash__(self) -> int:
        return hash((self.repo, self.id, self.dataset_type))

    def __getitem__(self, dimension: str) -> Any:
        return self.data_id[dimension]

    def component(self, name: str) -> DatasetRef:
        """Return the reference of a part of the dataset: ``ref.component("mask")``.

        Parameters
        ----------
        name : `str`
            As in `Repository.get`.

        Returns
        -------
        ref : `DatasetRef`
        """
        whole = self.dataset_type.partition(".")[0]
        return DatasetRef(self.repo, f"{whole}.{name}", self.id, self.run, self.data_id)

    def _mtv_source_(self) -> data.Dataset:
        plain = {name: value for name, value in self.data_id.items() if isinstance(value, int | str)}
        collections = (self.run,) if self.run else ()
        return data.Dataset(
            repo=self.repo, id=self.id, dataset_type=self.dataset_type, data_id=plain, collections=collections
        )


def ref_of(repo: str, dataset_type: str, page: Rows, index: int) -> DatasetRef:
    """Return the reference that a row of datasets stands for; the page's own names come before those given."""
    data_id = DataId(zip(page.columns, page.rows[index], strict=True))
    run = str(data_id.pop(_RUN, ""))
    return DatasetRef(page.repo or repo, page.dataset_type or dataset_type, page.ids[index], run, data_id)


class Handle:
    """Data in the daemon's cache; shown without being read again until its lease ends or it is given back.

    Parameters
    ----------
    loaded : `~mtv.wire.messages.Loaded`
        The daemon's answer: shape, dtype, planes, size, lease.
    release : callable
        Called with the handle's name when it is given back.

    Attributes
    ----------
    loaded : `~mtv.wire.messages.Loaded`
        What the daemon said: shape, dtype, planes, size, lease.
    """

    def __init__(self, loaded: Loaded, release: Callable[[str], object]) -> None:
        self.loaded = loaded
        self._release = release
        self._released = False

    @property
    def id(self) -> str:
        """The daemon's name for it."""
        return self.loaded.handle

    @property
    def shape(self) -> tuple[int, ...]:
        """``(y, x)`` of an image, ``(rows,)`` of a table."""
        return self.loaded.shape

    @property
    def planes(self) -> dict[str, int]:
        """Mask plane name to bit number."""
        return self.loaded.planes

    def __repr__(self) -> str:
        size = " x ".join(str(length) for length in reversed(self.shape))
        what = f"{size} {self.loaded.dtype}" if self.loaded.dtype else f"{size} rows"
        return f"<mtv.Handle {self.id}: {self.loaded.label or 'data'}, {what}>"

    def release(self) -> None:
        """Give it back; twice is no error."""
        if not self._released:
            self._released = True
            self._release(self.id)

    def __enter__(self) -> Handle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _mtv_source_(self) -> data.Handle:
        return data.Handle(handle=self.id)


def text_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], total: int) -> str:
    """Return a small table as text."""
    cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    if total > len(rows):
        lines.append(f"... {total} rows")
    return "\n".join(lines)


def html_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], total: int) -> str:
    """Return a small table as HTML."""
    import html

    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(_cell(value))}</td>" for value in row) + "</tr>" for row in rows)
    more = f"<caption>{len(rows)} of {total} rows</caption>" if total > len(rows) else ""
    return f"<table>{more}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_pairs(title: str, pairs: Mapping[str, str]) -> str:
    """Return names and what they are as a small table of HTML, with a title."""
    import html

    body = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in pairs.items())
    return f"<table><caption>{html.escape(title)}</caption><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
