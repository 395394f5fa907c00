"""A pipeline that writes into a sample repository, from this process or from one of its own.

``python -m tests.support.landing ROOT COUNT PAUSE_SECS`` puts so many calexps, one after the other, and prints each
data ID once it is there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support import repo_sample as sample

RUN = "u/somebody/single_frame/pipeline"
FIRST_VISIT = 30_000
Where = tuple[int, int]
"""Visit and detector."""


class Pipeline:
    """Writes datasets as a pipeline does: the file first, then the registry, in one transaction.

    Parameters
    ----------
    root : `~pathlib.Path`
        A repository of `repo_sample`.
    run : `str`
        Made, and put in front of the chain.
    chained : `bool`, optional
        False: not put into the chain.
    """

    def __init__(self, root: Path, run: str = RUN, *, chained: bool = True) -> None:
        from lsst.daf.butler import Butler

        self._root, self.run = root, run
        self.butler = Butler.from_config(str(root), writeable=True)
        self.butler.collections.register(run)
        if chained and run not in self.butler.collections.get_info(sample.CHAIN).children:
            self.butler.collections.prepend_chain(sample.CHAIN, run)
        self._visits = set(sample.VISITS)

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.butler.close()

    def visits(self, count: int) -> list[int]:
        """Make so many new visits."""
        visits = list(range(FIRST_VISIT, FIRST_VISIT + count))
        with self.butler.registry.transaction():
            for visit in visits:
                sample.insert_visit(self.butler, visit, "HSC-R")
        return visits

    def put(self, *where: Where, name: str = "calexp") -> list[str]:
        """Put datasets in one transaction; return their UUIDs."""
        from lsst.daf.butler import FileDataset

        from mtvd.demo.registry import StandInFormatter

        refs = self._refs(where, name)
        files = [
            FileDataset(str(self.written(*one, name)), ref, formatter=StandInFormatter)
            for one, ref in zip(where, refs, strict=True)
        ]
        self.butler.ingest(*files, transfer="direct")
        return [str(ref.id) for ref in refs]

    def announce(self, where: Where, name: str = "calexp") -> Any:
        """Enter a dataset into the registry that has no file yet; return its reference."""
        (ref,) = self._refs([where], name)
        self.butler.registry._importDatasets([ref])
        return ref

    def written(self, visit: int, detector: int, name: str = "calexp") -> Path:
        """Write a file, and return its path."""
        path = self.path(visit, detector, name)
        if name == "src":
            sample.write_catalog(path)
        else:
            sample.write_exposure(path, visit, detector)
        return path

    def path(self, visit: int, detector: int, name: str = "calexp") -> Path:
        """Return where a file is written."""
        return self._root / self.run / name / f"{name}_{visit}_{detector}.fits"

    def _refs(self, where: Iterable[Where], name: str) -> list[Any]:
        from lsst.daf.butler import DatasetRef

        kind = self.butler.get_dataset_type(name)
        ids = ({"instrument": "HSC", "visit": visit, "detector": detector} for visit, detector in where)
        return [DatasetRef(kind, self.butler.registry.expandDataId(one), run=self.run) for one in ids]


def main(root: str, count: str, pause_secs: str) -> None:
    """Put datasets one by one."""
    with Pipeline(Path(root)) as pipeline:
        for visit in pipeline.visits(int(count)):
            pipeline.put((visit, 41))
            sys.stdout.write(f"{visit}\n")
            sys.stdout.flush()
            time.sleep(float(pause_secs))


if __name__ == "__main__":
    main(*sys.argv[1:])
