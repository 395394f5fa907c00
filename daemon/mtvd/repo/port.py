"""The port to repositories: all that a keeper of them must do. The real one asks workers that import Butler.

Arrays come back in files of the pixel directory, written by the worker itself, so that no pixel passes through the
daemon's own process. Every call may be cancelled; every call has a deadline of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from mtv.shared.tables.positions import Positions, Wanted
from mtv.wire.data import Catalog, Dataset, Exposure, File
from mtv.wire.messages import Got, Rows
from mtv.wire.reports import RepositoryInfo
from mtv.wire.steps import Query

OnProgress = Callable[[int, int, str], None]
"""Called with done, total and unit."""
OnImage = Callable[[Exposure], None]
"""Called with an exposure that has no mask yet."""


class Repositories(Protocol):
    """Answers questions about repositories and reads their data. All calls raise `mtv.wire.errors.MtvError`.

    ``on_progress`` hears of the rows that a query reads, and of the bytes of a file that is fetched from another host;
    of a file on this host it hears nothing.
    """

    def list_known(self) -> tuple[RepositoryInfo, ...]:
        """List the repositories that can be named, the default first."""
        ...

    @property
    def workers(self) -> int:
        """Worker processes alive."""
        ...

    async def query(self, query: Query, on_progress: OnProgress | None = None) -> Rows:
        """Return one page."""
        ...

    async def read_for_display(
        self, target: Dataset | File, on_progress: OnProgress | None = None, on_image: OnImage | None = None
    ) -> Exposure:
        """Read an image (with mask, without variance) for the stage.

        Parameters
        ----------
        on_image : callable, optional
            Called with the image as soon as that is there, where the mask takes longer; at most once. Its file is the
            caller's from then on, whatever becomes of the mask; the exposure that is returned names it too.

        Returns
        -------
        exposure : `Exposure`
            ``image`` is big-endian in a pixel file with `Limits.header_bytes` free in front of the pixels
            (``image.offset``); ``mask`` is in a pixel file of its own. The caller owns both files.

        Raises
        ------
        MtvError
            ``unsupported`` with ``where`` ``target`` for a table.
        """
        ...

    async def positions(
        self, target: Dataset | File, wanted: Wanted, on_progress: OnProgress | None = None
    ) -> Positions:
        """Read the positions of the chosen rows of a table, into a pixel file that the caller owns."""
        ...

    async def get(
        self,
        target: Dataset | File,
        columns: tuple[str, ...],
        select: str = "",
        on_progress: OnProgress | None = None,
    ) -> Got:
        """Read everything for a client: arrays are native-endian in pixel files that the caller owns.

        ``columns`` and ``select`` choose columns and rows of a table.

        A `Got` holds an `Exposure` (with variance), a `Catalog`, or the value of a component.
        """
        ...

    async def sky(self, cards: str, xy0: tuple[int, int], x: float, y: float) -> tuple[float, float] | None:
        """Return right ascension and declination (ICRS, degrees) of a 0-based parent pixel, by header cards of ours.

        None where they have no WCS, or the pixel has no place on the sky.
        """
        ...

    async def pixel(
        self, cards: str, xy0: tuple[int, int], ra_deg: float, dec_deg: float
    ) -> tuple[float, float] | None:
        """Return the 0-based parent pixel of a place on the sky (ICRS), with fractions; None where there is none."""
        ...

    def read_ahead(self, targets: Sequence[Dataset | File], owner: str = "") -> None:
        """Say what will be displayed next: it may be decoded while nobody waits for it. Returns at once.

        What the same owner has said before no longer counts.
        """
        ...

    async def close(self) -> None:
        """End the workers."""
        ...


__all__ = ["Catalog", "Dataset", "Exposure", "File", "OnImage", "OnProgress", "Positions", "Repositories", "Wanted"]
