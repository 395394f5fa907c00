"""A display by its name: what all its verbs need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtv.arguments import checks
from mtv.session.connection import Connection
from mtv.session.default import default_connection
from mtv.wire import steps
from mtv.wire.errors import RequestError
from mtv.wire.messages import Outcome
from mtv.wire.reports import DisplayReport
from mtv.wire.requests import Describe


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

    def _draw(self, step: steps.AnyStep, *, wait: bool) -> Outcome | None:
        return self.connection.draw(step, wait=wait)
