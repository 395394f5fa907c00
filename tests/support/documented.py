"""Documentation of what users call: the callables of ``mtv.__all__``, and the sections of their docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Final

import mtv


def public() -> dict[str, Callable[..., Any]]:
    """Return what users call: functions, classes, and the public methods that classes of ours give them."""
    found: dict[str, Callable[..., Any]] = {}
    for name in mtv.__all__:
        thing = getattr(mtv, name)
        if not callable(thing):
            continue
        found[name] = thing
        if inspect.isclass(thing) and not issubclass(thing, Exception):
            methods = inspect.getmembers(thing, lambda member: callable(member) and inspect.isroutine(member))
            ours = ((key, value) for key, value in methods if not key.startswith("_") and _is_ours(value))
            found.update({f"{name}.{key}": value for key, value in ours})
    return found


def _is_ours(member: Any) -> bool:
    return str(getattr(member, "__module__", "")).split(".")[0] == "mtv"


PUBLIC: Final = public()


def sections_of(docstring: str) -> dict[str, str]:
    """Return the sections of a docstring in numpydoc's form, by their titles."""
    parts = re.split(r"^([A-Z]\w+(?: \w+)?)\n-{3,}\n", inspect.cleandoc(docstring), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(section: str) -> set[str]:
    """Return the names that a section has entries for; ``a, b : type`` has two."""
    entries = [line.partition(" : ")[0] for line in section.splitlines() if line and not line[0].isspace()]
    return {name.strip() for entry in entries for name in entry.split(",")}
