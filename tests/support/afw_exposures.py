"""Exposures with an archive, in the layout of each version of ``lsst.afw``, written with astropy.

Version 0, with or without its number, has filter and calibration in the header, version 1 the filter; version 2 has
both in the archive. Each has its ``SkyWcs`` there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from mtv.shared.sky.cards import card

SKY: Final[dict[str, str | float]] = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 5.0, "CRPIX2": 5.0, "CRVAL1": 30.0, "CRVAL2": 40.0,
    "CD1_1": -0.001, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.001, "RADESYS": "ICRS",
}  # fmt: skip
"""The WCS of `AST_TEXT` as FITS says it."""

AST_TEXT: Final = """\
Begin FrameSet
#   Title = "ICRS coordinates; gnomonic projection"
    Nframe = 2
#   Base = 1
    Currnt = 2
    Lnk2 = 1
    Frm1 =
       Begin Frame
          Naxes = 2
          Domain = "PIXELS"
          Ax1 =
             Begin Axis
             End Axis
          Ax2 =
             Begin Axis
             End Axis
       End Frame
    Frm2 =
       Begin SkyFrame
          Ident = " "
       IsA Object
          Naxes = 2
          System = "ICRS"
          Ax1 =
             Begin SkyAxis
             End SkyAxis
          Ax2 =
             Begin SkyAxis
             End SkyAxis
       IsA Frame
       End SkyFrame
    Map2 =
       Begin CmpMap
          Nin = 2
       IsA Mapping
          MapA =
             Begin WinMap
                Nin = 2
             IsA Mapping
                Sft1 = 6.981317007977318e-05
                Scl1 = -1.7453292519943296e-05
                Sft2 = -6.981317007977318e-05
                Scl2 = 1.7453292519943296e-05
             End WinMap
          MapB =
             Begin CmpMap
                Nin = 2
             IsA Mapping
                InvA = 1
                MapA =
                   Begin WcsMap
                      Nin = 2
                      Invert = 1
                   IsA Mapping
                      Type = "TAN"
                   End WcsMap
                MapB =
                   Begin CmpMap
                      Nin = 2
                   IsA Mapping
                      InvA = 1
                      MapA =
                         Begin SphMap
                            Nin = 3
                            Nout = 2
                            Invert = 1
                         IsA Mapping
                            UntRd = 1
                            PlrLg = 0
                         End SphMap
                      MapB =
                         Begin CmpMap
                            Nin = 3
                            Nout = 2
                         IsA Mapping
                            MapA =
                               Begin MatrixMap
                                  Nin = 3
                               IsA Mapping
                                  M0 = 0.55667039922641948
                                  M1 = -0.49999999999999972
                                  M2 = 0.66341394816893851
                                  M3 = 0.32139380484326951
                                  M4 = 0.86602540378443882
                                  M5 = 0.38302222155948878
                                  M6 = -0.76604444311897801
                                  M7 = 0
                                  M8 = 0.64278760968653936
                                  Form = "Full"
                               End MatrixMap
                            MapB =
                               Begin SphMap
                                  Nin = 3
                                  Nout = 2
                               IsA Mapping
                                  UntRd = 1
                                  PlrLg = 0.52359877559829882
                               End SphMap
                         End CmpMap
                   End CmpMap
             End CmpMap
       End CmpMap
 End FrameSet
