"""Room for the window: a virtual screen that is too small for an arrangement gives way to a larger one.

Xvfb has all memory of its screen from its start, and its RANDR makes it smaller, never larger (seen with that of Debian
12). So the window opens anew on another screen, and is drawn anew as after a crash. A screen of somebody else stays.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from mtvd.scene.actions import Arrange
from mtvd.stage.port import Batch
from mtvd.stage.talk.channel import ScriptFailed
from mtvd.stage.window.supervisor import Supervisor

LARGEST_PX: Final = 64_000_000
"""Pixels of a screen, at four bytes each; a larger one is made by the setting ``screen`` alone."""
_LONGEST_PX: Final = 16_000
"""Longest side, as of the setting; X ends at 32,767."""

Ask = Callable[[bytes], Awaitable[str]]


async def make_room(supervisor: Supervisor, batch: Batch, ask: Ask, settle: Callable[[Batch], Awaitable[None]]) -> None:
    """Return where the screen has room for what a batch arranges, or cannot have it; else open the window anew.

    Parameters
    ----------
    supervisor : `~mtvd.stage.window.supervisor.Supervisor`
        Of the window.
    batch : `~mtvd.stage.port.Batch`
        What is to be drawn.
    ask : callable
        Runs a script in DS9.
    settle : callable
        Called with the batch before the window goes: raises where the user has changed something that is not known yet.

    Raises
    ------
    WindowLost
        The window is gone; the next one has a screen that is large enough.
    """
    held = supervisor.held
    actions = (action for section in batch.sections for action in section.actions)
    sizes = [action.size for action in actions if isinstance(action, Arrange) and action.size]
    if held is None or not held.window.screen.xvfb_pid or not sizes:
        return
    wanted = max(width for width, _ in sizes), max(height for _, height in sizes)
    try:
        screen_width, screen_height, width, height = map(int, (await ask(b"::mtv::room\n")).split())
    except (ScriptFailed, ValueError):
        return  # the batch itself will fail, and say why
    if wanted[0] <= width and wanted[1] <= height:
        return
    larger = screen_width + max(wanted[0] - width, 0), screen_height + max(wanted[1] - height, 0)
    if max(larger) > _LONGEST_PX or larger[0] * larger[1] > LARGEST_PX:
        return  # DS9 tells how much there is
    await settle(batch)
    await supervisor.change_screen(larger)
