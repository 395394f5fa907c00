"""The files, in the layout that `lsst.afw` writes: exposures, source catalogs, and small raw images.

Headers are built with astropy's cards and the data appended as big-endian bytes, so that the order of cards is afw's
and no pixel is copied twice. The archive holds only what is true of a drawn exposure: its photometric calibration and
its filter; the WCS is in the header, exactly.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from mtvd.demo.catalog import ALIASES, SCHEMA, Column, Field
from mtvd.demo.measure import APERTURE_RADII_PX
from mtvd.demo.optics import Card
from mtvd.demo.planes import MASK_PLANES, Planes

BLOCK_BYTES: Final = 2880
AFW_TABLE_VERSION: Final = 3
COPIED_ROWS: Final = 256

_BITPIX: Final = {"f4": -32, "i4": 32, "i2": 16}


def write_exposure(
    path: Path,
    planes: Planes,
    *,
    wcs: Sequence[Card],
    primary: Sequence[Card],
    unit_njy: float,
    band: str,
    physical_filter: str,
) -> None:
    """Write an ``ExposureF`` with ``xy0 = (0, 0)``, uncompressed.

    Parameters
    ----------
    path : `Path`
        File to write.
    planes : `Planes`
        Image, mask and variance, (y, x).
    wcs : sequence of cards
        TAN-SIP WCS of the array, repeated in all three planes as afw does.
    primary : sequence of cards
        What is known of the visit.
    unit_njy : `float`
        Flux of one count, in nJy.
    band, physical_filter : `str`
        The filter.
    """
    with path.open("wb") as stream:
        _write(stream, [*_exposure_primary(), *primary])
        mask_planes: list[Card] = [(f"MP_{name}", MASK_PLANES[name], "") for name in sorted(MASK_PLANES)]
        _write_plane(stream, planes.image, "IMAGE", wcs, [("BUNIT", "count", "")])
        _write_plane(stream, planes.mask, "MASK", wcs, mask_planes)
        _write_plane(stream, planes.variance, "VARIANCE", wcs, [("BUNIT", "count**2", "")])
        _write_archive(stream, unit_njy=unit_njy, band=band, physical_filter=physical_filter)


def write_catalog(path: Path, columns: Mapping[str, Column], *, exposure_id: int) -> None:
    """Write a ``SourceCatalog``: flags packed into one bit column, then the columns of `SCHEMA`, (n,) each."""
    more: list[Card] = [("ALIAS", f"{name}:{target}", "") for name, target in ALIASES]
    more += [("base_CircularApertureFlux_radii", radius_px, "") for radius_px in APERTURE_RADII_PX]
    more += [("EXPOSURE_ID", exposure_id, "visit * 200 + detector")]
    more += [("AFW_TYPE", "SOURCE", "Tells lsst::afw to load this as a Source table.")]
    with path.open("wb") as stream:
        _write(stream, [*_empty_primary()])
        _write_table(stream, SCHEMA, columns, more)


def write_raw(path: Path, image: npt.NDArray[np.uint16], cards: Sequence[Card]) -> None:
    """Write one detector's raw image, (y, x) uint16, as a single primary HDU."""
    header: list[Card] = [
        ("SIMPLE", True, "file does conform to FITS standard"),
        ("BITPIX", 16, "number of bits per data pixel"),
        ("NAXIS", 2, "number of data axes"),
        ("NAXIS1", image.shape[1], "length of data axis 1"),
        ("NAXIS2", image.shape[0], "length of data axis 2"),
        ("BZERO", 32768, "offset of unsigned integers"),
        ("BSCALE", 1, ""),
        *cards,
    ]
    with path.open("wb") as stream:
        _write(stream, header, (image ^ np.uint16(0x8000)).view(np.int16).astype(">i2").tobytes())


def _empty_primary() -> list[Card]:
    return [
        ("SIMPLE", True, "file does conform to FITS standard"),
        ("BITPIX", 8, "number of bits per data pixel"),
        ("NAXIS", 0, "number of data axes"),
        ("EXTEND", True, "FITS dataset may contain extensions"),
    ]


def _exposure_primary() -> list[Card]:
    cards = _empty_primary()
    cards.append(("EXPINFO_V", 2, ""))
    cards.append(("AR_HDU", 5, "HDU (1-indexed) of the archive index"))
    for number, name in enumerate(("PHOTOCALIB", "FILTER"), start=1):
        cards.append((f"{name}_ID", number, f"archive ID of '{name}'"))
        cards.append((f"ARCHIVE_ID_{name}", number, f"archive ID of '{name}'"))
    return cards


