"""A large SQLite registry without files: one dataset type, ten runs in a chain, each visit in four of them.

Butler's own API takes seven minutes for a million datasets; so the datasets are written by SQL, into a repository whose
tables, dimensions and collections Butler made. `differences` shows that such a registry equals one that the API wrote.
Nobody runs ANALYZE, because nobody does. Butler makes the indexes of a table in an order that differs from registry to
registry, and SQLite chooses by it; here it is always the same one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

DATASET_TYPE: Final = "calexp"
INSTRUMENT: Final = "HSC"
CHAIN: Final = "chain"
RUNS: Final = tuple(f"run/{number}" for number in range(10))
DETECTORS: Final = 100
COPIES: Final = 4
_STEPS: Final = (0, 1, 3, 6)
_FILTERS: Final = ("HSC-R", "HSC-I")
_INDEXES: Final = "SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%' AND tbl_name IN (?, ?)"
_FILL: Final = (
    """INSERT INTO dataset (id, dataset_type_id, ingest_date, run_id)
       SELECT uuid, {kind}, 1795000000000000000 + n, run FROM made""",
    """INSERT INTO "{tags}" (dataset_type_id, dataset_id, collection_id, instrument, detector, visit)
       SELECT {kind}, uuid, run, '{instrument}', detector, visit FROM made""",
    """INSERT INTO collection_summary_dataset_type (collection_id, dataset_type_id)
       SELECT DISTINCT run, {kind} FROM placed""",
    """INSERT INTO collection_summary_instrument (collection_id, instrument)
       SELECT DISTINCT run, '{instrument}' FROM placed""",
)
_OWN_VALUES: Final = {"dataset": ("ingest_date",)}
"""Columns that no two registries share, besides UUIDs."""


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is in a registry."""

    visits: int

    @property
    def datasets(self) -> int:
        """Datasets in all runs."""
        return self.visits * DETECTORS * COPIES


