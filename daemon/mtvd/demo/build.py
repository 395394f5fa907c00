"""Joins the parts: draws every detector of every visit, writes its files, records them.

A folder is ours while it holds `BUILDING`, and complete when it holds `MARKER`, which is written last.
"""

from __future__ import annotations

import getpass
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mtvd.demo.plan import DETECTOR_POSITIONS, SIZES, VISITS, Size, SizeName
from mtvd.demo.sky import sky_field

if TYPE_CHECKING:
    from astropy.table import Table

    from mtvd.demo.registry import Registry

MARKER: Final = "mtv-demo.json"
BUILDING: Final = "mtv-demo.building"
RECIPE: Final = 1
"""Grows when the recipe changes, so that an older repository is not taken for this one."""

WORKERS: Final = 2
_FILES: Final = ("raw", "calexp", "src")
_OURS: Final = ("butler.yaml", "gen3.sqlite3", "gen3.sqlite3-journal", "u", "HSC", MARKER, BUILDING)

OnProgress = Callable[[int, int, str], None]
"""Called with done, total and unit."""


class DemoRefusedError(Exception):
    """The folder holds something that is not ours to replace; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class DemoRepository:
    """Repository that was built, or found already built."""

    directory: Path
    size: str
    user: str
    chain: str
    """CHAINED collection with ``calexp``, ``src`` and ``sourceTable``."""

    run: str
    datasets: int
    sources: int
    """Rows of all source catalogs together."""

    already_there: bool
    """Nothing was done, because a complete repository of this size was found."""


def build(
    directory: Path,
    *,
    size: SizeName = "small",
    user: str | None = None,
    on_progress: OnProgress | None = None,
) -> DemoRepository:
    """Build a demo repository in `directory`, unless it is there already.

    Parameters
    ----------
    directory : `Path`
        A folder that is empty, absent, or an earlier demo repository (a half-built one is built anew).
    size : ``"small"`` or ``"full"``
        Detectors of 512x1044 or 2048x4176 pixels (x, y): about 130 MB or 2 GB in all.
    user : `str`, optional
        Whose collections; `getpass.getuser` by default.
    on_progress : callable, optional
        Called after each detector.

    Raises
    ------
    DemoRefusedError
        If `directory` holds something else.
    """
    directory = directory.expanduser().absolute()
    found = _look(directory, SIZES[size].name)
    if found is not None:
        return found
    _clear(directory)
    return _build(directory, SIZES[size], user or getpass.getuser(), on_progress or (lambda *_: None))


def _look(directory: Path, size_name: str) -> DemoRepository | None:
    """Return the complete repository in `directory`, if there is one; refuse what is not ours."""
    if directory.exists() and not directory.is_dir():
        raise DemoRefusedError(f"{directory} is not a folder")
    if not directory.exists() or not any(directory.iterdir()) or (directory / BUILDING).exists():
        return None
    if not (directory / MARKER).exists():
        raise DemoRefusedError(f"{directory} is not empty and not a demo repository: choose a new folder")
    facts = json.loads((directory / MARKER).read_text())
    if facts.pop("recipe", None) != RECIPE:
        raise DemoRefusedError(f"{directory} is a demo repository of another version: remove it to build it anew")
    if facts["size"] != size_name:
        raise DemoRefusedError(
            f"{directory} holds a demo repository of size {facts['size']}: remove it, or choose another folder"
        )
    return DemoRepository(directory=directory, already_there=True, **facts)


def _clear(directory: Path) -> None:
    """Remove what a build that was cut off left behind, and claim the folder."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in _OURS:
        path = directory / name
        if path.is_dir():
            shutil.rmtree(path)
        elif name != BUILDING:
            path.unlink(missing_ok=True)
    (directory / BUILDING).touch()


def _build(directory: Path, size: Size, user: str, on_progress: OnProgress) -> DemoRepository:
    # Imported here, because Butler and astropy take seconds that a refusal need not wait for.
    from mtvd.demo.registry import Registry, chain_of, run_of

    registry = Registry.create(directory, user, size)
    sources = _fill(registry, size, on_progress)
    registry.finish()
    repository = DemoRepository(
        directory=directory,
        size=size.name,
        user=user,
        chain=chain_of(user),
        run=run_of(user),
        datasets=len(VISITS) * len(DETECTOR_POSITIONS) * len(registry.types),
        sources=sources,
        already_there=False,
    )
    _mark_complete(repository)
    return repository


def _fill(registry: Registry, size: Size, on_progress: OnProgress) -> int:
    """Draw, write and record all detectors; returns the number of sources."""
    from mtvd.demo.detector import DetectorFiles, observe, write

    sky = sky_field(size)
    jobs = [(visit, detector) for visit in VISITS for detector in DETECTOR_POSITIONS]
    refs = [{name: registry.place(name, visit.id, detector) for name in registry.types} for visit, detector in jobs]

    def work(number: int) -> tuple[int, Table]:
        visit, detector = jobs[number]
        files = DetectorFiles(**{name: refs[number][name][1] for name in _FILES})
        return number, write(observe(sky, visit, detector, size), visit, detector, size, files)

    sources = 0
    with ThreadPoolExecutor(WORKERS, "mtv-demo") as pool:
        futures = [pool.submit(work, number) for number in range(len(jobs))]
        for done, future in enumerate(as_completed(futures), start=1):
            number, table = future.result()
            registry.put_table(refs[number]["sourceTable"][0], table)
            sources += len(table)
            on_progress(done, len(jobs), "detectors")
    registry.ingest(placed[name] for placed in refs for name in _FILES)
    return sources


def _mark_complete(repository: DemoRepository) -> None:
    facts = asdict(repository) | {"recipe": RECIPE}
    for name in ("directory", "already_there"):
        del facts[name]
    part = repository.directory / f"{MARKER}.part"
    part.write_text(json.dumps(facts, indent=2) + "\n")
    part.replace(repository.directory / MARKER)
    (repository.directory / BUILDING).unlink()
