"""Clients on another host, and what they send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.to_thread

import mtv
from mtv.wire import steps
from mtv.wire.data import Array, Dataset, Exposure

Daemon = Any
R = TypeVar("R")
CALEXP = Dataset(
    dataset_type="calexp",
    data_id={"instrument": "HSC", "visit": 23718, "detector": 41},
    collections=("u/somebody/single_frame",),
)
IMAGE = Exposure(image=Array(dtype="|u1", shape=(1, 1), buffer=0))


def shown_with(mask: Array) -> steps.Mtv:
    return steps.Mtv(
        target=Exposure(image=Array(dtype="|u1", shape=mask.shape, buffer=0), mask=mask, planes={"SAT": 0, "CR": 9})
    )


async def in_thread(call: Callable[[], R]) -> R:
    """Use the client as people do: it blocks."""
    with anyio.fail_after(60):
        return await anyio.to_thread.run_sync(call)


def connected(daemon: Daemon) -> mtv.Connection:
    return mtv.connect(daemon.handlers.listen, timeout_secs=30)
