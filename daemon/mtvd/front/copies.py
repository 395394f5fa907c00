"""Copies of data for a client that asks for them: read from a repository, or made of what a handle has."""

from __future__ import annotations

import functools

import anyio.to_thread
import msgspec

from mtv.shared.tables.tables import check_no_table
from mtv.wire import messages as ms
from mtv.wire import requests
from mtv.wire.data import Array, Exposure, Handle
from mtv.wire.limits import Limits
from mtvd.host.pixel_names import new_name
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.port import OnProgress, Repositories
from mtvd.resolving import table_files
from mtvd.resolving.handles import Handles
from mtvd.resolving.images import files_of


class Copies:
    """Brings data into pixel files of the client's own, which it unlinks.

    Parameters
    ----------
    repositories : `~mtvd.repo.port.Repositories`
        Read datasets and files.
    handles : `~mtvd.resolving.handles.Handles`
        Name what was loaded before.
    pixels : `~mtvd.host.pixelstore.PixelStore`
        Where the copies are made.
    limits : `~mtv.wire.limits.Limits`
        For the rows of tables.
    """

    def __init__(self, repositories: Repositories, handles: Handles, pixels: PixelStore, limits: Limits) -> None:
        self._repositories = repositories
        self._handles = handles
        self._pixels = pixels
        self._limits = limits

    async def get(self, request: requests.Get, on_progress: OnProgress) -> ms.Got:
        """Return the data that a request asks for, in files that are the client's.

        Parameters
        ----------
        request : `~mtv.wire.messages.Get`
            As it came.
        on_progress : callable
            Is told how far reading has come.

        Returns
        -------
        got : `~mtv.wire.messages.Got`

        Raises
        ------
        MtvError
            As the message's table in ``PROTOCOL.md`` tells.
        """
        if not isinstance(request.target, Handle):
            return await self._repositories.get(request.target, request.columns, request.select, on_progress)
        data = self._handles.data(request.target.handle)
        if isinstance(data, Exposure):
            check_no_table(request.columns, request.select)
            return ms.Got(data=await self._copy(data))
        copied = functools.partial(table_files.copy, data, self._pixels, request, self._limits)
        return ms.Got(catalog=await anyio.to_thread.run_sync(copied))

    async def _copy(self, exposure: Exposure) -> Exposure:
        """Return an exposure in files of its own; none is left where one cannot be copied."""
        names = {name: new_name("out", name.rpartition(".")[2]) for name in files_of(exposure)}
        try:
            for name, copy in names.items():
                await anyio.to_thread.run_sync(self._pixels.copy, name, copy)
        except BaseException:
            self._pixels.remove(names.values())
            raise
        return msgspec.structs.replace(
            exposure, image=_rename(exposure.image, names), mask=exposure.mask and _rename(exposure.mask, names)
        )


def _rename(array: Array, names: dict[str, str]) -> Array:
    return msgspec.structs.replace(array, file=names[array.file]) if array.file else array
