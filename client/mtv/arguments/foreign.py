"""Objects of other packages are known by the attributes that they have: nothing is imported, and nothing is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

_MISSING: Final = object()


def has(*names: str) -> Callable[[Any], bool]:
    """Return a function that tells whether an object has these attributes; it reads none of them, nor any pixels."""
    return lambda target: all(_has_one(target, name) for name in names)


def _has_one(target: Any, name: str) -> bool:
    if inspect.getattr_static(target, name, _MISSING) is not _MISSING:
        return True
    if not hasattr(type(target), "__getattr__"):
        return False
    try:
        return hasattr(target, name)  # one that stands for another object
    except Exception:  # noqa: BLE001 - of whatever package: what cannot be asked is not there
        return False


def in_its_own_words(error: BaseException) -> str:
    """Return what an exception of another package says, on one line that is not too long."""
    text = " ".join(str(error).split())[:200]
    return text if " " in text else f"{type(error).__name__}: {text}".removesuffix(": ")
