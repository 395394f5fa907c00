"""Readers of catalogs and parquet tables, against files that the tests write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.support import repo_sample as sample
from tests.support.readers import column

from mtv.shared.tables.tables import resolve
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9


def test_a_catalog_has_named_flags_units_docs_and_slots(tmp_path: Path, out: Output, store: PixelStore) -> None:
    path = tmp_path / "src.fits"
    sample.write_catalog(path)
    catalog = read_all(path, out, storage_class="SourceCatalog", most=MOST).catalog
    assert catalog is not None
    assert catalog.rows == sample.ROWS
    assert catalog.aliases["slot_Centroid"] == "base_SdssCentroid"
    assert column(store.directory, catalog, "calib_psf_used").tolist() == [row % 4 == 0 for row in range(sample.ROWS)]
    assert column(store.directory, catalog, "calib_psf_candidate").dtype == np.bool_
    assert column(store.directory, catalog, "aperture").shape == (sample.ROWS, 3)
    assert column(store.directory, catalog, "base_SdssCentroid_x")[3] == 106.0
    by_name = {one.name: one for one in catalog.columns}
    assert (by_name["coord_ra"].unit, by_name["coord_ra"].kind) == ("rad", "Angle")
    assert by_name["calib_psf_used"].doc == "what calib_psf_used means"
    assert "flags" not in by_name


def test_columns_are_chosen_by_name_or_slot(tmp_path: Path, out: Output) -> None:
    path = tmp_path / "src.fits"
    sample.write_catalog(path)
    catalog = read_all(path, out, columns=("slot_Centroid_x", "calib_psf_used"), most=MOST).catalog
    assert catalog is not None
    assert [one.name for one in catalog.columns] == ["base_SdssCentroid_x", "calib_psf_used"]
    with pytest.raises(RequestError) as caught:
        read_all(path, out, columns=("id", "calib_psf_use"), most=MOST)
    assert caught.value.error.where == "columns[1]"
    assert "'calib_psf_used'" in caught.value.error.hint


def test_a_truncated_catalog_is_unreadable(tmp_path: Path, out: Output) -> None:
    path = tmp_path / "src.fits"
    sample.write_catalog(path, rows=200)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(RequestError) as caught:
        read_all(path, out, most=MOST)
    assert caught.value.code == "unreadable_file"


def test_aliases_follow_each_other_by_their_longest_prefix() -> None:
    aliases = {"slot_A": "b_A", "slot_A_flag": "c", "c": "d"}
    assert resolve("slot_A_x", aliases) == "b_A_x"
    assert resolve("slot_A_flag_bad", aliases) == "d_bad"
    assert resolve("loop", {"loop": "loop"}) == "loop"


def test_a_parquet_table_keeps_numbers_texts_and_truths(tmp_path: Path, out: Output, store: PixelStore) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "x": [1.0, None],
            "n": [1, 2],
            "good": [True, None],
            "name": ["a", None],
            "v": [[1, 2], [3, 4]],
            "odd": [{"a": 1}, {}],
        }
    )
    pq.write_table(table, tmp_path / "t.parq")
    catalog = read_all(tmp_path / "t.parq", out, storage_class="ArrowAstropy", most=MOST).catalog
    assert catalog is not None
    assert np.isnan(column(store.directory, catalog, "x")[1])
    assert column(store.directory, catalog, "good").tolist() == [True, False]
    assert column(store.directory, catalog, "name").tolist() == ["a", ""]
    assert column(store.directory, catalog, "v").tolist() == [[1, 2], [3, 4]]
    assert catalog.metadata["left_out"] == ["odd"]


def test_a_broken_parquet_file_is_unreadable(tmp_path: Path, out: Output) -> None:
    (tmp_path / "t.parq").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(RequestError) as caught:
        read_all(tmp_path / "t.parq", out, storage_class="ArrowAstropy", most=MOST)
    assert caught.value.code == "unreadable_file"


def test_the_real_catalog_is_read_right(shared_data: Path, out: Output, store: PixelStore) -> None:
    catalog = read_all(shared_data / "sourceCatalog-hsc-v2.fits", out, most=MOST).catalog
    assert catalog is not None
    assert (catalog.rows, len(catalog.columns)) == (5, 228)
    with fits.open(shared_data / "sourceCatalog-hsc-v2.fits") as hdus:
        table = hdus[1]
        flags = np.asarray(table.data["flags"])
        for bit in range(flags.shape[1]):
            assert np.array_equal(column(store.directory, catalog, table.header[f"TFLAG{bit + 1}"]), flags[:, bit])
        assert np.array_equal(column(store.directory, catalog, "coord_ra"), table.data["coord_ra"])
    centroid = catalog.aliases.get("slot_Centroid")
    assert centroid is None or any(one.name == f"{centroid}_x" for one in catalog.columns)
