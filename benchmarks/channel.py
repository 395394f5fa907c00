"""The fastest road into a DS9 that we know: two FIFOs that its Tcl opens, a line each way, and nothing around them.

The floors go this way, as our own daemon does. What it reproduces: one line of base64 a script, one line of base64 an
answer; no deadline, no check of anything.
"""

from __future__ import annotations

import base64
import os
import select
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.ds9 import Ds9

_PATIENCE_SECS: Final = 300.0
_READ_BYTES: Final = 1 << 16
_LISTEN: Final = """
proc floor_hear {} {
    while {[gets $::floor_in line] >= 0} {
        set code [catch {uplevel #0 [binary decode base64 $line]} result]
        puts $::floor_out "$code [binary encode base64 [encoding convertto utf-8 $result]]"
        flush $::floor_out
    }
    set ::errorInfo {}
}
set floor_in [open {%s} {RDWR NONBLOCK}]
set floor_out [open {%s} {RDWR NONBLOCK}]
foreach one [list $floor_in $floor_out] {fconfigure $one -blocking 0 -buffering full -buffersize 65536 -translation lf}
fileevent $floor_in readable floor_hear
"""


class Channel:
    """A channel to a DS9 of the benchmark's.

    Parameters
    ----------
    ds9 : `~benchmarks.ds9.Ds9`
        It is told to listen by XPA.
    """

    def __init__(self, ds9: Ds9) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="mtvbench-")
        paths = [Path(self._directory.name) / name for name in ("in", "out")]
        for path in paths:
            os.mkfifo(path, 0o600)
        ds9.tcl(_LISTEN % tuple(paths))
        self._requests = os.open(paths[0], os.O_WRONLY)
        self._answers = os.open(paths[1], os.O_RDONLY)

    def close(self) -> None:
        """Let go of the pipes; DS9 keeps its ends."""
        os.close(self._requests)
        os.close(self._answers)
        self._directory.cleanup()

    def tcl(self, script: str) -> str:
        """Run a script in DS9 and return its result.

        Raises
        ------
        RuntimeError
            DS9 refused it, or does not answer.
        """
        line = memoryview(base64.b64encode(script.encode()) + b"\n")
        while line:
            line = line[os.write(self._requests, line) :]
        answer = b""
        while not answer.endswith(b"\n"):
            if not select.select([self._answers], [], [], _PATIENCE_SECS)[0]:
                raise RuntimeError("DS9 does not answer")
            answer += os.read(self._answers, _READ_BYTES)
        code, _, body = answer.partition(b" ")
        result = base64.b64decode(body).decode()
        if code != b"0":
            raise RuntimeError(f"DS9 refused {script[:80]!r}: {result}")
        return result
