"""Choice of the reader for a file: by the name of its storage class, else by its first bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mtv.shared.tables import tables
from mtv.shared.tables.positions import Positions, positions
from mtv.shared.tables.positions import Wanted as WantedPositions
from mtv.wire.data import Exposure, SkyBox
from mtv.wire.errors import Error, RequestError
from mtv.wire.messages import Got
from mtvd.repo.readers import exposure, headers
from mtvd.repo.readers.exposurefile import find_exposure
from mtvd.repo.readers.failures import check_file, unsupported
from mtvd.repo.readers.fitsfile import without_pixels
from mtvd.repo.readers.hdus import Hdu, index_of, open_hdus, planes
from mtvd.repo.readers.opening import Schemas, format_of, only_fits
from mtvd.repo.readers.output import Output
from mtvd.repo.readers.parts import Part, Wanted
from mtvd.repo.readers.unpacking import head_of

_IMAGES: Final = (
    "Exposure", "MaskedImage", "Image", "DecoratedImage", "Mask", "VisitImage", "DifferenceImage", "CellCoadd",
    "ColorImage", "FitsExposure",
)  # fmt: skip
_FITS_MAGIC: Final = b"SIMP"
_TABLES: Final = (
    "SourceCatalog", "SimpleCatalog", "BaseCatalog", "ObjectCatalog", "PeakCatalog", "ExposureCatalog", "ArrowAstropy",
    "ArrowTable", "ArrowNumpy", "DataFrame", "AstropyTable", "AstropyQTable",
)  # fmt: skip


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
    foreign_keys: Sequence[str] = (),
    label: str = "",
    caption: str = "",
    most: int,
    on_image: Callable[[Exposure], None] | None = None,
    **_of_tables: Any,
) -> Exposure:
    """Read an image for the stage.

    Parameters
    ----------
    storage_class : `str`
        Name of the dataset's storage class; empty for a file of no repository.
    foreign_keys : sequence of `str`, optional
        Keys of the data ID that the dataset type does not have, and that say nothing of an image: it is refused.
    most : `int`
        Pixels at most.
    on_image : callable, optional
        See `exposure.display`.

    Raises
    ------
    RequestError
        ``unreadable_file``, ``unsupported``, ``bad_value``, ``too_large``; ``unsupported`` with ``where`` ``target``
        for a table.
    """
    if kind_of(path, storage_class) != "image":
        raise _no_image(storage_class)
    _check_keys(foreign_keys, storage_class)
    part = _part(storage_class, hdu=hdu, cube_index=cube_index, component=component, bbox=bbox, sky=sky)
    with headers.sound():
        try:
            file = find_exposure(path, part)
        except RequestError as error:
            no_image = error.code == "unreadable_file" or error.error.where == "hdu"
            if no_image and not storage_class.startswith(_IMAGES):
                raise _of_table(path, hdu, storage_class) or error from None
            raise
        return exposure.display(file, out, part, label=label, caption=caption, most=most, on_image=on_image)


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
    select: str = "",
    schemas: Schemas | None = None,
    row_keys: Mapping[str, int | str] = tables.NO_KEYS,
    foreign_keys: Sequence[str] = (),
    label: str = "",
    caption: str = "",
    most: int,
    most_chars: int = tables.SELECT_CHARS,
) -> Got:
    """Read an exposure, a component or a table for a client; parameters and errors as in `read_display`.

    Parameters
    ----------
    columns : `tuple` [`str`, ...]
        Of a table, only these, slots and other aliases included; all where empty.
    select : `str`
        Of a table, only the rows that this expression chooses.
    row_keys : `dict` [`str`, `int` or `str`], optional
        Keys of the data ID that the dataset type does not have: of a table they choose rows.
    schemas : `Schemas`, optional
        Tables that were opened before.
    """
    schemas = schemas or Schemas()
    kind = kind_of(path, storage_class)
    number = _number(path, hdu)
    if kind == "image" and (storage_class.startswith(_IMAGES) or schemas.has_image(path, number, _has_image)):
        tables.check_no_table(columns, select)
        _check_keys(foreign_keys, storage_class)
        part = _part(storage_class, hdu=hdu, cube_index=cube_index, component=component, bbox=bbox, sky=sky)
        with headers.sound():
            return exposure.get(find_exposure(path, part), out, part, label=label, caption=caption, most=most)
    _check_table(storage_class, component=component, bbox=bbox, sky=sky, cube_index=cube_index)
    table = _opened_table(path, schemas, number, storage_class)
    chosen: dict[str, Any] = {"columns": columns, "selection": select, "row_keys": row_keys}
    return Got(catalog=tables.catalog(table, out.together, label=label, most_chars=most_chars, **chosen))


def read_positions(
    path: Path,
    out: Output,
    *,
    wanted: WantedPositions,
    schemas: Schemas | None = None,
    storage_class: str = "",
    component: str = "",
    hdu: Hdu | None = None,
    row_keys: Mapping[str, int | str] = tables.NO_KEYS,
    most_markers: int,
    most_chars: int = tables.SELECT_CHARS,
    **_of_images: Any,
) -> Positions:
    """Read the positions of the chosen rows of a table, for an overlay; only the columns that it takes are read.

    Raises
    ------
    RequestError
        ``unreadable_file``, ``unsupported``, ``too_large``; ``bad_value`` naming ``select``, ``x``, ``y``, ``size``.
    """
    if component or (kind_of(path, storage_class) == "image" and storage_class.startswith(_IMAGES)):
        raise _no_table(storage_class or component)
    table = _opened_table(path, schemas or Schemas(), _number(path, hdu), storage_class)
    limits: dict[str, int] = {"most_markers": most_markers, "most_chars": most_chars}
    return positions(table, out.together, wanted, row_keys=row_keys, **limits)


def kind_of(path: Path, storage_class: str) -> str:
    """Return ``image`` or ``table``; a FITS file of no storage class, or of another, is an image until it has none."""
    check_file(path)
    if storage_class.startswith(_TABLES) or format_of(path):
        return "table"
    if storage_class.startswith(_IMAGES):
        return "image"
    head = head_of(path)  # nothing of a packed file that is damaged
    if storage_class and head and not head.startswith(_FITS_MAGIC):
        hint = "butler_get reads it where its Python type is installed"
        raise unsupported(f"datasets of storage class {storage_class} cannot be read", "dataset_type", hint)
    return "image"


def _no_image(storage_class: str) -> RequestError:
    what = f"{storage_class or 'this'} is a table, not an image"
    return unsupported(what, "target", "overlay its positions, or get it")


def _no_table(what: str) -> RequestError:
    return unsupported(f"{what or 'this'} is an image, not a table", "target", "mtv shows images")


def _opened_table(path: Path, schemas: Schemas, hdu: int | None, storage_class: str) -> tables.Table:
    try:
        return schemas.open(path, hdu)
    except RequestError as error:
        if not format_of(path) and schemas.has_image(path, hdu, _has_image):
            raise _no_table(storage_class) from None
        nothing = error.code == "unreadable_file" if hdu is None else error.error.where == "hdu"
        if nothing and (reason := _reason(path, hdu)):
            raise reason from None
        raise


def _reason(path: Path, hdu: int | None) -> RequestError | None:
    try:
        return without_pixels(path, hdu)
    except IndexError:  # there is no such HDU
        return None


def _has_image(path: Path, hdu: int | None) -> bool:
    with headers.sound():
        return any(hdu is None or plane.index == hdu for plane in planes(path))


def _of_table(path: Path, hdu: Hdu | None, storage_class: str) -> RequestError | None:
    """Return the error for a file that has no image but a table, or an object; None where it has none of these."""
    try:
        Schemas().open(path, _number(path, hdu))
    except RequestError as error:
        return error if error.code == "unsupported" else None
    return _no_image(storage_class)


def _check_keys(foreign_keys: Sequence[str], storage_class: str) -> None:
    for key in foreign_keys:
        message = f"{key.partition('.')[0]!r} is no dimension of this dataset type, and an image has no rows"
        hint = f"leave it out: the {storage_class or 'image'} is of all of them"
        raise RequestError(Error(code="bad_query", message=message, where=f"data_id.{key}", hint=hint))


def _number(path: Path, hdu: Hdu | None) -> int | None:
    if hdu is None or isinstance(hdu, int):
        return hdu
    if format_of(path):
        raise only_fits()
    with open_hdus(path) as hdus:
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
