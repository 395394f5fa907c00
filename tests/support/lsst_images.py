"""Objects of the package ``lsst.images``, for its own formatter to write: of a visit, of a coadd, of colours.

A detector of a camera can only be had from a file of the pipelines, or put together from the frames that it speaks of.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from tests.support import repo_sample as sample

MANY_PLANES: Final = 40
"""More than one HDU of a mask holds."""
SET_PLANES: Final = (0, 35)
"""Those that some pixel has."""
CENTRE_DEG: Final = (150.1, 2.2)
SCALE_DEG: Final = 5e-5
DETECTOR: Final = 4


def plane_of(number: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which pixels ``(y, x)`` have a mask plane."""
    height, width = sample.SHAPE_YX
    chosen: np.ndarray[Any, np.dtype[np.bool_]] = np.arange(height * width).reshape(height, width) % (number + 2) == 0
    return chosen


def masked_image() -> Any:
    """A `lsst.images.MaskedImage` without a WCS."""
    import lsst.images

    image = _image(None)
    found = lsst.images.MaskedImage(image, mask=_mask(image.bbox))
    found.variance.array[:] = 2
    return found


def visit_image(kind: str = "VisitImage") -> Any:
    """A `lsst.images.VisitImage` or ``DifferenceImage``, with WCS, PSF and detector."""
    import lsst.images
    from astro_metadata_translator import ObservationInfo
    from lsst.images.psfs import GaussianPointSpreadFunction

    box = _box()
    image = _image(lsst.images.DetectorFrame(instrument="HSC", visit=3, detector=DETECTOR, bbox=box))
    found = getattr(lsst.images, kind)(
        image,
        mask=_mask(box),
        obs_info=ObservationInfo(instrument="HSC", physical_filter="HSC-R", visit_id=3, detector_num=DETECTOR),
        psf=GaussianPointSpreadFunction(2.0, box, 21),
        detector=_detector(box),
        band="r",
    )
    found.variance.array[:] = 2
    return found


def cell_coadd() -> Any:
    """A `lsst.images.cells.CellCoadd` of four cells."""
    import lsst.images
    from lsst.images.cells import CellCoadd, CellGrid, CellGridBounds, CellPointSpreadFunction

    box = _box()
    image = _image(lsst.images.TractFrame(skymap="hsc_rings_v1", tract=9813, bbox=box))
    grid = CellGrid(bbox=box, cell_shape=lsst.images.YX(25, 30))
    psf = CellPointSpreadFunction(np.ones((2, 2, 5, 5)), CellGridBounds(grid=grid, bbox=box))
    found = CellCoadd(image, mask=_mask(box), band="r", psf=psf)
    found.variance.array[:] = 2
    return found


def colour_image() -> Any:
    """A `lsst.images.ColorImage`."""
    import lsst.images

    return lsst.images.ColorImage(colours(), bbox=_box())


def colours() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return red, green and blue, ``(y, x, 3)``."""
    return np.arange(3 * np.prod(sample.SHAPE_YX)).reshape(*sample.SHAPE_YX, 3).astype(np.uint8)


def _box() -> Any:
    import lsst.images

    x0, y0 = sample.XY0
    return lsst.images.Box.from_shape(sample.SHAPE_YX, start=(y0, x0))


def _image(frame: Any) -> Any:
    import astropy.units as u
    import lsst.images

    box = _box()
    sky = None if frame is None else _sky(frame, box)
    return lsst.images.Image(sample.image_of(1, 1), bbox=box, unit=u.nJy, sky_projection=sky)


def _sky(frame: Any, box: Any) -> Any:
    import lsst.images
    from astropy.wcs import WCS

    header = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 30.0, "CRPIX2": 25.0}
    header |= {"CRVAL1": CENTRE_DEG[0], "CRVAL2": CENTRE_DEG[1], "CDELT1": -SCALE_DEG, "CDELT2": SCALE_DEG}
    x0, y0 = sample.XY0
    return lsst.images.SkyProjection.from_fits_wcs(WCS(header), frame, pixel_bounds=box, x0=x0, y0=y0)


def _mask(box: Any) -> Any:
    import lsst.images

    planes = [lsst.images.MaskPlane(f"P{number}", "a plane") for number in range(MANY_PLANES)]
    mask = lsst.images.Mask(schema=lsst.images.MaskSchema(planes), bbox=box)
    for number in SET_PLANES:
        mask.set(f"P{number}", plane_of(number))
    return mask


def _detector(box: Any) -> Any:
    from lsst.images.cameras import Detector, DetectorAttributes, DetectorType, Orientation

    attributes = DetectorAttributes(
        name="1_41",
        id=DETECTOR,
        type=DetectorType.SCIENCE,
        serial="1",
        bbox=box,
        orientation=Orientation(focal_plane_x=0, focal_plane_y=0, focal_plane_z=0),
        pixel_size=0.01,
        physical_type="CCD",
    )
    return Detector(attributes, [], _camera())


def _camera() -> Any:
    from lsst.images.cameras import CameraFrameSetSerializationModel
    from starlink import Ast

    frames = Ast.FrameSet(Ast.Frame(2, "Ident=FOCAL_PLANE,Unit(1)=mm,Unit(2)=mm"))
    frames.addframe(1, Ast.ZoomMap(2, 0.01), Ast.Frame(2, "Ident=FIELD_ANGLE"))
    frames.addframe(1, Ast.ZoomMap(2, 100.0), Ast.Frame(2, f"Ident=DETECTOR_{DETECTOR}"))
    written: list[str] = []
    Ast.Channel(None, _Lines(written)).write(frames)
    return CameraFrameSetSerializationModel(instrument="HSC", ast="\n".join(written) + "\n").deserialize(None)


class _Lines:
    """Takes the lines that AST writes."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def astsink(self, line: str) -> None:
        """Take a line."""
        self._lines.append(line)
