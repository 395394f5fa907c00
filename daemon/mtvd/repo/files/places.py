"""Places: the file of a target, and the key of what is read from it: the same key means the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mtv.wire.data import Dataset, File
from mtvd.repo.butler.errors import refusal
from mtvd.repo.port import OnProgress

if TYPE_CHECKING:
    from lsst.resources import ResourcePath

    from mtvd.repo.files.fetch import Files


@dataclass(frozen=True, kw_only=True)
class FilePlace:
    """A file that may have to be fetched first."""

    path: Path | None
    """None where it is remote."""
    uri: ResourcePath | None = None
    """URI of a dataset."""
    size: int | None = None
    """Bytes by the repository's record; None where it keeps none."""
    identity: str
    """A dataset's UUID, for it never changes; a file's inode, size and time."""
    options: dict[str, Any] = field(default_factory=dict)
    """Facts for the readers: storage class, component, label."""

    @property
    def remote(self) -> bool:
        """True where it must be fetched."""
        return self.path is None

    @contextmanager
    def local(self, files: Files, progress: OnProgress) -> Iterator[Path]:
        """Have the file on this host, whole; ``progress`` is told of one that is fetched, as `Files.local` says.

        Raises
        ------
        MtvError
            ``unreadable_file``; of a file on another host also as `Files.local` says.
        """
        from mtvd.repo.readers.failures import check_file

        if self.uri is not None:
            with files.local(self.uri, key=self.identity, size=self.size, progress=progress) as path:
                yield path
        else:
            assert self.path is not None
            check_file(self.path)
            yield self.path

    def worth_reading_ahead(self, path: Path) -> bool:
        """Tell whether reading takes so long that it is well done before somebody waits for it."""
        from mtvd.repo.readers.hdus import is_plain, planes

        first = next(planes(path), None)
        return self.remote or (first is not None and (first.compressed or not is_plain(path)))


def place_of_file(target: File) -> FilePlace:
    """Return the place of a file on this host.

    Raises
    ------
    RequestError
        ``bad_value`` for a relative path, ``unreadable_file``.
    """
    from mtvd.repo.readers.failures import check_file

    path = Path(target.path)
    if "\0" in target.path:
        raise refusal("bad_value", "the path has a zero byte", "path")
    if not path.is_absolute():
        raise refusal("bad_value", "the path is not absolute", "path", "give the absolute path")
    check_file(path)
    status = path.stat()
    identity = f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
    return FilePlace(path=path, identity=identity, options={"label": path.name, "component": target.component})


def place_of_dataset(butler: Any, target: Dataset) -> FilePlace:
    """Return the place of a dataset; raises as `mtvd.repo.butler.find.find`."""
    from mtvd.repo.butler.find import find

    found = find(butler, target)
    return FilePlace(
        path=Path(found.uri.ospath) if found.uri.isLocal else None,
        uri=found.uri,
        size=found.size,
        identity=found.id,
        options={
            "storage_class": found.storage_class,
            "component": found.component,
            "label": found.label,
            "caption": found.caption,
            "row_keys": found.row_keys,
            "foreign_keys": found.foreign_keys,
        },
    )


def part_of(target: Dataset | File) -> dict[str, Any]:
    """Return which part of the file is wanted, as the readers take it."""
    return {"hdu": target.hdu, "cube_index": target.cube_index, "bbox": target.bbox, "sky": target.sky}


def key_of(method: str, place: FilePlace, target: Dataset | File, chosen: Mapping[str, Any]) -> str:
    """Return the key of what a method reads from a place; ``chosen`` says what of a table."""
    words = [method, place.identity, place.options, part_of(target), chosen]
    return hashlib.blake2b(msgspec.json.encode(words), digest_size=16).hexdigest()
