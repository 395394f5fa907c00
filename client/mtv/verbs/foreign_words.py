"""Words of ``lsst.afw.display``, pyds9 and DS9, and those that do the same here: one table for all hints. Pure.

`mtv.Display` and the module answer with it where such a name is missing, ``mtv help`` where somebody asks for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class Word(NamedTuple):
    """Word that does here what a foreign one does elsewhere."""

    python: str
    """Call, as it is written: ``display.erase()``."""
    shell: str = ""
    """Command, where there is one."""
    remark: str = ""
    """Difference that matters."""

    def __str__(self) -> str:
        told = f"use {self.python or self.shell}" if self.python or self.shell else ""
        return f"{told}; {self.remark}" if told and self.remark else told or self.remark


OF_DISPLAY: Final[Mapping[str, Word]] = {
    "image": Word("display.mtv(...)", "mtv show"),
    "setMaskTransparency": Word("display.set_mask_transparency(percent)", "mtv mask --transparency PERCENT"),
    "getMaskTransparency": Word("display.get_mask_transparency()", "mtv mask"),
    "setMaskPlaneColor": Word("display.set_mask_plane_color(plane, colour)", "mtv mask PLANE COLOUR"),
    "getMaskPlaneColor": Word(
        "display.get_mask_plane_color(plane)", "mtv mask", "display.mask_plane_colours() has all"
    ),
    "setImageColormap": Word("display.colormap(name)", "mtv colormap NAME"),
    "setDefaultImageColormap": Word("display.colormap(name)", "mtv colormap NAME", "each display has its own"),
    "setDefaultMaskTransparency": Word(
        "display.set_mask_transparency(percent)", "mtv mask --transparency PERCENT", "it outlasts the image"
    ),
    "setDefaultMaskPlaneColor": Word(
        "display.set_mask_plane_color(plane, colour)", "mtv mask PLANE COLOUR", "it outlasts the image"
    ),
    "Buffering": Word("display.buffering()", "mtv batch"),
    "flush": Word("display.sync()", "", "it also waits for the screen"),
    "centroids": Word("display.overlay(name, catalog.x, catalog.y, symbol='o')", "mtv overlay"),
    "alignImages": Word("mtv.arrange(tile=True, lock_frame='wcs')", "mtv arrange --tile --lock wcs"),
    "interact": Word("display.events('key')", "mtv events --kind key", "a loop over it blocks nobody else"),
    "setCallback": Word("display.on_event(function, 'key')", "mtv events --kind key"),
    "getActiveCallbackKeys": Word("display.events('key')", "mtv events --kind key", "all keys are told"),
    "close": Word("display.delete()", "mtv delete DISPLAY", "or do nothing: a display outlives the program"),
    "verbose": Word("", "", "leave it out: the logger 'mtv' tells what there is to tell"),
    "savefig": Word("display.snapshot(path)", "mtv snap FILE"),
    "show_colorbar": Word("", "", "leave it out: the window has its colour bar"),
    "set": Word("", "", "the words of DS9 have calls of their own here: mtv help 'set(...)' names them"),
    "get": Word("display.describe()", "mtv status --json"),
    "set_np2arr": Word("display.mtv(array)", "mtv show FILE"),
    "set_fits": Word("display.mtv(hdus)", "mtv show FILE"),
    "set_pyfits": Word("display.mtv(hdus)", "mtv show FILE"),
    "get_arr2np": Word("repository.get(...)", "", "the pixels are the caller's own: the window is not read back"),
    "get_fits": Word("repository.get(...)", "", "the pixels are the caller's own: the window is not read back"),
    "get_pyfits": Word("repository.get(...)", "", "the pixels are the caller's own: the window is not read back"),
}
"""Attributes of a display of ``lsst.afw.display``, or of pyds9's ``DS9``."""

OF_MODULE: Final[Mapping[str, Word]] = {
    "getDisplay": Word("mtv.get_display(frame)", "--display N|NAME"),
    "setDefaultBackend": Word("", "", "leave it out: there is one backend, DS9"),
    "getDefaultBackend": Word("", "", "leave it out: there is one backend, DS9"),
    "setDefaultFrame": Word("mtv.Display(frame)", "--display N|NAME"),
    "getDefaultFrame": Word("mtv.Display(frame)", "--display N|NAME"),
    "incrDefaultFrame": Word("mtv.Display(frame)", "--display N|NAME"),
    "delAllDisplays": Word("display.delete()", "mtv delete DISPLAY..."),
    "setDefaultMaskTransparency": OF_DISPLAY["setDefaultMaskTransparency"],
    "setDefaultMaskPlaneColor": OF_DISPLAY["setDefaultMaskPlaneColor"],
    "writeFitsImage": Word("", "", "write FITS files with astropy.io.fits"),
    **dict.fromkeys(
        ("makeRGB", "displayRGB", "writeRGB", "rgb", "AsinhMapping", "AsinhZScaleMapping", "LinearMapping"),
        Word("", "", "astropy.visualization.make_lupton_rgb makes colour images"),
    ),
    "DS9": Word("mtv.Display(frame)", "mtv up", "the daemon finds the window"),
    "ds9_targets": Word("mtv.connect()", "mtv status"),
    "Mosaic": Word("mtv.arrange(tile=True)", "mtv arrange --tile"),
}
"""Names of the modules ``lsst.afw.display`` and ``pyds9``."""

