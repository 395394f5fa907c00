"""A display with the calls of ``lsst.afw.display``: a thin layer over `mtv.Display`, which draws."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mtv.afw import backends, callbacks, images
from mtv.afw.buffering import Buffering
from mtv.afw.canvas import Canvas
from mtv.afw.colours import cycle_colours
from mtv.afw.drawing import DrawingVerbs
from mtv.afw.look import Shown
from mtv.afw.registry import Registry
from mtv.afw.settings import SettingVerbs


class Display(DrawingVerbs, SettingVerbs):
    """One frame of the window, with the calls of ``lsst.afw.display.Display``.

    Settings that come before the first image are kept, and sent with it; no connection is made before. What
    `mtv.Display` has besides (``snapshot``, ``overlay``, ``regions``, ``sync`` ..) can be called here too.

    Parameters
    ----------
    frame : hashable, optional
        A number from 0 to 1000, a name, or an object such as a figure, which has a display of its own;
        `getDefaultFrame` where not given. An older display of this process with that frame gives way.
    backend : `str`, optional
        See `setDefaultBackend`; the default where not given, else ``ds9``.
    **kwargs
        ``verbose``, ``endpoint`` (as in `mtv.connect`), ``connection``. Those of other backends do nothing, and a note
        says so once.

    Raises
    ------
    RuntimeError
        There is no such backend.
    """

    def __str__(self) -> str:
        return f"Display[{self.frame}]"

    def __repr__(self) -> str:
        return f"<mtv.afw.{self}>"

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Images

    def image(self, data: Any, title: str = "", wcs: Any = None, metadata: Any = None) -> None:
        """Show an image with its mask and its sky; settings that were made before come with it.

        Parameters
        ----------
        data : image
            Exposure, MaskedImage, Image, DecoratedImage or Mask of ``lsst.afw.image``; any image of ``lsst.images``; an
            array, and whatever else `mtv.Display.mtv` shows, paths and references too.
        title : `str`, optional
            Name that the picture bears; the image's own where empty.
        wcs : SkyWcs, `astropy.wcs.WCS` or FITS header, optional
            Of an image that brings none.
        metadata : optional
            Does nothing here.

        Raises
        ------
        TypeError
            It is nothing that can be shown.
        RuntimeError
            There is a WCS besides that of an exposure.
        MtvError
            As `mtv.Display.mtv`: there is no daemon, for example.
        """
        del metadata
        canvas = self._canvas()
        if images.is_reference(data):
            self._show_reference(canvas, data, title, wcs)
            return
        image = images.read_image(data, title, wcs)
        shown = Shown(images.planes_of(image), images.sample_of(image.pixels))
        self._color_planes(shown.planes)
        self._buffers.prepare(canvas)
        with canvas.buffering():
            canvas.show_image(image)
            self._xy0 = image.xy0
            self._send_look(canvas, shown)
        self._after_image(canvas, shown)

    def mtv(self, data: Any, title: str = "", wcs: Any = None, metadata: Any = None) -> None:
        """Show an image; the older word for `image`.

        Parameters
        ----------
        data, title, wcs, metadata : optional
            As in `image`.

        Raises
        ------
        TypeError, RuntimeError, MtvError
            As `image`.
        """
        self.image(data, title, wcs, metadata)

    def _show_reference(self, canvas: Canvas, data: Any, title: str, wcs: Any) -> None:
        """Show what the daemon reads; its planes are known afterwards, where nobody else's buffer holds it back."""
        if wcs is not None:
            raise RuntimeError("what the daemon reads has a WCS of its own: leave wcs out")
        collecting = self._buffers.prepare(canvas)
        canvas.mtv(data, label=images.one_line(title))
        report = None if collecting or canvas.silent else canvas.report()
        shown = Shown() if report is None else Shown(tuple(report.mask.planes))
        self._xy0 = None if report is None else report.xy0
        self._color_planes(shown.planes)
        with canvas.buffering():
            self._send_look(canvas, shown)
        self._after_image(canvas, shown)

    # Buffers

    def Buffering(self) -> Buffering:
        """Return a context manager: what this thread draws within it goes out together, also after an exception.

        Returns
        -------
        buffer : `~mtv.afw.buffering.Buffering`
        """
        return Buffering(self._buffers)

    def flush(self) -> None:
        """Send what is buffered, and settings that wait for an image."""
        canvas = self._canvas()
        if canvas.frame not in self._shown:
            self._send_settings(canvas)
        self._buffers.send()

    # Keys

    def interact(self) -> None:
        """Wait for keys over this display and call their functions, until one returns True; q, Return and Escape do.

        Other programs, and other threads of this one, draw meanwhile.

        Raises
        ------
        Unavailable
            There is no daemon.
        """
        canvas = self._canvas()
        if canvas.silent:
            return
        self._buffers.send()
        with canvas.events("key") as events:
            callbacks.answer_keys(events, self._callbacks)

    def setCallback(self, k: str, func: callbacks.Callback | None = None, noRaise: bool = False) -> Any:
        """Choose the function that `interact` calls for a key.

        Parameters
        ----------
        k : `str`
            The key.
        func : callable, optional
            Called with key, x and y; True ends `interact`. None: nothing is done.
        noRaise : `bool`, optional
            True: nothing is raised for a key that is taken.

        Returns
        -------
        before : callable or None
            The one before.

        Raises
        ------
        RuntimeError
            For ``f`` and the empty key, which are taken.
        """
        if k in callbacks.RESERVED:
            if noRaise:
                return None
            raise RuntimeError(f"Key {k!r} is already in use by display, so I can't add a callback for it")
        before = self._callbacks.get(k)
        self._callbacks[k] = callbacks.noop_callback if func is None else func
        return before

    def getActiveCallbackKeys(self, onlyActive: bool = True) -> list[str]:
        """Return the keys that have functions.

        Parameters
        ----------
        onlyActive : `bool`, optional
            False: keys whose function does nothing, too.

        Returns
        -------
        keys : `list` [`str`]
            In order.
        """
        return callbacks.active_keys(self._callbacks, only_active=onlyActive)

    @staticmethod
    def maskColorGenerator(omitBW: bool = True) -> Iterator[str]:
        """Return colours for mask planes, for ever, red first.

        Parameters
        ----------
        omitBW : `bool`, optional
            False: white and black come first.

        Returns
        -------
        colors : iterator of `str`
        """
        return cycle_colours(omit_black_and_white=omitBW)

    # Inside

    if not TYPE_CHECKING:  # a type checker is to complain of names that are not there

        def __getattr__(self, name: str) -> object:
            if name.startswith("_"):  # pickle, copy and notebooks look for those, and want a plain no
                raise AttributeError(name)
            if name in backends.WITHOUT_EFFECT:
                return lambda *_args, **_options: backends.do_nothing(name)
            return getattr(self._canvas(), {"savefig": "snapshot"}.get(name, name))


setDefaultBackend = Registry.setDefaultBackend
getDefaultBackend = Registry.getDefaultBackend
setDefaultFrame = Registry.setDefaultFrame
getDefaultFrame = Registry.getDefaultFrame
incrDefaultFrame = Registry.incrDefaultFrame
setDefaultMaskTransparency = Registry.setDefaultMaskTransparency
setDefaultMaskPlaneColor = Registry.setDefaultMaskPlaneColor
getDisplay = Registry.getDisplay
delAllDisplays = Registry.delAllDisplays
