"""Names of ``lsst.afw.display``: each is there, with the arguments and the defaults that programs call it with."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
from tests.support.documented import documented, sections_of

import mtv.afw as afwDisplay  # noqa: N812 - as everybody imports it
from mtv.afw import mosaic, utils

CONSTANTS = {
    "WHITE": "white",
    "BLACK": "black",
    "RED": "red",
    "GREEN": "green",
    "BLUE": "blue",
    "CYAN": "cyan",
    "MAGENTA": "magenta",
    "YELLOW": "yellow",
    "ORANGE": "orange",
    "IGNORE": "ignore",
}
OF_MODULE = {
    "setDefaultBackend": "backend",
    "getDefaultBackend": "",
    "setDefaultFrame": "frame=0",
    "getDefaultFrame": "",
    "incrDefaultFrame": "",
    "setDefaultMaskTransparency": "maskPlaneTransparency={}",
    "setDefaultMaskPlaneColor": "name=None, color=None",
    "getDisplay": "frame=None, backend=None, create=True, verbose=False, **kwargs",
    "delAllDisplays": "",
    "Event": "k, x=nan, y=nan",
    "noop_callback": "k, x, y",
    "h_callback": "k, x, y",
    "writeFitsImage": "file, data, wcs=None, title='', metadata=None",
    "Display": "frame=None, backend=None, **kwargs",
    "Mosaic": "gutter=3, background=0, mode='square'",
}
OF_DISPLAY = {
    "image": "data, title='', wcs=None, metadata=None",
    "mtv": "data, title='', wcs=None, metadata=None",
    "dot": "symb, c, r, size=2, ctype=None, origin='PARENT', **kwargs",
    "line": "points, origin='PARENT', symbs=False, ctype=None, size=0.5",
    "centroids": "catalog, *, symbol='o', **kwargs",
    "Buffering": "",
    "flush": "",
    "erase": "",
    "close": "",
    "scale": "algorithm, min, max=None, unit=None, **kwargs",
    "zoom": "zoomfac=None, colc=None, rowc=None, origin='PARENT'",
    "pan": "colc=None, rowc=None, origin='PARENT'",
    "show": "",
    "setMaskPlaneColor": "name, color=None",
    "getMaskPlaneColor": "name=None",
    "setMaskTransparency": "transparency=None, name=None",
    "getMaskTransparency": "name=None",
    "setImageColormap": "cmap",
    "setDefaultImageColormap": "cmap",
    "maskColorGenerator": "omitBW=True",
    "alignImages": "match_type='', lock_match=True",
    "interact": "",
    "setCallback": "k, func=None, noRaise=False",
    "getActiveCallbackKeys": "onlyActive=True",
    **{name: words for name, words in OF_MODULE.items() if "efault" in name or ("isplay" in name and name[0] != "D")},
}
OF_UTILS = {
    "drawBBox": "bbox, borderWidth=0.0, origin=None, display='deferToFrame', ctype=None, bin=1, frame=None",
    "drawFootprint": "foot, borderWidth=0.5, origin=None, XY0=None, frame=None, ctype=None, bin=1, peaks=False, "
    "symb='+', size=0.4, ctypePeak=None, display='deferToFrame'",
    "drawCoaddInputs": "exposure, frame=None, ctype=None, bin=1, display='deferToFrame'",
    "Mosaic": OF_MODULE["Mosaic"],
}
OF_MOSAIC = {
    "append": "image, label=None, ctype=None",
    "makeMosaic": "images=None, display='deferToFrame', mode=None, background=None, title=''",
    "drawLabels": "labels=None, display='deferToFrame', frame=None",
    "getBBox": "ix, iy=None",
    "setGutter": "gutter",
    "setBackground": "background",
    "setMode": "mode",
    "reset": "",
}
PLACES: list[tuple[Any, str, str]] = [
    *((afwDisplay, name, words) for name, words in OF_MODULE.items()),
    *((afwDisplay.Display, name, words) for name, words in OF_DISPLAY.items()),
    *((utils, name, words) for name, words in OF_UTILS.items()),
    *((mosaic.Mosaic, name, words) for name, words in OF_MOSAIC.items()),
]
IDS = [f"{place.__name__}.{name}" for place, name, _ in PLACES]


def words_of(call: Any) -> str:
    """Return the arguments of a callable and their defaults, without types."""
    parameters = [
        one.replace(annotation=inspect.Parameter.empty)
        for one in inspect.signature(call).parameters.values()
        if one.name != "self"
    ]
    return str(inspect.Signature(parameters)).strip("()")


@pytest.mark.parametrize(("place", "name", "words"), PLACES, ids=IDS)
def test_each_call_has_the_arguments_and_defaults_that_it_has_there(place: Any, name: str, words: str) -> None:
    assert words_of(getattr(place, name)) == words


@pytest.mark.parametrize(("place", "name", "words"), PLACES, ids=IDS)
def test_each_call_says_all_of_its_arguments_and_what_it_returns(place: Any, name: str, words: str) -> None:
    call = getattr(place, name)
    sections = sections_of(call.__doc__ or "")
    taken = {one.split("=")[0] for one in words.split(", ")} - {"", "*"}
    assert documented(sections.get("Parameters", "")) == taken
    if not inspect.isclass(call) and inspect.signature(call).return_annotation not in {"None", None}:
        assert "Returns" in sections


@pytest.mark.parametrize(("name", "colour"), CONSTANTS.items())
def test_colours_are_plain_words(name: str, colour: str) -> None:
    assert getattr(afwDisplay, name) == colour


def test_all_names_are_listed_and_there() -> None:
    assert {*CONSTANTS, *OF_MODULE, "PARENT", "LOCAL", "utils"} == set(afwDisplay.__all__) == set(dir(afwDisplay))
    for name in afwDisplay.__all__:
        assert getattr(afwDisplay, name) is not None
    assert afwDisplay.utils is utils


def test_a_name_that_is_left_out_is_answered_with_what_does_it() -> None:
    with pytest.raises(AttributeError, match="make_lupton_rgb"):
        _ = afwDisplay.makeRGB
    with pytest.raises(AttributeError, match="getDisplay"):
        _ = afwDisplay.getDisplai


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    return set(done.stdout.split())


def test_the_import_loads_one_file_more_than_that_of_mtv() -> None:
    """So it is within 1.2 times of it, whatever the machine."""
    assert loaded_by("import mtv.afw") - loaded_by("import mtv") == {"mtv.afw"}


def test_a_display_loads_neither_astropy_nor_anyio_nor_numpy() -> None:
    code = "import mtv.afw as a; a.setDefaultMaskTransparency(75); d = a.Display(frame=1); d.scale('asinh', 'zscale')"
    loaded = loaded_by(code)
    assert "mtv.afw.display" in loaded
    assert not loaded & {"astropy", "anyio", "numpy", "asyncio", "mtvd", "lsst"}
