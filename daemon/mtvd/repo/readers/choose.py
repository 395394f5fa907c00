"""Which reader for which file: by the name of its storage class, else by its first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mtv.wire.data import Exposure
from mtv.wire.messages import Got
from mtvd.repo.readers import afwtable, exposure, parquet
from mtvd.repo.readers.exposure import Wanted
from mtvd.repo.readers.failures import check_file, unsupported
from mtvd.repo.readers.hdus import planes
from mtvd.repo.readers.output import Output

_IMAGES: Final = ("Exposure", "MaskedImage", "Image", "DecoratedImage", "Mask", "VisitImage", "FitsExposure")
_TABLES: Final = ("SourceCatalog", "SimpleCatalog", "BaseCatalog", "ObjectCatalog", "PeakCatalog", "ExposureCatalog")
_PARQUET: Final = ("Arrow", "DataFrame")
_PARQUET_MAGIC: Final = b"PAR1"


def read_display(
    path: Path,
    out: Output,
    *,
    storage_class: str = "",
    component: str = "",
    hdu: int | None = None,
    bbox: Wanted | None = None,
    label: str = "",
    most: int,
) -> Exposure:
    """Read an image for the stage.

    Parameters
    ----------
    storage_class : `str`
        Name of the dataset's storage class; empty for a file of no repository.
    most : `int`
        Pixels at most.

    Raises
    ------
    RequestError
        ``unreadable_file``, ``unsupported``, ``bad_value``, ``too_large``.
    """
    kind = kind_of(path, storage_class)
    if kind != "image":
        raise unsupported(f"a {storage_class or kind} is no image", "target", "get it, and overlay its positions")
    file = exposure.find_exposure(path, hdu)
    return exposure.display(file, out, component=component, bbox=bbox, label=label, most=most)


def read_all(
    path: Path,
    out: Output,
    *,
    storage_class: str = "",
    component: str = "",
    hdu: int | None = None,
    bbox: Wanted | None = None,
    columns: tuple[str, ...] = (),
    label: str = "",
    most: int,
) -> Got:
    """Read an exposure, a component or a table for a client; parameters and errors as in `read_display`."""
    kind = kind_of(path, storage_class)
    if kind == "image" and (storage_class or _has_image(path, hdu)):
        file = exposure.find_exposure(path, hdu)
        return exposure.get(file, out, component=component, bbox=bbox, label=label, most=most)
    if component:
        raise unsupported(
            f"the component {component!r} of a table cannot be read", "dataset_type", "get the whole table"
        )
    if kind == "parquet":
        return Got(catalog=parquet.read_parquet(path, out, columns=columns, label=label))
    return Got(catalog=afwtable.read_table(path, out, columns=columns, label=label, hdu=hdu))


def kind_of(path: Path, storage_class: str) -> str:
    """Return ``image``, ``table`` or ``parquet``."""
    check_file(path)
    if storage_class.startswith(_TABLES):
        return "table"
    if storage_class.startswith(_IMAGES):
        return "image"
    with path.open("rb") as file:
        magic = file.read(len(_PARQUET_MAGIC))
    if magic == _PARQUET_MAGIC:
        return "parquet"
    if storage_class and not magic == b"SIMP":
        raise unsupported(f"datasets of storage class {storage_class} cannot be read", "dataset_type")
    return "image"


def _has_image(path: Path, hdu: int | None) -> bool:
    return any(hdu is None or plane.index == hdu for plane in planes(path))