def size_of(datasets: int) -> Size:
    """Return the size of a registry with about so many datasets."""
    return Size(max(1, datasets // (DETECTORS * COPIES)))


def runs_of(visit: int) -> tuple[int, ...]:
    """Return the runs that a visit is in, by number."""
    return tuple(sorted((visit + step) % len(RUNS) for step in _STEPS))


def by_sql(root: Path, size: Size, *, seed: int | None = None) -> Path:
    """Make a registry whose datasets are written by SQL, and return its root.

    Parameters
    ----------
    seed : `int`, optional
        Makes the indexes in some order. None: that of visits first, so that SQLite takes it for the worst.
    """
    _prepared(root, size)
    with contextlib.closing(sqlite3.connect(root / "gen3.sqlite3")) as database:
        _write(database, size, seed)
    return root


def by_api(root: Path, size: Size) -> Path:
    """Make the same registry with Butler's own `insertDatasets`."""
    _prepared(root, size)
    from lsst.daf.butler import Butler, DataCoordinate

    with Butler.from_config(str(root), writeable=True) as butler:
        kind = butler.get_dataset_type(DATASET_TYPE)
        for number, run in enumerate(RUNS):
            ids = [
                DataCoordinate.standardize(
                    {"instrument": INSTRUMENT, "visit": visit, "detector": detector}, dimensions=kind.dimensions
                )
                for visit in range(size.visits)
                if number in runs_of(visit)
                for detector in range(DETECTORS)
            ]
            if ids:
                butler.registry.insertDatasets(kind, ids, run=run)
    return root


def differences(one: Path, other: Path) -> list[str]:
    """Return the tables and indexes in which two registries differ, whatever their datasets' UUIDs and dates are."""
    with _reading(one) as first, _reading(other) as second:
        mine, theirs = _schema(first), _schema(second)
        changed = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
        tables = [name for name in mine if name not in changed and mine[name].startswith("CREATE TABLE")]
        return changed + [table for table in tables if _content(first, table) != _content(second, table)]


def _prepared(root: Path, size: Size) -> None:
    from lsst.daf.butler import Butler, CollectionType, DatasetType

    Butler.makeRepo(str(root))
    with Butler.from_config(str(root), writeable=True) as butler:
        _insert_dimensions(butler, size)
        for run in RUNS:
            butler.collections.register(run)
        butler.collections.register(CHAIN, CollectionType.CHAINED)
        butler.collections.redefine_chain(CHAIN, list(RUNS))
        keys = ("instrument", "visit", "detector")
        butler.registry.registerDatasetType(DatasetType(DATASET_TYPE, keys, "ExposureF", universe=butler.dimensions))


def _insert_dimensions(butler: Any, size: Size) -> None:
    insert, own = butler.registry.insertDimensionData, {"instrument": INSTRUMENT}
    limits = {"visit_max": 10**6, "exposure_max": 10**6, "detector_max": DETECTORS}
    insert("instrument", {"name": INSTRUMENT, "class_name": "lsst.obs.subaru.HyperSuprimeCam", **limits})
    insert("physical_filter", *({**own, "name": name, "band": name[-1].lower()} for name in _FILTERS))
    insert("day_obs", {**own, "id": 20140328})
    insert("detector", *({**own, "id": number, "full_name": f"det{number}"} for number in range(DETECTORS)))
    shared = {**own, "day_obs": 20140328, "exposure_time": 30.0}
    insert(
        "visit",
        *(
            {**shared, "id": visit, "name": f"v{visit}", "physical_filter": _FILTERS[visit % len(_FILTERS)]}
            for visit in range(size.visits)
        ),
    )


def _write(database: sqlite3.Connection, size: Size, seed: int | None) -> None:
    kind, tags = database.execute("SELECT id, tag_association_table FROM dataset_type").fetchone()
    database.execute("PRAGMA journal_mode=OFF")
    database.execute("PRAGMA synchronous=OFF")
    _fill_scratch(database, size)
    # An index that is made of a full table costs a tenth of one that grows with it.
    indexes = database.execute(_INDEXES, ("dataset", tags)).fetchall()
    for name, _ in indexes:
        database.execute(f'DROP INDEX "{name}"')
    for statement in _FILL:
        database.execute(statement.format(tags=tags, kind=int(kind), instrument=INSTRUMENT))
    indexes.sort(key=lambda index: ("visit" not in index[0], index[0]))
    if seed is not None:
        random.Random(seed).shuffle(indexes)
    for _, sql in indexes:
        database.execute(sql)
    database.commit()


def _fill_scratch(database: sqlite3.Connection, size: Size) -> None:
    database.execute("PRAGMA temp_store=MEMORY")
    database.execute("CREATE TEMP TABLE placed (run INTEGER, visit INTEGER)")
    ids = dict(database.execute("SELECT name, collection_id FROM collection"))
    placed = ((ids[RUNS[run]], visit) for visit in range(size.visits) for run in runs_of(visit))
    database.executemany("INSERT INTO placed VALUES (?, ?)", sorted(placed))
    # UUIDs as Butler's own: version 7, growing with time.
    database.execute(
        """CREATE TEMP TABLE made AS
        SELECT printf('01a21075%04x7%03x8%015x', n >> 12, n & 4095, n) AS uuid, n, run, visit, detector
        FROM (
            SELECT row_number() OVER () AS n, placed.run AS run, visit, detector.id AS detector
            FROM placed CROSS JOIN detector
        )"""
    )


@contextlib.contextmanager
def _reading(root: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{root / 'gen3.sqlite3'}?mode=ro", uri=True)) as database:
        yield database


def _schema(database: sqlite3.Connection) -> dict[str, str]:
    return dict(database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def _content(database: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    names = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
    hidden = {"dataset_id", *_OWN_VALUES.get(table, ()), *(("id",) if table == "dataset" else ())}
    chosen = ", ".join(f'"{name}"' for name in names if name not in hidden) or "1"
    rows = [
        row for row in database.execute(f'SELECT {chosen} FROM "{table}"') if not str(row[0]).startswith("version:")
    ]
    return sorted(rows, key=repr)
