"""Notes that are told once a day: what was told last is remembered in the user's runtime or cache directory."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

_DAY_SECS: Final = 86_400.0
_NAME: Final = "told-today"


def is_news(note: str) -> bool:
    """Tell whether a note is to be told: another was told last, or this one a day ago; and remember it.

    Where nothing can be remembered no note is news: it would be told with every command, and ``mtv status`` has it.
    """
    try:
        file = _directory() / _NAME
        if file.is_file() and file.read_text("utf-8") == note and 0 <= time.time() - file.stat().st_mtime < _DAY_SECS:
            return False
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = file.with_name(f".{_NAME}.{os.getpid()}")
        partial.write_text(note, "utf-8")
        partial.replace(file)
    except (OSError, UnicodeError, RuntimeError):  # the last one where there is no home
        return False
    return True


def _directory() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir():
        return Path(runtime, "mtv")
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache.startswith("/") else Path.home() / ".cache") / "mtv"