def _write_plane(
    stream: BinaryIO, array: npt.NDArray[Any], name: str, wcs: Sequence[Card], more: Sequence[Card]
) -> None:
    rows, columns = array.shape
    cards: list[Card] = [
        ("XTENSION", "IMAGE", "IMAGE extension"),
        ("BITPIX", _BITPIX[array.dtype.str[1:]], "number of bits per data pixel"),
        ("NAXIS", 2, "number of data axes"),
        ("NAXIS1", columns, "length of data axis 1"),
        ("NAXIS2", rows, "length of data axis 2"),
        ("PCOUNT", 0, "required keyword; must = 0"),
        ("GCOUNT", 1, "required keyword; must = 1"),
        *wcs,
        *more,
        ("LTV1", 0.0, ""),
        ("LTV2", 0.0, ""),
        ("INHERIT", True, ""),
        ("EXTTYPE", name, ""),
        ("EXTNAME", name, ""),
        *_parent_wcs(),
    ]
    _write(stream, cards)
    swapped = np.empty((COPIED_ROWS, columns), array.dtype.newbyteorder(">"))
    for row in range(0, rows, COPIED_ROWS):
        part = swapped[: min(COPIED_ROWS, rows - row)]
        part[...] = array[row : row + COPIED_ROWS]
        stream.write(part.data)
    _pad(stream, b"\0")


def _parent_wcs() -> list[Card]:
    """The "A" WCS, from which afw reads ``xy0``."""
    return [
        ("CTYPE1A", "LINEAR", "Type of projection"),
        ("CTYPE2A", "LINEAR", "Type of projection"),
        ("CRPIX1A", 1.0, "Column Pixel Coordinate of Reference"),
        ("CRPIX2A", 1.0, "Row Pixel Coordinate of Reference"),
        ("CRVAL1A", 0.0, "Column pixel of Reference Pixel"),
        ("CRVAL2A", 0.0, "Row pixel of Reference Pixel"),
        ("CUNIT1A", "PIXEL", "Column unit"),
        ("CUNIT2A", "PIXEL", "Row unit"),
    ]


_INDEX: Final = (
    Field(name="id", form="J", doc="Archive ID of the object that owns the records this entry points at"),
    Field(name="cat.archive", form="J", doc="index of the catalog, from the perspective of the archive"),
    Field(name="cat.persistable", form="J", doc="index of the catalog, from the perspective of the object"),
    Field(name="row0", form="J", doc="first row used by the object in this catalog"),
    Field(name="nrows", form="J", doc="number of rows used by the object in this catalog"),
    Field(name="name", form="64A", doc="unique name of the object's class", kind="String"),
    Field(name="module", form="64A", doc="Python module that registers the object's factory", kind="String"),
)

_PHOTO_CALIB: Final = (
    Field(name="isConstant", form="X", doc="Is this spatially-constant?"),
    Field(name="calibrationMean", form="D", doc="mean calibration on this PhotoCalib's domain", unit="count"),
    Field(name="calibrationErr", form="D", doc="1-sigma error on calibrationMean", unit="count"),
    Field(name="field", form="J", doc="archive ID of the BoundedField object"),
    Field(name="version", form="J", doc="version of this PhotoCalib"),
)

_FILTER_LABEL: Final = (
    Field(name="band_exists", form="X", doc="Existence flag for band"),
    Field(name="band", form="32A", doc="Name of the band.", kind="String"),
    Field(name="physical_exists", form="X", doc="Existence flag for physical"),
    Field(name="physical", form="32A", doc="Name of the physical filter.", kind="String"),
)


def _write_archive(stream: BinaryIO, *, unit_njy: float, band: str, physical_filter: str) -> None:
    index: dict[str, Column] = {
        "id": np.array([1, 2]),
        "cat.archive": np.array([1, 2]),
        "cat.persistable": np.array([0, 0]),
        "row0": np.array([0, 0]),
        "nrows": np.array([1, 1]),
        "name": np.array(["PhotoCalib", "FilterLabel"]),
        "module": np.array(["", ""]),
    }
    _write_table(stream, _INDEX, index, [("EXTTYPE", "ARCHIVE_INDEX", ""), ("AR_CATN", 0, ""), ("AR_NCAT", 3, "")])
    calibration: dict[str, Column] = {
        "isConstant": np.array([True]),
        "calibrationMean": np.array([unit_njy]),
        "calibrationErr": np.array([0.0]),
        "field": np.array([0]),
        "version": np.array([1]),
    }
    _write_table(stream, _PHOTO_CALIB, calibration, _archive_data(1, "PhotoCalib"))
    label: dict[str, Column] = {
        "band_exists": np.array([True]),
        "band": np.array([band]),
        "physical_exists": np.array([True]),
        "physical": np.array([physical_filter]),
    }
    _write_table(stream, _FILTER_LABEL, label, _archive_data(2, "FilterLabel"))


