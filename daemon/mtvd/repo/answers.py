"""Answers of workers as they travel: plain maps and lists, in which each ``file`` is the name of a pixel file. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class ReadAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Answer of a worker that was asked to read."""

    key: str = ""
    """Stands for what was read as long as it does not change; empty where it is as quickly read again."""
    value: Any = None
    """An `Exposure` or a `Got` in plain maps and lists; None where ``key`` is one that the asker has already."""


def files_of(answer: Any) -> set[str]:
    """Return the names of all pixel files that an answer speaks of."""
    if isinstance(answer, Mapping):
        named = {value for key, value in answer.items() if key == "file" and isinstance(value, str)}
        return named.union(*(files_of(value) for value in answer.values()))
    return set().union(*map(files_of, answer)) if isinstance(answer, list | tuple) else set()


def rename(answer: Any, names: Mapping[str, str]) -> Any:
    """Return an answer with other names for its files."""
    if isinstance(answer, Mapping):
        return {
            key: names.get(value, value) if key == "file" and isinstance(value, str) else rename(value, names)
            for key, value in answer.items()
        }
    return [rename(value, names) for value in answer] if isinstance(answer, list | tuple) else answer
