"""Holding: the one place that counts who needs a pixel file, and has the pixel store remove it after the last one.

Holders are the scenes, previews, requests under way and handles. Each says what it needs; a file is counted once for
each of them. So nobody has to know of the others to give a file up. Files that no holder has named yet are their
writer's, and are not touched.
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Hashable, Iterable

from mtvd.host.pixelstore import PixelStore


class Holding:
    """Pixel files by who needs them.

    Parameters
    ----------
    pixels : `PixelStore`
        Where the files lie.
    """

    def __init__(self, pixels: PixelStore) -> None:
        self._pixels = pixels
        self._held: dict[Hashable, set[str]] = {}
        self._counts: collections.Counter[str] = collections.Counter()

    def needed_files(self) -> set[str]:
        """Return the names of all files that somebody needs."""
        return set(self._counts)

    def hold(self, holder: Hashable, files: Collection[str]) -> None:
        """Note that a holder needs files too, besides those that it holds.

        Parameters
        ----------
        holder : hashable
            Who needs them; equal to no other.
        files : collection of `str`
            Names of pixel files.
        """
        held = self._held.setdefault(holder, set())
        self._counts.update(set(files) - held)
        held.update(files)

    def keep(self, holder: Hashable, files: Collection[str]) -> None:
        """Note that a holder needs these files and no others.

        What nobody needs any more is free to be written over: it was shown, and is not now.

        Parameters
        ----------
        holder : hashable
            Who needs them; equal to no other.
        files : collection of `str`
            Names of pixel files.
        """
        before = self._held.get(holder, set())
        self._held[holder] = set(files)
        self._counts.update(self._held[holder])
        self._pixels.recycle(self._count_down(before))

    def end(self, holder: Hashable, *, shown: bool = False) -> None:
        """Forget a holder; what nobody else needs is let go. A holder that holds nothing is no error.

        Parameters
        ----------
        holder : hashable
            Who needs nothing any more.
        shown : `bool`
            True where its files have come to the window as they were meant to: they are free to be written over, where
            nothing shows them any more. Others are removed.
        """
        gone = self._count_down(self._held.pop(holder, set()))
        if shown:
            self._pixels.recycle(gone)
        else:
            self._pixels.remove(gone)

    def remove_unneeded(self, files: Iterable[str]) -> None:
        """Remove those of files that nobody needs.

        Parameters
        ----------
        files : iterable of `str`
            Names of pixel files.
        """
        self._pixels.remove([name for name in files if name not in self._counts])

    def _count_down(self, files: Iterable[str]) -> set[str]:
        """Count files once less each; return those that nobody needs any more."""
        gone = set()
        for name in files:
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name]
                gone.add(name)
        return gone
