"""Rows of a catalog, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtv.data.catalog import Catalog

Column = Any
"""A numpy array of shape ``(rows,)``, or ``(rows, n)`` for columns of arrays.

Gaps are NaN in fractions; whole numbers, truth values and texts with gaps are a `numpy.ma.MaskedArray`.
"""


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

    def __repr__(self) -> str:
        return f"<mtv.Row {self.index} of {self._catalog!r}>"
