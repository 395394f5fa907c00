"""What a display sends, and what it refuses to send."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, NDData
from astropy.wcs import WCS
from tests.support import scripted

import mtv
from mtv.session.connection import Connection
from mtv.testing import ScriptedDaemon
from mtv.wire import data, messages, reports, requests
from mtv.wire.colours import default_mask_colour
from mtv.wire.limits import Limits
from mtv.wire.steps import Erase, MaskColour, Mtv, Overlay, Pan, Scale, Show, Zoom

TABLE = data.Dataset(dataset_type="src", data_id={"visit": 1})
IMAGE = np.arange(12, dtype=np.float32).reshape(3, 4)


pixel_directory = scripted.shared_directory


@pytest.fixture
def limits() -> Limits:
    return Limits(markers=1000)


def shown(daemon: ScriptedDaemon) -> data.Exposure:
    step = daemon.steps[-1]
    assert isinstance(step, Mtv)
    assert isinstance(step.target, data.Exposure)
    return step.target


def stored(daemon: ScriptedDaemon, array: data.Array | None) -> Any:
    assert array is not None
    assert array.file is not None
    assert daemon.pixel_directory is not None
    found = np.fromfile(
        daemon.pixel_directory / array.file, array.dtype, int(np.prod(array.shape)), offset=array.offset
    )
    return found.reshape(array.shape)


def test_an_array_lies_big_endian_in_a_shared_file_with_room_for_the_header(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    display.mtv(IMAGE, xy0=(5, 6), label="test")
    sent = shown(daemon)
    assert (sent.image.dtype, sent.image.shape, sent.image.offset) == (">f4", (3, 4), 2880)
    assert (stored(daemon, sent.image) == IMAGE).all()
    assert daemon.pixel_directory is not None
    assert (daemon.pixel_directory / str(sent.image.file)).stat().st_size == 2880 + 2880
    assert (sent.xy0, sent.label, sent.mask) == ((5, 6), "test", None)


@pytest.mark.parametrize(
    ("given", "dtype", "flip"),
    [
        ("?", "|u1", 0),
        ("i1", ">i2", 0),
        ("u1", "|u1", 0),
        ("u2", ">u2", 1 << 15),
        ("u4", ">u4", 1 << 31),
        ("f2", ">f4", 0),
        (">i4", ">i4", 0),
        ("i8", ">i8", 0),
        ("f8", ">f8", 0),
    ],
)
def test_every_type_of_pixel_has_one_that_fits_can_hold(
    daemon: ScriptedDaemon, display: mtv.Display, given: str, dtype: str, flip: int
) -> None:
    pixels = IMAGE.astype(given)
    display.mtv(pixels[:, ::2])
    sent = shown(daemon)
    assert sent.image.dtype == dtype
    found = stored(daemon, sent.image)
    assert ((found ^ flip if flip else found) == pixels[:, ::2]).all()


def test_buffers_travel_where_no_directory_is_shared(tmp_path: Path) -> None:
    with ScriptedDaemon(tmp_path / "far.sock") as daemon, mtv.connect(daemon.endpoint) as connection:
        mask = np.ones((3, 4), np.int32)
        with mtv.Display(connection=connection).buffering():
            mtv.Display(connection=connection).mtv(IMAGE)
            mtv.Display(connection=connection).mtv(IMAGE + 1, mask=mask, planes={"BAD": 0})
        seen = daemon.of(requests.Transaction)[0]
        first, second = (step.target for step in daemon.steps if isinstance(step, Mtv))
        assert isinstance(first, data.Exposure)
        assert isinstance(second, data.Exposure)
        assert second.mask is not None
        assert (first.image.buffer, second.image.buffer, second.mask.buffer) == (0, 1, 2)
        assert seen.buffers[1] == (IMAGE + 1).astype(">f4").tobytes()
        assert seen.buffers[2] == mask.astype(np.uint8).tobytes()


@pytest.mark.parametrize(("bit", "dtype"), [(0, "|u1"), (7, "|u1"), (8, "<u2"), (15, "<u2"), (16, "<i4"), (31, "<i4")])
def test_a_mask_goes_as_the_narrowest_integers_that_hold_its_planes(
    daemon: ScriptedDaemon, display: mtv.Display, bit: int, dtype: str
) -> None:
    mask = np.full((3, 4), np.uint32(1 << bit | 1 << 30)).view(np.int32)
    display.mtv(IMAGE, mask=mask, planes={"ODD": bit})
    (step,) = daemon.steps
    assert isinstance(step, Mtv)
    assert isinstance(step.target, data.Exposure)
    assert step.target.mask is not None
    assert step.target.mask.dtype == dtype
    assert (stored(daemon, step.target.mask).astype(np.int64) >> bit & 1).all()


def test_a_mask_travels_with_its_planes(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    mask = np.array([[1, 2, 0, 0]] * 3, np.int32)
    display.mtv(IMAGE, mask=mask, planes={"BAD": 0, "SAT": 1})
    assert shown(daemon).planes == {"BAD": 0, "SAT": 1}
    assert (stored(daemon, shown(daemon).mask) == mask).all()
    display.mtv(np.ma.masked_where(IMAGE > 5, IMAGE))
    assert shown(daemon).planes == {"MASK": 0}
    assert (stored(daemon, shown(daemon).mask) == (IMAGE > 5)).all()


def test_astropys_classes_bring_mask_wcs_unit_and_offset(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.0]
    wcs.wcs.crpix = [2.5, 1.5]
    wcs.wcs.cdelt = [-1e-4, 1e-4]
    display.mtv(CCDData(IMAGE, unit="adu", mask=IMAGE > 5, wcs=wcs))
    sent = shown(daemon)
    assert (sent.unit, sent.planes) == ("adu", {"MASK": 0})
    again = WCS(fits.Header.fromstring(sent.wcs))
    assert again.wcs.compare(wcs.wcs, tolerance=1e-9) or np.allclose(again.wcs.crval, wcs.wcs.crval)
    assert len(sent.wcs) % 80 == 0
    header = wcs.to_header()
    header["LTV1"] = -100.0
    header["BUNIT"] = "nJy"
    for hdu in (
        fits.ImageHDU(IMAGE, header, name="SCI"),
        fits.PrimaryHDU(IMAGE, header),
        fits.CompImageHDU(IMAGE, header),
    ):
        display.mtv(hdu)
        assert shown(daemon).xy0 == (100, 0)
        assert shown(daemon).unit == "nJy"
        assert np.allclose(WCS(fits.Header.fromstring(shown(daemon).wcs)).wcs.crpix, [2.5, 1.5])
    display.mtv(IMAGE, wcs=wcs)
    assert "CRVAL1" in shown(daemon).wcs


@pytest.mark.parametrize("mask", [True, [True] * 4, np.ones((3, 1), bool), np.ones((1, 1, 4), bool)])
def test_a_mask_that_is_given_is_broadcast_to_the_image(
    daemon: ScriptedDaemon, display: mtv.Display, mask: object
) -> None:
    display.mtv(IMAGE, mask=mask)
    assert shown(daemon).planes == {"MASK": 0}
    assert (stored(daemon, shown(daemon).mask) == np.ones(IMAGE.shape)).all()
    display.mtv(IMAGE, mask=False)
    assert shown(daemon).mask is None


def test_a_mask_that_is_given_takes_the_place_of_one_that_does_not_fit(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    target = NDData(IMAGE, mask=np.ones((2, 2)))
    display.mtv(target)
    assert len(shown(daemon).notes) == 1
    display.mtv(target, mask=IMAGE > 5, wcs="")
    assert shown(daemon).notes == ()
    assert (stored(daemon, shown(daemon).mask) == (IMAGE > 5)).all()


def test_paths_handles_and_references_leave_their_pixels_where_they_are(
    daemon: ScriptedDaemon, display: mtv.Display, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    display.mtv("image.fits")
    handle = mtv.Handle(messages.Loaded(handle="h1"), lambda _: None)
    display.mtv(handle)
    display.mtv(mtv.DatasetRef("hsc", "calexp", "uuid", "run", {"visit": 1}))  # type: ignore[arg-type]
    file, loaded, dataset = (step.target for step in daemon.steps if isinstance(step, Mtv))
    assert file == data.File(path=str(tmp_path / "image.fits"))
    assert loaded == data.Handle(handle="h1")
    assert isinstance(dataset, data.Dataset)
    assert dataset.id == "uuid"
    with pytest.raises(mtv.RequestError) as caught:
        display.mtv(handle, xy0=(1, 1))
    assert caught.value.error.where == "xy0"


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"target": np.zeros(5)}, "image"),
        ({"target": np.zeros((1, 2, 3, 4))}, "image"),
        ({"target": np.zeros((0, 4))}, "image"),
        ({"target": np.zeros((2, 2), complex)}, "image"),
        ({"target": np.zeros((2, 2), object)}, "image"),
        ({"target": np.zeros((2, 2), "M8[s]")}, "image"),
        ({"target": 17}, "target"),
        ({"target": IMAGE, "mask": np.zeros((4, 3), int), "planes": {"A": 0}}, "mask"),
        ({"target": IMAGE, "mask": np.zeros((3, 4))}, "mask"),
        ({"target": IMAGE, "mask": np.zeros((3, 4), int)}, "planes"),
        ({"target": IMAGE, "mask": np.zeros((3, 4), "i2"), "planes": {"A": 16}}, "planes"),
        ({"target": IMAGE, "planes": {"A": 1}}, "planes"),
        ({"target": IMAGE, "xy0": (0.5, 1)}, "xy0"),
        ({"target": IMAGE, "wcs": "not cards"}, "wcs"),
        ({"target": IMAGE, "label": "x" * 2000}, "label"),
        ({"target": IMAGE, "supersede": True}, "supersede"),
    ],
)
def test_what_cannot_be_shown_is_refused_here_and_the_field_is_named(
    daemon: ScriptedDaemon, display: mtv.Display, arguments: dict[str, Any], where: str
) -> None:
    target = arguments.pop("target")
    with pytest.raises(mtv.RequestError) as caught:
        display.mtv(target, **arguments)
    assert caught.value.error.where == where
    assert daemon.steps == []
    assert daemon.pixel_directory is not None
    assert [path.name for path in daemon.pixel_directory.iterdir()] == ["nonce"]


def test_an_overlay_of_a_table_names_it_and_sends_no_array(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    display.overlay(
        "psf",
        TABLE,
        select="calib_psf_used",
        columns=("ra", "dec"),
        symbol="x",
        size="radius",
        ctype="red",
        system="sky",
    )
    assert daemon.steps == [
        Overlay(
            name="psf", target=TABLE, select="calib_psf_used", x="ra", y="dec", system="sky", symbol="x", size="radius",
            colour="red", replace=True,
        )
    ]  # fmt: skip
    assert daemon.of(requests.Transaction)[-1].buffers == ()
    display.overlay("file", Path("/data/t.parq"))
    assert daemon.steps[-1] == Overlay(name="file", target=data.File(path="/data/t.parq"), symbol="o", replace=True)


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda d: d.dot("o", float("inf"), 1), "x"),
        (lambda d: d.dot("o", float("nan"), "north"), "x"),
        (lambda d: d.dot("o", float("nan"), 1, size=0), "x"),
        (lambda d: d.dot("o", 1, "north"), "y"),
        (lambda d: d.dot("o", 1, 1, size=0), "size"),
        (lambda d: d.dot("o", 1, 1, colour="gren"), "colour"),
        (lambda d: d.dot("two\nlines", 1, 1), "symbol"),
        (lambda d: d.dot("@:1,2", 1, 1), "symbol"),
        (lambda d: d.dot("o", 1, 1, system="galactic"), "system"),
        (lambda d: d.overlay("s", [1, 2], [1]), "y"),
        (lambda d: d.overlay("s", [1, 2], [1, 2], colour=["red", "blau"]), "colour[1]"),
        (lambda d: d.overlay("s", np.zeros(1001), np.zeros(1001)), "x"),
        (lambda d: d.overlay("", [1], [1]), "name"),
        (lambda d: d.overlay("s", [1], [1], select="used"), "select"),
        (lambda d: d.overlay("s", [1], [1], columns=("x", "y")), "columns"),
        (lambda d: d.overlay("s", TABLE, [1]), "y"),
        (lambda d: d.overlay("s", TABLE, select=b"used"), "select"),
        (lambda d: d.overlay("s", TABLE, select="x" * 2001), "select"),
        (lambda d: d.overlay("s", TABLE, columns="xy"), "columns"),
        (lambda d: d.overlay("s", TABLE, columns=("x",)), "columns"),
        (lambda d: d.overlay("s", TABLE, colour=["red", "blue"]), "colour"),
        (lambda d: d.overlay("s", TABLE, colour="gren"), "colour"),
        (lambda d: d.overlay("s", TABLE, symbol="@:1"), "symbol"),
        (lambda d: d.overlay("s", TABLE, size=0), "size"),
        (lambda d: d.overlay("s", TABLE, size=[1, 2]), "size"),
        (lambda d: d.overlay("s", TABLE, system="galactic"), "system"),
        (lambda d: d.line([[1, 2]]), "points"),
        (lambda d: d.line([1, 2, 3]), "points"),
        (lambda d: d.scale("asnh"), "stretch"),
        (lambda d: d.scale("asinh", "zscal"), "mode"),
        (lambda d: d.scale("asinh", 30, -1), "high"),
        (lambda d: d.scale("asinh", 3, 3), "high"),
        (lambda d: d.scale("asinh", float("nan"), 3), "low"),
        (lambda d: d.scale("linear", 101), "mode"),
        (lambda d: d.scale("linear", 1, 2, 3), "limits"),
        (lambda d: d.zoom(-1), "factor"),
        (lambda d: d.zoom(2, 3), "y"),
        (lambda d: d.zoom(2, y=3), "x"),
        (lambda d: d.zoom(2, float("nan"), 3), "x"),
        (lambda d: d.pan(float("inf"), 0), "x"),
        (lambda d: d.set_mask_plane_color("BAD", "fuchsiaa"), "colour"),
        (lambda d: d.set_mask_transparency(101), "percent"),
        (lambda d: d.set_mask_transparency(50, "BAD"), "plane"),
        (lambda d: d.snapshot(format="gif"), "format"),
        (lambda d: d.annotate(), "label"),
        (lambda d: d.annotate(legend="yes"), "legend"),
        (lambda d: d.annotate(grid=1), "grid"),
        (lambda d: d.set_distinct_mask_colours(None), "on"),
    ],
)
def test_wrong_values_are_refused_here_and_the_field_is_named(
    daemon: ScriptedDaemon, display: mtv.Display, call: Any, where: str
) -> None:
    with pytest.raises(mtv.RequestError) as caught:
        call(display)
    assert caught.value.error.where == where
    assert daemon.steps == []


@pytest.mark.parametrize("frame", [-1, 1001, 1.5, True, None, ""])
def test_impossible_frames_are_refused(frame: Any) -> None:
    with pytest.raises(mtv.RequestError) as caught:
        mtv.Display(frame)
    assert caught.value.error.where == "frame"


def test_another_backend_is_unsupported_with_a_hint() -> None:
    with pytest.raises(mtv.RequestError, match="SAOImage DS9") as caught:
        mtv.get_display(backend="firefly")
    assert (caught.value.code, caught.value.error.where) == ("unsupported", "backend")


def test_the_view_is_set_as_in_afw(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    display.scale("asinh", "zscale")
    display.scale("asinh", -1, 30)
    display.scale("linear", 99.5)
    display.scale("log")
    display.zoom("fit")
    display.zoom(4, 347, 805)
    display.set_mask_plane_color("DETECTED", "fuchsia")
    display.set_mask_plane_color({"BAD": "ignore"})
    display.erase("stars")
    assert daemon.steps == [
        Scale(stretch="asinh", mode="zscale"),
        Scale(stretch="asinh", low=-1.0, high=30.0),
        Scale(stretch="linear", mode=99.5),
        Scale(stretch="log"),
        Zoom(),
        Zoom(factor=4.0),
        Pan(x=347.0, y=805.0),
        MaskColour(colours={"DETECTED": "fuchsia"}),
        MaskColour(colours={"BAD": "ignore"}),
        Erase(name="stars"),
    ]


def test_colours_of_planes_can_be_asked_before_anything_is_shown(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    assert display.get_mask_plane_color("BAD") == "red"
    mask = reports.MaskState(planes={"ODD": 3}, colours={"BAD": "pink"}, transparency_percent=30.0)
    daemon.script(requests.Describe, reports.DisplayReport(number=0, mask=mask))
    assert display.get_mask_plane_color("BAD") == "pink"
    assert display.mask_plane_colours()["ODD"] == default_mask_colour("ODD")
    assert display.get_mask_transparency() == 30.0


def test_a_buffer_is_one_transaction_whose_dots_are_columns(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    with display.buffering() as batch:
        for index in range(50):
            display.dot("o", index, 2 * index, size=10, ctype="orange")
        with display.buffering():
            display.dot("x", 1, 2, overlay="other")
        display.show()
        assert daemon.steps == []
    assert batch.outcome is not None
    assert len(daemon.of(requests.Transaction)) == 1
    dots, other, show = daemon.steps
    assert isinstance(dots, Overlay)
    assert isinstance(other, Overlay)
    assert (dots.symbol, dots.size, dots.colour, other.name, show) == ("o", 10.0, "orange", "other", Show())
    assert isinstance(dots.x, data.Array)
    buffers = daemon.of(requests.Transaction)[0].buffers
    assert (np.frombuffer(buffers[dots.x.buffer or 0], "<f8", 50, dots.x.offset) == np.arange(50)).all()


def test_nothing_of_a_buffer_is_sent_after_an_exception_inside(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    def draw_and_fail() -> None:
        display.dot("o", 1, 1)
        raise RuntimeError

    with pytest.raises(RuntimeError), display.buffering():
        draw_and_fail()
    with display.buffering():
        pass
    assert daemon.of(requests.Transaction) == []
    display.dot("o", 2, 2)
    assert len(daemon.steps) == 1


def test_a_buffer_of_the_connection_spans_displays_and_one_of_a_display_does_not(
    daemon: ScriptedDaemon, connection: Connection
) -> None:
    first, second = mtv.Display(1, connection=connection), mtv.Display("two", connection=connection)
    with connection.buffering():
        first.show()
        second.show()
    with first.buffering():
        second.show()
        first.show()
    sent = [seen.message.steps for seen in daemon.of(requests.Transaction)]  # type: ignore[union-attr]
    assert sent == [(Show(display=1), Show(display="two")), (Show(display="two"),), (Show(display=1),)]


def test_nothing_is_written_any_more_once_writing_was_interrupted(
    display: mtv.Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtv.pixels.outgoing._TWO_THREADS_BYTES", 1)
    caller, raised, closed = threading.current_thread(), threading.Event(), threading.Event()
    order: list[str] = []

    def write(descriptor: int, piece: memoryview, at: int) -> None:
        if threading.current_thread() is caller:
            raised.set()
            raise KeyboardInterrupt
        raised.wait(20)
        closed.wait(0.2)
        order.append("written")

    def close(descriptor: int) -> None:
        order.append("closed")
        closed.set()
        really_close(descriptor)

    really_close = os.close
    monkeypatch.setattr("mtv.pixels.outgoing._write_all", write)
    monkeypatch.setattr("mtv.pixels.outgoing.os.close", close)
    with pytest.raises(KeyboardInterrupt):
        display.mtv(np.zeros((64, 64)))
    assert order[:2] == ["written", "closed"]


def test_a_failure_of_the_second_writer_is_the_callers(display: mtv.Display, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtv.pixels.outgoing._TWO_THREADS_BYTES", 1)
    caller = threading.current_thread()

    def write(_descriptor: int, _piece: memoryview, _at: int) -> None:
        if threading.current_thread() is not caller:
            raise MemoryError

    monkeypatch.setattr("mtv.pixels.outgoing._write_all", write)
    with pytest.raises(MemoryError):
        display.mtv(np.zeros((64, 64)))
