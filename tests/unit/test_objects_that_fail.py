"""Objects that raise when they are asked for a part, or lie about their shape: refused whole, in their own words."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.support import afw_objects as afw
from tests.support.refusals import refused

import mtv
from mtv.arguments.objects import Image, image_of
from mtv.arguments.targets import check_image
from mtv.testing import ScriptedDaemon
from mtv.wire.errors import MtvError
from mtv.wire.limits import Limits

IMAGE = np.arange(12, dtype="f4").reshape(3, 4)


class Fails(Exception):
    """Raised by the objects below."""


class OnDemand:
    """An object whose parts are properties: one that is an exception raises it, and a function is a method."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.__class__ = type("Odd", (OnDemand,), {name: self._part(value) for name, value in parts.items()})

    @staticmethod
    def _part(value: Any) -> Any:
        def read(_self: Any) -> Any:
            if isinstance(value, Exception):
                raise value
            return value

        return property(read)


def raises(*_: Any, **__: Any) -> Any:
    raise Fails("the file of the WCS\nis gone")


BOX = SimpleNamespace(x=SimpleNamespace(size=4), y=SimpleNamespace(size=3))
NDDATA: Mapping[str, Any] = {"data": IMAGE, "uncertainty": None, "mask": None, "wcs": None, "unit": None, "meta": {}}
HDU = {"header": {}, "data": IMAGE}
CUTOUT = {"data": IMAGE, "origin_original": (0, 0), "origin_cutout": (0, 0), "wcs": None}
LSST = {"array": IMAGE, "yx0": SimpleNamespace(x=1, y=2), "fits_wcs": None, "sky_projection": None, "bbox": BOX}
VISIT = {"image": OnDemand(LSST), "mask": None, "variance": None, "yx0": LSST["yx0"], "obs_info": None}
AFW = {"array": IMAGE, "getXY0": lambda: (1, 2)}
MASKED = {"image": OnDemand(AFW), "mask": None, "variance": None, "getXY0": lambda: (1, 2)}
EXPOSURE = {
    "getMaskedImage": lambda: OnDemand(MASKED), "getWcs": lambda: None, "getInfo": lambda: None,
    "getMetadata": lambda: None,
}  # fmt: skip
EVERY: Mapping[str, Mapping[str, Any]] = {
    "nddata": NDDATA, "hdu": HDU, "cutout": CUTOUT, "lsst": LSST, "visit": VISIT, "afw": AFW, "masked": MASKED,
    "exposure": EXPOSURE,
}  # fmt: skip


def seen(target: Any) -> Image:
    return check_image(image_of(target), Limits())


@pytest.mark.parametrize("kind", EVERY)
def test_objects_that_do_not_fail_are_shown(kind: str) -> None:
    assert np.array_equal(seen(OnDemand(EVERY[kind])).pixels, IMAGE)


UNASKED = frozenset({("lsst", "fits_wcs"), ("lsst", "bbox"), ("visit", "variance"), ("visit", "yx0"),
                     ("masked", "variance"), ("nddata", "uncertainty"), ("exposure", "getMetadata")})  # fmt: skip
"""Parts that are not needed, or without which an image is still one."""


def broken(kind: str, name: str) -> OnDemand:
    """Return an object one of whose parts, a property or a method, raises."""
    given = EVERY[kind][name]
    method = callable(given) and not isinstance(given, OnDemand)
    return OnDemand({**EVERY[kind], name: raises if method else Fails("the file of the WCS\nis gone")})


@pytest.mark.parametrize(("kind", "name"), sorted({(kind, name) for kind in EVERY for name in EVERY[kind]} - UNASKED))
def test_a_part_that_raises_is_told_in_its_own_words(kind: str, name: str) -> None:
    error = refused(seen, broken(kind, name)).error
    assert (error.code, error.where) == ("bad_value", "target")
    assert error.message == "the Odd cannot be read: the file of the WCS is gone"


@pytest.mark.parametrize(("kind", "name"), sorted(UNASKED))
def test_a_part_that_is_not_needed_may_raise(kind: str, name: str) -> None:
    assert np.array_equal(seen(broken(kind, name)).pixels, IMAGE)


CUBE, LIST, WORDS = np.zeros((2, 3, 4)), [[1.0, 2.0], [3.0]], np.full((3, 4), "a")
LIES: list[tuple[str, str, Any]] = [
    *((kind, name, value) for kind, name in [("nddata", "data"), ("hdu", "data"), ("cutout", "data"), ("lsst", "array"),
                                             ("afw", "array")]
      for value in (CUBE, LIST, WORDS, None, "pixels", 5, object(), np.zeros((0, 4)), {})),
    ("nddata", "wcs", 5), ("nddata", "unit", object()), ("hdu", "header", None), ("hdu", "header", 5),
    ("cutout", "origin_original", (0,)), ("cutout", "origin_original", None), ("cutout", "origin_cutout", ("a", "b")),
    ("lsst", "yx0", None), ("lsst", "yx0", (1, 2)), ("lsst", "yx0", SimpleNamespace(x=float("nan"), y=1)),
    ("lsst", "sky_projection", 5), ("lsst", "bbox", None),
    ("visit", "image", None), ("visit", "image", IMAGE), ("visit", "mask", 5), ("visit", "mask", IMAGE),
    ("afw", "getXY0", None), ("afw", "getXY0", lambda: (1, 2, 3)), ("afw", "getXY0", lambda: None),
    ("masked", "image", None), ("masked", "mask", 5), ("masked", "getXY0", lambda: ("a", "b")),
    ("exposure", "getMaskedImage", lambda: None), ("exposure", "getWcs", lambda: 5), ("exposure", "getWcs", None),
]  # fmt: skip


def outcome(target: Any) -> Image | MtvError:
    try:
        return seen(target)
    except MtvError as refusal:
        return refusal


@pytest.mark.parametrize(("kind", "name", "value"), LIES)
def test_an_object_that_lies_is_refused_or_shown_and_nothing_else_happens(kind: str, name: str, value: Any) -> None:
    found = outcome(OnDemand({**EVERY[kind], name: value}))
    if isinstance(found, Image):
        assert found.pixels.shape == (3, 4)
        assert name not in {"data", "array", "yx0", "origin_original", "origin_cutout", "getXY0", "getMaskedImage"}
        return
    assert found.error.code == "bad_value"
    assert found.error.where in {"target", "image", "mask", "wcs", "xy0"}
    assert "\n" not in found.error.message


def test_a_mask_of_another_shape_is_left_out_and_told() -> None:
    wrong = afw.Mask(np.zeros((5, 6), "i4"))
    image = seen(afw.MaskedImage(afw.image(), wrong))
    assert image.mask is None
    assert image.notes == ("the mask is left out: its shape is (5, 6), that of the image (60, 80)",)


def test_nothing_of_an_object_that_fails_is_sent(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    with display.buffering():
        display.dot("+", 1, 2)
        refused(display.mtv, OnDemand({**NDDATA, "wcs": Fails("gone")}))
        metadata = OnDemand({"keys": list, "__iter__": raises})
        refused(display.mtv, OnDemand({**NDDATA, "meta": metadata}))
    assert [type(step).__name__ for step in daemon.steps] == ["Overlay"]
    assert daemon.pixel_directory is None or not list(daemon.pixel_directory.glob("*.fits"))
