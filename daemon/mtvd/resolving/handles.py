"""Handles: data that were loaded, kept until their lease ends or they are released."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from mtv.wire.data import Catalog, Exposure
from mtv.wire.errors import DaemonError, Error, RequestError
from mtv.wire.messages import Loaded
from mtvd.resolving.holding import Holding
from mtvd.resolving.images import Layers
from mtvd.resolving.table_files import files_of

MOST_HANDLES: Final = 1_000
"""Most handles of one session."""


class _Entry(msgspec.Struct, kw_only=True):
    data: Exposure | Catalog
    layers: Layers | None
    """Image and mask of an exposure; None for a catalog."""
    files: set[str]
    loaded: Loaded
    used_at: float
    owner: str
    """Session that loaded it; others may use it too."""


class Handles:
    """Loaded data by handle.

    Parameters
    ----------
    clock : callable
        Seconds, monotonic; given by the caller so that this module has no clock of its own.
    holding : `Holding`
        Keeps the pixel files of each handle while there is one.
    """

    def __init__(self, clock: Callable[[], float], holding: Holding) -> None:
        self._clock = clock
        self._holding = holding
        self._entries: dict[str, _Entry] = {}

    def admit(self, owner: str) -> None:
        """Let a session load, unless it has loaded more than it has given back.

        Bytes are bounded by the pixel budget. The number is bounded too, because each has names and a place in memory
        however small it is; session by session, so that nobody is refused for another's handles.

        Parameters
        ----------
        owner : `str`
            The session.

        Raises
        ------
        DaemonError
            ``busy``.
        """
        held = sum(entry.owner == owner and not self._has_expired(entry) for entry in self._entries.values())
        if held >= MOST_HANDLES:
            message = f"the session holds {MOST_HANDLES} handles"
            hint = "release some, or load with a shorter lease_secs"
            raise DaemonError(Error(code="busy", message=message, where="target", retryable=True, hint=hint))

    def add(self, exposure: Exposure, layers: Layers, *, lease_secs: float, owner: str = "") -> Loaded:
        """Keep data and return their handle."""
        arrays = [array for array in (exposure.image, exposure.mask) if array is not None]
        loaded = Loaded(
            handle=uuid.uuid4().hex,
            shape=exposure.image.shape,
            dtype=exposure.image.dtype,
            planes=exposure.planes,
            xy0=exposure.xy0,
            bytes=sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in arrays),
            expires_secs=lease_secs,
            label=exposure.label,
            notes=layers.image.notes,
        )
        return self._keep(loaded, exposure, layers, layers.files(), owner)

    def add_table(self, catalog: Catalog, *, lease_secs: float, owner: str = "") -> Loaded:
        """Keep a table and return its handle."""
        arrays = [column.array for column in catalog.columns]
        loaded = Loaded(
            handle=uuid.uuid4().hex,
            shape=(catalog.rows,),
            bytes=sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in arrays),
            expires_secs=lease_secs,
            label=catalog.label,
        )
        return self._keep(loaded, catalog, None, files_of(catalog), owner)

    def layers(self, handle: str) -> Layers:
        """Return the layers of a handle, and renew its lease.

        Raises
        ------
        RequestError
            ``unknown_handle`` for one that never was, has expired or was released; ``unsupported`` for a table's.
        """
        layers = self._renew(handle).layers
        if layers is None:
            raise _refusal("the handle is of a table, not of an image", "overlay its positions, or get it")
        return layers

    def table(self, handle: str) -> Catalog:
        """Return the table of a handle, and renew its lease; raises as `layers`, ``unsupported`` for an image's."""
        data = self._renew(handle).data
        if not isinstance(data, Catalog):
            raise _refusal("the handle is of an image, not of a table", "load a table")
        return data

    def data(self, handle: str) -> Exposure | Catalog:
        """Return what a handle is of, and renew its lease; raises as `layers` where it is not known."""
        return self._renew(handle).data

    def files_of(self, handle: str) -> set[str]:
        """Return the names of the pixel files of one handle; raises as `data`."""
        return self._renew(handle).files

    def release(self, handle: str) -> None:
        """Give a handle back; raises as `layers` where it is not known."""
        self._renew(handle)
        self._drop(handle)

    def expire(self) -> None:
        """Drop all whose lease has ended."""
        for handle in [handle for handle, entry in self._entries.items() if self._has_expired(entry)]:
            self._drop(handle)

    def _drop(self, handle: str) -> None:
        del self._entries[handle]
        self._holding.end(_holder(handle))

    def _has_expired(self, entry: _Entry) -> bool:
        return self._clock() - entry.used_at > entry.loaded.expires_secs

    def _keep(
        self, loaded: Loaded, data: Exposure | Catalog, layers: Layers | None, files: set[str], owner: str
    ) -> Loaded:
        self._entries[loaded.handle] = _Entry(
            data=data, layers=layers, files=files, loaded=loaded, used_at=self._clock(), owner=owner
        )
        self._holding.hold(_holder(loaded.handle), files)
        return loaded

    def _renew(self, handle: str) -> _Entry:
        entry = self._entries.get(handle)
        if entry is None:
            hint = "load it again: handles end with their lease and with the daemon"
            raise RequestError(Error(code="unknown_handle", message="no such handle", where="target.handle", hint=hint))
        entry.used_at = self._clock()
        return entry


def _holder(handle: str) -> tuple[str, str]:
    return "handle", handle


def _refusal(message: str, hint: str) -> RequestError:
    return RequestError(Error(code="unsupported", message=message, where="target.handle", hint=hint))
