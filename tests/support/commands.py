"""Answers of a scripted daemon to the ``mtv`` command, and what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mtv.testing import ScriptedDaemon, Seen
from mtv.wire import messages as ms
from mtv.wire.errors import Code, Error, exception_for


def only_step(daemon: ScriptedDaemon) -> Any:
    (step,) = daemon.steps
    return step


def error(code: Code, where: str = "", hint: str = "") -> Exception:
    return exception_for(Error(code=code, message="it went wrong", where=where, hint=hint))


def raising(problem: Exception) -> Callable[[Seen], ms.Reply]:
    def answer(_seen: Seen) -> ms.Reply:
        raise problem

    return answer
