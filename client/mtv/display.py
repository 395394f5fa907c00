"""A display: one frame of the window, by number or by name. Every call is checked here before it goes anywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Unpack

from mtv.arguments import checks, parts, targets
from mtv.arguments.objects import Image
from mtv.data import picture as pictures
from mtv.session.batch import Batch
from mtv.session.connection import Connection
from mtv.session.default import default_connection
from mtv.session.events import Events
from mtv.session.ticket import OnProgress
from mtv.verbs.annotate import AnnotationVerbs
from mtv.verbs.regions import RegionVerbs
from mtv.verbs.view import ViewVerbs
from mtv.wire import data, steps
from mtv.wire.messages import Event, Picture
from mtv.wire.pictures import checked_size
from mtv.wire.requests import Snapshot


class Display(RegionVerbs, ViewVerbs, AnnotationVerbs):
    """One frame of the window; made when something is first shown in it.

    Calls wait until the window has what they drew (``wait=True``), or only until the daemon has the request
    (``wait=False``; dots do not wait even for that, see `mtv.session.gathering`); a published request that fails later
    is logged and raised by `sync`. Coordinates are 0-based parent pixels ``(x, y)``.

    Parameters
    ----------
    frame : `int` or `str`, optional
        Number from 0 to 1000, the same as DS9's, or a name.
    backend : `str`, optional
        Only ``ds9``.
    connection : `Connection`, optional
        The process's own where not given, made when it is first needed.

    Raises
    ------
    RequestError
        ``unsupported`` for another backend, ``bad_value`` for an impossible frame.
    """

    def __repr__(self) -> str:
        return f"<mtv.Display {self.frame!r}>"

    # Images

    def mtv(
        self,
        target: object,
        *,
        mask: Any = None,
        planes: Mapping[str, int] | None = None,
        xy0: tuple[int, int] | None = None,
        wcs: Any = None,
        label: str = "",
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        wait: bool = True,
        supersede: bool = False,
        on_progress: OnProgress | None = None,
        **part: Unpack[parts.Part],
    ) -> None:
        """Show an image. Replaces image, mask and WCS, and removes overlays except lasting ones.

        Of a large compressed dataset or file the image is on the screen before its mask has been read; the call returns
        when both are. Where the mask cannot be read, the display is put back to what it showed.

        Parameters
        ----------
        target : array, `Exposure`, NDData, Cutout2D, HDU, HDUList, path, `Handle` or `DatasetRef`
            A 2-D array ``(y, x)`` of booleans, integers or floats, and whatever holds one; axes of length one in front
            do not count. The daemon itself reads paths, handles and references, and their pixels never come here. Its
            own mask is shown as one plane ``MASK``, where its bits have no names; one that does not fit is left out.
        mask : array or `bool`, optional
            Booleans or integers of the image's shape ``(y, x)``, or that numpy can broadcast to it: ``True`` masks all.
        planes : `dict` [`str`, `int`], optional
            Mask plane name to bit number; a boolean mask is one plane named ``MASK``.
        xy0 : `tuple` [`int`, `int`], optional
            0-based parent pixel ``(x, y)`` of the first pixel; the target's own, else ``(0, 0)``.
        wcs : `astropy.wcs.WCS`, FITS header or `str`, optional
            The target's own where not given; a `str` holds cards of 80 characters, or one a line. Of a WCS that FITS
            cannot express the image is shown without its sky, and a note says so.
        label, title : `str`, optional
            Name that is shown, one line; the target's own where not given. ``title`` is the same by the name it has in
            ``lsst.afw.display``.
        metadata : mapping or FITS header, optional
            Keywords of the header that DS9 shows, where FITS can hold them; the target's own where not given. What says
            how a file is built, or where its pixels lie, is left out.
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.
        supersede : `bool`, optional
            True, with ``wait=False``: a newer image for this display may take the place of this one while it waits.
        on_progress : callable, optional
            Called in this thread with each `~mtv.wire.messages.Progress` while a file is fetched from another host;
            only where the call waits. Of what is buffered `buffering` is told.
        hdu, component, cube_index, bbox, centre_deg, size_arcsec : optional
            Which part of a path or reference is shown; as in `mtv.Repository.get`.

        Raises
        ------
        RequestError
            For a target that is no image, a ``mask`` of another shape, a type of pixel that cannot be shown, a
            ``title`` of more than a line.

        Notes
        -----
        A part of the target that is left out, such as a mask of its own that has another shape, is logged as a warning
        of the logger ``mtv``, and told by the ``notes`` of `describe`.
        """
        checks.supersede(supersede, wait=wait, buffered=self.connection.open_batch(self.frame) is not None)
        if title is not None or label:
            label = checks.title(label, title, self.connection.limits.text_chars)
        source = targets.reference(target)
        if source is not None:
            checks.only_with_pixels(mask=mask, planes=planes, xy0=xy0, wcs=wcs, metadata=metadata)
            source = parts.of(source, part)
            step = steps.Mtv(display=self.frame, target=source, label=label)
            self.connection.draw(step, wait=wait, supersede=supersede, on_progress=on_progress)
            return
        parts.none_of_pixels(part)
        image = targets.image_with(target, mask=mask, planes=planes, xy0=xy0, wcs=wcs, label=label, metadata=metadata)
        self._mtv(image, wait=wait, supersede=supersede)

    def _mtv(self, image: Image, *, wait: bool, supersede: bool) -> None:
        connection = self.connection
        sink = connection.sink()
        try:
            source: data.Exposure = targets.source_of(image, sink, connection.limits)
        except BaseException:
            sink.remove()
            raise
        step = steps.Mtv(display=self.frame, target=source)
        connection.draw(step, buffers=sink.buffers, prepared=sink, wait=wait, supersede=supersede)

    # Together, and afterwards

    def buffering(self, *, wait: bool = True, on_progress: OnProgress | None = None) -> Batch:
        """Return a context manager: all that this thread draws on this display within it is one transaction.

        It takes effect as a whole or not at all. After an exception inside nothing is sent. A buffer inside another
        joins it.

        Parameters
        ----------
        wait : `bool`, optional
            False: return once the daemon has the request, not once the window has it.
        on_progress : callable, optional
            As in `mtv`.

        Returns
        -------
        batch : `~mtv.session.batch.Batch`
            Its ``outcome`` tells what became of it.
        """
        return self.connection.buffering(wait=wait, display=self.frame, on_progress=on_progress)

    def sync(self) -> None:
        """Wait until all that was drawn so far is on the screen; raise the first failure of what was published.

        Raises
        ------
        MtvError
            The first failure of what was published; `DeadlineExceeded` where it takes too long.
        """
        self.connection.sync()

    def snapshot(
        self,
        path: str | os.PathLike[str] | None = None,
        format: Literal["png", "jpeg"] | None = None,  # noqa: A002 - the word that everybody uses
        *,
        size: tuple[int, int] | None = None,
    ) -> pictures.Picture:
        """Return a picture of the display, which comes to the front for it; also write it to a file where asked to.

        The format is that of the path's ending where none is given, and PNG without a path.

        Parameters
        ----------
        path : `str` or path, optional
            File to write it to.
        format : `str`, optional
            ``png`` or ``jpeg``.
        size : `tuple` [`int`, `int`], optional
            Width and height in pixels, larger than the window too: what the display shows, without colour bar,
            crosshair and other displays, drawn at that size. The image area as it is where not given.

        Returns
        -------
        picture : `~mtv.data.picture.Picture`
            The file's content, as `bytes`; it shows itself in a notebook, and ``save`` writes it.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``path``, ``format`` or ``size``.
        DaemonError
            ``busy``: the display changes all the time, faster than a picture of that size can be taken.
        OSError
            The file cannot be written.
        """
        format = format or checks.format_of(path)  # noqa: A001
        checks.image_format(format)
        checks.image_path(path, format)
        answer = self.connection.ask(
            Snapshot(display=self.frame, format=format, size=None if size is None else checked_size(size))
        )
        assert isinstance(answer.reply, Picture)
        picture = pictures.Picture(answer.buffers[0])
        if path is not None:
            Path(path).write_bytes(picture)
        return picture

    def events(self, kinds: Sequence[str] | str = (), *, timeout_secs: float | None = None) -> Events:
        """Return an iterator over what the user does in this display from now on; see `mtv.events`.

        Parameters
        ----------
        kinds : `str` or sequence of `str`, optional
            ``key``, ``frame``, ``region``, ``window``; all where empty. A ``gap`` is always told.
        timeout_secs : `float`, optional
            The iteration ends when nothing has come for so long; it waits for ever where not given.

        Returns
        -------
        events : `~mtv.session.events.Events`
            An iterator and a context manager; closing it ends the subscription.

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        return self.connection.events(kinds, display=self.frame, timeout_secs=timeout_secs)

    def on_event(self, call: Callable[[Event], object], kinds: Sequence[str] | str = ()) -> Events:
        """Have a function called with each event of this display, in a thread of its own; see `mtv.on_event`.

        Parameters
        ----------
        call : callable
            Called with each `~mtv.wire.messages.Event`, in a thread of its own; what it raises is logged.
        kinds : `str` or sequence of `str`, optional
            ``key``, ``frame``, ``region``, ``window``; all where empty. A ``gap`` is always told.

        Returns
        -------
        events : `~mtv.session.events.Events`
            An iterator and a context manager; closing it ends the subscription.

        Raises
        ------
        Unavailable
            There is no daemon, or no thread can be started.
        """
        return self.connection.on_event(call, kinds, display=self.frame)

    def _repr_png_(self) -> bytes | None:
        return self.snapshot() if self._describe().exists else None


