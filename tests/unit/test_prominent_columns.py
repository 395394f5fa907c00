"""Catalogs as people look at them: the columns that come first, rows with their values, rows in order."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.support.scripted import Run

import mtv
from mtv.cli import output
from mtv.data.catalog import Catalog
from mtv.data.prominent import prominent_first
from mtv.data.schema import Field, Schema
from mtv.testing import ScriptedDaemon
from mtv.wire import messages as ms
from mtv.wire import requests
from mtv.wire.data import Array, Column
from mtv.wire.data import Catalog as WireCatalog

AFW = [
    *(f"flag_{number}" for number in range(9)), "coord_ra", "coord_dec", "base_Sdss_x", "base_Sdss_y",
    "psf_instFlux_flag", "psf_instFluxErr", "psf_instFlux", "id",
]  # fmt: skip
ALIASES = {"slot_Centroid": "base_Sdss", "slot_PsfFlux": "psf"}


def src() -> Catalog:
    schema = Schema((Field(name, "D") for name in AFW), ALIASES)
    return Catalog({name: np.arange(30.0) + place for place, name in enumerate(AFW)}, schema, label="src")


def test_identifier_position_and_flux_come_first_by_their_slots() -> None:
    assert src().prominent() == [
        "id", "slot_Centroid_x", "slot_Centroid_y", "coord_ra", "coord_dec", "slot_PsfFlux_instFlux",
        "slot_PsfFlux_instFluxErr", *AFW[:9], "psf_instFlux_flag",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (["z", "g_mag_err", "g_mag", "ra", "dec"], ["ra", "dec", "g_mag", "g_mag_err", "z"]),
        (["XWIN", "X_IMAGE", "MAG_AUTO", "NUMBER"], ["NUMBER", "MAG_AUTO", "XWIN", "X_IMAGE"]),
        (["a", "b"], ["a", "b"]),
        ([], []),
    ],
)
def test_columns_of_other_programs_come_first_too(names: list[str], first: list[str]) -> None:
    assert prominent_first(names, lambda name: name) == first


def test_a_catalog_shows_what_people_look_at_first_and_says_how_much_more_there_is() -> None:
    for text in (str(src()), src()._repr_html_()):
        assert "slot_PsfFlux_instFlux" in text
        assert "flag_1" not in text
        assert "9 more columns" in text
    assert "more" not in str(Catalog({"x": np.arange(3)}))


def test_a_row_shows_its_values() -> None:
    row = src()[25]
    assert repr(row).startswith("<mtv.Row 25 of src: id=41, slot_Centroid_x=36, slot_Centroid_y=37, ")
    assert "and 9 more" in repr(row)
    assert str(row).splitlines()[-1].split() == ["psf_instFlux_flag", "38"]
    assert "<th>slot_Centroid_x</th><td>36</td>" in row._repr_html_()


def test_html_of_a_row_is_escaped() -> None:
    row = Catalog({"<b>": np.array(["<script>"])})[0]
    assert "<script>" not in row._repr_html_()
    assert "&lt;b&gt;" in row._repr_html_()


def test_rows_are_sorted_in_place_and_those_without_a_value_come_last() -> None:
    gaps = np.ma.MaskedArray([1, 2, 0, 3], mask=[False, False, True, False])
    catalog = Catalog({"flux": np.array([2.0, np.nan, 3.0, 2.0]), "n": gaps, "id": np.arange(4)})
    assert catalog.id.tolist() == [0, 1, 2, 3]
    catalog.sort("flux")
    assert catalog.id.tolist() == [0, 3, 2, 1]
    catalog.sort("-flux")
    assert catalog["id"].tolist() == [2, 0, 3, 1]
    catalog.sort("-n")
    assert catalog["n"].tolist() == [3, 2, 1, None]
    with pytest.raises(mtv.RequestError, match="no column 'flx'"):
        catalog.sort("flx")
    with pytest.raises(mtv.RequestError, match="column of arrays"):
        Catalog({"pair": np.zeros((2, 2))}).sort("pair")


def test_texts_truth_values_and_odd_names_are_sorted_too() -> None:
    catalog = Catalog({"-x": np.array(["b", "a"]), "used": np.array([True, False])})
    catalog.sort("-x")
    assert catalog["-x"].tolist() == ["a", "b"]
    catalog.sort("-used")
    assert catalog["used"].tolist() == [True, False]


def scripted(daemon: ScriptedDaemon) -> None:
    arrays = [np.arange(3.0), np.array([2.0, 3.0, 1.0])]
    named = [Array(dtype="<f8", shape=(3,), buffer=number) for number in (0, 1)]
    columns = (Column(name="z", array=named[0]), Column(name="flux", array=named[1]))
    found = WireCatalog(rows=3, columns=columns)
    daemon.script(requests.Get, (ms.Got(catalog=found), tuple(array.tobytes() for array in arrays)))


def test_the_shell_sorts_and_asks_for_the_column_that_it_sorts_by(run: Run, daemon: ScriptedDaemon) -> None:
    scripted(daemon)
    printed = run("catalog", "src", "visit=1", "--columns", "z", "--sort", "-flux", "--json").output
    assert json.loads(printed)["rows"] == [{"z": 1.0}, {"z": 0.0}, {"z": 2.0}]
    assert daemon.of(requests.Get)[0].message.columns == ("z", "flux")  # type: ignore[union-attr]


def test_a_terminal_has_the_columns_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["1" * 10, "2" * 10, "3" * 10]]
    assert output.columns_that_fit(["a", "b", "c"], rows) == 3
    for width, fit in ((34, 3), (33, 2), (22, 2), (21, 1), (3, 1)):
        monkeypatch.setattr(output, "_terminal_width", lambda width=width: width)
        assert output.columns_that_fit(["a", "b", "c"], rows) == fit
    assert output.columns_that_fit([], []) == 0
