"""The lane to a DS9 of the user's: a killable worker process, and the only importer of pyds9.

It finds the DS9 and gives it the agent, which opens the channel; all else goes through that. It runs
``python -m mtvd.stage.window.lane`` behind `mtvd.host.children.Child`, because libxpa is not safe on threads, cannot be
interrupted, and may wait for as long as DS9 does. The process that started it owns the deadlines. DS9 is addressed by
the path of its socket where it has one, so that no name server is asked, and none is started.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import types
import warnings
from collections.abc import Iterable
from typing import Any, Final

from mtvd.host.children import HandlerFailure, serve

ENVIRONMENT: Final = {
    "XPA_METHOD": "local",
    "XPA_NSREGISTER": "false",
    "XPA_SHORT_TIMEOUT": "600",
    "XPA_LONG_TIMEOUT": "600",
    "PYDS9_NOXPANS": "1",
}
"""No name server: pyds9 starts one when it is imported, which inherits our descriptors and outlives us. Time-outs far
above every deadline: XPA's own end in a false success or in silence (ds9 facts, section 7)."""

_PR_SET_PDEATHSIG: Final = 1
"""Option of ``prctl`` that sets the signal which a process is sent when its parent dies."""


def _import_pyds9() -> Any:
    """Import pyds9 1.8.1 on Pythons that have no distutils, without numpy and astropy, which only its arrays need."""
    spawn = types.ModuleType("distutils.spawn")
    spawn.find_executable = shutil.which  # type: ignore[attr-defined]
    absent: dict[str, Any] = {"astropy": None, "astropy.io": None, "numpy": None, "pyfits": None}
    stand_ins = absent | {"distutils": types.ModuleType("distutils"), "distutils.spawn": spawn}
    before = {name: sys.modules.get(name) for name in stand_ins}
    sys.modules.update(stand_ins)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pyds9
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    pyds9.ds9_xpans = lambda: 0  # making a DS9 object asks for a name server again; a socket path needs none
    return pyds9


class Lane:
    """Calls that the parent may make in the worker process that speaks XPA."""

    def __init__(self) -> None:
        self._pyds9 = _import_pyds9()  # while DS9 starts: it takes a tenth of a second
        self._window: Any = None

    def connect(self, socket: str) -> str:
        """Connect to the DS9 that listens on a socket and return its version."""
        self._window = self._pyds9.DS9(socket, start=False, verify=False)
        return self.get("version")

    def find(self, title: str) -> list[str]:
        """Return the addresses of all DS9 of a title that the name server of our environment knows."""
        pyds9 = _import_pyds9()
        return exact(title, pyds9.ds9_targets(f"DS9:{title}") or [])

    def run(self, script: bytes) -> None:
        """Run a Tcl script."""
        self.set("tcl", script)

    def set(self, command: str, data: bytes) -> None:
        """Send a command with a buffer."""
        try:
            done = self._window.set(command, data)
        except ValueError as error:
            raise HandlerFailure(_words(str(error))) from None
        if done != 1:
            raise HandlerFailure("DS9 does not answer")

    def get(self, command: str) -> str:
        """Ask for a value; empty where DS9 has none."""
        try:
            answer = self._window.get(command)
        except TypeError:
            # pyds9 fails on the error text itself, and where DS9 is gone
            raise HandlerFailure(f"DS9 gave no answer to {command.partition(' ')[0]}") from None
        return answer if isinstance(answer, str) else ""


def exact(title: str, targets: Iterable[object]) -> list[str]:
    """Return the addresses of those that have a title: to XPA's name server brackets, stars and ``?`` are patterns."""
    found = (str(target).rpartition(" ") for target in targets)
    return [address for name, _, address in found if name.rstrip() == f"DS9:{title}"]


def _words(text: str) -> str:
    """Return DS9's own words without XPA's prefix and address."""
    line = text.strip().removeprefix("XPA$ERROR").strip()
    return line.rsplit(" (DS9:", 1)[0]


def _end_with_parent() -> None:
    """Have the kernel end this process when the daemon dies, even where it stands still or waits for DS9.

    Else it would give the agent of a dead daemon to a DS9 that the next one has attached to by then.
    """
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the daemon has gone")


def main() -> None:
    """Serve until standard input ends."""
    _end_with_parent()
    lane = Lane()
    serve({"find": lane.find, "connect": lane.connect, "run": lane.run})


if __name__ == "__main__":
    main()
