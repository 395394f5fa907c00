"""The frames of the journal's file: records that are found again behind a damaged one. Pure.

A record is ``magic 4s | version u16 | file 8s | index u32 | size u32 | crc32 of the body u32 | crc32 of the head u32``
and its body, big-endian. All records of a file bear the same random ``file``, so that nothing within a body passes for
a record, and count from 0, so that it shows how many are missing. A record that was not written to its end, because
the process was killed or there was no space, is the last of the file or is followed by one with the same index: it
never was, and is not called damaged.

The format before this one had ``size u32 | crc32 u32`` in front of each body. It is still read, up to the first
damaged record; behind that one nothing can be found in it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

VERSION: Final = 2
"""Version of the records' content; a release that writes other content raises it."""
_MAGIC: Final = b"\xf6MJ\n"
_HEAD: Final = struct.Struct(">4sH8sIII")
_CHECK: Final = struct.Struct(">I")
HEAD_BYTES: Final = _HEAD.size + _CHECK.size
_OLD_HEAD: Final = struct.Struct(">II")


class Reading(NamedTuple):
    """Records of one file."""

    bodies: tuple[bytes | int, ...]
    """Bodies of the records, in their order; a number *n* in place of *n* records that are missing or damaged."""
    version: int
    """Version of the records: 1 for the format before this one, 0 where there is not even the head of a record."""


class _Head(NamedTuple):
    version: int
    file: bytes
    place: int
    size: int
    checksum: int


def pack(body: bytes, file: bytes, index: int) -> bytes:
    """Return a record.

    Parameters
    ----------
    body : `bytes`
        What it says.
    file : `bytes`
        Eight random bytes, the same for all records of a file.
    index : `int`
        Its place in the file, from 0.
    """
    head = _HEAD.pack(_MAGIC, VERSION, file, index, len(body), zlib.crc32(body))
    return head + _CHECK.pack(zlib.crc32(head)) + body


def read(data: bytes) -> Reading:
    """Return the records of a file, whatever has happened to it."""
    first = next(_heads(data, 0), None)
    if first is None:
        return _read_old(data)
    _, head = first
    if head.version != VERSION:
        return Reading((1,), head.version)
    bodies: list[bytes | int] = []
    expected = 0
    end = 0
    """Offset behind the last record that is whole."""
    for position, found in _heads(data, 0):
        if found.file != head.file or found.version != VERSION or position < end:
            continue
        body = data[position + HEAD_BYTES : position + HEAD_BYTES + found.size]
        if len(body) < found.size or zlib.crc32(body) != found.checksum or found.place < expected:
            continue
        if found.place > expected:
            bodies.append(found.place - expected)
        bodies.append(body)
        expected = found.place + 1
        end = position + HEAD_BYTES + found.size
    if _is_damaged(data[end:]):
        bodies.append(1)
    return Reading(tuple(bodies), VERSION)


def _heads(data: bytes, start: int) -> Iterator[tuple[int, _Head]]:
    """Find all places that look like the beginning of a record."""
    while (start := data.find(_MAGIC, start)) >= 0:
        head = _head_at(data, start)
        if head is not None:
            yield start, head
        start += 1


def _head_at(data: bytes, position: int) -> _Head | None:
    if position + HEAD_BYTES > len(data):
        return None
    (check,) = _CHECK.unpack_from(data, position + _HEAD.size)
    if zlib.crc32(data[position : position + _HEAD.size]) != check:
        return None
    return _Head(*_HEAD.unpack_from(data, position)[1:])


def _is_damaged(tail: bytes) -> bool:
    """Tell whether what follows the last whole record was a whole one once: no torn one is that long."""
    if len(tail) < HEAD_BYTES:
        return False
    head = _head_at(tail, 0)
    return head is None or len(tail) >= HEAD_BYTES + head.size


def _read_old(data: bytes) -> Reading:
    bodies: list[bytes | int] = []
    position = 0
    while position + _OLD_HEAD.size <= len(data):
        size, checksum = _OLD_HEAD.unpack_from(data, position)
        body = data[position + _OLD_HEAD.size : position + _OLD_HEAD.size + size]
        if len(body) < size or zlib.crc32(body) != checksum:
            break
        bodies.append(body)
        position += _OLD_HEAD.size + size
    if not bodies:
        return Reading((1,), 0)
    if position < len(data):
        bodies.append(1)
    return Reading(tuple(bodies), 1)