def _archive_data(number: int, name: str) -> list[Card]:
    return [
        ("EXTTYPE", "ARCHIVE_DATA", ""),
        ("AR_CATN", number, "number of this catalog in the archive"),
        ("AR_NAME", name, "Class name for objects stored here"),
    ]


def _write_table(
    stream: BinaryIO, fields: Sequence[Field], columns: Mapping[str, Column], more: Sequence[Card]
) -> None:
    """Write an afw table: one ``flags`` bit column in front where there are flags, names and docs in `fields` order."""
    flags = [field.name for field in fields if field.form == "X"]
    values = [field for field in fields if field.form != "X"]
    first = 2 if flags else 1
    records = _records(flags, values, columns)
    cards: list[Card] = [
        ("XTENSION", "BINTABLE", "binary table extension"),
        ("BITPIX", 8, "8-bit bytes"),
        ("NAXIS", 2, "number of data axes"),
        ("NAXIS1", records.dtype.itemsize, "width of table in bytes"),
        ("NAXIS2", len(records), "number of rows in table"),
        ("PCOUNT", 0, "size of special data area"),
        ("GCOUNT", 1, "one data group (required keyword)"),
        ("TFIELDS", len(values) + first - 1, "number of fields in each row"),
    ]
    if flags:
        cards.append(("TTYPE1", "flags", "bits for all Flag fields; see also TFLAGn"))
        cards += [("TFORM1", f"{len(flags)}X", "format of field"), ("FLAGCOL", 1, "Column number for the bitflags.")]
    bit, column = 0, first - 1
    for field in fields:
        if field.form == "X":
            bit += 1
            cards += [(f"TFLAG{bit}", field.name, ""), (f"TFDOC{bit}", field.doc, "")]
        else:
            column += 1
            cards += _column_cards(column, field)
    _write(stream, [*cards, *more, ("AFW_TABLE_VERSION", AFW_TABLE_VERSION, "")], records.tobytes())


def _column_cards(number: int, field: Field) -> Iterable[Card]:
    form = field.form if field.form[0].isdigit() else f"1{field.form}"
    yield (f"TTYPE{number}", field.name, "")
    yield (f"TFORM{number}", form, "format of field")
    yield (f"TDOC{number}", field.doc, "")
    if field.unit:
        yield (f"TUNIT{number}", field.unit, "")
    yield (f"TCCLS{number}", field.kind, "Field template used by lsst.afw.table")


_DTYPES: Final = {"K": ">i8", "J": ">i4", "D": ">f8", "E": ">f4"}


def _records(flags: Sequence[str], values: Sequence[Field], columns: Mapping[str, Column]) -> npt.NDArray[Any]:
    """Return the rows of a table as FITS stores them, a structured array (n,)."""
    layout: list[tuple[str, Any]] = [(f.name, _DTYPES.get(f.form) or f"S{f.form[:-1]}") for f in values]
    if flags:
        layout.insert(0, ("flags", np.dtype((np.uint8, ((len(flags) + 7) // 8,)))))
    records = np.zeros(len(columns[values[0].name]), layout)
    for field in values:
        records[field.name] = columns[field.name]
    if flags:
        records["flags"] = np.packbits(np.stack([columns[name] for name in flags], axis=1), axis=1)
    return records


def _write(stream: BinaryIO, cards: Iterable[Card], data: bytes = b"") -> None:
    """Write one HDU: its header, and `data` if it is given."""
    stream.write("".join(_card_text(*card) for card in cards).encode("ascii"))
    stream.write(b"END".ljust(80))
    _pad(stream, b" ")
    stream.write(data)
    _pad(stream, b"\0")


@functools.lru_cache(maxsize=4096, typed=True)
def _card_text(key: str, value: str | float | bool, comment: str) -> str:
    """Return a card's 80 characters or more: long values continue, long or lower-case keys are HIERARCH.

    Kept, because astropy takes half a millisecond for each and most cards are the same in every file.
    """
    wide = len(key) > 8 or key != key.upper()
    return str(fits.Card(f"HIERARCH {key}" if wide else key, value, comment))


def _pad(stream: BinaryIO, filler: bytes) -> None:
    stream.write(filler * (-stream.tell() % BLOCK_BYTES))
