"""Translation of exceptions of Butler, of the database and of the file system into errors of the wire.

Butler's exceptions are known by the names of their classes, so that nothing here imports it. Its own words are shown
where they are meant for users; a database's never are, for they hold SQL and paths.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from mtv.wire.errors import Code, Error, MtvError, RequestError
from mtv.wire.hints import near
from mtvd.repo.butler import peers

_MISSING_GOVERNOR: Final = re.compile(r"dimension dependent on (?P<governor>\w+) without")
_UNRECOGNIZED: Final = re.compile(r"Unrecognized (?:identifier|field|column|dimension)[^']*'(?P<name>[^']+)'")
_FIELD: Final = re.compile(r"Unrecognized field '(?P<name>[^']+)' for (?P<element>\w+)")
_QUOTED: Final = re.compile(r"'(?P<name>[^']+)'")
_NOTE: Final = "field of the request: "
_BUSY: Final = re.compile(r"database is locked|database table is locked|busy", re.IGNORECASE)

# Class of Butler, code, field; the first that an exception is one of; the request may say more of the field.
_TABLE: Final[tuple[tuple[str, Code, str], ...]] = (
    ("MissingDatasetTypeError", "unknown_dataset_type", "dataset_type"),
    ("UnknownComponentError", "unsupported", "dataset_type"),
    ("MissingCollectionError", "unknown_collection", "collections"),
    ("NoDefaultCollectionError", "bad_query", "collections"),
    ("CollectionTypeError", "bad_query", "collections"),
    ("CalibrationLookupError", "ambiguous", "data_id"),
    ("DatasetNotFoundError", "not_found", "data_id"),
    ("DimensionNameError", "bad_query", "data_id"),
    ("DimensionValueError", "bad_query", "data_id"),
    ("DataIdValueError", "bad_query", "data_id"),
    ("InconsistentDataIdError", "bad_query", "data_id"),
    ("InvalidQueryError", "bad_query", "where"),
    ("ButlerUserError", "bad_query", ""),
    ("ReadOnlyDatabaseError", "read_only", ""),
)


class Known(Protocol):
    """Names that a repository has, for hints; asked only when something went wrong."""

    def dataset_types(self) -> Sequence[str]: ...

    def collections(self) -> Sequence[str]: ...

    def dimensions(self) -> Sequence[str]: ...

    def governors(self, dimension: str) -> Sequence[str]:
        """Values of a governor dimension: the instruments, the skymaps."""
        ...

    def fields(self, element: str) -> Sequence[str]:
        """Names of what the records of a dimension tell; none of what is no dimension."""
        ...


class Asked(Protocol):
    """Question that failed: a query or a dataset."""

    @property
    def dataset_type(self) -> str: ...

    @property
    def collections(self) -> tuple[str, ...]: ...

    @property
    def data_id(self) -> dict[str, int | str]: ...


def refusal(code: Code, message: str, where: str, hint: str = "") -> RequestError:
    """Return the exception for a request that is at fault."""
    return RequestError(Error(code=code, message=message, where=where, hint=hint))


def some(options: Sequence[str], count: int = 6) -> str:
    """Return a short list of names for a hint."""
    names = ", ".join(map(repr, options[:count]))
    return f"{names}, ..." if len(options) > count else names


@contextmanager
def in_field(where: str) -> Iterator[None]:
    """Have what Butler refuses inside be told of one field of the request, whatever its words."""
    try:
        yield
    except Exception as error:
        error.add_note(f"{_NOTE}{where}")
        raise


def _field_of(error: Exception, otherwise: str) -> str:
    notes = getattr(error, "__notes__", ())
    return next((note.removeprefix(_NOTE) for note in notes if note.startswith(_NOTE)), otherwise)


def missing_governor(error: Exception) -> str:
    """Return the governor dimension without which Butler could not understand a query; empty where it is not that."""
    match = _MISSING_GOVERNOR.search(str(error))
    return match["governor"] if match else ""


def translate(error: Exception, asked: Asked | None = None, known: Known | None = None) -> Error:
    """Return the error of the wire that stands for an exception.

    Parameters
    ----------
    asked : `Asked`, optional
        The request, to find the field at fault.
    known : `Known`, optional
        The repository, for near names.
    """
    if isinstance(error, MtvError):
        return error.error
    names = [kind.__name__ for kind in type(error).__mro__]
    for name, code, where in _TABLE:
        if name in names:
            found = Error(code=code, message=_words(error), where=_field_of(error, where))
            return _in_context(found, asked, known)
    if any(kind.__module__.startswith("sqlalchemy") or kind.__module__ == "sqlite3" for kind in type(error).__mro__):
        return _of_database(str(error))
    if (of_peer := peers.error_of(error)) is not None:
        return of_peer
    if isinstance(error, OSError):
        return _of_system(error)
    if getattr(asked, "where", "") and isinstance(error, RecursionError | OverflowError | ValueError):
        return _of_expression(error)
    if isinstance(error, OverflowError):
        return Error(code="bad_query", message="a number is too large for the registry", where="data_id")
    if isinstance(error, ImportError):
        return Error(code="unsupported", message="a Python package that this data needs is not installed")
    return Error(code="internal", message=f"the repository worker failed ({names[0]})")


def _of_expression(error: Exception) -> Error:
    """Return what Butler's parser meets in an expression that is beyond it, in words: its own are those of Python."""
    if isinstance(error, RecursionError):
        return Error(
            code="bad_query",
            message="the expression has more parts than the registry can take",
            where="where",
            hint="ask in several queries, or write 'visit in (1, 2, ...)' instead of many 'or'",
        )
    if isinstance(error, OverflowError):
        return Error(code="bad_query", message="a number is too large for the registry", where="where")
    hint = "comparisons, 'and', 'or', 'not', 'in (...)' and ranges such as 1..9 are understood"
    return Error(code="bad_query", message="the registry cannot read the expression", where="where", hint=hint)


