"""Backends of ``lsst.afw.display`` by name: the one that draws, one that does not, and those that DS9 stands in for."""

from __future__ import annotations

from typing import Final

from mtv.afw.notes import tell_once

OURS: Final = ("ds9", "mtv")
VIRTUAL: Final = "virtualDevice"
"""Backend that draws nothing."""
OTHERS: Final = ("firefly", "matplotlib", "astrowidgets", "ginga")

WITHOUT_EFFECT: Final = frozenset({"show_colorbar", "show_color_bar", "useSexagesimal", "clearViewer", "resetLayout"})
"""Calls of other backends that have no meaning in a window of DS9: they do nothing, and a note says so once."""


def check_backend(name: str) -> str:
    """Return the name of a backend that there is, or that DS9 stands in for; a note says once that it does.

    Parameters
    ----------
    name : `str`

    Raises
    ------
    RuntimeError
        For any other.
    """
    if name in OTHERS:
        tell_once(f"backend {name!r}: everything is drawn in DS9 here, by mtvd")
    elif name not in {*OURS, VIRTUAL}:
        known = ", ".join((*OURS, VIRTUAL, *OTHERS))
        raise RuntimeError(f"Unable to set backend to {name!r}: there are {known}")
    return name


def do_nothing(name: str) -> None:
    """Say once that a call of another backend does nothing here."""
    tell_once(f"{name} has no meaning in a window of DS9 and does nothing")
