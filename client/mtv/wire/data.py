"""Data that messages carry: arrays out of band, exposures, catalogs, and where pixels come from."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all plain values on the wire."""


class Array(Data, frozen=True, kw_only=True):
    """An array whose bytes travel outside the body: as a buffer of the message, or in a file of the pixel directory.

    Arrays are C-contiguous, two-dimensional ones ``(y, x)``.
    """

    dtype: str
    """numpy's name with byte order: ``<f8``, ``>f4``, ``|u1``, ``|b1``, ``<U12``."""
    shape: tuple[int, ...]
    buffer: int | None = None
    """Index among the message's buffers."""
    file: str | None = None
    """Name of a file in the pixel directory (never a path); exactly one of ``buffer`` and ``file`` is given."""
    offset: int = 0
    """First byte in the buffer or file."""
    packing: Literal["", "shuffle-zlib"] = ""
    """How the bytes of a mask's buffer are packed: ``shuffle-zlib`` as ``PROTOCOL.md`` describes it; empty: not."""


class Exposure(Data, frozen=True, kw_only=True, tag_field="source", tag="exposure"):
    """An image with what belongs to it. A source of `Mtv`, and the answer to `Get` of an exposure."""

    image: Array
    """``(y, x)`` pixels.

    From a client they are as FITS stores them, big-endian; ``>u2`` and ``>u4`` hold the signed integers that go with a
    ``BZERO`` of 2**15 and 2**31.
    """
    mask: Array | None = None
    """``(y, x)`` integers, the shape of the image."""
    variance: Array | None = None
    """``(y, x)`` floats, the shape of the image."""
    planes: dict[str, int] = {}
    """Mask plane name to bit number."""
    xy0: tuple[int, int] = (0, 0)
    """0-based parent pixel ``(x, y)`` of the first pixel."""
    wcs: str = ""
    """Header cards that tell of the celestial WCS in local 1-based pixels, 80 characters each, concatenated.

    From a client they are whatever its image's header has; from the daemon they are the WCS alone, in one form.
    """
    sky_wcs: str = ""
    """The exact ``SkyWcs`` of ``lsst.afw`` in the words of AST, for 0-based parent pixels; only for clients."""
    unit: str = ""
    """Unit of the pixels, as in ``BUNIT``."""
    label: str = ""
    """Name for people: shown by status."""
    metadata: dict[str, str | int | float | bool | None] = {}
    """Header keywords: of the file, for the client; of the caller's object, for the header that DS9 shows."""
    notes: tuple[str, ...] = ()
    """Parts of the source that are not shown or not told, and why, in words for the user: a mask of another shape."""
    caption: str = ""
    """Name that the picture bears: dataset, visit, detector and filter; the label where empty. Since 1.4."""


class SkyBox(Data, frozen=True, kw_only=True):
    """A cut-out around a point of the sky, its sides along rows and columns; clipped to the image."""

    ra_deg: float
    """ICRS."""
    dec_deg: float
    width_arcsec: float
    height_arcsec: float


class Dataset(Data, frozen=True, kw_only=True, tag_field="source", tag="dataset"):
    """A dataset of a repository, by its UUID, or by type, data ID and collections."""

    repo: str = ""
    """Alias or path of the repository; empty for the daemon's first."""
    id: str = ""
    """UUID as 32 or 36 characters; where given, the rest only serves messages."""
    dataset_type: str = ""
    """With a component where wanted: ``calexp.mask``."""
    data_id: dict[str, int | str] = {}
    collections: tuple[str, ...] = ()
    hdu: int | str | None = None
    """HDU of its file, as in `File`."""
    cube_index: tuple[int, ...] = ()
    """Slice of a cube, as in `File`."""
    bbox: tuple[int, int, int, int] | None = None
    """Cut-out ``(x_min, y_min, width, height)`` in 0-based parent pixels."""
    sky: SkyBox | None = None
    """Cut-out on the sky; at most one of ``bbox`` and ``sky`` is given."""


class File(Data, frozen=True, kw_only=True, tag_field="source", tag="file"):
    """A FITS file that the daemon reads; only for clients on the daemon's own host."""

    path: str
    """Absolute path."""
    hdu: int | str | None = None
    """0-based number or name (``SCI``, ``SCI,2``) of an HDU; the first image, or an exposure, where not given."""
    component: str = ""
    """Part of an exposure: ``image``, ``mask``, ``variance``, ``wcs``, ``bbox``, ``metadata``; all where empty."""
    cube_index: tuple[int, ...] = ()
    """Slice of an image with more than two axes: 0-based index on each axis before ``(y, x)``."""
    bbox: tuple[int, int, int, int] | None = None
    """Cut-out, as in `Dataset`."""
    sky: SkyBox | None = None
    """Cut-out on the sky, as in `Dataset`."""


class Handle(Data, frozen=True, kw_only=True, tag_field="source", tag="handle"):
    """Data that `Load` has brought into the daemon's cache."""

    handle: str


Source = Exposure | Dataset | File | Handle


class Column(Data, frozen=True, kw_only=True):
    """One column of a catalog."""

    name: str
    array: Array
    """``(rows,)``, or ``(rows, n)`` and more axes for array columns; flags are ``|b1``."""
    gaps: Array | None = None
    """``|b1`` in the shape of ``array``: True where there is no value; None where gaps are NaN, or there are none."""
    unit: str = ""
    doc: str = ""
    kind: str = ""
    """The type as the file's own words have it: ``F8``, ``Flag``, ``Angle``, ``ArrayF``; empty where it has none."""


class Catalog(Data, frozen=True, kw_only=True):
    """A table by columns, with the slots of ``lsst.afw.table``."""

    rows: int
    columns: tuple[Column, ...]
    aliases: dict[str, str] = {}
    """Prefix aliases: ``slot_Centroid`` to ``base_SdssCentroid``."""
    metadata: dict[str, Any] = {}
    label: str = ""