OF_DS9: Final[Mapping[str, Word]] = {
    "frame": Word("mtv.Display(number)", "--display N|NAME"),
    "file": Word("display.mtv(path)", "mtv show FILE"),
    "fits": Word("display.mtv(path)", "mtv show FILE"),
    "array": Word("display.mtv(array)"),
    "scale": Word("display.scale(stretch, limits)", "mtv scale"),
    "zscale": Word("display.scale(None, 'zscale')", "mtv scale zscale"),
    "zoom": Word("display.zoom(factor, x, y)", "mtv zoom FACTOR --at X,Y"),
    "pan": Word("display.pan(x, y)", "mtv pan X Y", "coordinates are 0-based here"),
    "rotate": Word("display.rotate(degrees)", "mtv rotate DEGREES"),
    "cmap": Word("display.colormap(name)", "mtv colormap NAME"),
    "mask": Word("display.set_mask_plane_color(plane, colour)", "mtv mask"),
    "regions": Word("display.overlay(name, x, y)", "mtv overlay", "coordinates are 0-based here"),
    "region": Word("display.overlay(name, x, y)", "mtv overlay", "coordinates are 0-based here"),
    "tile": Word("mtv.arrange(tile=True)", "mtv arrange --tile"),
    "single": Word("mtv.arrange(tile=False)", "mtv arrange --single"),
    "lock": Word("mtv.arrange(lock_frame='wcs')", "mtv arrange --lock wcs"),
    "match": Word("mtv.arrange(lock_frame='wcs')", "mtv arrange --lock wcs"),
    "saveimage": Word("display.snapshot(path)", "mtv snap FILE"),
    "imexam": Word("display.events('key')", "mtv events --kind key"),
    "raise": Word("display.show()", "", "the display comes to the front"),
    "width": Word("mtv.arrange(size=(width, height))", "mtv arrange --size WIDTHxHEIGHT"),
    "height": Word("mtv.arrange(size=(width, height))", "mtv arrange --size WIDTHxHEIGHT"),
    "exit": Word("", "mtv down", "the window goes with its daemon"),
    "quit": Word("", "mtv down", "the window goes with its daemon"),
    "about": Word("", "mtv version"),
}
"""Commands that DS9 takes by XPA."""

_XPA: Final = re.compile(
    r"\s*(?:xpa[sg]et\s+(?:-p\s+)?\S+\s+|(?:\w+\.)?[sg]et\s*\(\s*f?['\"]?\s*|[sg]et\s+)(?P<word>[A-Za-z]+)"
)
_CALL: Final = re.compile(r"\s*(?:[\w.]*\.)?(?P<name>[A-Za-z_]\w*)\s*(?:\(.*)?", re.DOTALL)


def find(text: str) -> Word | None:
    """Return the word for what somebody wrote elsewhere: a name, a call, a command of DS9; None where nobody knows it.

    Parameters
    ----------
    text : `str`
        ``setMaskTransparency``, ``display.image(calexp)``, ``ds9.set('frame 1')``, ``xpaset -p ds9 zoom to fit``.
    """
    call = _CALL.fullmatch(text)
    if call is not None and call["name"] not in {"set", "get"}:
        found = OF_DISPLAY.get(call["name"]) or OF_MODULE.get(call["name"])
        if found is not None:
            return found
    command = _XPA.match(text)
    if command is not None and command["word"] in OF_DS9:
        return OF_DS9[command["word"]]
    return OF_DS9.get(text.strip().partition(" ")[0]) or (OF_DISPLAY.get(call["name"]) if call else None)


def missing(owner: str, name: str, words: Mapping[str, Word], known: list[str]) -> AttributeError:
    """Return the error for an attribute that is not there: it names the word that does it, or one that looks like it.

    Parameters
    ----------
    owner : `str`
        Whose attribute it would be: ``mtv.Display``.
    name : `str`
        The attribute.
    words : mapping
        Foreign words that the owner might have.
    known : `list` [`str`]
        Public names that it has.
    """
    from mtv.wire.hints import near

    word = words.get(name)
    hint = str(word) if word else near(name, known, count=1)
    return AttributeError(f"{owner} has no attribute {name!r}" + (f": {hint}" if hint else ""), name=name)
