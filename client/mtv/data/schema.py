"""Columns of a catalog in words: names, types, docs, units, and the slots that stand for some of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from mtv.wire.errors import Error, RequestError
from mtv.wire.hints import near


class Field(NamedTuple):
    """One column, in words."""

    name: str
    type: str
    """``F``, ``D``, ``L``, ``Flag``, ``Angle``, ``ArrayF`` as in ``lsst.afw.table``; numpy's name in other tables."""
    doc: str = ""
    units: str = ""

    def __str__(self) -> str:
        units = f', units="{self.units}"' if self.units else ""
        return f'Field[\'{self.type}\'](name="{self.name}", doc="{self.doc}"{units})'


class SchemaItem(NamedTuple):
    """A field, and the key that finds its column in the catalog."""

    key: str
    field: Field

    def __str__(self) -> str:
        return f"SchemaItem(key={self.key!r}, field={self.field})"


class Schema:
    """The fields of a catalog, in the order of its columns.

    Parameters
    ----------
    fields : iterable of `Field`
        In order.
    aliases : `dict` [`str`, `str`], optional
        Prefix to prefix: ``slot_Centroid`` to ``base_SdssCentroid``.
    """

    def __init__(self, fields: Iterable[Field], aliases: Mapping[str, str] | None = None) -> None:
        self._fields = {field.name: field for field in fields}
        self.aliases = dict(aliases or {})

    def __len__(self) -> int:
        return len(self._fields)

    def __iter__(self) -> Iterator[SchemaItem]:
        return (SchemaItem(name, field) for name, field in self._fields.items())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.resolve(name) in self._fields

    def __str__(self) -> str:
        fields = [f"    ({field})," for field in self._fields.values()]
        aliases = [f"    '{alias}'->'{target}'" for alias, target in sorted(self.aliases.items())]
        return "\n".join(["Schema(", *fields, *aliases, ")"])

    __repr__ = __str__

    def names(self) -> list[str]:
        """Return the names of all columns, in order.

        Returns
        -------
        names : `list` [`str`]
        """
        return list(self._fields)

    get_names = getNames = names  # noqa: N815 - as in lsst.afw.table

    def find(self, name: str) -> SchemaItem:
        """Return key and field of a column, by its name or through a slot.

        Parameters
        ----------
        name : `str`
            Name of the column, or a slot: ``slot_Centroid_x``.

        Returns
        -------
        item : `~mtv.data.schema.SchemaItem`

        Raises
        ------
        RequestError
            ``not_found``, with near names.
        """
        key = self.resolve(name)
        if key not in self._fields:
            hint = near(name, [*self._fields, *self.aliases], otherwise="catalog.schema.names() lists all")
            raise RequestError(Error(code="not_found", message=f"there is no column {name!r}", where="name", hint=hint))
        return SchemaItem(key, self._fields[key])

    def resolve(self, name: str) -> str:
        """Return the column that a name stands for: slots are replaced, the longest first, until none is left.

        Parameters
        ----------
        name : `str`

        Returns
        -------
        name : `str`
            The same where no slot is in it; there may be no such column.
        """
        for _ in range(len(self.aliases) + 1):  # a ring of aliases ends too
            prefix = None if name in self._fields else self._alias_of(name)
            if prefix is None:
                return name
            name = self.aliases[prefix] + name[len(prefix) :]
        return name

    def _alias_of(self, name: str) -> str | None:
        parts = name.split("_")
        prefixes = ("_".join(parts[:count]) for count in range(len(parts), 0, -1))
        return next((prefix for prefix in prefixes if prefix in self.aliases), None)
