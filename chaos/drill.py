"""The drill: clients draw, faults come one after the other, and the picture is compared with what was acknowledged.

A fault is mended when DS9 itself shows every display again (image, mask, the markers that stay) and a drawing that was
asked for after the fault has been acknowledged. The next fault comes some random time later, at whatever the clients
and the daemon are doing then.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import mtv
from chaos import compare, model, palette, victims, window
from chaos.crew import Crew
from chaos.keeper import Keeper
from chaos.result import Recovery, Result
from chaos.schedule import KILL, STOP, Fault

CHECK_EVERY: Final = 10
"""Faults between two comparisons; the last comparison is at the end."""

MENDED_SECS: Final = 60.0
"""What is not mended by then is given up; the drill goes on."""

_POLL_SECS: Final = 0.02
_FIND_SECS: Final = 10.0
_SIGNALS: Final = {KILL: signal.SIGKILL, STOP: signal.SIGSTOP}


class Drill:
    """One run.

    Parameters
    ----------
    keeper : `Keeper`
        Keeps the daemon running.
    crew : `Crew`
        Draws.
    say : callable
        Told what happens, a line at a time.
    """

    def __init__(self, keeper: Keeper, crew: Crew, result: Result, say: Callable[[str], None]) -> None:
        self._keeper = keeper
        self._crew = crew
        self._result = result
        self._say = say

    def run(self, faults: list[Fault], until: float) -> None:
        """Let all faults happen, or as many as there is time for; compare now and then, and at the end."""
        if self._mended(time.monotonic(), 0) is None:
            raise RuntimeError("clients draw nothing, before any fault")
        for number, fault in enumerate(faults, 1):
            if time.monotonic() > until:
                self._result.problems.append(f"no time for faults {number} to {len(faults)}")
                break
            time.sleep(fault.pause_secs)
            self._strike(number, fault)
            if number % CHECK_EVERY == 0 and number < len(faults):
                self._check()
                self._crew.go()
        self._check()
        self._result.leaked += self._unneeded()

    def _strike(self, number: int, fault: Fault) -> None:
        pid = self._victim(fault.victim)
        if pid is None:
            self._result.problems.append(f"fault {number}: there was no {fault.victim} to {fault.action}")
            return
        shown_by = window.find(self._keeper.runtime)
        struck_at = time.monotonic()
        os.kill(pid, _SIGNALS[fault.action])
        dead = shown_by[0] if shown_by and fault.action == KILL and fault.victim in {"ds9", "xvfb"} else 0
        secs = self._mended(struck_at, dead)
        if secs is None and fault.action == STOP and window.is_alive(pid):
            os.kill(pid, signal.SIGCONT)
        self._result.recoveries.append(Recovery(victim=fault.victim, action=fault.action, secs=secs))
        self._say(f"{number:4} {fault.action} {fault.victim}: {'never mended' if secs is None else f'{secs:.2f} s'}")

    def _victim(self, kind: str) -> int | None:
        until = time.monotonic() + _FIND_SECS
        while (pid := victims.find(kind, self._keeper.runtime, self._keeper.pid)) is None:
            if time.monotonic() > until:
                return None
            time.sleep(_POLL_SECS)
        return pid

    def _mended(self, struck_at: float, dead: int) -> float | None:
        """Return the seconds until all is well again; None where that does not happen."""
        while time.monotonic() < struck_at + MENDED_SECS:
            # in this order, because a DS9 that is asked again and again while it starts takes longer to
            if self._crew.has_acknowledged(struck_at) and self._is_shown(dead):
                return time.monotonic() - struck_at
            time.sleep(_POLL_SECS)
        return None

    def _is_shown(self, dead: int) -> bool:
        try:
            pid, frames = window.counts(self._keeper.runtime)
        except window.NoAnswer:
            return False
        whole = {
            number
            for number, (has_image, masks, markers) in frames.items()
            if has_image and masks and markers >= palette.ANCHORS
        }
        return pid != dead and whole.issuperset(palette.DISPLAYS)

    def _check(self) -> None:
        """Let the clients rest and compare."""
        self._crew.pause()
        requests = self._crew.requests()
        seen = self._seen()
        verdict = compare.compare(model.fold(requests), seen)
        self._result.add(verdict, requests)
        self._say("     the picture is right" if verdict.equal else "     THE PICTURE IS WRONG")
        for words in verdict.words:
            self._say(f"     {words}")

    def _seen(self) -> dict[int, compare.Frame]:
        with mtv.connect(self._keeper.endpoint) as connection:
            colours = {}
            for number in palette.DISPLAYS:
                mtv.Display(number, connection=connection).show()
                colours[number] = window.mask_colours(self._keeper.runtime)
        seen = window.look(self._keeper.runtime)
        for number, found in colours.items():
            if number in seen:
                seen[number].colours = found
        return seen

    def _unneeded(self) -> list[str]:
        found = window.find(self._keeper.runtime)
        pixels = self._keeper.pixels
        return victims.unneeded_pixels(pixels, found[0], len(palette.DISPLAYS)) if found else []


def leftovers(runtime: Path, pixels: Path) -> list[str]:
    """Return the processes and files that outlive the orderly end of all."""
    return victims.left_processes(runtime) + victims.left_files(runtime, pixels)
