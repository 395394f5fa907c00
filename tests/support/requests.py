"""Requests that the tests of the listener send again and again."""

from __future__ import annotations

from typing import Any

from mtv.wire import messages, reports, requests, steps
from mtv.wire.data import Array, Dataset, Exposure

Daemon = Any


def dot(x: float = 1.0, display: int | str = 0, overlay: str = "markers") -> steps.Overlay:
    return steps.Overlay(display=display, name=overlay, x=(x,), y=(2.0,), symbol="o")


def image(shape: tuple[int, ...] = (3, 4), dtype: str = ">f4") -> steps.Mtv:
    return steps.Mtv(target=Exposure(image=Array(dtype=dtype, shape=shape, buffer=0)))


async def still_works(client: Any) -> None:
    assert isinstance(await client.ask(requests.Status()), reports.Report)
    assert isinstance(await client.ask(dot()), messages.Outcome)


CALEXP, SRC = (
    Dataset(
        dataset_type=name,
        data_id={"instrument": "HSC", "visit": 23718, "detector": 41},
        collections=("u/somebody/single_frame",),
    )
    for name in ("calexp", "src")
)
