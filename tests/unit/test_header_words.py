"""Metadata of objects in memory as keywords of the header that DS9 shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import msgspec
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, NDData
from tests.support import afw_objects as afw
from tests.support.refusals import refused

import mtv
from mtv.arguments.objects import image_of
from mtv.arguments.targets import source_of
from mtv.pixels.outgoing import FileSink, FrameSink
from mtv.shared.header_words import MOST_WORDS, cards_of, plain_words
from mtv.testing import ScriptedDaemon
from mtv.wire import steps
from mtv.wire.limits import Limits
from mtvd.host.pixelstore import PixelStore
from mtvd.resolving.images import Images

IMAGE = np.arange(12, dtype="f4").reshape(3, 4)
WORDS: Mapping[str, Any] = {
    "OBSERVER": "O'Brien",
    "EXPTIME": 30.5,
    "TINY": 1e-300,
    "EXPID": 2**62,
    "FLAT": True,
    "NOTHING": None,
    "NANS": float("nan"),
    "LONG": "it's long, " * 20 + "and it ends",
    "HIERARCH ESO DET ID": "CCID20",
    "lsst-run.name": "a name of more than eight letters",
    "lower": 3,
    "LSST BUTLER LONG": "'" * 150,
    "RAW.\N{GREEK SMALL LETTER ALPHA}": "5 \N{MICRO SIGN}m",
}


def read(metadata: Mapping[str, Any]) -> fits.Header:
    """Return the cards of metadata as astropy reads them."""
    text = "".join(card for cards in cards_of(plain_words(metadata)) for card in cards)
    assert len(text) % 80 == 0
    assert text.isascii()
    return fits.Header.fromstring(text)


def test_astropy_reads_what_was_written() -> None:
    header = read(WORDS)
    for key in ("OBSERVER", "EXPTIME", "TINY", "EXPID", "FLAT", "LONG"):
        assert header[key] == WORDS[key], key
        assert type(header[key]) is type(WORDS[key])
    assert {"NOTHING", "NANS"} <= set(header)
    assert header["NOTHING"] is header["NANS"] is None
    assert (header["ESO DET ID"], header["LOWER"]) == ("CCID20", 3)
    assert header["lsst-run.name"] == WORDS["lsst-run.name"]
    assert header["LSST BUTLER LONG"] == "'" * 150
    assert header["RAW._"] == "5 ?m"


@pytest.mark.parametrize("length", range(60, 75))
def test_texts_of_any_length_are_whole(length: int) -> None:
    for text in ("a" * length, "'" * length, "a" * (length - 1) + "'", ("it's " * 40)[:length].rstrip()):
        assert read({"TEXT": text})["TEXT"] == text
        for card in cards_of({"TEXT": text})[0]:
            assert "'" not in card[10:].strip()[1:-1].replace("''", ""), "a doubled quote is in one card"


@pytest.mark.parametrize(
    "key",
    ["SIMPLE", "BITPIX", "NAXIS1", "BZERO", "BLANK", "ZIMAGE", "EXTNAME", "CRVAL1", "CD1_1", "CTYPE1A", "PV1_2", "LTV1",
     "A_0_2", "AP_ORDER", "EQUINOX", "RADESYS", "WAT1_001", "DATASEC", "CCDSUM", "DATAMAX", "BEGAST_A", "END", "", "  ",
     "COMMENT", "A=B", "PIXTYPE", "wcsaxes"],
)  # fmt: skip
def test_what_builds_a_file_or_places_its_pixels_is_left_out(key: str) -> None:
    assert cards_of({key: 1, "KEPT": 2}) == cards_of({"KEPT": 2})


def test_only_plain_values_travel_and_numpys_are_plain() -> None:
    values = {
        "A": np.float32(0.5), "B": np.int64(3), "C": np.bool_(1), "D": [1], "E": np.zeros(3), "F": b"x", "G": 2**70,
        "H": 1j, 5: "no text", "I": np.str_("t"),
    }  # fmt: skip
    assert plain_words(values) == {"A": 0.5, "B": 3, "C": True, "I": "t"}
    msgspec.msgpack.encode(plain_words({"A": "\ud800", "\udfff": 1}))
    assert len(plain_words({str(number): number for number in range(MOST_WORDS + 5)})) == MOST_WORDS


class Odd(dict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        if key == "BAD":
            raise ValueError("unparsable card")
        return super().__getitem__(key)


def test_a_value_that_cannot_be_had_costs_that_value() -> None:
    assert plain_words(Odd(BAD=1, GOOD=2)) == {"GOOD": 2}


def exposure_of_afw() -> Any:
    found = afw.exposure(afw.SkyWcs())
    found.words = {"EXPTIME": 30.5, "CRVAL1": 1.0}
    return found


def hdu() -> Any:
    return fits.ImageHDU(IMAGE, fits.Header([("EXPTIME", 30.5), ("CRVAL1", 1.0)]))


TARGETS = [
    lambda: NDData(IMAGE, meta={"EXPTIME": 30.5}),
    lambda: CCDData(IMAGE, unit="adu", meta=fits.Header([("EXPTIME", 30.5)])),
    hdu,
    lambda: fits.HDUList([fits.PrimaryHDU(), hdu()]),
    lambda: mtv.Exposure(IMAGE, metadata={"EXPTIME": 30.5}),
    exposure_of_afw,
    lambda: afw.DecoratedImage(afw.image(), afw.PropertyList(EXPTIME=30.5)),
]


def header_of(target: Any, tmp_path: Path, *, shared: bool, limits: Limits | None = None) -> tuple[fits.Header, Any]:
    """Return the header that DS9 gets, made by client and daemon together, and the layer of the image."""
    known = limits or Limits()
    store = PixelStore(tmp_path / "pixels", 1 << 26)
    sink: Any = FileSink(store.directory, known) if shared else FrameSink()
    sent = source_of(image_of(target), sink, known)
    layers = anyio.run(Images(store, known).layers, sent, sink.buffers)
    with store.open_file(layers.image.file, layers.image.header_bytes) as file:
        return fits.Header.fromstring(file.read(layers.image.header_bytes).decode("ascii")), layers.image


@pytest.mark.parametrize("shared", [True, False], ids=["file", "buffer"])
@pytest.mark.parametrize("made", TARGETS)
def test_keywords_of_an_object_stand_in_the_header_that_ds9_shows(made: Any, shared: bool, tmp_path: Path) -> None:
    header, layer = header_of(made(), tmp_path, shared=shared)
    assert header["EXPTIME"] == 30.5
    assert header.get("CRVAL1") != 1.0
    assert not [note for note in layer.notes if "keywords" in note]


def test_of_more_keywords_than_there_is_room_for_the_first_are_shown_and_a_note_counts_the_rest(tmp_path: Path) -> None:
    many = NDData(IMAGE, meta={f"KEY{number}": number for number in range(400)})
    header, layer = header_of(many, tmp_path, shared=True)
    assert header["KEY335"] == 335
    assert "KEY336" not in header
    assert layer.notes == ("the header in front of the pixels has no room for 64 of 400 keywords of the metadata",)


def test_a_keyword_of_the_picture_itself_is_not_repeated(tmp_path: Path) -> None:
    target = mtv.Exposure(IMAGE, label="ours", metadata={"OBJECT": "theirs, " * 20, "AFTER": 1})
    header, _ = header_of(target, tmp_path, shared=True)
    assert (header["OBJECT"], header["AFTER"], header.count("OBJECT")) == ("ours", 1, 1)


def test_metadata_may_be_given_beside_an_array(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    display.mtv(IMAGE, metadata={"EXPTIME": np.float32(2)})
    (step,) = daemon.steps
    assert isinstance(step, steps.Mtv)
    assert getattr(step.target, "metadata", None) == {"EXPTIME": 2.0}
    assert refused(display.mtv, IMAGE, metadata=[1]).error.where == "metadata"
    assert refused(display.mtv, "/a.fits", metadata={}).error.where == "metadata"
