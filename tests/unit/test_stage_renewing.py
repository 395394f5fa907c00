from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtv.wire.errors import DaemonError, RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.scene.actions import ImageLayer, LoadImage, LoadMask, MaskLayer, ResetFrame
from mtvd.stage.paint import fits_bytes
from mtvd.stage.paint.layers import LayerFiles
from mtvd.stage.paint.maskfiles import HEADER_BYTES, MaskFiles
from mtvd.stage.paint.renewing import Stream, can_renew, carry_out, renew_mask
from mtvd.stage.paint.script import Prepared
from mtvd.stage.port import Batch, Section, SectionResult

SHAPE_YX = (130, 700)
COLOURS = (("A", "#ff0000"), ("B", "#00ff00"), ("C", "#ff0000"), ("D", "#0000ff"))


class Files:
    """A pixel directory, and images and masks in it."""

    def __init__(self, directory: Path, budget_bytes: int = 10**8) -> None:
        self.store = PixelStore(directory, budget_bytes)

    def image(
        self, value: float, label: str = "a", shape_yx: tuple[int, int] = (4, 5), kind: str = "mtv"
    ) -> ImageLayer:
        pixels = np.full(shape_yx, value, ">f4")
        head = fits_bytes.header(shape_yx=shape_yx, dtype=">f4", xy0=(0, 0), header_bytes=HEADER_BYTES, label=label)
        name, descriptor = self.store.create(kind, HEADER_BYTES + fits_bytes.whole_blocks(pixels.nbytes))
        os.pwrite(descriptor, head + pixels.tobytes(), 0)
        os.close(descriptor)
        return ImageLayer(
            file=name, shape_yx=shape_yx, dtype=">f4", header_bytes=HEADER_BYTES, xy0=(0, 0), label=label, unit=""
        )

    def mask(self, pixels: np.ndarray[Any, Any]) -> MaskLayer:
        name, descriptor = self.store.create("mask", pixels.nbytes, "raw")
        os.pwrite(descriptor, pixels.tobytes(), 0)
        os.close(descriptor)
        planes = tuple((plane, bit) for bit, (plane, _) in enumerate(COLOURS))
        return MaskLayer(file=name, shape_yx=pixels.shape, dtype=pixels.dtype.str, offset=0, xy0=(3, 4), planes=planes)

    def pixels_of(self, name: str) -> np.ndarray[Any, Any]:
        return np.frombuffer((self.store.directory / name).read_bytes()[HEADER_BYTES:], ">f4")

    def layers_of(self, files: MaskFiles) -> dict[str, np.ndarray[Any, Any]]:
        found = {}
        for layer in files.layers:
            data = (self.store.directory / layer.name).read_bytes()[HEADER_BYTES:][: layer.size_bytes]
            found[layer.colour] = np.frombuffer(data, np.uint8).reshape(layer.box.shape_yx)
        return found


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "pixels")


def expected(mask: np.ndarray[Any, Any], shown: tuple[tuple[str, str], ...]) -> dict[str, np.ndarray[Any, Any]]:
    """Return each colour's pixels: those of its planes that no plane above covers."""
    bits = {plane: bit for bit, (plane, _) in enumerate(COLOURS)}
    top = np.full(mask.shape, "", "U7")
    for plane, colour in shown:
        top[(mask >> bits[plane]) & 1 == 1] = colour
    return {colour: (top == colour).astype(np.uint8) for _, colour in shown}


masks_of_a_stream = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 129), st.integers(0, 699), st.integers(1, 15)), max_size=6),
        st.lists(st.sampled_from(COLOURS), unique=True, min_size=1),
    ),
    min_size=1,
    max_size=5,
)


@given(masks_of_a_stream)
def test_layers_hold_the_newest_mask_of_a_stream_whatever_came_before(
    tmp_path_factory: pytest.TempPathFactory, stream: list[tuple[list[tuple[int, int, int]], list[tuple[str, str]]]]
) -> None:
    files = Files(tmp_path_factory.mktemp("s") / "pixels")
    before: MaskFiles | None = None
    for points, shown in stream:
        pixels = np.zeros(SHAPE_YX, "u1")
        for y, x, value in points:
            pixels[y, x] = value
        mask = files.mask(pixels)
        change, writes = renew_mask(files.store, mask, shown, before)
        carry_out(files.store, writes)
        before = change.after
        wanted = expected(pixels, tuple(shown))
        for colour, layer in files.layers_of(before).items():
            assert (layer == wanted.get(colour, 0)).all()
        assert {colour for colour, layer in wanted.items() if layer.any()} <= files.layers_of(before).keys()


