"""The envelope: header | body | buffers, as ZeroMQ frames. The header's shape never changes.

A message is a list of frames: one fixed header, one MessagePack body, then raw buffers. The header says how long each
of the others is, so that a truncated or padded message is noticed before anything is decoded. A peer of another major
version can still read the header, and so refuse intelligibly.

Header, big-endian: ``magic 4s | major u8 | minor u8 | kind u8 | zero u8 | session 16s | sequence u64 | body u64 |
buffers u32``, then one ``u64`` per buffer.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from mtv.wire import version
from mtv.wire.errors import Error, RequestError
from mtv.wire.limits import Limits

MAGIC: Final = b"MTV\n"
_HEADER: Final = struct.Struct(">4sBBBB16sQQI")
HEADER_BYTES: Final = _HEADER.size

Buffer = bytes | bytearray | memoryview


class Kind(enum.IntEnum):
    """Kind of a message, known without reading its body."""

    REQUEST = 1
    RECEIPT = 2
    REPLY = 3
    ERROR = 4
    PROGRESS = 5
    EVENT = 6


class Header(NamedTuple):
    """The fixed header of a message."""

    major: int
    minor: int
    kind: int
    session: bytes
    """UUID of the client's session, 16 bytes."""
    sequence: int
    """Number of the request within its session, from 1; a reply repeats it.

    Hello and Bye are 0: they belong to a connection, not to the count of requests, and Hello is sent again on each.
    """
    body_bytes: int
    buffer_bytes: tuple[int, ...]

    @property
    def request_id(self) -> str:
        """``session-sequence``, as people and logs see it."""
        return f"{self.session.hex()}-{self.sequence}"


def pack(kind: Kind, session: bytes, sequence: int, body: bytes, buffers: Sequence[Buffer] = ()) -> list[Buffer]:
    """Build the frames of a message.

    Parameters
    ----------
    body : `bytes`
        MessagePack, from `mtv.wire.codec`.
    buffers : sequence of buffers
        C-contiguous raw bytes; they are not copied.
    """
    sizes = [memoryview(buffer).nbytes for buffer in buffers]
    head = _HEADER.pack(MAGIC, version.MAJOR, version.MINOR, kind, 0, session, sequence, len(body), len(sizes))
    return [head + struct.pack(f">{len(sizes)}Q", *sizes), body, *buffers]


def read_header(frame: Buffer) -> Header:
    """Read a header of any version.

    Raises
    ------
    RequestError
        ``bad_message`` where the bytes are no header.
    """
    view = memoryview(frame)
    if view.nbytes < HEADER_BYTES:
        raise _bad(f"the header has {view.nbytes} bytes, needs {HEADER_BYTES}")
    magic, major, minor, kind, _, session, sequence, body, count = _HEADER.unpack_from(view)
    if magic != MAGIC:
        raise _bad("the first bytes are not those of mtv")
    if view.nbytes != HEADER_BYTES + 8 * count:
        raise _bad(f"the header announces {count} buffers, its length does not fit")
    sizes = struct.unpack_from(f">{count}Q", view, HEADER_BYTES)
    return Header(major, minor, kind, session, sequence, body, sizes)


def check(header: Header, frames: Sequence[Buffer], limits: Limits) -> None:
    """Check a message's version, limits and sizes against its header, before its body is decoded.

    Parameters
    ----------
    frames : sequence of buffers
        All frames of the message, the header's own first.

    Raises
    ------
    RequestError
        ``unsupported_version``, ``too_large`` or ``bad_message``.
    """
    if header.major != version.MAJOR:
        raise RequestError(
            Error(
                code="unsupported_version",
                message=f"protocol {header.major}.{header.minor} is not spoken here, {version.MAJOR}.x is",
                where="header.major",
                hint="install the same major version of mtv on both sides",
            )
        )
    if header.kind not in Kind.__members__.values():
        raise _bad(f"kind {header.kind} is unknown", "header.kind")
    if header.body_bytes > limits.body_bytes:
        raise _too_large("body", header.body_bytes, limits.body_bytes)
    if len(header.buffer_bytes) > limits.buffers:
        raise _too_large("buffers", len(header.buffer_bytes), limits.buffers)
    if sum(header.buffer_bytes) > limits.buffer_bytes:
        raise _too_large("buffers", sum(header.buffer_bytes), limits.buffer_bytes)
    sizes = [memoryview(frame).nbytes for frame in frames[1:]]
    if sizes != [header.body_bytes, *header.buffer_bytes]:
        raise _bad("the frames do not have the sizes that the header announces")


def _bad(message: str, where: str = "header") -> RequestError:
    return RequestError(Error(code="bad_message", message=message, where=where))


def _too_large(where: str, size: int, limit: int) -> RequestError:
    return RequestError(Error(code="too_large", message=f"{size} is over the limit of {limit}", where=where))
