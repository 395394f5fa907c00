"""libxpa as a C program uses it: a handle opened once, commands sent with it; ``lsst.display.ds9`` wraps it."""

from __future__ import annotations

import ctypes


class Handle:
    """A client handle for one target."""

    def __init__(self, target: str) -> None:
        self._library = ctypes.CDLL("libxpa.so.1")
        self._library.XPAOpen.restype = ctypes.c_void_p
        self._library.XPAOpen.argtypes = [ctypes.c_char_p]
        self._library.XPASet.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.c_int,
        ]
        self._target = target.encode()
        self._handle = self._library.XPAOpen(b"w")

    def set(self, command: str, data: bytes = b"") -> str:
        """Send a command and return DS9's complaint, empty where it has none."""
        messages = (ctypes.c_char_p * 1)()
        size = len(data)
        sent = self._library.XPASet(self._handle, self._target, command.encode(), b"", data, size, None, messages, 1)
        if sent == 0:
            return "no such target"
        return (messages[0] or b"").decode(errors="replace").strip()
