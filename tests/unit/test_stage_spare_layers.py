"""Layers of masks at other zooms: made with the batch that zooms, kept for the way back, gone with their mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.unit.test_stage_renewing import COLOURS, Files, Window

from mtvd.scene.actions import DeleteFrame, LoadImage, LoadMask, SetZoom
from mtvd.stage.paint import sparelayers
from mtvd.stage.paint.script import Prepared
from mtvd.stage.paint.zooms import FrameView


class Zoomed(Window):
    """A window whose DS9 tells each zoom at once."""

    def mask_of(self, shape_yx: tuple[int, int] = (40, 50)) -> LoadMask:
        mask = self.files.mask(np.full(shape_yx, 1, "u1"))
        return LoadMask(frame=1, mask=mask, colours=COLOURS, transparency_percent=0)

    def shown(self) -> set[str]:
        """Names of the layers that the window shows."""
        return {name for name in self.own() if name.startswith("layer")}

    def spared(self) -> set[str]:
        return {name for name in self.own() if name.startswith("spare")}

    def zoom(self, factor: float, failed: int | None = None) -> Prepared:
        (prepared,) = self.draw(SetZoom(frame=1, factor=factor), failed=failed)
        self.layers.zooms.tell({1: FrameView(factor, 1000, 1000)})
        return prepared


@pytest.fixture
def window(tmp_path: Path) -> Zoomed:
    window = Zoomed(Files(tmp_path / "pixels"))
    window.draw(LoadImage(frame=1, image=window.files.image(0, shape_yx=(40, 50))), window.mask_of())
    return window


def names(prepared: Prepared) -> set[str]:
    return {Path(layer.path).name for layer in prepared.layers}


def test_a_zoom_brings_layers_in_its_cells_and_back_those_that_there_were(window: Zoomed) -> None:
    (first,) = window.shown()
    content = (window.files.store.directory / first).read_bytes()
    out = window.zoom(0.25)
    assert window.shown() == names(out)
    assert len(window.spared()) == 1
    assert not window.layers.misfits()
    back = window.zoom(1)
    assert window.shown() == names(back)
    assert Path(back.layers[0].path).read_bytes() == content
    assert len(window.spared()) == 1
    assert window.zoom(1) == Prepared(), "the cells are the same"


def test_a_spare_that_somebody_has_removed_is_made_anew(window: Zoomed) -> None:
    window.zoom(0.25)
    window.files.store.remove(window.spared())
    assert len(window.zoom(1).layers) == 1
    assert len(window.spared()) == 1
    window.files.store.remove(window.shown())
    window.zoom(0.5)
    assert len(window.spared()) == 1, "of what is gone nothing is put aside"


def test_where_the_zoom_is_not_come_to_the_mask_stays_in_its_cells(window: Zoomed) -> None:
    first = window.shown()
    (prepared,) = window.draw(SetZoom(frame=1, factor=0.25), failed=0)
    assert len(prepared.layers) == 1
    assert window.own() == first


def test_another_colour_another_mask_and_the_end_of_the_frame_let_go_of_all_others(window: Zoomed) -> None:
    window.zoom(0.25)
    mask = window.layers._loaded[1].mask
    window.draw(LoadMask(frame=1, mask=mask, colours=COLOURS[1:2], transparency_percent=0))
    assert len(window.own()) == 1, "the layer that DS9 has stays, empty"
    window.draw(window.mask_of())
    window.zoom(1)
    window.zoom(0.25)
    assert len(window.own()) == 2
    window.draw(window.mask_of())
    assert len(window.own()) == 1
    window.zoom(1)
    window.draw(DeleteFrame(frame=1))
    assert not window.own()


def test_where_there_is_no_space_for_them_the_zoom_goes_without(tmp_path: Path) -> None:
    window = Zoomed(Files(tmp_path / "pixels", budget_bytes=35_000))
    window.draw(LoadImage(frame=1, image=window.files.image(0, shape_yx=(40, 50))), window.mask_of())
    left = window.files.store.room_bytes()
    taken, descriptor = window.files.store.create("mtv", left)
    with window.files.store.filling(taken, descriptor):
        pass
    assert window.zoom(0.25) == Prepared()
    window.files.store.remove([taken])
    assert window.layers.misfits() == [1]


def test_no_more_is_kept_than_a_part_of_the_budget(window: Zoomed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparelayers, "_MOST_BYTES", 600)
    window.zoom(0.5)
    assert not window.spared(), "2,000 bytes of cells of one pixel are too many"
    window.zoom(0.25)
    assert len(window.spared()) == 1
    window.zoom(0.125)
    assert len(window.spared()) == 1, "the oldest goes first"


def test_a_stream_spares_none(window: Zoomed) -> None:
    image = LoadImage(frame=1, image=window.files.image(1, shape_yx=(40, 50)), alike=True)
    window.draw(image, window.mask_of())
    made = names(window.zoom(0.25))
    assert window.shown() == made
    assert not window.spared()
