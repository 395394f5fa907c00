"""FITS images in every variant that astropy, CFITSIO and lsst.images write, each with the pixels that are right.

The right pixels come from how a file was made where nothing is lost, else from the reader of the package that wrote it.
"""

from __future__ import annotations

import gzip
import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]
SHAPE_YX: Final = (12, 17)
BLANKS: Final = {"no blank": None, "a blank": 7, "blank 0": 0}
"""Stored integers that are blank."""
TURNED: Final = {"i1": -128, "u2": 1 << 15, "u4": 1 << 31, "u8": 1 << 63}
"""BZERO of the integers that FITS stores with their highest bit turned over."""
COMPRESSIONS: Final = ("RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1", "NOCOMPRESS")
_WIDE: Final = ("GZIP_1", "GZIP_2", "NOCOMPRESS")
TILES: Final = {"rows": None, "four rows": (4, 17), "one tile": (12, 17), "patches": (6, 6)}
DITHERS: Final = {
    "lossless": (0, None),
    "no dither": (16, "NO_DITHER"),
    "dither 1": (4, "SUBTRACTIVE_DITHER_1"),
    "dither 2": (4, "SUBTRACTIVE_DITHER_2"),
    "a step of 0.5": (-0.5, "SUBTRACTIVE_DITHER_1"),
}
_METHODS: Final = {"NO_DITHER": -1, "SUBTRACTIVE_DITHER_1": 1, "SUBTRACTIVE_DITHER_2": 2}


class NotWritten(Exception):
    """Raised where a package does not write a variant."""


@dataclass(frozen=True)
class Variant:
    """One way to write an image."""

    name: str
    write: Callable[[Path], Pixels]
    """Writes the file; returns the right pixels, or raises `NotWritten`."""


def integers() -> Iterator[Variant]:
    """Integers of every width, signed or not, scaled or not, with and without a blank, by astropy."""
    kinds = ("u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8")
    for kind, blank, scaled in itertools.product(kinds, BLANKS, (False, True)):
        if scaled and kind in TURNED:
            continue
        name = f"{kind}, {blank}{', scaled' if scaled else ''}"
        for packing in ("none", "gzip"):
            yield Variant(f"{name}, {packing}", _raw(kind, BLANKS[blank], scaled, packed=packing == "gzip"))
        # All tiles once; where numbers change on their way, one shape that zlib reads, or one that it does not.
        shapes = ("patches",) if scaled else ("four rows",) if BLANKS[blank] is not None else tuple(TILES)
        for compression, tiles in itertools.product(COMPRESSIONS, shapes):
            # CFITSIO has a way of its own to store uint16 by PLIO_1; astropy makes 32 bits of 64 in all but these.
            if not (kind == "u2" and compression == "PLIO_1") and (kind not in {"i8", "u8"} or compression in _WIDE):
                wanted = _tiled(kind, BLANKS[blank], scaled, compression, tiles)
                yield Variant(f"{name}, {compression}, {tiles}", wanted)


def floats() -> Iterator[Variant]:
    """Floats with and without NaN, quantized or not, by astropy and by lsst.images."""
    for kind, compression, tiles, gaps, dither in itertools.product(
        ("f4", "f8"), COMPRESSIONS, TILES, (False, True), DITHERS
    ):
        if kind == "f8" and tiles != "patches":
            continue
        name = f"{kind}{' with NaN' if gaps else ''}, {compression}, {tiles}, {dither}"
        yield Variant(f"astropy: {name}", _by_astropy(kind, compression, tiles, dither, gaps=gaps))
        if tiles == "four rows" and compression in {"RICE_1", "GZIP_1", "GZIP_2"} and dither != "a step of 0.5":
            yield Variant(f"lsst.images: {name}", _by_lsst_images(kind, compression, tiles, dither, gaps=gaps))


def by_fitsio() -> Iterator[Variant]:
    """All dtypes, by CFITSIO."""
    for kind in ("u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"):
        yield Variant(f"fitsio: {kind}", _by_fitsio(kind, None, "rows", "lossless", gaps=False))
        for compression, tiles, gaps, dither in itertools.product(COMPRESSIONS[:-1], TILES, (False, True), DITHERS):
            if kind.startswith("f") or not (gaps or dither != "lossless"):
                name = f"fitsio: {kind}{' with NaN' if gaps else ''}, {compression}, {tiles}, {dither}"
                yield Variant(name, _by_fitsio(kind, compression, tiles, dither, gaps=gaps))


