"""A repository, as the daemon sees it: its registry is asked, its data are brought here or read into the daemon."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, overload

from mtv.arguments import checks, naming, parts, sources
from mtv.arguments.naming import Names
from mtv.arguments.sources import Target
from mtv.data.datasets import DatasetRef, Handle
from mtv.data.own_butler import OwnButler
from mtv.session.connection import Connection
from mtv.session.decisions import Answer
from mtv.session.default import default_connection
from mtv.session.outcomes import in_words_of_the_call
from mtv.session.ticket import OnProgress
from mtv.streams.repository_streams import RepositoryStreams
from mtv.wire import data, steps
from mtv.wire.errors import bad_value
from mtv.wire.messages import Got, Loaded, Outcome
from mtv.wire.reports import RepositoryInfo
from mtv.wire.requests import Get, Release

_AHEAD: Final = 2
"""How many of a list the daemon is told of before they are asked for."""


class Repository(RepositoryStreams):
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
    writeable : `bool`, optional
        Only False is possible here; the word is Butler's.

    Raises
    ------
    RequestError
        ``read_only`` where ``writeable`` is asked for.
    """

    _own_butler: OwnButler | None = None
    """Butler in this process, once `butler_get` has needed it."""

    # Data

    def dataset(self, dataset_type: str, *, collections: Names = None, **data_id: int | str) -> data.Dataset:
        """Name a dataset without asking for it: `Display.mtv` and `Display.overlay` have the daemon read it.

        ``display.overlay("psf", repository.dataset("src", visit=23718, detector=41, instrument="HSC"), select=...)``

        Parameters
        ----------
        dataset_type : `str`
            With a component where only that is meant.
        collections : `str` or sequence, optional
            The repository's default ones where not given.
        **data_id
            ``visit=23718, detector=41, instrument="HSC"``.

        Returns
        -------
        dataset : `~mtv.wire.data.Dataset`

        Raises
        ------
        RequestError
            ``bad_value`` for a path, or a value that is no part of a data ID.
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
        centre_deg: parts.Centre | None = None,
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
        collections : `str` or sequence, optional
            Searched for a dataset type; the repository's default ones where not given.
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
            Cut-out around ``(ra, dec)`` (ICRS), or a `SkyCoord`, of ``(width, height)``, or of one number for both;
            units count. It is clipped to the image.
        timeout_secs : `float`, optional
            The connection's own where not given.
        on_progress : callable, optional
            Called in this thread with each `~mtv.wire.messages.Progress` while a file is fetched from another host.
        **data_id
            ``visit=23718, detector=41, instrument="HSC"``, with a dataset type.

        Returns
        -------
        data : `Exposure`, `Catalog`, or a value
            As the dataset is; arrays are mapped, not copied.

        Raises
        ------
        RequestError
            ``bad_value`` naming the argument; ``not_found``; ``unsupported`` for data that the daemon does not read.
        """
        part = parts.keep_given(
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
        centre_deg: parts.Centre | None = None,
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
        target, collections, hdu, component, cube_index, bbox, centre_deg, size_arcsec, on_progress, **data_id
            As in `get`.
        lease_secs : `float`, optional
            How long the handle lives after its last use; ``with repo.load(...) as handle:`` gives it back.
        timeout_secs : `float`, optional
            For each; the connection's own where not given.

        Returns
        -------
        handle : `Handle`, or iterator of `Handle`
            An iterator of a list.

        Raises
        ------
        RequestError
            As in `get`.
        """
        part = parts.keep_given(
            hdu=hdu,
            component=component,
            cube_index=cube_index,
            bbox=bbox,
            centre_deg=centre_deg,
            size_arcsec=size_arcsec,
        )
        if isinstance(target, str) or not isinstance(target, Iterable):
            source = sources.readable(self._source(target, collections, part, data_id))
            return self._load(source, (), lease_secs, timeout_secs, on_progress)
        found = [sources.readable(self._source(one, collections, part, data_id)) for one in target]
        return (
            self._load(one, tuple(found[number : number + _AHEAD]), lease_secs, timeout_secs, on_progress)
            for number, one in enumerate(found, 1)
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
        collections : `str` or sequence, optional
            Searched for a dataset type; the repository's default ones where not given.
        parameters : `dict`, optional
            Butler's own: ``{"bbox": ...}``, ``{"columns": [...]}``.
        **data_id
            With a dataset type.

        Returns
        -------
        found : `object`
            As the storage class names its type.

        Raises
        ------
        RequestError
            ``unsupported`` where a package is missing.
        """
        if self._own_butler is None:
            self._own_butler = OwnButler(self.name)
        if isinstance(target, str):
            collections, data_id = self._search_in(collections), self._constrain(data_id)
        return self._own_butler.get(
            target,
            known=self.connection.repositories,
            collections=naming.names("collections", collections),
            parameters=parameters,
            data_id=data_id,
        )


def repositories(connection: Connection | None = None) -> tuple[RepositoryInfo, ...]:
    """Return the repositories that can be named, the default first.

    Parameters
    ----------
    connection : `Connection`, optional
        The process's own where not given.

    Returns
    -------
    repositories : `tuple` [`~mtv.wire.reports.RepositoryInfo`, ...]

    Raises
    ------
    Unavailable
        There is no daemon.
    """
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