"""
"""A ``SkyWcs`` in the words of AST, from 0-based parent pixels to ICRS."""

CALIBRATION: Final = {"calibrationMean": 3630.780547701003, "calibrationErr": 72.61561095402007, "isConstant": True}
FLUX_OF_ZERO: Final = {"FLUXMAG0": 1e9, "FLUXMAG0ERR": 2e7}
"""The same calibration as version 0 has it: counts of magnitude zero."""
PLANES: Final = {"BAD": 0, "SAT": 1}
XY0: Final = (100, 200)


def write(
    path: Path,
    version: int | None,
    *,
    filter_name: str = "r",
    ast_text: str = AST_TEXT,
    in_header: bool = True,
    parts: bool = True,
    xy0: tuple[int, int] = (0, 0),
) -> np.ndarray[Any, Any]:
    """Write an exposure of a version, None for one before versions had numbers, and return its pixels.

    Parameters
    ----------
    filter_name : `str`
        As the header of versions 0 and 1 has it; version 2 has the band ``r`` and the filter ``HSC-R``.
    ast_text : `str`
        The ``SkyWcs``.
    in_header : `bool`
        Whether the header has the WCS too.
    parts : `bool`
        False for an exposure that has neither filter nor calibration.
    xy0 : `tuple` [`int`, `int`]
        0-based parent pixel of the first one.
    """
    from astropy.io import fits

    pixels = np.arange(100, dtype="f4").reshape(10, 10)
    primary = fits.PrimaryHDU(header=fits.Header.fromstring(_primary(version, filter_name, parts)))
    images = [
        fits.ImageHDU(values, _image_header(kind, in_header=in_header, xy0=xy0))
        for kind, values in (("IMAGE", pixels), ("MASK", (pixels > 50).astype("i4")), ("VARIANCE", pixels * 2))
    ]
    fits.HDUList([primary, *images, *_archive(version, ast_text)]).writeto(path)
    return pixels


def _primary(version: int | None, filter_name: str, parts: bool) -> str:
    words: dict[str, str | float] = {} if version is None else {"EXPINFO_V": version}
    words |= {"AR_HDU": 5, "SKYWCS_ID": 1}
    if parts and version and version >= 1:
        words["PHOTOCALIB_ID"] = 2
    elif parts:
        words |= FLUX_OF_ZERO
    if version == 2:
        words |= {"ARCHIVE_ID_SKYWCS": 1} | ({"ARCHIVE_ID_PHOTOCALIB": 2, "FILTER_ID": 3} if parts else {})
        words |= {"ARCHIVE_ID_FILTER": 3} if parts else {}
    else:
        words["FILTER"] = filter_name if parts else "_unknown_"
    return "".join(_written(keyword, value) for keyword, value in words.items())


def _written(keyword: str, value: str | float) -> str:
    return card(keyword, value) if len(keyword) <= 8 else f"HIERARCH {keyword} = {value!r}".ljust(80)


def _image_header(kind: str, *, in_header: bool, xy0: tuple[int, int]) -> Any:
    from astropy.io import fits

    header = fits.Header({"INHERIT": True, "EXTTYPE": kind, "LTV1": -xy0[0], "LTV2": -xy0[1]})
    header.update(SKY if in_header else {})
    for axis in (1, 2):
        header.update({f"CTYPE{axis}A": "LINEAR", f"CRPIX{axis}A": 1.0, f"CRVAL{axis}A": float(xy0[axis - 1])})
        header[f"CUNIT{axis}A"] = "PIXEL"
    if kind == "MASK":
        header.update({f"MP_{plane}": bit for plane, bit in PLANES.items()})
    return header


def _archive(version: int | None, ast_text: str) -> list[Any]:
    from astropy.io import fits

    stored = np.frombuffer(f"1 SkyWcs 0  {ast_text}".encode(), np.uint8)
    wcs = fits.BinTableHDU.from_columns([fits.Column("wcs", "PB()", array=np.array([stored, stored[:0]], object)[:1])])
    rows = [(1, 1, 0, "SkyWcs")]
    tables = [wcs]
    if version and version >= 1:
        rows.append((2, 2, 0, "PhotoCalib"))
        tables.append(_photo_calib())
    if version == 2:
        rows.append((3, 3, 0, "FilterLabel"))
        tables.append(_filter_label())
    ids, catalogs, kinds, names = (np.array(column) for column in zip(*rows, strict=True))
    zeros, ones = np.zeros(len(rows), "i4"), np.ones(len(rows), "i4")
    index = fits.BinTableHDU.from_columns(
        [
            fits.Column("id", "J", array=ids),
            fits.Column("cat.archive", "J", array=catalogs),
            fits.Column("cat.persistable", "J", array=kinds),
            fits.Column("row0", "J", array=zeros),
            fits.Column("nrows", "J", array=ones),
            fits.Column("name", "64A", array=names),
        ]
    )
    index.header["EXTTYPE"] = index.header["EXTNAME"] = "ARCHIVE_INDEX"
    for table in tables:
        table.header["EXTTYPE"] = "ARCHIVE_DATA"
    return [index, *tables]


def _photo_calib() -> Any:
    from astropy.io import fits

    found = fits.BinTableHDU.from_columns(
        [
            fits.Column("flags", "1X", array=np.array([[CALIBRATION["isConstant"]]])),
            fits.Column("calibrationMean", "D", array=[CALIBRATION["calibrationMean"]]),
            fits.Column("calibrationErr", "D", array=[CALIBRATION["calibrationErr"]]),
            fits.Column("field", "J", array=[0]),
            fits.Column("version", "J", array=[1]),
        ]
    )
    found.header["TFLAG1"] = "isConstant"
    return found


def _filter_label() -> Any:
    from astropy.io import fits

    found = fits.BinTableHDU.from_columns(
        [
            fits.Column("flags", "2X", array=np.array([[True, True]])),
            fits.Column("band", "32A", array=["r"]),
            fits.Column("physical", "32A", array=["HSC-R"]),
        ]
    )
    found.header["TFLAG1"], found.header["TFLAG2"] = "band_exists", "physical_exists"
    return found
