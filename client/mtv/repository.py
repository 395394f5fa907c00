"""A repository, as the daemon sees it: its registry is asked, its data are brought here or read into the daemon."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from mtv.arguments import checks, naming, parts
from mtv.arguments.naming import Names
from mtv.arguments.transaction import System
from mtv.data.datasets import DatasetRef, Handle
from mtv.display import Display
from mtv.registry import Registry
from mtv.session.connection import Connection
from mtv.session.decisions import Answer
from mtv.session.default import default_connection
from mtv.session.outcomes import in_words_of_the_call
from mtv.session.ticket import OnProgress
from mtv.streams.watching import EVERY_SECS, OnNote, Watch
from mtv.wire import data, steps
from mtv.wire.errors import bad_value
from mtv.wire.messages import Got, Loaded, Outcome
from mtv.wire.reports import RepositoryInfo
from mtv.wire.requests import Get, Release

if TYPE_CHECKING:
    from mtv.streams.movie import Movie

Target = str | os.PathLike[str] | DatasetRef | Handle

_AHEAD: Final = 2
"""How many of a list the daemon is told of before they are asked for."""


class Repository(Registry):
    """A Butler repository that the daemon has open; read-only, as Butler's own is by default.

    Parameters
    ----------
    name : `str` or path, optional
        Alias or directory; the daemon's first repository where not given.
    connection : `Connection`, optional
        The process's own where not given.
    collections : `str` or sequence, optional
        Searched by every call that names none; the repository's default ones where not given.
    **data_id
        ``instrument="HSC"``: part of the data ID of every call that leaves it out, as in Butler itself.

    Raises
    ------
    RequestError
        ``read_only`` where ``writeable`` is asked for.
    """

    _butler: Any = None
    """Butler in this process, once `butler_get` has needed it."""

    # Data

    def dataset(self, dataset_type: str, *, collections: Names = None, **data_id: int | str) -> data.Dataset:
        """Name a dataset without asking for it: `Display.mtv` and `Display.overlay` have the daemon read it.

        ``display.overlay("psf", repository.dataset("src", visit=23718, detector=41, instrument="HSC"), select=...)``
        """
        if os.sep in dataset_type:
            raise bad_value("dataset_type", f"{dataset_type!r} is no dataset type", "a path is shown as it is")
        source = self._source(dataset_type, collections, parts.Part(), data_id)
        assert isinstance(source, data.Dataset)
        return source

    def get(
        self,
        target: Target,
        *,
        collections: Names = None,
        columns: Names = (),
        select: str = "",
        hdu: int | str | None = None,
        component: str = "",
        cube_index: int | Sequence[int] | None = None,
        bbox: parts.Box | None = None,
        centre_deg: tuple[float, float] | None = None,
        size_arcsec: parts.Size | None = None,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
        **data_id: int | str,
    ) -> Any:
        """Bring a dataset to this process.

        Parameters
        ----------
        target : `DatasetRef`, `Handle`, path or `str`
            A reference, a handle, a path (with a separator in it), or a dataset type; ``calexp.mask`` is a part.
        columns : `str` or sequence, optional
            Of a catalog, only these.
        select : `str`, optional
            Of a catalog, only the rows that an expression over its columns, flags and slots chooses:
            ``"calib_psf_used & (slot_Centroid_x > 100)"``.
        hdu : `int` or `str`, optional
            HDU of a file: its number from 0, or its name (``"SCI"``, ``"SCI,2"``).
        component : `str`, optional
            Only a part: ``image``, ``mask``, ``variance``, ``wcs``, ``bbox``, ``xy0``, ``dimensions``, ``metadata``,
            ``unit``, ``filter``, ``photoCalib``; as ``calexp.mask`` in a dataset type.
        cube_index : `int` or sequence, optional
            Slice of a cube: an index from 0 for each axis before ``(y, x)``.
        bbox : `tuple` [`int`, `int`, `int`, `int`], optional
            Cut-out ``(x_min, y_min, width, height)`` in 0-based parent pixels; it must lie within the image.
        centre_deg, size_arcsec : `tuple` [`float`, `float`], optional
            Cut-out around ``(ra, dec)`` (ICRS) of ``(width, height)``, or of one number for both; clipped to the image.
        on_progress : callable, optional
            Called in this thread with each `~mtv.wire.messages.Progress` while a file is fetched from another host.
        **data_id
            ``visit=23718, detector=41, instrument="HSC"``, with a dataset type.

        Returns
        -------
        data : `Exposure`, `Catalog`, or a value
            As the dataset is; arrays are mapped, not copied.
        """
        part = parts.given(
            hdu=hdu,
            component=component,
            cube_index=cube_index,
            bbox=bbox,
            centre_deg=centre_deg,
            size_arcsec=size_arcsec,
        )
        source = self._source(target, collections, part, data_id)
        connection = self.connection
        chosen = checks.expression(select, connection.limits)
        message = Get(target=source, columns=naming.names("columns", columns), select=chosen)
        answer = connection.ask(message, timeout_secs=timeout_secs, on_progress=on_progress)
        return _value(answer, connection)

    @overload
    def load(self, target: Target, **options: Any) -> Handle: ...

    @overload
    def load(self, target: Iterable[DatasetRef | os.PathLike[str]], **options: Any) -> Iterator[Handle]: ...

    def load(
        self,
        target: Target | Iterable[DatasetRef | os.PathLike[str]],
        *,
        collections: Names = None,
        hdu: int | str | None = None,
        component: str = "",
        cube_index: int | Sequence[int] | None = None,
        bbox: parts.Box | None = None,
        centre_deg: tuple[float, float] | None = None,
        size_arcsec: parts.Size | None = None,
        lease_secs: float = 600.0,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
        **data_id: int | str,
    ) -> Handle | Iterator[Handle]:
        """Have the daemon read a dataset or a file, and return a handle on it; its pixels never come here.

        A list (references of a query, paths) gives an iterator of handles: each is loaded when it is asked for, while
        the daemon decodes the next ones already. ``for handle in repository.load(refs):``

        Parameters
        ----------
        lease_secs : `float`, optional
            How long the handle lives after its last use; ``with repo.load(...) as handle:`` gives it back.
        target, collections, hdu, component, cube_index, bbox, centre_deg, size_arcsec, on_progress, **data_id
            As in `get`.
        """
        part = parts.given(
            hdu=hdu,
            component=component,
            cube_index=cube_index,
            bbox=bbox,
            centre_deg=centre_deg,
            size_arcsec=size_arcsec,
        )
        if isinstance(target, str) or not isinstance(target, Iterable):
            found = self._readable(target, collections, part, data_id)
            return self._load(found, (), lease_secs, timeout_secs, on_progress)
        sources = [self._readable(one, collections, part, data_id) for one in target]
        return (
            self._load(source, tuple(sources[number : number + _AHEAD]), lease_secs, timeout_secs, on_progress)
            for number, source in enumerate(sources, 1)
        )

    def _load(
        self,
        source: data.Dataset | data.File,
        ahead: tuple[data.Dataset | data.File, ...],
        lease_secs: float,
        timeout_secs: float | None,
        on_progress: OnProgress | None,
    ) -> Handle:
        step = steps.Load(target=source, lease_secs=lease_secs, ahead=ahead)
        connection = self.connection
        with in_words_of_the_call(lone=True):
            reply = connection.request(step, timeout_secs=timeout_secs, on_progress=on_progress)
        loaded = reply.steps[0].loaded if isinstance(reply, Outcome) else reply
        assert isinstance(loaded, Loaded)
        for note in loaded.notes:
            connection.tell(note)
        return Handle(loaded, lambda handle: connection.request(Release(handle=handle)))

    def movie(
        self,
        target: str | Iterable[DatasetRef | os.PathLike[str]],
        *,
        where: str = "",
        bind: Mapping[str, Any] | None = None,
        collections: Names = None,
        order_by: Names = (),
        limit: int | None = None,
        fps: float = 2.0,
        loop: bool = False,
        every: bool = False,
        display: int | str | Display = 0,
        start: int = 0,
        paused: bool = False,
        save: str | os.PathLike[str] | None = None,
        hdu: int | str | None = None,
        component: str = "",
        cube_index: int | Sequence[int] | None = None,
        bbox: parts.Box | None = None,
        centre_deg: tuple[float, float] | None = None,
        size_arcsec: parts.Size | None = None,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
        **data_id: int | str,
    ) -> Movie:
        """Play what a query finds, in its order, in the daemon, which reads the next ones while it shows one.

        It goes on when this process ends, and ends where something else is shown on its display. Stretch, colours, zoom
        and lasting overlays of the display stay. ``repository.movie("calexp", detector=41, order_by="visit", fps=4)``

        Parameters
        ----------
        target : `str` or list
            A dataset type, or references and paths.
        where, bind, collections, order_by, limit, **data_id
            As in `query`; with a dataset type only.
        fps : `float`, optional
            Frames a second. Those that would be late by more than a period are skipped, and counted.
        loop : `bool`, optional
            True: the first follows the last.
        every : `bool`, optional
            True: none is skipped; it takes longer instead.
        display : `int`, `str` or `Display`, optional
            Where it plays, instead of a movie that plays there.
        start : `int`, optional
            Index of the first one to show.
        paused : `bool`, optional
            True: it stands still on that.
        save : `str` or path, optional
            Shows each in turn, writes them to this file (see `Movie.save`), and ends.
        hdu, component, cube_index, bbox, centre_deg, size_arcsec : optional
            Only a part of each, as in `get`: with ``centre_deg`` the same place of the sky in each.
        on_progress : callable, optional
            Hears of the rows of a long query, and of frames that are saved.

        Returns
        -------
        movie : `Movie`

        Raises
        ------
        RequestError
            As `query` does; ``not_found`` where it finds nothing, ``too_large`` where it finds more than a movie may
            have; ``bad_value`` naming the argument; with ``save`` as `Movie.save` does.
        """
        from mtv.streams import movie as movies

        part = parts.given(
            hdu=hdu,
            component=component,
            cube_index=cube_index,
            bbox=bbox,
            centre_deg=centre_deg,
            size_arcsec=size_arcsec,
        )
        if save is not None:
            from mtv.streams.moviefile import writer_of

            writer_of(save, fps)  # refuses before anything is shown
        if isinstance(target, str):
            most = self.connection.limits.movie_frames + 1  # one more tells that there are too many
            found: Iterable[DatasetRef | os.PathLike[str]] = self.query(
                target,
                where=where,
                bind=bind,
                collections=collections,
                order_by=order_by,
                limit=most if limit is None else min(limit, most),
                timeout_secs=timeout_secs,
                on_progress=on_progress,
                **dict[str, Any](data_id),
            )
        elif where or bind or collections is not None or order_by or data_id:
            raise bad_value("target", "references and paths are no query", "leave where, order_by and the like out")
        else:
            found = itertools.islice(target, limit)
        movie = movies.begin(
            self.connection,
            [self._readable(one, None, part, {}) for one in found],
            display=display if isinstance(display, int | str) else display.frame,
            fps=fps,
            loop=loop,
            every=every,
            start=start,
            paused=paused or save is not None,
        )
        if save is not None:
            with movie:
                movie.save(save, on_progress=on_progress)
        return movie

    def butler_get(
        self,
        target: str | DatasetRef,
        *,
        collections: Names = None,
        parameters: Mapping[str, Any] | None = None,
        **data_id: int | str,
    ) -> Any:
        """Get a dataset in this process with Butler itself, as the Python object that its storage class names.

        For data that the daemon does not read (a PSF, a summary, a configuration), where their type is installed
        here. Opens the repository with ``lsst.daf.butler`` the first time, which takes seconds; its exceptions pass.

        Parameters
        ----------
        target : `DatasetRef` or `str`
            A reference, or a dataset type (with a component where wanted) and a data ID.
        parameters : `dict`, optional
            Butler's own: ``{"bbox": ...}``, ``{"columns": [...]}``.

        Raises
        ------
        RequestError
            ``unsupported`` where a package is missing.
        """
        from mtv.data import own_butler

        if self._butler is None:
            location = own_butler.location_of(self.name, self.connection.repositories())
            self._butler = own_butler.open_butler(location)
        if isinstance(target, str):
            collections, data_id = self._searched(collections), self._constrained(data_id)
        names = naming.names("collections", collections)
        return own_butler.get(self._butler, target, collections=names, parameters=parameters, data_id=data_id)

    # What comes

    def watch(
        self,
        dataset_type: str,
        *,
        where: str = "",
        bind: Mapping[str, Any] | None = None,
        collections: Names = None,
        display: int | str = 0,
        catalog: str = "",
        select: str = "",
        columns: Sequence[str] = (),
        symbol: str = "o",
        size: float | str = 2.0,
        colour: str = "green",
        system: System = "pixel",
        every_secs: float = EVERY_SECS,
        timeout_secs: float | None = None,
        limit: int | None = None,
        on_note: OnNote | None = None,
        **data_id: int | str,
    ) -> Watch[DatasetRef]:
        """Show each new dataset as a pipeline puts it into the repository; of several the newest.

        ``for ref in repository.watch("calexp"): ...`` runs once for each that was shown. The pipeline needs no change
        and never waits: the registry is asked for what is new since the last look, and only while nothing is drawn.

        Parameters
        ----------
        dataset_type : `str`
            Such as ``calexp``; ``calexp.mask`` shows a component.
        where, bind, **data_id
            Which of the new ones, as in `query`.
        collections : `str` or sequence, optional
            Runs, chains of runs, or globs of their names; they may come later. All runs where neither these are given
            nor the repository has default ones.
        display : `int` or `str`, optional
            Display that shows them; its stretch, zoom and pan stay.
        catalog : `str`, optional
            Dataset type of a catalog with the same data ID, drawn as an overlay of that name once it is there, unless
            another dataset is shown by then.
        select, columns, symbol, size, colour, system : optional
            As in `mtv.Display.overlay`, for the catalog.
        every_secs : `float`, optional
            Pause between looks; longer where looking takes more than a tenth of it.
        timeout_secs, limit : optional
            The iteration ends when nothing was shown for so long; when so many were shown.
        on_note : callable, optional
            Called with sentences for people: what is waited for, why something is not shown. They are logged where it
            is not given.

        Returns
        -------
        watch : `~mtv.streams.watching.Watch` [`DatasetRef`]
            An iterator; also a context manager, and ``counts`` tells what was seen, shown, passed over and failed.

        Raises
        ------
        RequestError
            ``bad_value`` naming the argument; `next` also raises what `query` does, except that a repository, a
            dataset type or a collection that is not there is waited for.
        Unavailable
            There is no daemon. One that goes later is waited for.
        """
        from mtv.arguments.markers import table_columns
        from mtv.streams.datasets import Datasets

        whole, _, component = dataset_type.partition(".")
        query = self._query(
            what="datasets",
            dataset_type=whole,
            where=where,
            bind=naming.bound(bind),
            collections=self._searched(collections),
            data_id=self._constrained(data_id, where),
        )
        look = {"select": select, "columns": columns, "symbol": symbol, "size": size, "colour": colour}
        if catalog:
            named = data.Dataset(dataset_type=catalog)
            table_columns(named, None, select, columns, symbol, size, colour, self.connection.limits)
        datasets = Datasets(
            self.connection,
            query,
            Display(display, connection=self.connection),
            component=component,
            catalog=catalog,
            look={**look, "system": checks.system(system)},
        )
        return Watch(
            datasets,
            follows=bool(catalog),
            every_secs=every_secs,
            timeout_secs=timeout_secs,
            limit=limit,
            on_note=on_note,
        )

    # Inside

    def _readable(
        self, target: object, collections: Names, part: parts.Part, data_id: dict[str, int | str]
    ) -> data.Dataset | data.File:
        source = self._source(target, collections, part, data_id)
        if isinstance(source, data.Handle):
            raise bad_value("target", "a handle is loaded already")
        return source

    def _source(
        self, target: object, collections: Names, part: parts.Part, data_id: dict[str, int | str]
    ) -> parts.Source:
        if isinstance(target, Handle):
            return parts.of(data.Handle(handle=target.id), part)
        if isinstance(target, DatasetRef):
            if data_id or collections is not None:
                raise bad_value("data_id", "a reference has its own data ID and collections")
            return parts.of(target._mtv_source_(), part)
        if isinstance(target, os.PathLike) or (isinstance(target, str) and os.sep in target):
            return parts.of(data.File(path=str(Path(target).expanduser().absolute())), part)
        if not isinstance(target, str) or not target:
            raise bad_value("target", f"{target!r} is no dataset", "a dataset type, a reference, a handle or a path")
        named = data.Dataset(
            repo=self.name,
            dataset_type=target,
            data_id=self._constrained(data_id),
            collections=self._searched(collections),
        )
        return parts.of(named, part)


def repositories(connection: Connection | None = None) -> tuple[RepositoryInfo, ...]:
    """Return the repositories that can be named, the default first."""
    return (connection or default_connection()).repositories()


def _value(answer: Answer, connection: Connection) -> Any:
    reply = answer.reply
    assert isinstance(reply, Got)
    for note in reply.notes if reply.data is None else reply.data.notes:
        connection.tell(note)
    if reply.data is not None:
        from mtv.data.exposure import Exposure

        return Exposure.from_wire(reply.data, answer.buffers, connection.pixel_directory)
    if reply.catalog is not None:
        from mtv.data.catalog import Catalog

        return Catalog.from_wire(reply.catalog, answer.buffers, connection.pixel_directory)
    return reply.value
