"""Which reader for which file: by the name of its storage class, else by its first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mtv.wire.data import Exposure, SkyBox
from mtv.wire.messages import Got
from mtvd.repo.readers import afwtable, exposure, headers, parquet
from mtvd.repo.readers.exposurefile import find_exposure
from mtvd.repo.readers.failures import check_file, unsupported
from mtvd.repo.readers.hdus import Hdu, index_of, opened, planes
from mtvd.repo.readers.output import Output
from mtvd.repo.readers.parts import Part, Wanted

_IMAGES: Final = (
    "Exposure", "MaskedImage", "Image", "DecoratedImage", "Mask", "VisitImage", "DifferenceImage", "CellCoadd",
    "ColorImage", "FitsExposure",
)  # fmt: skip
_TABLES: Final = ("SourceCatalog", "SimpleCatalog", "BaseCatalog", "ObjectCatalog", "PeakCatalog", "ExposureCatalog")
_PARQUET: Final = ("Arrow", "DataFrame")
_PARQUET_MAGIC: Final = b"PAR1"


def read_display(
    path: Path,
    out: Output,
    *,
    storage_class: str = "",
    component: str = "",
    hdu: Hdu | None = None,
    cube_index: tuple[int, ...] = (),
    bbox: Wanted | None = None,
    sky: SkyBox | None = None,
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
    part = _part(storage_class, hdu=hdu, cube_index=cube_index, component=component, bbox=bbox, sky=sky)
    with headers.sound():
        return exposure.display(find_exposure(path, part), out, part, label=label, most=most)


def read_all(
    path: Path,
    out: Output,
    *,
    storage_class: str = "",
    component: str = "",
    hdu: Hdu | None = None,
    cube_index: tuple[int, ...] = (),
    bbox: Wanted | None = None,
    sky: SkyBox | None = None,
    columns: tuple[str, ...] = (),
    label: str = "",
    most: int,
) -> Got:
    """Read an exposure, a component or a table for a client; parameters and errors as in `read_display`."""
    kind = kind_of(path, storage_class)
    if kind == "image" and (storage_class or _has_image(path, hdu)):
        part = _part(storage_class, hdu=hdu, cube_index=cube_index, component=component, bbox=bbox, sky=sky)
        with headers.sound():
            return exposure.get(find_exposure(path, part), out, part, label=label, most=most)
    _check_table(storage_class, component=component, bbox=bbox, sky=sky, cube_index=cube_index)
    if kind == "parquet":
        return Got(catalog=parquet.read_parquet(path, out, columns=columns, label=label))
    return Got(catalog=afwtable.read_table(path, out, columns=columns, label=label, hdu=_number(path, hdu)))


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


def _has_image(path: Path, hdu: Hdu | None) -> bool:
    with headers.sound():
        number = None if hdu is None else _number(path, hdu)
        return any(number is None or plane.index == number for plane in planes(path))


def _number(path: Path, hdu: Hdu | None) -> int | None:
    if hdu is None or isinstance(hdu, int):
        return hdu
    with opened(path) as hdus:
        return index_of(hdus, hdu)


def _part(storage_class: str, **wanted: Any) -> Part:
    # A dataset's component is named by its dataset type: ``calexp.mask``.
    return Part(component_field="dataset_type" if storage_class else "component", **wanted)


def _check_table(storage_class: str, *, component: str, **cut_out: object) -> None:
    if component:
        field = "dataset_type" if storage_class else "component"
        raise unsupported(f"the component {component!r} of a table cannot be read", field, "get the whole table")
    for name, value in cut_out.items():
        if value:
            raise unsupported("only an image can be cut out, and this is a table", name)
