"""Queries, references, exposures and catalogs as they come to the user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from tests.support import scripted

import mtv
from mtv.data.datasets import DataId
from mtv.testing import ScriptedDaemon, Seen
from mtv.wire import data, messages, requests
from mtv.wire.errors import Error
from mtv.wire.steps import Load, Query

IDS = ("instrument", "detector", "visit", "run")


pixel_directory = scripted.shared_directory


def pages(seen: Seen) -> messages.Rows:
    assert isinstance(seen.message, Query)
    first = not seen.message.cursor
    rows = (("HSC", 41, 23718, "u/run"), ("HSC", 42, 23718, "u/run")) if first else (("HSC", 47, 1214, "u/run"),)
    ids = ("a", "b") if first else ("c",)
    return messages.Rows(
        columns=IDS, rows=rows, ids=ids, repo="hsc", dataset_type="calexp", cursor="2" if first else ""
    )


def refs(*ids: str) -> list[mtv.DatasetRef]:
    return [mtv.DatasetRef("", "calexp", name, "u/run", DataId()) for name in ids]


def dataset_of(step: object) -> data.Dataset:
    assert isinstance(step, Load)
    assert isinstance(step.target, data.Dataset)
    return step.target


def ahead_of(step: object) -> list[str]:
    assert isinstance(step, Load)
    return [one.id for one in step.ahead if isinstance(one, data.Dataset)]


def loaded(seen: Seen) -> messages.Loaded:
    return messages.Loaded(handle=dataset_of(seen.message).id, shape=(2, 3))


def written(directory: Path | None, name: str, array: np.ndarray[Any, Any]) -> data.Array:
    assert directory is not None
    (directory / name).write_bytes(array.tobytes())
    return data.Array(dtype=array.dtype.str, shape=array.shape, file=name)


@pytest.fixture
def catalog(daemon: ScriptedDaemon, repository: mtv.Repository) -> mtv.Catalog:
    directory = daemon.pixel_directory
    columns = (
        data.Column(name="id", array=written(directory, "cat-1-0000000000000000.raw", np.arange(4)), kind="L"),
        data.Column(
            name="base_SdssCentroid_x",
            array=written(directory, "cat-1-0000000000000001.raw", np.array([1.5, 2.5, 3.5, 4.5])),
            unit="pixel",
            doc="centroid",
            kind="D",
        ),
        data.Column(
            name="base_SdssCentroid_y",
            array=written(directory, "cat-1-0000000000000002.raw", np.array([5.0, 6.0, 7.0, 8.0])),
            unit="pixel",
            kind="D",
        ),
        data.Column(
            name="calib_psf_used",
            array=written(directory, "cat-1-0000000000000003.raw", np.array([True, False, True, False])),
            doc="used",
            kind="Flag",
        ),
    )
    found = data.Catalog(rows=4, columns=columns, aliases={"slot_Centroid": "base_SdssCentroid"}, label="src")
    daemon.script(requests.Get, messages.Got(catalog=found))
    got = repository.get("src", visit=23718, detector=41, instrument="HSC")
    assert isinstance(got, mtv.Catalog)
    return got


def test_all_pages_of_a_query_are_fetched(daemon: ScriptedDaemon, repository: mtv.Repository) -> None:
    daemon.script(Query, pages)
    refs = repository.query("calexp", collections="u/run", instrument="HSC", physical_filter="HSC-R", limit=7)
    assert [ref.id for ref in refs] == ["a", "b", "c"]
    assert str(refs[0]) == "{instrument: 'HSC', detector: 41, visit: 23718}"
    assert (refs[0].run, refs[0]["visit"]) == ("u/run", 23718)
    first, second = (seen.message for seen in daemon.of(Query))
    assert isinstance(first, Query)
    assert isinstance(second, Query)
    assert first.data_id == {"instrument": "HSC", "physical_filter": "HSC-R"}
    assert (first.collections, first.limit, second.cursor) == (("u/run",), 7, "2")
    assert str(refs).splitlines()[0].split() == ["instrument", "detector", "visit", "run"]
    assert "<td>23718</td>" in refs._repr_html_()


def test_rows_of_a_catalog_are_chosen_by_the_daemon(daemon: ScriptedDaemon, repository: mtv.Repository) -> None:
    daemon.script(requests.Get, messages.Got(catalog=data.Catalog(rows=0, columns=())))
    repository.get("src", visit=23718, columns=("id", "slot_Centroid_x"), select="calib_psf_used & ~flag")
    asked = daemon.of(requests.Get)[-1].message
    assert isinstance(asked, requests.Get)
    assert (asked.columns, asked.select) == (("id", "slot_Centroid_x"), "calib_psf_used & ~flag")


@pytest.mark.parametrize("select", ["x" * 2001, 3, np.array([True])])
def test_what_is_no_expression_is_refused_here(daemon: ScriptedDaemon, repository: mtv.Repository, select: Any) -> None:
    with pytest.raises(mtv.RequestError) as caught:
        repository.get("src", visit=23718, select=select)
    assert caught.value.error.where == "select"
    assert daemon.of(requests.Get) == []


def test_a_dataset_can_be_named_without_asking(repository: mtv.Repository) -> None:
    named = repository.dataset("src", collections="u/run", instrument="HSC", visit=23718)
    assert named == data.Dataset(
        repo="hsc", dataset_type="src", data_id={"instrument": "HSC", "visit": 23718}, collections=("u/run",)
    )
    with pytest.raises(mtv.RequestError):
        repository.dataset("/a/path.fits")


def endless(seen: Seen) -> messages.Rows:
    """Pages of two rows without an end; the third cannot be had once."""
    assert isinstance(seen.message, Query)
    number = int(seen.message.cursor or 0)
    if number == 2 and not FAILED:
        FAILED.append(number)
        raise mtv.DaemonError(Error(code="repository_failed", message="later", retryable=True))
    rows = tuple(("HSC", 41, 2 * number + index, "u/run") for index in range(2))
    ids = tuple(str(row[2]) for row in rows)
    return messages.Rows(columns=IDS, rows=rows, ids=ids, dataset_type="calexp", cursor=str(number + 1))


FAILED: list[int] = []


def test_a_page_is_fetched_when_somebody_goes_on_to_it(daemon: ScriptedDaemon, repository: mtv.Repository) -> None:
    daemon.script(Query, endless)
    refs = repository.query("calexp", collections="u/run")
    assert len(daemon.of(Query)) == 1
    assert "and more to fetch" in str(refs)
    assert [ref["visit"] for ref, _ in zip(refs, range(3), strict=False)] == [0, 1, 2]
    assert len(daemon.of(Query)) == 2
    with pytest.raises(mtv.DaemonError, match="later"):
        _ = refs[4]
    assert [ref.id for ref in refs[3:5]] == ["3", "4"]
    assert len(daemon.of(Query)) == 4
    assert repr(refs) == "<mtv.Refs: 6 rows so far>"


def test_the_length_is_that_of_all_pages(daemon: ScriptedDaemon, repository: mtv.Repository) -> None:
    daemon.script(Query, pages)
    refs = repository.query("calexp", collections="u/run")
    assert (len(refs), refs[-1].id, [ref.id for ref in refs[-2:]]) == (3, "c", ["b", "c"])
    assert refs == list(refs)
    assert bool(refs)


def test_provenance_of_a_reference_is_asked_by_its_run(daemon: ScriptedDaemon, repository: mtv.Repository) -> None:
    daemon.script(Query, pages)
    ref = repository.query("calexp", collections="u/run")[0]
    daemon.script(Query, messages.Rows(columns=("visit", "file_bytes"), rows=((23718, 99),)))
    assert repository.provenance(ref.component("mask"))[0]["file_bytes"] == 99
    asked = daemon.of(Query)[-1].message
    assert isinstance(asked, Query)
    assert (asked.what, asked.dataset_type, asked.collections) == ("provenance", "calexp", ("u/run",))
    assert asked.data_id == {"instrument": "HSC", "detector": 41, "visit": 23718}
    with pytest.raises(mtv.RequestError):
        repository.provenance(ref, visit=3)


@pytest.fixture
def at_home(daemon: ScriptedDaemon) -> Iterator[mtv.Repository]:
    with mtv.connect(daemon.endpoint) as connection:
        yield mtv.Repository("hsc", connection=connection, collections="u/run", instrument="HSC")


def last_query(daemon: ScriptedDaemon) -> Query:
    asked = daemon.of(Query)[-1].message
    assert isinstance(asked, Query)
    return asked


def test_collections_and_data_id_of_a_repository_are_those_of_every_call(
    daemon: ScriptedDaemon, at_home: mtv.Repository
) -> None:
    daemon.script(Query, messages.Rows(columns=("visit",), rows=((23718,),), ids=("a",)))
    calls: list[Any] = [
        lambda: at_home.query("calexp", visit=3),
        lambda: at_home.provenance("calexp", visit=3),
        lambda: at_home.query_data_ids("visit", datasets="calexp", visit=3),
        lambda: at_home.query_dimension_records("visit", datasets="calexp", visit=3),
    ]
    for call in calls:
        call()
        asked = last_query(daemon)
        assert (asked.collections, asked.data_id) == (("u/run",), {"instrument": "HSC", "visit": 3})
    named = at_home.dataset("calexp", visit=3)
    assert (named.collections, named.data_id) == (("u/run",), {"instrument": "HSC", "visit": 3})


def test_what_a_call_says_itself_goes_before_what_its_repository_says(
    daemon: ScriptedDaemon, at_home: mtv.Repository
) -> None:
    daemon.script(Query, messages.Rows(columns=("visit",), rows=((23718,),), ids=("a",)))
    at_home.query("calexp", instrument="LSSTCam", collections=["u/other"])
    assert (last_query(daemon).collections, last_query(daemon).data_id) == (("u/other",), {"instrument": "LSSTCam"})
    at_home.query("calexp", where="instrument = 'LSSTCam' AND visit > 3")
    assert last_query(daemon).data_id == {}
    at_home.query("calexp", where="instrumental > 3")
    assert last_query(daemon).data_id == {"instrument": "HSC"}


def test_a_reference_is_not_asked_for_in_its_repositorys_collections(
    daemon: ScriptedDaemon, at_home: mtv.Repository
) -> None:
    daemon.script(Query, pages)
    ref = at_home.query("calexp", collections="u/other")[0]
    daemon.script(Query, messages.Rows(columns=("visit",), rows=((23718,),), ids=("a",)))
    at_home.provenance(mtv.DatasetRef("hsc", "calexp", ref.id, "u/else", DataId()))
    assert (last_query(daemon).collections, last_query(daemon).data_id) == (("u/else",), {})


def test_what_is_no_data_id_is_refused_when_the_repository_is_named() -> None:
    with pytest.raises(mtv.RequestError, match="instrument"):
        mtv.Repository(instrument=["HSC"])  # type: ignore[arg-type]
    with pytest.raises(mtv.RequestError, match="collections"):
        mtv.Repository(collections=[""])


def test_records_are_mappings_in_a_table(daemon: ScriptedDaemon, repository: mtv.Repository) -> None:
    daemon.script(Query, messages.Rows(columns=("name", "type"), rows=(("u/run", "RUN"),)))
    found = repository.collections("u/*")
    assert found[0]["name"] == "u/run"
    assert "RUN" in str(found)
    assert repository.query_data_ids(["visit"], datasets="raw", where="visit > 1") == found
    assert repository.query_dimension_records("visit", bind={"x": np.int64(3)}) == found
    assert repository.dataset_types("cal*") == found
    asked = [seen.message for seen in daemon.of(Query)]
    assert [query.what for query in asked if isinstance(query, Query)] == [
        "collections",
        "data_ids",
        "dimension_records",
        "dataset_types",
    ]


def test_a_writeable_repository_is_refused_with_the_way_to_write() -> None:
    with pytest.raises(mtv.RequestError, match=r"lsst\.daf\.butler") as caught:
        mtv.Repository("hsc", writeable=True)
    assert (caught.value.code, caught.value.error.where) == ("read_only", "writeable")


@pytest.mark.parametrize(
    ("arguments", "where"),
    [({"visit": 1.5}, "visit"), ({"bind": {"x": object()}}, "bind.x"), ({"where": "x" * 20_001}, "where")],
)
def test_values_that_cannot_be_looked_for_are_refused(
    repository: mtv.Repository, arguments: dict[str, Any], where: str
) -> None:
    with pytest.raises(mtv.RequestError) as caught:
        repository.query("calexp", **arguments)
    assert caught.value.error.where == where


def test_several_values_of_a_dimension_are_for_the_expression(repository: mtv.Repository) -> None:
    several: dict[str, Any] = {"visit": [1214, 23718]}
    with pytest.raises(mtv.RequestError, match=r"where='visit in \(1, 2\)'"):
        repository.query("calexp", **several)


def test_a_list_is_loaded_one_by_one_and_the_daemon_is_told_of_the_next(
    daemon: ScriptedDaemon, repository: mtv.Repository
) -> None:
    daemon.script(Load, loaded)
    handles = repository.load(refs(*"abcd"), component="image")
    assert daemon.of(Load) == []
    assert [handle.id for handle in handles] == list("abcd")
    asked = [seen.message for seen in daemon.of(Load)]
    assert [dataset_of(step).dataset_type for step in asked] == ["calexp.image"] * 4
    assert [ahead_of(step) for step in asked] == [["b", "c"], ["c", "d"], ["d"], []]


def test_a_list_with_something_else_in_it_is_refused_before_anything_is_loaded(
    daemon: ScriptedDaemon, repository: mtv.Repository
) -> None:
    with pytest.raises(mtv.RequestError) as caught:
        repository.load([*refs("a"), 3])  # type: ignore[list-item]
    assert (caught.value.error.where, daemon.of(Load)) == ("target", [])


def test_an_exposure_is_mapped_and_its_files_are_gone(daemon: ScriptedDaemon, repository: mtv.Repository) -> None:
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    mask = np.array([[1, 0, 0], [0, 2, 0]], np.int32)
    found = data.Exposure(
        image=written(daemon.pixel_directory, "image", image),
        mask=written(daemon.pixel_directory, "mask", mask),
        planes={"SAT": 1, "BAD": 0},
        xy0=(10, 20),
        metadata={"EXPTIME": 30.0},
    )
    daemon.script(requests.Get, messages.Got(data=found))
    ref = mtv.DatasetRef("hsc", "calexp", "a", "run", {"visit": 1})  # type: ignore[arg-type]
    exposure = repository.get(ref)
    assert daemon.pixel_directory is not None
    assert [path.name for path in daemon.pixel_directory.iterdir()] == ["nonce"]
    assert (exposure.image == image).all()
    exposure.image[0, 0] = 99
    assert exposure.image[0, 0] == 99
    assert list(exposure.getMask().getMaskPlaneDict().items()) == [("BAD", 0), ("SAT", 1)]
    assert exposure.pixels_in("SAT").sum() == 1
    assert exposure.variance is None
    assert exposure.bbox == (10, 20, 3, 2)
    assert exposure.metadata["EXPTIME"] == 30.0
    mtv.Display(connection=repository.connection).mtv(exposure)
    assert daemon.steps[-1].target.planes == found.planes  # type: ignore[union-attr]


def test_loading_gives_a_handle_that_is_given_back(daemon: ScriptedDaemon, repository: mtv.Repository) -> None:
    daemon.script(Load, messages.Loaded(handle="h7", shape=(4176, 2048), dtype="float32", planes={"BAD": 0}))
    with repository.load("calexp", visit=1, detector=41) as handle:
        assert "2048 x 4176" in repr(handle)
    handle.release()
    released = [seen.message for seen in daemon.of(requests.Release)]
    assert released == [requests.Release(handle="h7")]


def test_what_cannot_be_loaded_is_told_in_words_of_the_call(daemon: ScriptedDaemon, repository: mtv.Repository) -> None:
    def refuse(_seen: Seen) -> messages.Loaded:
        raise mtv.RequestError(Error(code="unreadable_file", message="it is damaged", where="steps[0].path"))

    daemon.script(Load, refuse)
    with pytest.raises(mtv.RequestError) as caught:
        repository.load("calexp", visit=1, detector=41)
    assert caught.value.error.where == "path"


def test_a_path_is_a_file_of_the_daemons_host(
    daemon: ScriptedDaemon, repository: mtv.Repository, tmp_path: Path
) -> None:
    daemon.script(requests.Get, messages.Got(value={"a": 1}))
    assert repository.get(tmp_path / "a.fits") == {"a": 1}
    assert daemon.of(requests.Get)[0].message == requests.Get(target=data.File(path=str(tmp_path / "a.fits")))


def test_columns_are_found_by_name_and_through_slots_without_a_copy(catalog: mtv.Catalog) -> None:
    assert len(catalog) == 4
    assert catalog["slot_Centroid_x"].tolist() == [1.5, 2.5, 3.5, 4.5]
    assert catalog["slot_Centroid_x"] is catalog["base_SdssCentroid_x"]
    assert catalog.schema.find("calib_psf_used").field.doc == "used"
    assert catalog.schema.find("slot_Centroid_x").field.units == "pixel"
    assert catalog.schema.names()[0] == "id"
    assert 'Field[\'Flag\'](name="calib_psf_used", doc="used")' in str(catalog.schema)
    with pytest.raises(mtv.RequestError, match="calib_psf_used") as caught:
        _ = catalog["calib_psf_use"]
    assert caught.value.code == "not_found"


def test_rows_are_chosen_by_masks_slices_and_numbers(catalog: mtv.Catalog) -> None:
    used = catalog[catalog["calib_psf_used"]]
    assert [(row.getX(), row.getY(), row.getId()) for row in used] == [(1.5, 5.0, 0), (3.5, 7.0, 2)]
    rejected = catalog[catalog["calib_psf_used"] & (catalog["id"] == 7)]
    assert len(rejected) == 0
    assert list(rejected) == []
    assert np.shares_memory(catalog[1:3]["id"], catalog["id"])
    assert catalog[-1]["id"] == 3
    assert catalog[np.array([3, 0])].getX().tolist() == [4.5, 1.5]
    assert used[1:][0].get("id") == 2
    with pytest.raises(IndexError):
        _ = catalog[4]
    with pytest.raises(mtv.RequestError):
        _ = catalog[np.array([True])]


def test_the_astropy_table_is_a_view(catalog: mtv.Catalog) -> None:
    table = catalog.asAstropy()
    assert isinstance(table, Table)
    for name in catalog.columns:
        assert np.shares_memory(table[name], catalog[name])
    assert str(table["base_SdssCentroid_x"].unit) == "pix"
    table["id"][0] = 77
    assert catalog["id"][0] == 77


def test_a_catalog_prints_as_a_small_table(catalog: mtv.Catalog) -> None:
    assert "slot_Centroid_x" in str(catalog)
    assert repr(catalog) == "<mtv.Catalog src: 4 rows, 4 columns>"
    assert catalog._repr_html_().count("<tr>") == 5


def test_a_ring_of_aliases_ends() -> None:
    schema = mtv.Schema((), {"a": "b", "b": "a"})
    assert "a_x" not in schema
