"""Files of pictures: GIF and MP4 through PyAV, or a directory of PNG files. One picture at a time is in memory.

A file has its name only when it is whole: it is written under another one beside it.
"""

from __future__ import annotations

import contextlib
import fractions
import io
import os
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from mtv.arguments import checks
from mtv.wire.errors import DaemonError, Error, RequestError, bad_value

_SLOWEST_FPS, _FASTEST_FPS = 0.01, 240.0
_GIF_FPS: Final = 50.0
"""A GIF counts hundredths of a second, and viewers take one of them for ten."""
_QUALITY: Final[Mapping[str, str]] = {"crf": "16", "preset": "medium"}
"""Quality of x264: thin markers must not drown."""


class PictureFile(ABC):
    """Takes PNG pictures; a context manager that keeps the file only where all went well and there is one in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames = 0
        self._partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self.frames:
                self._finish()
                self._partial.replace(self.path)
        finally:
            self._clean()

    def add(self, picture: bytes) -> None:
        """Take the next picture."""
        self._write(picture)
        self.frames += 1

    @abstractmethod
    def _write(self, picture: bytes) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _clean(self) -> None: ...


def writer_of(path: str | os.PathLike[str], fps: float) -> PictureFile:
    """Return what writes a file of the kind that its name says; nothing is written yet.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``path`` or ``fps``; ``unsupported`` where PyAV is missing.
    """
    file = Path(path).expanduser().absolute()
    suffix = file.suffix.lower()
    rate = checks.finite("fps", fps)
    if not _SLOWEST_FPS <= rate <= _FASTEST_FPS:
        raise bad_value("fps", f"a file has {_SLOWEST_FPS:g} to {_FASTEST_FPS:g} frames a second")
    if not file.parent.is_dir():
        raise bad_value("path", f"there is no directory {file.parent}")
    if not suffix or file.is_dir():
        return PngFiles(file)
    if suffix not in _KINDS:
        raise bad_value("path", f"{suffix} files are not written", f"{', '.join(_KINDS)}, or a directory of PNG files")
    if suffix == ".gif" and rate > _GIF_FPS:
        raise bad_value("fps", f"a GIF has at most {_GIF_FPS:g} frames a second", "save it as .mp4")
    return _KINDS[suffix](file, rate)


class PngFiles(PictureFile):
    """A directory of PNG files."""

    def __init__(self, path: Path) -> None:
        if path.is_dir() and any(path.iterdir()):
            raise bad_value("path", f"{path} is not empty", "name a new directory")
        super().__init__(path)

    def _write(self, picture: bytes) -> None:
        self._partial.mkdir(exist_ok=True)
        (self._partial / f"{self.frames:05d}.png").write_bytes(picture)

    def _finish(self) -> None:
        """Nothing is open."""

    def _clean(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)


class Video(PictureFile):
    """A file that PyAV writes. All pictures have the size of the first; others are scaled to it."""

    container: str
    codec: str
    pixel_format: str
    container_options: Mapping[str, str] = {}
    codec_options: Mapping[str, str] = {}

    def __init__(self, path: Path, fps: float) -> None:
        self._av = _pyav(path.suffix.lower())
        super().__init__(path)
        self._rate = fractions.Fraction(fps).limit_denominator(1000)
        self._output: Any = None

    def _write(self, picture: bytes) -> None:
        frame = self._decode(picture)
        if self._output is None:
            self._begin(frame)
        elif (frame.width, frame.height) != self._size:
            frame = frame.reformat(width=self._size[0], height=self._size[1])
        frame.pts, frame.time_base = self.frames, 1 / self._rate
        self._graph.push(frame)
        self._encode_filtered()

    def _decode(self, picture: bytes) -> Any:
        try:
            with self._av.open(io.BytesIO(picture), format="png_pipe") as opened:
                return next(opened.decode(video=0)).reformat(format="rgb24")
        except (self._av.error.FFmpegError, StopIteration) as error:
            raise DaemonError(
                Error(code="internal", message=f"the daemon's picture cannot be read: {error}")
            ) from error

    def _begin(self, frame: Any) -> None:
        self._size = frame.width, frame.height
        self._graph = self._av.filter.Graph()
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format.name, time_base=1 / self._rate
        )
        self._connect(source, self._graph.add("buffersink"))
        self._graph.configure()
        options = dict(self.container_options)
        self._output = self._av.open(str(self._partial), "w", format=self.container, options=options)
        self._stream = self._output.add_stream(self.codec, rate=self._rate, options=dict(self.codec_options))
        self._stream.pix_fmt = self.pixel_format
        self._sized = False

    def _encode_filtered(self) -> None:
        while True:
            try:
                frame = self._graph.pull()
            except (self._av.error.BlockingIOError, self._av.error.EOFError):
                return
            if not self._sized:
                self._stream.width, self._stream.height = frame.width, frame.height
                self._sized = True
            self._output.mux(self._stream.encode(frame))

    def _finish(self) -> None:
        self._graph.push(None)
        self._encode_filtered()
        self._output.mux(self._stream.encode(None))
        output, self._output = self._output, None
        output.close()

    def _clean(self) -> None:
        output, self._output = self._output, None
        if output is not None:
            with contextlib.suppress(OSError):  # a full disk: the reason why it is not finished is on its way
                output.close()
        self._partial.unlink(missing_ok=True)

    def _connect(self, source: Any, sink: Any) -> None:
        raise NotImplementedError


class Mp4(Video):
    """H.264, which everything plays; its pictures have even sides, so that odd ones get a black line."""

    container = "mp4"
    codec = "libx264"
    pixel_format = "yuv420p"
    container_options: Mapping[str, str] = {"movflags": "faststart"}
    codec_options = _QUALITY

    def _connect(self, source: Any, sink: Any) -> None:
        pad = self._graph.add("pad", "ceil(iw/2)*2:ceil(ih/2)*2")
        planes = self._graph.add("format", self.pixel_format)
        source.link_to(pad)
        pad.link_to(planes)
        planes.link_to(sink)


class Gif(Video):
    """Each picture has the 256 colours that suit it best, undithered: those of masks and markers stay as they are."""

    container = "gif"
    codec = "gif"
    pixel_format = "pal8"

    def _connect(self, source: Any, sink: Any) -> None:
        split = self._graph.add("split")
        palette = self._graph.add("palettegen", "stats_mode=single")
        use = self._graph.add("paletteuse", "new=1:dither=none")
        source.link_to(split)
        split.link_to(palette, 0, 0)
        split.link_to(use, 1, 0)
        palette.link_to(use, 0, 1)
        use.link_to(sink)


_KINDS: Final[dict[str, type[Video]]] = {".gif": Gif, ".mp4": Mp4}


def _pyav(suffix: str) -> Any:
    try:
        import av
        import av.filter
    except ImportError:
        message = f"{suffix} files are written with PyAV, which is not installed here"
        hint = "pip install 'mtv[movie]', or save PNG files into a directory"
        raise RequestError(Error(code="unsupported", message=message, where="path", hint=hint)) from None
    return av
