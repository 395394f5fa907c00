"""Files that are none: a clear error, and the window, the daemon and other clients go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from tests.support.live_daemon import LiveDaemon

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]


@pytest.fixture(scope="module")
def display(demo_daemon: LiveDaemon) -> mtv.Display:
    display = mtv.Display(50, connection=demo_daemon.connect())
    display.mtv(np.full((5, 6), 7, "f4"))
    return display


def whole(path: Path) -> Path:
    fits.HDUList([fits.PrimaryHDU(np.zeros((100, 100), "f4"))]).writeto(path)
    return path


def made(kind: str, directory: Path) -> Path:
    path = directory / f"{kind}.fits"
    if kind == "truncated":
        path.write_bytes(whole(directory / "whole.fits").read_bytes()[:5000])
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("this is no FITS file\n" * 500)
    elif kind == "directory":
        path.mkdir()
    elif kind == "cube":
        fits.HDUList([fits.PrimaryHDU(np.zeros((2, 3, 4, 5), "f4"))]).writeto(path)
    elif kind == "table":
        fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([])]).writeto(path)
    return path


@pytest.mark.parametrize("kind", ["missing", "truncated", "empty", "text", "directory", "cube", "table"])
def test_a_file_that_cannot_be_shown_is_refused_and_the_picture_stays(
    display: mtv.Display, demo_daemon: LiveDaemon, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(mtv.RequestError) as caught:
        display.mtv(made(kind, tmp_path))
    assert caught.value.code in {"unreadable_file", "not_found", "bad_value", "unsupported"}
    assert "path" in caught.value.error.where or "target" in caught.value.error.where
    assert str(tmp_path) not in caught.value.error.message.replace(f"{kind}.fits", "")
    with demo_daemon.probe() as window:
        assert float(window.value(1, 1, frame=50)) == 7
    display.dot("o", 1, 1)


@pytest.mark.parametrize(
    "text",
    ['a "quoted" text', "braces { and }", "semi; colons", "[exec touch /tmp/x]", "$env(HOME)", "back\\slash", "⭐ M31"],
)
def test_any_text_is_drawn_as_it_is(display: mtv.Display, demo_daemon: LiveDaemon, text: str) -> None:
    display.erase()
    display.dot(text, 2, 2, size=12)
    with demo_daemon.probe() as window:
        assert window.markers(50) == 1
        assert text in window.regions(50)


def test_a_query_that_is_wrong_names_its_field(demo_daemon: LiveDaemon, chain: str) -> None:
    repository = mtv.Repository(connection=demo_daemon.connect())
    good: dict[str, Any] = {"collections": chain, "where": "instrument='HSC'"}
    wrong: list[tuple[str, dict[str, Any], str, str]] = [
        ("calxep", {}, "unknown_dataset_type", "dataset_type"),
        ("calexp", {"collections": "u/nobody/x"}, "unknown_collection", "collections"),
        ("calexp", {"where": "visit = = 3"}, "bad_query", "where"),
        ("calexp", {"where": "instrument='HSC' and vist = 3"}, "bad_query", "where"),
    ]
    for dataset_type, change, code, where in wrong:
        with pytest.raises(mtv.RequestError) as caught:
            repository.query(dataset_type, **(good | change))
        assert (caught.value.code, caught.value.error.where) == (code, where)
    with pytest.raises(mtv.RequestError) as caught:
        repository.get("calexp", instrument="HSC", visit=23718, collections=chain)
    assert caught.value.code == "ambiguous"
    with pytest.raises(mtv.RequestError) as caught:
        repository.query("calexp", instrument="HSC", vist=3, collections=chain)
    assert "vist" in str(caught.value)
