"""A worker process: answers queries and reads files, one call at a time. Started by `mtvd.repo.workers`.

It alone imports ``lsst``, and only for the first call that needs a repository: plain files are read without.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mtv.shared.tables.positions import Wanted
from mtv.wire.data import Dataset, File
from mtv.wire.errors import Error
from mtv.wire.messages import Rows
from mtv.wire.steps import Query
from mtvd.host.children import HandlerFailure, serve
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.answers import ReadAnswer
from mtvd.repo.butler import errors
from mtvd.repo.butler.butlers import Butlers, KnownNames
from mtvd.repo.files.fetch import Files
from mtvd.repo.files.filecache import FileCache
from mtvd.repo.files.places import FilePlace, key_of, part_of, place_of_dataset, place_of_file
from mtvd.repo.patience import Patience
from mtvd.repo.port import OnProgress
from mtvd.repo.worker_settings import WorkerSettings

if TYPE_CHECKING:
    from mtvd.repo.readers.opening import Schemas
    from mtvd.repo.readers.output import Output

_log = logging.getLogger(__name__)
_CHOOSING = ("columns", "select", "wanted")
"""Options that choose of a table."""
_QUIET = frozenset({"internal", "repository_failed"})


class Worker:
    """Handlers of the calls of `mtvd.repo.pool`.

    Parameters
    ----------
    settings : `WorkerSettings`
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._store = PixelStore(Path(settings.pixel_directory), settings.pixel_bytes)
        silence_secs = settings.peer_silence_secs
        self._butlers = Butlers(
            settings.busy_timeout_secs,
            peer_silence_secs=silence_secs,
            server_silence_secs=settings.server_silence_secs,
        )
        self._fetching = Patience(silence_secs)
        self._files = Files(FileCache(Path(settings.file_cache_directory), settings.file_cache_bytes), self._fetching)

    @property
    def hangs(self) -> bool:
        """True while a call that was given up has not ended."""
        return bool(self._fetching.abandoned or self._butlers.hangs)

    def open(self, location: str) -> bool:
        """Open a repository ahead of its first request, and compile the first query of its kind."""
        with _translate_errors(None, lambda: None):
            self._butlers.clone(location).collections.query("*")
        from mtvd.repo.readers import choose  # noqa: F401 - astropy is what the first read waits for

        return True

    def query(self, location: str, query: dict[str, Any], progress: OnProgress) -> Any:
        """Answer a query with a page."""
        from mtvd.repo.butler.query import run

        asked = msgspec.convert(query, Query)
        butler: list[Any] = []
        with _translate_errors(asked, lambda: KnownNames(butler[0]) if butler else None):
            if asked.since:
                return msgspec.to_builtins(self._arrivals(location, asked, butler))
            butler.append(self._butlers.clone(location))
            rows = run(
                butler[0],
                asked,
                page_rows=self._settings.page_rows,
                sqlite=self._butlers.database(location) is not None,
                report=lambda count: progress(count, 0, "rows"),
            )
            return msgspec.to_builtins(rows)

    def _arrivals(self, location: str, asked: Query, butler: list[Any]) -> Rows:
        from mtvd.repo.butler.arrivals import answer

        def clone() -> Any:
            butler.append(self._butlers.clone(location))
            return butler[0]

        return answer(
            asked,
            database=self._butlers.database(location),
            clone=clone,
            page_rows=self._settings.page_rows,
            busy_timeout_secs=self._settings.busy_timeout_secs,
        )

    def read(
        self,
        location: str,
        target: dict[str, Any],
        known: list[str],
        progress: OnProgress,
        part: Callable[[Any], None],
        *,
        ahead: bool = False,
        image_first: bool = False,
    ) -> Any:
        """Read an image for the stage.

        Parameters
        ----------
        known : `list` [`str`]
            Keys of what the asker has decoded already.
        progress : callable
            Told of a file that is fetched.
        part : callable
            Told of the image, where it is to come first.
        ahead : `bool`
            True: nobody waits for it yet, so only what must be decoded or fetched is read.
        image_first : `bool`
            True: an image is told as soon as it is there, where its mask takes longer.
        """
        from mtvd.repo.readers.choose import read_display

        told = {"on_image": lambda image: part(msgspec.to_builtins(image))} if image_first else {}
        return self._read(location, target, known, progress, read_display, "read", ahead=ahead, **told)

    def get(
        self,
        location: str,
        target: dict[str, Any],
        columns: list[str],
        select: str,
        known: list[str],
        progress: OnProgress,
    ) -> Any:
        """Read everything for a client; parameters as in `read`."""
        from mtvd.repo.readers.choose import read_all

        return self._read(
            location,
            target,
            known,
            progress,
            read_all,
            "get",
            columns=tuple(columns),
            select=select,
            schemas=self._schemas,
            most_chars=self._settings.select_chars,
        )

    def positions(self, location: str, target: dict[str, Any], wanted: dict[str, Any], progress: OnProgress) -> Any:
        """Read the positions of the chosen rows of a table."""
        from mtvd.repo.readers.choose import read_positions

        return self._read(
            location,
            target,
            [],
            progress,
            read_positions,
            "positions",
            wanted=msgspec.convert(wanted, Wanted),
            schemas=self._schemas,
            most_markers=self._settings.markers,
            most_chars=self._settings.select_chars,
        )

    def sky(self, location: str, cards: str, xy0: list[int], x: float, y: float) -> list[float]:  # noqa: ARG002
        """Return right ascension and declination of a pixel of an image that is shown; empty where it has none."""
        from mtvd.repo.readers.sky import place_of

        with _translate_errors(None, lambda: None):
            return place_of(cards, (xy0[0], xy0[1]), x, y)

    def pixel(self, location: str, cards: str, xy0: list[int], ra_deg: float, dec_deg: float) -> list[float]:  # noqa: ARG002
        """Return the pixel of a place on the sky, with fractions; empty where it has none."""
        from mtvd.repo.readers.sky import pixel_of

        with _translate_errors(None, lambda: None):
            return pixel_of(cards, (xy0[0], xy0[1]), ra_deg, dec_deg)

    @functools.cached_property
    def _schemas(self) -> Schemas:
        from mtvd.repo.readers.opening import Schemas

        return Schemas()

    def _read(
        self,
        location: str,
        target: dict[str, Any],
        known: list[str],
        progress: OnProgress,
        reader: Callable[..., Any],
        method: str,
        *,
        ahead: bool = False,
        **options: Any,
    ) -> Any:
        asked = msgspec.convert(target, Dataset | File)
        butler: list[Any] = []
        names = asked if isinstance(asked, Dataset) else None
        with _translate_errors(names, lambda: KnownNames(butler[0]) if butler else None), self._output() as out:
            if isinstance(asked, File):
                place: FilePlace = place_of_file(asked)
            else:
                butler.append(self._butlers.clone(location))
                place = place_of_dataset(butler[0], asked)
            key = key_of(method, place, asked, {name: options.get(name) for name in _CHOOSING})
            if key in known:
                return msgspec.to_builtins(ReadAnswer(key=key))
            with place.local(self._files, progress) as path:
                if ahead and not place.worth_reading_ahead(path):
                    return msgspec.to_builtins(ReadAnswer())
                options |= {**place.options, **part_of(asked), "most": self._settings.image_pixels}
                value = out.hand_over(msgspec.to_builtins(reader(path, out, **options)))
            return msgspec.to_builtins(ReadAnswer(key=key if out.decoded else "", value=value))

    @contextmanager
    def _output(self) -> Iterator[Output]:
        from mtvd.repo.readers.output import Output

        out = Output(self._store, self._settings.header_bytes)
        try:
            yield out
        except BaseException:
            out.discard()
            raise


@contextmanager
def _translate_errors(asked: errors.Asked | None, known: Callable[[], errors.Known | None]) -> Iterator[None]:
    """Turn whatever is raised into a failure that carries an error of the wire."""
    try:
        yield
    except Exception as raised:
        error = _translate(raised, asked, known)
        if error.code in _QUIET:
            _log.exception("a call failed")
        raise HandlerFailure(error.message, error=msgspec.to_builtins(error)) from raised


def _translate(raised: Exception, asked: errors.Asked | None, known: Callable[[], errors.Known | None]) -> Error:
    try:
        return errors.translate(raised, asked, known())
    except Exception:  # noqa: BLE001 - a hint is a courtesy; the error itself still goes out
        _log.exception("no hints for an error")
        return errors.translate(raised)


def main() -> None:
    """Answer calls until standard input ends."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    settings = msgspec.json.decode(sys.argv[1], type=WorkerSettings)
    worker = Worker(settings)
    handlers = (worker.open, worker.query, worker.read, worker.get, worker.positions, worker.sky, worker.pixel)
    serve({handler.__name__: handler for handler in handlers})
    if worker.hangs:
        os._exit(0)  # the interpreter would wait for the threads of a library that waits for its host


if __name__ == "__main__":
    main()
