"""Objects that show themselves in a notebook: pictures of displays, exposures, movies."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mtv
from mtv.data.exposure import Exposure
from mtv.data.glance import png_of
from mtv.data.picture import Picture
from mtv.streams.movie import Movie
from mtv.testing import ScriptedDaemon
from mtv.wire import messages, reports, requests

Image = pytest.importorskip("PIL.Image")


def png(height: int = 3, width: int = 5) -> bytes:
    return png_of(np.arange(height * width, dtype=np.uint8).reshape(height, width))


def jpeg(height: int, width: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height)).save(content, "JPEG")
    return content.getvalue()


def test_a_picture_is_bytes_and_knows_its_format_and_size() -> None:
    for content, kind in ((png(3, 5), "png"), (jpeg(3, 5), "jpeg")):
        picture = Picture(content)
        assert picture == content
        assert isinstance(picture, bytes)
        assert (picture.format, picture.size) == (kind, (5, 3))
        assert repr(picture) == f"<mtv.Picture {kind}: 5 x 3, {len(content)} bytes>"
    assert Picture(b"\xff\xd8\xff").size is None
    assert Picture(b"").size is None


def test_a_picture_shows_itself_as_wide_as_the_cell_likes() -> None:
    picture = Picture(png())
    assert picture._repr_png_() == png()
    assert picture._repr_jpeg_() is None
    assert picture.at(800)._repr_png_() == (png(), {"width": 800})
    assert picture.at(800) == picture
    assert Picture(jpeg(3, 5))._repr_jpeg_() == jpeg(3, 5)
    with pytest.raises(mtv.RequestError) as caught:
        picture.at(0)
    assert caught.value.error.where == "width"


def test_a_picture_saves_itself_under_its_own_ending(tmp_path: Path) -> None:
    picture = Picture(png())
    assert picture.save(tmp_path / "a.png").read_bytes() == png()
    assert picture.save(tmp_path / "b") == tmp_path / "b.png"
    with pytest.raises(mtv.RequestError, match="not a jpg") as caught:
        picture.save(tmp_path / "c.jpg")
    assert caught.value.error.where == "path"
    assert not (tmp_path / "c.jpg").exists()
    assert Picture(jpeg(2, 2)).save(str(tmp_path / "d.JPEG")).exists()


def test_a_snapshot_is_such_a_picture(daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Snapshot, (messages.Picture(format="png"), [png()]))
    with mtv.Connection(daemon.endpoint) as connection:
        assert repr(mtv.Display(1, connection=connection).snapshot()).startswith("<mtv.Picture png: 5 x 3")


def picture_of(exposure: Exposure) -> Any:
    (content,) = re.findall(r'base64,([^"]+)"', exposure._repr_html_())
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_an_exposure_shows_label_size_planes_and_a_small_picture() -> None:
    image = np.zeros((600, 300), np.float32)
    image[:300] = 100
    mask = np.zeros((600, 300), np.int32)
    mask[:, :150] = 4
    exposure = Exposure(
        image, mask, planes={"SAT": 2, "BAD": 0}, unit="nJy", label="calexp <visit>", xy0=(7, 8), notes=("x",)
    )
    text = exposure._repr_html_()
    for said in ("calexp &lt;visit&gt;", "300 x 600 pixels from (7, 8)", "float32 nJy", "BAD, SAT 50 %", "left out"):
        assert said in text, said
    shown = picture_of(exposure)
    assert max(shown.shape) <= 256
    assert shown[0].max() < shown[-1].min(), "the first row is below, as in the window"


@pytest.mark.parametrize(
    "image",
    [
        np.full((4, 4), np.nan),
        np.zeros((1, 3000)),
        np.ones((3000, 1), np.uint16),
        np.array([[np.inf, -np.inf], [1e300, -1e300]]),
        np.arange(6).reshape(2, 3),
        np.zeros((2, 2), bool),
    ],
)
def test_any_image_has_a_picture(image: Any) -> None:
    assert picture_of(Exposure(image)).size > 0


def test_an_exposure_without_pixels_has_no_picture() -> None:
    assert "<img" not in Exposure(np.zeros((0, 3)))._repr_html_()


def test_a_movie_shows_what_it_last_heard_and_asks_nothing(daemon: ScriptedDaemon) -> None:
    begun = reports.Movie(movie="m", display="a<b", state="playing", count=12, fps=2.5, loop=True)
    later = reports.Movie(movie="m", display="a<b", state="paused", count=12, fps=2.5, position=3, label="calexp 4")
    with mtv.Connection(daemon.endpoint) as connection:
        movie = Movie(begun, connection)
        assert "a&lt;b" in movie._repr_html_()
        assert "playing" in movie._repr_html_()
        assert daemon.of(requests.Follow) == []
        daemon.script(requests.Follow, later)
        assert movie.state == later
        assert "paused" in movie._repr_html_()
        assert "4: calexp 4" in movie._repr_html_()
