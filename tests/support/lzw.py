"""Files as ``compress`` writes them (``.Z``): LZW with codes of 9 to 16 bits. ``gzip -d`` is the proof of it."""

from __future__ import annotations

from typing import Final

_HEAD: Final = b"\x1f\x9d\x90"
"""Codes of up to 16 bits, and one of them set aside for clearing the dictionary."""
_FIRST: Final = 257
_MOST_BITS: Final = 16


def compressed(content: bytes) -> bytes:
    """Return what ``compress`` makes of some bytes; the dictionary is never cleared."""
    known = {bytes([byte]): byte for byte in range(256)}
    packed, bits, free = bytearray(_HEAD), 9, _FIRST
    group: list[int] = []

    def write() -> None:
        """Write codes that have one width: eight of them fill whole bytes."""
        number = sum(code << (bits * place) for place, code in enumerate(group))
        packed.extend(number.to_bytes((len(group) * bits + 7) // 8, "little"))
        group.clear()

    prefix = b""
    for byte in content:
        longer = prefix + bytes([byte])
        if longer in known:
            prefix = longer
            continue
        group.append(known[prefix])
        if free < 1 << _MOST_BITS:
            known[longer] = free
            free += 1
        prefix = longer[-1:]
        if len(group) == 8:
            write()
        if free > 1 << bits and bits < _MOST_BITS:
            assert not group, "codes grow where eight of them are whole, for else whoever reads passes some over"
            bits += 1
    if prefix:
        group.append(known[prefix])
    write()
    return bytes(packed)
