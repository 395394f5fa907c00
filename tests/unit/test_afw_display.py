"""Calls of ``lsst.afw.display``: what they send, what they refuse and how, and what they never do."""

from __future__ import annotations

import gc
import logging
import math
from typing import Any

import numpy as np
import pytest
from tests.support import afw_programs, scripted
from tests.support.afw_programs import names_of

import mtv
import mtv.afw as afw_display
from mtv.afw.frames import display_name
from mtv.testing import ScriptedDaemon
from mtv.wire.data import Exposure
from mtv.wire.errors import RequestError
from mtv.wire.messages import Event
from mtv.wire.requests import Subscribe, Transaction
from mtv.wire.steps import Arrange, Colormap, Erase, Mtv, Overlay, Pan, Scale, Show, Zoom

as_new, at_home, daemon = afw_programs.as_new, afw_programs.at_home, scripted.daemon
IMAGE = np.arange(12, dtype="f4").reshape(3, 4)
PLANES = {"BAD": 0, "DETECTED": 1, "ODD": 5, "STRANGE": 2}
XY0 = (100, 200)


def exposure(planes: dict[str, int] = PLANES) -> mtv.Exposure:
    return mtv.Exposure(IMAGE, mask=np.zeros((3, 4), "u1"), planes=planes, xy0=XY0)


def of(daemon: ScriptedDaemon, kind: Any) -> list[Any]:
    return [step for step in daemon.steps if isinstance(step, kind)]


# Before the first image


def test_nothing_is_sent_and_no_connection_made_before_the_first_image(at_home: ScriptedDaemon) -> None:
    afw_display.Display(frame=3).flush()
    afw_display.setDefaultMaskTransparency(75)
    display = afw_display.Display(frame=2)
    display.scale("asinh", "zscale")
    display.zoom(4, 205, 180)
    display.setMaskPlaneColor("DETECTED", "green")
    display.setMaskTransparency(30)
    display.setImageColormap("viridis")
    display.alignImages("Pixel")
    with display.Buffering():
        pass
    display.close()
    assert at_home.seen == []


