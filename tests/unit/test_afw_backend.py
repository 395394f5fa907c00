"""Backend for ``lsst.afw.display`` itself: called as that calls it, by position, with positions of the array's own."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from tests.support import afw_programs, scripted
from tests.support.afw_programs import names_of

import mtv
from mtv.testing import ScriptedDaemon
from mtv.wire.messages import Event, Subscribed
from mtv.wire.requests import Subscribe
from mtv.wire.steps import Arrange, Colormap, MaskColour, MaskTransparency, Mtv, Overlay, Pan, Scale

pytest.importorskip("astropy")
from tests.support import afw_objects as afw

as_new, at_home, daemon = afw_programs.as_new, afw_programs.at_home, scripted.daemon


class Caller:
    """Stands for a display of ``lsst.afw.display``: makes its implementation, and calls it as that does."""

    def __init__(self, frame: Any = 0, **kwargs: Any) -> None:
        self.frame = frame
        self._xy0: tuple[int, int] | None = None
        self.colors: dict[str, str | None] = {"DETECTED": "blue", "BAD": "ignore"}
        found = importlib.import_module("mtv").DisplayImpl
        assert hasattr(found, "_show")
        self.impl = found(self, **kwargs)
        self.impl._setImageColormap("gray")
        for key in "abc":
            self.impl._setCallback(key, None)

    def getMaskPlaneColor(self, name: str) -> str | None:  # noqa: N802 - of afw
        return self.colors.get(name)

    def image(self, image: Any, mask: Any = None, wcs: Any = None, title: str = "") -> None:
        self._xy0 = image.getXY0()
        self.impl._mtv(image, mask, wcs, title, None)

    def local(self, x: float, y: float) -> tuple[float, float]:
        assert self._xy0 is not None
        return x - self._xy0[0], y - self._xy0[1]


def of(daemon: ScriptedDaemon, kind: Any) -> list[Any]:
    mtv.default_connection().flush()
    return [step for step in daemon.steps if isinstance(step, kind)]


def test_nothing_is_sent_before_the_first_image(at_home: ScriptedDaemon) -> None:
    caller = Caller(verbose=True)
    caller.impl._setMaskTransparency(75, None)
    caller.impl._scale("asinh", "zscale", None, None)
    caller.impl._buffer(True)
    caller.impl._buffer(False)
    caller.impl._flush()
    caller.impl._close()
    caller.impl._close()
    assert at_home.seen == []
    assert (caller.impl.display, caller.impl.verbose) == (caller, True)
    with pytest.raises(AttributeError):
        _ = mtv.DisplayImpl.__new__(mtv.DisplayImpl).display


def test_an_image_comes_with_mask_colours_sky_and_title(at_home: ScriptedDaemon) -> None:
    caller = Caller()
    caller.impl._setMaskTransparency(60, None)
    caller.impl._setMaskTransparency(100, "SAT")
    caller.image(afw.image(), afw.mask(), afw.SkyWcs(), "a title")
    shown = of(at_home, Mtv)[0].target
    assert (shown.label, shown.xy0, dict(shown.planes)) == ("a title", afw.XY0, afw.PLANES)
    assert "CRVAL1" in shown.wcs
    assert of(at_home, MaskColour)[0].colours["BAD"] == "ignore"
    assert [(step.percent, step.plane) for step in of(at_home, MaskTransparency)] == [(60, None), (100, "SAT")]
    assert (caller.impl._getMaskTransparency(), caller.impl._getMaskTransparency("SAT")) == (60, 100)
    assert of(at_home, Colormap) == [], "gray was there before"


def test_a_mask_by_itself_stays_where_it_is(at_home: ScriptedDaemon) -> None:
    Caller().image(afw.Image(afw.mask().array, (0, 0)), afw.mask())
    assert of(at_home, Mtv)[0].target.xy0 == afw.XY0


def test_a_sky_that_fails_costs_the_sky_alone(at_home: ScriptedDaemon) -> None:
    Caller().image(afw.image(), None, afw.SkyWcs(bend=1.0, fails=True))
    shown = of(at_home, Mtv)[0].target
    assert shown.wcs == ""
    assert "no sky" in shown.notes[0]


def test_positions_of_the_array_become_those_of_the_parent(at_home: ScriptedDaemon) -> None:
    caller = Caller()
    caller.image(afw.image())
    impl = caller.impl
    impl._buffer(True)
    impl._dot("o", *caller.local(400, 900), 10, "red", fontFamily="helvetica", textAngle=None)
    impl._dot("o", float("nan"), 1, 10, None)
    impl._drawLines([caller.local(400, 900), caller.local(401, 901)], None)
    impl._drawLines([], None)
    impl._buffer(False)
    impl._flush()
    impl._pan(*caller.local(410, 910))
    dots, line = of(at_home, Overlay)
    assert (dots.x, dots.y, line.x, line.y) == ((400,), (900,), (400, 401), (900, 901))
    assert (dots.colour, line.colour) == ("red", "green")
    assert of(at_home, Pan) == [Pan(x=410, y=910)]
    assert names_of(at_home.steps) == ["Mtv", "Overlay", "Overlay", "Pan"]


def test_settings_go_to_the_frame_that_the_display_has_now(at_home: ScriptedDaemon) -> None:
    caller = Caller(1)
    caller.image(afw.image())
    caller.frame = 2
    caller.image(afw.image())
    caller.impl._scale("linear", 1, 2, "Absolute", Q=8)
    caller.impl._zoom(2)
    caller.impl._show()
    caller.impl._erase()
    assert of(at_home, Scale) == [Scale(display=2, stretch="linear", low=1, high=2)]
    assert [step.display for step in at_home.steps] == [1, 2, 2, 2, 2, 2]  # type: ignore[union-attr]
    caller.impl._setImageColormap("heat")
    assert of(at_home, Colormap) == [Colormap(display=2, name="heat")]
    caller.impl._alignImages("Pixel", True)
    assert of(at_home, Arrange) == [Arrange(tile=True, lock_frame="image")]


def test_keys_come_one_at_a_time_or_not_at_all(at_home: ScriptedDaemon) -> None:
    def subscribe(seen: Any) -> Any:
        at_home._usual(seen)
        at_home.tell(Event(kind="key", key="a", display=0, x=3.0, y=4.0))
        return Subscribed(epoch=at_home._epoch, number=0)

    at_home.script(Subscribe, subscribe)
    caller = Caller()
    event = caller.impl._getEvent()
    assert event is not None
    assert (event.k, event.x, event.y) == ("a", 3, 4)
    assert caller.impl._getEvent(0) is None


def test_what_is_no_call_of_afw_is_that_of_mtv(at_home: ScriptedDaemon) -> None:
    impl: Any = Caller().impl
    assert impl.overlay.__self__.frame == 0
    impl.show_colorbar(False)
    assert not hasattr(impl, "_repr_html_")