def _words(error: Exception) -> str:
    # The text of a KeyError is the repr of its argument: quotes and all.
    return str(error.args[0] if error.args else error)


def _of_database(text: str) -> Error:
    if _BUSY.search(text):
        return Error(
            code="busy",
            message="the repository's database is locked by another process",
            where="repo",
            retryable=True,
            hint="try again in a moment",
        )
    return Error(
        code="repository_failed",
        message="the repository's database cannot be read",
        where="repo",
        retryable=True,
        hint="the daemon's log has the database's own words",
    )


def _of_system(error: OSError) -> Error:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Error(code="storage_full", message="the pixel directory is full", retryable=True)
    return Error(code="unreadable_file", message=f"the file cannot be read ({error.strerror or type(error).__name__})")


def _in_context(error: Error, asked: Asked | None, known: Known | None) -> Error:
    if asked is None or known is None:
        return error
    if match := _MISSING_GOVERNOR.search(error.message):
        return _without_governor(error, match["governor"], asked, known)
    if error.where == "where" and "==" in getattr(asked, "where", "") and "parse" in error.message:
        return _with(error, hint="one '=' compares: visit = 23718")
    if error.code == "unknown_dataset_type":
        names = known.dataset_types()
        otherwise = f"there are {some(names)}" if names else "the repository has no dataset types"
        return _with(error, hint=near(asked.dataset_type, names, otherwise=otherwise))
    if error.code == "unknown_collection":
        return _unknown_collection(error, asked, known)
    if match := _FIELD.search(error.message):
        fields = known.fields(match["element"])
        few = f"{match['element']} has {some(fields)}" if fields else ""
        return _with(error, hint=near(match["name"], fields, otherwise=few))
    if match := _UNRECOGNIZED.search(error.message):
        return _unrecognized_error(error, match["name"], asked, known)
    return error


def _without_governor(error: Error, governor: str, asked: Asked, known: Known) -> Error:
    values = known.governors(governor)
    if len(values) == 1:
        hint = f"add {governor}={values[0]!r}"
    else:
        hint = f"add {governor}=..., one of {some(values)}" if values else f"this repository has no {governor}"
    where = "where" if getattr(asked, "where", "") else "data_id"
    return _with(error, where=where, hint=hint)


def _unknown_collection(error: Error, asked: Asked, known: Known) -> Error:
    match = _QUOTED.search(error.message)
    name = match["name"] if match else ", ".join(asked.collections)
    options = known.collections()
    return _with(error, hint=near(name, options, otherwise=f"there are {some(options)}"))


def _unrecognized_error(error: Error, name: str, asked: Asked, known: Known) -> Error:
    where = error.where
    if any(key.lstrip("-") == name for key in getattr(asked, "order_by", ())):
        where = "order_by"
    elif name in asked.data_id:
        where = f"data_id.{name}"
    return _with(error, where=where, hint=near(name, known.dimensions()))


def _with(error: Error, *, where: str | None = None, hint: str = "") -> Error:
    return Error(
        code=error.code,
        message=error.message,
        where=error.where if where is None else where,
        retryable=error.retryable,
        hint=hint or error.hint,
    )
