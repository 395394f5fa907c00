"""The journal: what was about to be drawn, and what was. It makes every transaction take effect exactly once.

``intent`` is appended before a batch is drawn, ``commit`` after it, each in one write. A new daemon reads the last
checkpoint, folds the commits after it into the scene, and learns of the one batch that may have been cut short. The
death of a process loses nothing that was written; power loss is out of scope, so nothing is synced to disk.

A record that was damaged on the disk is told in the log, and what comes after it is used as far as it is certain; see
`mtvd.drawing.recovery` and `mtvd.drawing.framing`. The damaged file is kept beside the new one.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from mtvd.drawing import framing
from mtvd.drawing.records import AnyRecord, Checkpoint, Commit, Edits, GaveWay, Intent, PutBack
from mtvd.drawing.recovery import Hole, Recovered, fold

_LOG = logging.getLogger(__name__)
_BACKLOG: Final = 1 << 12
"""Nothing is drawn before it is written, so that it holds little but answers to requests that gave way."""
CHECKPOINT_BYTES: Final = 8 << 20
"""A journal of this size, and twice its last checkpoint, is written anew."""
_DECODER: Final = msgspec.msgpack.Decoder(AnyRecord)
_ENCODER: Final = msgspec.msgpack.Encoder()


class JournalError(Exception):
    """The journal can neither be read nor set aside; the message says why and what would help."""


class Journal:
    """An append-only file. One daemon at a time has it; the lock of its directory sees to that."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._size = 0
        self._checkpoint_size = 0
        self._file = b""
        self._index = 0
        self._owed: Checkpoint | None = None
        self._backlog: deque[AnyRecord] = deque(maxlen=_BACKLOG)
        """Records of what has happened that could not be written."""

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return self._size

    @property
    def overgrown(self) -> bool:
        """True when a checkpoint is due."""
        return self._size > max(CHECKPOINT_BYTES, 2 * self._checkpoint_size)

    @property
    def damaged_path(self) -> Path:
        """Where a file is kept that could not be read in whole; the next one takes its place."""
        return self._path.with_suffix(".damaged")

    def recover(self) -> Recovered:
        """Read what there is; previews are taken back. The caller writes a checkpoint before anything else.

        Raises
        ------
        JournalError
            It can neither be read nor set aside.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return Recovered()
        except OSError as error:
            return self._unreadable(error.strerror or str(error), error.errno)
        reading = framing.read(data)
        if reading.version not in {1, framing.VERSION}:
            what = f"it is of another release (format {reading.version})" if reading.version else "it is no journal"
            return self._unreadable(what)
        if not any(isinstance(body, bytes) for body in reading.bodies):
            return self._unreadable("no record of it is whole")
        recovered = fold([_decode(body) for body in reading.bodies])
        if recovered.damage:
            self._keep_damaged(recovered.damage)
        return recovered

    def _unreadable(self, why: str, code: int | None = None) -> Recovered:
        """Set a file aside of which nothing can be used; never begin anew in silence."""
        if code in {errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
            raise JournalError(f"the journal {self._path} cannot be read now: {why}")
        try:
            self._path.replace(self.damaged_path)
        except OSError as error:
            raise JournalError(
                f"the journal {self._path} cannot be read ({why}) nor set aside ({error.strerror}): move it away"
            ) from None
        _LOG.error(
            "the journal cannot be read: %s; it is kept as %s, and displays begin empty: clients must draw again",
            why,
            self.damaged_path,
        )
        return Recovered(damage=why)

    def _keep_damaged(self, damage: str) -> None:
        try:
            self.damaged_path.unlink(missing_ok=True)
            os.link(self._path, self.damaged_path)  # the checkpoint takes the place of the name alone
            kept = f"the damaged file is kept as {self.damaged_path}"
        except OSError as error:
            kept = f"the damaged file could not be kept ({error.strerror})"
        _LOG.error("the journal is damaged: %s; %s", damage, kept)

    def intent(self, intent: Intent) -> None:
        """Append, before the batch is drawn. Raises `OSError` where there is no space: nothing may be drawn then."""
        self._append(intent)

    def commit(self, commit: Commit) -> None:
        """Append, before any outcome is sent; where it raises `OSError`, it is appended before anything else is."""
        self._append_at_last(commit)

    def edits(self, edits: Edits) -> None:
        """Append what the user has changed; the batch that found it is settled before. Raises as `commit`."""
        self._append_at_last(edits)

    def put_back(self, record: PutBack) -> None:
        """Append, after the display was drawn and before pixels are removed; raises as `commit`."""
        self._append_at_last(record)

    def gave_way(self, record: GaveWay) -> None:
        """Append, before the pixels are removed; raises as `commit`."""
        self._append_at_last(record)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace the file by a new one; the old one stays until the new one is whole.

        The first one of a run is owed where it cannot be written: then every record tries it again, and fails where it
        fails, so that nothing is drawn that the journal would not know of. A daemon that cannot write begins all the
        same; otherwise a full disk would end it at each start.

        Raises
        ------
        OSError
            It cannot be written, and there is a file to go on with.
        """
        try:
            self._begin(checkpoint)
        except OSError as error:
            if self._descriptor >= 0:
                raise
            _LOG.error("the journal cannot be written, so that nothing can be drawn: %s", error)
            self._owed = checkpoint
        else:
            self._backlog.clear()

    def _begin(self, checkpoint: Checkpoint) -> None:
        new = self._path.with_suffix(".new")
        body, file = _ENCODER.encode(checkpoint), secrets.token_bytes(8)
        # Twice, because all else stands on it: one damaged record shall not cost the scene.
        records = framing.pack(body, file, 0) + framing.pack(body, file, 1)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_whole(descriptor, records, 0)
            new.replace(self._path)
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        self.close()
        self._descriptor, self._file, self._index = descriptor, file, 2
        self._size = self._checkpoint_size = len(records)
        self._owed = None

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append_at_last(self, record: AnyRecord) -> None:
        """Append what has happened already: where that fails, nothing else may be appended before it."""
        try:
            self._append(record)
        except OSError:
            self._backlog.append(record)
            raise

    def _append(self, record: AnyRecord) -> None:
        if self._owed is not None:
            self._begin(self._owed)
        while self._backlog:
            self._write(self._backlog[0])
            self._backlog.popleft()
        self._write(record)

    def _write(self, record: AnyRecord) -> None:
        packed = self._pack(record)
        try:
            _write_whole(self._descriptor, packed, self._size)
        except OSError:
            with suppress(OSError):  # what is left of it is written over by the next one
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(packed)
        self._index += 1

    def _pack(self, record: AnyRecord) -> bytes:
        return framing.pack(_ENCODER.encode(record), self._file, self._index)


def _write_whole(descriptor: int, data: bytes, position: int) -> None:
    written = os.pwrite(descriptor, data, position)
    if written != len(data):
        raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes could be written")


def _decode(body: bytes | int) -> AnyRecord | Hole:
    if isinstance(body, int):
        return Hole(body)
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError:
        return Hole(1)