def odd_tables() -> Iterator[Variant]:
    """Compressed images whose blanks stand in a column, one for each tile."""
    for kind, dither in itertools.product(("f4", "f8"), ("no dither", "dither 1", "dither 2")):
        written = _by_astropy(kind, "RICE_1", "four rows", dither, gaps=True)
        yield Variant(f"{kind}, blanks in a column, {dither}", _rebuilt(written, _with_blanks_in_a_column))
    for kind, compression in itertools.product(("i2", "i4", "u2", "u4"), ("RICE_1", "GZIP_2")):
        tiled = _tiled(kind, 7, False, compression, "rows")
        yield Variant(f"{kind}, {compression}, blanks in a column", _rebuilt(tiled, _with_blanks_in_a_column))


def _rebuilt(write: Callable[[Path], Pixels], change: Callable[[Any], Any]) -> Callable[[Path], Pixels]:
    """Return a writer that changes the table that another has compressed an image into."""

    def rewrite(path: Path) -> Pixels:
        from astropy.io import fits

        right = write(path)
        with _quiet():
            with fits.open(path, disable_image_compression=True, memmap=False) as hdus:
                changed = change(hdus[1])
            fits.HDUList([fits.PrimaryHDU(), changed]).writeto(path, overwrite=True)
        return right

    return rewrite


def _with_blanks_in_a_column(table: Any) -> Any:
    from astropy.io import fits

    blank = table.header.get("ZBLANK", table.header.get("BLANK"))
    made = _copy(table, fits.Column("ZBLANK", "1J", array=np.full(len(table.data), blank)))
    made.header.remove("ZBLANK", ignore_missing=True)
    return made


def _copy(table: Any, *more_columns: Any) -> Any:
    from astropy.io import fits

    made = fits.BinTableHDU.from_columns([*(_copied(table, column) for column in table.columns), *more_columns])
    for card in table.header.cards:
        if card.keyword.startswith(("Z", "BZERO", "BSCALE")):
            made.header[card.keyword] = card.value
    return made


def _copied(table: Any, column: Any) -> Any:
    from astropy.io import fits

    values = table.data[column.name]
    if "P" not in column.format:
        return fits.Column(column.name, column.format, array=np.array(values))
    rows = np.empty(len(values), object)
    for number, row in enumerate(values):
        rows[number] = np.array(row)
    return fits.Column(column.name, "1PB()", array=rows)


def stored_integers(kind: str) -> Pixels:
    """Return integers as a file holds them: small ones, for HCOMPRESS and PLIO take no others."""
    stored = np.random.default_rng(3).integers(0, 100, SHAPE_YX).astype({"i1": "u1"}.get(kind, kind.replace("u", "i")))
    if kind == "u1":
        stored = stored.view("u1")
    stored[0, 0], stored[4, 5], stored[8, 11] = 0, 7, 0
    return stored


def physical(stored: Pixels, header: Any) -> Pixels:
    """Return the pixels of stored integers by the words of the FITS standard, in the dtypes of `docs/formats.md`."""
    size = stored.dtype.itemsize
    scale, zero = header.get("BSCALE", 1), header.get("BZERO", 0)
    wide: Any = np.float32 if size <= 2 else np.float64
    if scale != 1:
        pixels: Pixels = stored.astype(wide) * wide(scale) + wide(zero)
    elif zero == 0:
        pixels = stored
    else:
        kind = "i1" if size == 1 else f"u{size}"
        pixels = np.array([int(value) + zero for value in stored.flat], kind).reshape(stored.shape)
    if "BLANK" in header:
        pixels = pixels.astype(wide)
        pixels[stored == header["BLANK"]] = np.nan
    return pixels


def _cards(kind: str, blank: int | None, *, scaled: bool) -> Any:
    from astropy.io import fits

    header = fits.Header()
    if scaled:
        header["BSCALE"], header["BZERO"] = 0.5, 100.0
    elif kind in TURNED:
        header["BSCALE"], header["BZERO"] = 1, TURNED[kind]
    if blank is not None:
        header["BLANK"] = blank
    return header


def raw_file(stored: Pixels, header: Any) -> bytes:
    """Return a FITS file whose second HDU holds integers as they are, with the cards of a header."""
    from astropy.io import fits

    frame = [("XTENSION", "IMAGE"), ("BITPIX", 8 * stored.itemsize), ("NAXIS", 2)]
    axes = [("NAXIS1", stored.shape[1]), ("NAXIS2", stored.shape[0]), ("PCOUNT", 0), ("GCOUNT", 1)]
    cards = fits.Header([*frame, *axes, *((card.keyword, card.value) for card in header.cards)])
    data = stored.astype(stored.dtype.newbyteorder(">")).tobytes()
    heads = str(fits.PrimaryHDU().header.tostring() + cards.tostring())
    return heads.encode("ascii") + bytes(data) + bytes(-len(data) % 2880)


