"""Handles: data that were loaded, kept until their lease ends or they are released."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable

import msgspec
import numpy as np

from mtv.wire.data import Exposure
from mtv.wire.errors import Error, RequestError
from mtv.wire.messages import Loaded
from mtvd.images import Layers


class _Entry(msgspec.Struct, kw_only=True):
    exposure: Exposure
    layers: Layers
    loaded: Loaded
    lease_secs: float
    used_at: float


class Handles:
    """Loaded data by handle.

    Parameters
    ----------
    clock : callable
        Seconds, monotonic; given by the caller so that this room has no clock of its own.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def add(self, exposure: Exposure, layers: Layers, *, lease_secs: float) -> Loaded:
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
        )
        self._entries[loaded.handle] = _Entry(
            exposure=exposure, layers=layers, loaded=loaded, lease_secs=lease_secs, used_at=self._clock()
        )
        return loaded

    def layers(self, handle: str) -> Layers:
        """Return the layers of a handle, and renew its lease.

        Raises
        ------
        RequestError
            ``unknown_handle`` for one that never was, has expired or was released.
        """
        return self._used(handle).layers

    def exposure(self, handle: str) -> Exposure:
        """Return the exposure of a handle, and renew its lease; raises as `layers`."""
        return self._used(handle).exposure

    def release(self, handle: str) -> None:
        """Give a handle back; raises as `layers` where it is not known."""
        self._used(handle)
        del self._entries[handle]

    def expire(self) -> None:
        """Drop all whose lease has ended."""
        now = self._clock()
        ended = [handle for handle, entry in self._entries.items() if now - entry.used_at > entry.lease_secs]
        for handle in ended:
            del self._entries[handle]

    def files(self) -> set[str]:
        """Names of all pixel files that handles need."""
        return set().union(*self._layer_files())

    def _layer_files(self) -> Iterable[set[str]]:
        return (entry.layers.files() for entry in self._entries.values())

    def _used(self, handle: str) -> _Entry:
        entry = self._entries.get(handle)
        if entry is None:
            hint = "load it again: handles end with their lease and with the daemon"
            raise RequestError(Error(code="unknown_handle", message="no such handle", where="target.handle", hint=hint))
        entry.used_at = self._clock()
        return entry