def test_what_is_empty_in_both_masks_is_not_written(files: Files) -> None:
    first, second = (np.zeros((4000, 700), "u1") for _ in range(2))
    first[0, 0] = second[3999, 0] = 1
    before, _ = renew_mask(files.store, files.mask(first), COLOURS, None)
    _, writes = renew_mask(files.store, files.mask(second), COLOURS, before.after)
    assert len(writes) == 2
    assert sum(len(write.data) for write in writes) < 4000 * 700 / 4


def test_rows_that_a_layer_may_have_elsewhere_are_written(files: Files) -> None:
    pixels = np.zeros((4000, 700), "u1")
    pixels[2000] = 1
    before, _ = renew_mask(files.store, files.mask(pixels), COLOURS, None)
    unknown = before.after._replace(pieces={})
    change, writes = renew_mask(files.store, files.mask(np.zeros_like(pixels)), COLOURS, unknown)
    carry_out(files.store, writes)
    assert not files.layers_of(change.after)["#ff0000"].any()


def test_nothing_is_left_of_a_mask_for_which_there_is_no_space(tmp_path: Path) -> None:
    files = Files(tmp_path / "pixels", budget_bytes=150_000)
    mask = files.mask(np.full(SHAPE_YX, 1, "u1"))
    before = files.store.names()
    with pytest.raises(DaemonError, match="pixel"):
        renew_mask(files.store, mask, COLOURS, None)
    assert files.store.names() == before


def test_layers_cropped_to_a_box_are_not_renewed(files: Files) -> None:
    mask = files.mask(np.ones(SHAPE_YX, "u1"))
    made, _ = renew_mask(files.store, mask, COLOURS, None)
    assert can_renew(made.after, mask)
    cropped = made.after.layers[0]._replace(box=made.after.layers[0].box._replace(x0=1))
    assert not can_renew(made.after._replace(layers=(cropped,)), mask)
    assert not can_renew(made.after._replace(layers=()), mask)


def test_a_stream_takes_images_whose_headers_have_the_same_cards(files: Files) -> None:
    stream = Stream(files.store, files.image(1, "a"))
    assert stream.takes(files.image(2, "other words"))
    assert not stream.takes(files.image(2, ""))
    assert not stream.takes(files.image(2, "a", (400, 500)))


def test_the_copy_of_a_stream_has_each_image_that_is_written(files: Files) -> None:
    stream = Stream(files.store, files.image(1, "a"))
    assert (files.pixels_of(stream.file)[:20] == 1).all()
    stream.copy(files.image(2, "b"))
    assert (files.pixels_of(stream.file)[:20] == 2).all()
    assert b"'b " in (files.store.directory / stream.file).read_bytes()[:HEADER_BYTES]


def test_an_image_that_was_cut_short_is_an_error_and_nothing_worse(files: Files) -> None:
    stream = Stream(files.store, files.image(1, shape_yx=(400, 500)))
    second = files.image(2, shape_yx=(400, 500))
    assert stream.takes(second)
    os.truncate(files.store.directory / second.file, HEADER_BYTES)
    with pytest.raises(RequestError, match="cut short"):
        stream.copy(second)


def test_layers_that_were_removed_are_an_error(files: Files) -> None:
    first, _ = renew_mask(files.store, files.mask(np.ones(SHAPE_YX, "u1")), COLOURS, None)
    _, writes = renew_mask(files.store, files.mask(np.zeros(SHAPE_YX, "u1")), COLOURS, first.after)
    for layer in first.after.layers:
        (files.store.directory / layer.name).unlink()
    with pytest.raises(RequestError, match="gone"):
        carry_out(files.store, writes)


def test_a_stream_that_has_ended_holds_no_file(files: Files) -> None:
    stream = Stream(files.store, files.image(1))
    stream.copy(files.image(2))
    stream.end()
    assert str(files.store.directory) not in Path("/proc/self/maps").read_text()


# All files of a window