def _raw(kind: str, blank: int | None, scaled: bool, *, packed: bool) -> Callable[[Path], Pixels]:
    def write(path: Path) -> Pixels:
        stored, header = stored_integers(kind), _cards(kind, blank, scaled=scaled)
        content = raw_file(stored, header)
        path.write_bytes(gzip.compress(content, 1) if packed else content)
        return physical(stored, header)

    return write


def _tiled(kind: str, blank: int | None, scaled: bool, compression: str, tiles: str) -> Callable[[Path], Pixels]:
    def write(path: Path) -> Pixels:
        from astropy.io import fits

        stored, header = stored_integers(kind), _cards(kind, blank, scaled=scaled)
        with _quiet():
            hdu = fits.CompImageHDU(stored, compression_type=compression, tile_shape=TILES[tiles])
            fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
            # The cards speak of stored numbers, so they come when these stand there.
            with fits.open(path, disable_image_compression=True, memmap=False) as hdus:
                hdus[1].header.update(header)
                if blank is not None and tiles == "four rows":
                    hdus[1].header.rename_keyword("BLANK", "ZBLANK")
                hdus.writeto(path, overwrite=True)
        return physical(stored, header)

    return write


def _sky(kind: str, *, gaps: bool) -> Pixels:
    pixels = np.random.default_rng(5).normal(100, 5, SHAPE_YX).astype(kind)
    pixels[5, 5] = 0
    if gaps:
        pixels[2, 3], pixels[8] = np.nan, np.nan
    return pixels


def _by_astropy(kind: str, compression: str, tiles: str, dither: str, *, gaps: bool) -> Callable[[Path], Pixels]:
    def write(path: Path) -> Pixels:
        from astropy.io import fits

        level, method = DITHERS[dither]
        options = {"quantize_method": _METHODS[method]} if method else {}
        return _written(
            path,
            lambda: fits.CompImageHDU(
                _sky(kind, gaps=gaps),
                compression_type=compression,
                tile_shape=TILES[tiles],
                quantize_level=level,
                **options,
            ),
        )

    return write


def _by_lsst_images(kind: str, compression: str, tiles: str, dither: str, *, gaps: bool) -> Callable[[Path], Pixels]:
    def write(path: Path) -> Pixels:
        try:
            from lsst.images import fits as images
        except ImportError:
            raise NotWritten("lsst.images is not installed") from None

        level, method = DITHERS[dither]
        quantization = method and images.FitsQuantizationOptions(
            dither=images.FitsDitherAlgorithm[method], level=level, seed=1
        )
        options = images.FitsCompressionOptions(
            algorithm=images.FitsCompressionAlgorithm(compression), tile_shape=TILES[tiles], quantization=quantization
        )
        return _written(path, lambda: options.make_hdu(_sky(kind, gaps=gaps), "IMAGE"))

    return write


def _written(path: Path, make: Callable[[], Any]) -> Pixels:
    """Write an HDU, and return its pixels as astropy reads them."""
    from astropy.io import fits

    with _quiet():
        try:
            fits.HDUList([fits.PrimaryHDU(), make()]).writeto(path, overwrite=True)
            with fits.open(path, memmap=False) as hdus:
                return np.array(hdus[1].data)
        except (ValueError, OverflowError, OSError, RuntimeError) as error:
            raise NotWritten(str(error)) from error
        except Exception as error:
            if type(error).__name__ == "CfitsioException":
                raise NotWritten(str(error)) from error
            raise


def _by_fitsio(kind: str, compression: str | None, tiles: str, dither: str, *, gaps: bool) -> Callable[[Path], Pixels]:
    def write(path: Path) -> Pixels:
        import fitsio

        level, method = DITHERS[dither]
        pixels = _sky(kind, gaps=gaps) if kind.startswith("f") else stored_integers("i4").astype(kind)
        options: dict[str, Any] = {}
        if compression is not None:
            options = {"compress": compression, "tile_dims": TILES[tiles]}
            if kind.startswith("f"):
                options |= {"qlevel": level, "qmethod": method}
        try:
            fitsio.write(str(path), pixels, clobber=True, **options)
        except (OSError, ValueError) as error:
            raise NotWritten(str(error)) from error
        with fitsio.FITS(str(path)) as file:
            return np.asarray(file[-1].read())

    return write


class _quiet(warnings.catch_warnings):  # noqa: N801 - used as a function
    """Ignore the warnings of writers: many variants are odd on purpose."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore")
        return entered
