"""Stand-ins shaped as the catalogs of ``lsst.afw.table`` are: schema, slots, flags, angles in radians."""
# ruff: noqa: N802 - the names are those of afw

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

ALIASES = {"slot_Centroid": "base_SdssCentroid", "slot_PsfFlux": "base_PsfFlux"}


class Column(NamedTuple):
    values: np.ndarray[Any, Any]
    type: str = "D"
    units: str = ""


class Field:
    def __init__(self, name: str, column: Column) -> None:
        self._name, self._column = name, column

    def getName(self) -> str:
        return self._name

    def getUnits(self) -> str:
        return self._column.units

    def getTypeString(self) -> str:
        return self._column.type


class Schema:
    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = columns

    def __iter__(self) -> Iterator[Any]:
        return (SimpleNamespace(field=Field(name, column)) for name, column in self._columns.items())

    def getAliasMap(self) -> dict[str, str]:
        return ALIASES


class SourceCatalog:
    """A catalog; one that is not contiguous gives no columns, and what it does not know it asks its table for."""

    def __init__(self, columns: Mapping[str, Column], *, contiguous: bool = True) -> None:
        self.schema = Schema(columns)
        self._known = columns
        self._contiguous = contiguous
        self.read: list[str] = []

    def __len__(self) -> int:
        return len(next(iter(self._known.values())).values)

    def isContiguous(self) -> bool:
        return self._contiguous

    def copy(self, deep: bool = False) -> SourceCatalog:
        assert deep
        return SourceCatalog(self._known)

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        if not self._contiguous:
            raise RuntimeError("Record data is not contiguous in memory.")
        self.read.append(name)
        return self._known[name].values

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"nothing here is called {name}")


def catalog(*, contiguous: bool = True) -> SourceCatalog:
    """Return five sources, the third without a centroid."""
    x = np.array([10.0, 20.0, np.nan, 40.0, 50.0])
    columns = {
        "id": Column(np.arange(5, dtype="i8") + 2**60, "L"),
        "coord_ra": Column(np.radians(np.linspace(150.0, 150.4, 5)), "Angle"),
        "coord_dec": Column(np.radians(np.linspace(2.0, 2.4, 5)), "Angle"),
        "base_SdssCentroid_x": Column(x, "D", "pixel"),
        "base_SdssCentroid_y": Column(x / 2, "D", "pixel"),
        "base_PsfFlux_instFlux": Column(np.array([1e2, 1e3, 1e4, 1e5, -1.0]), "D", "count"),
        "calib_psf_used": Column(np.array([True, False, True, True, False]), "Flag"),
    }
    return SourceCatalog(columns, contiguous=contiguous)