class Window:
    """The files of a window, and the batches that it has drawn."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.layers = LayerFiles(files.store)
        self._number = 0

    def draw(self, *steps: Any, failed: int | None = None) -> list[Prepared]:
        """Draw a batch of one section; return what was prepared for each action."""
        self._number += 1
        batch = Batch(epoch="test", number=self._number, sections=(Section(key="s", actions=steps),))
        prepared = self.layers.prepare(batch)
        prepared.update(self.layers.carry_out())
        self.layers.settle(batch, (SectionResult(key="s", failed_action=failed),))
        return [prepared.get((0, at), Prepared()) for at in range(len(steps))]

    def next(self, value: float, **words: Any) -> LoadImage:
        return LoadImage(frame=1, image=self.files.image(value, **words), alike=True)

    def masked(self, value: int) -> LoadMask:
        mask = self.files.mask(np.full((4, 5), value, "u1"))
        return LoadMask(frame=1, mask=mask, colours=COLOURS, transparency_percent=0)

    def own(self) -> set[str]:
        """Names of the files that are the window's."""
        return {name for name in self.files.store.names() if name.startswith(("shown", "layer", "spare"))}


@pytest.fixture
def window(files: Files) -> Window:
    window = Window(files)
    window.draw(LoadImage(frame=1, image=files.image(0)))
    return window


def test_the_second_image_of_a_stream_is_copied_and_the_third_written_over_the_copy(window: Window) -> None:
    (second,) = window.draw(window.next(2))
    assert second.image
    assert not second.renews
    (third,) = window.draw(window.next(3))
    assert third == Prepared(image=second.image, renews=True)
    assert (window.files.pixels_of(Path(second.image).name)[:20] == 3).all()


def test_the_layers_of_a_streams_mask_stay_as_long_as_each_image_has_one(window: Window) -> None:
    window.draw(window.next(2), window.masked(1))
    image, mask = window.draw(window.next(3), window.masked(2))
    assert [layer.colour for layer in image.layers] == ["#ff0000"]
    assert mask.keeps_layers
    assert [layer.colour for layer in mask.layers] == ["#00ff00"]
    (bare,) = window.draw(window.next(4))
    assert bare.renews
    assert not bare.layers
    assert len(window.own()) == 1
    _, again = window.draw(window.next(5), window.masked(1))
    assert not again.keeps_layers


def test_a_second_image_of_a_stream_in_one_batch_is_loaded(window: Window) -> None:
    window.draw(window.next(2))
    first, second = window.draw(window.next(3), window.next(4))
    assert first.renews
    assert not second.renews


def test_the_files_of_a_feed_that_has_ended_are_let_go(window: Window) -> None:
    slots = [window.next(value, kind="feed") for value in (2, 3, 4)]
    store = window.files.store
    names = [slot.image.file for slot in slots]
    store.lend(names)
    for slot in slots:
        window.draw(slot)
    store.take_back(names, keep=names[2:])
    mapped = Path("/proc/self/maps").read_text()
    assert "/shown-" in mapped
    assert not [name for name in names if name in mapped]


def test_another_image_ends_a_stream(window: Window) -> None:
    window.draw(window.next(2), window.masked(1))
    assert len(window.own()) == 2
    window.draw(ResetFrame(frame=1), LoadImage(frame=1, image=window.files.image(3)))
    assert not window.own()
    (after,) = window.draw(window.next(4))
    assert not after.renews


def test_an_image_that_was_not_come_to_begins_no_stream(window: Window) -> None:
    window.draw(window.next(2), failed=0)
    window.draw()
    assert not window.own()


def test_where_there_is_no_space_for_a_copy_each_image_is_loaded(tmp_path: Path) -> None:
    window = Window(Files(tmp_path / "pixels", budget_bytes=16_000))
    window.draw(LoadImage(frame=1, image=window.files.image(0)))
    assert window.draw(window.next(2)) == [Prepared()]


def test_a_mask_that_cannot_be_written_over_fails_its_action(window: Window) -> None:
    _, mask = window.draw(window.next(2), window.masked(1))
    Path(mask.layers[0].path).unlink()
    image, other = window.draw(window.next(3), window.masked(2), failed=1)
    assert image.renews
    assert "gone" in other.refusal


def test_all_files_go_with_the_window(window: Window) -> None:
    window.draw(window.next(2), window.masked(1))
    window.layers.clear()
    assert not window.own()
