"""The X display of the window: one that exists, or a virtual screen (Xvfb) of our own.

A virtual screen lives as long as its DS9: it ends when its last client leaves (``-terminate``), so it can neither be
left behind nor be missing when a later daemon adopts the window. Only holders of its cookie may connect, because X
clients can type into windows.
"""

from __future__ import annotations

import os
import secrets
import shutil
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
import msgspec

from mtvd.stage.port import WindowUnavailable
from mtvd.stage.settings import StageSettings
from mtvd.stage.window.owned import Owned, spawn

_MARGIN_PX: Final = 100
_WILD: Final = 0xFFFF
"""Family of an Xauthority entry that fits every display."""


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """An X display and how to enter it."""

    x_display: str
    xauthority: str = ""
    """File with the cookie; empty leaves it to X."""
    headless: bool = False
    xvfb_pid: int = 0
    """Process of our own virtual screen; 0 where there is none."""
    xvfb_started: int = 0

    def environment(self) -> dict[str, str]:
        """Variables for X clients."""
        return {"DISPLAY": self.x_display} | ({"XAUTHORITY": self.xauthority} if self.xauthority else {})


def existing(settings: StageSettings, offered: tuple[str, str] | None) -> Screen | None:
    """Return the X display to use, or None where a virtual screen must serve.

    Parameters
    ----------
    offered : `tuple` [`str`, `str`] or None
        ``DISPLAY`` and ``XAUTHORITY`` of a client of the same user.
    """
    if settings.window == "headless":
        return None
    own = os.environ.get("DISPLAY", "")
    if settings.window != "auto":
        return Screen(x_display=settings.window, xauthority=os.environ.get("XAUTHORITY", ""))
    if own:
        return Screen(x_display=own, xauthority=os.environ.get("XAUTHORITY", ""))
    if offered:
        return Screen(x_display=offered[0], xauthority=offered[1])
    return None


def virtual_size(settings: StageSettings) -> tuple[int, int]:
    """Return width and height of the virtual screen in pixels: at least a little more than the window has at start."""
    width, height = settings.screen_px
    return max(width, settings.width_px + _MARGIN_PX), max(height, settings.height_px + _MARGIN_PX)


async def start_virtual(settings: StageSettings, directory: Path) -> Screen:
    """Start a virtual screen on a free display number that it chooses.

    Raises
    ------
    WindowUnavailable
        Xvfb is missing or did not start in time.
    """
    if shutil.which(settings.xvfb) is None:
        raise WindowUnavailable(
            f"there is no X display, and no {settings.xvfb} for a virtual one: sudo apt-get install xvfb"
        )
    xauthority = directory / "xauthority"
    xauthority.write_bytes(_cookie())
    xauthority.chmod(0o600)
    reader, writer = os.pipe()
    try:
        size = "{}x{}x24".format(*virtual_size(settings))
        options = ["-nolisten", "tcp", "-terminate", "-auth", str(xauthority)]
        command = [settings.xvfb, "-displayfd", str(writer), "-screen", "0", size, *options]
        log = directory / "xvfb.log"
        process = spawn(command, environment=os.environ, directory=directory, log=log, inherit=writer)
    finally:
        os.close(writer)
    try:
        number = await _read_number(reader, settings.start_deadline_secs)
    finally:
        os.close(reader)
    if not number:
        await process.kill()
        process.close()
        raise WindowUnavailable(f"{settings.xvfb} did not start: {last_words(log)}")
    process.close()
    return Screen(
        x_display=f":{number}",
        xauthority=str(xauthority),
        headless=True,
        xvfb_pid=process.pid,
        xvfb_started=process.started,
    )


async def end_virtual(screen: Screen) -> None:
    """End the virtual screen of a window that is gone; usually it has ended by itself."""
    if not screen.xvfb_pid:
        return
    with suppress(OSError):  # where the system does not let us: it ends with its last client
        process = Owned(screen.xvfb_pid, screen.xvfb_started)
        try:
            await process.end()
        finally:
            process.close()


def last_words(log: Path) -> str:
    """Return the end of what a process wrote, on one line."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return "no words left"
    return " / ".join(lines[-5:])[-500:] or "it wrote nothing"


def lost_connection(words: str) -> bool:
    """Tell whether an X client ended because its screen did: Xlib and Tk say so."""
    return any(mark in words for mark in ("fatal IO error", "X connection to", "X server"))


async def _read_number(reader: int, deadline_secs: float) -> str:
    text = b""
    with anyio.move_on_after(deadline_secs):
        while not text.endswith(b"\n"):
            await anyio.wait_readable(reader)
            piece = os.read(reader, 100)
            if not piece:
                return ""
            text += piece
        return text.decode().strip()
    return ""


def _cookie() -> bytes:
    """Return an Xauthority file with one cookie for any display."""
    parts = (b"", b"", b"MIT-MAGIC-COOKIE-1", secrets.token_bytes(16))
    return struct.pack(">H", _WILD) + b"".join(struct.pack(">H", len(part)) + part for part in parts)
