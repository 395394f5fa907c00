"""Tables in plain texts as the daemon reads them: heads, units, gaps, sexagesimal positions, what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtv.cli import textpoints
from mtv.shared import textrows
from mtv.shared.sexagesimal import sexagesimal
from mtv.shared.tables.positions import Wanted, find_positions
from mtv.wire.errors import RequestError
from mtvd.repo.readers import texttable
from mtvd.repo.readers.choose import kind_of
from mtvd.repo.readers.opening import Schemas

VIZIER = """\
#
#   VizieR Astronomical Server
#Column _RAJ2000 (F10.6) Right ascension
_RAJ2000\tRAJ2000\tDEJ2000\tVmag\tName
deg\t"h:m:s"\t"d:m:s"\tmag\t
----------\t-----------\t-----------\t------\t----
83.822083\t05 35 17.300\t-05 23 28.00\t5.13\ta
10.684583\t00 42 44.300\t+41 16 09.00\t\tb
"""
IPAC = """\
\\catalog = 'made'
|    ra    |   dec   |  mag  | name |
|  double  | double  | real  | char |
|   deg    |   deg   |  mag  |      |
|          |         | null  |      |
   83.8220   -5.3911   5.13    a
   10.6845   41.2691   null    b
"""
RADIANS = "coord_ra [rad],coord_dec [rad],flux\n1.0,0.5,3\n0.5,-0.5,4\n"
NUMBERS_AND_TEXTS = "id,x,y,used,note\n9223372036854775809,1,2.5,True,none\n2,,nan,false,\n3,3,4,TRUE,some\n"


def opened(tmp_path: Path, text: str, name: str = "t.csv") -> Any:
    (tmp_path / name).write_text(text)
    return Schemas().open(tmp_path / name)


def positions(tmp_path: Path, text: str, name: str = "t.csv", **wanted: Any) -> list[tuple[float, ...]]:
    found = find_positions(opened(tmp_path, text, name), Wanted(**wanted), most_markers=100)
    columns = (found.x, found.y) if found.size is None else (found.x, found.y, found.size)
    return [tuple(round(float(value), 4) for value in row) for row in zip(*columns, strict=True)]


M42, M31 = (83.8221, -5.3911), (10.6846, 41.2692)


@pytest.mark.parametrize(
    ("text", "name", "wanted", "found"),
    [
        (VIZIER, "t.tsv", {"x": "RAJ2000", "y": "DEJ2000"}, [M42, M31]),
        (VIZIER, "t.tsv", {"select": "Vmag < 6", "size": "Vmag * 2"}, [(*M42, 10.26)]),
        (IPAC, "t.tbl", {"select": "mag < 6"}, [(83.822, -5.3911)]),
        (IPAC, "t.txt", {"select": "name == 'b'"}, [(10.6845, 41.2691)]),
        ("ra dec\n05:35:17.3 -05:23:28\n", "t.txt", {}, [M42]),
        ("ra,dec\n05 35 17.3,-05 23 28\n", "t.csv", {}, [M42]),
        ("ra,dec\n5h35m17.3s,-5d23m28s\n", "t.csv", {}, [M42]),
        ("ra,dec\n83d49m19.5s,-5d23m28s\n--,4\n", "t.csv", {}, [M42]),
        ("ra [deg];dec [deg]\n83:49:19.5;-05:23:28\n", "t.csv", {}, [M42]),
        ("RA_ICRS,DE_ICRS\n83.82208,-5.39111\n", "t.csv", {}, [M42]),
        ("05:35:17.3 -05:23:28\n", "t.txt", {}, [M42]),
        ("coord_ra,coord_dec\n1.0,0.5\n", "t.csv", {}, [(1.0, 0.5)]),
        (RADIANS, "t.csv", {"select": "flux > 3"}, [(28.6479, -28.6479)]),
    ],
)
def test_positions_in_the_sky_are_found_by_name_unit_and_form(
    tmp_path: Path, text: str, name: str, wanted: dict[str, Any], found: list[tuple[float, ...]]
) -> None:
    assert positions(tmp_path, text, name, system="sky", **wanted) == found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x,y,mag\n1,2,20\n3,4,22\n", {"select": "mag > 21"}),
        ("# x y mag\n1 2 20\n3 4 22\n", {"select": "mag > 21"}),
        ("x y mag\n1 2 20\n# between\n\n3 4 22\n", {"select": "mag > 21"}),
        ("1,2,20\n3,4,22\n", {"select": "col3 > 21"}),
        ("# my stars\n1 2\n3 4\n", {"select": "x > 2"}),
        ("# left down\n1 2\n3 4\n", {"x": "left", "y": "down", "select": "x > 2"}),
    ],
)
def test_rows_of_a_text_are_chosen_as_those_of_any_table(tmp_path: Path, text: str, wanted: dict[str, Any]) -> None:
    assert positions(tmp_path, text, **wanted) == [(3.0, 4.0)]


def test_a_column_has_the_type_of_its_cells_and_gaps_are_none(tmp_path: Path) -> None:
    table = opened(tmp_path, NUMBERS_AND_TEXTS)
    read = table.read(list(table.fields))
    assert read["id"].tolist() == [2**63 + 1, 2, 3]
    assert (read["x"].dtype.kind, read["x"].tolist()) == ("i", [1, None, 3])
    np.testing.assert_array_equal(read["y"], [2.5, np.nan, 4])
    assert (read["used"].dtype.kind, read["used"].tolist()) == ("b", [True, False, True])
    assert read["note"].tolist() == ["none", None, "some"]


def test_quoted_cells_keep_their_commas_and_blanks(tmp_path: Path) -> None:
    for text in ('x,y,name\n1,2,"a, b"\n', "x y name\n1 2 'a, b'\n", 'x\ty\tname\n1\t2\t"a, b"\n'):
        assert opened(tmp_path, text).read(["name"])["name"].tolist() == ["a, b"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x,y\n1,2\n3\n", "line 3: the line has 1 cell, and there are 2 columns"),
        ("x y\n1 2\n3 4 5\n", "line 3: the line has 3 cells"),
        ("# nothing here\n", "no rows"),
        ("\\a = 1\n1 2\n", "no IPAC table"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        opened(tmp_path, content)
    assert caught.value.code == "unreadable_file"


def test_texts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = opened(tmp_path, f"x,y,long\n1,2,{'a' * 1001}\n")
    assert (list(table.fields), "characters" in table.left_out["long"]) == (["x", "y"], True)
    monkeypatch.setattr(texttable, "MOST_BYTES", 1 << 20)
    for name, content in (("big.csv", b"1,2\n" * (1 << 19)), ("big.csv.gz", gzip.compress(b"1,2\n" * (1 << 19)))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RequestError) as caught:
            Schemas().open(tmp_path / name)
        assert caught.value.code in {"unsupported", "too_large"}


def test_columns_and_cells_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match="line 1: a text of more than 10000 columns is not read"):
        opened(tmp_path, "," * 10_001)
    monkeypatch.setattr(textrows, "MOST_CELLS", 5)
    with pytest.raises(RequestError, match="line 3: a text of more than 5 cells is not read"):
        opened(tmp_path, "1,2\n3,4\n5,6\n")


def test_a_quote_that_is_never_closed_is_part_of_its_cell(tmp_path: Path) -> None:
    table = opened(tmp_path, f'x,y,name\n1,2,"{"a" * 200_000}\n3,4,b\n')
    assert (table.rows, list(table.left_out)) == (2, ["name"])


def test_a_row_of_gaps_is_no_line_below_names(tmp_path: Path) -> None:
    assert opened(tmp_path, "x,y\n1,2\n-,--\n").rows == 2
    assert opened(tmp_path, "x,y\n-,-\n1,2\n").rows == 2


@pytest.mark.parametrize("text", ["x,y\n1,2\n", "ra,dec\n1,2\n", "1 2\n"])
def test_a_packed_text_is_the_text_that_it_was(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert kind_of(tmp_path / "t.csv.gz", "") == "table"
    assert Schemas().open(tmp_path / "t.csv.gz").rows == 1


def test_bytes_that_no_text_has_are_no_table_whatever_their_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"x,y\n\x00\x01\x02")
    with pytest.raises(RequestError, match="no format that is read"):
        Schemas().open(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "text", [RADIANS, "ra,dec\n05:35:17.3,-05:23:28\n", VIZIER, "1 2\n3 4\n", "id,ra,dec\n7,1,2\n"]
)
def test_the_client_reads_its_standard_input_as_the_daemon_reads_files(tmp_path: Path, text: str) -> None:
    theirs = positions(tmp_path, text, system="sky")
    found = textpoints.read(str(tmp_path / "t.csv"), None, "sky")
    assert [(round(x, 4), round(y, 4)) for x, y in zip(found.x, found.y, strict=True)] == theirs


@pytest.mark.parametrize(
    ("text", "hours", "degrees"),
    [
        ("12:30:00", True, 187.5),
        ("-00:30:00", False, -0.5),
        ("+1:2.5", False, 1 + 2.5 / 60),
        ("12h30m", False, 187.5),
        ("12°30'36\"", True, 12.51),
        ("12:60:00", True, None),
        ("12", True, None),
        ("1:2:3:4", True, None),
        ("2024-01-01", False, None),
        (" " * 50 + "1:2:3", False, None),
    ],
)
def test_hours_and_degrees_are_told_by_their_marks(text: str, hours: bool, degrees: float | None) -> None:
    found = sexagesimal(text, hours=hours)
    assert found == (None if degrees is None else pytest.approx(degrees))
