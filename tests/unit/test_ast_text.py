"""Texts of a ``SkyWcs`` that AST never gets to see: looked at in one place, for the daemon and for the client."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import afw_exposures as afw
from tests.support.readers import pixels

from mtv.shared.sky import asttext
from mtv.shared.skywcs import ExactMapping, mapping_of
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.exposurefile import find_exposure
from mtvd.repo.readers.output import Output

MOST = 10**9
DEEP = "Begin CmpMap\nMapA =\n" * 100 + "Begin WinMap\nEnd WinMap\n" + "End CmpMap\n" * 100 + "MapC =\nBegin WinMap"
CHANGES: Mapping[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda text: "", "cut short"),
    "of another object": (lambda text: text.replace("FrameSet", "CmpMap"), "no FrameSet"),
    "of an unknown class": (lambda text: text.replace("WinMap", "WonMap"), "WonMap"),
    "of a class that compiles": (lambda text: text.replace("WinMap", "MathMap"), "MathMap"),
    "cut short by a line": (lambda text: text[: text.rindex("\n End")], "cut short"),
    "cut in the middle": (lambda text: text[: len(text) // 2], "cut short"),
    "with text behind its end": (lambda text: text + "more\n", "'more'"),
    "with another object behind its end": (lambda text: text + text, "out of place"),
    "with a part that ends as another": (lambda text: text.replace("End WinMap", "End ZoomMap"), "ends as"),
    "with a part of no name": (lambda text: text.replace("MapA =", "", 1), "out of place"),
    "with a name of no part": (lambda text: text.replace("MapA =", "MapA =\nMapB =", 1), "none of AST"),
    "with a line that is nothing": (lambda text: text.replace("Nin = 2", "Nin 2", 1), "Nin 2"),
    "with a word said twice": (lambda text: text.replace("Nin = 2", "Nin = 2\nNin = 2", 1), "twice"),
    "with bytes that are no text": (lambda text: text.replace("ICRS", "IC\0S"), "no text"),
    "with letters that are no ASCII": (lambda text: text.replace("PIXELS", "PÏXELS"), "no text"),
    "with a line that is too long": (lambda text: text.replace("PIXELS", "P" * 2000), "no text"),
    "too long": (lambda text: text + "#\n" * asttext.MOST_CHARS, "longer"),
    "with an own word of a base class": (lambda text: text.replace("IsA Mapping", "IsA Nothing", 1), "Nothing"),
    "with a third axis": (lambda text: text.replace("Naxes = 2", "Naxes = 3", 1), "two axes"),
    "with more axes than any sky": (lambda text: text.replace("Nin = 3", "Nin = 900000000", 1), "900000000"),
    "with no axis": (lambda text: text.replace("Nin = 3", "Nin = 0", 1), "Nin is '0'"),
    "with a count that is none": (lambda text: text.replace("Nin = 3", "Nin = -3", 1), "'-3'"),
    "with more frames than there are": (lambda text: text.replace("Nframe = 2", "Nframe = 3"), "3 frames"),
    "with no frames": (lambda text: text.replace("Nframe = 2", "Nframe = 0"), "no FrameSet"),
    "with a frame that it does not have": (lambda text: text.replace("Currnt = 2", "Currnt = 3"), "Currnt is '3'"),
    "that leads to no sky": (lambda text: text.replace("Currnt = 2", "Currnt = 1"), "to the sky"),
    "with a link to a frame that it does not have": (lambda text: text.replace("Lnk2 = 1", "Lnk2 = 7"), "Lnk2 is '7'"),
    "nested too deep": (lambda text: text.replace("Begin WinMap", DEEP, 1), "deep"),
}


def test_a_text_as_afw_writes_it_is_sound() -> None:
    assert asttext.fault_of(afw.AST_TEXT) == ""


def test_the_texts_of_real_files_are_sound(shared_data: Path) -> None:
    file = find_exposure(shared_data / "exposure-version-2.fits")
    assert file.exact_wcs[1] == ()
    assert asttext.fault_of(file.exact_wcs[0]) == ""


@pytest.mark.parametrize("change", CHANGES)
def test_a_text_that_afw_does_not_write_never_comes_to_ast_on_any_side(
    tmp_path: Path, out: Output, store: PixelStore, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    seen: list[Any] = []
    channel = types.SimpleNamespace(Ast=types.SimpleNamespace(Channel=seen.append))
    monkeypatch.setitem(sys.modules, "starlink", channel)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: channel)
    make, reason = CHANGES[change]
    text = make(afw.AST_TEXT)
    assert reason in asttext.fault_of(text)
    with pytest.raises(RequestError) as caught:
        ExactMapping(text)
    assert (caught.value.code, caught.value.error.where) == ("unsupported", "wcs")
    with pytest.raises(RequestError):
        mapping_of(text, "", (0, 0))
    monkeypatch.setattr("mtvd.repo.readers.sky.ast_text", lambda path: text)
    image = afw.write(tmp_path / "calexp.fits", 2, in_header=False)
    shown = read_display(tmp_path / "calexp.fits", out, most=MOST)
    got = read_all(tmp_path / "calexp.fits", out, most=MOST).data
    assert got is not None
    assert np.array_equal(pixels(store.directory, shown.image), image)
    assert (shown.wcs, got.wcs, got.sky_wcs) == ("", "", "")
    assert shown.notes == got.notes
    assert ("exact WCS is left out" in "".join(got.notes)) == bool(text)
    assert seen == []


def test_a_sound_text_does_come_to_ast_and_what_it_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def channel(lines: list[str]) -> Any:
        seen.append(lines)
        raise ArithmeticError("as AST does")

    monkeypatch.setitem(sys.modules, "starlink", types.SimpleNamespace(Ast=types.SimpleNamespace(Channel=channel)))
    with pytest.raises(RequestError, match="ArithmeticError"):
        ExactMapping(afw.AST_TEXT)
    assert seen == [afw.AST_TEXT.splitlines()]


def test_the_exact_wcs_has_no_place_for_a_point_that_it_does_not_reach() -> None:
    pytest.importorskip("starlink.Ast")
    mapping = ExactMapping(afw.AST_TEXT)
    x, y = mapping.to_pixel(np.array([30.0, 210.0]), np.array([40.0, -40.0]))
    assert (x[0], y[0]) == pytest.approx((4, 4))
    assert np.isnan([x[1], y[1]]).all()
