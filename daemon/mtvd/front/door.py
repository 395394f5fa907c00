"""The door: who may reach the daemon over TCP, asked at each handshake and again with each request.

libzmq asks by ZAP (ZeroMQ RFC 27), over an in-process socket that this module answers. A client is known by its public
key alone; the keys that are let in are read anew each time, so that a key is revoked by removing its file.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mtv.shared import keys
from mtv.wire.frames import Buffer
from mtvd.front.zsocket import PeerGone, RouterSocket

ZAP_ENDPOINT: Final = "inproc://zeromq.zap.01"
"""Address at which libzmq asks whether a key may connect."""

_LOG = logging.getLogger(__name__)
_VERSION: Final = b"1.0"


class Door:
    """Answers libzmq, and tells of a key whether it is let in.

    Parameters
    ----------
    socket : `RouterSocket`
        Bound at `ZAP_ENDPOINT`, before any socket with keys is.
    place : `~pathlib.Path`
        The directory of keys.
    """

    def __init__(self, socket: RouterSocket, place: Path) -> None:
        self._socket = socket
        self._place = place
        self._known: dict[str, str] = {}
        self._read_at = 0

    async def serve(self) -> None:
        """Answer until cancelled."""
        while True:
            asked = await self._socket.receive()
            try:
                self._socket.send(asked.route, self._answer(asked.frames))
            except PeerGone:
                _LOG.warning("a handshake was given up before it was decided")

    def close(self) -> None:
        """Close the socket: nobody is let in any more."""
        self._socket.close()

    def lets_in(self, key: str) -> bool:
        """Tell whether a key is let in still; the directory is read again where it has changed."""
        try:
            changed = (self._place / "authorised").stat().st_mtime_ns
        except FileNotFoundError:
            return False
        if changed != self._read_at:
            self._read(changed)
        return key in self._known

    def _read(self, changed: int) -> None:
        self._known = {key.decode(): name for key, name in keys.read_authorised(self._place).items()}
        self._read_at = changed

    def _answer(self, frames: Sequence[Buffer]) -> list[bytes]:
        fields = [bytes(frame) for frame in frames]
        if len(fields) < 3 or fields[1] != _VERSION:
            return _reply(b"", b"500", b"not ZAP 1.0")
        key = keys.in_base_85(fields[7]) if len(fields) == 8 and fields[6] == b"CURVE" and len(fields[7]) == 32 else ""
        self._read(0)
        if key not in self._known:
            _LOG.warning("not let in: key %s from %s", key or "none", fields[4].decode(errors="replace"))
            return _reply(fields[2], b"400", b"not authorised")
        _LOG.info("let in: %s from %s", self._known[key], fields[4].decode(errors="replace"))
        return _reply(fields[2], b"200", b"OK", key.encode())


def _reply(request: bytes, code: bytes, text: bytes, user: bytes = b"") -> list[bytes]:
    return [b"", _VERSION, request, code, text, user, b""]
