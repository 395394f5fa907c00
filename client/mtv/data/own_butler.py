"""Butler in the user's own process, for data that only their Python type can read. Nothing here runs by itself."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mtv.data.datasets import DatasetRef
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.reports import RepositoryInfo

_NO_MODULE: Final = re.compile(r"No module named '(?P<name>[\w.]+)'")


class OwnButler:
    """Butler of this process on one repository, read-only; opened when a dataset is first asked for.

    Parameters
    ----------
    name : `str`
        Alias, path, or empty for the daemon's first repository.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._butler: Any = None

    def get(
        self,
        target: str | DatasetRef,
        *,
        known: Callable[[], Sequence[RepositoryInfo]],
        collections: Sequence[str],
        parameters: Mapping[str, Any] | None,
        data_id: Mapping[str, Any],
    ) -> Any:
        """Return a dataset as the Python object that Butler makes of it; see `mtv.Repository.butler_get`.

        Parameters
        ----------
        target : `str` or `DatasetRef`
        known : callable
            Returns the repositories that the daemon knows; called where this one is not open yet.
        collections : sequence of `str`
            Searched for a dataset type; the repository's own where empty.
        parameters : mapping or `None`
            Butler's own.
        data_id : mapping
            With a dataset type.

        Returns
        -------
        found : `object`

        Raises
        ------
        RequestError
            ``unsupported`` where a package is missing, ``not_found`` for a reference that the repository has not.
        """
        if self._butler is None:
            self._butler = _open(_location_of(self.name, known()))
        try:
            if isinstance(target, DatasetRef):
                return self._butler.get(_ref(self._butler, target), parameters=parameters)
            return self._butler.get(target, data_id, collections=list(collections) or None, parameters=parameters)
        except ImportError as error:
            hint = "repository.get reads images, masks and catalogs without it"
            raise _not_here(_missing(error), hint) from error


def _open(location: str) -> Any:
    try:
        from lsst.daf.butler import Butler
    except ImportError as error:
        raise _not_here("lsst.daf.butler", "pip install lsst-daf-butler") from error
    return Butler.from_config(location, writeable=False)


def _location_of(name: str, known: Sequence[RepositoryInfo]) -> str:
    """Return the path or URI of a repository: by alias, of the first where the name is empty, or the path itself."""
    for info in known:
        if name == info.alias or (not name and info.default):
            return info.location
    if "/" in name:
        return name
    raise bad_value("repo", f"the daemon knows no repository {name or 'by default'!r}")


def _ref(butler: Any, target: DatasetRef) -> Any:
    found = butler.get_dataset(uuid.UUID(target.id))
    if found is None:
        raise RequestError(Error(code="not_found", message="the repository has no dataset of this id", where="id"))
    component = target.dataset_type.partition(".")[2]
    return found.makeComponentRef(component) if component else found


def _missing(error: ImportError) -> str:
    """Return the module that could not be imported; Butler quotes Python's own words for it in the middle of its."""
    quoted = _NO_MODULE.search(str(error))
    return error.name or (quoted["name"] if quoted else str(error))


def _not_here(what: str, hint: str) -> RequestError:
    message = f"this data needs the Python package {what}, which is not installed here"
    return RequestError(Error(code="unsupported", message=message, where="target", hint=hint))
