"""Cache of what was decoded and may be asked for again: bounded, the least recently used goes first.

An entry is an answer of a worker with its pixel files. Who asks again gets names of its own for the same bytes (hard
links), so that the lives of the cache, of handles and of pictures are independent: each removes its own names.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from mtv.wire.errors import DaemonError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.answers import files_of, rename

_log = logging.getLogger(__name__)

MOST: Final = 256
"""Entries, however small: each read tells its worker the keys of all."""


@dataclass(frozen=True, kw_only=True)
class _Entry:
    answer: Any
    files: frozenset[str]
    size_bytes: int


class Cache:
    """Answers by key.

    Parameters
    ----------
    store : `PixelStore`
        Where the files are.
    budget_bytes : `int`
        All entries together; 0 keeps nothing.
    """

    def __init__(self, store: PixelStore, budget_bytes: int) -> None:
        self._store = store
        self._budget_bytes = budget_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    @property
    def used_bytes(self) -> int:
        """Bytes of all entries."""
        return sum(entry.size_bytes for entry in self._entries.values())

    def keys(self) -> tuple[str, ...]:
        """Keys of all entries, the one to go first in front."""
        return tuple(self._entries)

    def keep(self, key: str, answer: Any) -> None:
        """Keep an answer: plain maps and lists, in which every ``file`` is the name of a pixel file."""
        self.drop(key)
        files = frozenset(files_of(answer))
        try:
            size = sum(self._store.path(name).stat().st_size for name in files)
            if size > self._budget_bytes:
                return
            while self.used_bytes + size > self._budget_bytes or len(self._entries) >= MOST:
                self.drop(next(iter(self._entries)))
            kept, names = self._link(answer, files)
        except (OSError, DaemonError) as error:  # who has read them has them all the same
            _log.warning("what was read is not kept: %s", error)
            return
        self._entries[key] = _Entry(answer=kept, files=names, size_bytes=size)

    def take(self, key: str) -> Any | None:
        """Return an answer whose files are the caller's; None where it is not kept any more."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        try:
            return self._link(entry.answer, entry.files)[0]
        except OSError as error:  # somebody has tidied the pixel directory, or there is no space for a name
            _log.warning("what was kept cannot be used: %s", error)
            self.drop(key)
            return None

    def drop(self, key: str) -> None:
        """Forget an entry, where there is one."""
        if (entry := self._entries.pop(key, None)) is not None:
            self._store.remove(entry.files)

    def clear(self) -> None:
        """Forget all."""
        for key in self.keys():
            self.drop(key)

    def _link(self, answer: Any, files: frozenset[str]) -> tuple[Any, frozenset[str]]:
        names: dict[str, str] = {}
        try:
            for name in files:
                names[name] = self._store.link(name)
        except BaseException:
            self._store.remove(names.values())
            raise
        return rename(answer, names), frozenset(names.values())
