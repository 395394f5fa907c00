"""State of a display of `mtv.afw`: its frame, where it draws, and what was asked for before there was an image."""

from __future__ import annotations

from typing import Any

from mtv.afw import backends, callbacks
from mtv.afw.buffering import OpenBuffers
from mtv.afw.canvas import Canvas, SilentCanvas
from mtv.afw.frames import display_name, weak
from mtv.afw.look import MaskLook, Shown, Stretch
from mtv.afw.notes import tell_dropped
from mtv.afw.registry import Registry
from mtv.session.connection import Connection


class DisplayState(Registry):
    """Base of `Display`, whose parameters it has."""

    def __init__(self, frame: Any = None, backend: str | None = None, **kwargs: Any) -> None:
        self._closed = True
        self._backend = backends.check_backend(backend or self._defaultBackend or backends.OURS[0])
        if backend is None:
            self.setDefaultBackend(self._backend)
        self.verbose = bool(kwargs.pop("verbose", False))
        connection, endpoint = kwargs.pop("connection", None), kwargs.pop("endpoint", None)
        self._connection = Connection(endpoint) if endpoint is not None and connection is None else connection
        tell_dropped(f"Display(backend={self._backend!r})", kwargs)
        self.frame = self._defaultFrame if frame is None else frame
        self._canvases: dict[int | str, Canvas] = {}
        self._buffers = OpenBuffers()
        self._shown: dict[int | str, Shown] = {}
        self._xy0: tuple[int, int] | None = None
        self._stretch: Stretch | None = None
        self._colormap: Any = self._defaultImageColormap
        self._pending_zoom: float | None = None
        self._pending_centre: tuple[float, float, bool] | None = None
        self._pending_alignment: tuple[str, bool] | None = None
        self._mask = MaskLook(self._defaultMaskTransparency, self._defaultMaskPlaneColor)
        self._callbacks = callbacks.usual_callbacks()
        self._closed = False
        self._register(self._name, self)  # type: ignore[arg-type]

    @property
    def frame(self) -> Any:
        """Frame as it was given; may be assigned. None for an object that is no more."""
        return self._frame if self._object is None else self._object()

    @frame.setter
    def frame(self, frame: Any) -> None:
        self._name = display_name(frame)
        self._object = None if isinstance(self._name, int) or frame == self._name else weak(frame)
        self._frame = None if self._object is not None else frame

    @property
    def name(self) -> str:
        """Name of the backend that draws: ``ds9``, or ``virtualDevice``."""
        return backends.VIRTUAL if self._backend == backends.VIRTUAL else backends.OURS[0]

    def close(self) -> None:
        """Forget the display in this process. What the window shows stays. Closing twice is no error."""
        self._closed = True
        self._deregister(self)  # type: ignore[arg-type]

    # Inside

    def _canvas(self) -> Canvas:
        if self._closed:
            raise AttributeError(f"{self} is closed")
        if self._name not in self._canvases:
            silent: Any = SilentCanvas(self._name)
            made = silent if self._backend == backends.VIRTUAL else Canvas(self._name, connection=self._connection)
            self._canvases[self._name] = made
        return self._canvases[self._name]