def get_display(frame: int | str = 0, backend: str = "ds9", *, connection: Connection | None = None) -> Display:
    """Return a display; see `Display`.

    Parameters
    ----------
    frame, backend : optional
        As in `Display`.
    connection : `Connection`, optional
        The process's own where not given.

    Returns
    -------
    display : `Display`

    Raises
    ------
    RequestError
        As in `Display`.
    """
    return Display(frame, backend=backend, connection=connection)


def arrange(
    *,
    tile: bool | None = None,
    lock_frame: steps.LockedFrames | None = None,
    lock_scale: bool | None = None,
    lock_colormap: bool | None = None,
    size: tuple[int, int] | None = None,
    columns: int | None = None,
    displays: Iterable[int | str | Display] | None = None,
    blink_secs: float | None = None,
    lock_crosshair: steps.LockedFrames | None = None,
    connection: Connection | None = None,
    wait: bool = True,
) -> None:
    """Arrange the displays of the window, and lock what they share; what is not given stays.

    Parameters
    ----------
    tile : `bool`, optional
        True: side by side; False: one at a time, of all.
    lock_frame : `str`, optional
        ``none``, or the coordinates by which zoom, pan and rotation of all displays are aligned: ``image``,
        ``physical`` (parent pixels) or ``wcs``.
    lock_scale, lock_colormap : `bool`, optional
        True: stretch and limits, or the colour map, are the same in all displays.
    size : `tuple` [`int`, `int`], optional
        Width and height of the image area in pixels of the screen, at least 100. DS9 redraws a quarter of the area in
        about half the time: what a feed gains by a small window.
    columns : `int`, optional
        Columns of tiles, at most as many as there are tiles; 0 leaves them to DS9.
    displays : iterable of `int`, `str` or `Display`, optional
        These alone are side by side, or blink, in this order; the others stay behind them, and may be drawn in. One
        that is brought to the front joins them. None of them: all displays again.
    blink_secs : `float`, optional
        One display after the other, each for so many seconds, 0.1 to 3600; 0 ends it, and so does ``tile``.
    lock_crosshair : `str`, optional
        Coordinates, as those of ``lock_frame``, by which a crosshair that is set in one display is at the same place of
        all; ``none`` for no crosshair.
    connection : `Connection`, optional
        The process's own where not given.
    wait : `bool`, optional
        False: return once the daemon has the request, not once the window has it.

    Raises
    ------
    RequestError
        ``bad_value`` naming the field; `DaemonError` where the screen has no space for the size.
    """
    step = checks.arrangement(
        tile, lock_frame, lock_scale, lock_colormap, size, columns, displays, blink_secs, lock_crosshair
    )
    (connection or default_connection()).draw(step, wait=wait)
