"""Arrays that the daemon sends: mapped privately, so that changes stay in this process, and unlinked at once."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtv.wire.data import Array
from mtv.wire.errors import Error, RequestError

if TYPE_CHECKING:
    import numpy as np


class Incoming:
    """Arrays that came with a reply: files are mapped privately and unlinked at once, buffers are used in place.

    Parameters
    ----------
    arrays : iterable of `Array`
        All that the reply names; several may lie in one file.
    """

    def __init__(self, arrays: Iterable[Array | None], buffers: Sequence[memoryview], directory: Path | None) -> None:
        self._buffers = buffers
        self._maps: dict[str, mmap.mmap] = {}
        for array in arrays:
            if array is not None and array.file is not None and array.file not in self._maps:
                self._maps[array.file] = _map(array.file, directory)
        for name in self._maps:
            assert directory is not None
            (directory / name).unlink(missing_ok=True)

    def array(self, array: Array) -> np.ndarray[Any, Any]:
        """Return an array on the received memory, without a copy; files give arrays that may be written to."""
        import numpy as np

        memory: Any = self._maps[array.file] if array.file is not None else self._buffers[array.buffer or 0]
        dtype = np.dtype(array.dtype)
        count = int(np.prod(array.shape, dtype=np.int64))
        if not count:
            return np.empty(array.shape, dtype)
        return np.frombuffer(memory, dtype, count, array.offset).reshape(array.shape)


def _map(name: str, directory: Path | None) -> mmap.mmap:
    if directory is None or Path(name).name != name:
        raise RequestError(
            Error(
                code="unsupported",
                message="the daemon's pixel files cannot be read here",
                where=name,
                hint="mtv doctor",
            )
        )
    with (directory / name).open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
