"""What DS9 says of every frame, asked by ``xpaset`` alone; see `chaos.window`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

from chaos import window

from crowd.compare import Frame
from crowd.model import number_at

_LOOK_SECS: Final = 60.0

_LOOK: Final = """
winfo pointerxy .
foreach which $::ds9(frames) {
    array unset cell
    catch {$which get data physical fk5 1 1 1 1 cell}
    puts $f "frame [string range $which 5 end] [$which has fits] [$which get mask count]"
    puts $f "zoom [lindex [$which get zoom] 0]"
    puts $f "limits [lrange [$which get clip] 0 1]"
    puts $f "stretch [$which get colorscale]"
    puts $f "serial [lindex [array get cell] 1]"
    puts $f "size [$which get fits size]"
    puts $f "label [$which get fits header keyword 'OBJECT']"
    puts $f "colormap [${which}cb get name]"
    puts $f "transparency [$which get mask transparency]"
    puts $f [$which marker list ds9 physical fk5 degrees no]
}
"""

_REGION: Final = re.compile(r"(?:# )?(?:circle|segment|point)\(([-\d.]+),([-\d.]+)[^)]*\)(?:.*tag=\{([^}]*)\})?")


def look(runtime: Path) -> dict[int, Frame]:
    """Return all frames of the window by their numbers.

    Raises
    ------
    NoAnswer
        There is no DS9, or it does not answer.
    """
    return read(window.ask(runtime, _LOOK, within_secs=_LOOK_SECS)[1])


def read(text: str) -> dict[int, Frame]:
    """Read what the script has written."""
    frames: dict[int, Frame] = {}
    frame = Frame()
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "frame":
                number, has_image, masks = rest.split()
                frame = frames[int(number)] = Frame(has_image=has_image == "1", masks=int(masks))
            case "zoom":
                frame.zoom = float(rest)
            case "limits":
                low, high = rest.split()
                frame.limits = float(low), float(high)
            case "stretch":
                frame.stretch = rest
            case "serial":
                frame.serial = float(rest) if rest else None
            case "size":
                width, height = rest.split()
                frame.size = int(width), int(height)
            case "label":
                frame.label = rest
            case "colormap":
                frame.colormap = rest
            case "transparency":
                frame.transparency = float(rest)
            case _ if found := _REGION.match(line):
                x, y = float(found[1]) - 1, float(found[2]) - 1
                number_or_none = number_at(x, y)
                marker = -1 if number_or_none is None else number_or_none
                frame.marks.setdefault(found[3] or "", Counter())[marker] += 1
    return frames
