"""DS9 as the drill sees it: asked by ``xpaset`` itself, on the socket that it finds, and told to write into a file.

Nothing of the daemon is used or disturbed: no agent, no lane, no state file. A look that DS9 does not answer in time is
no look.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import numpy as np
from benchmarks.picture import decode

from chaos import palette
from chaos.compare import Frame

GLANCE_SECS: Final = 1.0
LOOK_SECS: Final = 20.0
PICTURE_SECS: Final = 60.0
_COLOURED_PX: Final = 200
"""A block of a mask has more at every zoom."""

_WRITE: Final = """
set f [open $path.new w]
{body}
close $f
file rename -force $path.new $path
"""

_GLANCE: Final = """
winfo pointerxy .
foreach which $::ds9(frames) {
    puts $f "frame [string range $which 5 end] [$which has fits] [$which get mask count] [$which get marker number]"
}
"""

_LOOK: Final = """
winfo pointerxy .
foreach which $::ds9(frames) {
    array unset cell
    catch {$which get data physical fk5 1 1 1 1 cell}
    puts $f "frame [string range $which 5 end] [$which has fits] [$which get mask count] [$which get marker number]"
    puts $f "zoom [lindex [$which get zoom] 0]"
    puts $f "limits [lrange [$which get clip] 0 1]"
    puts $f "stretch [$which get colorscale]"
    puts $f "serial [lindex [array get cell] 1]"
    puts $f [$which marker list ds9 physical fk5 degrees no]
}
"""

_PICTURE: Final = """
package require img::window
package require img::png
foreach which $::ds9(frames) {
    set transparency($which) [$which get mask transparency]
    $which mask transparency 0
    $which update now
}
update idletasks
winfo pointerxy .
SaveImage $path.png png
foreach which $::ds9(frames) {$which mask transparency $transparency($which)}
puts $f saved
"""
"""With masks of their own colours, of which nothing is seen through."""

_MARKER: Final = re.compile(r"(?:circle|point)\(([-\d.]+),([-\d.]+)[,)].*tag=\{([^}]*)\}")
"""A circle that is too small for the screen is drawn as a point."""


class NoAnswer(Exception):
    """There is no DS9, or it does not answer."""


def find(runtime: Path) -> tuple[int, Path] | None:
    """Return process id and socket of the one living DS9 below a runtime directory, or None."""
    for socket in runtime.glob("window/w-*/xpa/DS9_*.*"):
        pid = int(socket.suffix[1:])
        if is_alive(pid):
            return pid, socket
    return None


def is_alive(pid: int) -> bool:
    """Tell whether a process runs, or stands still; a dead one that nobody has reaped does neither."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def counts(runtime: Path) -> tuple[int, dict[int, tuple[bool, int, int]]]:
    """Return DS9's process id, and of each frame whether it has an image, its masks and its markers.

    Raises
    ------
    NoAnswer
        There is no DS9, or it does not answer.
    """
    pid, text = ask(runtime, _GLANCE, within_secs=GLANCE_SECS)
    lines = [line.split() for line in text.splitlines()]
    return pid, {int(line[1]): (line[2] == "1", int(line[3]), int(line[4])) for line in lines}


def look(runtime: Path) -> dict[int, Frame]:
    """Return all that can be asked of every frame, pictures left out.

    Raises
    ------
    NoAnswer
        As `counts`.
    """
    return _read(ask(runtime, _LOOK, within_secs=LOOK_SECS)[1])


def mask_colours(runtime: Path) -> set[str]:
    """Return the colours of masks that are seen in the frame in front, from a picture of the window.

    Raises
    ------
    NoAnswer
        As `counts`.
    """
    place = runtime / "drill"
    ask(runtime, _PICTURE, within_secs=PICTURE_SECS)
    pixels = decode(place.with_suffix(".png").read_bytes())
    return {name for name, rgb in palette.RGB.items() if np.count_nonzero((pixels == rgb).all(axis=2)) > _COLOURED_PX}


def ask(runtime: Path, body: str, *, within_secs: float) -> tuple[int, str]:
    """Return DS9's process id and what a Tcl script has written into the channel ``$f``.

    Raises
    ------
    NoAnswer
        As `counts`.
    """
    found = find(runtime)
    if found is None:
        raise NoAnswer("there is no DS9")
    pid, socket = found
    answer = runtime / "drill"
    answer.unlink(missing_ok=True)
    script = f"apply {{{{path}} {{{_WRITE.format(body=body)}}}}} {answer}"
    environ = os.environ | {
        "XPA_METHOD": "local",
        "XPA_NSREGISTER": "false",
        "XPA_TMPDIR": str(socket.parent),
        "XPA_SHORT_TIMEOUT": str(int(within_secs)),
        "XPA_LONG_TIMEOUT": str(int(within_secs)),
    }
    try:
        done = subprocess.run(
            ["xpaset", str(socket), "tcl"],
            input=script.encode(),
            capture_output=True,
            env=environ,
            timeout=within_secs,
            check=False,
        )
        return pid, answer.read_text()
    except subprocess.TimeoutExpired:
        raise NoAnswer("DS9 does not answer in time") from None
    except FileNotFoundError:
        raise NoAnswer(done.stderr.decode(errors="replace").strip() or "DS9 wrote nothing") from None


def _read(text: str) -> dict[int, Frame]:
    frames: dict[int, Frame] = {}
    frame = Frame()
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        values = rest.split()
        match word:
            case "frame":
                frame = frames[int(values[0])] = Frame(has_image=values[1] == "1", masks=int(values[2]))
            case "zoom":
                frame.zoom = float(rest)
            case "limits":
                frame.limits = float(values[0]), float(values[1])
            case "stretch":
                frame.stretch = rest
            case "serial":
                frame.serial = float(rest) if rest else None
            case _ if found := _MARKER.match(line):
                frame.marks.append(((float(found[1]) - 1, float(found[2]) - 1), found[3]))
    return frames
