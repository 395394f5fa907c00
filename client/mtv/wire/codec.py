"""Between typed messages and MessagePack bytes. Never pickle, never objects by name."""

from __future__ import annotations

import re
from typing import Any, Final

import msgpack
import msgspec

from mtv.wire.errors import Error, RequestError
from mtv.wire.messages import Message, Reply, Request
from mtv.wire.steps import Step

_PATH: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_UNKNOWN_TAG: Final = re.compile(r"Invalid value '(?P<tag>[^']*)'")


def encode(message: Message | Step) -> bytes:
    """Pack a message's body."""
    packed: bytes = msgpack.packb(msgspec.to_builtins(message), use_bin_type=True)
    return packed


def decode_request(body: bytes | memoryview) -> Request:
    """Unpack and check a request.

    Raises
    ------
    RequestError
        ``bad_message`` for bytes that are no MessagePack map, ``unknown_type`` for a type nobody knows, ``bad_value``
        with the field's path for an ill-typed value. Nothing else is raised, whatever the bytes.
    """
    decoded: Request = _convert(_unpack(body), Request)
    return decoded


def decode_reply(body: bytes | memoryview) -> Reply:
    """Unpack and check a reply; raises as `decode_request` does."""
    decoded: Reply = _convert(_unpack(body), Reply)
    return decoded


def _unpack(body: bytes | memoryview) -> Any:
    try:
        return msgpack.unpackb(body, raw=False, strict_map_key=True, timestamp=0)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise RequestError(
            Error(code="bad_message", message="the body is not MessagePack", where="body", hint=type(error).__name__)
        ) from None


def _convert(value: Any, kind: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise RequestError(Error(code="bad_message", message="the body is no map with a type", where="type"))
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        raise _refusal(str(error)) from None


def _refusal(text: str) -> RequestError:
    match = _PATH.search(text)
    path = match["path"] if match else ""
    message = text[: match.start()] if match else text
    unknown = _UNKNOWN_TAG.match(message)
    if unknown and path.endswith("type"):
        return RequestError(
            Error(code="unknown_type", message=f"there is no {unknown['tag'][:40]!r} message", where=path)
        )
    return RequestError(Error(code="bad_value", message=message, where=path))
