"""Displays of the process by their frames, and the settings that new ones begin with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from mtv.afw import backends
from mtv.afw.colours import cycle_colours, table_of_planes
from mtv.afw.frames import display_name

if TYPE_CHECKING:
    from mtv.afw.display import Display


class Registry:
    """Base of `Display`: what all displays of a process share."""

    _displays: ClassVar[dict[int | str, Display]] = {}
    _defaultBackend: ClassVar[str | None] = None
    _defaultFrame: ClassVar[Any] = 0
    _defaultMaskPlaneColor: ClassVar[dict[str, str]] = table_of_planes()
    _defaultMaskTransparency: ClassVar[float | dict[str, float] | None] = None
    _defaultImageColormap: ClassVar[Any] = "gray"
    _newColors: ClassVar[Iterator[str]] = cycle_colours()

    @staticmethod
    def setDefaultBackend(backend: str) -> None:
        """Choose the backend of displays that name none. Nothing is started.

        Parameters
        ----------
        backend : `str`
            ``ds9``, ``mtv``, or ``virtualDevice``, which draws nothing. For ``firefly`` and ``matplotlib`` a note says
            once that everything is drawn in DS9.

        Raises
        ------
        RuntimeError
            For any other.
        """
        Registry._defaultBackend = backends.check_backend(backend)

    @staticmethod
    def getDefaultBackend() -> str | None:
        """Return the backend of displays that name none, as it was set.

        Returns
        -------
        backend : `str` or `None`
            None before the first display where none was set.
        """
        return Registry._defaultBackend

    @staticmethod
    def setDefaultFrame(frame: Any = 0) -> None:
        """Choose the frame of displays that name none.

        Parameters
        ----------
        frame : hashable, optional
        """
        Registry._defaultFrame = frame

    @staticmethod
    def getDefaultFrame() -> Any:
        """Return the frame of displays that name none.

        Returns
        -------
        frame : hashable
        """
        return Registry._defaultFrame

    @staticmethod
    def incrDefaultFrame() -> Any:
        """Go on to the next frame for displays that name none.

        Returns
        -------
        frame : `int`
            The new one.
        """
        Registry._defaultFrame += 1
        return Registry._defaultFrame

    @staticmethod
    def setDefaultMaskTransparency(maskPlaneTransparency: float | Mapping[str, float] = {}) -> None:
        """Choose the transparency of masks of displays that are made from now on.

        Parameters
        ----------
        maskPlaneTransparency : `float` or `dict` [`str`, `float`], optional
            Per cent; or plane to per cent.
        """
        given = maskPlaneTransparency
        Registry._defaultMaskTransparency = dict(given) if isinstance(given, Mapping) else given

    @staticmethod
    def setDefaultMaskPlaneColor(name: str | Mapping[str, str] | None = None, color: str | None = None) -> None:
        """Choose colours of mask planes for displays that are made from now on.

        Parameters
        ----------
        name : `str` or `dict` [`str`, `str`], optional
            Plane; or planes to colours.
        color : `str`, optional
            With one plane.

        Raises
        ------
        AssertionError
            There is a colour besides a `dict`.
        """
        if isinstance(name, Mapping):
            assert color is None, "a colour goes with one plane"
            Registry._defaultMaskPlaneColor.update(name)
        elif name is not None and color is not None:
            Registry._defaultMaskPlaneColor[name] = color

    @staticmethod
    def setDefaultImageColormap(cmap: Any) -> None:
        """Choose the colour map of displays that are made from now on.

        Parameters
        ----------
        cmap : `str` or colour map of matplotlib
            ``gray`` leaves it as the window has it.
        """
        Registry._defaultImageColormap = cmap

    @staticmethod
    def getDisplay(
        frame: Any = None, backend: str | None = None, create: bool = True, verbose: bool = False, **kwargs: Any
    ) -> Display:
        """Return the display of a frame, made where there is none yet.

        Parameters
        ----------
        frame : hashable, optional
            `getDefaultFrame` where not given.
        backend : `str`, optional
            Of a display that is made; ``""`` makes none.
        create : `bool`, optional
            False: make none.
        verbose : `bool`, optional
            Kept as ``display.verbose``.
        **kwargs
            As in `Display`.

        Returns
        -------
        display : `Display`

        Raises
        ------
        RuntimeError
            There is no such display, and none is to be made.
        """
        from mtv.afw.display import Display

        if frame is None:
            frame = Registry._defaultFrame
        found = Registry._displays.get(display_name(frame))
        if found is None or (found.frame is not frame and found.frame != frame):
            if backend == "" or not create:
                raise RuntimeError(f"Frame {frame} does not exist")
            found = Display(frame, backend, verbose=verbose, **kwargs)
        found.verbose = verbose
        return found

    @staticmethod
    def delAllDisplays() -> None:
        """Close all displays of this process. What the window shows stays."""
        for display in list(Registry._displays.values()):
            display.close()
        Registry._displays.clear()

    # Inside

    @staticmethod
    def _register(name: int | str, display: Display) -> None:
        Registry._displays[name] = display

    @staticmethod
    def _deregister(display: Display) -> None:
        for name in [name for name, one in Registry._displays.items() if one is display]:
            del Registry._displays[name]

    @staticmethod
    def _color_planes(planes: tuple[str, ...]) -> None:
        """Give planes that nobody knows colours, in the order of their bits: for all displays, and for good."""
        for plane in planes:
            if plane not in Registry._defaultMaskPlaneColor:
                Registry._defaultMaskPlaneColor[plane] = next(Registry._newColors)
