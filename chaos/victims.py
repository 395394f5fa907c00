"""Whom faults hit, and what is left behind: processes and files, found by what they are, never by the daemon's word."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import psutil

from chaos import window

KINDS: Final = ("ds9", "xvfb", "daemon")
_LEAVING_SECS: Final = 5.0
_SPARES_MOST: Final = 12
"""Layers of a display for other zooms: three sorts of cells, of four colours."""


def find(kind: str, runtime: Path, daemon_pid: int) -> int | None:
    """Return the process id of a victim; None where there is none just now."""
    if kind == "daemon":
        return daemon_pid
    if kind == "ds9":
        found = window.find(runtime)
        return found[0] if found else None
    for process in psutil.process_iter(["pid", "name", "cmdline", "status"]):
        facts = process.info
        ours = f"{runtime}/window/" in " ".join(facts["cmdline"] or [])
        if ours and "Xvfb" in facts["name"] and facts["status"] != psutil.STATUS_ZOMBIE:
            return int(facts["pid"])
    return None


def left_processes(runtime: Path) -> list[str]:
    """Return the processes that still belong to a runtime directory some seconds after the end, and end them."""
    left = [process for process in psutil.process_iter() if _belongs(process, runtime)]
    _, left = psutil.wait_procs(left, timeout=_LEAVING_SECS)
    words = []
    for process in left:
        with contextlib.suppress(psutil.Error):
            words.append(f"process {process.pid} {' '.join(process.cmdline())[:200]}")
            process.kill()
    return words


def _belongs(process: psutil.Process, runtime: Path) -> bool:
    try:
        if process.pid == psutil.Process().pid or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return str(runtime) in " ".join(process.cmdline())
    except psutil.Error:
        return False


def left_files(runtime: Path, pixels: Path) -> list[str]:
    """Return what is left of windows and pixels after an orderly end."""
    left = [
        *runtime.glob("window/w-*"),
        *runtime.glob("window/state.json"),
        *pixels.glob("*.fits"),
        *pixels.glob("*.raw"),
    ]
    return [f"file {path}" for path in left]


def unneeded_pixels(pixels: Path, ds9_pid: int, displays: int) -> list[str]:
    """Return files of the pixel directory, while all runs and rests, that nothing needs.

    An image or a colour layer is needed where DS9 maps it; so is the image of a stream of which DS9 maps a copy. Each
    display may have one mask of integers, and some layers for other zooms, and the daemon one nonce. Free files wait
    for the next image, for a while.
    """
    mapped = Path(f"/proc/{ds9_pid}/maps").read_text()
    names = [path.name for path in pixels.iterdir() if not path.name.startswith("free-")]
    spares = [name for name in names if name.startswith("spare-")]
    fits = [name for name in names if name.endswith(".fits") and name not in spares and name not in mapped]
    copied = sum(name.startswith("shown-") and name in mapped for name in names)
    raw = [name for name in names if name.endswith(".raw")]
    return [f"pixels {name}" for name in [*fits[copied:], *raw[displays + 1 :], *spares[_SPARES_MOST * displays :]]]
