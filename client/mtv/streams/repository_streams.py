"""Streams of a repository: movies of what it has, and watches for what comes into it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mtv.arguments import checks, naming, parts, sources
from mtv.arguments.markers import table_columns
from mtv.arguments.naming import Names
from mtv.arguments.transaction import System
from mtv.data.datasets import DatasetRef
from mtv.display import Display
from mtv.registry import Registry
from mtv.session.ticket import OnProgress
from mtv.streams import movie as movies
from mtv.streams.datasets import Datasets
from mtv.streams.movie import Movie
from mtv.streams.watching import EVERY_SECS, OnNote, Watch
from mtv.wire import data
from mtv.wire.errors import bad_value


class RepositoryStreams(Registry):
    """Base of `mtv.Repository`: what it plays and what it watches."""

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
        centre_deg: parts.Centre | None = None,
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
            Shows each in turn, writes them to this file (see `Movie.save`), and ends; without ``start``.
        hdu, component, cube_index, bbox, centre_deg, size_arcsec : optional
            Only a part of each, as in `get`: with ``centre_deg`` the same place of the sky in each.
        timeout_secs : `float`, optional
            For each page of the query; the connection's own where not given.
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
        part = parts.keep_given(
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
            if start:
                raise bad_value("start", "a file has all frames, from the first one on", "leave start out")
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
            [sources.readable(self._source(one, None, part, {})) for one in found],
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
        whole, _, component = dataset_type.partition(".")
        query = self._query(
            what="datasets",
            dataset_type=whole,
            where=where,
            bind=naming.bind_values(bind),
            collections=self._search_in(collections),
            data_id=self._constrain(data_id, where),
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
