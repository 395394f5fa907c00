"""Faults of the system, injected by number: the n-th call that touches a directory fails."""

from __future__ import annotations

import builtins
import contextlib
import functools
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
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
                self.calls.append(f"{name} {args[0]}")
                if self.failing(number):
                    raise OSError(self._code, os.strerror(self._code), str(args[0]))
            return real(*args, **options)

        stack.enter_context(mock.patch.object(module, name, call))

    def _names(self, path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._directory)

    def _holds(self, descriptor: Any) -> bool:
        try:
            return isinstance(descriptor, int) and str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith(
                self._directory
            )
        except OSError:
            return False
