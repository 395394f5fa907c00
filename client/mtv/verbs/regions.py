"""Regions of a display: those of files and objects, texts, polygons, what people drew by hand; and single pixels."""

from __future__ import annotations

import os
from math import nan
from pathlib import Path
from typing import Any, Final

import msgspec

from mtv.arguments import checks
from mtv.arguments.markers import polygon_of
from mtv.arguments.naming import MARKERS, REGIONS
from mtv.arguments.quantities import position_of
from mtv.arguments.regions import LISTED, ListedSystem, saved_text
from mtv.arguments.transaction import System
from mtv.shared.log import Log
from mtv.verbs.markers import MarkerVerbs
from mtv.wire import steps
from mtv.wire.errors import RequestError
from mtv.wire.markers import TEXT, is_text
from mtv.wire.messages import PixelValue, RegionList
from mtv.wire.regions import Region, RegionSystem, check_region
from mtv.wire.requests import ListRegions, ReadValue

_log: Final = Log()


class RegionVerbs(MarkerVerbs):
    """Base of `mtv.Display`: regions, texts and polygons, and what is read back."""

    def regions(
        self,
        source: Any,
        *,
        name: str = REGIONS,
        replace: bool = True,
        lasting: bool = False,
        wait: bool = True,
    ) -> None:
        """Draw regions: circles, ellipses, boxes, polygons, lines, vectors, annuli, points and texts.

        What a file holds beside them is left out and told, with the numbers of its lines, as a warning of the logger
        ``mtv``.

        Parameters
        ----------
        source : `str`, path, `Region` or object of astropy's ``regions``, or several objects
            A region file of DS9, a text in its language (``"image; circle(100,200,10) # color=red"``), or regions. A
            file counts pixels from 1, as DS9 does; objects from 0.
        name : `str`, optional
            The overlay; ``erase(name)`` removes it.
        replace : `bool`, optional
            False: the regions are added to those that the overlay has.
        lasting : `bool`, optional
            True: the overlay stays when another image is shown.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` where nothing can be drawn of it, or naming the field; ``unreadable_file``; ``too_large``.
        DaemonError
            ``draw_failed`` for regions on the sky where the image has no WCS.
        """
        from mtv.arguments.regions import regions_of

        found = regions_of(source, self.connection.limits)
        for note in found.notes:
            _log.warning("regions: left out: %s", note)
        self._regions(found.regions, name=name, replace=replace, lasting=lasting, wait=wait)

    def drawn_regions(self, system: ListedSystem = "pixel", *, ours: bool = False) -> list[Region]:
        """Return the regions that people drew by hand in the window, as it has them now. Nothing is changed by it.

        Shapes that only DS9 has, such as rulers, are told as a warning of the logger ``mtv``.

        Parameters
        ----------
        system : `str`, optional
            ``pixel`` (0-based parent pixels), ``image`` (0-based pixels of the array that is shown), or ``sky`` (ICRS,
            degrees and arc seconds).
        ours : `bool`, optional
            True: what programs have drawn, too.

        Returns
        -------
        regions : `list` [`Region`]
            Each with its ``overlay``: ``user`` where it was drawn by hand. `regions` draws them again.

        Raises
        ------
        RequestError
            ``unknown_display``; ``unsupported`` for the sky of an image that has none; ``too_large``.
        Unavailable
            There is no daemon, or it has no window.
        """
        checks.one_of("system", system, LISTED)
        reply = self.connection.request(ListRegions(display=self.frame, system=system, ours=ours))
        assert isinstance(reply, RegionList)
        for note in reply.notes:
            _log.warning("regions: not told: %s", note)
        return list(reply.regions)

    def save_regions(self, path: str | os.PathLike[str], system: ListedSystem = "image", *, ours: bool = False) -> int:
        """Write a region file of what people drew by hand, for DS9, astropy's ``regions`` and `regions`.

        Parameters
        ----------
        path : `str` or path
            Its name; a file that is there is written over.
        system, ours : optional
            As in `drawn_regions`. astropy does not read ``pixel``, which is DS9's ``physical``.

        Returns
        -------
        count : `int`
            Number of regions in it; nothing is written where there are none.

        Raises
        ------
        RequestError, Unavailable
            As `drawn_regions`.
        OSError
            The file cannot be written.
        """
        found = self.drawn_regions(system, ours=ours)
        if found:
            Path(path).write_text(saved_text(found), encoding="utf-8")
        return len(found)

    def value(self, x: Any, y: Any = None) -> PixelValue:
        """Return the value of a pixel of the image that is shown, the mask planes that are set there, and its sky.

        Parameters
        ----------
        x, y : `float`, `Quantity` or `SkyCoord`
            0-based parent pixel; angles, or a `SkyCoord` in place of both, are a place on the sky (ICRS).

        Returns
        -------
        value : `~mtv.wire.messages.PixelValue`
            ``value`` is None where it is no finite number; ``planes`` are names; ``ra_deg`` and ``dec_deg`` (ICRS, of
            the very position) are None where the image has no WCS.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``x`` or ``y``, with the extent of the image, or ``sky``; ``unknown_display``.
        """
        x, y, system = position_of(x, y, None)
        at = checks.finite("x", x), checks.finite("y", y)
        asked = ReadValue(display=self.frame, x=at[0], y=at[1])
        if system == "sky":
            asked = ReadValue(display=self.frame, x=nan, y=nan, sky=at)
        reply = self.connection.request(asked)
        assert isinstance(reply, PixelValue)
        for note in reply.notes:
            _log.warning("value: %s", note)
        return reply

    def text(
        self,
        words: str,
        x: Any,
        y: Any = None,
        *,
        size: float = 2.0,
        colour: str = "green",
        ctype: str | None = None,
        overlay: str = MARKERS,
        system: System | None = None,
        lasting: bool = False,
        wait: bool = True,
    ) -> None:
        """Write words, whatever they are: `dot` takes those that name a shape for the shape.

        Parameters
        ----------
        words : `str`
            One line.
        x, y : `float`, `Quantity` or `SkyCoord`
            Centre, as in `dot`.
        size : `float`, optional
            Of the font in points; 10 where not given.
        colour, ctype, overlay, system, lasting, wait : optional
            As in `dot`.

        Raises
        ------
        RequestError
            ``bad_value`` naming the argument.
        """
        words = checks.text("words", words)
        symbol = words if _is_written_as_it_is(words) else f"{TEXT}{words}"
        self.dot(
            symbol,
            x,
            y,
            size=size,
            colour=ctype or colour,
            overlay=overlay,
            system=system,
            lasting=lasting,
            wait=wait,
        )

    def polygon(
        self,
        points: Any,
        *,
        colour: str = "green",
        ctype: str | None = None,
        overlay: str = MARKERS,
        system: System | None = None,
        lasting: bool = False,
        wait: bool = True,
    ) -> None:
        """Draw a closed polygon.

        Parameters
        ----------
        points : array or sequence of pairs
            ``(n, 2)``: x and y of each vertex, three at least; as in `line`.
        colour, ctype, overlay, system, lasting, wait : optional
            As in `line`.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``points`` or ``colour``.
        """
        vertices, known = polygon_of(points, None if system is None else checks.system(system))
        place: RegionSystem = "icrs" if known == "sky" else "pixel"
        region = Region(shape="polygon", points=vertices, system=place, colour=ctype or colour)
        try:
            check_region(region, "")
        except RequestError as refusal:
            raise RequestError(
                msgspec.structs.replace(refusal.error, where=refusal.error.where.removeprefix("."))
            ) from None
        self._regions((region,), name=overlay, replace=False, lasting=lasting, wait=wait)

    def _regions(self, regions: tuple[Region, ...], *, name: str, replace: bool, lasting: bool, wait: bool) -> None:
        step = steps.Regions(
            display=self.frame, name=checks.overlay(name, "name"), regions=regions, replace=replace, lasting=lasting
        )
        self.connection.draw(step, markers=len(regions), wait=wait)


def _is_written_as_it_is(words: str) -> bool:
    try:
        return is_text(checks.known_symbol(words))
    except RequestError:
        return False
