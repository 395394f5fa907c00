"""Annotations of a display: what its picture says of itself, and mask colours that can be told apart."""

from __future__ import annotations

from mtv.arguments import checks
from mtv.verbs.named import NamedDisplay
from mtv.wire import steps


class AnnotationVerbs(NamedDisplay):
    """Base of `mtv.Display`: what its picture says of itself."""

    def annotate(
        self,
        *,
        label: bool | None = None,
        limits: bool | None = None,
        legend: bool | None = None,
        scale_bar: bool | None = None,
        compass: bool | None = None,
        grid: bool | None = None,
        wait: bool = True,
    ) -> None:
        """Choose what the picture says of itself; what is not given stays. It outlasts the image.

        A label is shown where nobody has asked. All parts follow the image, the zoom and the rotation, stand in saved
        pictures and movies, and take nothing from the rate of a feed, but for the grid, which DS9 draws anew with each
        image.

        Parameters
        ----------
        label : `bool`, optional
            Name of the image: dataset, visit, detector and filter, or the label that `mtv` was given.
        limits : `bool`, optional
            Stretch and limits in words, with the unit of the pixels.
        legend : `bool`, optional
            Mask planes that have a pixel in the image, and their colours; planes of one colour share a row.
        scale_bar : `bool`, optional
            Bar of a round number of arc seconds, minutes or degrees; of pixels where the image has no sky.
        compass : `bool`, optional
            North and east, where the image has a sky.
        grid : `bool`, optional
            DS9's lines of right ascension and declination, where the image has a sky.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        RequestError
            ``bad_value`` where nothing is given, or something that is neither True nor False.
        Unavailable
            There is no daemon, or it has no window.
        """
        wanted = {
            "label": label,
            "limits": limits,
            "legend": legend,
            "scale_bar": scale_bar,
            "compass": compass,
            "grid": grid,
        }
        self._draw(checks.annotation(self.frame, wanted), wait=wait)

    def annotations(self) -> tuple[str, ...]:
        """Return the parts that the picture is to show, by the names of the parameters of `annotate`.

        Returns
        -------
        names : `tuple` [`str`, ...]

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        return self._describe().annotations

    def set_distinct_mask_colours(self, on: bool = True, *, wait: bool = True) -> None:
        """Give each plane of a mask a colour of its own, where by default several share one, as in ``lsst.afw``.

        The first plane of a shared colour keeps it. Planes that were coloured by `set_mask_plane_color` keep theirs.

        Parameters
        ----------
        on : `bool`, optional
            False: the colours that everybody has.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.

        Raises
        ------
        Unavailable
            There is no daemon, or it has no window.
        """
        self._draw(steps.MaskColour(display=self.frame, colours={}, distinct=checks.truth("on", on)), wait=wait)
