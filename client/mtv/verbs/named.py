"""A display by its name: what all its verbs need."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

from mtv.arguments import checks
from mtv.arguments.quantities import position_of
from mtv.session.connection import Connection
from mtv.session.default import default_connection
from mtv.wire import steps
from mtv.wire.errors import RequestError, bad_value
from mtv.wire.messages import Outcome, PixelValue
from mtv.wire.reports import DisplayReport
from mtv.wire.requests import Describe, ReadValue


class NamedDisplay:
    """Base of `mtv.Display`, whose parameters it has: name, connection, and what the daemon knows of it."""

    def __init__(self, frame: int | str = 0, *, backend: str = "ds9", connection: Connection | None = None) -> None:
        checks.backend(backend)
        self.frame = checks.display_name(frame)
        self._given = connection

    @property
    def connection(self) -> Connection:
        """The connection that this display uses."""
        return self._given or default_connection()

    def describe(self) -> DisplayReport:
        """Return what the display is meant to show.

        Returns
        -------
        report : `~mtv.wire.reports.DisplayReport`
            Image, mask, overlays, stretch and view; coordinates are 0-based parent pixels.

        Raises
        ------
        RequestError
            ``unknown_display`` where nothing was shown in it yet.
        """
        reply = self.connection.request(Describe(display=self.frame))
        assert isinstance(reply, DisplayReport)
        return reply

    def _describe(self) -> DisplayReport:
        try:
            return self.describe()
        except RequestError as error:
            if error.code != "unknown_display":
                raise
            return DisplayReport(number=-1, exists=False)

    if not TYPE_CHECKING:  # a type checker is to complain of names that are not there

        def __getattr__(self, name: str) -> object:
            if name.startswith("_"):  # pickle, copy and notebooks look for those, and want a plain no
                raise AttributeError(name)
            from mtv.verbs import foreign_words

            known = [known for known in dir(type(self)) if not known.startswith("_")]
            raise foreign_words.missing("mtv.Display", name, foreign_words.OF_DISPLAY, known)

    def _pixel_of(self, x: Any, y: Any) -> tuple[float, float]:
        """Return a position in 0-based parent pixels: the daemon is asked where a place on the sky is in the image.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``x`` or ``y``; for a place on the sky also ``sky``.
        """
        x, y, system = position_of(x, y, None)
        found = checks.finite("x", x), checks.finite("y", y)
        if system == "pixel":
            return found
        if self.connection.open_batch(self.frame) is not None:
            hint = "say it before or after the buffer, or name a pixel"
            raise bad_value("x", "which image is shown when the buffer has been drawn is not known yet", hint)
        reply = self.connection.request(ReadValue(display=self.frame, x=nan, y=nan, sky=found))
        assert isinstance(reply, PixelValue)
        return reply.position or (float(reply.x), float(reply.y))

    def _draw(self, step: steps.AnyStep, *, wait: bool) -> Outcome | None:
        return self.connection.draw(step, wait=wait)
