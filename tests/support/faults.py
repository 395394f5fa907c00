"""Faults of the system, injected by number: the n-th call that touches a directory fails."""

from __future__ import annotations

import builtins
import contextlib
import functools
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final
from unittest import mock

_BY_PATH: Final = (
    "open",
    "mkdir",
    "rmdir",
    "scandir",
    "listdir",
    "rename",
    "replace",
    "unlink",
    "link",
    "stat",
    "lstat",
    "statvfs",
    "chmod",
)
_BY_DESCRIPTOR: Final = ("write", "pwrite", "read", "fstat", "ftruncate", "posix_fallocate")
_DEPTH: Final = 3
"""Callers that tell one place from another."""


class Faults:
    """Counts the calls of the system that concern a directory, and lets some of them fail.

    Parameters
    ----------
    directory : `~pathlib.Path`
        Calls are counted that name a file in it, by path or by descriptor.
    code : `int`
        The error number of those that fail.
    """

    def __init__(self, directory: Path, code: int) -> None:
        self._directory = str(directory)
        self._code = code
        self.calls: list[str] = []
        """What was called, and from where in the project."""
        self.failing: Callable[[int], bool] = lambda _number: False
        """Told the number of each call, from 0; returns whether it fails."""

    @contextlib.contextmanager
    def injected(self) -> Iterator[None]:
        """Have the functions of `os`, and `open`, counted and failing."""
        with contextlib.ExitStack() as stack:
            for name in _BY_PATH:
                self._patch(stack, os, name, self._names)
            for name in _BY_DESCRIPTOR:
                self._patch(stack, os, name, self._holds)
            for module in (io, builtins):
                self._patch(stack, module, "open", self._names)
            yield

    def _patch(self, stack: contextlib.ExitStack, module: Any, name: str, concerns: Callable[[Any], bool]) -> None:
        real = getattr(module, name)

        @functools.wraps(real)
        def call(*args: Any, **options: Any) -> Any:
            if args and concerns(args[0]):
                number = len(self.calls)
                self.calls.append(f"{name} at {_site()}")
                if self.failing(number):
                    raise OSError(self._code, os.strerror(self._code), str(args[0]))
            return real(*args, **options)

        stack.enter_context(mock.patch.object(module, name, call))

    @property
    def sites(self) -> list[int]:
        """Numbers of the calls that came from a place for the first time, and for the last."""
        first = {site: number for number, site in reversed(list(enumerate(self.calls)))}
        last = {site: number for number, site in enumerate(self.calls)}
        return sorted({*first.values(), *last.values()})

    def _names(self, path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._directory)

    def _holds(self, descriptor: Any) -> bool:
        try:
            return isinstance(descriptor, int) and str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith(
                self._directory
            )
        except OSError:
            return False


def _site() -> str:
    """Return the innermost places in the project that a call comes from."""
    frame: FrameType | None = sys._getframe(2)
    places: list[str] = []
    while frame is not None and len(places) < _DEPTH:
        path = Path(frame.f_code.co_filename)
        if "mtvd" in path.parts or "mtv" in path.parts:
            places.append(f"{path.name}:{frame.f_lineno}")
        frame = frame.f_back
    return " < ".join(places)
