"""Where a display of `mtv.afw` draws: an `mtv.Display`, or nowhere."""

from __future__ import annotations

import contextlib
from typing import Any

from mtv.arguments.objects import Image
from mtv.display import Display
from mtv.wire.reports import DisplayReport


class Canvas(Display):
    """An `mtv.Display` that also takes an image that was read and changed before."""

    silent = False

    def show_image(self, image: Image) -> None:
        """Show an image, within the buffer that is open for it.

        Parameters
        ----------
        image : `~mtv.arguments.objects.Image`
        """
        self._mtv(image, wait=True, supersede=False)

    def report(self) -> DisplayReport:
        """Return what the display is meant to show, also where there is nothing yet."""
        return self._describe()


class SilentCanvas:
    """Canvas of the backend ``virtualDevice``: all that is drawn on it is forgotten, and no connection is made.

    Parameters
    ----------
    frame : `int` or `str`
    """

    silent = True

    def __init__(self, frame: int | str) -> None:
        self.frame = frame

    def buffering(self) -> Any:
        """Return a context manager that does nothing."""
        return contextlib.nullcontext()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_args, **_options: None
