"""Between typed messages and MessagePack bytes. Never pickle, never objects by name."""

from __future__ import annotations

import re
from typing import Any, Final

import msgpack
import msgspec

from mtv.wire.errors import Error, RequestError
from mtv.wire.message import Message
from mtv.wire.messages import Reply
from mtv.wire.requests import Request
from mtv.wire.steps import Step

_PATH: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_UNKNOWN_TAG: Final = re.compile(r"Invalid value '(?P<tag>[^']*)'")


def encode(message: Message | Step) -> bytes:
    """Pack a message's body."""
    packed: bytes = msgpack.packb(msgspec.to_builtins(message), use_bin_type=True)
    return packed


def encode_reply(reply: Reply) -> bytes:
    r"""Pack a reply's body, whatever its texts hold: what is no Unicode is told by escapes, as ``\xff``.

    Paths of the system may be no UTF-8; Python has them as surrogates, which MessagePack cannot hold.

    Parameters
    ----------
    reply : `Reply`
        Packed as `encode` packs it where it can be.

    Returns
    -------
    body : `bytes`

    Raises
    ------
    OverflowError, TypeError, ValueError
        It holds what MessagePack has no place for, such as an integer of more than 64 bits.
    """
    try:
        return encode(reply)
    except UnicodeEncodeError:
        packed: bytes = msgpack.packb(_printable(msgspec.to_builtins(reply)), use_bin_type=True)
        return packed


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return _printable_text(value)
    if isinstance(value, dict):
        return {_printable(key): _printable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(inner) for inner in value]
    return value


def _printable_text(text: str) -> str:
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return text.encode("utf-8", "backslashreplace").decode()


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
