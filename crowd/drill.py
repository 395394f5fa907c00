"""The drill: members draw, faults come and go, and in the end the window is compared with what everybody was told."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import psutil
from chaos import window
from chaos.keeper import Keeper
from chaos.logbook import DONE, Request

import mtv
from crowd import cast, drawing, faults, garbage, leaks, looking, model, verdict
from crowd.crew import Crew, Told
from crowd.result import Result
from crowd.streams import chain
from mtv.wire.errors import MtvError

SYNC_SECS: Final = 60.0
_TURN_SECS: Final = 0.05
_SAMPLE_SECS: Final = 1.0


class Drill:
    """One run.

    Parameters
    ----------
    keeper : `~chaos.keeper.Keeper`
        Keeps the daemon running.
    crew : `Crew`
        The members.
    say : callable
        Told what happens, a line at a time.
    """

    def __init__(self, keeper: Keeper, crew: Crew, result: Result, say: Callable[[str], None]) -> None:
        self._keeper, self._crew, self._result, self._say = keeper, crew, result, say
        self._happened: list[verdict.Happened] = []
        self._running: tuple[cast.Fault, float, Callable[[], None]] | None = None
        self._most_bytes = 0
        self._sampled = 0.0

    def run(self, secs: float, planned: Sequence[cast.Fault]) -> None:
        """Let the members draw for some time, with faults, and see what has become of it."""
        self._open()
        before = leaks.held(self._keeper.pid)
        began = time.monotonic()
        self._crew.start()
        all_there = time.monotonic()
        try:
            self._go_on(began, secs, list(planned))
        finally:
            self._end_fault()
        last = time.monotonic()
        self._result.load, self._result.cores = os.getloadavg()[0], os.cpu_count() or 0
        self._result.secs = last - began
        self._crew.end({"hand"})
        self._crew.end()
        self._judge(before, all_there, last)

    def _open(self) -> None:
        """Have a window and an open repository before anything is counted."""
        with mtv.connect(self._keeper.endpoint) as connection:
            first = mtv.Display("first", connection=connection)
            first.mtv(np.zeros((64, 64), np.float32))
            list(mtv.Repository(connection=connection, instrument="HSC").query("calexp", collections=chain()))
            first.delete()
            connection.sync()

    def _go_on(self, began: float, secs: float, planned: list[cast.Fault]) -> None:
        while (now := time.monotonic()) < began + secs:
            self._crew.turn()
            if self._running is not None and now > self._running[1] + self._running[0].secs:
                self._end_fault()
            elif self._running is None and planned and now > began + planned[0].after_secs:
                self._begin_fault(planned.pop(0))
            if now > self._sampled + _SAMPLE_SECS:
                self._sampled = now
                self._sample()
            time.sleep(_TURN_SECS)

    def _begin_fault(self, fault: cast.Fault) -> None:
        self._running = (fault, time.monotonic(), faults.begin(fault.kind, self._keeper))
        self._result.faults[fault.kind] += 1

    def _end_fault(self) -> None:
        if self._running is None:
            return
        fault, began, end = self._running
        self._running = None
        end()
        ended = time.monotonic()
        self._happened.append(verdict.Happened(kind=fault.kind, began=began, ended=ended))
        self._say(f"     {fault.kind} for {ended - began:.1f} s")

    def _sample(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended, which is told elsewhere
            self._most_bytes = max(self._most_bytes, psutil.Process(self._keeper.pid).memory_info().rss)

    # Afterwards

    def _judge(self, before: leaks.Held, first: float, last: float) -> None:
        result, told = self._result, self._crew.told()
        result.members, result.deaths = self._crew.size, self._crew.deaths
        result.outcomes = Counter(one.outcome or "unknown" for one in told.requests)
        result.acknowledged = sum(len(one.ops) for one in told.requests if one.outcome == DONE)
        result.did = told.did
        result.add("hung", self._crew.hung)
        result.add("failed", self._crew.failed)
        if self._keeper.starts > 1:
            result.add("ended", [f"the daemon ended {self._keeper.starts - 1} times"])
        result.add("refused", verdict.refusals(told.requests, told.seen, self._happened))
        result.add("unanswered", verdict.unanswered(told.requests, cast.DYING))
        superseded = model.unexplained(told.requests)
        result.add("superseded", [f"{one.client}: request {one.number} by nothing" for one in superseded])
        log = self._keeper.log.read_text(errors="replace")
        result.add("logged", verdict.logged_errors(log, self._happened, time.time() - time.monotonic()))
        took = verdict.calm(told.took, self._happened, first, last)
        result.small_requests = len(took)
        result.p50_secs, result.p99_secs = verdict.percentile(took, 50), verdict.percentile(took, 99)
        result.slowest_secs = took[-1] if took else None
        try:
            displays = self._compare(told)
        except (MtvError, window.NoAnswer) as error:
            result.add("window", [f"it cannot be looked at: {error}"])
            displays = 0
        result.add("left", leaks.left(before, self._keeper.pid, self._keeper.runtime, self._keeper.pixels, displays))
        after = leaks.held(self._keeper.pid)
        result.descriptors = before.descriptors, after.descriptors
        result.memory_mb = before.bytes / 1e6, max(self._most_bytes, after.bytes) / 1e6, after.bytes / 1e6

    def _compare(self, told: Told) -> int:
        """Look at the window when all is on it; return how many displays there are."""
        with mtv.connect(self._keeper.endpoint, timeout_secs=SYNC_SECS) as connection:
            connection.sync(SYNC_SECS)
            report = connection.status()
        frames = looking.look(self._keeper.runtime)
        numbers = {one.name: one.number for one in report.displays if one.exists and one.name}
        untouched = (number for number in drawing.BY_HAND if not _is_drawn(number, told.requests))
        loose = (garbage.STRAY, *told.made, *untouched)
        found = verdict.compare(told.requests, frames, numbers, drawing.SHARED, loose)
        result = self._result
        result.displays, result.lost, result.surplus = found.displays, found.lost, found.surplus
        result.add("window", found.words)
        result.sessions_left = len(report.sessions) - 1
        return len(report.displays)


def _is_drawn(number: int, requests: Sequence[Request]) -> bool:
    return any(op["display"] == number for one in requests for op in one.ops)


def settings(repository: Path) -> str:
    """Return what the daemon is told besides where it is."""
    return f'[repositories]\nuse_index = false\n[repositories.aliases]\ndemo = "{repository}"\n'
