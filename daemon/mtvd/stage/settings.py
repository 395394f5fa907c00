"""Settings of the DS9 window. Read by the stage alone; the configuration file fills them in."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_TITLE: Final = re.compile(r"[A-Za-z0-9_-]{1,24}")
_OWN_TITLE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SCREEN: Final = re.compile(r"[0-9]{3,5}x[0-9]{3,5}", re.ASCII)
_X_DISPLAY: Final = re.compile(r"[A-Za-z0-9._:/-]{1,100}")


class StageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the DS9 window."""

    ds9: str = "ds9"
    """Command that starts DS9: a name on the path, or a path."""
    xvfb: str = "Xvfb"
    """Command that starts the virtual screen."""
    title: str = "mtv"
    """Title of the window: letters, digits, ``_`` and ``-``, 24 at most."""
    window: str = "auto"
    """``auto`` takes the daemon's X display, then the clients', then a virtual screen; ``headless`` always takes a
    virtual screen; anything else is an X display such as ``:0``."""
    attach: str = ""
    """Title of a DS9 that the user runs and that is drawn in instead of one of ours; it is never closed. Empty for
    one of ours. Start it with ``XPA_METHOD=local ds9 -title NAME``."""
    width_px: int = 1000
    """Width of the whole window at start."""
    height_px: int = 850
    """Height of the whole window at start, buttons and panels included; the image area is about 680 of 850."""
    screen: str = "2560x1600"
    """Width and height of the virtual screen at first, 16000 each at most. It takes 4 bytes of memory a pixel, shown or
    not. Where ``mtv arrange --size`` needs more the window opens anew on a larger one, of 64 million pixels at most."""
    keep_window: bool = False
    """True leaves the window open where the daemon stops in order."""
    start_deadline_secs: float = 60.0
    """How long DS9 may take to answer after its start."""
    command_deadline_secs: float = 10.0
    """How long any command may take, on top of five times what it is expected to take. Two seconds killed healthy
    windows on a machine with eight times as many busy processes as cores."""
    stable_secs: float = 10.0
    """A window that lived this long has recovered: the next restart is the first again."""
    backoff_max_secs: float = 30.0
    """Longest pause between restarts of a window that dies again and again; the first two have none."""

    def __post_init__(self) -> None:
        if not _TITLE.fullmatch(self.title):
            raise ValueError("title: letters, digits, _ and - only, 24 at most")
        if self.attach and not _OWN_TITLE.fullmatch(self.attach):
            raise ValueError("attach: the title of a DS9, of letters, digits, _ . and -, 64 at most")
        if not _X_DISPLAY.fullmatch(self.window):
            raise ValueError("window: auto, headless, or an X display such as :0")
        if not (200 <= self.width_px <= 16000 and 200 <= self.height_px <= 16000):
            raise ValueError("width_px, height_px: 200 to 16000")
        if not _SCREEN.fullmatch(self.screen) or not all(200 <= side <= 16000 for side in self.screen_px):
            raise ValueError("screen: WIDTHxHEIGHT, as in 2560x1600, 200 to 16000 each")
        if min(self.start_deadline_secs, self.command_deadline_secs, self.stable_secs, self.backoff_max_secs) <= 0:
            raise ValueError("deadlines and pauses must be positive")

    @property
    def screen_px(self) -> tuple[int, int]:
        """Width and height of the virtual screen as numbers."""
        width, height = self.screen.split("x")
        return int(width), int(height)
