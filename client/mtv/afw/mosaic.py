"""Mosaics: many small images side by side as one array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from mtv.afw.display import Display, getDisplay
from mtv.arguments.objects import image_of

if TYPE_CHECKING:
    import numpy as np

    Pixels = np.ndarray[Any, Any]

_MODES: Final = ("square", "x", "y")


class Box:
    """Place of an image in a mosaic, its last pixels included.

    Parameters
    ----------
    x_min, y_min, width, height : `int`
        In pixels of the mosaic.
    """

    def __init__(self, x_min: int, y_min: int, width: int, height: int) -> None:
        self._x_min, self._y_min, self._width, self._height = x_min, y_min, width, height

    def __repr__(self) -> str:
        return f"Box(x_min={self._x_min}, y_min={self._y_min}, width={self._width}, height={self._height})"

    def getMinX(self) -> int:
        return self._x_min

    def getMinY(self) -> int:
        return self._y_min

    def getMaxX(self) -> int:
        return self._x_min + self._width - 1

    def getMaxY(self) -> int:
        return self._y_min + self._height - 1

    def getWidth(self) -> int:
        return self._width

    def getHeight(self) -> int:
        return self._height


class Mosaic:
    """Small images put together as one array. Each has a cell as large as the largest of them.

    Parameters
    ----------
    gutter : `int`, optional
        Pixels between cells.
    background : `float`, optional
        Value of pixels that no image has.
    mode : `str` or `int`, optional
        ``square``: about as many columns as rows; ``x``: one row; ``y``: one column; or the number of columns.
    """

    def __init__(self, gutter: int = 3, background: float = 0, mode: str | int = "square") -> None:
        self.gutter, self.background = gutter, background
        self.setMode(mode)
        self.reset()

    @property
    def nImage(self) -> int:
        """Number of images."""
        return len(self.images)

    def reset(self) -> None:
        """Forget all images and labels."""
        self.images: list[Pixels] = []
        self.labels: list[tuple[str, Any] | None] = []
        self._columns, self._cell = 0, (0, 0)

    def append(self, image: Any, label: str | None = None, ctype: Any = None) -> int:
        """Add an image.

        Parameters
        ----------
        image : image
            An array, or whatever `mtv.Display.mtv` shows of this process; of its mask nothing is kept.
        label : `str`, optional
            Text that `drawLabels` writes on it.
        ctype : `str`, optional
            Colour of the label.

        Returns
        -------
        index : `int`
            Its number, from 0.
        """
        self.images.append(_pixels_of(image))
        self.labels.append(None if label is None else (label, ctype))
        return self.nImage - 1

    def makeMosaic(
        self,
        images: Sequence[Any] | None = None,
        display: Any = "deferToFrame",
        mode: str | int | None = None,
        background: float | None = None,
        title: str = "",
    ) -> Pixels:
        """Return the images as one array, and show it.

        Parameters
        ----------
        images : sequence of images, optional
            In place of those that were added.
        display : `Display`, optional
            Where it is shown, with its labels; on the default frame where not given, None: nowhere.
        mode, background : optional
            As in `Mosaic`, for this once.
        title : `str`, optional
            Name that the picture bears.

        Returns
        -------
        mosaic : `numpy.ndarray`
            ``(y, x)``.

        Raises
        ------
        RuntimeError
            There are no images.
        """
        import numpy as np

        if images is not None:
            self.images = [_pixels_of(image) for image in images]
            self.labels = [*self.labels, *[None] * len(self.images)][: len(self.images)]
        if not self.images:
            raise RuntimeError("You must provide at least one image")
        self._cell = max(one.shape[0] for one in self.images), max(one.shape[1] for one in self.images)
        self._columns = self._count_columns(self.mode if mode is None else _checked_mode(mode))
        rows = math.ceil(self.nImage / self._columns)
        height, width = self._cell
        shape = rows * (height + self.gutter) - self.gutter, self._columns * (width + self.gutter) - self.gutter
        value = self.background if background is None else background
        mosaic: Pixels = np.full(shape, value, np.result_type(np.min_scalar_type(value), *self.images))
        for number, image in enumerate(self.images):
            box = self.getBBox(number)
            y, x = box.getMinY(), box.getMinX()
            mosaic[y : y + image.shape[0], x : x + image.shape[1]] = image
        if display is not None:
            target = _display_for(display)
            target.image(mosaic, title=title)
            if any(self.labels):
                self.drawLabels(display=target)
        return mosaic

    def drawLabels(self, labels: Sequence[Any] | None = None, display: Any = "deferToFrame", frame: Any = None) -> None:
        """Write labels on the images of the mosaic that is shown.

        Parameters
        ----------
        labels : sequence, optional
            A text, or a text and its colour, for each image; those that were added with them where not given.
        display : `Display`, optional
            That of ``frame`` where not given; None: nothing is done.
        frame : hashable, optional
            The default frame where not given.

        Raises
        ------
        RuntimeError
            There is no mosaic yet, or there is another number of labels than of images.
        """
        if display is None:
            return
        if labels is not None:
            self.labels = [(one, None) if isinstance(one, str) else one and (one[0], one[1]) for one in labels]
        if not self._columns:
            raise RuntimeError("You must make the mosaic first")
        if len(self.labels) != self.nImage:
            raise RuntimeError(f"You provided {len(self.labels)} labels for {self.nImage} images")
        target = _display_for(display, frame)
        with target.Buffering():
            for number, label in enumerate(self.labels):
                if label is not None:
                    box = self.getBBox(number)
                    middle = (box.getMinX() + box.getMaxX()) / 2
                    target.dot(label[0], middle, box.getMinY(), ctype=label[1])

    def getBBox(self, ix: int, iy: int | None = None) -> Box:
        """Return the place of an image in the mosaic that was made last.

        Parameters
        ----------
        ix : `int`
            Number of the image; with ``iy`` its column.
        iy : `int`, optional
            Its row.

        Returns
        -------
        box : `Box`
        """
        column, row = (ix % max(self._columns, 1), ix // max(self._columns, 1)) if iy is None else (ix, iy)
        height, width = self._cell
        return Box(column * (width + self.gutter), row * (height + self.gutter), width, height)

    def setGutter(self, gutter: int) -> None:
        """Choose the pixels between cells.

        Parameters
        ----------
        gutter : `int`
        """
        self.gutter = gutter

    def setBackground(self, background: float) -> None:
        """Choose the value of pixels that no image has.

        Parameters
        ----------
        background : `float`
        """
        self.background = background

    def setMode(self, mode: str | int) -> None:
        """Choose how many columns there are.

        Parameters
        ----------
        mode : `str` or `int`
            As in `Mosaic`.

        Raises
        ------
        RuntimeError
            For another word.
        """
        self.mode = _checked_mode(mode)

    def _count_columns(self, mode: str | int) -> int:
        if isinstance(mode, int):
            return min(mode, self.nImage)
        if mode == "square":
            height, width = (side + self.gutter for side in self._cell)
            return min(self.nImage, max(1, math.ceil(math.sqrt(self.nImage * height / width) - 1e-9)))
        return self.nImage if mode == "x" else 1


def _checked_mode(mode: Any) -> str | int:
    if mode in _MODES or (isinstance(mode, int) and not isinstance(mode, bool) and mode > 0):
        found: str | int = mode
        return found
    raise RuntimeError(f"Unknown mosaicing mode: {mode}")


def _pixels_of(image: Any) -> Pixels:
    import numpy as np

    pixels: Pixels = np.asarray(image_of(image).pixels)
    return pixels


def _display_for(display: Any, frame: Any = None) -> Display:
    return getDisplay(frame) if isinstance(display, str) else display
