"""Handles: bounded in number by session, in bytes by the pixel budget, which what is got of them keeps too."""

from __future__ import annotations

import os
from typing import Any

import pytest

from mtv.wire import messages, requests, steps
from mtv.wire.data import Dataset, Handle
from mtvd.host.pixel_names import new_name
from mtvd.resolving import handles
from mtvd.resolving.handles import Handles
from mtvd.resolving.holding import Holding

pytestmark = pytest.mark.anyio
Daemon = Any
CALEXP, SRC = (
    Dataset(
        repo="demo",
        dataset_type=name,
        data_id={"instrument": "HSC", "visit": 23718, "detector": 41},
        collections=("u/somebody/single_frame",),
    )
    for name in ("calexp", "src")
)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "MOST_HANDLES", 2, raising=False)


async def test_a_session_that_never_gives_back_is_refused_and_another_is_not(daemon: Daemon) -> None:
    greedy, other = daemon.client(), daemon.client()
    loaded = [await greedy.ask(steps.Load(target=target)) for target in (CALEXP, SRC)]
    assert all(isinstance(one, messages.Loaded) for one in loaded)
    before = set(daemon.pixels.names())
    for target in (CALEXP, SRC):
        refused = await greedy.ask(steps.Load(target=target))
        assert isinstance(refused, messages.Failed)
        assert (refused.error.code, refused.error.where) == ("busy", "steps[0].target")
        assert "release some" in refused.error.hint
    assert set(daemon.pixels.names()) == before
    assert isinstance(await other.ask(steps.Load(target=CALEXP)), messages.Loaded)
    await greedy.ask(requests.Release(handle=loaded[0].handle))
    assert isinstance(await greedy.ask(steps.Load(target=CALEXP)), messages.Loaded)


@pytest.mark.parametrize(("options", "where"), [({"columns": ("x",)}, "columns"), ({"select": "x > 1"}, "select")])
@pytest.mark.parametrize("loaded", [False, True])
async def test_rows_and_columns_of_an_image_are_refused_of_a_dataset_and_of_a_handle(
    daemon: Daemon, options: dict[str, Any], where: str, *, loaded: bool
) -> None:
    client = daemon.client()
    target = Handle(handle=(await client.ask(steps.Load(target=CALEXP))).handle) if loaded else CALEXP
    refused = await client.ask(requests.Get(target=target, **options))
    assert isinstance(refused, messages.Failed)
    assert (refused.error.code, refused.error.where) == ("unsupported", where)
    assert isinstance(await client.ask(requests.Get(target=target)), messages.Got)


async def test_a_handle_whose_lease_has_ended_does_not_count(daemon: Daemon) -> None:
    now = 0.0
    holding = Holding(daemon.pixels)
    kept = Handles(lambda: now, holding)
    client = daemon.client()
    await client.ask(steps.Load(target=SRC))
    catalog = next(iter(daemon.handles._entries.values())).data
    for _ in range(2):
        kept.add_table(catalog, lease_secs=10.0, owner="a")
    with pytest.raises(Exception, match="holds 2 handles"):
        kept.admit("a")
    kept.admit("b")
    now = 11.0
    kept.admit("a")
    assert holding.needed_files()
    kept.expire()
    assert not holding.needed_files()


@pytest.mark.parametrize("target", [CALEXP, SRC], ids=["image", "table"])
async def test_what_is_got_of_a_handle_keeps_the_budget(daemon: Daemon, target: Dataset) -> None:
    client = daemon.client()
    loaded = await client.ask(steps.Load(target=target))
    assert isinstance(loaded, messages.Loaded)
    filler = daemon.pixels.directory / new_name("fill")
    filler.touch()
    os.truncate(filler, daemon.pixels.budget_bytes - daemon.pixels.used_bytes() - 10)
    before = set(daemon.pixels.names())
    refused = await client.ask(requests.Get(target=Handle(handle=loaded.handle)))
    assert isinstance(refused, messages.Failed)
    assert refused.error.code == "storage_full"
    assert set(daemon.pixels.names()) == before, "nothing is left of it"
    filler.unlink()
    assert isinstance(await client.ask(requests.Get(target=Handle(handle=loaded.handle))), messages.Got)
