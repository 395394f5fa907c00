"""Butler in the user's own process, for data that only their Python type can read. Nothing here runs by itself."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mtv.data.datasets import DatasetRef
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.reports import RepositoryInfo

_NO_MODULE: Final = re.compile(r"No module named '(?P<name>[\w.]+)'")


def open_butler(location: str) -> Any:
    """Open a repository, read-only.

    Raises
    ------
    RequestError
        ``unsupported`` where ``lsst.daf.butler`` is not installed here.
    """
    try:
        from lsst.daf.butler import Butler
    except ImportError as error:
        raise _not_here("lsst.daf.butler", "pip install lsst-daf-butler") from error
    return Butler.from_config(location, writeable=False)


def get(
    butler: Any,
    target: str | DatasetRef,
    *,
    collections: Sequence[str],
    parameters: Mapping[str, Any] | None,
    data_id: Mapping[str, Any],
) -> Any:
    """Return a dataset as the Python object that Butler makes of it; see `mtv.Repository.butler_get`."""
    try:
        if isinstance(target, DatasetRef):
            return butler.get(_ref(butler, target), parameters=parameters)
        return butler.get(target, data_id, collections=list(collections) or None, parameters=parameters)
    except ImportError as error:
        hint = "repository.get reads images, masks and catalogs without it"
        raise _not_here(_missing(error), hint) from error


def location_of(name: str, known: Sequence[RepositoryInfo]) -> str:
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
