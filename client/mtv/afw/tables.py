"""Centroids of catalogs: of ``lsst.afw.table``, of `mtv.Catalog`, and of any table with columns of a usual name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mtv.wire.errors import RequestError

if TYPE_CHECKING:
    import numpy as np

    Column = np.ndarray[Any, Any]

PAIRS: Final = (
    ("slot_Centroid_x", "slot_Centroid_y"),
    ("base_SdssCentroid_x", "base_SdssCentroid_y"),
    ("x", "y"),
    ("centroid_x", "centroid_y"),
    ("xcentroid", "ycentroid"),
    ("x_centroid", "y_centroid"),
)
"""Columns of 0-based parent pixels, the first pair that a table has: of source tables, of photutils."""


def centroids_of(catalog: Any) -> tuple[Column, Column]:
    """Return the centroids of a catalog, in 0-based parent pixels; NaN where a row has none.

    Parameters
    ----------
    catalog : table
        A SourceCatalog of ``lsst.afw.table``, a `mtv.Catalog`, a table of astropy, pandas or pyarrow, a structured
        array, or a mapping from names to columns; see `PAIRS`.

    Raises
    ------
    RuntimeError
        It has no centroids.
    """
    import numpy as np

    if hasattr(catalog, "getCentroidSlot"):
        if not catalog.getCentroidSlot().isValid():
            raise RuntimeError("the catalog's centroid slot is not valid")
        rows = [(source.getX(), source.getY()) for source in catalog]
        table = np.array(rows, dtype=np.float64).reshape(len(rows), 2)
        return table[:, 0], table[:, 1]
    from mtv.data.catalog import Catalog

    if isinstance(catalog, Catalog):
        try:
            return _numbers(catalog.x), _numbers(catalog.y)
        except RequestError as error:
            raise RuntimeError(str(error)) from error
    names = _names(catalog)
    for x, y in PAIRS:
        if x in names and y in names:
            return _numbers(catalog[x]), _numbers(catalog[y])
    raise RuntimeError(f"a {type(catalog).__name__} has no columns {', '.join('/'.join(pair) for pair in PAIRS)}")


def _names(catalog: Any) -> set[str]:
    if isinstance(catalog, Mapping):
        return set(catalog)
    for attribute in ("colnames", "column_names", "columns"):
        found = getattr(catalog, attribute, None)
        if found is not None and not callable(found):
            return {str(name) for name in found}
    return set(getattr(getattr(catalog, "dtype", None), "names", None) or ())


def _numbers(column: Any) -> Column:
    import numpy as np

    numbers: Column = np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)
    return numbers
