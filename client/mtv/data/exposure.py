"""Exposure that a caller gets: image, mask and variance as numpy arrays, planes, WCS and metadata."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mtv.pixels.incoming import Incoming
from mtv.wire import data

if TYPE_CHECKING:
    import numpy as np

    from mtv.shared import skywcs


class Box(NamedTuple):
    """A rectangle of pixels, in 0-based parent coordinates."""

    x_min: int
    y_min: int
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class Mask:
    """A mask by itself, as ``exposure.getMask()`` gives it."""

    array: np.ndarray[Any, Any]
    """``(y, x)`` integers."""
    planes: dict[str, int]
    """Mask plane name to bit number."""

    def get_mask_plane_dict(self) -> dict[str, int]:
        """Return mask plane names and their bit numbers, by name."""
        return dict(sorted(self.planes.items()))

    getMaskPlaneDict = get_mask_plane_dict  # noqa: N815 - as in lsst.afw.image


@dataclasses.dataclass(frozen=True)
class _Later:
    """An array that came with a reply and was not looked at yet."""

    incoming: Incoming
    array: data.Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape


class Exposure:
    """An image with its mask, variance, WCS and metadata; what `Repository.get` returns for a ``calexp``.

    The arrays are mapped when they are first touched; writing to them changes nothing but this process's copy.

    Parameters
    ----------
    image, mask, variance : `numpy.ndarray`
        ``(y, x)``; mask and variance may be None.
    planes : `dict` [`str`, `int`], optional
        Mask plane name to bit number.
    xy0 : `tuple` [`int`, `int`], optional
        0-based parent pixel ``(x, y)`` of the first pixel.
    wcs : `str`, optional
        FITS cards of 80 characters, concatenated; local 1-based pixels. Any header's cards do.
    sky_wcs : `str`, optional
        The exact ``SkyWcs`` of ``lsst.afw`` in the words of AST.
    unit : `str`, optional
        Unit of the pixels, as FITS has it: ``nJy``.
    label : `str`, optional
        Name that is shown.
    metadata : `dict`, optional
        Cards of the file's header.
    notes : sequence of `str`, optional
        What of the source is left out, and why: a mask of another shape.
    caption : `str`, optional
        Name that the picture bears: dataset, visit, detector and filter; the label where not given.

    Attributes
    ----------
    planes, xy0, wcs, sky_wcs, unit, label, metadata, notes, caption
        As given; ``metadata`` holds the header keywords of the file.
    """

    def __init__(
        self,
        image: np.ndarray[Any, Any],
        mask: np.ndarray[Any, Any] | None = None,
        variance: np.ndarray[Any, Any] | None = None,
        *,
        planes: dict[str, int] | None = None,
        xy0: tuple[int, int] = (0, 0),
        wcs: str = "",
        sky_wcs: str = "",
        unit: str = "",
        label: str = "",
        metadata: dict[str, str | int | float | bool | None] | None = None,
        notes: Sequence[str] = (),
        caption: str = "",
    ) -> None:
        self._arrays: dict[str, Any] = {"image": image, "mask": mask, "variance": variance}
        self.shape_yx: tuple[int, int] = (int(image.shape[0]), int(image.shape[1]))
        self.planes = dict(planes or {})
        self.xy0 = xy0
        self.wcs = wcs
        self.sky_wcs = sky_wcs
        self.unit = unit
        self.label = label
        self.metadata = dict(metadata or {})
        self.notes = tuple(notes)
        self.caption = caption

    @classmethod
    def from_wire(cls, found: data.Exposure, buffers: Sequence[memoryview], directory: Path | None) -> Exposure:
        """Return the exposure that came with a reply; no pixel is read yet.

        Parameters
        ----------
        found : `object` of `mtv.wire.data`
            As the reply has it.
        buffers : sequence of `memoryview`
            Buffers of the reply.
        directory : `~pathlib.Path` or `None`
            Pixel directory that is shared with the daemon.

        Returns
        -------
        exposure : `Exposure`
            Its arrays are mapped, not copied.

        Raises
        ------
        RequestError
            ``unsupported`` where the daemon's pixel files cannot be read here.
        """
        incoming = Incoming((found.image, found.mask, found.variance), buffers, directory)
        arrays = {"image": found.image, "mask": found.mask, "variance": found.variance}
        later: dict[str, Any] = {name: array and _Later(incoming, array) for name, array in arrays.items()}
        return cls(
            **later,
            planes=found.planes,
            xy0=found.xy0,
            wcs=found.wcs,
            sky_wcs=found.sky_wcs,
            unit=found.unit,
            label=found.label,
            metadata=found.metadata,
            notes=found.notes,
            caption=found.caption,
        )

    @property
    def image(self) -> np.ndarray[Any, Any]:
        """``(y, x)`` pixels."""
        found: np.ndarray[Any, Any] = self._array("image")
        return found

    @property
    def mask(self) -> np.ndarray[Any, Any] | None:
        """``(y, x)`` integers; None where there is no mask."""
        found: np.ndarray[Any, Any] | None = self._array("mask")
        return found

    @property
    def variance(self) -> np.ndarray[Any, Any] | None:
        """``(y, x)`` floats; None where there is no variance."""
        found: np.ndarray[Any, Any] | None = self._array("variance")
        return found

    def _array(self, name: str) -> Any:
        value = self._arrays[name]
        if isinstance(value, _Later):
            value = self._arrays[name] = value.incoming.array(value.array)
        return value

    @property
    def bbox(self) -> Box:
        """Its pixels in 0-based parent coordinates."""
        height, width = self.shape_yx
        return Box(*self.xy0, width, height)

    def __repr__(self) -> str:
        height, width = self.shape_yx
        name = f" {self.label}" if self.label else ""
        planes = f", {len(self.planes)} mask planes" if self.planes else ""
        return f"<mtv.Exposure{name}: {width} x {height} pixels from {self.xy0}{planes}>"

    def _repr_html_(self) -> str:
        from mtv.data.glance import html_of

        return html_of(self)

    def get_mask_plane_dict(self) -> dict[str, int]:
        """Return mask plane names and their bit numbers, by name.

        Returns
        -------
        planes : `dict` [`str`, `int`]
            Mask plane name to bit number.
        """
        return dict(sorted(self.planes.items()))

    mask_plane_dict = property(get_mask_plane_dict)

    def get_mask(self) -> Mask:
        """Return the mask with its planes.

        Returns
        -------
        mask : `~mtv.data.exposure.Mask`
            Array ``(y, x)`` of integers, and its planes.

        Raises
        ------
        AttributeError
            The exposure has none.
        """
        if self.mask is None:
            raise AttributeError(f"{self!r} has no mask")
        return Mask(self.mask, self.planes)

    getMask = get_mask  # noqa: N815 - as in lsst.afw.image

    def pixels_in(self, plane: str) -> np.ndarray[Any, Any]:
        """Return a boolean ``(y, x)`` array: True where a mask plane is set.

        Parameters
        ----------
        plane : `str`
            Name of a mask plane.

        Returns
        -------
        pixels : `numpy.ndarray`
            ``(y, x)`` booleans: True where the bit is set.

        Raises
        ------
        AttributeError
            The exposure has no mask.
        KeyError
            The mask has no such plane.
        """
        mask = self.get_mask().array
        return (mask >> self.planes[plane] & 1).astype(bool)

    def pixel_to_sky(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return ICRS right ascension and declination in degrees of 0-based parent pixels.

        Of numbers numbers, of anything else arrays of the same shape; NaN where a pixel has no place. It is the place
        that the window shows for the pixel: by the picture's WCS; where it has none, by the file's exact ``SkyWcs``, if
        ``starlink-pyast`` is installed.

        Parameters
        ----------
        x, y : `float` or array
            0-based parent pixels, of one shape.

        Returns
        -------
        ra_deg, dec_deg : `float` or `numpy.ndarray`
            Degrees (ICRS), of that shape; NaN where a pixel has no place.

        Raises
        ------
        RequestError
            ``unsupported`` where there is no WCS.
        """
        return _map_points(self._sky().to_sky, x, y)

    def sky_to_pixel(self, ra_deg: Any, dec_deg: Any) -> tuple[Any, Any]:
        """Return 0-based parent pixels ``(x, y)`` of points of the sky; see `pixel_to_sky`.

        Parameters
        ----------
        ra_deg, dec_deg : `float` or array
            Degrees (ICRS), of one shape.

        Returns
        -------
        x, y : `float` or `numpy.ndarray`
            0-based parent pixels, of that shape; NaN where a position has no pixel.

        Raises
        ------
        RequestError
            ``unsupported`` where there is no WCS.
        """
        return _map_points(self._sky().to_pixel, ra_deg, dec_deg)

    def _sky(self) -> skywcs.Mapping:
        from mtv.shared import skywcs

        return skywcs.mapping_of(self.sky_wcs, self.wcs, self.xy0)

    def astropy_wcs(self) -> Any:
        """Return the picture's WCS as an `astropy.wcs.WCS`, for local 0-based pixels. Loads astropy.

        Returns
        -------
        wcs : `astropy.wcs.WCS` or None
            In ICRS, or in FK5 of J2000 where the header says so; None where there is none.
        """
        from mtv.shared.sky.celestial import celestial_of

        cards = celestial_of(self.wcs).cards
        if not cards:
            return None
        from astropy.io.fits import Header
        from astropy.wcs import WCS

        return WCS(Header.fromstring(cards))


def _map_points(mapping: Callable[..., tuple[Any, Any]], first: Any, second: Any) -> tuple[Any, Any]:
    """Map points of any shape by what maps rows of them; numbers stay numbers."""
    import numpy as np

    points = np.broadcast_arrays(np.asarray(first, float), np.asarray(second, float))
    mapped = mapping(*(values.ravel() for values in points))
    if points[0].ndim == 0:
        return float(mapped[0][0]), float(mapped[1][0])
    return mapped[0].reshape(points[0].shape), mapped[1].reshape(points[0].shape)
