"""Files fetched from other hosts, kept in one directory of bounded size for all workers; the least used go first.

Entries never change: they are named by what identifies a dataset for ever. A reader holds a hard link of its own, so
that an entry may go while it is read. Each worker has a folder for its links and for what it fetches; folders of
workers that are gone are swept by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

MOST: Final = 10_000
"""Entries, however small: all of them are looked at for each that comes."""

_OWN: Final = "worker-"


class FileCache:
    """One worker's door to the directory.

    Parameters
    ----------
    directory : `~pathlib.Path`
        Made when the first file is fetched, for its owner alone.
    budget_bytes : `int`
        Of all entries together. A file larger than that is fetched, and not kept.
    """

    def __init__(self, directory: Path, budget_bytes: int) -> None:
        self._directory = directory
        self._budget_bytes = budget_bytes
        self._own = directory / f"{_OWN}{os.getpid()}"

    def folder(self) -> Path:
        """Return a new folder on the cache's own disk, for one file; the caller removes it."""
        if not self._own.is_dir():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep()
            self._own.mkdir(mode=0o700, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._own))

    def take(self, key: str, suffix: str, folder: Path) -> Path | None:
        """Return a link to an entry, in a folder of the caller's; None where there is none."""
        entry = self._entry(key, suffix)
        link = folder / entry.name
        try:
            os.link(entry, link)
            os.utime(entry)
        except FileNotFoundError:
            return link if link.exists() else None
        return link

    def keep(self, key: str, suffix: str, file: Path) -> None:
        """Make an entry of a complete file in a folder of `folder`; the file stays the caller's."""
        size = file.stat().st_size
        if size > self._budget_bytes:
            return
        self._make_space(size)
        with contextlib.suppress(FileExistsError):  # another worker was faster; it is the same file
            os.link(file, self._entry(key, suffix))

    def drop(self, key: str, suffix: str) -> None:
        """Remove an entry that turned out to be wrong."""
        self._entry(key, suffix).unlink(missing_ok=True)

    @property
    def used_bytes(self) -> int:
        """Bytes of all entries together."""
        return sum(size for _, size, _ in self._entries())

    def _entry(self, key: str, suffix: str) -> Path:
        return self._directory / (hashlib.blake2b(key.encode(), digest_size=16).hexdigest() + suffix)

    def _entries(self) -> list[tuple[int, int, Path]]:
        found = []
        for path in self._directory.glob("*"):
            with contextlib.suppress(FileNotFoundError):  # another worker removed it
                status = path.stat()
                if path.is_file():
                    found.append((status.st_mtime_ns, status.st_size, path))
        return sorted(found)

    def _make_space(self, size: int) -> None:
        entries = self._entries()
        used, count = sum(entry_bytes for _, entry_bytes, _ in entries), len(entries)
        for _, entry_bytes, path in entries:
            if used + size <= self._budget_bytes and count < MOST:
                return
            path.unlink(missing_ok=True)
            used, count = used - entry_bytes, count - 1

    def _sweep(self) -> None:
        for folder in self._directory.glob(f"{_OWN}*"):
            if not Path("/proc", folder.name.removeprefix(_OWN)).exists():
                shutil.rmtree(folder, ignore_errors=True)