def test_settings_come_with_the_first_image_as_one_transaction(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display(frame=2)
    display.scale("asinh", "zscale")
    display.zoom(4, 205, 180)
    display.setMaskTransparency(30)
    display.setImageColormap("viridis_r")
    display.alignImages("Pixel", lock_match=False)
    display.image(exposure(), "a title")
    first = at_home.of(Transaction)[0].message
    assert isinstance(first, Transaction)
    assert names_of(list(first.steps)) == ["Mtv", "MaskColour", "MaskTransparency", "Scale", "Zoom", "Pan"]
    assert all(getattr(step, "display", 2) == 2 for step in at_home.steps)
    (pan,), (shown,) = of(at_home, Pan), of(at_home, Mtv)
    assert (pan.x, pan.y, shown.target.label) == (205, 180, "a title")
    assert of(at_home, Colormap) == [Colormap(display=2, name="viridis", invert=True)]
    display.image(IMAGE)
    assert len(of(at_home, Zoom)) == len(of(at_home, Pan)) == 1, "the view is the user's from then on"
    assert of(at_home, Arrange) == [Arrange(tile=True, lock_frame="image"), Arrange(lock_frame="none")]


def test_settings_last_and_are_not_sent_again_with_the_next_image(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    display.scale("linear", 0, 5)
    display.image(IMAGE)
    display.image(IMAGE)
    display.scale("log", "minmax")
    display.zoom(3)
    assert names_of(at_home.steps) == ["Mtv", "Scale", "Mtv", "Scale", "Zoom"]


def test_the_grey_colour_map_that_every_display_begins_with_is_not_sent(at_home: ScriptedDaemon) -> None:
    for _ in range(2):
        afw_display.Display(frame=1).image(IMAGE)
    assert names_of(at_home.steps) == ["Mtv", "Mtv"]


def test_flush_sends_settings_to_a_picture_of_somebody_else(at_home: ScriptedDaemon) -> None:
    from mtv.wire.reports import DisplayReport
    from mtv.wire.requests import Describe

    at_home.script(Describe, DisplayReport(number=0, shape=(3, 4), xy0=XY0))
    display = afw_display.Display()
    display.scale("sqrt", "zscale")
    display.flush()
    assert names_of(at_home.steps) == ["Scale"]
    display.pan(1, 2, origin=afw_display.LOCAL)
    assert of(at_home, Pan) == [Pan(x=101, y=202)]


# Images


def test_positional_calls_as_programs_make_them(at_home: ScriptedDaemon) -> None:
    display = afw_display.getDisplay(1)
    display.mtv(IMAGE, "warped template")
    display.dot("o", 10, 20, 15, "red")
    display.dot("+", 1, 2)
    display.line([(0, 0), (3, 4)], afw_display.PARENT, False, afw_display.RED)
    display.zoom(4, 205, 180)
    display.pan(10, 12)
    display.erase()
    display.show()
    mtv.default_connection().flush()
    assert of(at_home, Mtv)[0].target.label == "warped template"
    markers = of(at_home, Overlay)
    assert sum((o.x for o in markers), ()) == (10.0, 1.0, 0.0, 3.0)
    assert sum((o.y for o in markers), ()) == (20.0, 2.0, 0.0, 4.0)
    assert [o.lines for o in markers][-1]
    assert {"o", "+"} == {symbol for o in markers if not o.lines for symbol in o.symbol}
    assert (of(at_home, Zoom)[0].factor, of(at_home, Pan)[0].x, of(at_home, Pan)[1].y) == (4, 205, 12)
    assert (len(of(at_home, Erase)), len(of(at_home, Show))) == (1, 1)


def test_what_is_no_image_is_a_type_error(at_home: ScriptedDaemon) -> None:
    with pytest.raises(TypeError, match="Unsupported type"):
        afw_display.Display().image(object())


def test_a_wcs_besides_that_of_an_exposure_is_refused(at_home: ScriptedDaemon) -> None:
    sky = "CTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\nCRVAL1  = 1.0\nCRVAL2  = 2.0\nCRPIX1  = 1\nCRPIX2  = 1"
    target = mtv.Exposure(IMAGE, wcs=sky)
    with pytest.raises(RuntimeError, match="WCS"):
        afw_display.Display().image(target, wcs=sky)
    afw_display.Display().image(IMAGE, wcs=sky)
    assert "CRVAL1" in of(at_home, Mtv)[0].target.wcs


@pytest.mark.parametrize("title", ["a\nb", "x" * 5000, 7, ""])
def test_no_title_costs_the_picture(at_home: ScriptedDaemon, title: Any) -> None:
    afw_display.Display().image(IMAGE, title)
    label = of(at_home, Mtv)[0].target.label
    assert "\n" not in label
    assert len(label) <= 1000


def test_the_objects_of_lsst_images_set_the_origin_and_show_their_planes(at_home: ScriptedDaemon) -> None:
    pytest.importorskip("lsst.images")
    from tests.support.lsst_images import masked_image, visit_image

    display = afw_display.Display()
    target = masked_image()
    for image in (target, target.image, target.mask):
        display.image(image)
        assert display._xy0 == (target.image.yx0.x, target.image.yx0.y)
    masks = [step.target.mask is not None for step in of(at_home, Mtv)]
    assert masks == [True, False, True]
    with pytest.raises(RuntimeError, match="WCS"):
        display.image(visit_image(), wcs="CRVAL1  = 1")


def test_the_objects_of_afw_are_shown_as_they_are_there(at_home: ScriptedDaemon) -> None:
    pytest.importorskip("astropy")
    from tests.support import afw_objects as afw

    display = afw_display.Display("dummy")
    display.image(afw.image(), wcs=afw.SkyWcs())
    display.image(afw.mask())
    display.image(afw.exposure(afw.SkyWcs()))
    with_sky, mask, whole = (step.target for step in of(at_home, Mtv))
    assert isinstance(mask, Exposure)
    assert mask.mask is not None
    assert dict(mask.planes) == dict(whole.planes) == afw.PLANES
    assert "CRVAL1" in with_sky.wcs
    assert display._xy0 == afw.XY0
    with pytest.raises(RuntimeError, match="WCS"):
        display.image(afw.exposure(None), wcs=afw.SkyWcs())


def test_a_reference_is_read_by_the_daemon(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    display.scale("asinh", "zscale")
    display.image("calexp.fits", title="calexp")
    assert names_of(at_home.steps) == ["Mtv", "Scale"]
    assert of(at_home, Mtv)[0].label == "calexp"


# Frames


def test_the_registry_has_one_display_a_frame(as_new: None) -> None:
    display = afw_display.getDisplay(3)
    assert afw_display.getDisplay(frame=3, backend="firefly") is display
    assert afw_display.getDisplay(3, verbose=True).verbose
    newer = afw_display.Display(3)
    assert afw_display.getDisplay(3) is newer
    display.close()
    assert afw_display.getDisplay(3) is newer, "an older one takes itself out of the registry alone"
    for words in ({"backend": ""}, {"create": False}):
        with pytest.raises(RuntimeError, match="Frame 4 does not exist"):
            afw_display.getDisplay(4, **words)
    afw_display.delAllDisplays()
    with pytest.raises(RuntimeError, match="Frame 3"):
        afw_display.getDisplay(3, backend="")
    with pytest.raises(AttributeError, match=r"Display\[3\] is closed"):
        newer.erase()


def test_the_default_frame_goes_on(as_new: None) -> None:
    assert str(afw_display.Display()) == "Display[0]"
    assert afw_display.incrDefaultFrame() == 1
    assert afw_display.Display().frame == afw_display.getDefaultFrame() == 1
    afw_display.setDefaultFrame("guider")
    assert str(afw_display.getDisplay()) == "Display[guider]"
    afw_display.Display.setDefaultFrame()
    assert afw_display.getDefaultFrame() == 0


class Figure:
    """Stands for a figure of matplotlib."""


def test_each_figure_has_a_display_of_its_own_as_long_as_it_lives(at_home: ScriptedDaemon) -> None:
    first, second = Figure(), Figure()
    display = afw_display.Display(frame=first)
    assert display.frame is first
    display.image(IMAGE)
    afw_display.Display(frame=second, backend="matplotlib").image(IMAGE)
    afw_display.Display(frame=first).image(IMAGE)
    named = [step.display for step in of(at_home, Mtv)]
    assert named[0] == named[2] != named[1]
    assert isinstance(named[0], str)
    del first
    gc.collect()
    assert display.frame is None
    third = Figure()
    assert display_name(third) == named[0]
    assert afw_display.getDisplay(third) is not display


@pytest.mark.parametrize("frame", [-1, 5000, (1, 2), 2.5, None, "guider", np.int64(3)])
def test_any_hashable_value_is_a_frame(at_home: ScriptedDaemon, frame: Any) -> None:
    afw_display.setDefaultFrame(frame)
    afw_display.Display().image(IMAGE)
    afw_display.Display().dot("o", 1, 1)
    mtv.default_connection().flush()
    assert len({getattr(step, "display", None) for step in at_home.steps}) == 1


def test_the_frame_of_a_display_may_be_assigned(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    display.scale("asinh", "zscale")
    for frame in range(3):
        display.frame = frame
        display.image(IMAGE)
    assert names_of(at_home.steps) == ["Mtv", "Scale"] * 3
    assert [step.display for step in of(at_home, Scale)] == [0, 1, 2]


# Backends


def test_other_backends_are_drawn_in_ds9_and_said_once(as_new: None, caplog: pytest.LogCaptureFixture) -> None:
    assert afw_display.getDefaultBackend() is None
    with caplog.at_level(logging.WARNING, "mtv"):
        for _ in range(2):
            afw_display.setDefaultBackend("firefly")
            display = afw_display.Display(frame=1, url="https://firefly")
    assert [record.getMessage() for record in caplog.records] == [
        "backend 'firefly': everything is drawn in DS9 here, by mtvd",
        "Display(backend='firefly'): url= does nothing in DS9 and is left out",
    ]
    assert (afw_display.getDefaultBackend(), display.name) == ("firefly", "ds9")
    with pytest.raises(RuntimeError, match="Unable to set backend to 'paper'"):
        afw_display.setDefaultBackend("paper")
    with pytest.raises(RuntimeError, match="Unable to set backend"):
        afw_display.Display(1, "paper")


def test_calls_of_other_backends_do_nothing_or_what_they_mean(at_home: ScriptedDaemon) -> None:
    display: Any = afw_display.Display(frame=Figure())
    display.show_colorbar(False)
    display.useSexagesimal(True)
    assert at_home.seen == []
    assert display.overlay.__self__ is display.snapshot.__self__
    assert display.savefig == display.snapshot
    with pytest.raises(AttributeError):
        _ = display.nothing_of_the_kind
    assert not hasattr(display, "_repr_html_")


def test_the_virtual_device_draws_nothing(at_home: ScriptedDaemon) -> None:
    display = afw_display.getDisplay(backend="virtualDevice")
    display.image(exposure())
    with display.Buffering():
        display.dot("o", 1, 2)
    display.scale("asinh", "zscale")
    display.setMaskTransparency(30)
    display.interact()
    display.show()
    assert at_home.seen == []
    assert display.name == "virtualDevice"


# Settings


def test_scale_refuses_what_afw_refuses(as_new: None) -> None:
    display = afw_display.Display()
    for words in ({"max": 3}, {"unit": "percent"}):
        with pytest.raises(AssertionError):
            display.scale("asinh", "zscale", **words)
    with pytest.raises(RuntimeError, match="Please specify max"):
        display.scale("asinh", 3)
    with pytest.raises(RequestError, match="stretch"):
        display.scale("asinnh", "zscale")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (("histequ", "zscale"), Scale(stretch="histogram", mode="zscale")),
        (("equal", "minmax"), Scale(stretch="histogram", mode="minmax")),
        (("", "minmax"), Scale(mode="minmax")),
        ((None, 1, 2), Scale(low=1, high=2)),
        (("Asinh", -1, 30, "Absolute"), Scale(stretch="asinh", low=-1, high=30)),
        (("linear", 0, 100, "percent"), Scale(stretch="linear", low=0, high=11)),
    ],
)
def test_stretches_and_limits_in_anybodys_words(at_home: ScriptedDaemon, given: tuple[Any, ...], sent: Scale) -> None:
    display = afw_display.Display()
    display.scale(*given)
    display.image(IMAGE)
    display.scale(*given, Q=8)
    assert of(at_home, Scale) == [sent, sent]


def test_limits_in_standard_deviations_lie_about_the_median(at_home: ScriptedDaemon) -> None:
    pixels = np.random.default_rng(3).normal(50, 4, (300, 300))
    pixels[:10] = 1e6
    display = afw_display.Display()
    display.image(pixels)
    display.scale("linear", -2, 5, unit="sigma")
    (scale,) = of(at_home, Scale)
    assert (scale.low, scale.high) == (pytest.approx(42, abs=0.8), pytest.approx(70, abs=1.5))


def test_zoom_and_pan_take_what_they_are_given(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    for centre in ((1, None), (None, 1)):
        with pytest.raises(RuntimeError, match="row and column"):
            display.zoom(2, *centre)
        with pytest.raises(RuntimeError, match="row and column"):
            display.pan(*centre)
    display.image(exposure())
    display.pan()
    assert names_of(at_home.steps) == ["Mtv", "MaskColour"]
    display.zoom()
    display.zoom(3, 5, 6, afw_display.LOCAL)
    assert [step.factor for step in of(at_home, Zoom)] == [2, 3]
    assert of(at_home, Pan) == [Pan(x=105, y=206)]


def test_keys_call_functions_until_one_ends_it(at_home: ScriptedDaemon, caplog: pytest.LogCaptureFixture) -> None:
    display = afw_display.Display()
    heard: list[Any] = []
    assert display.setCallback("a", lambda *event: heard.append(event)) is afw_display.noop_callback
    display.setCallback("+", lambda *event: heard.append(event))
    display.setCallback("b", lambda *_: 1 / 0)
    for key in ("f", ""):
        with pytest.raises(RuntimeError, match="already in use"):
            display.setCallback(key)
        display.setCallback(key, noRaise=True)
    keys = [("a", 3.0), ("plus", 4.0), ("b", 5.0), ("z", 6.0), ("Return", 7.0), ("a", 8.0)]

    def press(seen: Any) -> Any:
        from mtv.wire.messages import Subscribed

        for key, x in keys:
            at_home.tell(Event(kind="key", key=key, display=0, x=x, y=None))
        return Subscribed(epoch=at_home._epoch, number=0)

    usual = at_home._usual

    def subscribe(seen: Any) -> Any:
        usual(seen)
        return press(seen)

    at_home.script(Subscribe, subscribe)
    display.interact()
    assert [(k, x, math.isnan(y)) for k, x, y in heard] == [("a", 3.0, True), ("+", 4.0, True)]
    assert "function of key 'b' failed" in caplog.text
    assert {"a", "h", "q", "Return", "Escape"} <= set(display.getActiveCallbackKeys())
    assert "z" not in display.getActiveCallbackKeys()
    assert "z" in display.getActiveCallbackKeys(onlyActive=False)
    assert (afw_display.noop_callback("a", 1, 2), afw_display.h_callback("h", 1, 2)) == (False, False)
