"""The words for a part of a dataset or file: what they become, and which word an error names."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from mtv.arguments import parts
from mtv.display import Display
from mtv.wire.data import Dataset, File, Handle, SkyBox
from mtv.wire.errors import RequestError

FILE = File(path="/a.fits")
HANDLE = Handle(handle="h")
CALEXP = Dataset(dataset_type="calexp")


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ({}, {}),
        ({"hdu": None, "bbox": None, "component": ""}, {}),
        ({"hdu": 2}, {"hdu": 2}),
        ({"hdu": "SCI,2"}, {"hdu": "SCI,2"}),
        ({"cube_index": 3}, {"cube_index": (3,)}),
        ({"cube_index": [0, 3]}, {"cube_index": (0, 3)}),
        ({"component": "mask"}, {"component": "mask"}),
        ({"bbox": (1.0, 2, 3, 4)}, {"bbox": (1, 2, 3, 4)}),
        (
            {"centre_deg": (150, 2), "size_arcsec": 30},
            {"sky": SkyBox(ra_deg=150, dec_deg=2, width_arcsec=30, height_arcsec=30)},
        ),
        (
            {"centre_deg": (150, 2), "size_arcsec": (30, 10)},
            {"sky": SkyBox(ra_deg=150, dec_deg=2, width_arcsec=30, height_arcsec=10)},
        ),
    ],
)
def test_words_become_fields(words: Any, fields: dict[str, Any]) -> None:
    assert parts.of(FILE, words) == File(path="/a.fits", **fields)


def test_the_component_of_a_dataset_is_named_by_its_type() -> None:
    assert parts.of(CALEXP, {"component": "mask"}) == Dataset(dataset_type="calexp.mask")
    assert parts.of(Dataset(dataset_type="calexp.mask"), {"component": "mask"}).dataset_type == "calexp.mask"  # type: ignore[union-attr]
    with pytest.raises(RequestError, match="a component already"):
        parts.of(Dataset(dataset_type="calexp.mask"), {"component": "image"})


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ({"hdu": -1}, "hdu"),
        ({"hdu": ""}, "hdu"),
        ({"hdu": 1.5}, "hdu"),
        ({"hdu": True}, "hdu"),
        ({"cube_index": "x"}, "cube_index"),
        ({"cube_index": (1.5,)}, "cube_index"),
        ({"bbox": (1, 2, 3)}, "bbox"),
        ({"bbox": (1, 2, 0, 4)}, "bbox"),
        ({"bbox": "1234"}, "bbox"),
        ({"bbox": (1, 2, 3, 4.5)}, "bbox"),
        ({"bbox": (1, 2, 3, float("nan"))}, "bbox"),
        ({"centre_deg": (150, 2)}, "size_arcsec"),
        ({"size_arcsec": 3}, "centre_deg"),
        ({"centre_deg": (150, 92), "size_arcsec": 3}, "centre_deg"),
        ({"centre_deg": (150,), "size_arcsec": 3}, "centre_deg"),
        ({"centre_deg": (150, 2), "size_arcsec": -3}, "size_arcsec"),
        ({"centre_deg": (150, float("nan")), "size_arcsec": 3}, "centre_deg"),
        ({"centre_deg": (150, 2), "size_arcsec": 3, "bbox": (1, 2, 3, 4)}, "bbox"),
    ],
)
def test_a_word_that_says_nothing_sensible_is_named(words: Any, where: str) -> None:
    with pytest.raises(RequestError) as caught:
        parts.of(FILE, words)
    assert (caught.value.code, caught.value.error.where) == ("bad_value", where)


def test_a_handle_and_pixels_have_no_parts() -> None:
    handle = Handle(handle="1")
    assert parts.of(handle, {}) is handle
    with pytest.raises(RequestError) as caught:
        parts.of(handle, {"component": "mask"})
    assert caught.value.error.where == "component"
    parts.none_of_pixels({"bbox": None})  # type: ignore[typeddict-item]
    with pytest.raises(RequestError) as caught:
        parts.none_of_pixels({"hdu": 1})
    assert caught.value.error.where == "hdu"


@pytest.mark.parametrize(
    ("words", "where", "hint"),
    [
        ({"visit": 1}, "visit", "repository.dataset(..., visit=...)"),
        ({"bbbox": (1, 2, 3, 4)}, "bbbox", "did you mean 'bbox'?"),
        ({"lable": "x"}, "lable", "did you mean 'label'?"),
        ({"hdu": 1, "detector": 4}, "detector", "repository.dataset(..., detector=...)"),
    ],
)
def test_a_word_that_is_none_is_refused_with_what_to_do(words: Any, where: str, hint: str) -> None:
    for refuse in (lambda: parts.of(FILE, words), lambda: parts.of(HANDLE, words), lambda: parts.none_of_pixels(words)):
        with pytest.raises(RequestError) as caught:
            refuse()
        assert (caught.value.error.where, hint in caught.value.error.hint) == (where, True)


def test_near_words_are_those_of_the_call() -> None:
    known = {*Display.mtv.__annotations__} - {"target", "part", "return"}
    assert known == {*parts._BESIDE}
    assert {*parts.Part.__annotations__} == {*inspect.signature(parts.keep_given).parameters}
