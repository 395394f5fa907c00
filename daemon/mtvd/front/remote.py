"""Rules for clients on other hosts: what they may ask for, what they are told, and how they get what is in files.

A path means nothing there, and says too much here; so what names one is refused, before anything moves, and what is
told has none.
"""

from __future__ import annotations

import mmap
import re
from typing import Any, Final, TypeVar

import msgspec

from mtv.wire import messages, reports, requests
from mtv.wire.data import Array, File
from mtv.wire.errors import Error, RequestError, within
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits
from mtvd.host import system
from mtvd.host.pixelstore import PixelStore

A_PATH: Final = "<a path on the daemon's host>"
"""Words that stand in texts for other hosts in place of a path or URI."""

_PATHS: Final = re.compile(
    r"""(?P<quote>['"`])~?/(?:(?!(?P=quote)).)+(?P=quote)"""  # a quoted path may have blanks
    r"""|(?<![\w.~/@%+-])~?/(?!/)[^\s'"`<>|:;,()\[\]{}]+"""
    r"""|\b(?!tcp:)[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'"`<>|,()\[\]{}]*"""
)
_Told = TypeVar("_Told", bound=msgspec.Struct)


def admit(request: requests.Request) -> requests.Request:
    """Return a request as it may be carried out for a client on another host.

    Raises
    ------
    RequestError
        ``forbidden``, naming the field: a file or a repository by path, an array in a pixel file, ``shutdown``.
    """
    if isinstance(request, requests.Hello):
        return msgspec.structs.replace(request, x_display="", xauthority="")
    if isinstance(request, requests.Shutdown):
        raise _forbidden("type", "the daemon is not stopped from another host", "on its own host: mtv down")
    _check(request)
    return request


def _check(value: msgspec.Struct) -> None:
    """Refuse whatever names a path, wherever it stands in a request."""
    if isinstance(value, File):
        hint = "read it on your host and show its pixels, or name a dataset of a repository"
        raise _forbidden("path", "files of the daemon's host are not read for other hosts", hint)
    for name in value.__struct_fields__:
        inner: Any = getattr(value, name)
        if isinstance(inner, msgspec.Struct):
            with within(name):
                _check(inner)
        elif isinstance(inner, tuple) and inner and isinstance(inner[0], msgspec.Struct):
            for index, one in enumerate(inner):
                with within(f"{name}[{index}]"):
                    _check(one)
        elif name == "repo" and "/" in inner:
            raise _forbidden(name, "repositories are named by alias from other hosts", "'mtv repos' lists them")
        elif name in {"file", "slots"} and inner:
            raise _forbidden(name, "pixel files are not shared with other hosts", "send the array in a buffer")


def hide_paths(answer: _Told) -> _Told:
    """Return a reply or an error without paths and URIs of the daemon's host; what was asked for as data stays.

    Parameters
    ----------
    answer : `msgspec.Struct`
        A reply, an event, or an `~mtv.wire.errors.Error`.

    Returns
    -------
    answer : `msgspec.Struct`
        Of the same type.
    """
    plain: _Told = _without_paths(answer)
    return plain


def _without_paths(value: Any) -> Any:
    if isinstance(value, str):
        return _PATHS.sub(A_PATH, value) if "/" in value else value
    if isinstance(value, messages.Rows | messages.Got | messages.Picture):
        return value
    if isinstance(value, reports.RepositoryInfo):
        value = msgspec.structs.replace(value, location="")
    elif isinstance(value, reports.Report):
        value = msgspec.structs.replace(value, endpoint="")
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        plain = {name: _without_paths(field) for name, field in fields.items()}
        changed = {name: field for name, field in plain.items() if field is not fields[name]}
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, tuple):
        return tuple(map(_without_paths, value))
    if isinstance(value, dict):
        return {name: _without_paths(inner) for name, inner in value.items()}
    return value


def carry(got: messages.Got, pixels: PixelStore, limits: Limits) -> tuple[messages.Got, list[Buffer]]:
    """Return an answer whose arrays are in buffers, one for each pixel file; the files are removed.

    Raises
    ------
    RequestError
        ``too_large`` where they are more than one message may hold.
    """
    names = list(dict.fromkeys(array.file for array in _arrays(got) if array.file is not None))
    try:
        size = sum(pixels.size_of(name) for name in names)
        if size > limits.buffer_bytes or len(names) > limits.buffers:
            raise RequestError(
                Error(
                    code="too_large",
                    message=f"{size} bytes are over the limit of {limits.buffer_bytes}",
                    where="target",
                    hint="get a part: bbox, a component, columns, or select",
                )
            )
        buffers: list[Buffer] = [_map(pixels, name) for name in names]
    finally:
        pixels.remove(names)
    return _move(got, {name: index for index, name in enumerate(names)}), buffers


def _arrays(got: messages.Got) -> list[Array]:
    exposure = [] if got.data is None else [got.data.image, got.data.mask, got.data.variance]
    columns = [] if got.catalog is None else [a for column in got.catalog.columns for a in (column.array, column.gaps)]
    return [array for array in (*exposure, *columns) if array is not None]


def _move(got: messages.Got, places: dict[str, int]) -> messages.Got:
    """Return an answer whose arrays are in buffers in place of files."""
    replace = msgspec.structs.replace

    def move(array: Array | None) -> Any:
        if array is None or array.file is None:
            return array
        return replace(array, file=None, buffer=places[array.file])

    if got.data is not None:
        names = ("image", "mask", "variance")
        got = replace(got, data=replace(got.data, **{name: move(getattr(got.data, name)) for name in names}))
    if got.catalog is not None:
        columns = tuple(
            replace(column, array=move(column.array), gaps=move(column.gaps)) for column in got.catalog.columns
        )
        got = replace(got, catalog=replace(got.catalog, columns=columns))
    return got


def _map(pixels: PixelStore, name: str) -> memoryview:
    with pixels.open_file(name) as file, system.translate_refusals("a pixel file cannot be mapped"):
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _forbidden(where: str, message: str, hint: str) -> RequestError:
    return RequestError(Error(code="forbidden", message=message, where=where, hint=hint))
