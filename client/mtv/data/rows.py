"""Rows of a catalog, one by one."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mtv.data.catalog import Catalog

Column = Any
"""A numpy array of shape ``(rows,)``, or ``(rows, n)`` for columns of arrays.

Gaps are NaN in fractions; whole numbers, truth values and texts with gaps are a `numpy.ma.MaskedArray`.
"""

_SHOWN: Final = 8
_SHOWN_HTML: Final = 24


class Row:
    """One row of a catalog: a number and the catalog itself, nothing copied.

    Parameters
    ----------
    catalog : `Catalog`
    index : `int`
        From 0.
    """

    __slots__ = ("_catalog", "index")

    def __init__(self, catalog: Catalog, index: int) -> None:
        self._catalog = catalog
        self.index = index

    def __getitem__(self, name: str) -> Any:
        """Return the value of a column; None where it is masked.

        Parameters
        ----------
        name : `str`
            Name of the column, or a slot.

        Returns
        -------
        value : scalar, `numpy.ndarray` or `None`
            ``(n,)`` of a column of arrays.

        Raises
        ------
        RequestError
            ``not_found``, with near names.
        """
        return self._value(self._catalog.column(name))

    get = __getitem__

    @property
    def x(self) -> float:
        """Centroid along x, 0-based parent pixels."""
        return self._number(self._catalog.x)

    @property
    def y(self) -> float:
        """Centroid along y."""
        return self._number(self._catalog.y)

    @property
    def id(self) -> int:
        """Identifier."""
        return int(self._catalog.id[self.index])

    def _value(self, column: Column) -> Any:
        value = column[self.index]
        return None if getattr(value, "ndim", 1) == 0 and getattr(value, "mask", False) else value

    def _number(self, column: Column) -> float:
        value = self._value(column)
        return float("nan") if value is None else float(value)

    def get_x(self) -> float:
        """Return the centroid along x.

        Returns
        -------
        x : `float`
            0-based parent pixels; NaN where it is masked.

        Raises
        ------
        RequestError
            ``not_found`` where the catalog has no such column.
        """
        return self.x

    def get_y(self) -> float:
        """Return the centroid along y.

        Returns
        -------
        y : `float`
            0-based parent pixels; NaN where it is masked.

        Raises
        ------
        RequestError
            ``not_found`` where the catalog has no such column.
        """
        return self.y

    def get_id(self) -> int:
        """Return the identifier.

        Returns
        -------
        id : `int`

        Raises
        ------
        RequestError
            ``not_found`` where the catalog has no such column.
        """
        return self.id

    getX, getY, getId = get_x, get_y, get_id  # noqa: N815 - as in lsst.afw.table

    def as_dict(self) -> dict[str, Any]:
        """Return all values by column.

        Returns
        -------
        values : `dict` [`str`, value]
        """
        return {name: self[name] for name in self._catalog.columns}

    def _values_to_show(self, most: int) -> tuple[list[tuple[str, str]], int]:
        names = self._catalog.prominent()
        return [(name, _text(self[name])) for name in names[:most]], max(len(names) - most, 0)

    def __repr__(self) -> str:
        shown, more = self._values_to_show(_SHOWN)
        values = ", ".join(f"{name}={value}" for name, value in shown)
        name = f" of {self._catalog.label}" if self._catalog.label else ""
        return f"<mtv.Row {self.index}{name}: {values}{f', and {more} more' if more else ''}>"

    def __str__(self) -> str:
        shown, _ = self._values_to_show(len(self._catalog.columns))
        width = max((len(name) for name, _ in shown), default=0)
        return "\n".join(f"{name.ljust(width)}  {value}" for name, value in shown)

    def _repr_html_(self) -> str:
        shown, more = self._values_to_show(_SHOWN_HTML)
        body = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in shown)
        after = f"<p>and {more} more: row.as_dict() has all</p>" if more else ""
        return f"<table><tbody>{body}</tbody></table>{after}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return " ".join(str(value).split())
