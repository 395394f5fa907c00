"""Backend for ``lsst.afw.display`` itself, where the stack is: ``afwDisplay.setDefaultBackend("mtv")``.

``lsst.afw.display`` imports the module ``mtv`` and takes its ``DisplayImpl``; nothing of the stack is imported here.
Its calls have other arguments than its base class says: these are the ones that it is called with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtv.afw.callbacks import Event, event_of
from mtv.afw.display import Display

_EVENT_SECS = 10.0
"""How long a key is waited for at a time, so that the caller may be interrupted."""


class _Core(Display):
    """A display that no registry of ours knows."""

    @staticmethod
    def _register(name: int | str, display: Display) -> None:
        pass

    def buffer(self, *, on: bool) -> None:
        if on:
            self._buffers.begin()
        else:
            self._buffers.end()

    def send(self) -> None:
        self._buffers.send()

    def color(self, planes: dict[str, Any]) -> None:
        self._mask.colours.update({plane: colour for plane, colour in planes.items() if colour is not None})

    def choose_colormap(self, cmap: Any) -> None:
        """Choose a colour map, unless it is the one that there is: every display begins by choosing gray."""
        if cmap != self._colormap:
            self.setImageColormap(cmap)


class _MaskedImage:
    """An image and its mask as one target."""

    def __init__(self, image: Any, mask: Any) -> None:
        self.image, self.mask, self.variance = image, mask, None

    def getXY0(self) -> Any:
        """Return the mask's: of a mask by itself the caller makes an image that has lost it."""
        return self.mask.getXY0()

    def getBBox(self) -> Any:
        return self.image.getBBox()


class DisplayImpl:
    """Backend of ``lsst.afw.display`` that draws by mtvd. No connection is made before there is an image.

    Parameters
    ----------
    display : `lsst.afw.display.Display`
        Its ``frame`` is read at each call.
    verbose : `bool`, optional
        Kept.
    **kwargs
        ``endpoint`` and ``connection`` as in `mtv.afw.Display`; others do nothing, and a note says so once.

    Raises
    ------
    RequestError
        ``bad_value`` for a frame that is no display.
    """

    def __init__(self, display: Any, verbose: bool = False, **kwargs: Any) -> None:
        self.display, self.verbose = display, verbose
        self._core = _Core(display.frame, "mtv", **kwargs)
        self._events: Any = None

    def _current(self) -> _Core:
        if self._core.frame != self.display.frame:
            self._core.frame = self.display.frame
        return self._core

    def _origin(self) -> tuple[float, float]:
        """Return the pixel that the caller has subtracted from positions."""
        xy0 = getattr(self.display, "_xy0", None)
        return (0.0, 0.0) if xy0 is None else (float(xy0[0]), float(xy0[1]))

    # Images

    def _mtv(self, image: Any, mask: Any = None, wcs: Any = None, title: str = "", metadata: Any = None) -> None:
        core = self._current()
        if mask is None:
            core.image(image, title or "", wcs, metadata)
            return
        core.color({plane: self.display.getMaskPlaneColor(plane) for plane in mask.getMaskPlaneDict()})
        core.image(_MaskedImage(image, mask), title or "", wcs, metadata)

    # Markers

    def _buffer(self, enable: bool = True) -> None:
        self._current().buffer(on=enable)

    def _flush(self) -> None:
        self._current().send()

    def _dot(self, symb: Any, c: float, r: float, size: float = 2, ctype: Any = None, **kwargs: Any) -> None:
        x0, y0 = self._origin()
        self._current().dot(symb, c + x0, r + y0, size, ctype, **kwargs)

    def _drawLines(self, points: Any, ctype: Any = None) -> None:
        x0, y0 = self._origin()
        self._current().line([(point[0] + x0, point[1] + y0) for point in points], ctype=ctype)

    def _erase(self) -> None:
        self._current().erase()

    # Settings

    def _scale(
        self,
        algorithm: str | None,
        min: Any,  # noqa: A002
        max: Any = None,  # noqa: A002
        unit: str | None = None,
        *_others: Any,
        **kwargs: Any,
    ) -> None:
        self._current().scale(algorithm, min, max, unit, **kwargs)

    def _zoom(self, zoomfac: float) -> None:
        self._current().zoom(zoomfac)

    def _pan(self, colc: float, rowc: float) -> None:
        x0, y0 = self._origin()
        self._current().pan(colc + x0, rowc + y0)

    def _show(self) -> None:
        self._current().show()

    def _setMaskTransparency(self, transparency: Any, maskplane: str | None = None) -> None:
        self._current().setMaskTransparency(transparency, maskplane)

    def _getMaskTransparency(self, name: str | None = None) -> float | None:
        return self._current().getMaskTransparency(name)

    def _setImageColormap(self, cmap: Any) -> None:
        self._current().choose_colormap(cmap)

    def _alignImages(self, match_type: str = "", lock_match: bool = True) -> None:
        self._current().alignImages(match_type, lock_match)

    # Keys

    def _setCallback(self, *_words: Any) -> None:
        """Do nothing: the caller keeps the functions."""

    def _getEvent(self, timeout: float = _EVENT_SECS) -> Event | None:
        if self._events is None or self._events.closed:
            self._events = self._current().events("key")  # type: ignore[attr-defined]
        told = self._events.get(timeout)
        return event_of(told) if told is not None and told.kind == "key" else None

    # The end

    def _close(self) -> None:
        """Forget; what the window shows stays, and nothing is sent."""
        self._core.close()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            if name.startswith("_") or name == "display":
                raise AttributeError(name)
            return getattr(self._current(), name)
