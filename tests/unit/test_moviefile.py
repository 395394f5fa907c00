"""Files of movies, written and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
from tests.support.pictures import number_in, pixels, png

from mtv.streams.moviefile import Video, writer_of
from mtv.wire.errors import DaemonError, RequestError


def written(path: Path, count: int = 5, *, fps: float = 4, width: int = 301, height: int = 201) -> Path:
    with writer_of(path, fps) as file:
        for number in range(count):
            file.add(png(number, width, height))
    assert file.frames == count
    return path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def read(path: Path) -> tuple[list[Any], list[float]]:
    """Return pictures and their times."""
    with av.open(str(path)) as opened:
        frames = list(opened.decode(video=0))
    return [frame.to_ndarray(format="rgb24") for frame in frames], [float(frame.time or 0) for frame in frames]


@pytest.mark.parametrize("name", ["x.gif", "x.mp4", "X.MP4"])
@pytest.mark.parametrize(("width", "height"), [(300, 200), (301, 201), (1024, 201)])
def test_all_pictures_are_read_back_in_their_order_and_at_their_times(
    tmp_path: Path, name: str, width: int, height: int
) -> None:
    pictures, times = read(written(tmp_path / name, width=width, height=height))
    assert [number_in(picture) for picture in pictures] == [0, 1, 2, 3, 4]
    assert times == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])
    even = name.lower().endswith("mp4")
    assert pictures[0].shape == (height + height % 2 * even, width + width % 2 * even, 3)
    assert abs(pictures[2][100:200, 50:250].astype(int) - pixels(2)[100:200, 50:250]).max() <= 3


def test_each_picture_of_a_gif_keeps_its_colours(tmp_path: Path) -> None:
    palettes = (
        [(255, 0, 0), (0, 255, 0), (255, 0, 255), (255, 165, 0), (0, 255, 255), (17, 18, 19)],
        [(0, 0, 255), (255, 255, 0), (1, 99, 200), (250, 250, 250), (90, 10, 10), (0, 128, 128)],
    )
    pictures = [np.repeat(np.array([colours], np.uint8), 40, axis=0).repeat(10, axis=1) for colours in palettes]
    with writer_of(tmp_path / "x.gif", 1) as file:
        for picture in pictures:
            PIL.Image.fromarray(picture).save(tmp_path / "one.png")
            file.add((tmp_path / "one.png").read_bytes())
    for found, picture in zip(read(tmp_path / "x.gif")[0], pictures, strict=True):
        assert abs(found.astype(int) - picture).max() <= 1


@pytest.mark.parametrize(("fps", "times"), [(0.5, [0, 2, 4]), (3, [0, 0.33, 0.67]), (29.97, [0, 0.03337, 0.06673])])
@pytest.mark.parametrize("name", ["x.gif", "x.mp4"])
def test_rates_that_are_no_whole_numbers(tmp_path: Path, name: str, fps: float, times: list[float]) -> None:
    assert read(written(tmp_path / name, 3, fps=fps))[1] == pytest.approx(times, abs=0.01)


@pytest.mark.parametrize("name", ["x.gif", "x.mp4"])
def test_a_window_that_is_resized_meanwhile_is_scaled_to_its_first_size(tmp_path: Path, name: str) -> None:
    with writer_of(tmp_path / name, 4) as file:
        file.add(png(1, 300, 200, "RGBA"))
        file.add(png(1, 600, 400))
        file.add(png(1, 300, 200, "L"))
    assert {picture.shape for picture in read(tmp_path / name)[0]} == {(200, 300, 3)}


def test_a_directory_of_pictures(tmp_path: Path) -> None:
    written(tmp_path / "frames", 3)
    assert names(tmp_path / "frames") == ["00000.png", "00001.png", "00002.png"]
    assert (tmp_path / "frames" / "00002.png").read_bytes() == png(2)
    (tmp_path / "run.2").mkdir()
    written(tmp_path / "run.2", 2)
    with pytest.raises(RequestError) as caught:
        writer_of(tmp_path / "frames", 2)
    assert caught.value.error.where == "path"


@pytest.mark.parametrize("name", ["x.gif", "x.mp4", "frames"])
def test_what_fails_midway_leaves_what_was_there_before(tmp_path: Path, name: str) -> None:
    if name != "frames":
        (tmp_path / name).write_text("before")
    before = names(tmp_path)

    def fail() -> None:
        with writer_of(tmp_path / name, 4) as file:
            file.add(png(0))
            file.add(png(1))
            assert file._output is not None if isinstance(file, Video) else len(names(tmp_path)) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert names(tmp_path) == before
    if name != "frames":
        assert (tmp_path / name).read_text() == "before"
        assert len(read(written(tmp_path / name))[0]) == 5, "and may be written over in the end"


@pytest.mark.parametrize("name", ["x.gif", "x.mp4", "frames"])
def test_nothing_is_written_of_no_pictures(tmp_path: Path, name: str) -> None:
    with writer_of(tmp_path / name, 4):
        pass
    assert not names(tmp_path)


@pytest.mark.parametrize("name", ["x.gif", "x.mp4"])
def test_a_picture_that_is_none_is_an_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(DaemonError), writer_of(tmp_path / name, 4) as file:  # noqa: PT012
        file.add(png(0))
        file.add(b"\x89PNG\r\n\x1a\n and no more")
    assert not names(tmp_path)


@pytest.mark.parametrize(
    ("name", "fps", "where"),
    [("x.avi", 2, "path"), ("nowhere/x.gif", 2, "path"), ("x.gif", 51, "fps"), ("x.mp4", 0, "fps"), ("x", 1e9, "fps")],
)
def test_what_is_not_written_is_refused_at_once(tmp_path: Path, name: str, fps: float, where: str) -> None:
    with pytest.raises(RequestError) as caught:
        writer_of(tmp_path / name, fps)
    assert caught.value.error.where == where


@pytest.mark.parametrize("name", ["x.gif", "x.mp4"])
def test_memory_does_not_grow_with_the_pictures(tmp_path: Path, name: str) -> None:
    import psutil

    process, pictures = psutil.Process(), [png(number, 640, 480) for number in range(4)]
    with writer_of(tmp_path / name, 25) as file:
        for number in range(400):
            file.add(pictures[number % 4])
            if number == 100:
                before = process.memory_info().rss
        grown = process.memory_info().rss - before
    assert grown < 40e6, "300 pictures of 0.9 MB each"
