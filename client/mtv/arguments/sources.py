"""Names of data that the daemon reads, as callers give them: references, handles, paths, dataset types. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mtv.arguments import parts
from mtv.data.datasets import DatasetRef, Handle
from mtv.wire import data
from mtv.wire.errors import bad_value

Target = str | os.PathLike[str] | DatasetRef | Handle
"""Text with a separator in it is a path; any other is a dataset type."""


def source_of(
    target: object, part: parts.Part, named: Callable[[str], data.Dataset], *, narrowed: bool
) -> parts.Source:
    """Return the source that a target stands for.

    Parameters
    ----------
    target : `Target`
        Checked here.
    part : `~mtv.arguments.parts.Part`
        What is wanted of it.
    named : callable
        Returns the dataset that a dataset type stands for.
    narrowed : `bool`
        True where the call gives a data ID or collections, which a reference has itself.

    Returns
    -------
    source : `Dataset`, `File` or `Handle` of `mtv.wire.data`

    Raises
    ------
    RequestError
        ``bad_value`` naming ``target``, ``data_id`` or the word for the part.
    """
    if isinstance(target, Handle):
        return parts.of(data.Handle(handle=target.id), part)
    if isinstance(target, DatasetRef):
        if narrowed:
            raise bad_value("data_id", "a reference has its own data ID and collections")
        return parts.of(target._mtv_source_(), part)
    if isinstance(target, os.PathLike) or (isinstance(target, str) and os.sep in target):
        return parts.of(data.File(path=str(Path(target).expanduser().absolute())), part)
    if not isinstance(target, str) or not target:
        raise bad_value("target", f"{target!r} is no dataset", "a dataset type, a reference, a handle or a path")
    return parts.of(named(target), part)


def readable(source: parts.Source) -> data.Dataset | data.File:
    """Return a source that is still to be read.

    Raises
    ------
    RequestError
        ``bad_value`` for a handle.
    """
    if isinstance(source, data.Handle):
        raise bad_value("target", "a handle is loaded already")
    return source
