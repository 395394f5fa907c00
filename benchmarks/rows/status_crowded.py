"""``mtv status`` with a thousand pixel files and five hundred sessions, against that of a fresh daemon."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import zmq

from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.daemon import PATIENCE_SECS, Daemon
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.programs import mtv_command, run
from benchmarks.row import Row
from mtv.wire import codec, frames
from mtv.wire.requests import Hello

_FILES: Final = 1_000
_SESSIONS: Final = 500
_FILE_BYTES: Final = 5_760


def measure(bench: Bench) -> Measured:
    """Measure the same command with two daemons."""
    if not bench.with_ours:
        return Measured()
    with Daemon() as fresh, Daemon() as crowded:
        _make_files(Path(crowded.connection.welcome.pixel_directory), bench.amount(_FILES, 10))
        _greet(crowded.endpoint, bench.amount(_SESSIONS, 10))
        report = crowded.connection.status()
        told = contest(
            ours=Way(name=NAME, draw=lambda: _status(crowded.environment)),
            floor=Way(name="fresh", draw=lambda: _status(fresh.environment)),
            runs=bench.amount(15, 1),
        )
    extra = {"pixel_files": report.pixel_files, "sessions": len(report.sessions)}
    return Measured(ours=told.ours, floor=told.floor, extra=extra)


def _status(environment: Mapping[str, str]) -> None:
    run([*mtv_command(), "status"], dict(environment))


def _make_files(directory: Path, count: int) -> None:
    """Make pixel files of this process, so that none is anybody's who has gone."""
    for _ in range(count):
        path = directory / f"mtv-{os.getpid()}-{secrets.token_hex(8)}.fits"
        path.touch(mode=0o600)
        path.write_bytes(bytes(_FILE_BYTES))


def _greet(endpoint: str, count: int) -> None:
    """Begin sessions, one after the other; who never says goodbye is remembered for hours."""
    with zmq.Context() as context:
        for _ in range(count):
            with context.socket(zmq.DEALER) as pipe:
                pipe.linger = 0
                pipe.rcvtimeo = int(1e3 * PATIENCE_SECS)
                pipe.connect(endpoint)
                hello = codec.encode(Hello(versions=(1, 0), program="crowd", pid=os.getpid()))
                pipe.send_multipart(frames.pack(frames.Kind.REQUEST, uuid.uuid4().bytes, 0, hello))
                pipe.recv_multipart()


ROW = Row(
    "status_crowded",
    "mtv status from the shell, with 1,000 pixel files and 500 sessions; the floor is a fresh daemon's",
    Target(floor=1.5),
    measure,
)
